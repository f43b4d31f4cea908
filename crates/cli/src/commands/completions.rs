//! `layerloop completions`

use layerloop::Result;

use crate::args::Completions;
use crate::args::parse;
use crate::{Outcome, output};

pub(crate) fn run(args: &Completions) -> Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut parse::command(), "layerloop", &mut script);
    output::raw(&script)?;
    Ok(Outcome::Done)
}
