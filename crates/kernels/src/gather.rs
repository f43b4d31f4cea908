//! The rows of a batch, gathered into consecutive memory; bytes are widened on the way.

use crate::isa::{Isa, Kernel, LANES, Simd};
use crate::lanes;
use crate::marks::Marks;
use crate::matrix::RowsMut;
use crate::sparse::Csr;

/// How many rows ahead are prefetched.
const AHEAD: usize = 4;

/// Rows that are gathered and then marked.
const TOGETHER: usize = 8;

/// Bytes of a cache line.
const LINE: usize = 64;

/// Some columns of a source, to be put side by side: a table of moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    width: usize,
    count: usize,
    /// Sixteen adjacent columns each. The next ones overwrite what one writes past the end of its run.
    vectors: Vec<Move>,
    /// Fewer than sixteen adjacent columns each, after the vectors.
    short: Vec<(Move, usize)>,
}

/// From a column of the source to a column of the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Move {
    from: usize,
    to: usize,
}

impl Columns {
    /// The columns `wanted` of rows of `width` values.
    ///
    /// # Panics
    /// If they do not ascend, or one is not below `width`.
    #[must_use]
    pub fn new(width: usize, wanted: &[usize]) -> Self {
        assert!(wanted.is_sorted_by(|a, b| a < b), "columns ascend");
        assert!(wanted.last().is_none_or(|&last| last < width), "columns are below {width}");
        let count = wanted.len();
        let mut columns = Self { width, count, vectors: Vec::new(), short: Vec::new() };
        let mut to = 0;
        for run in wanted.chunk_by(|a, b| a + 1 == *b) {
            let (first, end) = (to, to + run.len());
            while to < end {
                let from = run[to - first];
                if from + LANES <= width && to + LANES <= count {
                    columns.vectors.push(Move { from, to });
                    to = end.min(to + LANES);
                } else if run.len() >= LANES {
                    columns.vectors.push(Move { from: run[run.len() - LANES], to: end - LANES });
                    to = end;
                } else {
                    columns.short.push((Move { from, to }, end - to));
                    to = end;
                }
            }
        }
        columns
    }

    /// All columns of rows of `width` values.
    #[must_use]
    pub fn all(width: usize) -> Self {
        Self::new(width, &Vec::from_iter(0..width))
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }
}

/// Rows of values, one after the other.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// Bytes, widened and multiplied by a factor.
    Bytes(&'a [u8], f32),
    /// Numbers, taken as they are.
    Floats(&'a [f32]),
    /// The entries that are not 0.
    Entries(&'a Csr),
}

/// What a source is made of.
trait Value: Copy {
    /// Sixteen values, widened.
    ///
    /// # Safety
    /// `from` is valid for reading sixteen values.
    unsafe fn load<S: Simd>(simd: S, from: *const Self) -> S::F32s;
    /// Fewer than sixteen values, widened, in the first lanes.
    fn load_short<S: Simd>(simd: S, from: &[Self]) -> S::F32s;
}

impl Value for u8 {
    #[inline(always)]
    unsafe fn load<S: Simd>(simd: S, from: *const Self) -> S::F32s {
        // SAFETY: the caller vouches for sixteen bytes.
        unsafe { simd.load_bytes(from) }
    }
    #[inline(always)]
    fn load_short<S: Simd>(simd: S, from: &[Self]) -> S::F32s {
        let mut values = [0.0; LANES];
        values.iter_mut().zip(from).for_each(|(value, &byte)| *value = byte.into());
        lanes::load(simd, &values, 0)
    }
}

impl Value for f32 {
    #[inline(always)]
    unsafe fn load<S: Simd>(simd: S, from: *const Self) -> S::F32s {
        // SAFETY: the caller vouches for sixteen f32.
        unsafe { simd.load(from) }
    }
    #[inline(always)]
    fn load_short<S: Simd>(simd: S, from: &[Self]) -> S::F32s {
        lanes::load_or_zero(simd, from)
    }
}

/// Row r of `out` becomes the columns of row `rows[0][r]` of `source`, with its marks if given; `rows[1]` are the rows of
/// the next batch. Of entries, all columns are taken.
///
/// # Panics
/// If a row is not there, or `out` has fewer rows or columns.
pub fn rows(isa: Isa, source: Source, columns: &Columns, marks: Option<Marks>, rows: [&[u32]; 2], out: RowsMut) {
    let ([rows, next], width, stride) = (rows, columns.count, out.stride);
    assert!(rows.len() <= out.count() && width <= stride, "{} rows of {width} columns", rows.len());
    // Rows are marked while they are in the first cache.
    let together = if marks.is_some() { TOGETHER } else { rows.len().max(1) };
    let after = (together..rows.len()).step_by(together).map(|at| &rows[at..]).chain([next]);
    for ((some, next), values) in rows.chunks(together).zip(after).zip(out.values.chunks_mut(together * stride)) {
        let (rows, mut out) = ([some, next], RowsMut { values, stride });
        match source {
            Source::Bytes(values, scale) => isa.run(Gather { values, columns, scale, rows, out: out.again() }),
            Source::Floats(values) => isa.run(Gather { values, columns, scale: 1.0, rows, out: out.again() }),
            Source::Entries(matrix) => entries(matrix, some, out.again()),
        }
        if let Some(marks) = marks {
            marks.set(isa, out);
        }
    }
}

struct Gather<'a, T> {
    values: &'a [T],
    columns: &'a Columns,
    scale: f32,
    /// The rows, and those of the next batch, which are prefetched.
    rows: [&'a [u32]; 2],
    out: RowsMut<'a>,
}

impl<T: Value> Kernel for Gather<'_, T> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { values, columns: Columns { width, count, vectors, short }, scale, rows: [rows, next], out } = self;
        let scales = simd.splat(scale);
        for (i, (&row, to)) in rows.iter().zip(out.values.chunks_exact_mut(out.stride)).enumerate() {
            let ahead = i + AHEAD;
            if let Some(&ahead) = rows.get(ahead).or_else(|| next.get(ahead - rows.len())) {
                let row = values.as_ptr().wrapping_add(ahead as usize * width).cast::<u8>();
                for line in (0..size_of::<T>() * width).step_by(LINE) {
                    simd.prefetch(row.wrapping_add(line));
                }
            }
            let (from, to) = (&values[row as usize * width..][..*width], &mut to[..*count]);
            for at in vectors {
                // SAFETY: `Columns::new` made sure that sixteen values are there, in a row of each.
                unsafe {
                    let values = T::load(simd, from.as_ptr().add(at.from));
                    simd.store(to.as_mut_ptr().add(at.to), simd.mul(values, scales));
                }
            }
            for &(at, lanes) in short {
                let values = simd.mul(T::load_short(simd, &from[at.from..][..lanes]), scales);
                lanes::store_some(simd, &mut to[at.to..][..lanes], values);
            }
        }
    }
}

