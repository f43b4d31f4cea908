//! The options of `layerloop eval`.

use std::path::PathBuf;

use clap::Parser;
use layerloop::metrics::Metric;

use super::parsers::{Several, several};
use super::variants::Variants;

#[derive(Debug, Parser)]
pub(crate) struct Eval {
    /// Model file that `layerloop train` saved
    pub(crate) model: PathBuf,
    /// digits, diabetes, mnist, fashion-mnist, or a folder of pictures or IDX files, whose test part is used; or a table, of which all rows are [default: what it was trained on]
    #[arg(value_name = "DATA")]
    pub(crate) data: Option<PathBuf>,
    /// Folder that has the data set's files; nothing is downloaded then [default: the one in LAYERLOOP_DATA]
    #[arg(long, short = 'd', value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// More metrics to compute, such as f1,roc-auc,top-k=5; see `layerloop list metrics`
    #[arg(long, short = 'm', alias = "metric", value_name = "METRICS", hide_possible_values = true, value_parser = several::<Metric>())]
    pub(crate) metrics: Option<Several<Metric>>,
    #[command(flatten)]
    pub(crate) variants: Variants,
    /// Print one line: the loss, the score and the --metrics
    #[arg(long, short = 'q', conflicts_with = "json")]
    pub(crate) quiet: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
