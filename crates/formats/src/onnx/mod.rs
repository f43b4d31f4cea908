//! ONNX files: `export` writes one, `import` reads one.

mod activations;
mod date;
mod export;
mod graph;
pub mod import;
mod layers;
mod outputs;
mod proto;
mod table;

pub use export::{Export, OUTPUTS, export};
pub use import::import;
