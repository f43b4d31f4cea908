//! How far predicted numbers p are from the true ones y. Each is computed for every output and averaged over the
//! outputs; w is the weight of a row.

use super::predictions::{Predictions, Truth};
use crate::{Error, Result};

/// A predicted number, the true one, and the weight of their row.
type Pair = (f64, f64, f64);

/// The mean over the outputs of `measure`, which sees the pairs of one output.
fn over_outputs(predictions: &Predictions, measure: impl Fn(&[Pair]) -> f64) -> f64 {
    let Truth::Numbers { targets, outputs } = predictions.truth else { return f64::NAN };
    let column = |output: usize| -> Vec<Pair> {
        let rows = (output..targets.len()).step_by(outputs).enumerate();
        rows.map(|(row, at)| (predictions.predicted[at].into(), targets[at].into(), predictions.weight(row))).collect()
    };
    (0..outputs).map(|output| measure(&column(output))).sum::<f64>() / outputs as f64
}

/// sum w f(p, y) / sum w
fn mean(pairs: &[Pair], f: impl Fn(f64, f64) -> f64) -> f64 {
    let sum: f64 = pairs.iter().map(|&(p, y, w)| w * f(p, y)).sum();
    sum / pairs.iter().map(|pair| pair.2).sum::<f64>()
}

/// The variance of f(p, y) over the rows that count: exactly 0 where f has one value, though its mean may be rounded.
fn variance(pairs: &[Pair], f: impl Fn(f64, f64) -> f64) -> f64 {
    let mut values = pairs.iter().filter(|pair| pair.2 > 0.0).map(|&(p, y, _)| f(p, y));
    let first = values.next();
    if values.all(|value| Some(value) == first) {
        return 0.0;
    }
    let centre = mean(pairs, &f);
    mean(pairs, |p, y| (f(p, y) - centre) * (f(p, y) - centre))
}

pub(super) fn mse(predictions: &Predictions) -> f64 {
    over_outputs(predictions, |pairs| mean(pairs, |p, y| (p - y) * (p - y)))
}

pub(super) fn rmse(predictions: &Predictions) -> f64 {
    over_outputs(predictions, |pairs| mean(pairs, |p, y| (p - y) * (p - y)).sqrt())
}

pub(super) fn mae(predictions: &Predictions) -> f64 {
    over_outputs(predictions, |pairs| mean(pairs, |p, y| (p - y).abs()))
}

pub(super) fn mape(predictions: &Predictions) -> f64 {
    over_outputs(predictions, |pairs| mean(pairs, |p, y| (p - y).abs() / y.abs().max(f64::EPSILON)))
}

pub(super) fn pinball(predictions: &Predictions, tau: f64) -> f64 {
    over_outputs(predictions, |pairs| mean(pairs, |p, y| (tau * (y - p)).max((tau - 1.0) * (y - p))))
}

/// 1 - rest / spread; of constant targets 1 if nothing is left, else 0, as in scikit-learn.
fn share_explained(rest: f64, spread: f64) -> f64 {
    match (rest == 0.0, spread == 0.0) {
        (true, _) => 1.0,
        (false, true) => 0.0,
        _ => 1.0 - rest / spread,
    }
}

/// 1 - residual / total sum of squares; one row has no total.
pub(super) fn r2(predictions: &Predictions) -> Result<f64> {
    if matches!(predictions.truth, Truth::Numbers { targets, outputs } if targets.len() == outputs) {
        return Err(Error::config("metric", "`r2` needs at least 2 rows: one row has no variance to explain"));
    }
    Ok(over_outputs(predictions, |pairs| {
        share_explained(mean(pairs, |p, y| (y - p) * (y - p)), variance(pairs, |_, y| y))
    }))
}

pub(super) fn explained_variance(predictions: &Predictions) -> f64 {
    over_outputs(predictions, |pairs| share_explained(variance(pairs, |p, y| y - p), variance(pairs, |_, y| y)))
}
