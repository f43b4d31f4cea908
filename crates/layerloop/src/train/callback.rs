//! What user-defined code may see of a run, and how it stops one.

use std::ops::ControlFlow;
use std::time::Duration;

use super::fit::Report;
use super::run::Run;
use crate::Result;
use crate::clock::Instant;

/// After a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepEnd {
    /// The step, counted from 1 over all epochs.
    pub step: u64,
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// Rows of this batch.
    pub rows: usize,
    /// Mean loss of the batch before the step, in nats.
    pub loss: f32,
    /// Length of the step.
    pub learning_rate: f64,
}

/// After an epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochEnd {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// Steps so far, over all epochs.
    pub steps: u64,
    /// Mean loss of the epoch's samples, each before the step of its batch, in nats.
    pub train_loss: f64,
    /// Seconds of training so far, without the time spent in callbacks and in measuring.
    pub seconds: f64,
}

/// Called as a run goes on. `Break` ends the run after the current step; the network keeps what it has learnt.
///
/// Several are one: a pair of callbacks is a callback, and so is a `Vec` of them. [`on_step`] and [`on_epoch`] make one of a
/// function, [`throttled`] one that is called now and then.
///
/// # Example
/// ```
/// use std::ops::ControlFlow;
/// use layerloop::data::{Dataset, Inputs};
/// use layerloop::network::Network;
/// use layerloop::train::{FitOptions, fit_with, on_epoch, on_step};
/// let data = Dataset::new("demo", Inputs::Floats(vec![0., 1., 2., 3.].into()), 1, vec![0, 0, 1, 1], ["a", "b"])?;
/// let mut network = Network::new(&"1 -> 2".parse()?, 0)?;
/// let (mut steps, mut losses) = (0, Vec::new());
/// let mut both = (
///     on_step(|_, _| {
///         steps += 1;
///         ControlFlow::Continue(())
///     }),
///     on_epoch(|end, _| {
///         losses.push(end.train_loss);
///         if end.epoch == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
///     }),
/// );
/// fit_with(&mut network, &data, &FitOptions { batch: 2, ..FitOptions::default() }, &mut both)?;
/// assert_eq!((steps, losses.len()), (6, 3));
/// # Ok::<(), layerloop::Error>(())
/// ```
pub trait Callback {
    /// Before the first step, when everything has been checked: what is to be there from then on is made here.
    ///
    /// # Errors
    /// What cannot be made; the run does not begin then.
    fn on_start(&mut self, _run: &mut Run) -> Result<()> {
        Ok(())
    }

    /// After every step.
    fn on_step(&mut self, _end: &StepEnd, _run: &mut Run) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// After every epoch, when all is measured.
    fn on_epoch(&mut self, _end: &EpochEnd, _run: &mut Run) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// After the last step, when it is known why it was the last.
    fn on_end(&mut self, _report: &Report, _run: &mut Run) {}
}

/// Watches nothing.
impl Callback for () {}

impl<C: Callback + ?Sized> Callback for &mut C {
    fn on_start(&mut self, run: &mut Run) -> Result<()> {
        (**self).on_start(run)
    }

    fn on_step(&mut self, end: &StepEnd, run: &mut Run) -> ControlFlow<()> {
        (**self).on_step(end, run)
    }

    fn on_epoch(&mut self, end: &EpochEnd, run: &mut Run) -> ControlFlow<()> {
        (**self).on_epoch(end, run)
    }

    fn on_end(&mut self, report: &Report, run: &mut Run) {
        (**self).on_end(report, run);
    }
}

/// Both, one after the other; either ends the run.
impl<A: Callback, B: Callback> Callback for (A, B) {
    fn on_start(&mut self, run: &mut Run) -> Result<()> {
        self.0.on_start(run).and_then(|()| self.1.on_start(run))
    }

    fn on_step(&mut self, end: &StepEnd, run: &mut Run) -> ControlFlow<()> {
        either(self.0.on_step(end, run), self.1.on_step(end, run))
    }

    fn on_epoch(&mut self, end: &EpochEnd, run: &mut Run) -> ControlFlow<()> {
        either(self.0.on_epoch(end, run), self.1.on_epoch(end, run))
    }

    fn on_end(&mut self, report: &Report, run: &mut Run) {
        self.0.on_end(report, run);
        self.1.on_end(report, run);
    }
}

/// All, one after the other; each may end the run.
impl<C: Callback> Callback for Vec<C> {
    fn on_start(&mut self, run: &mut Run) -> Result<()> {
        self.iter_mut().try_for_each(|callback| callback.on_start(run))
    }

    fn on_step(&mut self, end: &StepEnd, run: &mut Run) -> ControlFlow<()> {
        self.iter_mut().map(|callback| callback.on_step(end, run)).fold(ControlFlow::Continue(()), either)
    }

    fn on_epoch(&mut self, end: &EpochEnd, run: &mut Run) -> ControlFlow<()> {
        self.iter_mut().map(|callback| callback.on_epoch(end, run)).fold(ControlFlow::Continue(()), either)
    }

