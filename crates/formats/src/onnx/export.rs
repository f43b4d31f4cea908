//! A model as one ONNX file.

use layerloop::model_file::Model;
use layerloop::network::view::View;
use layerloop::preprocess::Target;
use layerloop::{Error, Result};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::graph::{Graph, value_info};
use super::proto::{GraphProto, ModelProto, OperatorSetIdProto, StringStringEntryProto, ValueInfoProto, element};
use super::{layers, outputs, table};

/// What a file can give, by name.
pub const OUTPUTS: [&str; 3] = ["logits", "probabilities", "label"];

/// How a model is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The only output, one of [`OUTPUTS`]; else `label` and `probabilities` of a classifier, `variable` of another network.
    pub output: Option<String>,
    /// The version of the standard operators, from 18 to 24: the newer, the more activations are one node.
    pub opset: i64,
}

impl Default for Export {
    fn default() -> Self {
        Self { output: None, opset: 18 }
    }
}

/// The name of the entry of the metadata that describes the network for [`super::import`].
pub(super) const CARD: &str = "layerloop";

/// The bytes of an ONNX file that computes what `Model::predictor` does: input scaling and the preprocessing of tables inside.
///
/// The input is called `input`, N x inputs in f32; of a model of a table each column is an input of its own, N x 1, numbers in f32 and
/// names as strings, a missing number NaN, a missing name empty.
///
/// # Errors
/// [`Error::Config`] for a user-defined layer, an output that the network does not have, or an opset beyond 18 to 24.
///
/// # Example
/// ```
/// use layerloop::data::Dataset;
/// use layerloop::model_file::Model;
/// use layerloop::network::Network;
/// let data = Dataset::new("demo", vec![0.0, 1.0].into(), 1, vec![0, 1], ["no", "yes"])?;
/// let model = Model::new(Network::new(&"1 -> 2".parse()?, 7)?, &data, serde_json::Value::Null);
/// let file = layerloop_formats::onnx::export(&model, &Default::default())?;
/// let back = layerloop_formats::onnx::import::from_bytes("demo.onnx", &file)?;
/// assert_eq!((back.network, back.classes), (model.network, model.classes));
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn export(model: &Model, options: &Export) -> Result<Vec<u8>> {
    if !(18..=24).contains(&options.opset) {
        return Err(Error::config("--opset", format!("{}; versions 18 to 24 are written", options.opset)));
    }
    let view = View::of(&model.network);
    let mut graph = Graph { opset: options.opset, ..Graph::default() };
    let (x, inputs) = inputs(&mut graph, model)?;
    let logits = layers::network(&mut graph, &view, &x)?;
    let outputs = ends(&mut graph, model, &view, &logits, options)?;
    let Graph { nodes, initializers, uses_ml, .. } = graph;
    let graph = GraphProto {
        node: nodes,
        name: Some("layerloop".into()),
        initializer: initializers,
        input: inputs,
        output: outputs,
    };
    let standard = OperatorSetIdProto { domain: Some(String::new()), version: Some(options.opset) };
    let ml = OperatorSetIdProto { domain: Some("ai.onnx.ml".into()), version: Some(3) };
    let file = ModelProto {
        ir_version: Some(if options.opset == 18 { 8 } else { 10 }),
        producer_name: Some("layerloop".into()),
        producer_version: Some(env!("CARGO_PKG_VERSION").into()),
        doc_string: None,
        opset_import: std::iter::once(standard).chain(uses_ml.then_some(ml)).collect(),
        metadata_props: metadata(model, &graph)?,
        graph: Some(graph),
    };
    Ok(file.encode_to_vec())
}

/// The rows of the network, made of the inputs of the graph; and these.
fn inputs(graph: &mut Graph, model: &Model) -> Result<(String, Vec<ValueInfoProto>)> {
    if let Some(by) = &model.input.preprocessing {
        return Ok(table::inputs(graph, by));
    }
    let width = model.network.spec().inputs;
    let mut x = "input".to_string();
    if model.input.scale != 1.0 {
        let scale = graph.scalar(model.input.scale);
        x = graph.node("Mul", &[&x, &scale], &[]);
    }
    if let Some(by) = &model.input.standardisation {
        // In f64, rounded once: as at home.
        let wide = graph.cast(&x, element::DOUBLE);
        let (means, deviations) = (graph.doubles(&[width], by.means()), graph.doubles(&[width], by.deviations()));
        let left = graph.node("Sub", &[&wide, &means], &[]);
        let scaled = graph.node("Div", &[&left, &deviations], &[]);
        x = graph.cast(&scaled, element::FLOAT);
    }
    Ok((x, vec![value_info("input", element::FLOAT, Some(width))]))
}

