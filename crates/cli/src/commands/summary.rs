//! `layerloop summary`

use layerloop::Result;
use layerloop::model_file::Model;

use crate::Outcome;
use crate::args::Summary;

pub(crate) fn run(args: &Summary) -> Result<Outcome> {
    let model = Model::load(&args.model)?;
    let spec = model.network.spec();
    println!("{spec}\n\n{}", model.network.summary());
    let image = model.input.image.map(|(h, w)| format!("images of {h} x {w} pixels, ")).unwrap_or_default();
    println!("inputs   {image}a byte times {}", model.input.scale);
    println!("classes  {}", model.classes.join(", "));
    println!("sha256   {}", model.network.sha256());
    println!("receipt  {:#}", model.receipt);
    Ok(Outcome::Done)
}
