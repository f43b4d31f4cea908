//! Ctrl-C, or the system's request to end: the first one asks for an orderly end, the second one ends at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use layerloop::{Error, Result};

/// Whether the user has asked for the end.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on.
    pub(crate) fn listen() -> Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        let interrupt = Self(Arc::clone(&asked));
        let handler = move || {
            if asked.swap(true, Ordering::SeqCst) {
                std::process::exit(1);
            }
        };
        ctrlc::set_handler(handler).map_err(|e| Error::config("Ctrl-C", format!("cannot be caught: {e}")))?;
        Ok(interrupt)
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
