//! How good a network is: [`evaluate`] for the whole picture, [`Metric`] for any one number.

mod calibration;
mod classification;
mod confusion;
mod judged;
mod metric;
mod ranking;
mod regression;

pub use classification::{ClassScores, Evaluation, evaluate};
pub use confusion::Average;
pub use judged::{Judged, Truth};
pub use metric::Metric;
