//! The data that a model was trained on, found again by its receipt.

use std::path::{Path, PathBuf};

use layerloop::data::Dataset;
use layerloop::model_file::Model;
use layerloop::{Error, Result};
use layerloop_data::registry;
use layerloop_data::{LoadOptions, Loaded};
use serde_json::Value;

use super::tables;
use super::train::job::split;
use crate::args::ExplicitArgs;
use crate::args::parse;
use crate::args::{Part, Train};
use crate::data;

/// What is wanted of which data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// The data, if it was named; else what the model was trained on.
    pub(crate) data: Option<&'a Path>,
    pub(crate) data_dir: Option<&'a Path>,
    /// The parts that are used.
    pub(crate) parts: &'a [Part],
}

/// The data that was named, or else that which the model was trained on: where it was then, and only if it is still the same.
///
/// # Errors
/// [`Error::Config`] if the model does not say what it was trained on; [`Error::Data`] if what is there now is something else; those
/// of loading it.
pub(crate) fn load(model: &Model, wanted: Wanted<'_>) -> Result<Loaded> {
    if let Some(by) = &model.input.preprocessing {
        let loaded = tables::load(model, by, wanted.data)?;
        if wanted.data.is_none() {
            wanted.parts.iter().try_for_each(|part| check(&model.receipt, *part, &loaded))?;
        }
        return Ok(loaded);
    }
    // Pictures are scaled to what the network takes.
    let options = LoadOptions { data_dir: wanted.data_dir, size: model.input.image };
    if let Some(named) = wanted.data {
        return data::load(named, &options);
    }
    let receipt = &model.receipt;
    let Some(name) = receipt["data"]["name"].as_str() else {
        return Err(Error::config("DATA", "the model does not say what it was trained on; name the data"));
    };
    let folder = folder(receipt);
    let loaded = if registry::find(name).is_some() {
        data::load(Path::new(name), &LoadOptions { data_dir: wanted.data_dir.or(folder.as_deref()), ..options })?
    } else {
        let place = receipt["data"]["folder"].as_str().unwrap_or(name);
        let loaded = data::load(Path::new(place), &options).map_err(|error| match error {
            Error::Config { reason, .. } => {
                Error::config("DATA", format!("{reason}; the model was trained on it: name the data to use instead"))
            }
            other => other,
        })?;
        Loaded { train: loaded.train.named(name), test: loaded.test.named(format!("{name} test")), ..loaded }
    };
    wanted.parts.iter().try_for_each(|part| check(receipt, *part, &loaded))?;
    Ok(loaded)
}

/// A part of it.
pub(crate) fn load_part(model: &Model, data: Option<&Path>, data_dir: Option<&Path>, part: Part) -> Result<Dataset> {
    let loaded = load(model, Wanted { data, data_dir, parts: &[part] })?;
    Ok(if part == Part::Train { loaded.train } else { loaded.test })
}

/// `train` as it was typed for a run, with its data where the run had it: that may have been said by `LAYERLOOP_DATA`.
///
/// # Errors
/// As [`parse::train`].
pub(crate) fn again(typed: &ExplicitArgs, receipt: &Value) -> Result<Box<Train>> {
    let mut train = parse::train(typed)?;
    train.data_dir = data_dir(&train, receipt);
    Ok(train)
}

/// The folder that these options name, or else that which the run had its named data from.
pub(crate) fn data_dir(train: &Train, receipt: &Value) -> Option<PathBuf> {
    let has_name = train.data.to_str().is_some_and(|name| registry::find(name).is_some());
    train.data_dir.clone().or_else(|| folder(receipt).filter(|_| has_name))
}

/// The folder that a run had its data from, if it is still there.
fn folder(receipt: &Value) -> Option<PathBuf> {
    receipt["data"]["folder"].as_str().map(PathBuf::from).filter(|folder| folder.is_dir())
}

/// Refuses rows that are not those which the run had; a receipt without SHA-256 is not checked.
fn check(receipt: &Value, part: Part, loaded: &Loaded) -> Result<()> {
    let (what, key) = if part == Part::Train { ("training", "sha256") } else { ("test", "test_sha256") };
    let Some(was) = receipt["data"][key].as_str() else { return Ok(()) };
    let is = if part == Part::Train {
        let Some(typed) = ExplicitArgs::from_json(&receipt["arguments"]) else { return Ok(()) };
        split(parse::train(&typed)?.as_ref(), loaded.train.clone(), None)?.0.sha256()
    } else {
        loaded.test.sha256()
    };
    if is == was {
        return Ok(());
    }
    let name = loaded.folder.clone().unwrap_or_else(|| loaded.train.name().into());
    let reason = format!(
        "the {what} rows are not those that the model was trained with: their SHA-256 is {is}, that in its receipt {was}; to use \
         these rows all the same, name the data"
    );
    Err(Error::data(name, reason))
}
