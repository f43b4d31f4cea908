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
    /// A model that `train` saved
    pub(crate) model: Option<PathBuf>,
    /// digits, mnist, fashion-mnist, or a folder of IDX files [default: what it was trained on]
    #[arg(value_name = "DATA")]
    pub(crate) data: Option<PathBuf>,
    /// Folder that has the data set's files; no download then
    #[arg(long, short = 'd', help_heading = SAMPLE, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Which part of the data the sample is of
    #[arg(long, ignore_case = true, help_heading = SAMPLE, value_enum, default_value = "test")]
    pub(crate) part: Part,
    /// The row of the sample, counted from 0
    #[arg(long, value_parser = number::<usize>("a whole number, at least 0"), help_heading = SAMPLE, value_name = "ROW", default_value_t = 0)]
    pub(crate) sample: usize,
    /// An example instead of a model: golden, that of the derivation
    #[arg(long, help_heading = SAMPLE, value_name = "NAME", value_parser = PossibleValuesParser::new(["golden"]), conflicts_with_all = ["model", "sample"])]
    pub(crate) example: Option<String>,
    /// Print one JSON object: every z, t, A, B, C, q, p with all its numbers
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) json: bool,
    /// Compare the gradient with central differences too: two forward passes for each parameter
    #[arg(long, help_heading = KIND, conflicts_with = "step")]
    pub(crate) differences: bool,
    /// Walk through the objects one by one
    #[arg(long, help_heading = KIND, conflicts_with = "json")]
    pub(crate) step: bool,
    /// Write a page to walk through the layer loops with: one HTML file that needs nothing else
    #[arg(long, help_heading = OUTPUT, value_name = "FILE", conflicts_with = "step")]
    pub(crate) html: Option<PathBuf>,
    /// How the loss bends around the model: the largest eigenvalue of its Hessian, and its trace
    #[arg(long, help_heading = KIND, conflicts_with_all = ["sample", "step", "html", "differences"])]
    pub(crate) curvature: bool,
    /// How many rows --curvature and --units look at, the first ones
    #[arg(long, value_parser = count(), help_heading = KIND, value_name = "ROWS", default_value_t = 500)]
    pub(crate) rows: usize,
    /// Draw the loss along the two directions in which it bends most, as an SVG picture
    #[arg(long, help_heading = OUTPUT, value_name = "FILE", requires = "curvature")]
    pub(crate) surface: Option<PathBuf>,
    /// The worst mistakes, each with the training rows that stand behind it and the smallest change that turns the answer
    #[arg(long, help_heading = KIND, conflicts_with_all = ["sample", "example", "step", "differences", "curvature"])]
    pub(crate) mistakes: bool,
    /// What the units of each layer do: dead ones, saturated ones, how steep they are, how large the gradient is
    #[arg(long, help_heading = KIND, conflicts_with_all = ["sample", "step", "html", "differences", "curvature", "mistakes"])]
    pub(crate) units: bool,
    /// How many mistakes
    #[arg(long, value_parser = count(), help_heading = KIND, value_name = "N", default_value_t = 8, requires = "mistakes")]
    pub(crate) top: usize,
}
