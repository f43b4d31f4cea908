//! The memory of a pass over a batch, built once: after that nothing is allocated.

use layerloop_kernels::{Activation, Matrix, Slope};

use super::Spec;
use super::intake::Intake;

/// Row-matrices of one batch: z_1 ... z_{L+1}, the losses, the deltas from the last layer to the first, and the slopes
/// of the layers whose activation stores them.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) matrices: Vec<Matrix>,
    pub(crate) places: Places,
    pub(crate) intake: Intake,
    /// Rows of a task: cut by the network's shape, never by the number of threads.
    pub(crate) block: usize,
}

/// Which matrix is which; layers are counted from 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places {
    layers: usize,
    reach: Reach,
}

impl Places {
    /// z_{i+1}, B x (n + 1), the last column 1: the input of layer i, counted from 0; i = L is the output. Behind the rows of
    /// z_1 is room for their marks.
    pub(crate) fn z(self, i: usize) -> usize {
        i
    }

    /// The loss of each row, B x 1.
    pub(crate) fn loss(self) -> usize {
        self.layers + 1
    }

    /// delta of layer i, counted from 0: B x n_out.
    pub(crate) fn delta(self, i: usize) -> usize {
        2 * self.layers + 1 - i
    }

    /// sigma'(t) of layer i, counted from 0, where a way back will want it and its activation stores it: B x n_out.
    pub(crate) fn slopes(self, i: usize, activation: Activation) -> Option<usize> {
        let stored = self.reach == Reach::Gradient && activation.slope() == Slope::Stored;
        stored.then_some(2 * self.layers + 2 + i)
    }

    /// From what the way back takes sigma'(t) of layer i, counted from 0: its slopes, or its outputs.
    pub(crate) fn slopes_or_z(self, i: usize, activation: Activation) -> usize {
        self.slopes(i, activation).unwrap_or(self.z(i + 1))
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
    pub(crate) fn new(spec: &Spec, batch: usize, reach: Reach, intake: Intake) -> Self {
        let layers = spec.layers.len();
        let with_one = |width: usize, columns: usize| {
            let mut z = Matrix::zeros(batch, columns);
            let stride = z.stride();
            z.values_mut().chunks_exact_mut(stride).for_each(|row| row[width] = 1.0);
            z
        };
        let widths = || spec.layers.iter().map(|layer| layer.width);
        let deltas = match reach {
            Reach::Loss => 1,
            Reach::Gradient => layers,
        };
        let x = with_one(intake.columns.count(), intake.marks().columns());
        let z = std::iter::once(x).chain(widths().map(|width| with_one(width, width + 1)));
        let loss = std::iter::once(Matrix::zeros(batch, 1));
        let delta = widths().rev().take(deltas).map(|width| Matrix::zeros(batch, width));
        let places = Places { layers, reach };
        let slopes = spec.layers.iter().enumerate().filter(|_| reach == Reach::Gradient);
        let slopes = slopes.map(|(i, layer)| {
            let stored = places.slopes(i, layer.activation).is_some();
            if stored { Matrix::zeros(batch, layer.width) } else { Matrix::zeros(batch, 0) }
        });
        let matrices = z.chain(loss).chain(delta).chain(slopes).collect();
        Self { matrices, places, intake, block: block_rows(spec) }
    }
}

/// Rows of a task: few, so that they spread over many threads; more where a layer's weights outgrow the second cache,
/// since every task reads all of them.
pub(crate) fn block_rows(spec: &Spec) -> usize {
    let largest = spec.shapes().map(|(inputs, outputs)| inputs * outputs * 4).max().unwrap_or(0);
    if largest > 512 * 1024 { 64 } else { 32 }
}
