//! The work on the weights, cut into blocks: the gradient of each, and the transposed copies that the backward layer loop reads.

use std::ops::Range;

use layerloop_kernels::dense::{self, Input, WeightBlock, Weights};
use layerloop_kernels::{
    Isa, Matrix, PANEL, Panel, Panels, Partition, Rows, Team, columns, grouped, members, parametric, piecewise, table,
    tree,
};

use super::Network;
use super::input_plan::InputPlan;
use super::layers;
use super::program::{Program, Role, Value};
use super::workspace::Workspace;

/// Rows of a task of the first layer, whose weights need no transposed copy.
const FIRST_LAYER_ROWS: usize = 28;

/// Panels that take their turns over the same rows, so that few columns of z wait in the second cache while the
/// columns of delta come from the third.
const PANELS_TOGETHER: usize = 32;

/// How the work on the weights is cut, and the transposed copies that the input gradients read: built once.
#[derive(Debug)]
pub(crate) struct WeightPlan {
    pub(crate) tasks: Vec<Task>,
    pub(crate) weight_cuts: Partition,
    pub(crate) no_cuts: Partition,
    pub(crate) transposed: Matrix,
    pub(crate) transposed_cuts: Partition,
    /// n_out x n_in of each layer; empty for the first.
    transposed_views: Vec<TransposedView>,
    /// How the gradient is cut where it is wanted as a whole.
    pieces: Vec<Piece>,
    piece_cuts: Partition,
    /// How it is cut where it is sent to other processes.
    pub(crate) segments: Vec<Segment>,
}

/// Consecutive layers whose gradient is sent to other processes in one piece.
#[derive(Debug)]
pub(crate) struct Segment {
    /// Where it lies in the flat vector.
    pub(crate) range: Range<usize>,
    tasks: Range<usize>,
    /// From its beginning on.
    cuts: Partition,
}

/// Numbers that a segment has at least, if there are as many: enough to be sent at the speed of the network.
const SEGMENT: usize = 1 << 16;

/// Work on the whole gradient.
#[derive(Debug)]
enum Piece {
    /// The task of this number.
    Task(usize),
    Band(Band),
}

/// The gradient of the chunks of a batch so far: for each task the rows that are used, contiguous.
#[derive(Debug)]
pub(crate) struct GradientSums {
    pub(crate) values: Matrix,
    pub(crate) cuts: Partition,
}

/// The work on one block of weights.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task {
    pub(crate) role: Role,
    pub(crate) parameter: usize,
    /// What the layer reads and what it gives.
    pub(crate) from: Value,
    pub(crate) to: Value,
    pub(crate) panel: Panel,
    /// First row, and number of rows; where the layer reads the input, of those that are used.
    row: usize,
    rows: usize,
    /// Whether the layer has a bias, and whether it is the last row of the block.
    biased: bool,
    bias: bool,
    /// Width of the rows of the transposed panel that holds this block.
    transposed_width: usize,
}

#[derive(Debug, Clone, Copy)]
struct TransposedView {
    start: usize,
    layout: Panels,
}

