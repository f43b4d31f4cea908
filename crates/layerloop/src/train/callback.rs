//! What a stranger's code may see of a run, and how it stops one.

use std::ops::ControlFlow;

use crate::network::Network;

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
    /// Seconds of training so far, without the time spent in callbacks.
    pub seconds: f64,
}

/// Called as a run goes on. `Break` ends the run after the current step; the network keeps what it has learnt.
pub trait Callback {
    /// After every step.
    fn on_step(&mut self, _end: &StepEnd, _network: &Network) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// After every epoch.
    fn on_epoch(&mut self, _end: &EpochEnd, _network: &Network) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Watches nothing.
impl Callback for () {}
