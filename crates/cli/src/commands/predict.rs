//! `layerloop predict`

use std::path::Path;

use layerloop::data::Inputs;
use layerloop::model_file::Model;
use layerloop::network::Predictor;
use layerloop::{Error, Result};
use layerloop_data::input::{Input, open_input};
use serde_json::json;

use super::threads_for;
use crate::Outcome;
use crate::args::Predict;
use crate::output::line;

pub(crate) fn run(args: &Predict) -> Result<Outcome> {
    if args.top == 0 {
        return Err(Error::config("--top", "0 classes; at least 1 is needed for an answer"));
    }
    let model = Model::load(&args.model)?;
    let Some((height, width)) = model.input.image else {
        return Err(Error::data(&args.model, "this network's inputs are no images, so there is nothing to show it"));
    };
    let mut predictor = Predictor::new(&model.network, threads_for(model.network.spec()));
    for path in &args.inputs {
        let inputs = read(path, height, width, args.invert)?;
        let probabilities = predictor.probabilities(&Inputs::Floats(inputs.into()))?;
        for (row, probabilities) in probabilities.chunks_exact(model.classes.len()).enumerate() {
            line(answer(args, &model, path, row, probabilities))?;
        }
    }
    Ok(Outcome::Done)
}

/// The images of a file as rows of the network's inputs.
fn read(path: &Path, height: usize, width: usize, invert: Option<bool>) -> Result<Vec<f32>> {
    Ok(match open_input(path)? {
        Input::Picture(grey) => grey.to_input(height, width, invert),
        Input::Images(images) => {
            let invert = Some(invert.unwrap_or(false));
            (0..images.rows).flat_map(|row| images.grey(row).to_input(height, width, invert)).collect()
        }
    })
}

/// The most probable classes of one image.
fn answer(args: &Predict, model: &Model, path: &Path, row: usize, probabilities: &[f32]) -> String {
    let mut ranked: Vec<(&String, f32)> = model.classes.iter().zip(probabilities.iter().copied()).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1)); // stable: the first of equals stays first
    let label = ranked[0].0;
    let top = ranked.iter().take(args.top);
    if args.json {
        let top: Vec<_> = top.map(|(label, p)| json!({"label": label, "probability": p})).collect();
        json!({"input": path, "row": row, "label": label, "probabilities": top}).to_string()
    } else {
        let top: Vec<String> = top.map(|(label, p)| format!("{label} {p:.4}")).collect();
        format!("{}[{row}]: {label}   ({})", path.display(), top.join(", "))
    }
}
