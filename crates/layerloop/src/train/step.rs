//! One step: forward and backward layer loop over the batch's rows, then the update of every block of weights.

use std::ops::Range;

use layerloop_kernels::norm::Statistics;
use layerloop_kernels::{Matrix, Rows, Team, Update, dense, tree};

use super::full_gradient::FullGradient;
use crate::data::Dataset;
use crate::network::Network;
use crate::network::backward;
use crate::network::bound_loss::BoundLoss;
use crate::network::forward::{self, Batch, Mode, Pass};
use crate::network::input_plan::InputPlan;
use crate::network::layers::batch_norm;
use crate::network::weight_plan::{GradientSums, WeightPlan};
use crate::network::workspace::{Reach, Workspace, chunk_rows};
use crate::objective::Objective;
use crate::optim::moments::Moments;
use crate::optim::muon::Muon;
use crate::ranks::Group;
use crate::{Error, Result, threads};

/// Everything a step needs, built once; after that a step allocates nothing.
#[derive(Debug)]
pub(crate) struct Stepper {
    pub(super) team: Team,
    workspace: Workspace,
    plan: WeightPlan,
    moments: Moments,
    /// Where a step needs it.
    whole: Option<FullGradient>,
    /// Which parameters do not move.
    frozen: Vec<bool>,
    /// Of each batch norm, for the batch.
    statistics: Vec<Statistics>,
    /// Where a batch comes in chunks.
    chunks: Option<Chunks>,
    /// Which rows of the batch the workspace holds, each as often as members look at it.
    held: Range<usize>,
    /// The rows of a batch, each as often as members look at it.
    repeated: Vec<u32>,
    /// The row behind the last one of each micro-batch, as often; none of a batch that is one.
    ends: Vec<usize>,
    /// The sum of the losses of each micro-batch, of all members.
    losses_of_parts: Vec<f64>,
    /// Whether the whole gradient is that of all ranks already.
    exchanged: bool,
}

/// A batch of short rows, worked on in chunks that stay in a processor's own cache.
#[derive(Debug)]
struct Chunks {
    /// Rows of a chunk.
    rows: usize,
    /// Of all rows of the batch.
    losses: Matrix,
    sums: GradientSums,
}

impl Stepper {
    /// For batches of at most `batch` rows of data that comes in by `input_plan`, worked on in chunks of `chunk` rows, and an
    /// optimiser that keeps `states` values a weight.
    pub(crate) fn new(
        mut team: Team,
        network: &mut Network,
        input_plan: InputPlan,
        [batch, chunk]: [usize; 2],
        states: usize,
    ) -> Self {
        let mut plan = WeightPlan::new(network, &input_plan, team.threads());
        let members = network.program.members_of_row;
        let [batch, chunk] = [batch, chunk].map(|rows| rows.saturating_mul(members));
        let chunks = (chunk < batch).then(|| Chunks {
            rows: chunk,
            losses: Matrix::column(batch),
            sums: GradientSums::new(&plan),
        });
        let held = if chunks.is_some() { team.threads() * chunk } else { batch };
        let workspace = Workspace::new(&network.program, held, Reach::Gradient, input_plan);
        plan.refresh(&mut team, network);
        let (moments, statistics) = (Moments::zeros(network, states), batch_norm::running(network));
        Self {
            team,
            workspace,
            plan,
            moments,
            whole: None,
            frozen: vec![false; network.program.parameters.len()],
            statistics,
            chunks,
            held: 0..0,
            repeated: Vec::new(),
            ends: Vec::new(),
            losses_of_parts: Vec::new(),
            exchanged: false,
        }
    }

    /// With memory for the whole gradient of a step.
    pub(crate) fn with_whole(self, whole: Option<FullGradient>) -> Self {
        Self { whole, ..self }
    }

    /// Where these parameters do not move.
    pub(crate) fn with_frozen(self, frozen: Vec<bool>) -> Self {
        Self { frozen, ..self }
    }

    /// Cuts the coming batch into micro-batches, each up to the row that is given; none is the whole batch.
    pub(crate) fn in_parts(&mut self, ends: impl Iterator<Item = usize>) {
        self.ends.clear();
        self.ends.extend(ends);
    }

