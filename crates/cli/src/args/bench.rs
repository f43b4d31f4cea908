//! The options of `layerloop bench`.

use std::path::PathBuf;

use clap::Parser;
use clap::builder::PossibleValuesParser;

use layerloop::recipes::Recipe;

use super::parsers::{between, named, number};

/// Everything that can be measured.
pub(crate) const JOB_NAMES: [&str; 23] = [
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
    "same-bits",
    "augment",
    "time-to-accuracy", //
    "odd-relu-adam",
    "odd-relu-sgd",
    "odd-tanh-adam",
    "odd-tanh-sgd",
    "realmlp",
    "tabm",
    "tabm-mini",
    "scale",
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
    /// Recipe of time-to-accuracy; see `layerloop list recipes`
    #[arg(long, value_parser = named::<Recipe>(), hide_possible_values = true, value_name = "NAME", default_value = "fast")]
    pub(crate) recipe: Recipe,
    /// Accuracy that time-to-accuracy waits for
    #[arg(long, value_parser = number::<f64>("a number from 0 to 1"), value_name = "SHARE", default_value_t = 0.98)]
    pub(crate) target: f64,
    /// Draw the accuracy of time-to-accuracy over the seconds, or the steps per second of scale over the ranks, into this file
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}
