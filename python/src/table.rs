//! Data frames: cells as the command line reads them from a file, and recipes for them.

use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use arrow_array::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
use layerloop::data::{Dataset, SplitBy, TableParts, TableSplit};
use layerloop::names::{parse, text};
use layerloop::network::Network;
use layerloop::preprocess::{Frame, Kind, PreprocessOptions, Preprocessing};
use layerloop::recipes::{Choice, Plan, Recipe};
use layerloop::train::{FitContext, FitOptions, fit_with};
use layerloop::{Error, Result};
use layerloop_table::{Cells, Detected, Texts, Type, as_targets, cells_of_batches, detect, typed, typed_as_detected};
use numpy::PyArray1;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict};
use serde::Deserialize;

use crate::arrays::vector;
use crate::diagnostics::{Rates, rates};
use crate::errors::{detached, guarded, of_json, python};
use crate::model::Model;
use crate::training::{Watch, history, limited};

/// What messages call a data frame.
const NAME: &str = "the table";

/// The cells of a data frame.
#[pyclass(frozen, module = "layerloop._layerloop")]
pub(crate) struct Table(Cells);

impl Table {
    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.0.rows()
    }

    /// Its columns of these kinds.
    pub(crate) fn frame(&self, kinds: &[(&str, Kind)]) -> Result<Frame> {
        let names = &self.0.names;
        if let Some((missing, _)) = kinds.iter().find(|(name, _)| !names.iter().any(|other| other == name)) {
            let near = layerloop::preprocess::suggestion(missing, names.iter().map(String::as_str));
            return Err(Error::data(NAME, format!("no column `{missing}`, which the model needs{near}")));
        }
        typed(&self.0, kinds, Path::new(NAME))
    }
}

#[pymethods]
impl Table {
    /// Of an Arrow stream, as `__arrow_c_stream__` gives it.
    #[staticmethod]
    fn of_arrow(py: Python<'_>, stream: &Bound<'_, PyCapsule>) -> PyResult<Self> {
        let pointer = stream.pointer_checked(Some(c"arrow_array_stream"))?;
        // SAFETY: the capsule has the name that the Arrow PyCapsule interface gives to a pointer to such a structure, and the stream is moved
        // out of it, so that the capsule's destructor finds a released one.
        let stream = unsafe { FFI_ArrowArrayStream::from_raw(pointer.as_ptr().cast()) };
        let reader =
            RecordBatchStreamReader::try_new(stream).map_err(|error| PyTypeError::new_err(error.to_string()))?;
        detached(py, || cells_of_batches(reader, Path::new(NAME))).map(Self)
    }

    /// Of columns as texts, where a missing one is empty; `types` has `number`, `boolean`, `text`, or nothing, for each.
    #[staticmethod]
    fn of_texts(names: Vec<String>, columns: Vec<Vec<String>>, types: Vec<String>) -> PyResult<Self> {
        let mut seen = std::collections::HashSet::new();
        if let Some(twice) = names.iter().find(|name| !seen.insert(*name)) {
            return Err(PyValueError::new_err(format!("two columns are named `{twice}`; rename one of them")));
        }
        let columns = columns.into_iter().zip(&types).map(|(cells, of)| {
            let mut texts = Texts::of(match of.as_str() {
                "integer" => Type::Integer,
                "number" => Type::Number,
                "boolean" => Type::Boolean,
                "text" => Type::Text,
                _ => Type::Unknown,
            });
            cells.iter().for_each(|cell| texts.push(cell));
            texts
        });
        let columns = columns.collect();
        Ok(Self(Cells { names, columns, first_row: 1 }))
    }

    #[getter(rows)]
    fn number_of_rows(&self) -> usize {
        self.rows()
    }

    /// Names of the columns.
    #[getter]
    fn names(&self) -> Vec<String> {
        self.0.names.clone()
    }

    /// These columns and those of another table of as many rows.
    fn beside(&self, other: &Self) -> PyResult<Self> {
        if self.0.rows() != other.0.rows() {
            let said = format!("{} rows of X and {} of y; they must be as many", self.0.rows(), other.0.rows());
            return Err(PyValueError::new_err(said));
        }
        let names = [self.0.names.as_slice(), &other.0.names].concat();
        let columns = [self.0.columns.as_slice(), &other.0.columns].concat();
        Ok(Self(Cells { names, columns, first_row: 1 }))
    }
}