    /// The sum of the losses of the batch, deltas times `scale`: every z, loss and delta is known then, or, where the batch comes in
    /// chunks, the gradient. Batch norms take note of the batch.
    pub(crate) fn backpropagate(&mut self, network: &mut Network, batch: Batch, scale: f32, mode: Mode) -> f64 {
        self.exchanged = false;
        let members = network.program.members_of_row;
        if members == 1 {
            return self.backpropagate_rows(network, batch, scale, mode);
        }
        let mut repeated = std::mem::take(&mut self.repeated);
        repeated.clear();
        repeated.extend(batch.rows.iter().flat_map(|row| std::iter::repeat_n(*row, members)));
        self.ends.iter_mut().for_each(|end| *end *= members);
        let batch = Batch { rows: &repeated, next: &[], ..batch };
        let mode = mode.with_rows_repeated(members);
        let loss = self.backpropagate_rows(network, batch, scale / members as f32, mode) / members as f64;
        self.repeated = repeated;
        loss
    }

    /// As [`Self::backpropagate`], every row for itself.
    fn backpropagate_rows(&mut self, network: &mut Network, batch: Batch, scale: f32, mode: Mode) -> f64 {
        if self.chunks.is_some() {
            return self.chunk_loops(network, batch, scale, mode);
        }
        self.held = 0..batch.rows.len();
        self.layer_loops(network, batch, scale, mode);
        let mut sums = std::mem::take(&mut self.losses_of_parts);
        sums.clear();
        let (mut losses, mut start) = (self.losses_held().map(f64::from), 0);
        let ends = if self.ends.is_empty() { &[self.held.end][..] } else { &self.ends };
        sums.extend(
            ends.iter().map(|&end| losses.by_ref().take(end - std::mem::replace(&mut start, end)).sum::<f64>()),
        );
        drop(losses);
        self.losses_of_parts = sums;
        tree::sum(&self.losses_of_parts)
    }

    /// The sum of the losses of each micro-batch that this rank has, of all members that look at a row.
    pub(super) fn losses_of_parts(&self) -> &[f64] {
        &self.losses_of_parts
    }

    /// From the gradients of the micro-batches that this rank has to that of the whole batch, on every rank.
    ///
    /// # Errors
    /// If a rank does not answer.
    pub(super) fn exchange(&mut self, network: &Network, group: Group, spare: &mut Vec<Vec<f32>>) -> Result<()> {
        let Self { team, workspace, plan, whole, ends, .. } = self;
        let Some(whole) = whole else { return Ok(()) };
        let (plan, workspace, first) = (&*plan, &*workspace, group.own().start);
        for segment in &plan.segments {
            let gradient = &mut whole.gradient.values_mut()[segment.range.clone()];
            group.sum_gradients(gradient, spare, |parts, gradient| {
                let [from, to] = [parts.start - first, parts.end - first];
                let start = from.checked_sub(1).map_or(0, |before| ends[before]);
                let ends: Vec<usize> = ends[from..to].iter().map(|end| end - start).collect();
                plan.gradient_of_segment(segment, (team, network, workspace), start, &ends, gradient);
            })?;
        }
        self.exchanged = true;
        Ok(())
    }

