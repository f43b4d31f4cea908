//! Feedforward neural networks: trained fast on a CPU, every number of the forward and backward pass in the open.
//!
//! ```
//! use layerloop::data::Dataset;
//! use layerloop::network::{Network, Predictor};
//! use layerloop::train::{FitOptions, fit};
//!
//! // Points below the diagonal of a square, and above it.
//! let points: Vec<f32> = (0..400).map(|i| (i * 37 % 101) as f32 / 100.0).collect();
//! let labels: Vec<u32> = points.chunks(2).map(|point| u32::from(point[1] > point[0])).collect();
//! let data = Dataset::new("points", points.into(), 2, labels, ["below", "above"])?;
//!
//! let mut network = Network::new(&"2 -> 16 relu -> 2".parse()?, 0)?;
//! let options = FitOptions { epochs: 50, batch: 10, learning_rate: 0.01, ..FitOptions::default() };
//! let report = fit(&mut network, &data, &options)?;
//! println!("loss {:.3} after {} steps", report.epochs[49].train_loss, report.steps);
//!
//! let p = Predictor::new(network, 1)?.probabilities(&vec![0.2, 0.7].into())?;
//! println!("(0.2, 0.7) is above the diagonal with probability {:.3}", p[1]);
//! # assert!(report.steps == 1000 && report.epochs[49].train_loss < 0.1 && p[1] > 0.95, "{report:?} {p:?}");
//! # Ok::<(), layerloop::Error>(())
//! ```
//!
//! The gradient is implemented twice. [`math`] is the derivation, written out in f64 for one sample, to be read.
//! [`network`] and [`train`] are the fast path, in f32, a batch at a time. The tests hold them together.
//!
//! - [`names`]: closed sets by name: activations, optimisers, ...
//! - [`rng`]: named random streams
//! - [`math`]: the derivation in f64
//! - [`data`]: data sets in memory, splits, seeded batches, one-hot
//! - [`augment`]: random changes of the images of a training
//! - [`objective`]: losses, class weights: what is minimised
//! - [`network`]: specification, parameters, forward and backward pass, predictions
//! - [`metrics`], [`evaluate`]: how good predictions are, and a network
//! - [`optim`]: optimisers, learning rate schedules
//! - [`ranks`]: processes that train one network together
//! - [`train`]: options, the training loop, callbacks, checkpoints
//! - [`recipes`]: named ways to train
//! - [`model_file`]: a network in a file, with all it needs to be used
//! - [`logs`], [`files`]: a run for other tools; files that are never half-written
//! - [`explain`]: the fast path and the derivation compared; why an output is what it is
//! - [`custom`]: activations, layers and more of your own
//! - [`memory`]: whether there is memory for what is about to be built
//!
//! Features, all three on by default: `train` ([`optim`], [`ranks`], [`train`]), `explain` ([`math`], [`explain`]) and `logs` ([`logs`]). Without them a
//! program loads models and predicts: 2.3 MB, stripped, for x86-64, which the linker makes of it with all features too; 54 s of
//! building on two cores, 32 of them the kernels. `ndarray` adds conversions from and to its arrays.
//!
//! Each module uses only those above it; `tests/imports.rs` checks that.
#![forbid(unsafe_code)]
#![cfg_attr(not(feature = "explain"), expect(dead_code, reason = "what only training or explanations use"))]
#![warn(clippy::print_stdout, clippy::print_stderr)]

#[cfg(feature = "ndarray")]
mod arrays;
pub mod augment;
#[cfg(feature = "train")]
mod clock;
pub mod custom;
pub mod data;
mod differences;
mod error;
pub mod evaluate;
#[cfg(feature = "explain")]
pub mod explain;
pub mod files;
#[cfg(feature = "logs")]
pub mod logs;
#[cfg(feature = "explain")]
pub mod math;
pub mod memory;
pub mod metrics;
pub mod model_file;
pub mod names;
pub mod network;
pub mod objective;
#[cfg(feature = "train")]
pub mod optim;
pub mod preprocess;
#[cfg(feature = "train")]
pub mod ranks;
#[cfg(feature = "train")]
pub mod recipes;
pub mod rng;
mod threads;
#[cfg(feature = "train")]
pub mod train;

pub use error::{Error, Result};

/// The examples of the book run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/math/07-other-layers.md")]
#[doc = include_str!("../../../docs/math/08-hessian.md")]
struct Book;
