//! NumPy arrays as inputs of the library.

use layerloop::data::{Csr, Inputs, shared_numbers};
use layerloop::{Error, Result};
use numpy::{PyArray1, PyArray2, PyArrayMethods as _, PyReadonlyArray2, PyUntypedArrayMethods as _};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::errors::{detached, or_value_error, python};

/// A matrix of single or double precision, or of bytes; C-contiguous.
pub(crate) enum Rows<'py> {
    Single(PyReadonlyArray2<'py, f32>),
    Double(PyReadonlyArray2<'py, f64>),
    Bytes(PyReadonlyArray2<'py, u8>),
}

impl<'py> Rows<'py> {
    /// # Errors
    /// `TypeError` for anything else.
    pub(crate) fn of(x: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Ok(x) = x.cast::<PyArray2<f32>>() {
            return or_value_error(x.try_readonly()).map(Self::Single);
        }
        if let Ok(x) = x.cast::<PyArray2<f64>>() {
            return or_value_error(x.try_readonly()).map(Self::Double);
        }
        let bytes = x.cast::<PyArray2<u8>>();
        let bytes = bytes.map_err(|_| PyTypeError::new_err("expected a matrix of float32, float64 or uint8"))?;
        or_value_error(bytes.try_readonly()).map(Self::Bytes)
    }

    /// Rows and columns.
    pub(crate) fn shape(&self) -> (usize, usize) {
        let shape = match self {
            Self::Single(x) => x.shape(),
            Self::Double(x) => x.shape(),
            Self::Bytes(x) => x.shape(),
        };
        (shape[0], shape[1])
    }

    /// As the library has them; a value that is not finite in single precision is refused by the library.
    pub(crate) fn inputs(&self, py: Python<'_>) -> PyResult<Inputs> {
        match self {
            Self::Single(x) => {
                let x = or_value_error(x.as_slice())?;
                detached(py, || check_finite(x).map(|()| Inputs::from(x)))
            }
            Self::Double(x) => {
                let x = or_value_error(x.as_slice())?;
                detached(py, || Ok(Inputs::Floats(shared_numbers(x.iter().map(|&value| value as f32)))))
            }
            Self::Bytes(x) => {
                let values = or_value_error(x.as_slice())?;
                detached(py, || Ok(Inputs::Bytes { values: values.into(), scale: 1.0 }))
            }
        }
    }
}

/// The values of a vector.
pub(crate) fn vector<T: numpy::Element + Clone>(values: &Bound<'_, PyArray1<T>>) -> PyResult<Vec<T>> {
    or_value_error(values.to_vec())
}

/// Sparse rows of SciPy: (indptr, indices, data), each as int64, uint32, float32.
pub(crate) fn csr(
    width: usize,
    starts: &Bound<'_, PyArray1<i64>>,
    columns: &Bound<'_, PyArray1<u32>>,
    values: &Bound<'_, PyArray1<f32>>,
) -> PyResult<Inputs> {
    let start = |start: i64| usize::try_from(start).map_err(|_| PyValueError::new_err("indptr has a number below 0"));
    let starts = vector(starts)?.into_iter().map(start).collect::<PyResult<Vec<_>>>()?;
    let csr = Csr::new(width, starts, vector(columns)?, vector(values)?);
    csr.map(Inputs::from).map_err(|error| python(&Error::from(error)))
}

/// Refuses inputs that are not finite, in scikit-learn's words.
pub(crate) fn check_finite(values: &[f32]) -> Result<()> {
    let finite = |some: &[f32]| some.iter().fold(true, |finite, value| finite & value.is_finite());
    let Some(some) = values.chunks(256).find(|some| !finite(some)) else { return Ok(()) };
    let what = if some.iter().any(|value| value.is_nan()) {
        "Input X contains NaN."
    } else {
        "Input X contains infinity or a value too large for dtype('float32')."
    };
    Err(Error::config("X", what))
}
