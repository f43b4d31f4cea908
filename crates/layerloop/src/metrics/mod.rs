//! How good a network is: [`evaluate`] for the whole picture, [`Metric`] for any one number, [`evaluate_by`] for both.

mod calibration;
mod classification;
mod confusion;
mod judged;
mod metric;
mod ranking;
mod regression;
mod scores;

pub use classification::{ClassScores, Evaluation, evaluate, evaluate_by};
pub use confusion::Average;
pub use judged::{Judged, Truth};
pub use metric::{Any, Metric};
pub use scores::{RegressionScores, evaluate_regression, evaluate_regression_by, measure};
