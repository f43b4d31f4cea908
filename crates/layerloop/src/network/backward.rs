//! Backward layer loop on a block of rows, then the gradient or the step of every block of weights.

use std::ops::Range;

use layerloop_kernels::dense::{self, Input, WeightBlock, Weights};
use layerloop_kernels::{Activation, Block, Cuts, Isa, Matrix, PANEL, Panel, Panels, Part, Rows, Team, Update};

use super::Network;
use super::intake::Intake;
use super::workspace::{Places, Workspace};

/// Rows of a task of the first layer, whose weights need no transposed copy.
const FIRST_LAYER_ROWS: usize = 28;

/// Panels that take their turns over the same rows, so that few columns of z wait in the second cache while the
/// columns of delta come from the third.
const PANELS_TOGETHER: usize = 32;

/// How the work on the weights is cut, and the transposed copies that the input gradients read: built once.
#[derive(Debug)]
pub(crate) struct Plan {
    tasks: Vec<Task>,
    weight_cuts: Cuts,
    no_cuts: Cuts,
    transposed: Matrix,
    transposed_cuts: Cuts,
    /// n_out x n_in of each layer; empty for the first.
    transposed_views: Vec<TransposedView>,
}

/// The work on one block of weights.
#[derive(Debug, Clone, Copy)]
struct Task {
    layer: usize,
    panel: Panel,
    /// First row, and number of rows; in the first layer, of those that take part.
    row: usize,
    rows: usize,
    /// Width of the rows of the transposed panel that holds this block.
    transposed_width: usize,
}

#[derive(Debug, Clone, Copy)]
struct TransposedView {
    start: usize,
    layout: Panels,
}

/// The optimiser's memory for every weight, in the order of the flat vector; what a rule does not use is empty.
#[derive(Debug)]
pub(crate) struct Moments {
    pub(crate) first: Matrix,
    pub(crate) second: Matrix,
}

impl Plan {
    pub(crate) fn new(network: &Network, intake: &Intake) -> Self {
        let mut tasks = Vec::new();
        let (mut weight_cuts, mut transposed_cuts) = (Vec::new(), Vec::new());
        let (mut transposed_views, mut transposed_len) = (Vec::new(), 0);
        for (layer, view) in network.parameters.layers.iter().enumerate() {
            let (columns, step) = if layer == 0 { (0, FIRST_LAYER_ROWS) } else { (view.inputs(), PANEL) };
            let taking_part =
                intake.listed.as_ref().filter(|_| layer == 0).map_or(view.layout.rows(), |listed| listed.rows().len());
            let transposed = TransposedView { start: transposed_len, layout: Panels::new(view.outputs(), columns) };
            let panels: Vec<Panel> = view.layout.iter().collect();
            for together in panels.chunks(PANELS_TOGETHER) {
                let blocks = cut(taking_part, step).flat_map(|cut| together.iter().map(move |panel| (cut, *panel)));
                for ((row, rows), panel) in blocks {
                    let mut task = Task { layer, panel, row, rows, transposed_width: 0 };
                    let Range { start, end } = task.block(intake).stretch();
                    weight_cuts.push(view.start + panel.start + start..view.start + panel.start + end);
                    let (stretch, width) = transposed.stretch(task.block(intake));
                    transposed_cuts.push(stretch);
                    task.transposed_width = width;
                    tasks.push(task);
                }
            }
            transposed_len += transposed.layout.len();
            transposed_views.push(transposed);
        }
        Self {
            no_cuts: Cuts::none(tasks.len()),
            tasks,
            weight_cuts: Cuts::new(weight_cuts),
            transposed: Matrix::vector(transposed_len),
            transposed_cuts: Cuts::new(transposed_cuts),
            transposed_views,
        }
    }

