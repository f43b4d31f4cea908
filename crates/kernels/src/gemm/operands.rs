//! The operands of a product: A by elements, B by vectors.

use crate::isa::{LANES, Simd};
use crate::marks::Marks;
use crate::matrix::Rows;

/// The left operand, read one element at a time.
pub(crate) trait Left: Copy {
    /// Whether the elements of a column are contiguous, so that one address serves a tall tile.
    const TALL: bool;
    /// Index of element (`row`, `k`); none above the largest number. It grows with both.
    fn checked_index(self, row: usize, k: usize) -> Option<usize>;
    /// As [`Self::checked_index`], for an element before one that has an index.
    fn index(self, row: usize, k: usize) -> usize;
    /// All its values.
    fn values(&self) -> &[f32];
    /// Panics unless `marks` follow the values of the rows that hold the elements of the rows below `rows` and `inner` steps.
    fn check(self, marks: Marks, rows: usize, inner: usize);
    /// Writes the steps k below `inner` in which some element of the rows `row..row + H` is not 0, ascending, and gives
    /// their number.
    ///
    /// # Safety
    /// `check` held, and `steps` is valid for writing `inner` values and sixteen more.
    unsafe fn nonzero<S: Simd, const H: usize>(
        self,
        simd: S,
        marks: Marks,
        row: usize,
        inner: usize,
        steps: *mut u32,
    ) -> usize;
}

/// A matrix as stored: element (r, k) is `values[r * stride + k]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AsIs<'a>(pub(crate) Rows<'a>);

/// The transpose of a matrix: element (r, k) is `values[k * stride + r]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transposed<'a>(pub(crate) Rows<'a>);

impl Left for AsIs<'_> {
    const TALL: bool = false;
    fn checked_index(self, row: usize, k: usize) -> Option<usize> {
        row.checked_mul(self.0.stride)?.checked_add(k)
    }
    #[inline(always)]
    fn index(self, row: usize, k: usize) -> usize {
        row * self.0.stride + k
    }
    #[inline(always)]
    fn values(&self) -> &[f32] {
        self.0.values
    }
    fn check(self, marks: Marks, rows: usize, inner: usize) {
        marks.check(self.0, rows, inner);
    }
    #[inline(always)]
    unsafe fn nonzero<S: Simd, const H: usize>(
        self,
        simd: S,
        marks: Marks,
        row: usize,
        inner: usize,
        steps: *mut u32,
    ) -> usize {
        // SAFETY: as the caller vouches.
        unsafe { marks.columns_of::<S, H>(simd, self.0, row, inner, steps) }
    }
}

impl Left for Transposed<'_> {
    const TALL: bool = true;
    fn checked_index(self, row: usize, k: usize) -> Option<usize> {
        k.checked_mul(self.0.stride)?.checked_add(row)
    }
    #[inline(always)]
    fn index(self, row: usize, k: usize) -> usize {
        k * self.0.stride + row
    }
    #[inline(always)]
    fn values(&self) -> &[f32] {
        self.0.values
    }
    fn check(self, marks: Marks, rows: usize, inner: usize) {
        marks.check(self.0, inner, rows);
    }
    #[inline(always)]
    unsafe fn nonzero<S: Simd, const H: usize>(
        self,
        _: S,
        marks: Marks,
        row: usize,
        inner: usize,
        steps: *mut u32,
    ) -> usize {
        // SAFETY: as the caller vouches.
        unsafe { marks.rows_of::<H>(self.0, row, inner, steps) }
    }
}

/// Which row of a panel belongs to each step of the inner dimension.
pub(crate) trait Order: Copy {
    /// Whether there is one row for each of `inner` steps, and all of them lie below `rows`.
    fn fits(self, inner: usize, rows: usize) -> bool;
    /// The row of step `k`.
    ///
    /// # Safety
    /// `k` is below an `inner` that fits.
    unsafe fn row(self, k: usize) -> usize;
}

/// Row k for step k.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InOrder;

impl Order for InOrder {
    fn fits(self, inner: usize, rows: usize) -> bool {
        inner <= rows
    }
    #[inline(always)]
    unsafe fn row(self, k: usize) -> usize {
        k
    }
}

/// Some rows of a weight matrix, ascending: those whose column of the left operand is not left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed(Vec<u32>);

impl Listed {
    /// The given rows.
    ///
    /// # Panics
    /// If they do not ascend.
    #[must_use]
    pub fn new(rows: Vec<u32>) -> Self {
        assert!(rows.is_sorted_by(|a, b| a < b), "rows ascend");
        Self(rows)
    }

    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &[u32] {
        &self.0
    }
}

impl Order for &Listed {
    fn fits(self, inner: usize, rows: usize) -> bool {
        inner <= self.0.len() && self.0.last().is_none_or(|&last| (last as usize) < rows)
    }
    #[inline(always)]
    unsafe fn row(self, k: usize) -> usize {
        // SAFETY: the caller vouches that k is below an `inner` that fits, which is at most the number of rows.
        unsafe { *self.0.get_unchecked(k) as usize }
    }
}

/// A panel read by vectors: row k is `values[k * row..]`, `columns` of it used, whole vectors of it readable.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns<'a, O> {
    pub(crate) values: &'a [f32],
    pub(crate) row: usize,
    pub(crate) columns: usize,
    /// The rows that take part.
    pub(crate) order: O,
}

impl<O: Order> Columns<'_, O> {
    /// Panics unless every vector of every row that takes part can be read.
    pub(super) fn check(self, inner: usize) {
        let vectors = self.columns.checked_next_multiple_of(LANES);
        let rest = vectors.and_then(|vectors| self.values.len().checked_sub(vectors));
        let rows = rest.map_or(0, |rest| rest / self.row + 1);
        assert!(self.order.fits(inner, rows), "B has {rows} rows for an inner dimension of {inner}");
    }
}
