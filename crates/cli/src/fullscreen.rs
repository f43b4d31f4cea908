//! The whole terminal, for a command that shows a screen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;
use std::{io, thread};

use layerloop::{Error, Result};
use ratatui::crossterm::event::{self, Event, KeyEvent, KeyEventKind};
use ratatui::{DefaultTerminal, Frame};

/// How often the thread that reads looks whether it is still needed.
const EVERY: Duration = Duration::from_millis(100);

/// The terminal, until this is dropped: then it is as it was before.
pub(crate) struct Fullscreen {
    /// There until this is dropped.
    terminal: Option<DefaultTerminal>,
    events: Receiver<io::Result<Event>>,
    /// Whether the thread that reads is to end.
    closed: Arc<AtomicBool>,
}

impl Fullscreen {
    /// Takes the terminal, for the option of this name.
    ///
    /// # Errors
    /// [`Error::Config`] if it cannot be used.
    pub(crate) fn open(option: &str) -> Result<Self> {
        let refused = |error| Error::config(option, format!("the terminal cannot be used: {error}"));
        let (sender, events) = channel();
        let closed = Arc::<AtomicBool>::default();
        let terminal = ratatui::try_init().map_err(refused)?;
        let screen = Self { terminal: Some(terminal), events, closed: Arc::clone(&closed) };
        // A thread of its own: crossterm never comes back from a terminal that has been closed.
        thread::Builder::new().name("keys".into()).spawn(move || read(&sender, &closed)).map_err(refused)?;
        Ok(screen)
    }

    pub(crate) fn draw(&mut self, draw: impl FnOnce(&mut Frame)) -> Result<()> {
        let drawn = self.terminal.as_mut().map_or(Ok(()), |terminal| terminal.draw(draw).map(drop));
        drawn.map_err(Error::io("the terminal"))
    }

    /// The next thing that happens to the terminal within this time.
    pub(crate) fn event(&self, within: Duration) -> Result<Option<Event>> {
        match self.events.recv_timeout(within) {
            Ok(event) => event.map(Some).map_err(Error::io("the terminal")),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                thread::sleep(within); // its error has been reported
                Ok(None)
            }
        }
    }
}

impl Drop for Fullscreen {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        // ratatui writes on standard error, which may panic, where it cannot restore the terminal or show the cursor again.
        if let Some(mut terminal) = self.terminal.take()
            && terminal.show_cursor().is_err()
        {
            std::mem::forget(terminal);
        }
        _ = ratatui::try_restore();
    }
}

/// Tells what happens to the terminal, until it is closed or cannot be read.
fn read(sender: &Sender<io::Result<Event>>, closed: &AtomicBool) {
    while !closed.load(Ordering::Relaxed) {
        let event = match event::poll(EVERY) {
            Ok(true) => event::read(),
            Ok(false) => continue,
            Err(error) => Err(error),
        };
        let is_last = event.is_err();
        if sender.send(event).is_err() || is_last {
            return;
        }
    }
}

/// The key that was pressed, if that is what happened.
pub(crate) fn pressed(event: &Event) -> Option<KeyEvent> {
    event.as_key_event().filter(|key| key.kind == KeyEventKind::Press)
}
