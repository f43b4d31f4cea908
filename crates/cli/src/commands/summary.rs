//! `layerloop summary`

use layerloop::Result;
use layerloop::model_file::Model;

use crate::Outcome;
use crate::args::Summary;
use crate::output::{line, shown};

pub(crate) fn run(args: &Summary) -> Result<Outcome> {
    let model = Model::load(&args.model)?;
    let spec = model.network.spec();
    let image = model.input.image.map(|(h, w)| format!("images of {h} x {w} pixels, ")).unwrap_or_default();
    line(format_args!("{spec}\n\n{}", model.network.summary()))?;
    line(format_args!("inputs   {image}a byte times {}", model.input.scale))?;
    line(format_args!("classes  {}", shown(&model.classes.join(", "))))?;
    line(format_args!("sha256   {}", model.network.sha256()))?;
    line(format_args!("receipt  {:#}", model.receipt))?;
    Ok(Outcome::Done)
}
