//! `layerloop export`

use layerloop::data::Inputs;
use layerloop::files::write_atomically;
use layerloop::model_file::Model;
use layerloop::rng::Stream;
use layerloop::{Error, Result};
use layerloop_formats::code::{Language, Loss, generate};
use layerloop_formats::{onnx, torch};

use super::trained_on::load_part;
use crate::Outcome;
use crate::args::{Export, Part, Quantize, To};
use crate::output::{line, shown};

/// Random rows on which a loss is measured.
const ROWS: usize = 1000;

pub(crate) fn run(args: &Export) -> Result<Outcome> {
    check(args)?;
    let (model, out) = (Model::load(&args.model)?, args.out());
    let int8 = args.quantize == Some(Quantize::Int8);
    let mut notes = Vec::new();
    let bytes = match args.to {
        To::Onnx => onnx::export(&model, &onnx::Export { output: args.output.clone(), opset: args.opset as i64 })?,
        To::C => generate(&model, Language::C, int8)?.into_bytes(),
        To::Rust => generate(&model, Language::Rust, int8)?.into_bytes(),
        To::Js => generate(&model, Language::JavaScript, int8)?.into_bytes(),
        To::Torch => {
            let (bytes, modules) = torch::export(&model)?;
            notes.push(format!("net = {modules}"));
            bytes
        }
    };
    if int8 {
        notes.push(loss(args, &model)?);
    }
    write_atomically(&out, &bytes)?;
    line(format_args!("{}: {} bytes", shown(&out.display().to_string()), bytes.len()))?;
    notes.into_iter().try_for_each(line)?;
    Ok(Outcome::Done)
}

/// Refuses options that the format does not have.
fn check(args: &Export) -> Result<()> {
    let is_onnx = args.to == To::Onnx;
    if args.output.is_some() && !is_onnx {
        return Err(Error::config(
            "--output",
            "this is for --to onnx; code gives probabilities, or the predicted numbers",
        ));
    }
    if args.opset != 18 && !is_onnx {
        return Err(Error::config("--opset", "this is for --to onnx"));
    }
    if args.quantize.is_some() && !matches!(args.to, To::C | To::Rust | To::Js) {
        return Err(Error::config("--quantize", "this is for --to c, rust or js"));
    }
    Ok(())
}

/// How much the predictions change when weights are bytes, in words.
fn loss(args: &Export, model: &Model) -> Result<String> {
    let (inputs, of) = match &args.data {
        Some(data) => {
            let test = load_part(model, Some(data), None, Part::Test)?;
            (test.inputs().clone(), format!("rows of {}", test.name()))
        }
        None => (random(model), "random rows".into()),
    };
    let loss = Loss::of(model, &inputs)?;
    let changed = if model.network.spec().output.is_classifier() {
        format!("another class for {} of them, ", loss.changed)
    } else {
        String::new()
    };
    Ok(format!("int8, {} {of}: {changed}outputs differ by at most {:.4}", loss.rows, loss.largest))
}

/// Rows as they may be: numbers around their means, pixels of any brightness.
fn random(model: &Model) -> Inputs {
    let (width, mut stream) = (model.network.spec().inputs, Stream::new(0, "quantisation", 0));
    let scale = model.input.scale;
    let number = |i: usize| {
        let unit = stream.below(4001) as f64 / 1000.0 - 2.0;
        match &model.input.standardisation {
            Some(by) => (by.means()[i % width] + unit * by.deviations()[i % width]) as f32,
            None if model.input.image.is_some() => scale * ((unit + 2.0) * 63.75) as f32,
            None => unit as f32,
        }
    };
    Inputs::Floats((0..ROWS * width).map(number).collect())
}
