//! Models in the formats of other programs.

use std::path::{Path, PathBuf};

use layerloop::files::write_atomically;
use layerloop::model_file::{self, Input};
use layerloop::names::{parse, text};
use layerloop::network::{self, Tensor};
use layerloop::{Error, Result};
use layerloop_formats::code::{Language, generate};
use layerloop_formats::{onnx, torch};
use numpy::{PyArray1, PyArrayMethods as _};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::arrays::vector;
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
    model_file::Model { network: network.clone(), classes, input, receipt: serde_json::json!({}), threshold: None }
}

/// An option's name as it is in Python: `--opset` is `opset`, and `--to` is a method.
fn named(error: Error, method: &str) -> Error {
    match error {
        Error::Config { field, reason } if field.starts_with("--to") => Error::config(method, reason),
        Error::Config { field, reason } => Error::config(field.trim_start_matches("--"), reason),
        other => other,
    }
}

/// The bytes, or nothing where they are written to a file.
fn kept(path: Option<&Path>, bytes: Vec<u8>) -> Result<Option<Vec<u8>>> {
    match path {
        Some(path) => write_atomically(path, &bytes).map(|()| None),
        None => Ok(Some(bytes)),
    }
}

/// As an ONNX file.
pub(crate) fn to_onnx<'py>(
    py: Python<'py>,
    model: &model_file::Model,
    path: Option<&Path>,
    output: Option<&str>,
    opset: i64,
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    // A network for numbers has them in place of probabilities.
    let classes = model.network.spec().output.is_classifier() && model.classes.len() == model.network.classes();
    let output = output.filter(|name| classes || *name != "probabilities").map(str::to_owned);
    let bytes = detached(py, || {
        let options = onnx::Export { output, opset };
        kept(path, onnx::export(model, &options).map_err(|error| named(error, "to_onnx"))?)
    })?;
    Ok(bytes.map(|bytes| PyBytes::new(py, &bytes)))
}

/// As a file of code.
pub(crate) fn to_code(
    py: Python<'_>,
    model: &model_file::Model,
    language: Language,
    path: Option<&Path>,
    quantize: Option<&str>,
) -> PyResult<Option<String>> {
    detached(py, || {
        if let Some(other) = quantize.filter(|name| *name != "int8") {
            return Err(Error::config("quantize", format!("`{other}`; expected int8 or None")));
        }
        let code = generate(model, language, quantize.is_some());
        let code = code.map_err(|error| named(error, &format!("to_{}", text(language))))?;
        let Some(path) = path else { return Ok(Some(code)) };
        kept(Some(path), code.into_bytes()).map(|_| None)
    })
}

/// As the tensors of an `nn.Sequential`, with the Python code that makes it.
pub(crate) fn to_torch<'py>(py: Python<'py>, model: &model_file::Model) -> PyResult<Bound<'py, PyAny>> {
    let (tensors, modules) =
        detached(py, || torch::to_tensors(model).map_err(|error| named(error, "to_torch_state_dict")))?;
    let arrays = PyDict::new(py);
    for Tensor { name, shape, values, .. } in tensors {
        arrays.set_item(name, PyArray1::from_vec(py, values).reshape(shape)?)?;
    }
    py.import("layerloop._formats")?.getattr("StateDict")?.call1((arrays, modules))
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
