//! A real matrix and the two products that the chain rule needs: `M v` going forward, `M^T v` coming back.

use std::ops::{Index, Range};

use crate::{Error, Result};

/// A real matrix, row by row; `m[(r, c)]` is its entry in row r and column c, both counted from 0.
///
/// # Example
///
/// ```
/// # use layerloop::math::Matrix;
/// let m = Matrix::from_rows(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])?;
/// assert_eq!(m[(1, 2)], 6.0);
/// assert_eq!(m.times(&[1.0, 0.0, -1.0])?, [-2.0, -2.0]);
/// assert_eq!(m.transpose_times(&[1.0, -1.0])?, [-3.0, -3.0, -3.0]);
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    rows: usize,
    cols: usize,
    entries: Vec<f64>,
}

impl Matrix {
    /// The matrix with these entries, given row by row.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless there are `rows * cols` entries.
    pub fn new(rows: usize, cols: usize, entries: Vec<f64>) -> Result<Self> {
        same_size(&format!("entries of a {rows} x {cols} matrix"), rows.saturating_mul(cols), entries.len())?;
        Ok(Self { rows, cols, entries })
    }

    /// The matrix with these rows.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if a row is not as long as the first.
    pub fn from_rows<R: AsRef<[f64]>>(rows: &[R]) -> Result<Self> {
        let cols = rows.first().map_or(0, |row| row.as_ref().len());
        for (r, row) in rows.iter().enumerate() {
            same_size(&format!("length of row {r} of a matrix"), cols, row.as_ref().len())?;
        }
        Ok(Self { rows: rows.len(), cols, entries: rows.iter().flat_map(AsRef::as_ref).copied().collect() })
    }

    /// The matrix whose entry in row r and column c is `entry(r, c)`.
    pub fn from_fn(rows: usize, cols: usize, entry: impl Fn(usize, usize) -> f64) -> Self {
        let entry = &entry;
        Self { rows, cols, entries: (0..rows).flat_map(|r| (0..cols).map(move |c| entry(r, c))).collect() }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many columns there are.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// All entries, row by row.
    pub fn entries(&self) -> &[f64] {
        &self.entries
    }

    /// All entries, row by row, to be changed.
    pub fn entries_mut(&mut self) -> &mut [f64] {
        &mut self.entries
    }

    /// Row `r`.
    pub fn row(&self, r: usize) -> &[f64] {
        &self.entries[r * self.cols..][..self.cols]
    }

    /// The columns in `range` as a matrix of their own.
    pub fn columns(&self, range: Range<usize>) -> Self {
        Self::from_fn(self.rows, range.len(), |r, c| self.row(r)[range.clone()][c])
    }

    /// The product `M v`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless `v` has one entry a column.
    pub fn times(&self, v: &[f64]) -> Result<Vec<f64>> {
        same_size("length of the vector v in M v", self.cols, v.len())?;
        Ok((0..self.rows).map(|r| self.row(r).iter().zip(v).map(|(m, v)| m * v).sum()).collect())
    }

    /// The product `M^T v`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless `v` has one entry a row.
    pub fn transpose_times(&self, v: &[f64]) -> Result<Vec<f64>> {
        same_size("length of the vector v in M^T v", self.rows, v.len())?;
        Ok((0..self.cols).map(|c| (0..self.rows).map(|r| self[(r, c)] * v[r]).sum()).collect())
    }
}

impl Index<(usize, usize)> for Matrix {
    type Output = f64;

    fn index(&self, (r, c): (usize, usize)) -> &f64 {
        &self.row(r)[c]
    }
}

/// An [`Error::Shape`] unless the two sizes are the same.
pub(super) fn same_size(what: &str, expected: usize, got: usize) -> Result<()> {
    if expected == got { Ok(()) } else { Err(Error::shape(what, expected, got)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_cut_out_of_every_row() {
        let m = Matrix::from_fn(2, 3, |r, c| (10 * r + c) as f64);
        assert_eq!(m.columns(1..3), Matrix::from_rows(&[[1.0, 2.0], [11.0, 12.0]]).unwrap());
    }

    #[test]
    fn sizes_that_disagree_are_refused_with_both() {
        let m = Matrix::from_fn(2, 3, |_, _| 0.0);
        assert_eq!(m.times(&[0.0]).unwrap_err().to_string(), "length of the vector v in M v: expected 3, got 1");
        assert!(m.transpose_times(&[0.0; 3]).is_err());
        assert!(Matrix::new(2, 3, vec![0.0; 5]).is_err());
        assert!(Matrix::from_rows(&[vec![1.0], vec![]]).is_err());
    }
}
