//! Feedforward neural networks: trained fast on a CPU, every number of the forward and backward pass in the open.
#![forbid(unsafe_code)]
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod data;
mod error;
pub mod math;
pub mod train;

pub use error::{Error, Result};
