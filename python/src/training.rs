//! Training, without the interpreter's lock.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use layerloop::data::Dataset;
use layerloop::train::{
    Callback, Checkpoint, Checkpoints, EpochEnd, Every, FitContext, FitOptions, Identity, Report, Run, StepEnd,
    default_threads, fit_with,
};
use layerloop::{Error, network};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::data::Data;
use crate::errors::{guarded, of_json, python};
use crate::kept::Kept;
use crate::network::Network;
use crate::rules::{Followed, Rules};

/// Time between two looks for Ctrl-C.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What the coming steps of a run depend on: the moments of its optimiser, its learning rate.
#[pyclass(frozen, module = "layerloop._layerloop")]
pub(crate) struct Memory(Checkpoint);

#[pymethods]
impl Memory {
    /// To be kept with a pickle; nothing where a number is not finite.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.0.to_bytes("memory".as_ref()).ok().map(|bytes| PyBytes::new(py, &bytes))
    }

    #[staticmethod]
    fn of_bytes(bytes: &[u8]) -> PyResult<Self> {
        Checkpoint::from_bytes(bytes, "the pickle".as_ref()).map(Self).map_err(|error| python(&error))
    }
}

/// Watches a run for Python.
pub(crate) struct Watch {
    rules: Option<Followed>,
    on_epoch: Option<Py<PyAny>>,
    looked: Instant,
    interrupted: bool,
    /// What a function of the user raised.
    raised: Option<PyErr>,
    keeps: bool,
    memory: Option<Checkpoint>,
}

impl Watch {
    pub(crate) fn new(on_epoch: Option<Py<PyAny>>) -> Self {
        let (rules, raised, memory) = (None, None, None);
        Self { rules, on_epoch, looked: Instant::now(), interrupted: false, raised, keeps: false, memory }
    }

    /// Looks for Ctrl-C and other signals.
    fn signals(&mut self) -> ControlFlow<()> {
        if self.looked.elapsed() < LOOK_EVERY {
            return ControlFlow::Continue(());
        }
        self.looked = Instant::now();
        Python::attach(|py| match py.check_signals() {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) if error.is_instance_of::<PyKeyboardInterrupt>(py) => {
                self.interrupted = true;
                ControlFlow::Break(())
            }
            Err(error) => {
                self.raised = Some(error);
                ControlFlow::Break(())
            }
        })
    }

    /// Tells the user's function, which ends the run by `True` or an exception.
    fn tell(&mut self, end: &EpochEnd, run: &Run) -> ControlFlow<()> {
        let Some(on_epoch) = &self.on_epoch else { return ControlFlow::Continue(()) };
        let told = Python::attach(|py| {
            let values = PyDict::new(py);
            for name in run.history().names() {
                values.set_item(name, run.history().last(name))?;
            }
            values.set_item("loss", end.train_loss)?;
            if let Some(rules) = &self.rules {
                values.set_item("loss", rules.losses.last())?;
                values.set_item("score", rules.scores.last())?;
            }
            let said = on_epoch.call1(py, (values,))?;
            said.bind(py).is_truthy()
        });
        match told {
            Ok(false) => ControlFlow::Continue(()),
            Ok(true) => ControlFlow::Break(()),
            Err(error) => {
                self.interrupted = Python::attach(|py| error.is_instance_of::<PyKeyboardInterrupt>(py));
                self.raised = Some(error).filter(|_| !self.interrupted);
                ControlFlow::Break(())
            }
        }
    }

    /// The exception that ended the run, if one did.
    pub(crate) fn exception(&mut self) -> PyResult<bool> {
        self.raised.take().map_or(Ok(self.interrupted), Err)
    }
}

impl Callback for Watch {
    fn on_step(&mut self, _: &StepEnd, _: &mut Run) -> ControlFlow<()> {
        self.signals()
    }

    fn on_epoch(&mut self, end: &EpochEnd, run: &mut Run) -> ControlFlow<()> {
        let flow = match &mut self.rules {
            Some(rules) => rules.epoch(end.train_loss, run),
            None => ControlFlow::Continue(()),
        };
        let told = self.tell(end, run);
        if flow.is_break() { flow } else { told }
    }

    fn on_end(&mut self, _: &Report, run: &mut Run) {
        self.memory = self.keeps.then(|| run.checkpoint());
    }
}

/// The options with at most `limit` threads.
pub(crate) fn limited(mut options: FitOptions, network: &network::Network, rows: usize, limit: usize) -> FitOptions {
    let batch = options.batch.min(rows);
    let threads = options.threads.unwrap_or_else(|| default_threads(network.spec(), batch));
    options.threads = Some(if options.threads.is_some() { threads } else { threads.min(limit.max(1)) });
    options
}

/// What a run measured, by name.
pub(crate) fn history<'py>(py: Python<'py>, report: &Report) -> PyResult<Bound<'py, PyDict>> {
    let columns = PyDict::new(py);
    for name in report.history.names() {
        let values: Vec<f64> = report.history.column(name).into_iter().flatten().collect();
        columns.set_item(name, values)?;
    }
    Ok(columns)
}

