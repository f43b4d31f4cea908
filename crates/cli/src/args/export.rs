//! The options of `layerloop export`.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use super::parsers::count;

const ONNX: &str = "ONNX";
const CODE: &str = "Code";

#[derive(Debug, Parser)]
pub(crate) struct Export {
    /// Model file that `layerloop train` saved
    pub(crate) model: PathBuf,
    /// What to write
    #[arg(long, value_name = "FORMAT", hide_possible_values = false)]
    pub(crate) to: To,
    /// The file; one that layerloop exported is replaced [default: the name of the model, with the ending of the format]
    #[arg(long, short = 'o', value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// The only output: logits, probabilities or label [default: label and probabilities, or the predicted numbers]
    #[arg(long, value_name = "NAME", help_heading = ONNX, value_parser = layerloop_formats::onnx::OUTPUTS, hide_possible_values = true)]
    pub(crate) output: Option<String>,
    /// The version of the standard operators, from 18 to 24
    #[arg(long, value_name = "N", help_heading = ONNX, value_parser = count(), default_value_t = 18)]
    pub(crate) opset: usize,
    /// Weights of dense layers as bytes, a quarter of the size; how much the predictions change is measured and printed
    #[arg(long, value_name = "TYPE", help_heading = CODE)]
    pub(crate) quantize: Option<Quantize>,
    /// The data for that measurement, as for `layerloop eval` [default: 1000 random rows]
    #[arg(long, value_name = "DATA", help_heading = CODE, requires = "quantize")]
    pub(crate) data: Option<PathBuf>,
}

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum To {
    /// An ONNX file, for onnxruntime and others
    Onnx,
    /// A C99 file with the weights inside, without malloc
    C,
    /// A Rust file that needs nothing but core
    Rust,
    /// A JavaScript module
    Js,
    /// A PyTorch state_dict as a safetensors file, for nn.Sequential
    Torch,
}

/// What weights become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Quantize {
    /// A whole number from -127 to 127, and a scale for each unit
    Int8,
}

impl Export {
    /// Where it writes.
    pub(crate) fn out(&self) -> PathBuf {
        let ending = match self.to {
            To::Onnx => "onnx",
            To::C => "c",
            To::Rust => "rs",
            To::Js => "mjs",
            To::Torch => "torch.safetensors",
        };
        self.out.clone().unwrap_or_else(|| self.model.with_extension(ending))
    }
}
