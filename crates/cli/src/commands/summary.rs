//! `layerloop summary`

use layerloop::Result;
use layerloop::model_file::Model;
use layerloop::names::{NamedEnum as _, text};
use layerloop_formats::drawing::svg;
use serde_json::{Value, json};

use crate::Outcome;
use crate::args::Summary;
use crate::output::{line, shown};
use crate::places::write_page;
use crate::scores::threshold_in_words;

pub(crate) fn run(args: &Summary) -> Result<Outcome> {
    let model = Model::load(&args.model)?;
    let spec = model.network.spec();
    if let Some(graph) = &args.graph {
        write_page(graph, svg(&model))?;
    }
    if args.json {
        line(as_json(&model))?;
        return Ok(Outcome::Done);
    }
    let image = model.input.image.map(|(h, w)| format!("images of {h} x {w} pixels, ")).unwrap_or_default();
    line(format_args!("{spec}\n\n{}", model.network))?;
    line(format_args!("inputs   {image}a byte times {}", model.input.scale))?;
    if let Some(fit) = model.input.fit {
        line(format_args!("fit      {}: {}", text(fit), fit.equation()))?;
    }
    if let Some(columns) = &model.input.columns {
        line(format_args!("columns  {}", shown(&columns.join(", "))))?;
    }
    line(format_args!("classes  {}", shown(&model.classes.join(", "))))?;
    if let Some(said) = threshold_in_words(&model) {
        line(format_args!("threshold {said}"))?;
    }
    line(format_args!("sha256   {}", model.network.sha256()))?;
    line(format_args!("receipt  {:#}", model.receipt))?;
    Ok(Outcome::Done)
}

fn as_json(model: &Model) -> Value {
    let (network, spec) = (&model.network, model.network.spec());
    let tensors: Vec<Value> = network
        .tensors()
        .map(|tensor| json!({ "name": tensor.name, "shape": tensor.shape, "parameters": tensor.values.len() }))
        .collect();
    let mut object = json!({
        "network": spec.to_string(), "inputs": spec.inputs, "outputs": spec.classes(), "parameters": spec.parameters(),
        "tensors": tensors, "image": model.input.image, "scale": model.input.scale,
        "fit": model.input.fit.map(text), "columns": model.input.columns, "classes": model.classes,
        "weights_sha256": network.sha256(), "receipt": model.receipt,
    });
    if let Some(threshold) = model.threshold {
        object["threshold"] = json!(threshold);
    }
    object
}
