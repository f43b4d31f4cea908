//! Models in the formats of other programs.

use std::path::PathBuf;

use layerloop::files::write_atomically;
use layerloop::model_file::{self, Input};
use layerloop::names::parse;
use layerloop::network::{self, Tensor};
use layerloop::{Error, Result};
use layerloop_formats::code::{Language, Loss, generate};
use layerloop_formats::{onnx, torch};
use numpy::{PyArray1, PyArrayMethods as _};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::arrays::vector;
use crate::data::X;
use crate::errors::detached;
use crate::model::Model;

/// A model of a network alone: classes are numbered from 0, the numbers that it predicts are y1, y2, ...
pub(crate) fn model_of(network: &network::Network) -> model_file::Model {
    let (count, output) = (network.classes(), network.spec().output);
    let classes = match output.is_classifier() {
        true => (0..count).map(|i| i.to_string()).collect(),
        false => (1..=count).map(|i| format!("y{i}")).collect(),
    };
    let input = Input { scale: 1.0, image: None, fit: None, columns: None, standardisation: None, preprocessing: None };
    let multilabel = model_file::has_labels(network.spec());
    let receipt = serde_json::json!({});
    model_file::Model { network: network.clone(), classes, input, receipt, threshold: None, multilabel }
}

/// An option's name as it is in Python: `--opset` is `opset`, and `--to` is a method.
fn named(error: Error, method: &str) -> Error {
    match error {
        Error::Config { field, reason } if field.starts_with("--to") => Error::config(method, reason),
        Error::Config { field, reason } => Error::config(field.trim_start_matches("--"), reason),
        other => other,
    }
}

/// What is given back: nothing, where it is written to a file.
fn kept<T: AsRef<[u8]>>(path: Option<PathBuf>, file: T) -> Result<Option<T>> {
    match path {
        Some(path) => write_atomically(&path, file.as_ref()).map(|()| None),
        None => Ok(Some(file)),
    }
}

/// A model as an ONNX file: its bytes, or nothing where `path` names a file.
#[pyfunction]
pub(crate) fn to_onnx<'py>(
    py: Python<'py>,
    model: &Model,
    path: Option<PathBuf>,
    output: Option<String>,
    opset: i64,
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let model = model.model();
    // A network for numbers has them in place of probabilities.
    let classes = model.network.spec().output.is_classifier() && model.classes.len() == model.network.classes();
    let output = output.filter(|name| classes || *name != "probabilities");
    let bytes = detached(py, || {
        let options = onnx::Export { output, opset };
        kept(path, onnx::export(model, &options).map_err(|error| named(error, "to_onnx"))?)
    })?;
    Ok(bytes.map(|bytes| PyBytes::new(py, &bytes)))
}

/// A model as a file of code: its text, or nothing where `path` names a file.
#[pyfunction]
pub(crate) fn to_code(
    py: Python<'_>,
    model: &Model,
    language: &str,
    path: Option<PathBuf>,
    quantize: Option<&str>,
) -> PyResult<Option<String>> {
    detached(py, || {
        quantize.map_or(Ok(()), check_quantize)?;
        let code = generate(model.model(), parse::<Language>(language)?, quantize.is_some());
        let code = code.map_err(|error| named(error, &format!("to_{language}")))?;
        kept(path, code)
    })
}

fn check_quantize(name: &str) -> Result<()> {
    if name == "int8" {
        return Ok(());
    }
    Err(Error::config("quantize", format!("`{name}`; expected int8 or None")))
}

/// How much the predictions for some rows change with quantised weights: for how many of them another class is the most probable one, where
/// there are classes, and the largest difference of an output.
#[pyfunction]
pub(crate) fn quantization_loss(
    py: Python<'_>,
    model: &Model,
    x: &X,
    quantize: &str,
) -> PyResult<(Option<usize>, f32)> {
    let model = model.model();
    detached(py, || {
        check_quantize(quantize)?;
        let loss = Loss::of(model, &x.scaled(&model.input)?)?;
        Ok((model.network.spec().output.is_classifier().then_some(loss.changed), loss.largest))
    })
}

/// A model as the tensors of an `nn.Sequential`, with the Python code that makes it.
#[pyfunction]
pub(crate) fn to_torch<'py>(py: Python<'py>, model: &Model) -> PyResult<(Bound<'py, PyDict>, String)> {
    let (tensors, modules) =
        detached(py, || torch::to_tensors(model.model()).map_err(|error| named(error, "to_torch_state_dict")))?;
    let arrays = PyDict::new(py);
    for Tensor { name, shape, values, .. } in tensors {
        arrays.set_item(name, PyArray1::from_vec(py, values).reshape(shape)?)?;
    }
    Ok((arrays, modules))
}

/// Reads an ONNX file.
#[pyfunction]
pub(crate) fn from_onnx(py: Python<'_>, file: &Bound<'_, PyAny>) -> PyResult<Model> {
    if let Ok(bytes) = file.cast::<PyBytes>() {
        let bytes = bytes.as_bytes();
        return detached(py, || onnx::import::from_bytes("the bytes", bytes)).map(Model::of);
    }
    let path: PathBuf = file.extract()?;
    detached(py, || onnx::import(&path)).map(Model::of)
}

/// Reads the tensors of an `nn.Sequential`, each with its name, shape and values.
#[pyfunction]
pub(crate) fn from_torch(
    py: Python<'_>,
    tensors: Vec<(String, Vec<usize>, Bound<'_, PyArray1<f32>>)>,
    activation: &str,
    output: &str,
) -> PyResult<Model> {
    let tensors = tensors.into_iter().map(|(name, shape, values)| Ok(Tensor::new(name, shape, vector(&values)?)));
    let tensors = tensors.collect::<PyResult<Vec<_>>>()?;
    detached(py, || {
        let structure = torch::Structure { activation: parse(activation)?, output: parse(output)? };
        torch::from_tensors("the state_dict", tensors, &structure)
    })
    .map(Model::of)
}
