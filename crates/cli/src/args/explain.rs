//! The options of `layerloop explain`.

use std::path::PathBuf;

use clap::Parser;
use clap::builder::PossibleValuesParser;

use super::Part;
use super::parsers::{count, number};

const SAMPLE: &str = "Which sample";
const KIND: &str = "What to show";
const OUTPUT: &str = "Output";

#[derive(Debug, Parser)]
pub(crate) struct Explain {
    /// Model file that `layerloop train` saved
    pub(crate) model: Option<PathBuf>,
    /// digits, diabetes, mnist, fashion-mnist, a folder of pictures or IDX files [default: what it was trained on]; or a picture or CSV file of your own
    #[arg(value_name = "DATA")]
    pub(crate) data: Option<PathBuf>,
    /// Folder that has the data set's files; nothing is downloaded then [default: the one in LAYERLOOP_DATA]
    #[arg(long, short = 'd', help_heading = SAMPLE, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Part of the data that has the sample
    #[arg(long, ignore_case = true, help_heading = SAMPLE, value_enum, default_value = "test")]
    pub(crate) part: Part,
    /// Row of the sample, counted from 0
    #[arg(long, value_parser = number::<usize>("a whole number, at least 0"), help_heading = SAMPLE, value_name = "ROW", default_value_t = 0)]
    pub(crate) sample: usize,
    /// True class of your own picture, by name [default: unknown; the prediction is used]
    #[arg(long, help_heading = SAMPLE, value_name = "CLASS")]
    pub(crate) label: Option<String>,
    /// Use an example instead of a model: golden, the derivation's
    #[arg(long, help_heading = SAMPLE, value_name = "NAME", value_parser = PossibleValuesParser::new(["golden"]), conflicts_with_all = ["model", "sample"])]
    pub(crate) example: Option<String>,
    /// Compare the gradient with central differences too: two forward passes per parameter
    #[arg(long, help_heading = KIND, conflicts_with = "step")]
    pub(crate) differences: bool,
    /// Show the quantities one by one
    #[arg(long, help_heading = KIND, conflicts_with = "json")]
    pub(crate) step: bool,
    /// Show the curvature of the loss: the largest eigenvalue and the trace of its Hessian
    #[arg(long, help_heading = KIND, conflicts_with_all = ["sample", "step", "html", "differences"])]
    pub(crate) curvature: bool,
    /// Number of rows that --curvature and --units use, from the first
    #[arg(long, value_parser = count(), help_heading = KIND, value_name = "ROWS", default_value_t = 500)]
    pub(crate) rows: usize,
    /// Show the worst mistakes, each with the most similar training rows and the smallest change that flips the prediction
    #[arg(long, help_heading = KIND, conflicts_with_all = ["sample", "example", "step", "differences", "curvature"])]
    pub(crate) mistakes: bool,
    /// Show the units of each layer: dead and saturated ones, slopes, gradients
    #[arg(long, help_heading = KIND, conflicts_with_all = ["sample", "step", "html", "differences", "curvature", "mistakes"])]
    pub(crate) units: bool,
    /// How many mistakes to show
    #[arg(long, value_parser = count(), help_heading = KIND, value_name = "N", default_value_t = 8, requires = "mistakes")]
    pub(crate) top: usize,
    /// Print one JSON object: every z, t, A, B, C, q, p with all numbers
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) json: bool,
    /// Write an HTML page that steps through the forward and backward layer loops
    #[arg(long, help_heading = OUTPUT, value_name = "FILE", conflicts_with = "step")]
    pub(crate) html: Option<PathBuf>,
    /// Draw the loss along the two directions of largest curvature, as an SVG picture
    #[arg(long, help_heading = OUTPUT, value_name = "FILE", requires = "curvature")]
    pub(crate) surface: Option<PathBuf>,
}
