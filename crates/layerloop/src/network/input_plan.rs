//! How the inputs of some data enter the first layer. Every way gives the same bits, since a fused multiply-add of 0
//! changes no sum; which one is taken is a question of time alone.
//!
//! A column that is 0 in every row of the data is left out: its weights have the gradient 0. 67 of MNIST's 784 pixels
//! are such columns.

use layerloop_kernels::dense::Input;
use layerloop_kernels::gather::{self, Columns, Source};
use layerloop_kernels::{ByColumn, Csr, Entries, Isa, Listed, Marks, Rows, RowsMut};

use super::forward::Batch;
use super::program::Program;
use crate::augment::{Augmentation, Augmented};

/// Rows after which it is looked whether all columns are live already.
const LOOK_EVERY: usize = 256;

/// Rows that a tile of the product shares: a zero can be skipped where all of them have it.
const TILE: usize = 8;

/// Tiles from which the share of zeros is estimated.
const SAMPLE: usize = 16;

/// Share of the columns of a tile below which it pays to look for the others.
const SKIPPING_PAYS: f64 = 0.75;

/// Share of entries below which it pays to keep nothing else: one row at a time is slower by the step than a tile.
const ENTRIES_PAY: f64 = 1.0 / 16.0;

/// What becomes of the rows of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InputStrategy {
    /// They are gathered and multiplied as they are.
    Rows,
    /// They are gathered; columns in which a whole tile is 0 are left out of its products.
    RowsWithoutZeros,
    /// Only their entries are looked at.
    Entries,
}

/// How inputs enter the first layer.
#[derive(Debug, Clone)]
pub(crate) struct InputPlan {
    /// The columns that are gathered: none on the path of entries.
    pub(crate) columns: Columns,
    /// Where columns are left out.
    taking_part: Option<TakingPart>,
    pub(crate) strategy: InputStrategy,
    /// The batch by columns, for the gradient of the weights on the path of entries.
    by_column: ByColumn,
}

/// The rows of weights that belong to the columns that are gathered.
#[derive(Debug, Clone)]
struct TakingPart {
    weights: Listed,
    with_bias: Listed,
}

impl InputPlan {
    /// All columns of rows of `width` values.
    pub(crate) fn all(width: usize) -> Self {
        let by_column = ByColumn::with_capacity(0, 0);
        Self { columns: Columns::all(width), taking_part: None, strategy: InputStrategy::Rows, by_column }
    }

    /// For a run of `program` on `source`, rows of `width` values, in batches of at most `batch`. Weights of columns of zeros
    /// may move without a gradient, as `all_move` says: where weights decay, and where the optimiser remembers other data.
    pub(crate) fn of(source: Source, width: usize, batch: usize, program: &Program, all_move: bool) -> Self {
        if program.only_multiplies_its_input {
            Self::of_products(source, width, batch, all_move)
        } else {
            Self::all(width)
        }
    }

    /// Where the rows are multiplied by weights and used for nothing else.
    fn of_products(source: Source, width: usize, batch: usize, all_move: bool) -> Self {
        let all = Self { strategy: InputStrategy::of(source, width), ..Self::all(width) };
        let live = match source {
            Source::Entries(csr) if all.strategy == InputStrategy::Entries => {
                let by_column = ByColumn::with_capacity(width, largest_batch(csr, batch));
                return Self { columns: Columns::new(width, &[]), by_column, ..all };
            }
            Source::Entries(_) => return all,
            _ if all_move => return all,
            Source::Bytes(values, _) => seen(values, width),
            Source::Floats(values) => seen(values, width),
        };
        // Where no column is live, no row of weights would take part, and a block of weights has at least one.
        if live.iter().all(|&live| live) || !live.contains(&true) {
            return all;
        }
        let columns: Vec<usize> = (0..width).filter(|&column| live[column]).collect();
        let list =
            |last: Option<usize>| Listed::new(columns.iter().copied().chain(last).map(|row| row as u32).collect());
        let taking_part = TakingPart { weights: list(None), with_bias: list(Some(width)) };
        Self { columns: Columns::new(width, &columns), taking_part: Some(taking_part), ..all }
    }

