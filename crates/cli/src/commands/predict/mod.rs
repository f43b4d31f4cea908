//! `layerloop predict`

mod out;
mod table;

use std::path::{Path, PathBuf};

use layerloop::data::{Fit, Inputs};
use layerloop::explain::{Attributed, Attribution, Attributor};
use layerloop::files::{make_folder, write_to_free};
use layerloop::model_file::Model;
use layerloop::names::text;
use layerloop::{Error, Result};
use layerloop_data::input::{self, Input, open_input, read_standard_input};
use serde_json::json;

use crate::Outcome;
use crate::args::Predict;
use crate::output::{line, message, shown};
use crate::scores::threads_for;
use layerloop_page::picture::with_attribution;

pub(crate) fn run(args: &Predict) -> Result<Outcome> {
    if args.top == 0 {
        return Err(Error::config("--top", "0 classes; at least 1 is needed for an answer"));
    }
    let model = Model::load(&args.model)?;
    let threads = threads_for(model.network.spec());
    let predictor = args.variants.predictor(&model)?;
    let mut attributor = args.attribution.map(|by| Asked::new(args, &model, by, threads)).transpose()?;
    if let Some(by) = &model.input.preprocessing {
        table::run(args, &model, by, &predictor, attributor)?;
        return Ok(Outcome::Done);
    }
    if args.out.is_some() || args.with_input {
        let option = if args.out.is_some() { "--out" } else { "--with-input" };
        return Err(Error::config(option, "this is for models of tables; those of images print a line for each input"));
    }
    for input in &args.inputs {
        let is_standard_input = input.as_os_str() == "-";
        let files = if is_standard_input { vec![input.clone()] } else { input::files(input)? };
        for path in &files {
            let input = if is_standard_input { read_standard_input()? } else { open_input(path)? };
            let inputs = to_network(&model, input, path, args.fit, args.invert)?;
            let outputs = predictor.probabilities(&Inputs::Floats(inputs.clone().into()))?;
            let rows = outputs.chunks_exact(model.classes.len()).zip(inputs.chunks_exact(model.network.spec().inputs));
            for (row, (outputs, x)) in rows.enumerate() {
                let why = attributor.as_mut().map(|asked| asked.attribute(x, outputs, path, row)).transpose()?;
                line(answer(args, &model, path, row, outputs, why.as_ref()))?;
            }
        }
    }
    Ok(Outcome::Done)
}

/// What each pixel had to do with an answer, as it is asked for.
struct Asked<'a> {
    attributor: Attributor,
    by: Attribution,
    /// The class, where it is not the answer's.
    class: Option<usize>,
    pictures: Option<&'a Path>,
    width: usize,
    model: &'a Model,
}

impl<'a> Asked<'a> {
    fn new(args: &'a Predict, model: &'a Model, by: Attribution, threads: usize) -> Result<Self> {
        let class = args.class.as_ref().map(|name| {
            model.classes.iter().position(|class| class == name).ok_or_else(|| {
                let reason = format!("`{name}` is none of {}", model.classes.join(", "));
                Error::config("--class", reason)
            })
        });
        if let Some(folder) = &args.pictures {
            if model.input.image.is_none() {
                return Err(Error::config(
                    "--pictures",
                    "the inputs of this network are not images, so there is nothing to draw",
                ));
            }
            make_folder(folder)?;
        }
        let image = model.input.image;
        Ok(Self {
            attributor: Attributor::new(&model.network, image, threads)?,
            by,
            class: class.transpose()?,
            pictures: args.pictures.as_deref(),
            width: image.map_or(1, |(_, width)| width),
            model,
        })
    }

    /// The attribution of a row, and where it is drawn: under a name that is free, so that no file is ever replaced.
    fn attribute(
        &mut self,
        x: &[f32],
        outputs: &[f32],
        path: &Path,
        row: usize,
    ) -> Result<(Attributed, Option<PathBuf>)> {
        let predicted = self.model.threshold.map(|_| self.model.predicted(outputs));
        let why = self.attributor.attribute(x, self.class.or(predicted), self.by)?;
        if let Some(folder) = self.pictures {
            let name = path.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            let picture = with_attribution(x, &why.values, self.width)?;
            let numbered = (2..).map(|n| format!("{name}-{row}-{n}.png"));
            let names = std::iter::once(format!("{name}-{row}.png")).chain(numbered);
            let drawn = write_to_free(names.map(|name| folder.join(name)), &picture)?;
            return Ok((why, Some(drawn)));
        }
        Ok((why, None))
    }
}

