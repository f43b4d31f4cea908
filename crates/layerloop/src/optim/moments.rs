//! The optimiser's memory, and its step for every block of weights.

use layerloop_kernels::{Matrix, PANEL, Part, Partition, STATES, Team, Update, columns, dense, table};

use crate::network::Network;
use crate::network::input_plan::InputPlan;
use crate::network::layers;
use crate::network::program::Role;
use crate::network::weight_plan::{GradientSums, WeightPlan, operands};
use crate::network::workspace::Workspace;

/// The optimiser's memory for every weight, in the order of the flat vector; what a rule does not use is empty.
#[derive(Debug)]
pub(crate) struct Moments {
    states: [Matrix; STATES],
    /// How many of them are used.
    used: usize,
}

/// Weights of a block of a product, at most.
const BLOCK: usize = dense::BLOCK_ROWS * PANEL;

/// How files name them.
const MOMENTS: [&str; STATES] = ["moments.1", "moments.2", "moments.3"];

impl Moments {
    pub(crate) fn zeros(network: &Network, states: usize) -> Self {
        let len = network.parameters.values.values().len();
        let vector = |used| Matrix::vector(if used { len } else { 0 });
        Self { states: [0, 1, 2].map(|state| vector(state < states)), used: states }
    }

    /// Those that are used, by name.
    pub(crate) fn vectors(&self) -> impl Iterator<Item = (&'static str, &Matrix)> {
        MOMENTS.into_iter().zip(&self.states).take(self.used)
    }

    /// As [`Self::vectors`], to be changed.
    pub(crate) fn vectors_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut Matrix)> {
        MOMENTS.into_iter().zip(&mut self.states).take(self.used)
    }

    /// Takes the step in the moment in which each value of p_i is known: `by` has one for each parameter that moves.
    pub(crate) fn update(
        &mut self,
        team: &mut Team,
        plan: &mut WeightPlan,
        network: &mut Network,
        workspace: &Workspace,
        rows: usize,
        by: &[Option<Update>],
    ) {
        let isa = team.isa();
        let WeightPlan { tasks, weight_cuts, no_cuts, transposed, transposed_cuts, .. } = plan;
        let [first, second, third] = self.parts(weight_cuts, no_cuts);
        let arrays = [
            (network.parameters.values.values_mut(), &*weight_cuts),
            first,
            second,
            third,
            (transposed.values_mut(), &*transposed_cuts),
        ];
        team.for_each_part(tasks.len(), arrays, |task, [weights, first, second, third, transposed]| {
            let task = &tasks[task];
            let Some(by) = by[task.parameter] else { return };
            let (z, delta) = operands(workspace, task, rows);
            let block = task.block(&workspace.input_plan);
            let part = Part { weights: &mut *weights, states: [first, second, third] };
            match task.role {
                Role::Product => dense::weight_update(isa, task.input(workspace, z), delta, block, by, part),
                Role::PerColumn(layer) => columns::weight_update(isa, layer, [z, delta], task.panel, by, part),
                Role::Table => {
                    table::weight_update(isa, [z, delta], task.from.width, task.table_width(), block, by, part);
                }
                Role::Custom(layer) => {
                    let mut gradient = vec![0.0; part.weights.len()];
                    let operands = [(z, task.from), (delta, task.to)];
                    layers::custom::weight_gradient(layer, part.weights, operands, &mut gradient);
                    layerloop_kernels::update(isa, by, block, part, &mut gradient);
                }
                Role::Statistics => {}
            }
            task.transpose(isa, weights, transposed);
        });
    }

    /// Takes the step with p_i that were added up over the chunks of a batch.
    pub(crate) fn update_by_sums(
        &mut self,
        team: &mut Team,
        plan: &mut WeightPlan,
        network: &mut Network,
        input_plan: &InputPlan,
        sums: &mut GradientSums,
        by: &[Option<Update>],
    ) {
        let isa = team.isa();
        let WeightPlan { tasks, weight_cuts, no_cuts, transposed, transposed_cuts, .. } = plan;
        let [first, second, third] = self.parts(weight_cuts, no_cuts);
        let arrays = [
            (network.parameters.values.values_mut(), &*weight_cuts),
            (sums.values.values_mut(), &sums.cuts),
            first,
            second,
            third,
            (transposed.values_mut(), &*transposed_cuts),
        ];
        team.for_each_part(tasks.len(), arrays, |task, [weights, sums, first, second, third, transposed]| {
            let task = &tasks[task];
            let Some(by) = by[task.parameter] else { return };
            let mut gradient = [0.0; BLOCK]; // what comes before the rule changes it
            let gradient = &mut gradient[..sums.len()];
            gradient.copy_from_slice(sums);
            let part = Part { weights: &mut *weights, states: [first, second, third] };
            layerloop_kernels::update(isa, by, task.block(input_plan), part, gradient);
            task.transpose(isa, weights, transposed);
        });
    }

    /// Takes the step with a gradient that is known, and is used up by it.
    pub(crate) fn update_by(
        &mut self,
        team: &mut Team,
        plan: &mut WeightPlan,
        network: &mut Network,
        gradient: &mut Matrix,
        by: &[Option<Update>],
    ) {
        let isa = team.isa();
        let WeightPlan { tasks, weight_cuts, no_cuts, transposed, transposed_cuts, .. } = plan;
        let [first, second, third] = self.parts(weight_cuts, no_cuts);
        let arrays = [
            (network.parameters.values.values_mut(), &*weight_cuts),
            (gradient.values_mut(), &*weight_cuts),
            first,
            second,
            third,
            (transposed.values_mut(), &*transposed_cuts),
        ];
        team.for_each_part(tasks.len(), arrays, |task, [weights, gradient, first, second, third, transposed]| {
            let task = &tasks[task];
            let Some(by) = by[task.parameter] else { return };
            let by = if matches!(task.role, Role::PerColumn(_)) { by.of_biases() } else { by };
            let part = Part { weights: &mut *weights, states: [first, second, third] };
            layerloop_kernels::update(isa, by, task.all_rows(gradient.len()), part, gradient);
            task.transpose(isa, weights, transposed);
        });
    }

    /// Each state with its cuts: those of the weights, or none where the rule has no use for it.
    fn parts<'a>(
        &'a mut self,
        weight_cuts: &'a Partition,
        no_cuts: &'a Partition,
    ) -> [(&'a mut [f32], &'a Partition); STATES] {
        let used = self.used;
        let mut cuts = (0..STATES).map(|state| if state < used { weight_cuts } else { no_cuts });
        self.states.each_mut().map(|state| (state.values_mut(), cuts.next().unwrap_or(no_cuts)))
    }
}
