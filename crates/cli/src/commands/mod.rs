//! One file a command: what was typed becomes what is done.

pub(crate) mod bench;
pub(crate) mod check_gradients;
pub(crate) mod completions;
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod list;
pub(crate) mod man;
pub(crate) mod outliers;
pub(crate) mod predict;
pub(crate) mod replay;
pub(crate) mod summary;
pub(crate) mod train;

use std::path::{Path, PathBuf};

use layerloop::choice::parse;
use layerloop::data::Dataset;
use layerloop::model_file::Model;
use layerloop::network::Spec;
use layerloop::train::{Loss, Objective, default_threads};
use layerloop::{Error, Result};
use layerloop_data::Loaded;

use crate::args::Part;

/// Threads for judging and predicting: as many as a batch of 512 rows keeps busy.
pub(crate) fn threads_for(spec: &Spec) -> usize {
    default_threads(spec, 512)
}

/// The data that was named, or else that which the model was trained on.
pub(crate) fn load_of(model: &Model, named: Option<&Path>, folder: Option<&Path>) -> Result<Loaded> {
    let trained_on = || model.receipt["data"]["name"].as_str().map(PathBuf::from);
    let name = named
        .map(Path::to_path_buf)
        .or_else(trained_on)
        .ok_or_else(|| Error::config("DATA", "the model does not say what it was trained on; name the data"))?;
    crate::data::load(&name, folder)
}

/// A part of it.
pub(crate) fn data_of(model: &Model, named: Option<&Path>, folder: Option<&Path>, part: Part) -> Result<Dataset> {
    let loaded = load_of(model, named, folder)?;
    Ok(if part == Part::Train { loaded.train } else { loaded.test })
}

/// The loss that the model was trained by.
pub(crate) fn objective_of(model: &Model) -> Result<Objective> {
    let loss = model.receipt["options"]["loss"].as_str().map(parse::<Loss>).transpose()?;
    Ok(Objective { loss: loss.map(Into::into), ..Objective::default() })
}
