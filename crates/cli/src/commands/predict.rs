//! `layerloop predict`

use std::path::{Path, PathBuf};

use layerloop::choice::text;
use layerloop::data::Inputs;
use layerloop::explain::{Attributed, Attribution, Attributor};
use layerloop::files::{make_folder, write_to_free};
use layerloop::model_file::Model;
use layerloop::network::Predictor;
use layerloop::{Error, Result};
use layerloop_data::input::{Input, open_input};
use serde_json::json;

use super::threads_for;
use crate::Outcome;
use crate::args::Predict;
use crate::output::{line, shown};
use crate::page::picture::with_attribution;

pub(crate) fn run(args: &Predict) -> Result<Outcome> {
    if args.top == 0 {
        return Err(Error::config("--top", "0 classes; at least 1 is needed for an answer"));
    }
    let model = Model::load(&args.model)?;
    let Some((height, width)) = model.input.image else {
        return Err(Error::data(&args.model, "this network's inputs are no images, so there is nothing to show it"));
    };
    let threads = threads_for(model.network.spec());
    let mut predictor = Predictor::new(&model.network, threads)?;
    let mut attributor = args.attribution.map(|by| Asked::new(args, &model, by, threads)).transpose()?;
    for path in &args.inputs {
        let inputs = read(path, height, width, args.invert)?;
        let probabilities = predictor.probabilities(&Inputs::Floats(inputs.clone().into()))?;
        let rows = probabilities.chunks_exact(model.classes.len()).zip(inputs.chunks_exact(height * width));
        for (row, (probabilities, x)) in rows.enumerate() {
            let why = attributor.as_mut().map(|asked| asked.attribute(x, path, row)).transpose()?;
            line(answer(args, &model, path, row, probabilities, why.as_ref()))?;
        }
    }
    Ok(Outcome::Done)
}

/// What each pixel had to do with an answer, as it is asked for.
struct Asked<'a> {
    attributor: Attributor<'a>,
    by: Attribution,
    /// The class, where it is not the answer's.
    class: Option<usize>,
    pictures: Option<&'a Path>,
    width: usize,
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
            make_folder(folder)?;
        }
        let image = model.input.image;
        Ok(Self {
            attributor: Attributor::new(&model.network, image, threads)?,
            by,
            class: class.transpose()?,
            pictures: args.pictures.as_deref(),
            width: image.map_or(1, |(_, width)| width),
        })
    }

    /// The attribution of a row, and where it is drawn: under a name that is free, so that no file is ever replaced.
    fn attribute(&mut self, x: &[f32], path: &Path, row: usize) -> Result<(Attributed, Option<PathBuf>)> {
        let why = self.attributor.attribute(x, self.class, self.by)?;
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

/// The most probable classes of one image, and what its pixels had to do with one of them.
fn answer(
    args: &Predict,
    model: &Model,
    path: &Path,
    row: usize,
    probabilities: &[f32],
    why: Option<&(Attributed, Option<PathBuf>)>,
) -> String {
    let mut ranked: Vec<(&String, f32)> = model.classes.iter().zip(probabilities.iter().copied()).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1)); // stable: the first of equals stays first
    let predicted = ranked[0].0;
    let top = ranked.iter().take(args.top);
    if args.json {
        let top: Vec<_> = top.map(|(class, p)| json!({"class": class, "probability": p})).collect();
        let mut object =
            json!({"input": path.to_string_lossy(), "row": row, "predicted": predicted, "probabilities": top});
        if let (Some((why, picture)), Some(by)) = (why, args.attribution) {
            object["attribution"] = json!(why);
            object["attribution"]["by"] = json!(text(by));
            object["attribution"]["class"] = json!(model.classes[why.output]);
            if let Some(picture) = picture {
                object["picture"] = json!(picture.to_string_lossy());
            }
        }
        return object.to_string();
    }
    let top: Vec<String> = top.map(|(class, p)| format!("{} {p:.4}", shown(class))).collect();
    let because = why.map_or_else(String::new, |(why, _)| because(model, why));
    let (path, predicted) = (path.display().to_string(), shown(predicted));
    format!("{}[{row}]: {predicted}   ({}){because}", shown(&path), top.join(", "))
}

/// The pixels that had most to do with it.
fn because(model: &Model, why: &Attributed) -> String {
    const MOST: usize = 4;
    let width = model.input.image.map_or(1, |(_, width)| width);
    let mut ranked: Vec<(usize, f32)> = why.values.iter().copied().enumerate().collect();
    ranked.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    let pixel = |&(i, v): &(usize, f32)| format!("row {} column {} {v:+.4}", i / width, i % width);
    let most: Vec<String> = ranked.iter().take(MOST).map(pixel).collect();
    format!("   {} {:.4}: {}", shown(&model.classes[why.output]), why.value, most.join(", "))
}
