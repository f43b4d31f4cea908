//! The whole terminal, for a command that shows a screen.

use std::time::Duration;

use layerloop::{Error, Result};
use ratatui::crossterm::event::{self, Event, KeyEvent, KeyEventKind};
use ratatui::{DefaultTerminal, Frame};

/// The terminal, until this is dropped: then it is as it was before.
pub(crate) struct Fullscreen(DefaultTerminal);

impl Fullscreen {
    /// Takes the terminal, for the option of this name.
    ///
    /// # Errors
    /// [`Error::Config`] if it cannot be used.
    pub(crate) fn open(option: &str) -> Result<Self> {
        let refused = |error| Error::config(option, format!("the terminal cannot be used: {error}"));
        ratatui::try_init().map(Self).map_err(refused)
    }

    pub(crate) fn draw(&mut self, draw: impl FnOnce(&mut Frame)) -> Result<()> {
        self.0.draw(draw).map(drop).map_err(Error::io("the terminal"))
    }
}

impl Drop for Fullscreen {
    fn drop(&mut self) {
        _ = ratatui::try_restore(); // restore() writes its failure on standard error, which may panic
    }
}

/// The next thing that happens to the terminal within this time.
pub(crate) fn event(within: Duration) -> Result<Option<Event>> {
    if !event::poll(within).map_err(Error::io("the terminal"))? {
        return Ok(None);
    }
    event::read().map(Some).map_err(Error::io("the terminal"))
}

/// The key that was pressed, if that is what happened.
pub(crate) fn pressed(event: &Event) -> Option<KeyEvent> {
    event.as_key_event().filter(|key| key.kind == KeyEventKind::Press)
}
