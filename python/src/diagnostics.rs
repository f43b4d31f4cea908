//! What is wrong with a model, and with its data: mistakes, suspicious rows, curvature, learning rates.

use layerloop::data::{Dataset, Targets};
use layerloop::explain::{self, Hessian};
use layerloop::names::parse;
use layerloop::network::{self, Predictor};
use layerloop::train::{self, FitOptions, Loss, Objective, find_learning_rate};
use layerloop::{Error, Result};
use layerloop_page::scores::threads_for;
use numpy::{PyArray1, PyArray2, PyArrayMethods as _};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::Serialize;

use crate::data::Data;
use crate::errors::detached;
use crate::network::{Network, matrix};
use crate::training::limited;

/// Steps of Lanczos and probes of Hutchinson, as the command line has them.
const STEPS: usize = 30;
const PROBES: usize = 20;

fn objective(loss: Option<&str>) -> Result<Objective> {
    let loss = loss.map(parse::<Loss>).transpose()?;
    Ok(Objective { loss: loss.map(Into::into), ..Objective::default() })
}

fn threads(network: &network::Network, limit: usize) -> usize {
    threads_for(network.spec()).min(limit.max(1))
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::config("json", error.to_string()))
}

/// The rows with the largest loss of those that are predicted wrong, as JSON.
#[pyfunction]
#[pyo3(signature = (network, train, data, top, limit, loss = None))]
pub(crate) fn mistakes(
    py: Python<'_>,
    network: &Network,
    train: &Data,
    data: &Data,
    top: usize,
    limit: usize,
    loss: Option<&str>,
) -> PyResult<String> {
    let network = network.get();
    detached(py, || {
        if top == 0 {
            return Err(Error::config("top", "0 mistakes; at least 1 is needed for an explanation"));
        }
        let threads = threads(&network, limit);
        json(&explain::mistakes(&network, [&train.0, &data.0], &objective(loss)?, top, threads)?)
    })
}

/// Of each row the loss, the norm of its gradient, the outputs and what they should be.
#[pyfunction]
#[pyo3(signature = (network, data, limit, loss = None))]
pub(crate) fn samples<'py>(
    py: Python<'py>,
    network: &Network,
    data: &Data,
    limit: usize,
    loss: Option<&str>,
) -> PyResult<Bound<'py, PyDict>> {
    let network = network.get();
    let (rows, outputs) = detached(py, || {
        let threads = threads(&network, limit);
        let rows = train::samples(&network, &data.0, &objective(loss)?, threads)?;
        let outputs = Predictor::new(network, threads)?.probabilities(data.0.inputs())?;
        Ok((rows, outputs))
    })?;
    let found = PyDict::new(py);
    found.set_item("loss", PyArray1::from_iter(py, rows.iter().map(|row| row.loss)))?;
    found.set_item("gradient_norm", PyArray1::from_iter(py, rows.iter().map(|row| row.gradient_norm)))?;
    found.set_item("outputs", matrix(py, outputs, rows.len())?)?;
    match data.0.targets() {
        Targets::Labels { labels, .. } => found.set_item("labels", PyArray1::from_slice(py, labels))?,
        Targets::Numbers { .. } => found.set_item("targets", numbers(py, &data.0)?)?,
    }
    Ok(found)
}

fn numbers<'py>(py: Python<'py>, data: &Dataset) -> PyResult<Bound<'py, PyArray2<f32>>> {
    PyArray1::from_slice(py, data.numbers()).reshape([data.rows(), data.target_names().len()])
}

/// The largest eigenvalue and the trace of the Hessian of the mean loss of the first rows, as JSON.
#[pyfunction]
#[pyo3(signature = (network, data, rows, limit, loss = None))]
pub(crate) fn curvature(
    py: Python<'_>,
    network: &Network,
    data: &Data,
    rows: usize,
    limit: usize,
    loss: Option<&str>,
) -> PyResult<String> {
    let network = network.get();
    detached(py, || {
        if rows == 0 {
            return Err(Error::config("rows", "0; at least 1 is needed for a Hessian"));
        }
        let data = data.0.head(rows);
        let hessian = Hessian::of(&network, &data, &objective(loss)?, threads(&network, limit))?;
        json(&serde_json::json!({
            "rows": data.rows(), "parameters": hessian.size(), "largest_eigenvalue": hessian.largest(STEPS, 0)?,
            "trace": hessian.trace(PROBES, 0)?,
        }))
    })
}

/// Learning rates, the smoothed loss at each, and the one at which the loss falls fastest.
#[pyfunction]
pub(crate) fn find_lr(
    py: Python<'_>,
    network: &Network,
    data: &Data,
    options: &str,
    limit: usize,
) -> PyResult<(Vec<f64>, Vec<f64>, Option<f64>)> {
    let options: FitOptions = serde_json::from_str(options).map_err(|e| PyValueError::new_err(e.to_string()))?;
    let network = network.get();
    detached(py, || {
        let options = limited(options, &network, data.0.rows(), limit);
        let found = find_learning_rate(&network, &data.0, &options)?;
        Ok((found.rates, found.losses, found.proposed))
    })
}
