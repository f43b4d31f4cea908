//! Safe ways to share matrices among the members of a team: each task has rows, or parts of an array, of its own.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use super::Team;
use super::region::Order;
use super::turns::Turns;
use crate::matrix::{Matrix, Rows, RowsMut};

impl Team {
    /// Runs `f` on blocks of `step` rows of all `matrices`, the last block maybe shorter, `rows` rows in all.
    ///
    /// # Panics
    /// If a matrix has fewer rows, or a task panics.
    pub fn for_each_block(
        &mut self,
        matrices: &mut [Matrix],
        rows: usize,
        step: usize,
        f: impl Fn(&mut Block<'_>) + Sync,
    ) {
        let views = self.views_of(matrices, rows);
        self.run(rows.div_ceil(step), &|_, task| {
            let first = task * step;
            f(&mut Block { views: &views, rows: first..rows.min(first.saturating_add(step)), own: PhantomData });
        });
        self.views = views;
    }

    /// Runs `f(rows, block, parts)` for ranges of `step` of the rows 0..`rows`, the last maybe shorter: `block` is as
    /// many rows of all `matrices`, for the time of the call, and `parts` the range's rows of each of `outs`, which are
    /// slices with the length of their rows.
    ///
    /// # Shapes
    /// `matrices`: `step` rows for each member; `outs`: `rows` rows each.
    ///
    /// # Panics
    /// If a matrix or a slice has fewer rows, or a task panics.
    pub fn for_each_range<const N: usize>(
        &mut self,
        matrices: &mut [Matrix],
        rows: usize,
        step: usize,
        outs: [(&mut [f32], usize); N],
        f: impl Fn(Range<usize>, &mut Block<'_>, [&mut [f32]; N]) + Sync,
    ) {
        self.ranges(Order::ByMember, matrices, rows, step, outs, |_, range, block, outs| f(range, block, outs));
    }

    /// Ranges in an order; `f` is given their numbers too.
    fn ranges<const N: usize>(
        &mut self,
        order: Order,
        matrices: &mut [Matrix],
        rows: usize,
        step: usize,
        outs: [(&mut [f32], usize); N],
        f: impl Fn(usize, Range<usize>, &mut Block<'_>, [&mut [f32]; N]) + Sync,
    ) {
        let own = self.threads().checked_mul(step).expect("rows of each member that fit into memory");
        let views = self.views_of(matrices, own);
        for (values, width) in &outs {
            assert_eq!(Some(values.len()), rows.checked_mul(*width), "values of {rows} rows of {width}");
        }
        let outs = outs.map(|(values, width)| (SharedPointer(values.as_mut_ptr()), width));
        self.run_in(order, rows.div_ceil(step), &|member, task| {
            let range = task * step..rows.min((task * step).saturating_add(step));
            let own = member * step..member * step + range.len();
            let part = |(values, width): &(SharedPointer<f32>, usize)| {
                // SAFETY: ranges do not overlap and lie inside the slices, as was checked; `run` runs each task
                // once; the slices stay borrowed until it returns.
                unsafe { std::slice::from_raw_parts_mut(values.0.add(range.start * width), range.len() * width) }
            };
            // A member runs one task at a time, so its rows of the matrices are its own.
            let mut block = Block { views: &views, rows: own, own: PhantomData };
            f(task, range.clone(), &mut block, outs.each_ref().map(part));
        });
        self.views = views;
    }

    /// As [`Self::for_each_range`], in ascending order: after `f`, each range takes its turn at every part of `shared`, which `add`
    /// is called with. Each part is passed from range to range in their order, whichever threads work on them.
    ///
    /// # Panics
    /// As [`Self::for_each_range`], and if the partition reaches past the end of `shared`.
    pub fn for_each_range_in_turns<const N: usize>(
        &mut self,
        matrices: &mut [Matrix],
        [rows, step]: [usize; 2],
        outs: [(&mut [f32], usize); N],
        (shared, partition): (&mut [f32], &Partition),
        f: impl Fn(Range<usize>, &mut Block<'_>, [&mut [f32]; N]) + Sync,
        add: impl Fn(&Block<'_>, usize, &mut [f32]) + Sync,
    ) {
        assert!(partition.end <= shared.len(), "parts of {} values", shared.len());
        let mut turns = std::mem::replace(&mut self.turns, Turns::new());
        turns.begin(partition.ranges.len());
        let shared = SharedPointer(shared.as_mut_ptr());
        let (shared, turns_of) = (&shared, &turns);
        self.ranges(Order::Ascending, matrices, rows, step, outs, |task, range, block, outs| {
            turns_of.or_abandon(|| f(range, block, outs));
            for (part, range) in partition.ranges.iter().enumerate() {
                turns_of.take(part, task, || {
                    // SAFETY: parts do not overlap and lie inside the array, as was checked; one task at a time has its turn
                    // at a part, and sees what those before it wrote; the array stays borrowed until the region ends.
                    let values = unsafe { std::slice::from_raw_parts_mut(shared.0.add(range.start), range.len()) };
                    add(block, part, values);
                });
            }
        });
        self.turns = turns;
    }

    /// Where the first `rows` rows of some matrices lie, in the team's own memory.
    fn views_of(&mut self, matrices: &mut [Matrix], rows: usize) -> Vec<View> {
        let mut views = std::mem::take(&mut self.views);
        views.clear();
        views.extend(matrices.iter_mut().map(|matrix| View::of_rows(matrix, rows)));
        views
    }

    /// Runs `f(task, parts)` for every task, `parts` being the task's ranges of `arrays` by their partition.
    ///
    /// # Panics
    /// If a partition does not have one range for each of `tasks` tasks or reaches past its array, or if a task panics.
    pub fn for_each_part<const N: usize>(
        &mut self,
        tasks: usize,
        arrays: [(&mut [f32], &Partition); N],
        f: impl Fn(usize, [&mut [f32]; N]) + Sync,
    ) {
        for (values, partition) in &arrays {
            assert!(
                partition.ranges.len() == tasks && partition.end <= values.len(),
                "{tasks} ranges of {}",
                values.len()
            );
        }
        let arrays = arrays.map(|(values, partition)| (SharedPointer(values.as_mut_ptr()), partition));
        self.run(tasks, &|_, task| {
            let part = |(values, partition): &(SharedPointer<f32>, &Partition)| {
                let range = &partition.ranges[task];
                // SAFETY: `Partition::new` made sure that ranges do not overlap, the check above that they lie inside
                // the array, `run` that each task runs once; the arrays stay borrowed until `run` returns.
                unsafe { std::slice::from_raw_parts_mut(values.0.add(range.start), range.len()) }
            };
            f(task, arrays.each_ref().map(part));
        });
    }
}
/// A pointer whose users have shown that they do not touch the same values.
struct SharedPointer<T>(*mut T);

// SAFETY: every use goes through disjoint parts, as its SAFETY comment shows; f32 is Send.
unsafe impl<T: Send> Sync for SharedPointer<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for SharedPointer<T> {}

/// Where the values of a matrix lie that a region has borrowed exclusively, and the length of its rows.
pub(super) struct View {
    values: SharedPointer<f32>,
    stride: usize,
}

impl View {
    fn of_rows(matrix: &mut Matrix, rows: usize) -> Self {
        let stride = matrix.stride();
        let values = matrix.values_mut();
        assert!(rows <= values.len() / stride, "a matrix has fewer than {rows} rows");
        Self { values: SharedPointer(values.as_mut_ptr()), stride }
    }
}

/// The same rows of several matrices: this task's, and no other's.
pub struct Block<'a> {
    views: &'a [View],
    rows: Range<usize>,
    own: PhantomData<&'a mut [f32]>,
}

impl fmt::Debug for Block<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Block {{ rows: {:?} }}", self.rows)
    }
}

impl Block<'_> {
    /// Which rows these are.
    #[must_use]
    pub fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// Some of these rows, counted from the first of them.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn part(&mut self, rows: Range<usize>) -> Block<'_> {
        assert!(rows.start <= rows.end && rows.end <= self.rows.len(), "{rows:?} of {:?}", self.rows);
        let first = self.rows.start;
        Block { views: self.views, rows: first + rows.start..first + rows.end, own: PhantomData }
    }

