//! The options of `layerloop eval`.

use std::path::PathBuf;

use clap::Parser;
use layerloop::metrics::Metric;

use super::parsers::{Several, several};

#[derive(Debug, Parser)]
pub(crate) struct Eval {
    /// A model that `train` saved
    pub(crate) model: PathBuf,
    /// digits, diabetes, mnist, fashion-mnist, or a folder of IDX files; its test part is used [default: what it was trained on]
    #[arg(value_name = "DATA")]
    pub(crate) data: Option<PathBuf>,
    /// Folder that has the data set's files; no download then
    #[arg(long, short = 'd', value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// What else to measure, such as f1,roc-auc,top-k=5; `layerloop list metrics` has them all
    #[arg(long, short = 'm', alias = "metric", value_name = "METRICS", hide_possible_values = true, value_parser = several::<Metric>())]
    pub(crate) metrics: Option<Several<Metric>>,
    /// Print the loss, the score and the --metrics on one line, without the confusion matrix and the classes
    #[arg(long, short = 'q', conflicts_with = "json")]
    pub(crate) quiet: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
