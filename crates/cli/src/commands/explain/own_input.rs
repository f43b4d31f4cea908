//! `layerloop explain MODEL picture.png`: a picture, or rows of numbers or of a table, in place of a data set.

use std::path::Path;
use std::sync::Arc;

use layerloop::data::{Dataset, Inputs, onecold};
use layerloop::model_file::Model;
use layerloop::network::Predictor;
use layerloop::preprocess::Preprocessing;
use layerloop::{Error, Result};
use layerloop_data::input::open_input;
use layerloop_data::tables::open_table;

use crate::args::Explain;
use crate::commands::predict::to_network;
use crate::commands::tables;
use crate::output::{message, shown};

/// Rows of a table.
enum Table {
    /// With what is to be predicted.
    Answered(Dataset),
    /// Without it.
    Inputs(Vec<f32>),
}

fn table(args: &Explain, model: &Model, by: &Arc<Preprocessing>, path: &Path) -> Result<Table> {
    let mut reader = open_table(path, &tables::reading(model).read())?;
    let has_answers = by.target().columns().all(|target| reader.names().iter().any(|name| name == target));
    if has_answers && args.label.is_none() {
        return Ok(Table::Answered(tables::load(model, by, Some(path))?.test));
    }
    let wanted = tables::wanted(by, false);
    reader.retain(|name| wanted.iter().any(|(other, _)| other == name));
    let read = tables::next_frame(&mut reader, &wanted, usize::MAX)?;
    let (frame, _) = read.ok_or_else(|| reader.no_rows())?;
    let encoded = by.inputs(&frame)?;
    encoded.unseen.iter().for_each(|unseen| message(format_args!("note: {}", shown(&unseen.to_string()))));
    Ok(Table::Inputs(encoded.inputs))
}

/// The rows of the file as a data set. What the rows should give is `--label`, or is not known: then what the network gives stands
/// for it.
pub(super) fn dataset(args: &Explain, model: &Model, path: &Path) -> Result<Dataset> {
    let inputs = match &model.input.preprocessing {
        Some(by) => match table(args, model, by, path)? {
            Table::Answered(data) => return Ok(data),
            Table::Inputs(inputs) => inputs,
        },
        None => to_network(model, open_input(path)?, path, None, None)?,
    };
    let (width, names) = (model.network.spec().inputs, &model.classes);
    let rows = inputs.len() / width;
    let outputs = Predictor::new(&model.network, 1)?.probabilities(&Inputs::Floats(inputs.clone().into()))?;
    let answers = outputs.chunks_exact(model.network.classes());
    let label = args.label.as_ref().map(|label| {
        names
            .iter()
            .position(|name| name == label)
            .ok_or_else(|| Error::config("--label", format!("`{label}` is none of the classes {}", names.join(", "))))
    });
    if label.is_none() {
        message(
            "note: the true class is unknown, so the loss is that of the predicted one; --label sets the true class",
        );
    }
    let name = path.display().to_string();
    let inputs = Inputs::Floats(inputs.into());
    let data = if model.network.spec().output.is_classifier() {
        let labels: Vec<u32> = match label.transpose()? {
            Some(label) => vec![label as u32; rows],
            None => answers.map(|answer| onecold(answer) as u32).collect(),
        };
        Dataset::new(name, inputs, width, labels, names.iter().cloned())?
    } else {
        Dataset::regression(name, inputs, width, outputs, names.iter().cloned())?
    };
    match model.input.image {
        Some((height, width)) => data.with_image(height, width),
        None => Ok(data),
    }
}