    /// The rows of matrix `i`.
    ///
    /// # Panics
    /// If there is no such matrix.
    #[must_use]
    pub fn read(&self, i: usize) -> Rows<'_> {
        let (start, len, stride) = self.place(i);
        // SAFETY: `place` found the values; only this task has these rows, and it borrows its block as shared.
        Rows { values: unsafe { std::slice::from_raw_parts(start, len) }, stride }
    }

    /// The rows of some matrices to write, and of some others to read.
    ///
    /// # Panics
    /// If there is no such matrix, or one that is written is named twice.
    pub fn write<const W: usize, const R: usize>(
        &mut self,
        writes: [usize; W],
        reads: [usize; R],
    ) -> ([RowsMut<'_>; W], [Rows<'_>; R]) {
        for (at, out) in writes.iter().enumerate() {
            assert!(!writes[..at].contains(out) && !reads.contains(out), "matrix {out} is written");
        }
        let written = writes.map(|out| {
            let (start, len, stride) = self.place(out);
            // SAFETY: `place` found the values; only this task has these rows, it borrows its block exclusively, and
            // a matrix that is written is named once.
            RowsMut { values: unsafe { std::slice::from_raw_parts_mut(start, len) }, stride }
        });
        (written, reads.map(|i| self.read(i)))
    }

    /// First value, number of values and stride of this block's rows of matrix `i`.
    fn place(&self, i: usize) -> (*mut f32, usize, usize) {
        let View { values, stride } = &self.views[i];
        // The rows lie inside, as `View::of_rows` checked.
        (values.0.wrapping_add(self.rows.start * stride), self.rows.len() * stride, *stride)
    }
}

/// Ranges of an array, one for each task, that do not overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    ranges: Vec<Range<usize>>,
    end: usize,
}