    /// Forward and backward layer loop over one chunk after the other; each adds its gradient to that of those before it, so that
    /// every element is one chain over all rows. Nothing but these sums goes from thread to thread.
    fn chunk_loops(&mut self, network: &mut Network, batch: Batch, scale: f32, mode: Mode) -> f64 {
        let Self { team, workspace, plan, statistics, chunks, .. } = self;
        let Some(Chunks { rows: step, losses, sums }) = chunks else { return 0.0 };
        let Workspace { matrices, places, input_plan, block: block_rows } = workspace;
        let (isa, places, rows, plan) = (team.isa(), *places, batch.rows.len(), &*plan);
        let pass = Pass { isa, network, input_plan, places, mode, statistics };
        let each_member = batch.bound_loss.is_some_and(BoundLoss::of_members);
        sums.values.values_mut().fill(0.0);
        team.for_each_range_in_turns(
            matrices,
            [rows, *step],
            [(&mut losses.values_mut()[..rows], 1)],
            (sums.values.values_mut(), &sums.cuts),
            |range, block, [losses]| {
                let batch = batch.part(range.clone());
                for start in (0..range.len()).step_by(*block_rows) {
                    let rows = start..range.len().min(start + *block_rows);
                    let (batch, block) = (batch.part(rows.clone()), &mut block.part(rows));
                    forward::forward(pass, batch, 0, block);
                    batch.bound_loss.iter().for_each(|bound_loss| bound_loss.evaluate(pass, batch, scale, block));
                    backward::backward(pass, plan, 0, each_member, block);
                }
                losses.copy_from_slice(block.read(places.loss()).values);
            },
            |block, task, sums| {
                let task = &plan.tasks[task];
                let (z, delta) = (block.read(places.z(task.from)), block.read(places.delta(task.to)));
                let input = if task.from.z == 0 { input_plan.by_columns(z) } else { z.into() };
                dense::continue_weight_gradient(isa, input, delta, task.block(input_plan), sums);
            },
        );
        let losses = &losses.values()[..rows];
        let sum = losses.iter().map(|&loss| f64::from(loss)).sum::<f64>();
        if !sum.is_finite() {
            // The chunk that it comes from, so that it can be looked at.
            let start = losses.iter().position(|loss| !loss.is_finite()).unwrap_or(0) / *step * *step;
            self.held = start..rows.min(start + *step);
            self.layer_loops(network, batch.part(self.held.clone()), scale, mode);
        }
        sum
    }

    /// Forward and backward layer loop over the rows that are held: between two batch norms is one region in which every block
    /// of rows goes its way alone.
    fn layer_loops(&mut self, network: &mut Network, batch: Batch, scale: f32, mode: Mode) {
        let Self { team, workspace, plan, statistics, frozen, .. } = self;
        let Workspace { matrices, places, input_plan, block } = workspace;
        let (isa, rows, places, step) = (team.isa(), batch.rows.len(), *places, *block);
        let each_member = batch.bound_loss.is_some_and(BoundLoss::of_members);
        input_plan.turn(batch);
        let input_plan = &*input_plan;
        let last = network.program.stages.len() - 1;
        for stage in 0..=last {
            if stage > 0 {
                batch_norm::gather(network, stage - 1, statistics, matrices, places, [rows, step], frozen);
            }
            let pass = Pass { isa, network, input_plan, places, mode, statistics };
            team.for_each_block(matrices, rows, step, |block| {
                let batch = batch.part(block.rows());
                forward::forward(pass, batch, stage, block);
                if stage == last {
                    batch.bound_loss.iter().for_each(|bound_loss| bound_loss.evaluate(pass, batch, scale, block));
                    backward::backward(pass, plan, stage, each_member, block);
                }
            });
        }
        for stage in (0..last).rev() {
            batch_norm::gather_gradient(network, stage, statistics, matrices, places, [rows, step]);
            let pass = Pass { isa, network, input_plan, places, mode, statistics };
            team.for_each_block(matrices, rows, step, |block| {
                backward::backward(pass, plan, stage, each_member, block)
            });
        }
    }

    /// Takes the step for the batch that [`Self::backpropagate`] left; or nothing yet, where more batches of the step will come.
    pub(crate) fn update(&mut self, network: &mut Network, by: Option<&[Option<Update>]>) {
        let Self { team, workspace, plan, moments, whole, frozen, chunks, held, ends, exchanged, .. } = self;
        match (whole, by) {
            (None, Some(by)) => match chunks {
                None => moments.update(team, plan, network, workspace, (held.len(), ends), by),
                Some(Chunks { sums, .. }) => {
                    moments.update_by_sums(team, plan, network, &workspace.input_plan, sums, by);
                }
            },
            (None, None) => {}
            (Some(whole), by) => {
                match chunks {
                    _ if *exchanged => {}
                    None => plan.gradient(team, network, workspace, (held.len(), ends), &mut whole.gradient),
                    Some(Chunks { sums, .. }) => sums.gradient(plan, &workspace.input_plan, &mut whole.gradient),
                }
                for (view, _) in network.parameters.layers.iter().zip(frozen).filter(|(_, frozen)| **frozen) {
                    whole.gradient.values_mut()[view.start..][..view.layout.len()].fill(0.0);
                }
                whole.add();
                if let Some(by) = by {
                    let (gradient, by) = whole.ready(team.isa(), network, by);
                    moments.update_by(team, plan, network, gradient, by);
                    whole.clear();
                }
            }
        }
    }

