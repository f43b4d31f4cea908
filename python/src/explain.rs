//! Pages and explanations.

use layerloop::Result;
use layerloop::data::Dataset;
use layerloop::explain::{Attribution, Attributor, Trace, check_gradients};
use layerloop::names::parse;
use layerloop::preprocess::Frame;
use layerloop::train::History;
use layerloop_page::Contents;
use numpy::PyArray1;
use pyo3::prelude::*;

use crate::data::{Data, X};
use crate::diagnostics::{json, objective, objective_of};
use crate::errors::detached;
use crate::model::Model;
use crate::network::Network;
use crate::table::Table;

/// The walk through the layer loops of the first row: the page, and its numbers as JSON.
#[pyfunction]
#[pyo3(signature = (network, data, loss = None))]
pub(crate) fn walk(py: Python<'_>, network: &Network, data: &Data, loss: Option<&str>) -> PyResult<(String, String)> {
    let network = network.get();
    detached(py, || {
        let trace = Trace::of(&network, &data.0, 0, &objective(loss)?)?;
        Ok((layerloop_page::explain::html(&trace, &data.0)?, json(&trace)?))
    })
}

/// The report of a model, as a page.
#[pyfunction]
pub(crate) fn report(
    py: Python<'_>,
    model: &Model,
    train: &Data,
    test: &Data,
    history: Vec<(String, Vec<f64>)>,
    seconds: f64,
) -> PyResult<String> {
    detached(py, || page(model, [&train.0, &test.0], &history, seconds, None))
}

/// The report of a model of a table, evaluated on the rows of one.
#[pyfunction]
pub(crate) fn report_of_table(
    py: Python<'_>,
    model: &Model,
    table: &Table,
    history: Vec<(String, Vec<f64>)>,
    seconds: f64,
) -> PyResult<String> {
    detached(py, || {
        let (data, frame) = model.rows_of(table)?;
        page(model, [&data, &data], &history, seconds, Some(&frame))
    })
}

/// The rows of a table with what is to be predicted, as a model has them.
#[pyfunction]
pub(crate) fn data_of_table(py: Python<'_>, model: &Model, table: &Table) -> PyResult<Data> {
    detached(py, || model.rows_of(table)).map(|(data, _)| Data(data))
}

fn page(
    model: &Model,
    [train, test]: [&Dataset; 2],
    columns: &[(String, Vec<f64>)],
    seconds: f64,
    sample: Option<&Frame>,
) -> Result<String> {
    let mut history = History::new(columns.iter().map(|(name, _)| name.as_str()));
    let epochs = columns.first().map_or(0, |(_, values)| values.len());
    (0..epochs).for_each(|epoch| history.push(columns.iter().map(|(_, values)| values[epoch])));
    let model = model.model();
    let objective = &objective_of(model)?;
    layerloop_page::html(&Contents { model, train, test, history: &history, norms: &[], objective, seconds, sample })
}

/// What each input of a row had to do with an output.
#[pyfunction]
pub(crate) fn attribute<'py>(
    py: Python<'py>,
    network: &Network,
    row: &X,
    output: Option<usize>,
    by: &str,
) -> PyResult<Bound<'py, PyArray1<f32>>> {
    let network = network.get();
    let found = detached(py, || {
        Attributor::new(&network, None, 1)?.attribute(&row.values()?, output, parse::<Attribution>(by)?)
    })?;
    Ok(PyArray1::from_vec(py, found.values))
}

/// Whether the fast gradient is that of the derivation, and the differences of each layer as JSON.
#[pyfunction]
pub(crate) fn gradients_agree(py: Python<'_>, network: &Network, data: &Data) -> PyResult<(bool, String)> {
    let network = network.get();
    detached(py, || {
        let check = check_gradients(&network, &data.0, 1)?;
        Ok((check.passed(), json(&check)?))
    })
}