impl WeightPlan {
    /// For a network that reads its input by `input_plan`, and so many threads.
    pub(crate) fn new(network: &Network, input_plan: &InputPlan, threads: usize) -> Self {
        let mut tasks = Vec::new();
        let (mut weight_cuts, mut transposed_cuts) = (Vec::new(), Vec::new());
        let (mut transposed_views, mut transposed_len) = (Vec::new(), 0);
        for (layer, view) in network.parameters.layers.iter().enumerate() {
            let [from, to] = network.program.around(layer);
            let role = network.program.parameters[layer].role;
            let (columns, step) = match role {
                Role::Product if from.depends => (view.inputs(), PANEL),
                Role::Product => (0, FIRST_LAYER_ROWS),
                Role::PerColumn(_) | Role::Parametric => (0, PANEL),
                Role::Table => (0, table::TABLE_ROWS),
                Role::Grouped(_) | Role::Piecewise { .. } | Role::Members(_) | Role::Custom(_) => (0, 1),
                Role::Statistics => (0, 0),
            };
            let listed = input_plan.listed(view.bias).filter(|_| from.z == 0);
            let taking_part = listed.map_or(view.layout.rows(), |listed| listed.rows().len());
            let transposed = TransposedView { start: transposed_len, layout: Panels::new(view.outputs(), columns) };
            let mut panels: Vec<Panel> = view.layout.iter().collect();
            if let Role::Grouped(_) | Role::Piecewise { .. } | Role::Members(_) | Role::Custom(_) = role {
                // All of them at once: only the layer knows which parameters belong together.
                let (columns, width) = (view.outputs(), view.layout.len());
                panels = vec![Panel { column: 0, columns, width, start: 0 }];
            }
            for together in panels.chunks(PANELS_TOGETHER).filter(|_| role != Role::Statistics) {
                let blocks =
                    cut(taking_part, step, view.bias).flat_map(|cut| together.iter().map(move |panel| (cut, *panel)));
                for ((row, rows), panel) in blocks {
                    // User-defined parameters, and those of groups, decay as little as biases do.
                    let own =
                        matches!(role, Role::Grouped(_) | Role::Piecewise { .. } | Role::Members(_) | Role::Custom(_));
                    let bias = own || view.bias && row + rows == taking_part;
                    let (parameter, biased) = (layer, view.bias);
                    let mut task =
                        Task { role, parameter, from, to, panel, row, rows, biased, bias, transposed_width: 0 };
                    let Range { start, end } = task.block(input_plan).range();
                    weight_cuts.push(view.start + panel.start + start..view.start + panel.start + end);
                    let (range, width) = transposed.range(task.block(input_plan));
                    transposed_cuts.push(range);
                    task.transposed_width = width;
                    tasks.push(task);
                }
            }
            transposed_len += transposed.layout.len();
            transposed_views.push(transposed);
        }
        let segments = segments(network, &tasks, &weight_cuts);
        let (pieces, piece_cuts) = pieces(network, &tasks, &weight_cuts, threads);
        Self {
            no_cuts: Partition::none(tasks.len()),
            tasks,
            pieces,
            piece_cuts: Partition::new(piece_cuts),
            segments,
            weight_cuts: Partition::new(weight_cuts),
            transposed: Matrix::vector(transposed_len),
            transposed_cuts: Partition::new(transposed_cuts),
            transposed_views,
        }
    }

    /// W_i^T without the bias, in panels; empty for the first layer.
    pub(crate) fn transposed(&self, layer: usize) -> Weights<'_> {
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

    /// p_i = delta_i (z_i^{;1})^T of every layer, in the order of the flat vector: of so many rows, in micro-batches that end where it says, if
    /// there are several.
    pub(crate) fn gradient(
        &self,
        team: &mut Team,
        network: &Network,
        workspace: &Workspace,
        (rows, ends): (usize, &[usize]),
        gradient: &mut Matrix,
    ) {
        let of = Of { isa: team.isa(), network, workspace };
        if ends.len() > 1 {
            let gradient = [(gradient.values_mut(), &self.weight_cuts)];
            return team.for_each_part(self.tasks.len(), gradient, |task, [gradient]| {
                self.tasks[task].gradient_in_parts(of, 0..rows, ends, gradient);
            });
        }
        team.for_each_part(self.pieces.len(), [(gradient.values_mut(), &self.piece_cuts)], |piece, [gradient]| {
            match &self.pieces[piece] {
                Piece::Band(band) => band.gradient(of.isa, workspace, rows, gradient),
                Piece::Task(task) => self.tasks[*task].gradient(of, 0..rows, gradient),
            }
        });
    }
}

