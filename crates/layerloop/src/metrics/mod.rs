//! How good a network is.

mod classification;

pub use classification::{ClassScores, Evaluation, evaluate};
