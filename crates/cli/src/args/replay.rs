//! The options of `layerloop replay`.

use std::path::PathBuf;

use clap::Parser;

use super::parsers::threads;

#[derive(Debug, Parser)]
pub(crate) struct Replay {
    /// A model that `train` saved, with the receipt of its run
    pub(crate) model: PathBuf,
    /// Folder that has the data set's files; no download then [default: the one that the run had]
    #[arg(long, short = 'd', value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Threads; any number gives the same bits [default: what the work keeps busy]
    #[arg(long, short = 't', value_parser = threads(), value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
