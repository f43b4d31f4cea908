//! `layerloop import`

use std::fs::File;
use std::io::Read as _;

use layerloop::files::Kind;
use layerloop::network::{Activation, Output};
use layerloop::{Error, Result};
use layerloop_formats::torch::Structure;
use layerloop_formats::{onnx, torch};

use crate::Outcome;
use crate::args::Import;
use crate::output::{line, shown};

pub(crate) fn run(args: &Import) -> Result<Outcome> {
    let mut start = Vec::new();
    let read = File::open(&args.file).and_then(|file| file.take(Kind::ENOUGH).read_to_end(&mut start));
    read.map_err(Error::io(&args.file))?;
    // A safetensors file, or a pickle, which is refused there.
    let is_torch = start.get(8..10) == Some(b"{\"") || start.starts_with(b"PK") || start.starts_with(b"\x80");
    let model = if is_torch {
        let structure = Structure {
            activation: args.activation.unwrap_or(Activation::Relu),
            output: args.output.unwrap_or(Output::Softmax),
        };
        torch::import(&args.file, &structure)?
    } else {
        let given = [("--activation", args.activation.is_some()), ("--output", args.output.is_some())];
        if let Some((option, _)) = given.into_iter().find(|(_, given)| *given) {
            return Err(Error::config(option, "this is for state_dicts; an ONNX file has it inside"));
        }
        onnx::import(&args.file)?
    };
    model.save(&args.save)?;
    line(model.network.spec())?;
    line(format_args!(
        "{} parameters, saved to {}",
        model.network.spec().parameters(),
        shown(&args.save.display().to_string())
    ))?;
    Ok(Outcome::Done)
}
