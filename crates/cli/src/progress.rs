//! The progress bar of a run, on stderr and only where that is a terminal.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use layerloop::Result;
use layerloop::train::StepEnd;

use crate::output;

/// How often the numbers change.
const EVERY: Duration = Duration::from_millis(100);

/// Epoch, step, samples per second, loss, time left.
pub(crate) struct RunBar {
    bar: ProgressBar,
    epochs: usize,
    shown: Instant,
    /// Since `shown`.
    samples: usize,
    score: Option<String>,
}

impl RunBar {
    pub(crate) fn new(hidden: bool, epochs: usize, steps: u64) -> Self {
        // The bar draws on stderr, and only where that is a terminal.
        let bar = if hidden { ProgressBar::hidden() } else { ProgressBar::new(steps) };
        let style = ProgressStyle::with_template("{bar:30} step {pos}/{len}{msg}, {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, epochs, shown: Instant::now(), samples: 0, score: None }
    }

    pub(crate) fn step(&mut self, end: &StepEnd) {
        self.samples += end.rows;
        let since = self.shown.elapsed();
        if since < EVERY {
            return;
        }
        let speed = self.samples as f64 / since.as_secs_f64();
        let score = self.score.as_ref().map(|score| format!(", {score}")).unwrap_or_default();
        let (epoch, epochs, loss) = (end.epoch, self.epochs, end.loss);
        self.bar.set_message(format!(", epoch {epoch}/{epochs}, {speed:.0} samples/s, loss {loss:.4}{score}"));
        self.bar.set_position(end.step);
        (self.shown, self.samples) = (Instant::now(), 0);
    }

    /// Whether nobody sees it.
    pub(crate) fn is_hidden(&self) -> bool {
        self.bar.is_hidden()
    }

    /// The newest score on a part of the data, shown from now on.
    pub(crate) fn score(&mut self, part: &str, (name, value): (&str, f64)) {
        self.score = Some(format!("{part} {name} {value:.4}"));
    }

    /// Prints a line on stdout without tearing the bar.
    pub(crate) fn print(&self, line: &str) -> Result<()> {
        self.bar.suspend(|| output::line(line))
    }

    /// Prints a message on stderr without tearing the bar.
    pub(crate) fn message(&self, text: &str) {
        self.bar.suspend(|| output::message(text));
    }

    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