/// The outputs that are asked for.
fn ends(graph: &mut Graph, model: &Model, view: &View, logits: &str, options: &Export) -> Result<Vec<ValueInfoProto>> {
    let refuse = |reason: String| Err(Error::config("--output", reason));
    let is_classifier = view.output.is_classifier() && model.classes.len() == view.outputs();
    let float = |name: &str, width: usize| value_info(name, element::FLOAT, Some(width));
    match options.output.as_deref() {
        Some("logits") if view.members > 1 => {
            refuse("logits; of a network with members only the means of their probabilities are there".into())
        }
        Some("logits") => {
            graph.named("Identity", &[logits], &[], "logits");
            Ok(vec![float("logits", view.logits())])
        }
        Some("probabilities") if is_classifier => {
            outputs::probabilities(graph, view, logits, "probabilities");
            Ok(vec![float("probabilities", view.outputs())])
        }
        Some("label") if is_classifier => {
            let all = outputs::probabilities(graph, view, logits, "probabilities");
            Ok(vec![outputs::label(graph, model, &all)])
        }
        Some(name @ ("probabilities" | "label")) => {
            refuse(format!("{name}; this network predicts numbers, not classes"))
        }
        Some(other) => refuse(format!("`{other}`; there are {}", OUTPUTS.join(", "))),
        None if is_classifier => {
            let all = outputs::probabilities(graph, view, logits, "probabilities");
            Ok(vec![outputs::label(graph, model, &all), float("probabilities", view.outputs())])
        }
        None => {
            let (mut all, count) = (outputs::probabilities(graph, view, logits, "outputs"), model.classes.len());
            if count == 1 && view.outputs() == 2 {
                // One sigmoid that predicts a number: the second of its two outputs.
                let [one, two, axis] = [1, 2, 1].map(|n| graph.ints(&[n]));
                all = graph.node("Slice", &[&all, &one, &two, &axis], &[]);
            }
            match model.input.preprocessing.as_ref().map(|by| by.target()) {
                Some(target @ Target::Numbers(_)) => table::targets(graph, target, &all, "variable"),
                _ => graph.named("Identity", &[&all], &[], "variable"),
            };
            Ok(vec![float("variable", count)])
        }
    }
}

/// What the model is, beside its numbers: for people, and for [`super::import`].
fn metadata(model: &Model, graph: &GraphProto) -> Result<Vec<StringStringEntryProto>> {
    let text = |value: serde_json::Result<String>| {
        value.map_err(|e| Error::config("--to onnx", format!("the metadata cannot be written: {e}")))
    };
    let card = serde_json::json!({
        "specification": model.network.spec(), "classes": model.classes, "input": model.input,
        "threshold": model.threshold, "multilabel": model.multilabel, "graph": fingerprint(graph),
    });
    let entries = [
        (CARD, text(serde_json::to_string(&card))?),
        ("network", model.network.spec().to_string()),
        ("classes", text(serde_json::to_string(&model.classes))?),
        ("receipt", text(serde_json::to_string(&model.receipt))?),
    ];
    let entry = |(key, value): (&str, String)| StringStringEntryProto { key: Some(key.into()), value: Some(value) };
    Ok(entries.map(entry).into())
}

/// SHA-256 of a graph without the numbers of its parameters: whether it still is what was written here.
pub(super) fn fingerprint(graph: &GraphProto) -> String {
    let mut bare = graph.clone();
    for tensor in bare.initializer.iter_mut().filter(|tensor| tensor.name().starts_with("layers.")) {
        tensor.raw_data = None;
        tensor.float_data.clear();
    }
    Sha256::digest(bare.encode_to_vec()).iter().map(|byte| format!("{byte:02x}")).collect()
}
