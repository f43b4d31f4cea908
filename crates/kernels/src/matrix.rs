//! Aligned memory for rows of values.

use std::ops::Range;

use crate::isa::{LANES, Simd};
use crate::lanes;
use crate::pages::prefer_large_pages;

/// Sixteen values on a cache line of their own.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Line([f32; LANES]);

impl Line {
    /// Its values as a vector.
    #[inline(always)]
    pub(crate) fn load<S: Simd>(&self, simd: S) -> S::F32s {
        lanes::load(simd, &self.0, 0)
    }
}

/// A row-major matrix of f32 whose rows start on cache lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    lines: Vec<Line>,
    stride: usize,
}

impl Matrix {
    /// Zeros: `rows` x `columns`, each row padded so that whole vectors can be read, even one of no columns.
    ///
    /// # Panics
    /// If no memory is that large.
    #[must_use]
    pub fn zeros(rows: usize, columns: usize) -> Self {
        // Rows a multiple of 4 KiB apart would all fall into the same few sets of the first cache.
        let apart = |stride: usize| if rows > 1 && stride.is_multiple_of(1024) { LANES } else { 0 };
        let stride =
            columns.max(1).checked_next_multiple_of(LANES).and_then(|stride| stride.checked_add(apart(stride)));
        let sizes = stride.and_then(|stride| Some((stride, rows.checked_mul(stride)? / LANES)));
        let (stride, len) = sizes.expect("a matrix that is not larger than any memory");
        let mut lines = Vec::with_capacity(len);
        prefer_large_pages(lines.spare_capacity_mut()); // a product reads rows that are a page apart
        lines.resize(len, Line([0.0; LANES]));
        Self { lines, stride }
    }

    /// Zeros: one number for each of `rows` rows, side by side.
    #[must_use]
    pub fn column(rows: usize) -> Self {
        Self { stride: 1, ..Self::vector(rows) }
    }

    /// A vector of `len` zeros: a matrix of one row.
    #[must_use]
    pub fn vector(len: usize) -> Self {
        Self::zeros(1, len)
    }

    /// Values from the start of one row to the start of the next.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// All values, padding included.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        // SAFETY: a Line is sixteen f32 without padding, so the lines are 16 * len consecutive f32.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.lines.len() * LANES) }
    }

    /// All values, padding included.
    #[must_use]
    pub fn values_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `values`, and the borrow of `self` is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.lines.len() * LANES) }
    }

    /// The first `rows` rows.
    ///
    /// # Panics
    /// If there are fewer.
    #[must_use]
    pub fn head(&self, rows: usize) -> Rows<'_> {
        let len = rows.saturating_mul(self.stride);
        Rows { values: &self.values()[..len], stride: self.stride }
    }
}

/// Some rows of a [`Matrix`].
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// The values of all of them, padding included.
    pub values: &'a [f32],
    /// Values from the start of one row to the start of the next.
    pub stride: usize,
}

/// Some rows of a [`Matrix`], to be written.
#[derive(Debug)]
pub struct RowsMut<'a> {
    /// The values of all of them, padding included.
    pub values: &'a mut [f32],
    /// Values from the start of one row to the start of the next.
    pub stride: usize,
}

impl<'a> Rows<'a> {
    /// Some of these rows.
    ///
    /// # Panics
    /// If there are fewer.
    #[must_use]
    pub fn part(&self, rows: Range<usize>) -> Self {
        Self { values: &self.values[rows.start * self.stride..rows.end * self.stride], ..*self }
    }

    /// The first `width` values of a row.
    #[inline(always)]
    pub fn row(&self, row: usize, width: usize) -> &'a [f32] {
        &self.values[row * self.stride..][..width]
    }

    /// Sixteen values of a row, from `column` on.
    #[inline(always)]
    pub(crate) fn lanes<S: Simd>(&self, simd: S, row: usize, column: usize) -> S::F32s {
        lanes::load(simd, self.values, row * self.stride + column)
    }

    /// Number of rows.
    #[must_use]
    pub fn count(&self) -> usize {
        self.values.len() / self.stride
    }
}

impl RowsMut<'_> {
    /// The same rows, for a shorter time.
    #[must_use]
    pub fn again(&mut self) -> RowsMut<'_> {
        RowsMut { values: self.values, stride: self.stride }
    }

    /// The first `width` values of a row.
    ///
    /// # Panics
    /// If there are no such row, or fewer values.
    #[inline(always)]
    pub fn row(&mut self, row: usize, width: usize) -> &mut [f32] {
        &mut self.values[row * self.stride..][..width]
    }

    /// Number of rows.
    #[must_use]
    pub fn count(&self) -> usize {
        self.values.len() / self.stride
    }
}

#[cfg(test)]
impl Matrix {
    /// Values of whole numbers below 1,009 in no order; another `salt`, other numbers.
    pub(crate) fn filled(rows: usize, columns: usize, salt: usize, value: impl Fn(f32) -> f32) -> Self {
        let mut matrix = Self::zeros(rows, columns);
        let values = matrix.values_mut().iter_mut().enumerate();
        values.for_each(|(i, x)| *x = value(((i * 7919 + salt) % 1009) as f32));
        matrix
    }
}
