//! Ctrl-C, or the system's request to end: the first one asks for an orderly end, the second one ends at once. A
//! terminal that is closed may send its signal twice, by the shell and by the system: the second one changes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use layerloop::{Error, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// A signal that asks for the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signal(usize);

impl Signal {
    /// That of a shell for a program which this signal has ended: 130 for Ctrl-C, 143 for a request to end.
    pub(crate) fn exit_code(self) -> u8 {
        128 + self.0 as u8
    }
}

/// Whether the user has asked for the end.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    asked: Arc<AtomicBool>,
    by: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Listens from now on. A signal that the program was started to ignore, as nohup does it, stays ignored.
    ///
    /// # Errors
    /// [`Error::Config`] if the system refuses.
    pub(crate) fn listen() -> Result<Self> {
        let interrupt = Self { asked: Arc::default(), by: Arc::default() };
        let ignored = ignored();
        for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0) {
            let refused = |error| Error::config("signals", format!("they cannot be caught: {error}"));
            interrupt.register(signal).map_err(refused)?;
        }
        Ok(interrupt)
    }

    /// What is registered first is done first: the second signal finds that the first has asked.
    fn register(&self, signal: i32) -> std::io::Result<()> {
        if signal != SIGHUP {
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&self.asked))?;
        }
        flag::register_usize(signal, Arc::clone(&self.by), signal as usize)?;
        flag::register(signal, Arc::clone(&self.asked)).map(drop)
    }

    /// As if Ctrl-C had sent its signal.
    pub(crate) fn by_ctrl_c(&self) {
        self.by.store(SIGINT as usize, Ordering::SeqCst);
        self.asked.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// The last signal that asked for it.
    pub(crate) fn signal(&self) -> Option<Signal> {
        self.is_asked().then(|| Signal(self.by.load(Ordering::SeqCst)))
    }
}

/// The signals that are ignored, as Linux tells them: a bit for each, the first for signal 1. Elsewhere none is known.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
