//! Metrics: predictions and the truth give a number. [`crate::evaluate`] computes them for a network.

mod bootstrap;
mod calibration;
mod classification;
mod confusion;
pub(crate) mod custom;
mod metric;
mod predictions;
mod ranking;
mod regression;
mod threshold;

pub use bootstrap::intervals;
pub use calibration::{CalibrationBin, calibration};
pub use classification::{ClassScores, Evaluation};
pub use confusion::Average;
pub use metric::{AnyMetric, Metric};
pub use predictions::{Predictions, Truth};
pub(crate) use threshold::check as check_threshold;
pub use threshold::{Threshold, predicted};
