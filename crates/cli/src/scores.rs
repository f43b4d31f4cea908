//! How a network does on its test part: as a classifier, or with numbers.

use layerloop::Result;
use layerloop::data::{Dataset, Targets};
use layerloop::evaluate::{Outputs, RegressionScores};
use layerloop::metrics::{AnyMetric, Evaluation, Metric};
use layerloop::model_file::Model;
use layerloop::network::{Network, Predictor, Spec};
use layerloop::train::{Loss, Objective, default_threads};
use serde_json::{Value, json};

use crate::output::shown;

/// Threads for evaluating and predicting: as many as a batch of 512 rows keeps busy.
pub(crate) fn threads_for(spec: &Spec) -> usize {
    default_threads(spec, 512)
}

/// Up to `most` of so many rows, evenly spaced, in their order.
pub(crate) fn evenly(rows: usize, most: usize) -> Vec<usize> {
    let count = rows.min(most);
    (0..count).map(|i| (i * 2 + 1) * rows / (2 * count)).collect()
}

/// How a network does.
#[derive(Debug, Clone)]
pub(crate) enum Scores {
    Classes(Evaluation),
    Numbers(RegressionScores),
}

/// A metric that was asked for, and its value; NaN where there is none.
pub(crate) type Measured = (Metric, f64);

/// The values of `metrics`.
pub(crate) fn measured(metrics: &[Metric], outputs: &Outputs) -> Result<Vec<Measured>> {
    let values = outputs.measure(metrics)?;
    Ok(metrics.iter().copied().zip(values.into_iter().map(|value| value.unwrap_or(f64::NAN))).collect())
}

/// What a predictor gives for `data`; the loss is `loss` or what the output map is made for.
pub(crate) fn outputs<'a>(predictor: &Predictor, data: &'a Dataset, loss: Option<Loss>) -> Result<Outputs<'a>> {
    Outputs::of(predictor, data, &Objective { loss: loss.map(Into::into), ..Objective::default() })
}

/// The scores of a table as one object: `{"accuracy": .., "log_loss": .., "roc_auc": ..}` or `{"rmse": .., "mae": .., "r2": ..}`, in the units of
/// the target.
pub(crate) fn of_table(outputs: &Outputs, data: &Dataset) -> Result<Value> {
    let metrics = metrics_of(data);
    let values = outputs.measure(metrics)?;
    let pairs = metrics.iter().zip(values).map(|(metric, value)| (AnyMetric::from(*metric).key(), json!(value.ok())));
    Ok(pairs.collect())
}

/// The intervals of these scores: 95 % of so many draws of as many rows.
pub(crate) fn intervals_of_table(outputs: &Outputs, data: &Dataset) -> Result<Value> {
    const DRAWS: usize = 200;
    let metrics = metrics_of(data);
    let pairs = metrics.iter().zip(outputs.intervals(metrics, DRAWS)?);
    Ok(pairs.map(|(metric, interval)| (AnyMetric::from(*metric).key(), json!(interval))).collect())
}

fn metrics_of(data: &Dataset) -> &'static [Metric] {
    match data.targets() {
        Targets::Labels { .. } => &[Metric::Accuracy, Metric::LogLoss, Metric::RocAuc],
        Targets::Numbers { .. } => &[Metric::Rmse, Metric::Mae, Metric::R2],
    }
}

/// The threshold of a model that has one, and what is predicted above it.
pub(crate) fn threshold_in_words(model: &Model) -> Option<String> {
    let (threshold, [_, second]) = (model.threshold?, &model.classes[..]) else { return None };
    Some(format!("{threshold:.4}: `{}` is predicted where its probability is above it", shown(second)))
}

/// `binary`, `multiclass` or `regression`.
pub(crate) fn task(data: &Dataset) -> &'static str {
    match data.targets() {
        Targets::Labels { classes, .. } if classes.len() == 2 => "binary",
        Targets::Labels { .. } => "multiclass",
        Targets::Numbers { .. } => "regression",
    }
}

impl Scores {
    /// On `data`, by `loss` or what the output map is made for.
    pub(crate) fn of(network: &Network, data: &Dataset, loss: Option<Loss>) -> Result<Self> {
        let predictor = Predictor::new(network, threads_for(network.spec()))?;
        Self::of_outputs(&outputs(&predictor, data, loss)?, data)
    }

    pub(crate) fn of_outputs(outputs: &Outputs, data: &Dataset) -> Result<Self> {
        Ok(match data.targets() {
            Targets::Labels { .. } => Self::Classes(outputs.classes()?),
            Targets::Numbers { .. } => Self::Numbers(outputs.numbers()?),
        })
    }

    pub(crate) fn loss(&self) -> f64 {
        match self {
            Self::Classes(evaluation) => evaluation.loss,
            Self::Numbers(scores) => scores.loss,
        }
    }

    /// The one number that says most, and its name: `accuracy`, `r2`.
    pub(crate) fn headline(&self) -> (&'static str, f64) {
        match self {
            Self::Classes(evaluation) => ("accuracy", evaluation.accuracy),
            Self::Numbers(scores) => ("r2", scores.r2),
        }
    }
}