impl Partition {
    /// The given ranges; an empty one means that its task has no part of the array.
    ///
    /// # Panics
    /// If two overlap.
    #[must_use]
    pub fn new(mut ranges: Vec<Range<usize>>) -> Self {
        // An empty range has no place, so none outside of the array.
        ranges.iter_mut().filter(|s| s.start >= s.end).for_each(|s| *s = 0..0);
        let mut sorted: Vec<_> = ranges.iter().filter(|s| !s.is_empty()).collect();
        sorted.sort_by_key(|s| s.start);
        assert!(sorted.windows(2).all(|pair| pair[0].end <= pair[1].start), "ranges overlap");
        Self { end: sorted.last().map_or(0, |s| s.end), ranges }
    }

    /// Each task's part.
    #[must_use]
    pub fn ranges(&self) -> &[Range<usize>] {
        &self.ranges
    }

    /// No part of the array for any of `tasks` tasks.
    #[must_use]
    pub fn none(tasks: usize) -> Self {
        Self { ranges: vec![0..0; tasks], end: 0 }
    }
}
#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::isa::Isa;

    #[test]
    fn ranges_take_turns_in_their_order_whoever_works_on_them() {
        for threads in [1, 2, 4] {
            let mut team = Team::new(threads, Isa::best());
            let (rows, step) = (43, 8);
            let (mut matrices, mut out) = ([Matrix::zeros(threads * step, 1)], vec![0.0; rows]);
            for _ in 0..if cfg!(miri) { 2 } else { 100 } {
                let mut shared = vec![1.0; 7];
                team.for_each_range_in_turns(
                    &mut matrices,
                    [rows, step],
                    [(&mut out, 1)],
                    (&mut shared, &Partition::new(vec![0..3, 5..7])),
                    |range, block, [out]| {
                        for (row, part) in range.clone().enumerate() {
                            let mut one = block.part(row..row + 1);
                            let ([values], []) = one.write([0], []);
                            values.values[0] = part as f32;
                        }
                        out.iter_mut().zip(range).for_each(|(out, row)| *out = row as f32);
                    },
                    |block, part, shared| {
                        let rows = block.read(0);
                        for row in 0..rows.count() {
                            // No sum of another order is this one.
                            shared.iter_mut().for_each(|sum| *sum = *sum * 0.9 + rows.row(row, 1)[0] + part as f32);
                        }
                    },
                );
                let chain = |part: f32| (0..rows).fold(1.0, |sum, row| sum * 0.9 + row as f32 + part);
                let (first, second) = (chain(0.0), chain(1.0));
                assert_eq!(shared, [first, first, first, 1.0, 1.0, second, second], "{threads} threads");
                assert!(out.iter().enumerate().all(|(row, &out)| out == row as f32));
            }
        }
    }

    #[test]
    fn nobody_waits_for_the_turn_of_a_range_that_panics() {
        let mut team = Team::new(3, Isa::best());
        for bad in [0, 5] {
            let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let partition = Partition::new(vec![0..1, 1..2]);
                let check = |range: Range<usize>, _: &mut Block<'_>, []: [&mut [f32]; 0]| assert!(range.start != bad);
                team.for_each_range_in_turns(&mut [], [9, 1], [], (&mut [0.0; 2], &partition), check, |_, _, _| ());
            }));
            assert!(run.is_err());
        }
    }

    #[test]
    fn blocks_and_parts_are_each_tasks_own() {
        for threads in [1, 2, 4] {
            let mut team = Team::new(threads, Isa::best());
            let mut matrices = [Matrix::zeros(50, 3), Matrix::zeros(50, 20)];
            team.for_each_block(&mut matrices, 43, 8, |block| {
                let rows = block.rows();
                let ([out], []) = block.write([0], []);
                for (row, values) in rows.zip(out.values.chunks_exact_mut(out.stride)) {
                    values[0] = row as f32 + 1.0;
                }
                let ([out], [first]) = block.write([1], [0]);
                for row in 0..first.count() {
                    out.values[row * out.stride] = 2.0 * first.values[row * first.stride];
                }
            });
            let stride = matrices[1].stride();
            let doubled: Vec<f32> = matrices[1].values().chunks(stride).map(|row| row[0]).collect();
            let want: Vec<f32> = (0..50).map(|row| if row < 43 { 2.0 * (row as f32 + 1.0) } else { 0.0 }).collect();
            assert_eq!(doubled, want);

            let mut values = [0.0; 10];
            let (partition, none) = (Partition::new(vec![6..10, 0..2, 2..6]), Partition::none(3));
            team.for_each_part(3, [(&mut values, &partition), (&mut [], &none)], |task, [part, empty]| {
                assert!(empty.is_empty());
                part.fill(task as f32);
            });
            assert_eq!(values, [1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0]);
        }
    }

    #[test]
    #[should_panic(expected = "ranges overlap")]
    fn overlapping_cuts_are_refused() {
        let _ = Partition::new(vec![0..3, 2..4]);
    }
}
