//! How a network does on its test part, in the words of the command.

use layerloop::Result;
use layerloop::data::{Dataset, Targets};
use layerloop::evaluate::Outputs;
use layerloop::metrics::{AnyMetric, Metric};
use layerloop::model_file::Model;
pub(crate) use layerloop_page::scores::{Scores, evenly, objective, outputs, threads_for};
use serde_json::{Value, json};

use crate::output::shown;

/// A metric that was asked for, and its value; NaN where there is none.
pub(crate) type Measured = (Metric, f64);

/// The values of `metrics`.
pub(crate) fn measured(metrics: &[Metric], outputs: &Outputs) -> Result<Vec<Measured>> {
    let values = outputs.measure(metrics)?;
    Ok(metrics.iter().copied().zip(values.into_iter().map(|value| value.unwrap_or(f64::NAN))).collect())
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
    layerloop_page::scores::threshold_in_words(model).map(|said| shown(&said).into_owned())
}

/// `binary`, `multiclass` or `regression`.
pub(crate) fn task(data: &Dataset) -> &'static str {
    match data.targets() {
        Targets::Labels { classes, .. } if classes.len() == 2 => "binary",
        Targets::Labels { .. } => "multiclass",
        Targets::Numbers { .. } => "regression",
    }
}
