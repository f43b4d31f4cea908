//! ONNX files as models: dense networks as PyTorch, Keras and skl2onnx write them, and what [`super::export`] wrote.
//!
//! A file of [`super::export`] has the network's text in its metadata: where the graph still is the one that was written, its
//! parameters go back to where they were, to the bit. Any other graph is read node by node: `interpreter` follows the values from
//! the inputs on, `rows` is what is known of each (the layers so far), `expression` a function of single components that has not yet been
//! recognised as an activation.

mod constant;
mod expression;
mod finish;
mod interpreter;
mod rows;

use std::fs;
use std::path::Path;

use layerloop::model_file::{Input, Model};
use layerloop::network::{Network, Spec, Tensor};
use layerloop::{Error, Result};
use serde::Deserialize;

use self::constant::{Constant, Constants};
use self::interpreter::Interpreter;
use super::export::{CARD, fingerprint};
use super::proto::{GraphProto, ModelProto, decode};

pub use self::interpreter::OPERATORS;

/// The largest file that is read.
const LONGEST: u64 = 1 << 31;

/// The model in an ONNX file.
///
/// Tensors outside of the file are read from regular files of the same folder.
///
/// # Errors
/// [`Error::Io`] if it cannot be read; [`Error::Format`] if it is not an ONNX file, is damaged, or holds something else than a dense network:
/// an operator that is not known is named, with its node and those that are.
///
/// # Example
/// ```
/// let wrong = layerloop_formats::onnx::import::from_bytes("cut.onnx", &[8]).unwrap_err();
/// assert_eq!(wrong.to_string(), "cut.onnx: not an ONNX file, or one that was cut short");
/// ```
pub fn import(path: impl AsRef<Path>) -> Result<Model> {
    let path = path.as_ref();
    let bytes = read(path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    model(path, &bytes, Some(folder))
}

/// As [`import`], of a file in memory, which has all its tensors inside.
///
/// # Errors
/// As [`import`].
pub fn from_bytes(name: impl AsRef<Path>, bytes: &[u8]) -> Result<Model> {
    model(name.as_ref(), bytes, None)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let about = fs::metadata(path).map_err(Error::io(path))?;
    if !about.is_file() {
        return Err(Error::format(path, "is not a regular file"));
    }
    if about.len() > LONGEST {
        return Err(Error::format(path, format!("{} bytes; an ONNX file has at most 2 GiB", about.len())));
    }
    fs::read(path).map_err(Error::io(path))
}

fn model(path: &Path, bytes: &[u8], folder: Option<&Path>) -> Result<Model> {
    let refuse = |reason: String| Error::format(path, reason);
    let file = decode(bytes).map_err(refuse)?;
    let graph = file.graph.as_ref().ok_or_else(|| refuse("an ONNX file without a graph".into()))?;
    let constants = Constants::new(folder);
    let is_whole = file.metadata_props.iter().any(|entry| entry.key() == "receipt");
    if file.producer_name() == "layerloop" && !is_whole {
        return Err(refuse("an ONNX file of layerloop that was cut short: its receipt is missing".into()));
    }
    if let Some(card) = card(&file, graph) {
        return own(card, &file, graph, &constants).map_err(|e| refuse(e.to_string()));
    }
    let opset = |proto: &&super::proto::OperatorSetIdProto| matches!(proto.domain(), "" | "ai.onnx");
    let opset = file.opset_import.iter().find(opset).map(|set| set.version());
    // A file that ends between two fields is a file: what stands last has to be there.
    let opset = opset
        .ok_or_else(|| refuse("an ONNX file without the version of its operators, or one that was cut short".into()))?;
    let read = Interpreter::new(graph, opset, &constants).and_then(Interpreter::run).map_err(refuse)?;
    let receipt = serde_json::json!({
        "imported": { "from": "onnx", "producer": file.producer_name(), "version": file.producer_version(), "opset": opset },
    });
    finish::model(read, receipt).map_err(refuse)
}

/// What [`super::export`] wrote into the metadata.
#[derive(Debug, Deserialize)]
struct Card {
    specification: Spec,
    classes: Vec<String>,
    input: Input,
    threshold: Option<f64>,
    #[serde(default)]
    multilabel: bool,
    graph: String,
}

/// The card, where the graph still is the one that was written with it.
fn card(file: &ModelProto, graph: &GraphProto) -> Option<Card> {
    let entry = file.metadata_props.iter().find(|entry| entry.key() == CARD)?;
    let card: Card = serde_json::from_str(entry.value()).ok()?;
    (card.graph == fingerprint(graph)).then_some(card)
}

/// The model of a file that layerloop wrote.
fn own(card: Card, file: &ModelProto, graph: &GraphProto, constants: &Constants) -> Result<Model> {
    let Card { specification, classes, input, threshold, multilabel, .. } = card;
    let parameters = graph.initializer.iter().filter(|tensor| tensor.name().starts_with("layers."));
    let tensors = parameters.map(|proto| {
        let Constant { dims, data } = constants.read(proto).map_err(|reason| Error::config("tensor", reason))?;
        Ok(Tensor::new(proto.name(), dims, data.floats().unwrap_or_default()))
    });
    let tensors = tensors.collect::<Result<Vec<_>>>()?;
    // What the file holds bounds what is allocated.
    let held: usize = tensors.iter().map(|tensor| tensor.values.len()).sum();
    if specification.parameters() > held {
        return Err(Error::config("tensors", format!("{held} numbers for `{specification}`")));
    }
    let receipt = file.metadata_props.iter().find(|entry| entry.key() == "receipt");
    let receipt = receipt.and_then(|entry| serde_json::from_str(entry.value()).ok()).unwrap_or_default();
    let network = Network::from_tensors(&specification, tensors)?;
    let model = Model { network, classes, input, receipt, threshold, multilabel };
    model.check()?;
    Ok(model)
}
