//! The options of `layerloop outliers`.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use super::Part;
use super::parsers::between;

#[derive(Debug, Parser)]
pub(crate) struct Outliers {
    /// Model file that `layerloop train` saved
    pub(crate) model: PathBuf,
    /// digits, diabetes, mnist, fashion-mnist, or a folder of pictures or IDX files [default: what it was trained on]
    #[arg(value_name = "DATA")]
    pub(crate) data: Option<PathBuf>,
    /// Folder that has the data set's files; nothing is downloaded then [default: the one in LAYERLOOP_DATA]
    #[arg(long, short = 'd', value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Part of the data to search
    #[arg(long, ignore_case = true, value_enum, default_value = "train")]
    pub(crate) part: Part,
    /// What makes a row suspicious
    #[arg(long, ignore_case = true, value_enum, default_value = "loss")]
    pub(crate) by: By,
    /// How many rows to list [default: 20]
    #[arg(long, value_parser = between::<usize>([1, usize::MAX], "a whole number, at least 1"), value_name = "N", conflicts_with = "share")]
    pub(crate) top: Option<usize>,
    /// List this share of all rows, such as 0.01
    #[arg(long, value_parser = between::<f64>([f64::MIN_POSITIVE, 1.0], "a number above 0 and at most 1, such as 0.01"), value_name = "SHARE")]
    pub(crate) share: Option<f64>,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

/// What rows are ranked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// A large loss
    Loss,
    /// A large gradient: |delta|^2 (|z|^2 + 1), summed over the dense layers
    Gradient,
    /// A small p_label - max p_other
    Margin,
}
