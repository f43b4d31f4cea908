//! Feedforward neural networks: trained fast on a CPU, every number of the forward and backward pass in the open.
//!
//! The gradient is implemented twice. [`math`] is the derivation, written out in f64 for one sample, to be read.
//! [`network`] and [`train`] are the fast path, in f32, a batch at a time. The tests hold them together.
//!
//! - [`data`]: data sets in memory, splits, seeded batches, one-hot
//! - [`choice`]: closed sets by name: activations, optimisers, ...
//! - [`custom`]: activations, layers and more of your own
//! - [`network`]: specification, parameters, predictions
//! - [`train`]: the training loop and its optimisers
//! - [`metrics`]: how good a network is
//! - [`explain`]: the fast path and the derivation compared
//! - [`memory`]: whether there is memory for what is about to be built
//! - [`model_file`]: a network in a file, with all it needs to be used
#![forbid(unsafe_code)]
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod choice;
pub mod custom;
pub mod data;
mod error;
pub mod explain;
pub mod files;
pub mod logs;
pub mod math;
pub mod memory;
pub mod metrics;
pub mod model_file;
pub mod network;
mod threads;
pub mod train;

pub use error::{Error, Result};

/// The examples of the book run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/math/07-other-layers.md")]
#[doc = include_str!("../../../docs/math/08-hessian.md")]
struct Book;
