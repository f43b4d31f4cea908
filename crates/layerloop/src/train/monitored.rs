//! What is measured after every epoch, and under which names.

use layerloop_kernels::Team;

use crate::data::{Dataset, Targets};
use crate::evaluate::{InUnits, mean_loss};
use crate::metrics::{AnyMetric, Metric};
use crate::names::is_same;
use crate::network::Network;
use crate::network::predict::evaluate_with;
use crate::objective::Objective;
use crate::ranks::Group;
use crate::{Error, Result};

/// What is always measured in a run.
pub(crate) const ALWAYS: [&str; 5] = ["epoch", "steps", "seconds", "learning_rate", "train_loss"];

/// The column of a history that `text` names, whatever its spelling: `val_roc_auc` for `val_ROC-AUC` and `val_auc`.
///
/// # Errors
/// [`Error::Config`] for an unknown metric.
pub(crate) fn column(text: &str) -> Result<String> {
    let Some((set, metric)) = text.split_once('_') else { return Ok(text.into()) };
    let metric = if is_same(metric, "loss") { "loss".into() } else { metric.parse::<AnyMetric>()?.key() };
    let default = ["train", "val", "test"].into_iter().find(|default| is_same(default, set));
    Ok(format!("{}_{metric}", default.unwrap_or(set)))
}

/// Data sets to be evaluated after every epoch, by the loss, by accuracy or R2, and by chosen metrics.
#[derive(Debug)]
pub(crate) struct Monitored<'a> {
    sets: Vec<(&'a str, &'a Dataset)>,
    metrics: Vec<AnyMetric>,
    objective: Objective,
    /// The names of what the newest measuring could not compute, each with the reason.
    missing: Vec<(String, String)>,
}

impl<'a> Monitored<'a> {
    /// # Errors
    /// [`Error::Config`] for a name that is not a column's, for metrics and nothing to measure them on, or for one that does not
    /// measure such targets; [`Error::Shape`] and [`Error::Data`] for data that does not fit the network.
    pub(crate) fn new(
        sets: Vec<(&'a str, &'a Dataset)>,
        metrics: &[AnyMetric],
        objective: &Objective,
        network: &Network,
    ) -> Result<Self> {
        let plain = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if let Some((name, _)) = sets.iter().find(|(name, _)| !plain(name) || *name == "train") {
            let reason =
                format!("`{name}`; the name of data that is watched has letters and digits, and is not `train`");
            return Err(Error::config("watch", reason));
        }
        let twice = |name: &str| sets.iter().filter(|set| set.0 == name).count() > 1;
        if let Some((name, _)) = sets.iter().find(|(name, _)| twice(name)) {
            let reason = format!("`{name}` is the name of several data sets; each needs a name of its own");
            return Err(Error::config("watch", reason));
        }
        if let (true, Some(metric)) = (sets.is_empty(), metrics.first()) {
            let reason = format!("`{metric}`, but there is no data beside the training's to measure it on");
            return Err(Error::config("metrics", reason));
        }
        for (_, data) in &sets {
            network.check_fits(data)?;
            if data.rows() == 0 {
                return Err(Error::data(data.name(), "there are no rows to evaluate a network on"));
            }
            metrics.iter().try_for_each(|metric| metric.check_suits(data))?;
        }
        let headline = |data: &Dataset| if is_classes(data) { Metric::Accuracy } else { Metric::R2 };
        let default: Vec<AnyMetric> = sets.first().map(|(_, data)| headline(data).into()).into_iter().collect();
        let chosen = metrics.iter().copied().filter(|metric| !default.contains(metric));
        let metrics = default.iter().copied().chain(chosen).collect();
        let objective = objective.of_evaluation();
        Ok(Self { sets, metrics, objective, missing: Vec::new() })
    }

    /// `val_loss`, `val_accuracy`, ...
    pub(crate) fn names(&self) -> Vec<String> {
        let of = |set: &str| {
            let metrics = self.metrics.iter().map(move |metric| format!("{set}_{}", metric.key()));
            std::iter::once(format!("{set}_loss")).chain(metrics).collect::<Vec<_>>()
        };
        self.sets.iter().flat_map(|(set, _)| of(set)).collect()
    }

    /// One number for each name; NaN where a metric cannot be computed, as R2 of one row: [`Self::missing`] says why.
    ///
    /// The threads are the run's: starting others takes longer than measuring a small network. Each rank of a group evaluates some rows, and all
    /// of them measure the outputs of all rows.
    pub(crate) fn measure(&mut self, network: &Network, team: &mut Team, group: Option<Group>) -> Result<Vec<f64>> {
        let mut values = Vec::new();
        self.missing.clear();
        for (name, data) in &self.sets {
            let own = group.map_or(0..data.rows(), |group| group.share(data.rows()));
            let mut measured = evaluate_with(network, team, data, own, &self.objective)?;
            if let Some(group) = group {
                measured.0 = group.concatenated(&measured.0, data.rows(), network.classes())?;
                measured.1 = group.concatenated(&measured.1, data.rows(), 1)?;
            }
            let (outputs, losses) = measured;
            values.push(mean_loss(data, &losses)?);
            let outputs = InUnits::new(data, outputs, network.classes());
            let predictions = outputs.predictions();
            for metric in &self.metrics {
                let value = metric.of(&predictions);
                self.missing
                    .extend(value.as_ref().err().map(|error| (format!("{name}_{}", metric.key()), reason_of(error))));
                values.push(value.unwrap_or(f64::NAN));
            }
        }
        Ok(values)
    }

    /// The names of what the newest measuring could not compute, each with the reason.
    pub(crate) fn missing(&self) -> &[(String, String)] {
        &self.missing
    }
}

/// Without the field, which is the same for all metrics.
fn reason_of(error: &Error) -> String {
    if let Error::Config { reason, .. } = error { reason.clone() } else { error.to_string() }
}

fn is_classes(data: &Dataset) -> bool {
    matches!(data.targets(), Targets::Labels { .. })
}
