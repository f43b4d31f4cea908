//! How a network does on numbers.

use super::{Any, Judged, Metric};
use crate::data::{Dataset, Targets};
use crate::network::{Network, Predictor};
use crate::train::Objective;
use crate::{Error, Result};

/// How a network does where its targets are numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RegressionScores {
    /// Mean loss, of the kind that the output map is made for.
    pub loss: f64,
    /// Mean of e^2 over rows and outputs.
    pub mse: f64,
    /// Mean of |e| over rows and outputs.
    pub mae: f64,
    /// 1 - sum e^2 / sum (t - mean(t))^2, the mean over the outputs; not a number of less than two rows.
    pub r2: f64,
}

/// Judges `network` on numbers with `threads` threads.
///
/// # Errors
/// [`Error::Shape`] if the data does not fit the network, [`Error::Data`] if it is empty.
pub fn evaluate_regression(network: &Network, data: &Dataset, threads: usize) -> Result<RegressionScores> {
    evaluate_regression_by(&Objective::default(), network, data, threads)
}

/// As [`evaluate_regression`], the loss being that of `objective`.
///
/// # Errors
/// As [`evaluate_regression`]; [`Error::Config`] if the targets are labels, or the objective does not fit.
pub fn evaluate_regression_by(
    objective: &Objective,
    network: &Network,
    data: &Dataset,
    threads: usize,
) -> Result<RegressionScores> {
    if matches!(data.targets(), Targets::Labels { .. }) {
        return Err(Error::config("data", format!("{} has classes, not numbers: `evaluate` judges them", data.name())));
    }
    let (loss, outputs) = predict(network, data, objective, threads)?;
    let judged = Judged::numbers(&outputs, data.numbers(), network.classes());
    let of = |metric: Metric| metric.of(&judged);
    Ok(RegressionScores { loss, mse: of(Metric::Mse)?, mae: of(Metric::Mae)?, r2: of(Metric::R2).unwrap_or(f64::NAN) })
}

/// The value of each metric, ours or registered, with `threads` threads.
///
/// # Errors
/// [`Error::Shape`] if the data does not fit the network, [`Error::Data`] if it is empty, and those of [`Any::of`].
pub fn measure<M: Copy + Into<Any>>(
    metrics: &[M],
    network: &Network,
    data: &Dataset,
    threads: usize,
) -> Result<Vec<f64>> {
    let (_, outputs) = predict(network, data, &Objective::default(), threads)?;
    let mut judged = match data.targets() {
        Targets::Labels { labels, .. } => Judged::classes(&outputs, labels, network.classes()),
        Targets::Numbers { values, names } => Judged::numbers(&outputs, values, names.len()),
    };
    judged.weights = data.weights();
    metrics.iter().map(|&metric| metric.into().of(&judged)).collect()
}

/// The mean loss, and the outputs of every row.
pub(super) fn predict(
    network: &Network,
    data: &Dataset,
    objective: &Objective,
    threads: usize,
) -> Result<(f64, Vec<f32>)> {
    if data.rows() == 0 {
        return Err(Error::data(data.name(), "there are no rows to judge a network on"));
    }
    let (outputs, losses) = Predictor::new(network, threads)?.judge_by(data, objective)?;
    Ok((losses.iter().copied().map(f64::from).sum::<f64>() / data.rows() as f64, outputs))
}
