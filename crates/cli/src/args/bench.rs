//! The options of `layerloop bench`.

use std::path::PathBuf;

use clap::Parser;
use clap::builder::PossibleValuesParser;

use super::parsers::between;
use crate::commands::bench;

#[derive(Debug, Parser)]
pub(crate) struct Bench {
    /// Folder that has MNIST's files; no download then
    #[arg(long, short = 'd', value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// What to measure, several times if wanted [default: floor, notebook, wide, large, tiny, predict]
    #[arg(long, value_name = "JOB", value_parser = PossibleValuesParser::new(bench::NAMES))]
    pub(crate) job: Vec<String>,
    /// Threads [default: what a job keeps busy; for the floor, the processor's]
    #[arg(long, short = 't', value_parser = between::<u16>([1, 1024], "a whole number, 1 to 1024"), value_name = "N")]
    pub(crate) threads: Option<u16>,
    /// Runs of a job, of which the median counts
    #[arg(long, value_parser = between::<u16>([1, u16::MAX], "a whole number, 1 to 65535"), value_name = "N", default_value_t = 3)]
    pub(crate) repeats: u16,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}