/// Row r of `out` becomes row `rows[r]` of `matrix`, zeros included.
fn entries(matrix: &Csr, rows: &[u32], mut out: RowsMut) {
    for (r, &row) in rows.iter().enumerate() {
        let to = out.row(r, matrix.width());
        to.fill(0.0);
        let (columns, values) = matrix.row(row as usize);
        columns.iter().zip(values).for_each(|(&column, &value)| to[column as usize] = value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;

    #[test]
    fn wanted_columns_stand_side_by_side_and_nothing_else_changes() {
        let sets: [fn(usize) -> bool; 5] =
            [|_| true, |c| c % 3 != 1, |c| !(20..23).contains(&c), |c| c % 40 > 18, |c| c == 5];
        for (width, set) in [0, 1, 7, 15, 16, 17, 33, 100].into_iter().flat_map(|w| sets.map(|set| (w, set))) {
            let wanted: Vec<usize> = (0..width).filter(|&column| set(column)).collect();
            let columns = Columns::new(width, &wanted);
            let bytes: Vec<u8> = (0..9 * width).map(|i| (i * 37 + 11) as u8).collect();
            let floats: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte) * 0.5).collect();
            let chosen = [8, 0, 3, 3, 7];
            for isa in Isa::available() {
                let gathered = |floats: Option<&[f32]>| {
                    let mut out = Matrix::zeros(6, wanted.len() + 1);
                    out.values_mut().fill(-1.0);
                    let stride = out.stride();
                    let to = RowsMut { values: out.values_mut(), stride };
                    match floats {
                        None => rows(isa, Source::Bytes(&bytes, 0.5), &columns, None, [&chosen, &[1, 2]], to),
                        Some(floats) => rows(isa, Source::Floats(floats), &columns, None, [&chosen, &[]], to),
                    }
                    out
                };
                let out = gathered(None);
                for (r, row) in out.values().chunks(out.stride()).enumerate() {
                    let want = |c: &usize| chosen.get(r).map(|&row| f32::from(bytes[row as usize * width + c]) * 0.5);
                    let want: Vec<f32> = wanted.iter().map_while(want).collect();
                    assert_eq!(row[..want.len()], want, "{} of {width}, {}", wanted.len(), isa.name());
                    assert!(row[want.len()..].iter().all(|&rest| rest == -1.0));
                }
                assert_eq!(gathered(Some(&floats)).values(), out.values());
            }
        }
    }
}
