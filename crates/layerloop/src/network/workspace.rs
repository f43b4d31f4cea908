//! The memory of a pass over a batch, built once: after that nothing is allocated.

use layerloop_kernels::{LANES, Matrix};

use super::input_plan::{InputPlan, InputStrategy};
use super::program::{Kind, Program, Value};

/// Row-matrices of one batch: the values in the order in which the passes fill them, the losses and what they are measured
/// by, the gradients from the last value's to the first's, and what is kept for the backward pass.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) matrices: Vec<Matrix>,
    pub(crate) places: Places,
    pub(crate) input_plan: InputPlan,
    /// Rows of a task: cut by the network's shape, never by the number of threads.
    pub(crate) block: usize,
}

/// Which matrix is which.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places {
    values: usize,
    deltas: usize,
    reach: Reach,
}

impl Places {
    /// z, B x (n + 1), the last column 1. Behind the rows of the input is room for their marks.
    pub(crate) fn z(self, value: Value) -> usize {
        value.z
    }

    /// The loss of each row, B x 1.
    pub(crate) fn loss(self) -> usize {
        self.values
    }

    /// What the outputs of each row should be.
    pub(crate) fn targets(self) -> usize {
        self.values + 1
    }

    /// How much each row counts, B x 1.
    pub(crate) fn weights(self) -> usize {
        self.values + 2
    }

    /// The gradient of a value, B x n; for what a dense layer gives, delta.
    pub(crate) fn delta(self, value: Value) -> usize {
        self.values + 3 + value.delta
    }

    /// sigma'(t) of what an activation gave, B x n, where it is stored for a backward pass.
    pub(crate) fn slopes(self, value: Value) -> Option<usize> {
        self.place_of_kept(value.slopes)
    }

    /// What else an operation keeps for a backward pass; the first of several.
    pub(crate) fn kept(self, value: Value) -> Option<usize> {
        self.place_of_kept(value.kept)
    }

    fn place_of_kept(self, kept: Option<usize>) -> Option<usize> {
        kept.filter(|_| self.reach == Reach::Gradient).map(|kept| self.values + 3 + self.deltas + kept)
    }

    /// What the backward pass takes sigma'(t) from: the slopes, or the value.
    pub(crate) fn slopes_or_z(self, value: Value) -> usize {
        self.slopes(value).unwrap_or(self.z(value))
    }
}

/// How far a pass goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To the loss: the last layer's delta is there for the loss to be computed beside it.
    Loss,
    /// Back to the first layer.
    Gradient,
}

impl Workspace {
    pub(crate) fn new(program: &Program, batch: usize, reach: Reach, input_plan: InputPlan) -> Self {
        let [values, deltas] = program.matrices;
        let widths = widths(program);
        let with_one = |width: usize, columns: usize| {
            let mut z = Matrix::zeros(batch, columns);
            let stride = z.stride();
            z.values_mut().chunks_exact_mut(stride).for_each(|row| row[width] = 1.0);
            z
        };
        let (deltas, kept) = match reach {
            Reach::Loss => (1, 0),
            Reach::Gradient => (deltas, program.kept.len()),
        };
        let x = with_one(input_plan.columns.count(), input_plan.marks().columns());
        let z = std::iter::once(x).chain(widths[0][1..].iter().map(|&width| with_one(width, width + 1)));
        let rest = widths[1][..deltas].iter().chain(&program.kept[..kept]).map(|&width| Matrix::zeros(batch, width));
        // One column more than logits: that of a reference class.
        let targets = Matrix::zeros(batch, program.logits().width + 1);
        let of_rows = [Matrix::column(batch), targets, Matrix::column(batch)];
        let matrices = z.chain(of_rows).chain(rest).collect();
        Self { matrices, places: Places { values, deltas, reach }, input_plan, block: block_rows(program) }
    }
}

/// Widths of the matrices that hold values, and gradients.
fn widths(program: &Program) -> [Vec<usize>; 2] {
    let mut widths = program.matrices.map(|count| vec![0; count]);
    for value in &program.values {
        widths[0][value.z] = value.width;
        if value.depends {
            widths[1][value.delta] = value.width;
        }
    }
    widths
}

/// Bytes of a workspace of `batch` rows, nearly.
pub(crate) fn bytes(program: &Program, batch: usize, reach: Reach) -> usize {
    let [values, deltas] = widths(program);
    let (deltas, kept) =
        if reach == Reach::Gradient { (&deltas[..], &program.kept[..]) } else { (&deltas[..1], &[][..]) };
    let padded = |width: usize| width.saturating_add(LANES);
    let widths = values.iter().chain(deltas).chain(kept).map(|&width| padded(width));
    let row = widths.fold(0, usize::saturating_add);
    row.saturating_mul(batch).saturating_mul(size_of::<f32>())
}

/// Bytes of a chunk of a batch: what it leaves behind stays in the second cache until its gradient is added up.
const CHUNK: usize = 512 * 1024;

/// Bytes of a row whose work is short beside the calls of a task.
const SHORT: usize = 1024;

/// The rows of a chunk are a multiple of this.
const CHUNK_ROWS: usize = 128;

/// Rows of a chunk, of batches of at most `batch` on so many threads: fewer than that where every row goes its way alone and the
/// weights are few, since each chunk reads and writes the whole gradient. No bit depends on it.
pub(crate) fn chunk_rows(program: &Program, input_plan: &InputPlan, batch: usize, threads: usize) -> usize {
    let alone = program.ops.iter().all(|op| {
        matches!(op.kind, Kind::Dense(_) | Kind::Activation(_) | Kind::Fork | Kind::Join(_) | Kind::Max { .. })
    });
    if !alone || input_plan.strategy == InputStrategy::Entries || program.bytes() > CHUNK / 4 {
        return batch;
    }
    // Enough chunks that no thread has nothing to do for long.
    let rows = (CHUNK / bytes(program, 1, Reach::Gradient)).min(batch / (4 * threads));
    batch.min((rows / CHUNK_ROWS).max(1) * CHUNK_ROWS)
}

/// Rows of a task: few, so that they spread over many threads; more where a layer's weights outgrow the second cache, since
/// every task reads all of them, and where rows are short. A batch norm adds up task by task: its bits depend on them. All members
/// of a row are in one task.
pub(crate) fn block_rows(program: &Program) -> usize {
    let sizes = program.parameters.iter().map(|parameter| parameter.inputs * parameter.outputs * 4);
    let short = bytes(program, 1, Reach::Gradient) <= SHORT && program.batch_norms().next().is_none();
    let rows: usize = if short || sizes.max().unwrap_or(0) > 512 * 1024 { 64 } else { 32 };
    rows.next_multiple_of(program.members_of_row)
}
