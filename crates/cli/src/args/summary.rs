//! The options of `layerloop summary`.

use std::path::PathBuf;

use clap::Parser;

#[derive(Debug, Parser)]
pub(crate) struct Summary {
    /// Model file that `layerloop train` saved
    pub(crate) model: PathBuf,
    /// Draw the network into this SVG file
    #[arg(long, value_name = "FILE")]
    pub(crate) graph: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
