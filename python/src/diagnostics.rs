//! What is wrong with a model, and with its data: mistakes, suspicious rows, curvature, learning rates.

use layerloop::data::{Dataset, Targets};
use layerloop::explain::{self, Hessian};
use layerloop::model_file::Model;
use layerloop::names::parse;
use layerloop::network::{self, Predictor};
use layerloop::train::{self, FitOptions, Loss, Objective, find_learning_rate};
use layerloop::{Error, Result};
use layerloop_page::Surface;
use layerloop_page::scores::threads_for;
use numpy::{PyArray1, PyArray2, PyArrayMethods as _};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::Serialize;

use crate::data::Data;
use crate::errors::{detached, of_json};
use crate::formats::model_of;
use crate::network::{Network, matrix};
use crate::training::limited;

/// Steps of Lanczos and probes of Hutchinson, as the command line has them.
const STEPS: usize = 30;
const PROBES: usize = 20;

/// What is minimised, if a loss is named; else what the output map is made for.
pub(crate) fn objective(loss: Option<&str>) -> Result<Objective> {
    let loss = loss.map(parse::<Loss>).transpose()?;
    Ok(Objective { loss: loss.map(Into::into), ..Objective::default() })
}

/// What a model was trained by.
pub(crate) fn objective_of(model: &Model) -> Result<Objective> {
    objective(model.receipt["options"]["loss"].as_str())
}

fn threads(network: &network::Network, limit: usize) -> usize {
    threads_for(network.spec()).min(limit.max(1))
}

/// As the package's own Python code reads it.
pub(crate) fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::config("json", error.to_string()))
}

/// The rows with the largest loss of those that are predicted wrong, as JSON; and as a page, if `html` asks for one.
#[pyfunction]
#[pyo3(signature = (network, train, data, top, limit, loss = None, html = false))]
#[expect(clippy::too_many_arguments, reason = "one call for the package's own Python code")]
pub(crate) fn mistakes(
    py: Python<'_>,
    network: &Network,
    train: &Data,
    data: &Data,
    top: usize,
    limit: usize,
    loss: Option<&str>,
    html: bool,
) -> PyResult<(String, Option<String>)> {
    let network = network.get();
    detached(py, || {
        if top == 0 {
            return Err(Error::config("top", "0 mistakes; at least 1 is needed for an explanation"));
        }
        let (threads, parts) = (threads(&network, limit), [&train.0, &data.0]);
        let worst = explain::mistakes(&network, parts, &objective(loss)?, top, threads)?;
        let page = html.then(|| layerloop_page::mistakes::html(&model_of(&network), parts, &worst));
        Ok((json(&worst)?, page.transpose()?))
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

/// The largest eigenvalue and the trace of the Hessian of the mean loss of the first rows, as JSON; and the loss along the two
/// directions of largest curvature, if `surface` asks for it.
#[pyfunction]
#[pyo3(signature = (network, data, rows, limit, loss = None, surface = false))]
pub(crate) fn curvature(
    py: Python<'_>,
    network: &Network,
    data: &Data,
    rows: usize,
    limit: usize,
    loss: Option<&str>,
    surface: bool,
) -> PyResult<(String, Option<Around>)> {
    let network = network.get();
    detached(py, || {
        if rows == 0 {
            return Err(Error::config("rows", "0; at least 1 is needed for a Hessian"));
        }
        let (data, objective, threads) = (data.0.head(rows), objective(loss)?, threads(&network, limit));
        let hessian = Hessian::of(&network, &data, &objective, threads)?;
        let largest = hessian.largest(STEPS, 0)?;
        let around = surface.then(|| Surface::around(&network, &data, &objective, &largest, hessian.loss(), threads));
        let found = json(&serde_json::json!({
            "rows": data.rows(), "parameters": hessian.size(), "largest_eigenvalue": largest,
            "trace": hessian.trace(PROBES, 0)?,
        }))?;
        let around = around.transpose()?.map(|around| {
            let picture = around.svg();
            (around.distances, around.losses, picture)
        });
        Ok((found, around))
    })
}

/// Distances along each of two directions; the losses there, a row for each distance along the second, from the last to the first; and the picture.
type Around = (Vec<f64>, Vec<Vec<f64>>, String);

/// Learning rates, the smoothed loss at each, and the one at which the loss falls fastest.
pub(crate) type Rates = (Vec<f64>, Vec<f64>, Option<f64>);

/// Those of a short run.
#[pyfunction]
pub(crate) fn find_lr(py: Python<'_>, network: &Network, data: &Data, options: &str, limit: usize) -> PyResult<Rates> {
    let options: FitOptions = of_json(options)?;
    let network = network.get();
    detached(py, || rates(&network, &data.0, &limited(options, &network, data.0.rows(), limit)))
}

pub(crate) fn rates(network: &network::Network, data: &Dataset, options: &FitOptions) -> Result<Rates> {
    let found = find_learning_rate(network, data, options)?;
    Ok((found.rates, found.losses, found.proposed))
}