/// What is asked for, by the names of the command line's options.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    target: Vec<String>,
    columns: Vec<(String, String)>,
    recipe: Option<String>,
    ensemble: Option<usize>,
    seed: u64,
    split: Option<String>,
    target_transform: Option<String>,
    /// Options of the plan and of the training, which win over the recipe's.
    hidden: Option<Vec<usize>>,
    dropout: Option<f32>,
    epochs: Option<usize>,
    batch: Option<usize>,
    lr: Option<f64>,
    validation: Option<f64>,
    patience: Option<usize>,
    time_limit: Option<f64>,
    metrics: Vec<String>,
}

/// Trains by a recipe; the model and what the run did.
#[pyfunction]
#[pyo3(signature = (table, asked, limit, on_epoch = None, weights = None))]
pub(crate) fn train_table<'py>(
    py: Python<'py>,
    table: &Table,
    asked: &str,
    limit: usize,
    on_epoch: Option<Py<PyAny>>,
    weights: Option<&Bound<'py, PyArray1<f32>>>,
) -> PyResult<(Model, Bound<'py, PyDict>)> {
    let asked: Asked = of_json(asked)?;
    let weights = weights.map(vector).transpose()?;
    let job = detached(py, || Job::new(table, weights, &asked, limit))?;
    let Job { mut network, train, validation, options, receipt, notes } = job;
    let mut watch = Watch::new(on_epoch);
    let fitted = guarded(|| {
        Ok(py.detach(|| {
            let watched = validation.iter().map(|data| ("val", data)).collect();
            let with = FitContext { watch: watched, callback: Some(&mut watch), ..FitContext::default() };
            fit_with(&mut network, &train, &options, with)
        }))
    })?;
    let interrupted = watch.exception()?;
    let report = fitted.map_err(|error| python(&error))?;
    let said = PyDict::new(py);
    said.set_item("notes", notes)?;
    said.set_item("history", history(py, &report)?)?;
    said.set_item("epochs", report.epochs.len())?;
    said.set_item("best_epoch", report.best.map(|(epoch, _)| epoch))?;
    said.set_item("seconds", report.seconds)?;
    said.set_item("interrupted", interrupted)?;
    let mut receipt = receipt;
    receipt["result"] = serde_json::json!({ "epochs": report.epochs.len(), "steps": report.steps });
    Ok((Model::of(layerloop::model_file::Model::new(network, &train, receipt)), said))
}

/// Learning rates of a short run by a recipe, the smoothed loss at each, and the one at which the loss falls fastest.
#[pyfunction]
#[pyo3(signature = (table, asked, limit, weights = None))]
pub(crate) fn find_lr_of_table(
    py: Python<'_>,
    table: &Table,
    asked: &str,
    limit: usize,
    weights: Option<&Bound<'_, PyArray1<f32>>>,
) -> PyResult<Rates> {
    let asked: Asked = of_json(asked)?;
    let weights = weights.map(vector).transpose()?;
    detached(py, || {
        let Job { network, train, options, .. } = Job::new(table, weights, &asked, limit)?;
        rates(&network, &train, &options)
    })
}

/// A run that can begin.
struct Job {
    network: Network,
    train: Dataset,
    validation: Option<Dataset>,
    options: FitOptions,
    receipt: serde_json::Value,
    notes: Vec<String>,
}

impl Job {
    /// As `layerloop train` makes it.
    fn new(table: &Table, weights: Option<Vec<f32>>, asked: &Asked, limit: usize) -> Result<Self> {
        let (mut frame, columns) = typed_for(table, asked)?;
        if let Some(weights) = weights {
            frame = frame.with_weights(weights)?;
        }
        let kind = |name: &String| columns.iter().find(|column| column.name == *name).map(|column| column.kind);
        let classes = asked.target.iter().any(|name| matches!(kind(name), Some(Kind::Category | Kind::Boolean)));
        let used = columns.iter().filter(|column| column.kind.is_used()).count();
        let (plan, recipe, mut notes) = planned(asked, frame.rows(), used, classes)?;
        let mut split = TableSplit::default();
        (split.validation, split.seed) = (plan.validation, asked.seed);
        split.by = asked.split.as_deref().map(str::parse::<SplitBy>).transpose()?.unwrap_or_default();
        let target: Vec<&str> = asked.target.iter().map(String::as_str).collect();
        let by = preprocessing(&plan, asked)?;
        let fit = |train: &Frame| Preprocessing::fit(train, &target, &by);
        let (train, validation, more) = TableParts::without_test(&frame, &target, &split, fit)?;
        notes.extend(more);
        notes.extend(left_out(&columns));
        let spec = plan.spec(&train);
        let mut options = FitOptions { layer_rates: plan.layer_rates(&spec)?, seed: asked.seed, ..plan.options() };
        options.time_limit = asked.time_limit.map(seconds).transpose()?;
        options.metrics = asked.metrics.iter().map(|name| name.parse()).collect::<Result<_>>()?;
        let network = Network::started_by(&spec, &train, asked.seed)?;
        let receipt = serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"), "seed": asked.seed, "recipe": text(recipe),
            "options": options.described_shortly(), "data": { "name": NAME, "rows": train.rows(), "sha256": train.sha256() },
        });
        let options = limited(options, &network, train.rows(), limit);
        Ok(Self { network, train, validation, options, receipt, notes })
    }
}