    /// For a run on images that are augmented: every column of every image may have any value.
    pub(crate) fn augmented(source: Source, width: usize, augmentation: &Augmentation, program: &Program) -> Self {
        let all = Self::all(width);
        let skips = program.only_multiplies_its_input && augmentation.keeps_zeros();
        let strategy = if skips { InputStrategy::of(source, width) } else { InputStrategy::Rows };
        Self {
            strategy: if strategy == InputStrategy::Entries { InputStrategy::RowsWithoutZeros } else { strategy },
            ..all
        }
    }

    /// The same with gathered rows, `width` values each, where it would look at entries alone.
    pub(crate) fn of_rows(self, width: usize) -> Self {
        match self.strategy {
            InputStrategy::Entries => Self { strategy: InputStrategy::RowsWithoutZeros, ..Self::all(width) },
            _ => self,
        }
    }

    /// Row r of `x` becomes row r of the batch, with its marks where they are wanted.
    pub(crate) fn gather(&self, isa: Isa, batch: Batch, mut x: RowsMut) {
        let Batch { source, rows, next, augmented, .. } = batch;
        match augmented {
            None => gather::rows(isa, source, &self.columns, self.marks_wanted(), [rows, next], x),
            Some(Augmented { augmenter, epoch }) => {
                augmenter.gather(isa, source, epoch, rows, next, x.again());
                if let Some(marks) = self.marks_wanted() {
                    marks.set(isa, x);
                }
            }
        }
    }

    /// The rows of a layer's weights that take part, its bias last where it has one; `None` for all.
    pub(crate) fn listed(&self, bias: bool) -> Option<&Listed> {
        self.taking_part.as_ref().map(|listed| if bias { &listed.with_bias } else { &listed.weights })
    }

    /// The operand of the forward product of a layer that reads the inputs: `z` are the rows that were gathered.
    pub(crate) fn by_rows<'a>(&'a self, batch: Batch<'a>, z: Rows<'a>, bias: bool) -> Input<'a> {
        match (self.strategy, batch.source) {
            (InputStrategy::Entries, Source::Entries(csr)) if bias => {
                Input::Sparse(Entries::with_ones(csr, batch.rows))
            }
            (InputStrategy::Entries, Source::Entries(csr)) => Input::Sparse(Entries::of(csr, batch.rows)),
            _ => self.dense(z, bias),
        }
    }

    /// The operand of the gradient of the first layer's weights, for the batch that was turned last.
    pub(crate) fn by_columns<'a>(&'a self, z: Rows<'a>) -> Input<'a> {
        if self.strategy == InputStrategy::Entries {
            Input::Sparse(Entries::by_column(&self.by_column))
        } else {
            self.dense(z, true)
        }
    }

    fn dense<'a>(&'a self, rows: Rows<'a>, bias: bool) -> Input<'a> {
        Input::Dense { rows, listed: self.listed(bias), marks: self.marks_wanted() }
    }

    /// The marks of the rows that are gathered, the 1 behind their last value included.
    pub(crate) fn marks(&self) -> Marks {
        Marks::of(self.columns.count() + 1)
    }

    /// Those marks, on the path that reads them.
    pub(crate) fn marks_wanted(&self) -> Option<Marks> {
        (self.strategy == InputStrategy::RowsWithoutZeros).then(|| self.marks())
    }

    /// Prepares [`Self::by_columns`] for a batch.
    pub(crate) fn turn(&mut self, batch: Batch) {
        if let (InputStrategy::Entries, Source::Entries(csr)) = (self.strategy, batch.source) {
            self.by_column.set(csr, batch.rows);
        }
    }
}

