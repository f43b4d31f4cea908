//! How good a network is.

mod classification;
mod regression;

pub use classification::{ClassScores, Evaluation, evaluate};
pub use regression::{
    Regressed, mean_absolute_error, mean_absolute_percentage_error, mean_squared_error, pinball,
    root_mean_squared_error,
};