fn seconds(number: f64) -> Result<Duration> {
    let reason = format!("{number}; expected a number of seconds, at least 0");
    Duration::try_from_secs_f64(number).map_err(|_| Error::config("time_limit", reason))
}

fn typed_for(table: &Table, asked: &Asked) -> Result<(Frame, Vec<Detected>)> {
    let path = Path::new(NAME);
    let given = asked.columns.iter().map(|(name, kind)| Ok((name.clone(), parse::<Kind>(kind)?)));
    let given = given.collect::<Result<Vec<_>>>()?;
    let mut columns = detect(&table.0, &given, false, path)?;
    as_targets(&mut columns, &asked.target, &given);
    let frame = typed_as_detected(&table.0, &mut columns, path)?;
    Ok((frame, columns))
}

/// The recipe that was asked for, or chosen, with what was asked for in place of its own.
fn planned(asked: &Asked, rows: usize, columns: usize, classes: bool) -> Result<(Plan, Recipe, Vec<String>)> {
    let cores = available_parallelism().map_or(1, usize::from);
    let choice = asked.recipe.is_none().then(|| Choice::for_table(rows, columns, classes, cores));
    let recipe = match (&asked.recipe, &choice) {
        (Some(name), _) => parse::<Recipe>(name)?,
        (None, choice) => choice.as_ref().map_or(Recipe::Plain, |choice| choice.recipe),
    };
    let mut plan = recipe.plan_for_table(rows, classes)?;
    plan.ensemble = asked.ensemble.or(choice.as_ref().map(|choice| choice.ensemble)).unwrap_or(1);
    let Asked { hidden, dropout, epochs, batch, lr, validation, patience, .. } = asked;
    plan.hidden = hidden.clone().unwrap_or(plan.hidden);
    plan.dropout = dropout.unwrap_or(plan.dropout);
    plan.epochs = epochs.unwrap_or(plan.epochs);
    plan.batch = batch.unwrap_or(plan.batch);
    plan.learning_rate = lr.unwrap_or(plan.learning_rate);
    plan.validation = validation.unwrap_or(plan.validation);
    plan.patience = patience.or(plan.patience);
    if plan.validation == 0.0 {
        plan.patience = None;
    }
    let networks = if plan.ensemble > 1 { format!(" with {} networks", plan.ensemble) } else { String::new() };
    let why = choice.map(|choice| format!("recipe {}{networks}: {}", text(recipe), choice.reason));
    Ok((plan, recipe, why.into_iter().collect()))
}

fn preprocessing(plan: &Plan, asked: &Asked) -> Result<PreprocessOptions> {
    let mut options = PreprocessOptions::default();
    (options.scaling, options.embed_above, options.clamp) = (plan.scaling, plan.embed_above, plan.clamp);
    if let Some(name) = &asked.target_transform {
        options.target_transform = parse(name)?;
    }
    Ok(options)
}

/// A sentence of the columns that are left out.
fn left_out(columns: &[Detected]) -> Option<String> {
    let reason = |column: &Detected| {
        let reason = column.reason.as_deref().unwrap_or("as given");
        format!("`{}` ({}: {reason})", column.name, text(column.kind))
    };
    let unused: Vec<String> = columns.iter().filter(|column| !column.kind.is_used()).map(reason).collect();
    (!unused.is_empty()).then(|| format!("left out: {}", unused.join(", ")))
}

/// The inputs that a model makes of a table: rows x inputs, and warnings.
pub(crate) fn encoded(by: &Arc<Preprocessing>, table: &Table) -> Result<(Vec<f32>, Vec<String>)> {
    let kinds: Vec<(&str, Kind)> = by.columns().collect();
    let encoded = by.inputs(&table.frame(&kinds)?)?;
    Ok((encoded.inputs, encoded.unseen.iter().map(ToString::to_string).collect()))
}
