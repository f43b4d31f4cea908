//! Metrics: predictions and the truth give a number. [`crate::evaluate`] computes them for a network.

mod calibration;
mod classification;
mod confusion;
pub(crate) mod custom;
mod judged;
mod metric;
mod ranking;
mod regression;

pub use classification::{ClassScores, Evaluation};
pub use confusion::Average;
pub use judged::{Judged, Truth};
pub use metric::{Any, Metric};
