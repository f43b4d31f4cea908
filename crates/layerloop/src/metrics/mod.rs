//! How good a network is: [`evaluate`] for the whole picture, [`Metric`] for any one number, [`evaluate_by`] for both.
//!
//! One rule for sample weights: every mean that is measured, of losses as of metrics, is sum_b w_b x_b / sum_b w_b, in [`evaluate`],
//! [`measure`] and the columns of a run's history (`val_loss`, `val_accuracy`). `train_loss` alone is what is minimised, a mean over
//! rows: see [`Objective`](crate::train::Objective).

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
pub(crate) use scores::{mean_loss, of_targets};