impl WeightPlan {
    /// The gradients of the layers of a segment, added up over micro-batches, the first of which begins at the row `start`; each ends so many rows
    /// behind it.
    pub(crate) fn gradient_of_segment(
        &self,
        segment: &Segment,
        (team, network, workspace): (&mut Team, &Network, &Workspace),
        start: usize,
        ends: &[usize],
        gradient: &mut [f32],
    ) {
        let of = Of { isa: team.isa(), network, workspace };
        let rows = start..start + ends.last().copied().unwrap_or(0);
        team.for_each_part(segment.tasks.len(), [(gradient, &segment.cuts)], |task, [gradient]| {
            self.tasks[segment.tasks.start + task].gradient_in_parts(of, rows.clone(), ends, gradient);
        });
    }
}

/// From the last layer to the first, as their gradients come to be known.
fn segments(network: &Network, tasks: &[Task], weight_cuts: &[Range<usize>]) -> Vec<Segment> {
    let layers = &network.parameters.layers;
    let mut segments = Vec::new();
    let (mut task_end, mut end) = (tasks.len(), layers.last().map_or(0, |view| view.start + view.layout.len()));
    for (layer, view) in layers.iter().enumerate().rev() {
        if layer > 0 && end - view.start < SEGMENT {
            continue;
        }
        let first = tasks.iter().position(|task| task.parameter >= layer).unwrap_or(tasks.len());
        let cuts = weight_cuts[first..task_end].iter().map(|cut| cut.start - view.start..cut.end - view.start);
        segments.push(Segment { range: view.start..end, tasks: first..task_end, cuts: Partition::new(cuts.collect()) });
        (task_end, end) = (first, view.start);
    }
    segments
}

/// What a gradient is computed from.
#[derive(Clone, Copy)]
struct Of<'a> {
    isa: Isa,
    network: &'a Network,
    workspace: &'a Workspace,
}

/// Some panels of a layer that reads more than the input: all of their gradient, block by block of the weights, for some rows of the batch,
/// then for the next ones, so that these rows come from memory once.
#[derive(Debug)]
struct Band {
    from: Value,
    to: Value,
    panels: Vec<Panel>,
    /// First row, and number of rows, of each block of a panel.
    blocks: Vec<(usize, usize)>,
}

/// Bytes of the rows of z that are worked on together.
const BAND: usize = 512 * 1024;

/// Whether a layer's gradient is computed in bands: a product that does not read the input, whose columns may be listed.
fn has_bands(program: &Program, layer: usize) -> bool {
    program.parameters[layer].role == Role::Product && program.around(layer)[0].z != 0
}

/// Whether bands are worth a gradient of its own: z of so many rows outgrows the second cache by far.
pub(crate) fn outgrows_cache(program: &Program, rows: usize) -> bool {
    let layers = (0..program.parameters.len()).filter(|&layer| has_bands(program, layer));
    let widest = layers.map(|layer| program.parameters[layer].inputs).max().unwrap_or(0);
    widest.saturating_mul(rows).saturating_mul(4) > 8 * BAND
}

fn pieces(
    network: &Network,
    tasks: &[Task],
    weight_cuts: &[Range<usize>],
    threads: usize,
) -> (Vec<Piece>, Vec<Range<usize>>) {
    let of_bands = |layer: usize| has_bands(&network.program, layer);
    let mut all = Vec::new();
    for (layer, view) in network.parameters.layers.iter().enumerate().filter(|(layer, _)| of_bands(*layer)) {
        let [from, to] = network.program.around(layer);
        let panels: Vec<Panel> = view.layout.iter().collect();
        for panels in panels.chunks(panels.len().div_ceil(threads)) {
            let blocks: Vec<_> = cut(view.layout.rows(), PANEL, view.bias).collect();
            let (first, last) = (panels[0], panels[panels.len() - 1]);
            let range = view.start + first.start..view.start + last.start + view.layout.rows() * last.width;
            all.push((Piece::Band(Band { from, to, panels: panels.to_vec(), blocks }), range));
        }
    }
    let tasks = tasks.iter().enumerate().filter(|(_, task)| !of_bands(task.parameter));
    all.extend(tasks.map(|(i, _)| (Piece::Task(i), weight_cuts[i].clone())));
    all.into_iter().unzip()
}

