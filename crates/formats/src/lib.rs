//! Import and export formats of layerloop. A network that was trained here runs elsewhere, and one from elsewhere runs here, with the
//! same numbers.
//!
//! - [`onnx`]: ONNX files, out and in
//! - [`torch`]: PyTorch `state_dict`s of `nn.Sequential`, as safetensors files, out and in
//! - [`code`]: one file of C, Rust or JavaScript with the weights inside
//! - [`drawing`]: a network as an SVG picture
//!
//! All of them are written against [`layerloop::network::view`], the list of what a network computes.
#![forbid(unsafe_code)]

pub mod code;
pub mod drawing;
pub mod onnx;
pub mod torch;