    /// W_i^T without the bias, in panels; empty for the first layer.
    fn transposed(&self, layer: usize) -> Weights<'_> {
        let TransposedView { start, layout } = self.transposed_views[layer];
        Weights { values: &self.transposed.values()[start..][..layout.len()], layout }
    }

    /// Copies the network's weights into their transposes.
    pub(crate) fn refresh(&mut self, team: &mut Team, network: &mut Network) {
        let weights = (network.parameters.values.values_mut(), &self.weight_cuts);
        let transposed = (self.transposed.values_mut(), &self.transposed_cuts);
        let isa = team.isa();
        team.for_each_part(self.tasks.len(), [weights, transposed], |task, [weights, transposed]| {
            self.tasks[task].transpose(isa, weights, transposed);
        });
    }

    /// p_i = delta_i (z_i^{;1})^T of every layer, in the order of the flat vector.
    pub(crate) fn gradient(&self, team: &mut Team, workspace: &Workspace, rows: usize, gradient: &mut Matrix) {
        let isa = team.isa();
        team.for_each_part(self.tasks.len(), [(gradient.values_mut(), &self.weight_cuts)], |task, [gradient]| {
            let task = self.tasks[task];
            let (z, delta) = operands(workspace, task.layer, rows);
            dense::weight_gradient(isa, z, delta, task.block(&workspace.intake), gradient);
        });
    }

    /// Takes the optimiser's step in the moment in which each value of p_i is known.
    pub(crate) fn update(
        &mut self,
        team: &mut Team,
        network: &mut Network,
        moments: &mut Moments,
        workspace: &Workspace,
        rows: usize,
        rule: Update,
    ) {
        let isa = team.isa();
        let cuts_if = |used: bool| if used { &self.weight_cuts } else { &self.no_cuts };
        let arrays = [
            (network.parameters.values.values_mut(), &self.weight_cuts),
            (moments.first.values_mut(), cuts_if(rule.states() > 0)),
            (moments.second.values_mut(), cuts_if(rule.states() > 1)),
            (self.transposed.values_mut(), &self.transposed_cuts),
        ];
        team.for_each_part(self.tasks.len(), arrays, |task, [weights, first, second, transposed]| {
            let task = &self.tasks[task];
            let (z, delta) = operands(workspace, task.layer, rows);
            let part = Part { weights: &mut *weights, first, second };
            dense::weight_update(isa, z, delta, task.block(&workspace.intake), rule, part);
            task.transpose(isa, weights, transposed);
        });
    }
}

/// First row and number of rows of blocks of `step` of `rows` rows; the bias, if it alone is left, goes with the last.
fn cut(rows: usize, step: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = rows.saturating_sub(1).div_ceil(step).max(1);
    (0..count).map(move |block| (block * step, if block + 1 == count { rows - block * step } else { step }))
}

impl TransposedView {
    /// Where the transpose of `block`, the bias left out, lies, and the width of its rows there.
    ///
    /// Blocks start at multiples of 32 rows, as wide as a panel here, so that each lies in one panel, in consecutive rows.
    fn stretch(self, block: WeightBlock) -> (Range<usize>, usize) {
        let Some(panel) = self.layout.iter().find(|panel| panel.column == block.row) else {
            return (0..0, 0); // the first layer
        };
        let start = self.start + panel.start + block.panel.column * panel.width;
        (start..start + block.panel.columns * panel.width, panel.width)
    }
}

impl Task {
    fn block(self, intake: &Intake) -> WeightBlock<'_> {
        let listed = intake.listed.as_ref().filter(|_| self.layer == 0);
        WeightBlock { panel: self.panel, row: self.row, rows: self.rows, listed }
    }

    fn transpose(&self, isa: Isa, weights: &[f32], transposed: &mut [f32]) {
        if !transposed.is_empty() {
            let rows = self.rows.min(self.transposed_width);
            dense::transpose(isa, weights, self.panel, rows, transposed, self.transposed_width);
        }
    }
}

impl Moments {
    pub(crate) fn zeros(network: &Network, states: usize) -> Self {
        let len = network.parameters.values.values().len();
        let vector = |used| Matrix::vector(if used { len } else { 0 });
        Self { first: vector(states > 0), second: vector(states > 1) }
    }
}

/// z_i^{;1} and delta_i of the first `rows` rows.
fn operands(workspace: &Workspace, layer: usize, rows: usize) -> (Input<'_>, Rows<'_>) {
    let Workspace { matrices, places, intake, .. } = workspace;
    let [z, delta] = [places.z(layer), places.delta(layer)].map(|i| matrices[i].head(rows));
    (if layer == 0 { intake.by_columns(z) } else { z.into() }, delta)
}

/// delta_L = sigma'(t_L) * q_{L+1}; then for i = L..2: delta_{i-1} = sigma'(t_{i-1}) * (W_i[:, :n_i]^T delta_i).
pub(crate) fn backward(isa: Isa, network: &Network, plan: &Plan, places: Places, block: &mut Block) {
    let layers = &network.spec().layers;
    let last = layers.len() - 1;
    // z_{L+1} = sigma(t_L)
    if layers[last].activation != Activation::Identity {
        let z = places.slopes_or_z(last, layers[last].activation);
        let ([delta], [z]) = block.write([places.delta(last)], [z]);
        dense::through_activation(isa, layers[last].activation, z, layers[last].width, delta);
    }
    for i in (1..layers.len()).rev() {
        // z_{i+1} = sigma(W_i z_i^{;1}), where z_i = sigma(t_{i-1})
        let transposed = plan.transposed(i);
        let z = places.slopes_or_z(i - 1, layers[i - 1].activation);
        let ([below], [delta, z]) = block.write([places.delta(i - 1)], [places.delta(i), z]);
        dense::input_gradient(isa, layers[i - 1].activation, delta, transposed, z, below);
    }
}
