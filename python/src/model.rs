//! A network in a file, with all that it needs to be used.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use layerloop::data::Dataset;
use layerloop::explain::permutation_importance;
use layerloop::model_file;
use layerloop::names::text;
use layerloop::preprocess::{Frame, Kind, Preprocessing, Target};
use layerloop::{Error, Result};
use numpy::PyArray2;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::data::{Data, X};
use crate::diagnostics::objective_of;
use crate::errors::{detached, of_json, python};
use crate::network::{Network, Predictor, matrix};
use crate::table::{Table, encoded};

/// Times that a column is shuffled to see what it is worth.
const SHUFFLES: usize = 3;

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

    /// The rows of a table with what is to be predicted, as a data set and as a frame.
    pub(crate) fn rows_of(&self, table: &Table) -> Result<(Dataset, Frame)> {
        let by = self.by()?;
        let kinds: Vec<(&str, Kind)> = by.columns().chain(by.target().kinds()).collect();
        let frame = table.frame(&kinds)?;
        Ok((Dataset::of_frame(&frame, by)?, frame))
    }

    /// What makes inputs of the columns of a table.
    pub(crate) fn by(&self) -> Result<&Arc<Preprocessing>> {
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
    fn of_network(network: &Network, data: &Data, receipt: &str) -> PyResult<Self> {
        Ok(Self::of(model_file::Model::new((*network.get()).clone(), &data.0, of_json(receipt)?)))
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

    /// Whether its classes do not exclude each other.
    #[getter]
    fn multilabel(&self) -> bool {
        self.model.multilabel
    }

    /// Of two classes, the probability above which a row is predicted as the second, if there is one.
    #[getter]
    fn threshold(&self) -> Option<f64> {
        self.model.threshold
    }

    /// The columns that it needs, each with its kind, if it was trained on a table.
    #[getter]
    fn columns(&self) -> Option<Vec<(String, String)>> {
        let by = self.model.input.preprocessing.as_ref()?;
        Some(by.columns().map(|(name, kind)| (name.to_owned(), text(kind))).collect())
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

    /// Rows of numbers as the network sees them, which may be images.
    fn prepared(&self, py: Python<'_>, x: &X) -> PyResult<X> {
        detached(py, || x.prepared(&self.model.input))
    }

    /// Rows of a table as the network sees them.
    fn encoded(&self, py: Python<'_>, table: &Table) -> PyResult<X> {
        let by = self.by().map_err(|error| python(&error))?;
        let (inputs, _) = detached(py, || encoded(by, table))?;
        Ok(X::of(inputs.into(), table.rows(), by.width()))
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

    /// How much worse the loss is when a column is shuffled, for each column; `table` has the target too.
    fn importances(&self, py: Python<'_>, table: &Table) -> PyResult<Vec<(String, f64)>> {
        detached(py, || {
            let (data, _) = self.rows_of(table)?;
            let (predictor, objective) = (self.model.predictor(1)?, objective_of(&self.model)?);
            let found = permutation_importance(&predictor, &data, &objective, SHUFFLES, 0)?;
            Ok(found.into_iter().map(|one| (one.column, one.mean)).collect())
        })
    }
}
