//! The options of `layerloop check-gradients`.

use std::path::PathBuf;

use clap::Parser;

#[derive(Debug, Parser)]
pub(crate) struct CheckGradients {
    /// Model file that `layerloop train` saved [default: a small random network with every activation]
    pub(crate) model: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