    fn on_end(&mut self, report: &Report, run: &mut Run) {
        self.iter_mut().for_each(|callback| callback.on_end(report, run));
    }
}

/// One callback or none.
impl<C: Callback> Callback for Option<C> {
    fn on_start(&mut self, run: &mut Run) -> Result<()> {
        self.iter_mut().try_for_each(|callback| callback.on_start(run))
    }

    fn on_step(&mut self, end: &StepEnd, run: &mut Run) -> ControlFlow<()> {
        self.as_mut().map_or(ControlFlow::Continue(()), |callback| callback.on_step(end, run))
    }

    fn on_epoch(&mut self, end: &EpochEnd, run: &mut Run) -> ControlFlow<()> {
        self.as_mut().map_or(ControlFlow::Continue(()), |callback| callback.on_epoch(end, run))
    }

    fn on_end(&mut self, report: &Report, run: &mut Run) {
        self.iter_mut().for_each(|callback| callback.on_end(report, run));
    }
}

fn either(one: ControlFlow<()>, other: ControlFlow<()>) -> ControlFlow<()> {
    if one.is_break() { one } else { other }
}

/// A callback of a function that is called after every step.
///
/// # Example
/// ```
/// use std::ops::ControlFlow;
/// use layerloop::data::Dataset;
/// use layerloop::network::Network;
/// use layerloop::train::{FitOptions, Stopped, fit_with, on_step};
/// let data = Dataset::new("sign", vec![-1.0, 1.0].into(), 1, vec![0, 1], ["below 0", "above 0"])?;
/// let mut network = Network::new(&"1 -> 2".parse()?, 0)?;
/// let mut third = on_step(|end, _| if end.step == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) });
/// let options = FitOptions { epochs: 10, batch: 1, ..FitOptions::default() };
/// let report = fit_with(&mut network, &data, &options, &mut third)?;
/// assert_eq!((report.steps, report.stopped), (3, Some(Stopped::Callback)));
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn on_step<F: FnMut(&StepEnd, &mut Run) -> ControlFlow<()>>(f: F) -> OnStep<F> {
    OnStep(f)
}

/// What [`on_step`] gives.
#[derive(Debug)]
pub struct OnStep<F>(F);

impl<F: FnMut(&StepEnd, &mut Run) -> ControlFlow<()>> Callback for OnStep<F> {
    fn on_step(&mut self, end: &StepEnd, run: &mut Run) -> ControlFlow<()> {
        self.0(end, run)
    }
}

/// A callback of a function that is called after every epoch.
///
/// # Example
/// ```
/// use std::ops::ControlFlow;
/// use layerloop::data::Dataset;
/// use layerloop::network::Network;
/// use layerloop::train::{FitOptions, Stopped, fit_with, on_epoch};
/// let data = Dataset::new("sign", vec![-1.0, 1.0].into(), 1, vec![0, 1], ["below 0", "above 0"])?;
/// let mut network = Network::new(&"1 -> 2".parse()?, 0)?;
/// let mut third = on_epoch(|end, _| if end.epoch == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) });
/// let options = FitOptions { epochs: 10, batch: 1, ..FitOptions::default() };
/// let report = fit_with(&mut network, &data, &options, &mut third)?;
/// assert_eq!((report.epochs.len(), report.stopped), (3, Some(Stopped::Callback)));
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn on_epoch<F: FnMut(&EpochEnd, &mut Run) -> ControlFlow<()>>(f: F) -> OnEpoch<F> {
    OnEpoch(f)
}

/// What [`on_epoch`] gives.
#[derive(Debug)]
pub struct OnEpoch<F>(F);

impl<F: FnMut(&EpochEnd, &mut Run) -> ControlFlow<()>> Callback for OnEpoch<F> {
    fn on_epoch(&mut self, end: &EpochEnd, run: &mut Run) -> ControlFlow<()> {
        self.0(end, run)
    }
}

/// A callback that hears of a step at most once in `every`; of epochs and of the end it hears always.
pub fn throttled<C: Callback>(every: Duration, callback: C) -> Throttled<C> {
    Throttled { every, last: None, callback }
}

/// What [`throttled`] gives.
#[derive(Debug)]
pub struct Throttled<C> {
    every: Duration,
    last: Option<Instant>,
    callback: C,
}

impl<C: Callback> Callback for Throttled<C> {
    fn on_start(&mut self, run: &mut Run) -> Result<()> {
        self.callback.on_start(run)
    }

    fn on_step(&mut self, end: &StepEnd, run: &mut Run) -> ControlFlow<()> {
        if self.last.is_some_and(|last| last.elapsed() < self.every) {
            return ControlFlow::Continue(());
        }
        let flow = self.callback.on_step(end, run);
        self.last = Some(Instant::now());
        flow
    }

    fn on_epoch(&mut self, end: &EpochEnd, run: &mut Run) -> ControlFlow<()> {
        self.callback.on_epoch(end, run)
    }

    fn on_end(&mut self, report: &Report, run: &mut Run) {
        self.callback.on_end(report, run);
    }
}
