//! Tables beside a model that was trained on one: read as its training data was, its columns as it takes them.

use std::path::Path;
use std::sync::Arc;

use layerloop::data::Dataset;
use layerloop::model_file::Model;
use layerloop::preprocess::{Frame, Kind, Preprocessing};
use layerloop::{Error, Result};
use layerloop_data::Loaded;
use layerloop_data::registry::Defaults;
use layerloop_data::tables::{notes, open_table, place};
use layerloop_table::{Reader, typed};

use super::train::table::again;
use crate::args::{ExplicitArgs, TableArgs, Train, parse};
use crate::output::{message, shown};

/// The training's options, by the receipt.
fn typed_for(model: &Model) -> Result<Box<Train>> {
    let receipt = &model.receipt["arguments"];
    parse::train(&ExplicitArgs::from_json(receipt).unwrap_or_default())
}

/// How the table of the training was read, so that others are read in the same way.
pub(crate) fn reading(model: &Model) -> TableArgs {
    typed_for(model).map(|train| train.table).unwrap_or_default()
}

/// The columns that a model needs and their kinds, perhaps with what is to be predicted.
pub(crate) fn wanted(by: &Preprocessing, with_target: bool) -> Vec<(String, Kind)> {
    let target = by.target().kinds().filter(|_| with_target);
    by.columns().chain(target).map(|(name, kind)| (name.to_owned(), kind)).collect()
}

/// The next rows as columns of these kinds, and how many there are.
pub(crate) fn next_frame(
    reader: &mut Reader,
    wanted: &[(String, Kind)],
    rows: usize,
) -> Result<Option<(Frame, layerloop_table::Cells)>> {
    let missing = wanted.iter().find(|(name, _)| !reader.names().contains(name));
    if let Some((name, _)) = missing {
        let names = reader.names().iter().map(String::as_str);
        let reason =
            format!("no column `{name}`, which the model needs{}", layerloop::preprocess::suggestion(name, names));
        return Err(Error::data(reader.path(), reason));
    }
    let Some(cells) = reader.next_rows(rows)? else { return Ok(None) };
    let kinds: Vec<(&str, Kind)> = wanted.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
    Ok(Some((typed(&cells, &kinds, reader.path())?, cells)))
}

/// A file, all of whose rows are used, as both parts; or, if none is named, the table of the training.
pub(crate) fn load(model: &Model, by: &Arc<Preprocessing>, data: Option<&Path>) -> Result<Loaded> {
    let Some(path) = data else {
        let args = typed_for(model)?;
        if args.data.as_os_str() == "-" {
            return Err(Error::config("DATA", "the model was trained on standard input; name a table"));
        }
        return again(&args, by);
    };
    let mut reader = open_table(path, &reading(model).read())?;
    let wanted = wanted(by, true);
    reader.retain(|name| wanted.iter().any(|(other, _)| other == name));
    let read = next_frame(&mut reader, &wanted, usize::MAX)?;
    let (frame, _) = read.ok_or_else(|| reader.no_rows())?;
    let mut said = notes(&reader);
    let data = Dataset::of_known_rows(&frame, by, &mut said)?;
    by.inputs(&frame)?.unseen.iter().for_each(|unseen| said.push(unseen.to_string()));
    for note in &said {
        message(format_args!("note: {}", shown(note)));
    }
    let folder = place(path);
    Ok(Loaded {
        train: data.clone(),
        test: data,
        validation: None,
        about: "",
        defaults: Defaults::IMAGES,
        folder,
        notes: Vec::new(),
        test_frame: None,
    })
}
