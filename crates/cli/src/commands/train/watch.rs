//! What happens while the network learns: progress bar, test accuracy, Ctrl-C.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use layerloop::train::{Callback, EpochEnd, Run, StepEnd};
use layerloop::{Error, Result};

use super::job::Job;
use super::report::epoch_line;
use crate::args::Train;
use crate::interrupt::Interrupt;
use crate::progress::RunBar;
use crate::scores::Scores;

/// Within an epoch the test accuracy is measured at most this often.
const EVALUATE_EVERY: Duration = Duration::from_secs(2);

/// Follows a run.
pub(super) struct Watch<'a> {
    args: &'a Train,
    job: &'a Job,
    bar: RunBar,
    interrupt: Interrupt,
    /// When the test part was last judged.
    judged: Instant,
    /// Training time at the end of the last epoch.
    seconds: f64,
    /// The first thing that went wrong here; it does not end the training.
    failure: Option<Error>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(args: &'a Train, job: &'a Job) -> Result<Self> {
        Ok(Self {
            args,
            job,
            bar: RunBar::new(args.json || args.quiet, job.options.epochs, job.steps()),
            interrupt: Interrupt::listen()?,
            judged: Instant::now(),
            seconds: 0.0,
            failure: None,
        })
    }

    /// What went wrong beside the training.
    pub(super) fn finish(self) -> Option<Error> {
        self.bar.clear();
        self.failure
    }

    /// Judges the network in the middle of an epoch.
    fn judge(&mut self, run: &Run) -> Result<()> {
        self.judged = Instant::now();
        self.bar.score(Scores::of(run.network(), &self.job.loaded.test, self.args.loss)?.headline());
        Ok(())
    }

    /// One object, or one row of the table.
    fn report_epoch(&mut self, end: &EpochEnd, run: &Run) -> Result<()> {
        self.judged = Instant::now();
        let name = self.job.headline();
        if let Some(score) = run.history().last(&format!("test_{name}")) {
            self.bar.score((name, score));
        }
        let seconds = end.seconds - std::mem::replace(&mut self.seconds, end.seconds);
        match epoch_line(self.args, self.job, run.history(), seconds) {
            Some(line) => self.bar.print(&line),
            None => Ok(()),
        }
    }

    /// Remembers a failure, and goes on unless Ctrl-C was pressed.
    fn flow(&mut self, result: Result<()>) -> ControlFlow<()> {
        self.failure = self.failure.take().or(result.err());
        if self.interrupt.is_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Callback for Watch<'_> {
    fn on_step(&mut self, end: &StepEnd, run: &mut Run) -> ControlFlow<()> {
        self.bar.step(end);
        let due = self.judged.elapsed() >= EVALUATE_EVERY;
        let result = if due { self.judge(run) } else { Ok(()) };
        self.flow(result)
    }

    fn on_epoch(&mut self, end: &EpochEnd, run: &mut Run) -> ControlFlow<()> {
        let result = self.report_epoch(end, run);
        self.flow(result)
    }
}