impl Band {
    fn gradient(&self, isa: Isa, workspace: &Workspace, rows: usize, gradient: &mut [f32]) {
        let (z, delta) = operands(workspace, [self.from, self.to], rows);
        let step = (BAND / (4 * z.stride)).max(PANEL);
        gradient.fill(0.0);
        for start in (0..rows).step_by(step) {
            let [z, delta] = [z, delta].map(|all| all.part(start..rows.min(start + step)));
            for &(row, rows) in &self.blocks {
                for &panel in &self.panels {
                    let block = WeightBlock { panel, row, rows, listed: None, bias: false };
                    let at = panel.start - self.panels[0].start + row * panel.width;
                    let gradient = &mut gradient[at..][..rows * panel.width];
                    dense::continue_weight_gradient(isa, z.into(), delta, block, gradient);
                }
            }
        }
    }
}

/// First row and number of rows of blocks of `step` of `rows` rows; a bias that is left alone goes with the last block.
fn cut(rows: usize, step: usize, bias: bool) -> impl Iterator<Item = (usize, usize)> {
    let count = rows.saturating_sub(usize::from(bias)).div_ceil(step).max(1);
    (0..count).map(move |block| (block * step, if block + 1 == count { rows - block * step } else { step }))
}

impl GradientSums {
    /// Memory for those of `plan`, whose tasks are all products.
    pub(crate) fn new(plan: &WeightPlan) -> Self {
        let mut end = 0;
        let cuts = plan.tasks.iter().map(|task| {
            let start = end;
            end += task.rows * task.panel.width;
            start..end
        });
        let cuts = Partition::new(cuts.collect());
        Self { values: Matrix::vector(end), cuts }
    }

    /// The gradient in the order of the flat vector.
    pub(crate) fn gradient(&self, plan: &WeightPlan, input_plan: &InputPlan, gradient: &mut Matrix) {
        let parts = plan.tasks.iter().zip(plan.weight_cuts.ranges()).zip(self.cuts.ranges());
        for ((task, weights), range) in parts {
            let (from, to) = (&self.values.values()[range.clone()], &mut gradient.values_mut()[weights.clone()]);
            dense::place_gradient(task.block(input_plan), from, to);
        }
    }
}

impl TransposedView {
    /// Where the transpose of `block`, the bias left out, lies, and the width of its rows there.
    ///
    /// Blocks start at multiples of 32 rows, as wide as a panel here, so that each lies in one panel, in consecutive rows.
    fn range(self, block: WeightBlock) -> (Range<usize>, usize) {
        let Some(panel) = self.layout.iter().find(|panel| panel.column == block.row) else {
            return (0..0, 0); // the first layer
        };
        let start = self.start + panel.start + block.panel.column * panel.width;
        (start..start + block.panel.columns * panel.width, panel.width)
    }
}