    /// The sum of the losses of the batch at the network's weights, and p_i of every layer, deltas times `scale`.
    pub(crate) fn loss_and_gradient(
        &mut self,
        network: &mut Network,
        batch: Batch,
        scale: f32,
        mode: Mode,
        gradient: &mut Matrix,
    ) -> f64 {
        self.plan.refresh(&mut self.team, network);
        let loss = self.backpropagate(network, batch, scale, mode);
        self.gradient_into(network, gradient);
        loss
    }

    /// Where the first value that is not finite is, or else the first loss: the layer, by name, and the row of the batch.
    pub(crate) fn first_not_finite(&self, network: &Network) -> Option<(String, usize)> {
        let loss = || Some(("the loss".into(), self.losses_held().position(|loss| !loss.is_finite())?));
        let (layer, row) = self.first_value_not_finite(network).or_else(loss)?;
        Some((layer, (self.held.start + row) / network.program.members_of_row))
    }

    /// As [`Self::first_not_finite`], the row among those that are held.
    fn first_value_not_finite(&self, network: &Network) -> Option<(String, usize)> {
        let (program, rows) = (&network.program, self.held.len());
        let bad_row = |value: usize, width: usize| {
            let z = self.workspace.matrices[self.workspace.places.z(program.values[value])].head(rows);
            z.values.chunks_exact(z.stride).position(|row| row[..width].iter().any(|z| !z.is_finite()))
        };
        if let Some(row) = bad_row(0, self.workspace.input_plan.columns.count()) {
            return Some(("the inputs".into(), row));
        }
        program.ops.iter().find_map(|op| {
            let [from, to] = [op.from[0], op.to[0]].map(|value| program.values[value].width);
            Some((format!("layer {} ({from} -> {to})", op.path), bad_row(op.to[0], to)?))
        })
    }

    /// p_i of every layer for the batch that [`Self::backpropagate`] left; it depends on no weight, so that a step may have
    /// been taken since.
    pub(super) fn gradient_into(&mut self, network: &Network, gradient: &mut Matrix) {
        let Self { team, workspace, plan, whole, chunks, held, ends, .. } = self;
        if let Some(whole) = whole.as_ref().filter(|_| self.exchanged) {
            return gradient.clone_from(&whole.gradient);
        }
        match chunks {
            None => plan.gradient(team, network, workspace, (held.len(), ends), gradient),
            Some(Chunks { sums, .. }) => sums.gradient(plan, &workspace.input_plan, gradient),
        }
    }

    /// As [`Self::gradient_into`], in canonical order.
    pub(super) fn gradient(&mut self, network: &Network) -> Vec<f32> {
        let mut parameters = network.parameters.clone();
        let mut gradient = Matrix::vector(parameters.values.values().len());
        self.gradient_into(network, &mut gradient);
        parameters.values = gradient;
        parameters.in_canonical_order()
    }

    /// z_i and delta_i of the rows that are held, around the parameters `i`.
    pub(super) fn operands(&self, network: &Network, i: usize) -> [Rows<'_>; 2] {
        let Workspace { matrices, places, .. } = &self.workspace;
        let [from, to] = network.program.around(i);
        [places.z(from), places.delta(to)].map(|place| matrices[place].head(self.held.len()))
    }

