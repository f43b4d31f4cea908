//! Embedding: rows of a table, by the whole numbers that name them.

use crate::dense::{WeightBlock, Weights};
use crate::isa::Isa;
use crate::matrix::{Rows, RowsMut};
use crate::panels::PANEL;
use crate::update::{Part, Update, update};

/// Rows of the table that are updated together.
pub const TABLE_ROWS: usize = 128;

/// z'_{c n + j} = W_{z_c, j} for each of the `columns` whole numbers z_c of every row of `z`.
///
/// # Shapes
/// `z`: B x `columns`; `weights`: rows of the table x n in panels; `out`: B x `columns` n.
///
/// # Panics
/// If the slices do not have these shapes, or a number names no row.
pub fn look_up(z: Rows, columns: usize, weights: Weights, out: RowsMut) {
    weights.check();
    let n = weights.layout.columns();
    for (z, out) in z.values.chunks_exact(z.stride).zip(out.values.chunks_exact_mut(out.stride)) {
        for (&name, out) in z[..columns].iter().zip(out.chunks_exact_mut(n)) {
            for panel in weights.layout.iter() {
                let from = &weights.values[panel.start + name as usize * panel.width..][..panel.columns];
                out[panel.column..][..panel.columns].copy_from_slice(from);
            }
        }
    }
}

/// The gradient of a block of the table: for each of its rows the sum of q' wherever it was looked up.
///
/// # Shapes
/// `z`: B x `columns`; `q`: B x `columns` n, n the `width` of a row of the table; `gradient`: the block's range.
///
/// # Panics
/// If the slices do not have these shapes, or the block has more than [`TABLE_ROWS`] rows.
pub fn weight_gradient([z, q]: [Rows; 2], columns: usize, width: usize, block: WeightBlock, gradient: &mut [f32]) {
    gradient.fill(0.0);
    let panel = block.panel;
    for (z, q) in z.values.chunks_exact(z.stride).zip(q.values.chunks_exact(q.stride)) {
        for (&name, q) in z[..columns].iter().zip(q.chunks_exact(width)) {
            let row = (name as usize).wrapping_sub(block.row);
            if row < block.rows {
                let to = &mut gradient[row * panel.width..][..panel.columns];
                to.iter_mut().zip(&q[panel.column..]).for_each(|(to, q)| *to += q);
            }
        }
    }
}

/// As [`weight_gradient`], and the optimiser's step.
///
/// # Panics
/// If the slices do not have these shapes, or the block has more than [`TABLE_ROWS`] rows.
pub fn weight_update(
    isa: Isa,
    rows: [Rows; 2],
    columns: usize,
    width: usize,
    block: WeightBlock,
    by: Update,
    part: Part,
) {
    let mut gradient = [0.0; TABLE_ROWS * PANEL];
    let gradient = &mut gradient[..block.rows * block.panel.width];
    weight_gradient(rows, columns, width, block, gradient);
    update(isa, by, block, part, gradient);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;
    use crate::panels::Panels;

    #[test]
    fn rows_are_looked_up_and_get_the_gradients_of_all_who_did() {
        let (layout, columns) = (Panels::new(5, 34), 2);
        let values: Vec<f32> = (0..layout.len()).map(|i| i as f32).collect();
        let mut z = Matrix::zeros(3, columns);
        let (stride, names) = (z.stride(), [[4.0, 0.0], [1.0, 4.0], [4.0, 4.0]]);
        z.values_mut().chunks_exact_mut(stride).zip(names).for_each(|(row, names)| row[..2].copy_from_slice(&names));
        let mut out = Matrix::zeros(3, columns * 34);
        let stride = out.stride();
        look_up(z.head(3), columns, Weights { values: &values, layout }, RowsMut { values: out.values_mut(), stride });
        assert_eq!(out.values()[stride + 34 + 33], values[layout.index(4, 33)]);
        assert_eq!(out.values()[33], values[layout.index(4, 33)]);
        let mut q = Matrix::zeros(3, columns * 34);
        q.values_mut().fill(1.0);
        for panel in layout.iter() {
            let block = WeightBlock { panel, row: 1, rows: 4, listed: None, bias: false };
            let mut gradient = vec![7.0; 4 * panel.width];
            weight_gradient([z.head(3), q.head(3)], columns, 34, block, &mut gradient);
            let sums = [0, 1, 2, 3].map(|row| gradient[row * panel.width]);
            assert_eq!(sums, [1.0, 0.0, 0.0, 4.0]);
        }
    }
}