impl InputStrategy {
    /// The fastest for rows of `width` values from `source`.
    pub(crate) fn of(source: Source, width: usize) -> Self {
        let share = match source {
            Source::Bytes(values, _) => share_of_columns(values, width),
            Source::Floats(values) => share_of_columns(values, width),
            Source::Entries(csr) => {
                let share = csr.entries() as f64 / (csr.rows() * width).max(1) as f64;
                if share < ENTRIES_PAY {
                    return Self::Entries;
                }
                1.0 - libm::pow(1.0 - share, TILE as f64)
            }
        };
        if share < SKIPPING_PAYS { Self::RowsWithoutZeros } else { Self::Rows }
    }
}

/// Entries of the largest batch that rows of `csr` can make, its ones included.
fn largest_batch(csr: &Csr, batch: usize) -> usize {
    let mut entries: Vec<usize> = (0..csr.rows()).map(|row| csr.row(row).0.len()).collect();
    entries.sort_unstable_by(|a, b| b.cmp(a));
    entries.iter().take(batch).sum::<usize>() + batch
}

/// The share of columns in which some of a tile's rows are not 0, estimated from a few tiles.
fn share_of_columns<T: Copy + Default + PartialEq>(values: &[T], width: usize) -> f64 {
    let tile = TILE * width;
    let step = (values.len() / tile / SAMPLE).max(1);
    let (mut taken, mut all) = (0, 0);
    for rows in values.chunks(tile).step_by(step).take(SAMPLE) {
        let live = seen(rows, width);
        taken += live.iter().filter(|&&live| live).count();
        all += width;
    }
    f64::from(taken as u32) / f64::from(all.max(1) as u32)
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
        let input_plan = InputPlan::of_products(Source::Floats(&rows), 6, 2, false);
        assert_eq!(input_plan.columns, Columns::new(6, &[1, 2, 5]));
        assert_eq!(input_plan.listed(true).unwrap().rows(), [1, 2, 5, 6]);
        assert_eq!(input_plan.listed(false).unwrap().rows(), [1, 2, 5]);
        let all = InputPlan::of_products(Source::Bytes(&[1, 2], 1.0), 2, 1, false);
        assert!(all.listed(true).is_none() && all.columns.count() == 2);
        let all = InputPlan::of_products(Source::Floats(&rows), 6, 2, true);
        assert!(all.listed(true).is_none() && all.columns.count() == 6, "their weights decay");
        let all = InputPlan::of_products(Source::Floats(&[0.0; 12]), 6, 2, false);
        assert!(all.listed(true).is_none() && all.columns.count() == 6, "no column is left");
    }

    #[test]
    fn the_strategy_follows_the_share_of_zeros() {
        let rows = |every: usize| Vec::from_iter((0..64 * 100).map(|i| f32::from(u8::from(i * 31 % every == 0))));
        let strategy = |every| InputStrategy::of(Source::Floats(&rows(every)), 100);
        assert_eq!(
            [1, 3, 64].map(strategy),
            [InputStrategy::Rows, InputStrategy::Rows, InputStrategy::RowsWithoutZeros]
        );
        let csr = |entries: u32| {
            Csr::new(100, vec![0, entries as usize], (0..entries).collect(), vec![1.0; entries as usize])
        };
        let strategy = |entries| InputStrategy::of(Source::Entries(&csr(entries).unwrap()), 100);
        assert_eq!(
            [0, 5, 10, 50].map(strategy),
            [InputStrategy::Entries, InputStrategy::Entries, InputStrategy::RowsWithoutZeros, InputStrategy::Rows]
        );
    }

    #[test]
    fn there_is_room_for_the_largest_batch() {
        let csr = Csr::new(3, vec![0, 2, 2, 5, 6], vec![0, 2, 0, 1, 2, 1], vec![1.0; 6]).unwrap();
        assert_eq!([1, 2, 9].map(|batch| largest_batch(&csr, batch)), [4, 7, 15]);
    }
}
