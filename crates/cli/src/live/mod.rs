//! The live screen of a run: curves, speed, time left, and keys that pause, stop and slow it.

mod board;
mod draw;

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use layerloop::train::{History, StepEnd};
use layerloop::{Error, Result};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use self::board::Board;
use crate::fullscreen::{Fullscreen, pressed};
use crate::interrupt::Interrupt;
use crate::output::shown;

/// How often it is drawn, and keys are looked for.
const EVERY: Duration = Duration::from_millis(100);

/// What a key asks of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Pause,
    /// The end, after this step.
    Stop,
    /// The same, as by the signal of Ctrl-C, which a terminal in this mode does not send.
    Interrupt,
    /// Half the learning rate, so many times.
    LowerRate(i32),
}

/// The whole terminal, until this is dropped.
pub(crate) struct Screen {
    terminal: Fullscreen,
    board: Board,
    drawn: Instant,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// [`Error::Config`] if standard output is none.
    pub(crate) fn open(title: String, epochs: usize, steps: u64) -> Result<Self> {
        if !std::io::stdout().is_terminal() {
            let reason = "standard output is not a terminal; without --tui the run prints a table";
            return Err(Error::config("--tui", reason));
        }
        let terminal = Fullscreen::open("--tui")?;
        let mut screen =
            Self { terminal, board: Board::new(shown(&title).into_owned(), epochs, steps), drawn: Instant::now() };
        screen.draw()?;
        Ok(screen)
    }

    /// Takes note of a step; draws and looks for a key now and then.
    pub(crate) fn step(&mut self, end: &StepEnd) -> Result<Option<Wish>> {
        self.board.step(end);
        if self.drawn.elapsed() < EVERY {
            return Ok(None);
        }
        self.draw()?;
        let wish = self.wish(Duration::ZERO)?;
        if let Some(Wish::LowerRate(_)) = wish {
            self.board.say(format!("rate halved after step {}", end.step));
        }
        Ok(wish)
    }

    /// Takes note of an epoch.
    pub(crate) fn epoch(&mut self, history: &History) {
        self.board.epoch(history);
    }

    /// Waits until the run goes on, or is to be stopped, by a key or otherwise; whether it is to be stopped.
    pub(crate) fn pause(&mut self, interrupt: &Interrupt) -> Result<bool> {
        let since = Instant::now();
        self.board.paused = true;
        let mut stop = false;
        while !stop {
            self.draw()?;
            match self.wish(EVERY)? {
                Some(Wish::Pause) => break,
                Some(Wish::Stop) => stop = true,
                Some(Wish::Interrupt) => {
                    interrupt.by_ctrl_c();
                    stop = true;
                }
                _ => stop = interrupt.is_asked(),
            }
        }
        self.board.paused = false;
        self.board.paused_for(since.elapsed());
        Ok(stop)
    }

    fn draw(&mut self) -> Result<()> {
        self.board.look();
        let board = &self.board;
        self.terminal.draw(|frame| draw::draw(frame, board))?;
        self.drawn = Instant::now();
        Ok(())
    }

    /// What the keys ask for that are pressed within this time: an end before all else, then a pause.
    fn wish(&self, within: Duration) -> Result<Option<Wish>> {
        let (mut wish, mut within) = (None, within);
        while let Some(event) = self.terminal.event(within)? {
            within = Duration::ZERO;
            wish = both(wish, pressed(&event).and_then(asked));
        }
        Ok(wish)
    }
}

/// What a key asks for.
fn asked(key: KeyEvent) -> Option<Wish> {
    match key.code {
        KeyCode::Char(' ' | 'p') => Some(Wish::Pause),
        KeyCode::Char('l') => Some(Wish::LowerRate(1)),
        KeyCode::Char('q') | KeyCode::Esc => Some(Wish::Stop),
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Wish::Interrupt),
        _ => None,
    }
}

/// What two keys ask for together.
fn both(one: Option<Wish>, other: Option<Wish>) -> Option<Wish> {
    match (one, other) {
        (Some(end @ (Wish::Stop | Wish::Interrupt)), _) | (_, Some(end @ (Wish::Stop | Wish::Interrupt))) => Some(end),
        (Some(Wish::Pause), Some(Wish::Pause)) => None,
        (Some(Wish::Pause), _) | (_, Some(Wish::Pause)) => Some(Wish::Pause),
        (Some(Wish::LowerRate(one)), Some(Wish::LowerRate(other))) => Some(Wish::LowerRate(one + other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_pressed_together_lose_no_end_and_no_halving() {
        let key = |code, modifiers| asked(KeyEvent::new(code, modifiers));
        let plain = |c| key(KeyCode::Char(c), KeyModifiers::NONE);
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Wish::Interrupt));
        assert_eq!((plain('c'), plain('x')), (None, None));
        let all = |keys: &str| keys.chars().map(plain).fold(None, both);
        assert_eq!(all("ql "), Some(Wish::Stop));
        assert_eq!(all("lxl"), Some(Wish::LowerRate(2)));
        assert_eq!((all(" p"), all("l ")), (None, Some(Wish::Pause)));
    }
}
