//! A network in a file, with all that it needs to be used.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use layerloop::Error;
use layerloop::data::Inputs;
use layerloop::explain::permutation_importance;
use layerloop::model_file;
use layerloop::preprocess::{Kind, Preprocessing, Target};
use layerloop_formats::code::Language;
use numpy::PyArray2;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::arrays::Rows;
use crate::errors::{detached, python};
use crate::formats;
use crate::network::{Network, Predictor, matrix};
use crate::table::{Table, encoded};

/// A model as the command line saves it.
#[pyclass(frozen, module = "layerloop._layerloop")]
pub(crate) struct Model {
    model: Arc<model_file::Model>,
    predictor: Predictor,
}

impl Model {
    pub(crate) fn of(model: model_file::Model) -> Self {
        let predictor = Predictor::of(Arc::new(model.network.clone()), 1);
        Self { model: Arc::new(model), predictor }
    }

    pub(crate) fn model(&self) -> &model_file::Model {
        &self.model
    }

    /// What makes inputs of the columns of a table.
    pub(crate) fn by(&self) -> layerloop::Result<&Arc<Preprocessing>> {
        let by = self.model.input.preprocessing.as_ref();
        by.ok_or_else(|| Error::config("model", "it was trained on rows of numbers, not on a table"))
    }
}

