//! What is measured after every epoch, and under which names.

use super::objective::Objective;
use crate::custom::Open;
use crate::data::{Dataset, Targets};
use crate::metrics::{Any, Judged, Metric};
use crate::network::{Network, Predictor};
use crate::{Error, Result};

/// What is always measured in a run.
pub(crate) const ALWAYS: [&str; 5] = ["epoch", "steps", "seconds", "learning_rate", "train_loss"];

/// Data sets to be judged after every epoch, by the loss, by accuracy or R2, and by chosen metrics.
#[derive(Debug)]
pub(crate) struct Watched<'a> {
    sets: Vec<(&'a str, &'a Dataset)>,
    metrics: Vec<Any>,
    objective: Objective,
    threads: usize,
}

impl<'a> Watched<'a> {
    /// # Errors
    /// [`Error::Config`] for a name that is no column's, for metrics and nothing to measure them on, or for one that does not
    /// judge such targets; [`Error::Shape`] and [`Error::Data`] for data that does not fit the network.
    pub(crate) fn new(
        sets: Vec<(&'a str, &'a Dataset)>,
        metrics: &[Any],
        objective: &Objective,
        network: &Network,
        threads: usize,
    ) -> Result<Self> {
        let plain = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if let Some((name, _)) = sets.iter().find(|(name, _)| !plain(name) || *name == "train") {
            let reason =
                format!("`{name}`; the name of data that is watched has letters and digits, and is not `train`");
            return Err(Error::config("watch", reason));
        }
        if let (true, Some(metric)) = (sets.is_empty(), metrics.first()) {
            let reason = format!("`{metric}`, but there is no data beside the training's to measure it on");
            return Err(Error::config("metrics", reason));
        }
        for (_, data) in &sets {
            network.check_fits(data)?;
            if data.rows() == 0 {
                return Err(Error::data(data.name(), "there are no rows to judge a network on"));
            }
            metrics.iter().try_for_each(|metric| suits(metric, data))?;
        }
        let headline = |data: &Dataset| if is_classes(data) { Metric::Accuracy } else { Metric::R2 };
        let usual: Vec<Any> = sets.first().map(|(_, data)| headline(data).into()).into_iter().collect();
        let chosen = metrics.iter().copied().filter(|metric| !usual.contains(metric));
        let metrics = usual.iter().copied().chain(chosen).collect();
        // The loss of what was not seen is that of every row as it is.
        let objective = Objective { loss: objective.loss, ..Objective::default() };
        Ok(Self { sets, metrics, objective, threads })
    }

    /// `val_loss`, `val_accuracy`, ...
    pub(crate) fn names(&self) -> Vec<String> {
        let of = |set: &str| {
            let metrics =
                self.metrics.iter().map(move |metric| format!("{set}_{}", metric.to_string().replace(", ", ";")));
            std::iter::once(format!("{set}_loss")).chain(metrics).collect::<Vec<_>>()
        };
        self.sets.iter().flat_map(|(set, _)| of(set)).collect()
    }

    /// One number for each name; NaN where a metric says nothing, as R2 of one row.
    pub(crate) fn measure(&self, network: &Network) -> Result<Vec<f64>> {
        let mut values = Vec::new();
        for (_, data) in &self.sets {
            let (outputs, losses) = Predictor::new(network, self.threads)?.judge_by(data, &self.objective)?;
            values.push(losses.iter().copied().map(f64::from).sum::<f64>() / data.rows() as f64);
            let judged = judged(data, &outputs, network.classes());
            values.extend(self.metrics.iter().map(|metric| metric.of(&judged).unwrap_or(f64::NAN)));
        }
        Ok(values)
    }
}

fn is_classes(data: &Dataset) -> bool {
    matches!(data.targets(), Targets::Labels { .. })
}

fn judged<'a>(data: &'a Dataset, outputs: &'a [f32], classes: usize) -> Judged<'a> {
    let mut judged = match data.targets() {
        Targets::Labels { labels, .. } => Judged::classes(outputs, labels, classes),
        Targets::Numbers { values, names } => Judged::numbers(outputs, values, names.len()),
    };
    judged.weights = data.weights();
    judged
}

/// Refuses a metric of classes on numbers, or the other way round.
fn suits(metric: &Any, data: &Dataset) -> Result<()> {
    let judged = match data.targets() {
        Targets::Labels { .. } => Judged::classes(&[0.75, 0.25, 0.25, 0.75], &[0, 1], 2),
        Targets::Numbers { .. } => Judged::numbers(&[1.0, 2.0], &[1.5, 2.5], 1),
    };
    match (metric.of(&judged), metric) {
        (Err(refused), Open::Ours(_)) => Err(refused),
        _ => Ok(()),
    }
}
