//! The options of `layerloop replay`.

use std::path::PathBuf;

use clap::Parser;

use super::parsers::threads;

#[derive(Debug, Parser)]
pub(crate) struct Replay {
    /// Model file that `layerloop train` saved
    pub(crate) model: PathBuf,
    /// Folder that has the data set's files; nothing is downloaded then [default: that of the run]
    #[arg(long, short = 'd', value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Number of threads; any number gives the same bits [default: as many as the work keeps busy]
    #[arg(long, short = 't', value_parser = threads(), value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
