//! The optimiser's memory, and its step for every block of weights.

use layerloop_kernels::{
    Matrix, PANEL, Part, Partition, STATES, Team, Update, columns, dense, grouped, members, parametric, piecewise,
    table,
};

use crate::network::Network;
use crate::network::input_plan::InputPlan;
use crate::network::layers;
use crate::network::program::Role;
use crate::network::weight_plan::{GradientSums, Task, WeightPlan, activated, operands};
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

    /// Takes the step in the moment in which each value of p_i is known: `by` has one for each parameter that moves. Several micro-batches, which
    /// `ends` says, are for products alone.
    pub(crate) fn update(
        &mut self,
        team: &mut Team,
        plan: &mut WeightPlan,
        network: &mut Network,
        workspace: &Workspace,
        (rows, ends): (usize, &[usize]),
        by: &[Option<Update>],
    ) {
        let (isa, edges) = (team.isa(), network.program.edges.clone());
        self.each_block(team, plan, network, None, by, |task, by, part, _| {
            let (z, delta) = operands(workspace, [task.from, task.to], rows);
            let block = task.block(&workspace.input_plan);
            match task.role {
                Role::Product => dense::weight_update(isa, task.input(workspace, z), delta, ends, block, by, part),
                Role::PerColumn(layer) => columns::weight_update(isa, layer, [z, delta], task.panel, by, part),
                Role::Table => {
                    table::weight_update(isa, [z, delta], task.from.width, task.table_width(), block, by, part);
                }
                Role::Parametric => {
                    let rows = [z, activated(workspace, task, rows), delta];
                    parametric::weight_update(isa, rows, task.panel, by, part);
                }
                Role::Grouped(groups) => {
                    let mut gradient = vec![0.0; part.weights.len()];
                    grouped::weight_gradient(isa, groups, [z, delta], &mut gradient[..groups.parameters()]);
                    layerloop_kernels::update(isa, by, block, part, &mut gradient);
                }
                Role::Piecewise { piecewise: of, first } => {
                    let (mut gradient, edges) = (vec![0.0; part.weights.len()], &edges[first..=first + of.bins]);
                    piecewise::weight_gradient(isa, of, edges, [z, delta], &mut gradient[..of.parameters()]);
                    layerloop_kernels::update(isa, by, block, part, &mut gradient);
                }
                Role::Members(members) => {
                    let mut gradient = vec![0.0; part.weights.len()];
                    members::weight_gradient(isa, members, [z, delta], &mut gradient[..members.parameters()]);
                    layerloop_kernels::update(isa, by, block, part, &mut gradient);
                }
                Role::Custom(layer) => {
                    let mut gradient = vec![0.0; part.weights.len()];
                    let operands = [(z, task.from), (delta, task.to)];
                    layers::custom::weight_gradient(layer, part.weights, operands, &mut gradient);
                    layerloop_kernels::update(isa, by, block, part, &mut gradient);
                }
                Role::Statistics => {}
            }
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
        let sums = (sums.values.values_mut(), Some(&sums.cuts));
        self.each_block(team, plan, network, Some(sums), by, |task, by, part, sums| {
            let mut gradient = [0.0; BLOCK]; // what comes before the rule changes it
            let gradient = &mut gradient[..sums.len()];
            gradient.copy_from_slice(sums);
            layerloop_kernels::update(isa, by, task.block(input_plan), part, gradient);
        });
    }

    /// Takes the step with a gradient that is known, in the order of the flat vector, and is used up by it.
    pub(crate) fn update_by(
        &mut self,
        team: &mut Team,
        plan: &mut WeightPlan,
        network: &mut Network,
        gradient: &mut Matrix,
        by: &[Option<Update>],
    ) {
        let isa = team.isa();
        self.each_block(team, plan, network, Some((gradient.values_mut(), None)), by, |task, by, part, gradient| {
            let by = if matches!(task.role, Role::PerColumn(_) | Role::Parametric) { by.of_biases() } else { by };
            layerloop_kernels::update(isa, by, task.all_rows(gradient.len()), part, gradient);
        });
    }

    /// Runs `step` for each block of weights that moves, and refreshes its transpose. `gradient`, where there is one, is cut as it
    /// says, or else as the weights are.
    fn each_block(
        &mut self,
        team: &mut Team,
        plan: &mut WeightPlan,
        network: &mut Network,
        gradient: Option<(&mut [f32], Option<&Partition>)>,
        by: &[Option<Update>],
        step: impl Fn(&Task, Update, Part, &mut [f32]) + Sync,
    ) {
        let isa = team.isa();
        let WeightPlan { tasks, weight_cuts, no_cuts, transposed, transposed_cuts, .. } = plan;
        let cuts_if = |used: bool| if used { &*weight_cuts } else { &*no_cuts };
        let gradient = match gradient {
            None => (&mut [][..], &*no_cuts),
            Some((values, cuts)) => (values, cuts.unwrap_or(weight_cuts)),
        };
        let [first, second, third] = &mut self.states;
        let arrays = [
            (network.parameters.values.values_mut(), &*weight_cuts),
            gradient,
            (first.values_mut(), cuts_if(self.used > 0)),
            (second.values_mut(), cuts_if(self.used > 1)),
            (third.values_mut(), cuts_if(self.used > 2)),
            (transposed.values_mut(), &*transposed_cuts),
        ];
        team.for_each_part(tasks.len(), arrays, |task, [weights, gradient, first, second, third, transposed]| {
            let task = &tasks[task];
            let Some(by) = by[task.parameter] else { return };
            step(task, by, Part { weights: &mut *weights, states: [first, second, third] }, gradient);
            task.transpose(isa, weights, transposed);
        });
    }
}