impl Task {
    pub(crate) fn block(self, input_plan: &InputPlan) -> WeightBlock<'_> {
        let listed = input_plan.listed(self.biased).filter(|_| self.from.z == 0);
        WeightBlock { panel: self.panel, row: self.row, rows: self.rows, listed, bias: self.bias }
    }

    /// The block as `len` values, with those rows in between that take no part.
    pub(crate) fn all_rows(self, len: usize) -> WeightBlock<'static> {
        WeightBlock { panel: self.panel, row: 0, rows: len / self.panel.width, listed: None, bias: self.bias }
    }

    /// The operand of the product that is the gradient.
    pub(crate) fn input<'a>(&self, workspace: &'a Workspace, z: Rows<'a>) -> Input<'a> {
        if self.from.z == 0 { workspace.input_plan.by_columns(z) } else { z.into() }
    }

    /// Numbers in a row of the table, each of which is looked up once for each number that is read.
    pub(crate) fn table_width(&self) -> usize {
        self.to.width / self.from.width
    }

    /// The gradient of the block by some rows.
    fn gradient(&self, Of { isa, network, workspace }: Of, rows: Range<usize>, gradient: &mut [f32]) {
        let (z, delta) = operands(workspace, [self.from, self.to], rows.end);
        let [z, delta] = [z, delta].map(|all| all.part(rows.clone()));
        let block = self.block(&workspace.input_plan);
        match self.role {
            Role::Product => dense::weight_gradient(isa, self.input(workspace, z), delta, &[], block, gradient),
            Role::PerColumn(layer) => {
                let w = &network.parameters.layer(self.parameter)[self.panel.start..][..gradient.len()];
                columns::weight_gradient(isa, layer, [z, delta], self.panel, w, gradient);
            }
            Role::Parametric => {
                let rows = [z, activated(workspace, self, rows.end).part(rows), delta];
                parametric::weight_gradient(isa, rows, self.panel, gradient);
            }
            Role::Grouped(groups) => {
                grouped::weight_gradient(isa, groups, [z, delta], &mut gradient[..groups.parameters()]);
            }
            Role::Table => table::weight_gradient([z, delta], self.from.width, self.table_width(), block, gradient),
            Role::Piecewise { piecewise: of, first } => {
                let edges = network.program.edges(of, first);
                piecewise::weight_gradient(isa, of, edges, [z, delta], &mut gradient[..of.parameters()]);
            }
            Role::Members(members) => {
                members::weight_gradient(isa, members, [z, delta], &mut gradient[..members.parameters()]);
            }
            Role::Custom(layer) => {
                let w = network.parameters.layer(self.parameter);
                layers::custom::weight_gradient(layer, w, [(z, self.from), (delta, self.to)], gradient);
            }
            Role::Statistics => {}
        }
    }

    /// The gradients of the block by some rows, added up as a tree over the micro-batches, each of which ends there, counted from the first of
    /// these rows.
    fn gradient_in_parts(&self, of: Of, rows: Range<usize>, ends: &[usize], gradient: &mut [f32]) {
        if self.role == Role::Product {
            let Of { isa, workspace, .. } = of;
            let (z, delta) = operands(workspace, [self.from, self.to], rows.end);
            let [z, delta] = [z, delta].map(|all| all.part(rows.clone()));
            let block = self.block(&workspace.input_plan);
            return dense::weight_gradient(isa, self.input(workspace, z), delta, ends, block, gradient);
        }
        let mut memory = vec![0.0; tree::memory_of(ends.len()) * gradient.len()];
        tree::sum_parts(ends.len(), gradient, &mut memory, |part, gradient| {
            let start = part.checked_sub(1).map_or(0, |before| ends[before]);
            self.gradient(of, rows.start + start..rows.start + ends[part], gradient);
        });
    }

    pub(crate) fn transpose(&self, isa: Isa, weights: &[f32], transposed: &mut [f32]) {
        if !transposed.is_empty() {
            let rows = self.rows.min(self.transposed_width);
            dense::transpose(isa, weights, self.panel, rows, transposed, self.transposed_width);
        }
    }
}

/// z_i^{;1} and delta_i of the first `rows` rows.
pub(crate) fn operands(workspace: &Workspace, [from, to]: [Value; 2], rows: usize) -> (Rows<'_>, Rows<'_>) {
    let Workspace { matrices, places, .. } = workspace;
    let [z, delta] = [places.z(from), places.delta(to)].map(|i| matrices[i].head(rows));
    (z, delta)
}

/// sigma(z_i) of the first `rows` rows, which a parametric activation keeps.
pub(crate) fn activated<'a>(workspace: &'a Workspace, task: &Task, rows: usize) -> Rows<'a> {
    let Workspace { matrices, places, .. } = workspace;
    matrices[places.kept(task.to).unwrap_or(places.z(task.to))].head(rows)
}
