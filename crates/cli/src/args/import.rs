//! The options of `layerloop import`.

use std::path::PathBuf;

use clap::Parser;
use layerloop::network::{Activation, Output};

use super::parsers::named;

const TORCH: &str = "PyTorch state_dicts";

#[derive(Debug, Parser)]
pub(crate) struct Import {
    /// An ONNX file, or a safetensors file of the state_dict of an nn.Sequential
    pub(crate) file: PathBuf,
    /// Write the model to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) save: PathBuf,
    /// The activation behind each linear layer but the last, which a state_dict does not name [default: relu]
    #[arg(long, value_name = "NAME", help_heading = TORCH, value_parser = named::<Activation>(), hide_possible_values = true)]
    pub(crate) activation: Option<Activation>,
    /// The map from logits to outputs, which a state_dict does not name [default: softmax]
    #[arg(long, value_name = "NAME", help_heading = TORCH, value_parser = named::<Output>(), hide_possible_values = true)]
    pub(crate) output: Option<Output>,
}
