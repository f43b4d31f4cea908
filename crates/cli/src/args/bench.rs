//! The options of `layerloop bench`.

use std::path::PathBuf;

use clap::Parser;
use clap::builder::PossibleValuesParser;

use super::parsers::between;

/// Everything that can be measured.
pub(crate) const JOB_NAMES: [&str; 17] = [
    "peak",
    "notebook",
    "wide",
    "large",
    "tiny",
    "simplechains",
    "higgs",
    "predict",
    "explain",
    "sparse",
    "sweep",
    "parts",
    "same-bits", //
    "odd-relu-adam",
    "odd-relu-sgd",
    "odd-tanh-adam",
    "odd-tanh-sgd",
];

/// What is measured where nothing is named.
pub(crate) const DEFAULT_JOBS: [&str; 6] = ["peak", "notebook", "wide", "large", "tiny", "predict"];

#[derive(Debug, Parser)]
pub(crate) struct Bench {
    /// Folder that has MNIST's files; nothing is downloaded then [default: the one in LAYERLOOP_DATA]
    #[arg(long, short = 'd', value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// What to measure; may be repeated [default: peak, notebook, wide, large, tiny, predict]
    #[arg(long, value_name = "JOB", value_parser = PossibleValuesParser::new(JOB_NAMES))]
    pub(crate) job: Vec<String>,
    /// Number of threads [default: as many as a job keeps busy; for peak, the processor's]
    #[arg(long, short = 't', value_parser = between::<u16>([1, 1024], "a whole number, 1 to 1024"), value_name = "N")]
    pub(crate) threads: Option<u16>,
    /// Runs of each job; the median is reported
    #[arg(long, value_parser = between::<u16>([1, u16::MAX], "a whole number, 1 to 65535"), value_name = "N", default_value_t = 3)]
    pub(crate) repeats: u16,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}
