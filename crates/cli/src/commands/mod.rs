//! One file a command: what was typed becomes what is done.

pub(crate) mod bench;
pub(crate) mod check_gradients;
pub(crate) mod completions;
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod inspect;
pub(crate) mod list;
pub(crate) mod man;
pub(crate) mod outliers;
pub(crate) mod predict;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod show;
pub(crate) mod summary;
pub(crate) mod tables;
pub(crate) mod train;
pub(crate) mod trained_on;
mod variants;

use layerloop::Result;
use layerloop::model_file::Model;
use layerloop::names::parse;
use layerloop::train::{Loss, Objective};

/// The loss that the model was trained by.
pub(crate) fn objective_of(model: &Model) -> Result<Objective> {
    let loss = model.receipt["options"]["loss"].as_str().map(parse::<Loss>).transpose()?;
    Ok(Objective { loss: loss.map(Into::into), ..Objective::default() })
}
