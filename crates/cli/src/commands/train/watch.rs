//! What happens while the network learns: progress bar, accuracy, Ctrl-C.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use layerloop::train::{Callback, EpochEnd, Run, StepEnd};
use layerloop::{Error, Result};

use super::job::Job;
use super::report::epoch_line;
use crate::args::Train;
use crate::interrupt::{Interrupt, Signal};
use crate::live::{Screen, Wish};
use crate::progress::RunBar;
use crate::scores::Scores;

/// Within an epoch the accuracy is measured at most this often.
const EVALUATE_EVERY: Duration = Duration::from_secs(2);

/// Where the run shows itself.
enum View {
    Bar(RunBar),
    Live(Box<Screen>),
}

/// Follows a run.
pub(super) struct Watch<'a> {
    args: &'a Train,
    job: &'a Job,
    view: View,
    interrupt: Interrupt,
    /// When the network was last evaluated.
    scores: Instant,
    /// Training time at the end of the last epoch.
    seconds: f64,
    /// The metrics that could not be computed, and were named.
    missing: Vec<String>,
    /// The first thing that went wrong here; it does not end the training.
    failure: Option<Error>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(args: &'a Train, job: &'a Job) -> Result<Self> {
        let (epochs, steps) = (job.options.epochs, job.steps());
        let title = format!("{}: {}", job.loaded.train.name(), job.network.spec());
        let view = match args.tui {
            true => View::Live(Box::new(Screen::open(title, epochs, steps)?)),
            false => View::Bar(RunBar::new(args.json || args.quiet, epochs, steps)),
        };
        Ok(Self {
            args,
            job,
            view,
            interrupt: Interrupt::listen()?,
            scores: Instant::now(),
            seconds: 0.0,
            missing: Vec::new(),
            failure: None,
        })
    }

    /// The signal that asked for the end, and what went wrong beside the training.
    pub(super) fn finish(self) -> (Option<Signal>, Option<Error>) {
        if let View::Bar(bar) = &self.view {
            bar.clear();
        }
        (self.interrupt.signal(), self.failure)
    }

    /// Does what a key asked for; whether that is the end.
    fn grant(&mut self, wish: Option<Wish>, run: &mut Run) -> Result<bool> {
        match (wish, &mut self.view) {
            (Some(Wish::Stop), _) => Ok(true),
            (Some(Wish::Interrupt), _) => {
                self.interrupt.by_ctrl_c();
                Ok(true)
            }
            (Some(Wish::LowerRate(times)), _) => {
                run.set_rate_factor(run.rate_factor() * 0.5_f64.powi(times));
                Ok(false)
            }
            (Some(Wish::Pause), View::Live(screen)) => screen.pause(&self.interrupt),
            _ => Ok(false),
        }
    }

    /// Evaluates the network in the middle of an epoch, for those who look at the bar.
    fn evaluate(&mut self, run: &Run) -> Result<()> {
        self.scores = Instant::now();
        if let (View::Bar(bar), Some((part, data))) = (&mut self.view, self.job.watched().last())
            && !bar.is_hidden()
        {
            bar.score(part, Scores::of(run.network(), data, self.args.loss)?.headline());
        }
        Ok(())
    }

    /// One object, or one row of the table.
    fn report_epoch(&mut self, end: &EpochEnd, run: &Run) -> Result<()> {
        self.scores = Instant::now();
        let seconds = end.seconds - std::mem::replace(&mut self.seconds, end.seconds);
        let bar = match &mut self.view {
            View::Live(screen) => {
                screen.epoch(run.history());
                return Ok(());
            }
            View::Bar(bar) => bar,
        };
        for (name, reason) in run.missing() {
            if !self.missing.contains(name) {
                let rule = self.job.options.early_stopping.as_ref();
                let waits = rule.and_then(|rule| rule.column().ok()).as_ref() == Some(name);
                let waits = if waits { "; --early-stopping waits for the first value" } else { "" };
                bar.message(&format!("warning: {name} cannot be computed: {reason}{waits}"));
                self.missing.push(name.clone());
            }
        }
        let name = self.job.headline();
        if let Some((part, _)) = self.job.watched().last()
            && let Some(score) = run.history().last(&format!("{part}_{name}"))
        {
            bar.score(part, (name, score));
        }
        epoch_line(self.args, self.job, run.history(), seconds).map_or(Ok(()), |line| bar.print(&line))
    }

    /// Remembers a failure, and goes on unless Ctrl-C was pressed.
    fn flow(&mut self, result: Result<()>) -> ControlFlow<()> {
        self.failure = self.failure.take().or(result.err());
        if self.interrupt.is_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Callback for Watch<'_> {
    fn on_step(&mut self, end: &StepEnd, run: &mut Run) -> ControlFlow<()> {
        let wish = match &mut self.view {
            View::Bar(bar) => {
                bar.step(end);
                Ok(None)
            }
            View::Live(screen) => screen.step(end),
        };
        let due = self.scores.elapsed() >= EVALUATE_EVERY;
        let result = if due { self.evaluate(run) } else { Ok(()) };
        match wish.and_then(|wish| self.grant(wish, run)) {
            Ok(true) => ControlFlow::Break(()),
            granted => self.flow(result.and(granted.map(drop))),
        }
    }

    fn on_epoch(&mut self, end: &EpochEnd, run: &mut Run) -> ControlFlow<()> {
        let result = self.report_epoch(end, run);
        self.flow(result)
    }
}
