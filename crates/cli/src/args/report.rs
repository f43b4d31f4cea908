//! The options of `layerloop report`.

use std::path::PathBuf;

use clap::Parser;

#[derive(Debug, Parser)]
pub(crate) struct Report {
    /// Folders of runs (`train --run`), folders of logs (`train --log-dir`) or model files
    #[arg(value_name = "RUN", required = true, num_args = 1..)]
    pub(crate) runs: Vec<PathBuf>,
    /// Write a page with the tables and the learning curves
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