#[pymethods]
impl Model {
    /// Reads a model that was saved.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        detached(py, || model_file::Model::load(&path)).map(Self::of)
    }

    #[staticmethod]
    fn of_bytes(bytes: &[u8]) -> PyResult<Self> {
        model_file::Model::from_bytes(bytes, Path::new("the pickle")).map(Self::of).map_err(|error| python(&error))
    }

    /// A network that was trained on rows of numbers.
    #[staticmethod]
    fn of_network(network: &Network, data: &crate::data::Data, receipt: &str) -> PyResult<Self> {
        let receipt = serde_json::from_str(receipt).map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self::of(model_file::Model::new((*network.get()).clone(), &data.0, receipt)))
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = detached(py, || self.model.to_bytes("the pickle".as_ref()))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Saves it as a safetensors file.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        detached(py, || self.model.save(&path))
    }

    /// The network.
    #[getter]
    fn network(&self) -> Network {
        Network::of(self.model.network.clone())
    }

    /// Names of the classes, or of the numbers.
    #[getter]
    fn names(&self) -> Vec<String> {
        self.model.classes.clone()
    }

    /// Whether it predicts classes.
    #[getter]
    fn is_classifier(&self) -> bool {
        match &self.model.input.preprocessing {
            Some(by) => matches!(by.target(), Target::Classes { .. }),
            None => self.model.network.spec().output.is_classifier(),
        }
    }

    /// The columns that it needs, each with its kind, if it was trained on a table.
    #[getter]
    fn columns(&self) -> Option<Vec<(String, String)>> {
        let by = self.model.input.preprocessing.as_ref()?;
        Some(by.columns().map(|(name, kind)| (name.to_owned(), layerloop::names::text(kind))).collect())
    }

    /// The columns to predict, if it was trained on a table.
    #[getter]
    fn targets(&self) -> Option<Vec<String>> {
        let by = self.model.input.preprocessing.as_ref()?;
        Some(by.target().kinds().map(|(name, _)| name.to_owned()).collect())
    }

    /// How it came to be, as JSON.
    #[getter]
    fn receipt(&self) -> String {
        self.model.receipt.to_string()
    }

    /// Whether rows of numbers are scaled or standardised before the network sees them.
    #[getter]
    fn prepares(&self) -> bool {
        self.model.input.scale != 1.0 || self.model.input.standardisation.is_some()
    }

    /// Rows of numbers as the network sees them.
    fn prepared<'py>(&self, py: Python<'py>, x: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let rows = Rows::of(x)?;
        let (count, width) = rows.shape();
        let inputs = rows.inputs(py)?;
        let values = detached(py, || {
            let input = &self.model.input;
            let scaled = |x: f32| x * input.scale;
            let mut values: Vec<f32> = match &inputs {
                Inputs::Floats(values) => values.iter().map(|x| scaled(*x)).collect(),
                Inputs::Bytes { values, .. } => values.iter().map(|x| scaled(f32::from(*x))).collect(),
                _ => return Err(Error::config("x", "expected a matrix")),
            };
            if let Some(by) = &input.standardisation {
                by.apply(&mut values, width)?;
            }
            Ok(values)
        })?;
        matrix(py, values, count)
    }

    /// Probabilities, or numbers in their own units, of the rows of a table; and warnings.
    fn of_table<'py>(&self, py: Python<'py>, table: &Table) -> PyResult<(Bound<'py, PyArray2<f64>>, Vec<String>)> {
        let by = self.by().map_err(|error| python(&error))?;
        let (inputs, warnings) = detached(py, || encoded(by, table))?;
        let outputs = self.predictor.of_rows(py, &inputs)?;
        let rows = inputs.len() / by.width().max(1);
        let values = match by.target() {
            Target::Classes { .. } => outputs.into_iter().map(f64::from).collect(),
            Target::Numbers(targets) => {
                outputs.iter().zip(targets.iter().cycle()).map(|(value, target)| target.decode(*value)).collect()
            }
        };
        Ok((matrix(py, values, rows)?, warnings))
    }

    /// As an ONNX file: its bytes, or nothing where `path` names a file. `layerloop.Model.to_onnx` says more.
    #[pyo3(signature = (path = None, *, output = "probabilities", opset = 18))]
    fn to_onnx<'py>(
        &self,
        py: Python<'py>,
        path: Option<PathBuf>,
        output: Option<&str>,
        opset: i64,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        formats::to_onnx(py, &self.model, path.as_deref(), output, opset)
    }

    /// As a file of C99: its text, or nothing where `path` names a file.
    #[pyo3(signature = (path = None, *, quantize = None))]
    fn to_c(&self, py: Python<'_>, path: Option<PathBuf>, quantize: Option<&str>) -> PyResult<Option<String>> {
        formats::to_code(py, &self.model, Language::C, path.as_deref(), quantize)
    }

    /// As a file of Rust: its text, or nothing where `path` names a file.
    #[pyo3(signature = (path = None, *, quantize = None))]
    fn to_rust(&self, py: Python<'_>, path: Option<PathBuf>, quantize: Option<&str>) -> PyResult<Option<String>> {
        formats::to_code(py, &self.model, Language::Rust, path.as_deref(), quantize)
    }

    /// As a JavaScript module: its text, or nothing where `path` names a file.
    #[pyo3(signature = (path = None, *, quantize = None))]
    fn to_js(&self, py: Python<'_>, path: Option<PathBuf>, quantize: Option<&str>) -> PyResult<Option<String>> {
        formats::to_code(py, &self.model, Language::JavaScript, path.as_deref(), quantize)
    }

    /// As the `state_dict` of an `nn.Sequential` of PyTorch: arrays by name.
    fn to_torch_state_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        formats::to_torch(py, &self.model)
    }

    /// How much worse the loss is when a column is shuffled, for each column; `table` has the target too.
    #[pyo3(signature = (table, seed = 0))]
    fn importances(&self, py: Python<'_>, table: &Table, seed: u64) -> PyResult<Vec<(String, f64)>> {
        let by = self.by().map_err(|error| python(&error))?;
        detached(py, || {
            let kinds: Vec<(&str, Kind)> = by.columns().chain(by.target().kinds()).collect();
            let data = layerloop::data::Dataset::of_frame(&table.frame(&kinds)?, by)?;
            importances(&self.model, &data, seed)
        })
    }
}

fn importances(
    model: &model_file::Model,
    data: &layerloop::data::Dataset,
    seed: u64,
) -> layerloop::Result<Vec<(String, f64)>> {
    let predictor = model.predictor(1)?;
    let found = permutation_importance(&predictor, data, &Default::default(), 3, seed)?;
    Ok(found.into_iter().map(|one| (one.column, one.mean)).collect())
}