    /// The logits of the rows that are held.
    pub(super) fn logits(&self, network: &Network) -> Rows<'_> {
        self.workspace.matrices[self.workspace.places.z(network.program.logits())].head(self.held.len())
    }

    /// The losses of the rows of the batch that are held; of several members that look at a row the mean.
    pub(super) fn losses(&self, network: &Network) -> Vec<f32> {
        let (all, members) = (self.losses_held().collect::<Vec<_>>(), network.program.members_of_row);
        if members == 1 {
            return all;
        }
        all.chunks_exact(members).map(|losses| losses.iter().sum::<f32>() / members as f32).collect()
    }

    /// The losses of the rows that are held.
    fn losses_held(&self) -> impl Iterator<Item = f32> {
        let losses = self.workspace.matrices[self.workspace.places.loss()].head(self.held.len());
        losses.values.chunks_exact(losses.stride).map(|row| row[0])
    }

    /// What the optimiser remembers from step to step, by name.
    pub(super) fn vectors(&self) -> impl Iterator<Item = (&'static str, &Matrix)> {
        let muon = self.whole.as_ref().and_then(FullGradient::muon).map(Muon::vectors).into_iter().flatten();
        self.moments.vectors().chain(muon)
    }

    /// As [`Self::vectors`], to be changed.
    pub(super) fn vectors_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut Matrix)> {
        let muon = self.whole.as_mut().and_then(FullGradient::muon_mut).map(Muon::vectors_mut).into_iter().flatten();
        self.moments.vectors_mut().chain(muon)
    }

    /// Takes note that the weights are others, those after `steps` steps.
    pub(super) fn resume(&mut self, network: &mut Network, steps: u64) {
        self.plan.refresh(&mut self.team, network);
        self.statistics = batch_norm::running(network);
        if let Some(muon) = self.whole.as_mut().and_then(FullGradient::muon_mut) {
            muon.resume(steps);
        }
    }
}

/// The mean cross-entropy of all rows of `data` as one batch, and its gradient by the fast path.
///
/// Nothing is dropped, a random slope is its mean, and a batch norm takes the statistics of these rows: the gradient depends
/// on the network and the data alone.
///
/// # Shapes
/// The gradient is in canonical order: weight 1 (n_out x n_in, row-major), bias 1, weight 2, ...
///
/// # Errors
/// [`Error::Shape`] if the data does not fit the network, [`Error::Data`] if it is empty.
///
/// # Example
/// ```
/// use layerloop::data::{Dataset, Inputs};
/// use layerloop::network::{Activation, Network, Spec};
/// let network = Network::from_weights(&Spec::new(1).layer(2, Activation::Identity), &[(vec![0.0; 2], vec![0.0; 2])])?;
/// let data = Dataset::new("demo", Inputs::Floats(vec![3.0].into()), 1, vec![0], ["a", "b"])?;
/// let (loss, gradient) = layerloop::train::loss_and_gradient(&network, &data, 1)?;
/// assert_eq!(loss as f32, std::f32::consts::LN_2);
/// assert_eq!(gradient, [-1.5, 1.5, -0.5, 0.5]);
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn loss_and_gradient(network: &Network, data: &Dataset, threads: usize) -> Result<(f64, Vec<f32>)> {
    loss_and_gradient_of(&Objective::default(), network, data, threads)
}

/// As [`loss_and_gradient`], of any objective.
///
/// # Errors
/// As [`loss_and_gradient`]; [`Error::Config`] if the objective does not fit the network and the data.
pub fn loss_and_gradient_of(
    objective: &Objective,
    network: &Network,
    data: &Dataset,
    threads: usize,
) -> Result<(f64, Vec<f32>)> {
    network.check_fits(data)?;
    if data.rows() == 0 {
        return Err(Error::data(data.name(), "there are no rows; a gradient needs at least one"));
    }
    let rows: Vec<u32> = (0..data.rows() as u32).collect();
    let team = threads::team(threads)?;
    let input_plan = InputPlan::of(data.inputs().source(), data.width(), rows.len(), &network.program, false);
    let mut network = network.clone(); // batch norms take note of what they see
    let chunk = chunk_rows(&network.program, &input_plan, rows.len(), team.threads());
    let mut stepper = Stepper::new(team, &mut network, input_plan, [rows.len(), chunk], 0);
    let bound_loss = BoundLoss::new(&network, data, objective)?;
    let batch = Batch {
        source: data.inputs().source(),
        rows: &rows,
        next: &[],
        bound_loss: Some(&bound_loss),
        augmented: None,
    };
    let loss = stepper.backpropagate(&mut network, batch, bound_loss.scale(rows.len()), Mode::Gradient);
    Ok((loss * f64::from(bound_loss.scale(rows.len())), stepper.gradient(&network)))
}
