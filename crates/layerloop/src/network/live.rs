//! Input columns that are 0 in every row of some data, and therefore cost nothing in a run on it.
//!
//! Such a column adds 0 to every sum and its weights have the gradient 0, so to leave it out changes no bit. 67 of
//! MNIST's 784 pixels are such columns.

use std::ops::Range;

use layerloop_kernels::Listed;

use crate::data::Inputs;

/// Rows after which it is looked whether all columns are live already.
const LOOK_EVERY: usize = 256;

/// The columns that take part.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    /// Runs of neighbouring columns.
    pub(crate) runs: Vec<Range<usize>>,
    /// The rows of the first layer's weights that belong to them, the bias last; `None` for all.
    pub(crate) listed: Option<Listed>,
}

impl Live {
    /// All columns.
    pub(crate) fn all(width: usize) -> Self {
        Self { runs: std::iter::once(0..width).collect(), listed: None }
    }

    /// The columns that are not 0 in every row of `inputs`.
    pub(crate) fn of(inputs: &Inputs, width: usize) -> Self {
        let live = match inputs {
            Inputs::Bytes { values, .. } => seen(values, width),
            Inputs::Floats(values) => seen(values, width),
        };
        if live.iter().all(|&live| live) {
            return Self::all(width);
        }
        let columns: Vec<usize> = (0..width).filter(|&column| live[column]).collect();
        let runs = columns.chunk_by(|a, b| a + 1 == *b).map(|run| run[0]..run[0] + run.len()).collect();
        let rows = columns.into_iter().chain([width]).map(|row| row as u32).collect();
        Self { runs, listed: Some(Listed::new(rows)) }
    }

    /// Number of columns that take part.
    pub(crate) fn columns(&self) -> usize {
        self.runs.iter().map(Range::len).sum()
    }
}

/// Whether each column has a value other than 0.
fn seen<T: Copy + Default + PartialEq>(values: &[T], width: usize) -> Vec<bool> {
    let mut seen = vec![false; width];
    for some in values.chunks(width * LOOK_EVERY) {
        for row in some.chunks_exact(width) {
            seen.iter_mut().zip(row).for_each(|(seen, &value)| *seen |= value != T::default());
        }
        if seen.iter().all(|&seen| seen) {
            break;
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_zeros_are_left_out() {
        let rows = [[0.0, 1.0, 0.0, 0.0, -0.0, 2.0], [0.0, 0.0, 3.0, 0.0, 0.0, 0.0]].concat();
        let live = Live::of(&Inputs::Floats(rows.into()), 6);
        assert_eq!((live.runs.as_slice(), live.columns()), (&[1..3, 5..6][..], 3));
        assert_eq!(live.listed.unwrap().rows(), [1, 2, 5, 6]);
        let all = Live::of(&Inputs::Bytes { values: [1, 2].into(), scale: 1.0 }, 2);
        assert!(all.listed.is_none() && all.columns() == 2);
    }
}
