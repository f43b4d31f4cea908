//! The kernels of layerloop: slices in, slices out. They do not depend on networks, and all unsafe code is here.
//!
//! - [`Isa`]: what the processor can do; every kernel is written once, on sixteen lanes, and compiled for each set.
//! - [`dense`]: the three products of a dense layer, over one tile, with what becomes of it: activation, its
//!   derivative, the optimiser's step.
//! - [`mod@function`]: exp, ln, sigmoid, tanh and related functions, with their bounds.
//! - [`formula`]: the operations of a function, recorded, for code in other languages.
//! - [`softmax`]: the output maps; both softmaxes, fused with cross-entropy.
//! - [`loss`]: every loss and its gradient on the logits.
//! - [`columns`], [`grouped`], [`members`], [`norm`], [`parametric`], [`piecewise`], [`rows`], [`table`]: what other layers do to rows:
//!   scale, prelu, waves; dense layers of parts of a row; standardisation; piecewise-linear functions; dropout, sums, products, largest
//!   values; embedding.
//! - [`gather`]: the rows of a batch, bytes widened on the way.
//! - [`warp`]: images moved by a map and by smooth random displacements.
//! - [`Team`]: threads that a caller owns, and safe ways to share matrices among them.
//! - [`peak`]: what the processor can do at best.
//! - [`mod@reference`]: the slow, obvious versions that the fast ones are tested against.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod activation;
pub mod columns;
pub mod dense;
pub mod formula;
pub mod function;
pub mod gather;
mod gemm;
pub mod grouped;
mod isa;
mod lanes;
pub mod loss;
mod marks;
mod matrix;
pub mod members;
mod named_enum;
pub mod norm;
mod pages;
mod panels;
pub mod parametric;
pub mod peak;
pub mod piecewise;
#[cfg(test)]
mod random_arguments;
pub mod reference;
pub mod rows;
pub mod softmax;
mod sparse;
pub mod table;
mod team;
mod update;
pub mod warp;

pub use activation::{Activation, Slope, activate};
pub use gemm::{Listed, tree};
pub use isa::{Isa, LANES, UnknownIsa};
pub use loss::Loss;
pub use marks::Marks;
pub use matrix::{Matrix, Rows, RowsMut};
pub use named_enum::NamedEnum;
pub use pages::{shared_numbers, zeroed_bytes};
pub use panels::{PANEL, Panel, Panels};
pub use sparse::{ByColumn, Csr, Entries, InvalidCsr};
pub use team::{Block, Partition, Team};
pub use update::{Before, Part, Rule, STATES, Update, update};
