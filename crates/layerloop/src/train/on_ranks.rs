//! A run on several ranks: what each of them does of a batch, and what they decide together.
//!
//! All ranks have the same weights, and take the same steps. Rank 0 alone has a callback, and looks at the clock: what it wants is told to all
//! with the coming loss, and so the run ends after that step.

use std::ops::Range;
use std::path::Path;

use super::checkpoints::Checkpoint;
use super::options::FitOptions;
use super::run::Run;
use super::state::Stopped;
use super::streamed::BatchRows;
use crate::data::{Dataset, micro_batches};
use crate::network::Network;
use crate::ranks::{Communicator, Group, agree};
use crate::{Error, Result};

/// What a run needs to be one of several.
#[derive(Debug)]
pub(super) struct OnRanks<'a> {
    pub(super) group: Group<'a>,
    /// Memory for sums of gradients.
    spare: Vec<Vec<f32>>,
    /// Why rank 0 wants the run to end.
    wanted: Option<Stopped>,
    /// What it said with the newest loss.
    told: Option<Stopped>,
}

impl<'a> OnRanks<'a> {
    /// None where there is but one rank.
    ///
    /// # Errors
    /// [`Error::Config`] for more ranks than micro-batches.
    pub(super) fn new(communicator: Option<&'a dyn Communicator>, micro_batches: usize) -> Result<Option<Self>> {
        let several = communicator.filter(|communicator| communicator.ranks() > 1);
        let of = |communicator| {
            let group = Group::new(communicator, micro_batches)?;
            Ok(Self { group, spare: Vec::new(), wanted: None, told: None })
        };
        several.map(of).transpose()
    }

    /// Rows of a batch of so many that this rank has at most.
    pub(super) fn most_rows(&self, batch: usize, micro_batches: usize) -> usize {
        batch.min(batch.div_ceil(micro_batches) * self.group.own().len())
    }

    /// Before the first step: whether all is well on every rank, and alike; the checkpoint of rank 0.
    pub(super) fn begin(
        &self,
        own: Result<()>,
        network: &Network,
        train: &Dataset,
        options: &FitOptions,
        from: Option<Checkpoint>,
    ) -> Result<Option<Checkpoint>> {
        let alike = [
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("network", network.spec().to_string()),
            ("weights", network.sha256()),
            ("options", options.described().to_string()),
            ("data", train.sha256()),
        ];
        let path = Path::new("the checkpoint of rank 0");
        agree(self.group.communicator(), own, &alike)?;
        let bytes = from.map_or(Ok(Vec::new()), |from| from.to_bytes(path))?;
        let bytes = self.group.broadcast(bytes)?;
        if bytes.is_empty() { Ok(None) } else { Checkpoint::from_bytes(&bytes, path).map(Some) }
    }

    /// Whether the run ends after this step, and why: `wish` is what this rank would want.
    pub(super) fn after_step(&mut self, wish: Option<Stopped>) -> Option<Stopped> {
        self.wanted = self.wanted.or(wish);
        self.told
    }

    /// Whether the run ends after this epoch.
    pub(super) fn after_epoch(&mut self, wish: Option<Stopped>) -> Result<Option<Stopped>> {
        self.wanted = self.wanted.or(wish);
        let told = self.group.broadcast(vec![byte(self.wanted)])?;
        Ok(told.first().and_then(|&byte| reason(byte)))
    }
}

const REASONS: [Stopped; 2] = [Stopped::Callback, Stopped::TimeLimit];

fn byte(reason: Option<Stopped>) -> u8 {
    reason.and_then(|reason| REASONS.iter().position(|&one| one == reason)).map_or(0, |i| i as u8 + 1)
}

fn reason(byte: u8) -> Option<Stopped> {
    REASONS.get(usize::from(byte).checked_sub(1)?).copied()
}

impl Run<'_> {
    /// Cuts a batch of so many rows into micro-batches; the rows of those that this rank works on.
    pub(super) fn begin_micro_batches(&mut self, rows: usize) -> Range<usize> {
        let count = self.options.micro_batches;
        if count == 1 {
            self.stepper.in_parts(std::iter::empty());
            return 0..rows;
        }
        let ends = micro_batches(self.state.taken..self.state.taken + rows, count);
        let Some(OnRanks { group, .. }) = &self.on_ranks else {
            self.stepper.in_parts(ends);
            return 0..rows;
        };
        let own = group.own();
        let (mut start, mut end) = (0, 0);
        self.stepper.in_parts(ends.enumerate().take(own.end).filter_map(|(part, row)| {
            if part < own.start {
                start = row;
                return None;
            }
            end = row;
            Some(row - start)
        }));
        start..end.max(start)
    }

    /// From the sum of the losses of this rank to that of all, with the gradient of all.
    pub(super) fn exchange(&mut self, own: f64) -> Result<f64> {
        let Some(OnRanks { group, spare, wanted, told }) = &mut self.on_ranks else { return Ok(own) };
        let (loss, said) = group.sum_losses(self.stepper.losses_of_parts(), byte(*wanted))?;
        *told = reason(said);
        if loss.is_finite() {
            self.stepper.exchange(self.network, *group, spare)?;
        }
        Ok(loss / self.network.program.members_of_row as f64)
    }

    /// Where the first value of a batch is that is not finite, if there is one, and of which row of the data.
    pub(super) fn first_not_finite(&self, rows: &BatchRows, first: usize) -> Result<Option<(String, usize)>> {
        let own = self.stepper.first_not_finite(self.network).map(|(layer, row)| (layer, rows.place(first, row)));
        let Some(OnRanks { group, .. }) = &self.on_ranks else { return Ok(own) };
        let wrong = |error: serde_json::Error| Error::config("ranks", error.to_string());
        let all = group.gather(serde_json::to_vec(&own).map_err(wrong)?)?;
        for found in all {
            if let Some(found) = serde_json::from_slice(&found).map_err(wrong)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}
