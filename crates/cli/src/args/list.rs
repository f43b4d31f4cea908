//! The options of `layerloop list`.

use clap::Parser;

#[derive(Debug, Parser)]
pub(crate) struct List {
    /// layers, activations, losses, optimizers, attributions, ... [default: what can be listed]
    #[arg(value_name = "WHAT")]
    pub(crate) what: Option<String>,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}