/// Trains a network; what the run did, by name.
#[pyfunction]
#[pyo3(signature = (network, data, options, limit, validation = None, rules = None, memory = None, keeps = false, on_epoch = None, run = None))]
#[expect(clippy::too_many_arguments, reason = "one call for the package's own Python code")]
pub(crate) fn train<'py>(
    py: Python<'py>,
    network: &Network,
    data: &Data,
    options: &str,
    limit: usize,
    validation: Option<&Data>,
    rules: Option<&str>,
    memory: Option<&Memory>,
    keeps: bool,
    on_epoch: Option<Py<PyAny>>,
    run: Option<PathBuf>,
) -> PyResult<Bound<'py, PyDict>> {
    let options: FitOptions = of_json(options)?;
    let rules: Option<Rules> = rules.map(of_json).transpose()?;
    let mut trained = (*network.get()).clone();
    let mut options = limited(options, &trained, data.0.rows(), limit);
    let from = memory.map(|memory| memory.0.clone());
    if let Some(from) = &from {
        options.epochs += from.epochs();
    }
    let mut watch = Watch::new(on_epoch);
    watch.rules = rules.map(|rules| Followed::new(rules, &trained));
    watch.keeps = keeps;
    let validation = validation.map(|data| &data.0);
    if let Some(rules) = &mut watch.rules {
        rules.held = validation.cloned();
    }
    let (from, checkpoints) = match &run {
        Some(folder) => {
            let resumed = py.detach(|| resumed(folder, &trained, &data.0, &mut watch, &mut options));
            resumed.map_err(|error| python(&error))?
        }
        None => (from, None),
    };
    let mut both = (&mut watch, checkpoints);
    let fitted = guarded(|| {
        Ok(py.detach(|| {
            let watched = validation.iter().map(|data| ("val", *data)).collect();
            let with =
                FitContext { watch: watched, callback: Some(&mut both), from, anyway: true, ..FitContext::default() };
            fit_with(&mut trained, &data.0, &options, with)
        }))
    })?;
    drop(both);
    let interrupted = watch.exception()?;
    let said = PyDict::new(py);
    said.set_item("interrupted", interrupted)?;
    match &fitted {
        Ok(report) => described(&said, report)?,
        Err(error @ Error::Diverged { .. }) => said.set_item("diverged", error.to_string())?,
        Err(error) => return Err(python(error)),
    }
    let best = watch.rules.map(|rules| followed(&said, rules)).transpose()?.flatten();
    network.set(best.unwrap_or(trained));
    said.set_item("memory", watch.memory.map(Memory))?;
    Ok(said)
}

/// What scikit-learn's attributes have of a run, and the network of its best score.
fn followed(said: &Bound<'_, PyDict>, followed: Followed) -> PyResult<Option<network::Network>> {
    let Followed { rules, losses, scores, best_network, converged, best, .. } = followed;
    let Rules { without, seen, .. } = rules;
    for (name, value) in [("best", best), ("seen", seen)] {
        said.set_item(name, value)?;
    }
    said.set_item("without", without)?;
    said.set_item("losses", losses)?;
    said.set_item("scores", scores)?;
    said.set_item("converged", converged)?;
    Ok(best_network)
}

/// Where a run in a folder goes on, and what keeps its checkpoints; one that has ended takes no further epoch.
fn resumed(
    folder: &Path,
    network: &network::Network,
    data: &Dataset,
    watch: &mut Watch,
    options: &mut FitOptions,
) -> layerloop::Result<(Option<Checkpoint>, Option<Checkpoints>)> {
    let (place, sha256) = (folder.join("checkpoints"), data.sha256());
    let newest = if place.exists() { Checkpoints::newest(&place)?.0 } else { None };
    if let Some(newest) = &newest {
        let data = Identity { sha256: Some(sha256.clone()), ..Identity::of(data) };
        let differences = newest.differences(network, &options.described(), &data);
        if !differences.is_empty() {
            let reason = format!("{} is of another run: {}", folder.display(), differences.join("; "));
            return Err(Error::config("run", reason));
        }
    }
    if let Some(rules) = &mut watch.rules {
        rules.kept = Some(Kept::in_folder(folder));
        if let Some(newest) = &newest
            && rules.resume(newest.epochs(), &newest.network()?)
        {
            options.epochs = newest.epochs();
        }
    }
    let checkpoints = Checkpoints::new(&place, Every::Epochs(1), 3, |_| {})?.with_sha256(sha256);
    Ok((newest, Some(checkpoints)))
}

fn described(said: &Bound<'_, PyDict>, report: &Report) -> PyResult<()> {
    said.set_item("history", history(said.py(), report)?)?;
    said.set_item("steps", report.steps)?;
    said.set_item("seconds", report.seconds)?;
    said.set_item("threads", report.threads)?;
    said.set_item("stopped", report.stopped.map(|why| serde_json::to_value(why).unwrap_or_default().to_string()))?;
    said.set_item("best_epoch", report.best.map(|(epoch, _)| epoch))
}
