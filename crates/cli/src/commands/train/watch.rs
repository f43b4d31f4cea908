//! What happens while the network learns: progress bar, test accuracy, Ctrl-C.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use layerloop::data::Dataset;
use layerloop::network::Network;
use layerloop::train::{Callback, EpochEnd, FitOptions, Report, StepEnd};
use layerloop::{Error, Result};
use layerloop_data::Loaded;

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
    test: &'a Dataset,
    bar: RunBar,
    interrupt: Interrupt,
    looked: Instant,
    /// The newest judgement, and the step after which it was made.
    judged: Option<(u64, Scores)>,
    /// Training time at the end of the last epoch.
    seconds: f64,
    /// The first thing that went wrong here; it does not end the training.
    failure: Option<Error>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(args: &'a Train, loaded: &'a Loaded, options: &FitOptions) -> Result<Self> {
        let per_epoch = loaded.train.rows().div_ceil(options.batch) as u64;
        let steps = per_epoch.saturating_mul(options.epochs as u64);
        Ok(Self {
            args,
            test: &loaded.test,
            bar: RunBar::new(args.json || args.quiet, options.epochs, steps),
            interrupt: Interrupt::listen()?,
            looked: Instant::now(),
            judged: None,
            seconds: 0.0,
            failure: None,
        })
    }

    /// The run's report, the network's last evaluation, and what went wrong beside the training.
    pub(super) fn finish(
        mut self,
        fitted: Result<Report>,
        network: &Network,
    ) -> Result<(Report, Scores, Option<Error>)> {
        self.bar.clear();
        let fitted = fitted?;
        let judged = self.judge(fitted.steps, network)?;
        Ok((fitted, judged, self.failure))
    }

    /// The network's evaluation after `step`, made now unless it is known.
    fn judge(&mut self, step: u64, network: &Network) -> Result<Scores> {
        self.looked = Instant::now();
        if let Some((at, known)) = &self.judged
            && *at == step
        {
            return Ok(known.clone());
        }
        let evaluation = Scores::of(network, self.test, self.args.loss)?;
        self.bar.score(evaluation.headline());
        self.judged = Some((step, evaluation.clone()));
        Ok(evaluation)
    }

    /// One object, or one row of the table.
    fn report_epoch(&mut self, end: &EpochEnd, network: &Network) -> Result<()> {
        let test = self.judge(end.steps, network)?;
        let seconds = end.seconds - std::mem::replace(&mut self.seconds, end.seconds);
        match epoch_line(self.args, end, &test, seconds) {
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
    fn on_step(&mut self, end: &StepEnd, network: &Network) -> ControlFlow<()> {
        self.bar.step(end);
        let due = self.looked.elapsed() >= EVALUATE_EVERY;
        let result = if due { self.judge(end.step, network).map(drop) } else { Ok(()) };
        self.flow(result)
    }

    fn on_epoch(&mut self, end: &EpochEnd, network: &Network) -> ControlFlow<()> {
        let result = self.report_epoch(end, network);
        self.flow(result)
    }
}
