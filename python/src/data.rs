//! Rows with what is to be predicted.

use layerloop::data::{Dataset, Inputs};
use layerloop::model_file::Input;
use layerloop::{Error, Result};
use numpy::{PyArray1, PyArray2, PyArrayMethods as _};
use pyo3::prelude::*;

use crate::arrays::{Rows, csr, vector};
use crate::errors::{detached, or_value_error, python};

/// Inputs of rows, before it is known what is to be predicted.
#[pyclass(frozen, module = "layerloop._layerloop")]
pub(crate) struct X {
    inputs: Inputs,
    rows: usize,
    width: usize,
    /// Height and width in pixels, if the rows are images.
    image: Option<(usize, usize)>,
}

impl X {
    pub(crate) fn of(inputs: Inputs, rows: usize, width: usize) -> Self {
        Self { inputs, rows, width, image: None }
    }

    pub(crate) fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// All values, row by row.
    pub(crate) fn values(&self) -> Result<Vec<f32>> {
        values(&self.inputs)
    }

    /// As a model with such inputs has them before they are standardised: times its scale.
    pub(crate) fn scaled(&self, input: &Input) -> Result<Inputs> {
        let by = input.scale;
        Ok(match &self.inputs {
            Inputs::Bytes { values, scale } => Inputs::Bytes { values: values.clone(), scale: scale * by },
            inputs if by == 1.0 => inputs.clone(),
            inputs => values(inputs)?.into_iter().map(|x| x * by).collect::<Vec<_>>().into(),
        })
    }

    /// As the network of a model with such inputs sees them.
    pub(crate) fn prepared(&self, input: &Input) -> Result<Self> {
        let mut inputs = self.scaled(input)?;
        if let Some(by) = &input.standardisation {
            let mut standardised = values(&inputs)?;
            by.apply(&mut standardised, self.width)?;
            inputs = standardised.into();
        }
        Ok(Self { inputs, image: input.image, ..*self })
    }
}

/// All values, row by row.
fn values(inputs: &Inputs) -> Result<Vec<f32>> {
    Ok(match inputs {
        Inputs::Bytes { values, scale } => values.iter().map(|&byte| f32::from(byte) * scale).collect(),
        Inputs::Floats(values) => values.to_vec(),
        Inputs::Sparse(matrix) => (0..matrix.rows()).flat_map(|row| matrix.dense_row(row)).collect(),
        _ => return Err(Error::config("x", "expected numbers, bytes or sparse rows")),
    })
}

#[pymethods]
impl X {
    /// Of a C-contiguous matrix of float32, float64 or uint8.
    #[staticmethod]
    fn dense(py: Python<'_>, x: &Bound<'_, PyAny>) -> PyResult<Self> {
        let matrix = Rows::of(x)?;
        let (rows, width) = matrix.shape();
        Ok(Self::of(matrix.inputs(py)?, rows, width))
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
        Ok(Self::of(csr(width, starts, columns, values)?, rows, width))
    }
}

/// A data set.
#[pyclass(frozen, module = "layerloop._layerloop")]
pub(crate) struct Data(pub(crate) Dataset);

/// With what else is known of the rows.
fn completed(mut data: Dataset, image: Option<(usize, usize)>, weights: Option<Vec<f32>>) -> Result<Dataset> {
    if let Some((height, width)) = image {
        data = data.with_image(height, width)?;
    }
    if let Some(weights) = weights {
        data = data.with_weights(weights)?;
    }
    Ok(data)
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
        let data = detached(py, || {
            completed(Dataset::new("the data", x.inputs.clone(), x.width, labels, classes)?, x.image, weights)
        });
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
        let numbers = or_value_error(numbers.to_vec())?;
        let weights = weights.map(vector).transpose()?;
        check_rows(x.rows, numbers.len() / names.len().max(1))?;
        let data = detached(py, || {
            completed(Dataset::regression("the data", x.inputs.clone(), x.width, numbers, names)?, x.image, weights)
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
