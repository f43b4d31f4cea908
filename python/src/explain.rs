//! Pages and explanations.

use layerloop::data::Dataset;
use layerloop::explain::{Attribution, Attributor, Trace, check_gradients};
use layerloop::names::parse;
use layerloop::preprocess::Kind;
use layerloop::train::{History, Objective};
use layerloop::{Error, Result};
use layerloop_page::Contents;
use pyo3::prelude::*;

use crate::data::Data;
use crate::errors::detached;
use crate::model::Model;
use crate::network::Network;
use crate::table::Table;

/// The walk through the layer loops of the first row: the page, and its numbers as JSON.
#[pyfunction]
pub(crate) fn walk(py: Python<'_>, network: &Network, data: &Data) -> PyResult<(String, String)> {
    let network = network.get();
    detached(py, || {
        let trace = Trace::of(&network, &data.0, 0, &Objective::default())?;
        let numbers = serde_json::to_string(&trace).map_err(|error| Error::config("trace", error.to_string()))?;
        Ok((layerloop_page::explain::html(&trace, &data.0)?, numbers))
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
        let (data, frame) = rows_of(model, table)?;
        page(model, [&data, &data], &history, seconds, Some(&frame))
    })
}

/// The rows of a table with what is to be predicted, as a model has them.
#[pyfunction]
pub(crate) fn data_of_table(py: Python<'_>, model: &Model, table: &Table) -> PyResult<Data> {
    detached(py, || rows_of(model, table)).map(|(data, _)| Data(data))
}

/// The rows of a table with what is to be predicted, as a data set and as a frame.
fn rows_of(model: &Model, table: &Table) -> Result<(Dataset, layerloop::preprocess::Frame)> {
    let by = model.by()?;
    let kinds: Vec<(&str, Kind)> = by.columns().chain(by.target().kinds()).collect();
    let frame = table.frame(&kinds)?;
    Ok((Dataset::of_frame(&frame, by)?, frame))
}

fn page(
    model: &Model,
    [train, test]: [&Dataset; 2],
    columns: &[(String, Vec<f64>)],
    seconds: f64,
    sample: Option<&layerloop::preprocess::Frame>,
) -> Result<String> {
    let mut history = History::new(columns.iter().map(|(name, _)| name.as_str()));
    let epochs = columns.first().map_or(0, |(_, values)| values.len());
    (0..epochs).for_each(|epoch| history.push(columns.iter().map(|(_, values)| values[epoch])));
    let (model, objective) = (model.model(), &Objective::default());
    layerloop_page::html(&Contents { model, train, test, history: &history, norms: &[], objective, seconds, sample })
}

/// What each input of a row had to do with an output: the contributions, their sum, and the output that they explain.
#[pyfunction]
#[pyo3(signature = (network, row, output = None, by = "integrated-gradients"))]
pub(crate) fn attribute(
    py: Python<'_>,
    network: &Network,
    row: Vec<f32>,
    output: Option<usize>,
    by: &str,
) -> PyResult<(Vec<f32>, usize)> {
    let network = network.get();
    detached(py, || {
        let found = Attributor::new(&network, None, 1)?.attribute(&row, output, parse::<Attribution>(by)?)?;
        Ok((found.values, found.output))
    })
}

/// Whether the fast gradient is that of the derivation, and the differences of each layer as JSON.
#[pyfunction]
pub(crate) fn gradients_agree(py: Python<'_>, network: &Network, data: &Data) -> PyResult<(bool, String)> {
    let network = network.get();
    detached(py, || {
        let check = check_gradients(&network, &data.0, 1)?;
        let numbers = serde_json::to_string(&check).map_err(|error| Error::config("check", error.to_string()))?;
        Ok((check.passed(), numbers))
    })
}