/// What was in a file as rows of the network's inputs: images as it was trained on, numbers scaled and standardised.
pub(super) fn to_network(
    model: &Model,
    input: Input,
    path: &Path,
    fit: Option<Fit>,
    invert: Option<bool>,
) -> Result<Vec<f32>> {
    let size = model.input.image.ok_or_else(|| {
        let reason = "this network's inputs are not images; give it rows of numbers, as CSV";
        Error::data(path, reason)
    });
    let mut inputs = match input {
        Input::Picture(grey) => {
            let (height, width) = size?;
            if grey.is_blank() {
                let path = path.display().to_string();
                message(format_args!("warning: {} is blank, so its prediction means nothing", shown(&path)));
            }
            let default = model.input.fit.unwrap_or(Fit::Whole);
            let fit = fit.map(|fit| fit.numbers_of(default));
            // A picture of the network's own size is framed already.
            let is_framed = (grey.height, grey.width) == (height, width) && default != Fit::Plain;
            let fit = fit.unwrap_or(if is_framed { Fit::Whole } else { default });
            grey.to_input(height, width, fit, invert)
        }
        Input::Images(images) => {
            let (height, width) = size?;
            let default = model.input.fit.unwrap_or(Fit::Whole);
            let fit = fit.map_or(Fit::Plain, |fit| fit.numbers_of(default));
            (0..images.rows).flat_map(|row| images.grey(row).to_input(height, width, fit, invert)).collect()
        }
        Input::Rows(rows) => {
            let width = model.network.spec().inputs;
            let mut inputs = rows.inputs(width, model.input.columns.as_deref(), path)?;
            inputs.iter_mut().for_each(|x| *x *= model.input.scale);
            inputs
        }
    };
    if let Some(standardisation) = &model.input.standardisation {
        standardisation.apply(&mut inputs, model.network.spec().inputs)?;
    }
    Ok(inputs)
}

/// The most probable classes of one row, or its numbers, and what its inputs had to do with one of them.
fn answer(
    args: &Predict,
    model: &Model,
    path: &Path,
    row: usize,
    probabilities: &[f32],
    why: Option<&(Attributed, Option<PathBuf>)>,
) -> String {
    if !model.network.spec().output.is_classifier() {
        return numbers(args, model, path, row, probabilities, why);
    }
    let mut ranked: Vec<(&String, f32)> = model.classes.iter().zip(probabilities.iter().copied()).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1)); // stable: the first of equals stays first
    let labels = || model.predicted_labels(probabilities).into_iter().map(|class| &model.classes[class]);
    let predicted = if model.multilabel {
        labels().map(String::as_str).collect::<Vec<_>>().join(", ")
    } else {
        model.classes[model.predicted(probabilities)].clone()
    };
    let top = ranked.iter().take(args.top);
    if args.json {
        let top: Vec<_> = top.map(|(class, p)| json!({"class": class, "probability": p})).collect();
        let mut object =
            json!({"input": path.to_string_lossy(), "row": row, "predicted": predicted, "probabilities": top});
        if model.multilabel {
            object["predicted"] = labels().map(String::as_str).collect();
        }
        add_attribution(&mut object, args, model, why);
        return object.to_string();
    }
    let top: Vec<String> = top.map(|(class, p)| format!("{} {p:.4}", shown(class))).collect();
    let because = why.map_or_else(String::new, |(why, _)| because(model, why));
    let (path, predicted) = (path.display().to_string(), shown(&predicted));
    format!("{}[{row}]: {predicted}   ({}){because}", shown(&path), top.join(", "))
}

/// The numbers that the network gives for one row.
fn numbers(
    args: &Predict,
    model: &Model,
    path: &Path,
    row: usize,
    outputs: &[f32],
    why: Option<&(Attributed, Option<PathBuf>)>,
) -> String {
    if args.json {
        let mut object = json!({"input": path.to_string_lossy(), "row": row, "predicted": outputs});
        add_attribution(&mut object, args, model, why);
        return object.to_string();
    }
    let named = model.classes.iter().zip(outputs).map(|(name, value)| format!("{} {value:.4}", shown(name)));
    let because = why.map_or_else(String::new, |(why, _)| because(model, why));
    format!("{}[{row}]: {}{because}", shown(&path.display().to_string()), named.collect::<Vec<_>>().join(", "))
}

fn add_attribution(
    object: &mut serde_json::Value,
    args: &Predict,
    model: &Model,
    why: Option<&(Attributed, Option<PathBuf>)>,
) {
    let (Some((why, picture)), Some(by)) = (why, args.attribution) else { return };
    object["attribution"] = json!(why);
    object["attribution"]["by"] = json!(text(by));
    object["attribution"]["class"] = json!(model.classes[why.output]);
    if let Some(picture) = picture {
        object["picture"] = json!(picture.to_string_lossy());
    }
}

/// The inputs that had most to do with it.
fn because(model: &Model, why: &Attributed) -> String {
    const MOST: usize = 4;
    let name = |i: usize| match (model.input.image, &model.input.columns) {
        (Some((_, width)), _) => format!("row {} column {}", i / width, i % width),
        (None, Some(names)) => shown(&names[i]).into_owned(),
        (None, None) => format!("input {i}"),
    };
    let mut ranked: Vec<(usize, f32)> = why.values.iter().copied().enumerate().collect();
    ranked.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    let most: Vec<String> = ranked.iter().take(MOST).map(|&(i, v)| format!("{} {v:+.4}", name(i))).collect();
    format!("   {} {:.4}: {}", shown(&model.classes[why.output]), why.value, most.join(", "))
}
