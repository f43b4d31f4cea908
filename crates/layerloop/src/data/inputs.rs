//! The input values of all rows.

use std::sync::Arc;

use layerloop_kernels::gather::Source;
use layerloop_kernels::{Csr, shared_numbers};

use super::Standardisation;
use crate::{Error, Result};

/// Input values of all rows, row-major. A clone is another handle on the same values.
///
/// # Example
/// ```
/// use layerloop::data::{Dataset, Inputs};
/// let pixels = Inputs::Bytes { values: vec![0, 64, 128, 32].into(), scale: 1.0 / 256.0 };
/// let images = Dataset::new("images", pixels, 2, vec![0, 1], ["dark", "bright"])?;
/// assert_eq!(images.row(0), [0.0, 0.25]);
/// let numbers: Inputs = vec![0.5, -1.0, 2.0, 0.25].into();
/// assert_eq!(Dataset::new("numbers", numbers, 2, vec![0, 1], ["a", "b"])?.row(1), [2.0, 0.25]);
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Inputs {
    /// Bytes kept as bytes, a quarter of the memory; the network sees `scale * byte`.
    Bytes {
        /// The bytes.
        values: Arc<[u8]>,
        /// Factor applied as a batch is gathered, for instance 1/255.
        scale: f32,
    },
    /// Numbers that the network sees as they are.
    Floats(Arc<[f32]>),
    /// Rows that are almost all zeros, by the entries that are not: the bits of [`Inputs::Floats`], in less memory and,
    /// below some 6 % of entries, less time.
    ///
    /// # Example
    /// ```
    /// use layerloop::data::{Csr, Dataset, Inputs};
    /// // Row 0 has a 1 in column 2, row 1 a 1 in column 0.
    /// let rows = Csr::new(1000, vec![0, 1, 2], vec![2, 0], vec![1.0, 1.0]).expect("columns that ascend");
    /// let data = Dataset::new("words", Inputs::Sparse(rows.into()), 1000, vec![0, 1], ["no", "yes"])?;
    /// assert_eq!(data.row(0)[..3], [0.0, 0.0, 1.0]);
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    Sparse(Arc<Csr>),
}

impl From<Vec<f32>> for Inputs {
    fn from(values: Vec<f32>) -> Self {
        Self::from(values.as_slice())
    }
}

impl From<&[f32]> for Inputs {
    fn from(values: &[f32]) -> Self {
        Self::Floats(shared_numbers(values.iter().copied()))
    }
}

impl From<Arc<[f32]>> for Inputs {
    fn from(values: Arc<[f32]>) -> Self {
        Self::Floats(values)
    }
}

impl From<Csr> for Inputs {
    fn from(rows: Csr) -> Self {
        Self::Sparse(rows.into())
    }
}

impl Inputs {
    /// Number of values, over all rows.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Bytes { values, .. } => values.len(),
            Self::Floats(values) => values.len(),
            Self::Sparse(matrix) => matrix.rows().saturating_mul(matrix.width()),
        }
    }

    /// The values, as the kernels read them.
    pub(crate) fn source(&self) -> Source<'_> {
        match self {
            Self::Bytes { values, scale } => Source::Bytes(values, *scale),
            Self::Floats(values) => Source::Floats(values),
            Self::Sparse(matrix) => Source::Entries(matrix),
        }
    }

    /// Refuses bytes with a factor that is not a finite number above 0, and inputs that are not finite.
    pub(super) fn check(&self, name: &str, width: usize) -> Result<()> {
        self.check_scale(name)?;
        let Some((row, column, value)) = self.first_not_finite(width) else { return Ok(()) };
        Err(Error::row(name, row, format!("input {column} is {value}, not a finite number")))
    }

    /// Refuses bytes with a factor that is not a finite number above 0.
    pub(crate) fn check_scale(&self, name: &str) -> Result<()> {
        match *self {
            Self::Bytes { scale, .. } if !(scale.is_finite() && scale > 0.0) => {
                Err(Error::data(name, format!("the scale of its bytes is {scale}; it must be a finite number above 0")))
            }
            _ => Ok(()),
        }
    }

    /// The same values, standardised: as numbers.
    pub(crate) fn standardised(&self, by: &Standardisation) -> Result<Self> {
        self.check_scale("the inputs")?;
        let mut values = match self {
            Self::Bytes { values, scale } => values.iter().map(|&byte| f32::from(byte) * scale).collect(),
            Self::Floats(values) => values.to_vec(),
            Self::Sparse(matrix) => (0..matrix.rows()).flat_map(|row| matrix.dense_row(row)).collect(),
        };
        let width = if let Self::Sparse(matrix) = self { matrix.width() } else { by.means().len() };
        by.apply(&mut values, width)?;
        Ok(Self::Floats(values.into()))
    }

    /// Row, column and value of the first input that is not a finite number.
    fn first_not_finite(&self, width: usize) -> Option<(usize, usize, f32)> {
        let position =
            |values: &[f32]| if all_finite(values) { None } else { values.iter().position(|v| !v.is_finite()) };
        match self {
            Self::Bytes { .. } => None,
            Self::Floats(values) => position(values).map(|at| (at / width, at % width, values[at])),
            Self::Sparse(matrix) => (0..matrix.rows()).find_map(|row| {
                let (columns, values) = matrix.row(row);
                position(values).map(|at| (row, columns[at] as usize, values[at]))
            }),
        }
    }

    pub(super) fn select(&self, rows: &[usize], width: usize) -> Self {
        /// Into their place at once: grown like a vector, the rows of a large set would take three times their room.
        fn gather<T: Copy + Default>(values: &[T], rows: &[usize], width: usize) -> Arc<[T]> {
            let mut gathered: Arc<[T]> = std::iter::repeat_n(T::default(), rows.len() * width).collect();
            let places = Arc::make_mut(&mut gathered).chunks_exact_mut(width);
            rows.iter().zip(places).for_each(|(row, place)| place.copy_from_slice(&values[row * width..][..width]));
            gathered
        }
        match self {
            Self::Bytes { values, scale } => Self::Bytes { values: gather(values, rows, width), scale: *scale },
            Self::Floats(values) => Self::Floats(gather(values, rows, width)),
            Self::Sparse(matrix) => Self::Sparse(matrix.select(rows).into()),
        }
    }
}

/// Whether all are finite numbers: some at a time, without a branch among them, so that they are looked at by vectors.
pub(crate) fn all_finite(values: &[f32]) -> bool {
    values.chunks(256).all(|some| some.iter().fold(true, |finite, value| finite & value.is_finite()))
}
