//! The options of `layerloop predict`.

use std::path::PathBuf;

use clap::Parser;
use layerloop::data::Fit;
use layerloop::explain::Attribution;

use super::parsers::{count, named};
use super::variants::Variants;

const INPUT: &str = "How images are read";
const WHY: &str = "Why: attributions";
const OUTPUT: &str = "Output";

#[derive(Debug, Parser)]
pub(crate) struct Predict {
    /// Model file that `layerloop train` saved
    pub(crate) model: PathBuf,
    /// PNG or JPEG pictures of any size, folders of them, IDX files of images, tables (CSV, plain, gzip or Zstandard, Parquet, Arrow), or - for standard input
    #[arg(required = true, value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,
    /// Write the predictions for the rows of tables to a Parquet file, if its name ends in .parquet, or else a CSV file; - is standard output
    #[arg(long, short = 'o', help_heading = OUTPUT, value_name = "FILE", conflicts_with = "json")]
    pub(crate) out: Option<PathBuf>,
    /// Write the columns of the input before the predictions
    #[arg(long, help_heading = OUTPUT, requires = "out")]
    pub(crate) with_input: bool,
    /// Print one JSON object per line, one for each input
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) json: bool,
    /// How many classes to print, the most probable first
    #[arg(long, value_parser = count(), help_heading = OUTPUT, value_name = "N", default_value_t = 3)]
    pub(crate) top: usize,
    /// How a picture becomes an image of the network's size: centre (its strokes in the middle, as in MNIST), whole, or plain (whole, and never inverted) [default: what the model was trained with; a picture that has the network's size is taken whole]
    #[arg(long, help_heading = INPUT, value_parser = named::<Fit>(), hide_possible_values = true, value_name = "NAME")]
    pub(crate) fit: Option<Fit>,
    /// The images are dark on light (true) or not (false) [default: pictures are looked at, IDX files are taken as they are]
    #[arg(long, help_heading = INPUT, num_args = 0..=1, default_missing_value = "true", require_equals = true, value_name = "BOOL")]
    pub(crate) invert: Option<bool>,
    #[command(flatten)]
    pub(crate) variants: Variants,
    /// Show what each input contributed to the answer: saliency, input-times-gradient, integrated-gradients or occlusion
    #[arg(long, help_heading = WHY, value_parser = named::<Attribution>(), hide_possible_values = true, value_name = "NAME", conflicts_with = "tta")]
    pub(crate) attribution: Option<Attribution>,
    /// Explain this class, by name [default: the predicted one]
    #[arg(long, help_heading = WHY, value_name = "CLASS", requires = "attribution")]
    pub(crate) class: Option<String>,
    /// Write each image and its attribution, side by side, into this folder as PNG files
    #[arg(long, help_heading = WHY, value_name = "DIR", requires = "attribution")]
    pub(crate) pictures: Option<PathBuf>,
}
