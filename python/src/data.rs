//! Rows with what is to be predicted.

use layerloop::data::{Dataset, Inputs};
use layerloop::{Error, Result};
use numpy::{PyArray1, PyArray2, PyArrayMethods as _};
use pyo3::prelude::*;

use crate::arrays::{Rows, csr, vector};
use crate::errors::{detached, python};

/// Inputs of rows, before it is known what is to be predicted.
#[pyclass(frozen, module = "layerloop._layerloop")]
pub(crate) struct X {
    inputs: Inputs,
    rows: usize,
    width: usize,
}

#[pymethods]
impl X {
    /// Of a C-contiguous matrix of float32, float64 or uint8.
    #[staticmethod]
    fn dense(py: Python<'_>, x: &Bound<'_, PyAny>) -> PyResult<Self> {
        let matrix = Rows::of(x)?;
        let (rows, width) = matrix.shape();
        Ok(Self { inputs: matrix.inputs(py)?, rows, width })
    }

    /// Of sparse rows.
    #[staticmethod]
    fn sparse(
        width: usize,
        starts: &Bound<'_, PyArray1<i64>>,
        columns: &Bound<'_, PyArray1<u32>>,
        values: &Bound<'_, PyArray1<f32>>,
    ) -> PyResult<Self> {
        let rows = starts.len()?.saturating_sub(1);
        Ok(Self { inputs: csr(width, starts, columns, values)?, rows, width })
    }
}

/// A data set.
#[pyclass(frozen, module = "layerloop._layerloop")]
pub(crate) struct Data(pub(crate) Dataset);

fn weighted(data: Dataset, weights: Option<Vec<f32>>) -> Result<Dataset> {
    match weights {
        Some(weights) => data.with_weights(weights),
        None => Ok(data),
    }
}

#[pymethods]
impl Data {
    /// Rows with a class each.
    #[staticmethod]
    #[pyo3(signature = (x, labels, classes, weights = None))]
    fn classes(
        py: Python<'_>,
        x: &X,
        labels: &Bound<'_, PyArray1<u32>>,
        classes: Vec<String>,
        weights: Option<&Bound<'_, PyArray1<f32>>>,
    ) -> PyResult<Self> {
        let (labels, weights) = (vector(labels)?, weights.map(vector).transpose()?);
        check_rows(x.rows, labels.len())?;
        let data =
            detached(py, || weighted(Dataset::new("the data", x.inputs.clone(), x.width, labels, classes)?, weights));
        data.map(Self)
    }

    /// Rows with numbers each.
    #[staticmethod]
    #[pyo3(signature = (x, numbers, names, weights = None))]
    fn numbers(
        py: Python<'_>,
        x: &X,
        numbers: &Bound<'_, PyArray2<f32>>,
        names: Vec<String>,
        weights: Option<&Bound<'_, PyArray1<f32>>>,
    ) -> PyResult<Self> {
        let numbers = numbers.to_vec().map_err(|error| pyo3::exceptions::PyValueError::new_err(error.to_string()))?;
        let weights = weights.map(vector).transpose()?;
        check_rows(x.rows, numbers.len() / names.len().max(1))?;
        let data = detached(py, || {
            weighted(Dataset::regression("the data", x.inputs.clone(), x.width, numbers, names)?, weights)
        });
        data.map(Self)
    }

    /// Number of rows.
    #[getter]
    fn rows(&self) -> usize {
        self.0.rows()
    }

    /// Names of the classes, or of the numbers.
    #[getter]
    fn names(&self) -> Vec<String> {
        self.0.target_names().to_vec()
    }
}

fn check_rows(inputs: usize, targets: usize) -> PyResult<()> {
    if inputs == targets {
        return Ok(());
    }
    Err(python(&Error::shape("rows of y", inputs, targets)))
}
