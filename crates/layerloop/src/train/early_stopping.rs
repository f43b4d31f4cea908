//! When a run has learnt enough, and which of its epochs was the best.

use layerloop_kernels::{Matrix, named_enum};
use serde::{Deserialize, Serialize};

use super::history::History;
use super::monitored::column;
use crate::metrics::AnyMetric;
use crate::names::OrCustom;
use crate::names::is_same;
use crate::names::serialised::serde_as_text;
use crate::network::Network;
use crate::{Error, Result};

named_enum! {
    /// Which of two values is the better one.
    pub enum Better: "better" {
        /// The smaller one, as of a loss.
        Lower = "lower",
        /// The larger one, as of an accuracy.
        Higher = "higher",
    }
}

serde_as_text!(Better);

/// Ends a run when a column of its [`History`] gets no better, and gives the network the weights of the best epoch.
///
/// A value that is not a finite number is never the best one. Epochs without a better value are counted from the first finite
/// one on: a metric that was never a number ends no run.
///
/// With an average of the weights ([`FitOptions::ema`](super::FitOptions::ema)), it is the average that is measured and kept.
///
/// # Source
/// The meaning of Keras' `EarlyStopping`.
///
/// # Example
/// ```
/// use layerloop::train::{EarlyStopping, FitOptions};
/// let early_stopping = Some(EarlyStopping { patience: 3, ..EarlyStopping::on("val_loss") });
/// assert!(FitOptions { early_stopping, ..FitOptions::default() }.check().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EarlyStopping {
    /// The column: `train_loss`, `val_loss`, `val_accuracy`, `val_f1`.
    pub metric: String,
    /// Which value is the better one; by default that of the metric.
    pub better: Option<Better>,
    /// Epochs in a row without a better value after which the run ends, at least 1.
    pub patience: usize,
    /// By how much a value must be better to count, at least 0.
    pub min_delta: f64,
    /// The first epoch, counted from 1, that counts.
    pub start_epoch: usize,
    /// Whether the network is given the weights of the best epoch at the end, not those of the last one.
    pub restore_best: bool,
    /// Of epochs with the same value, whether the last is the best one rather than the first.
    #[serde(default)]
    pub latest: bool,
}

impl EarlyStopping {
    /// On that column: a patience of 5, from the first epoch on, any improvement counts, the best weights are restored.
    #[must_use]
    pub fn on(metric: impl Into<String>) -> Self {
        Self {
            metric: metric.into(),
            better: None,
            patience: 5,
            min_delta: 0.0,
            start_epoch: 1,
            restore_best: true,
            latest: false,
        }
    }

    /// What is wrong about it, whatever the data.
    pub(crate) fn faults(&self, epochs: usize) -> Vec<Error> {
        let Self { patience, min_delta, start_epoch, .. } = *self;
        let no_size = !(min_delta >= 0.0 && min_delta.is_finite());
        let first = format!("{start_epoch}; of {epochs} epochs, the first that counts is 1 to {epochs}");
        let mut faults = Error::of_rules([
            (patience == 0, "patience", "0; at least 1 epoch without a better value ends a run".into()),
            (no_size, "min_delta", format!("{min_delta}; it must be a finite number, at least 0")),
            (start_epoch == 0 || start_epoch > epochs, "start_epoch", first),
        ]);
        faults.extend(self.direction().err());
        faults
    }

    /// The name of its column in the history: `val_roc_auc` where the metric is `val_roc-auc` or `val_auc`.
    ///
    /// # Errors
    /// [`Error::Config`] for an unknown metric.
    pub fn column(&self) -> Result<String> {
        column(&self.metric).map_err(said_of_stopping)
    }

    /// Which value is the better one.
    ///
    /// # Errors
    /// [`Error::Config`] for an unknown metric, or one without a known direction.
    pub fn direction(&self) -> Result<Better> {
        if let Some(better) = self.better {
            return Ok(better);
        }
        match self.metric.split_once('_').map(|(_, metric)| metric) {
            Some(loss) if is_same(loss, "loss") => Ok(Better::Lower),
            Some(metric) => match metric.parse::<AnyMetric>().map_err(said_of_stopping)? {
                OrCustom::BuiltIn(metric) if metric.higher_is_better() => Ok(Better::Higher),
                OrCustom::BuiltIn(_) => Ok(Better::Lower),
                OrCustom::Custom(custom) => {
                    let reason = format!("`{}` is a user-defined metric: state whether lower or higher", custom.name());
                    Err(Error::config("better", reason))
                }
            },
            None => {
                let reason = format!("`{}`; expected a column of the history, such as val_loss", self.metric);
                Err(Error::config("early_stopping", reason))
            }
        }
    }
}

/// What is wrong about the metric is wrong about this option.
fn said_of_stopping(error: Error) -> Error {
    match error {
        Error::Config { reason, .. } => Error::config("early_stopping", reason),
        other => other,
    }
}

/// The state of early stopping.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// The epoch of the best value, and the value.
    pub(crate) best: Option<(usize, f64)>,
    /// Epochs since without a better one.
    waited: usize,
}

/// Follows a run.
#[derive(Debug)]
pub(crate) struct Stopper<'a> {
    rule: &'a EarlyStopping,
    /// The column that is looked at.
    column: String,
    better: Better,
    pub(crate) standing: Standing,
    /// The parameters of the best epoch; none before there is one, and where they are not kept.
    pub(crate) weights: Option<Matrix>,
}

impl<'a> Stopper<'a> {
    /// # Errors
    /// [`Error::Config`] if `history` has no such column.
    pub(crate) fn new(rule: &'a EarlyStopping, history: &History) -> Result<Self> {
        let column = rule.column()?;
        if !history.names().contains(&column) {
            let names: Vec<&str> = history.names().iter().map(String::as_str).collect();
            let near = crate::names::nearest(&column, &names);
            let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            let reason = format!(
                "`{}` is not measured in this run{near} the columns are {}",
                rule.metric,
                names[4..].join(", ")
            );
            return Err(Error::config(
                "early_stopping",
                reason.replace(" the columns", "; the columns").replace("?;", "?"),
            ));
        }
        Ok(Self { rule, column, better: rule.direction()?, standing: Standing::default(), weights: None })
    }

    /// Takes note of an epoch, after which the run would end with `network`; whether it ends.
    pub(crate) fn epoch(&mut self, epoch: usize, history: &History, network: &Network) -> bool {
        if epoch < self.rule.start_epoch {
            return false;
        }
        let value = history.last(&self.column).unwrap_or(f64::NAN);
        let gain = |best: f64| match self.better {
            Better::Lower => best - value,
            Better::Higher => value - best,
        };
        let is_better = self
            .standing
            .best
            .is_none_or(|(_, best)| gain(best) > self.rule.min_delta || self.rule.latest && gain(best) == 0.0);
        if value.is_finite() && is_better {
            self.standing = Standing { best: Some((epoch, value)), waited: 0 };
            if self.rule.restore_best {
                self.weights = Some(network.parameters.values.clone());
            }
        } else if self.standing.best.is_some() {
            self.standing.waited += 1;
        }
        self.standing.waited >= self.rule.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A metric that was never a number ended the run without a word, and one infinite value was the best for ever.
    #[test]
    fn only_finite_values_are_the_best_and_a_metric_that_is_never_a_number_ends_no_run() {
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        type Case<'a> = (&'a str, &'a [f64], Option<(usize, f64)>, bool);
        let cases: [Case; 6] = [
            ("val_loss", &[2.0, 1.0, 1.0, 1.0], Some((2, 1.0)), true),
            ("val_loss", &[-1.0, -2.0, -2.0, -2.0], Some((2, -2.0)), true),
            ("val_loss", &[nan, nan, nan, nan], None, false),
            ("val_loss", &[nan, -inf, 1.0, nan], Some((3, 1.0)), false),
            ("val_f1", &[nan, nan, 0.5, inf, nan], Some((3, 0.5)), true),
            ("val_f1", &[inf, 0.5, 0.6], Some((3, 0.6)), false),
        ];
        let network = Network::new(&"1 -> 2".parse().unwrap(), 0).unwrap();
        for (metric, values, best, ends) in cases {
            let rule = EarlyStopping { patience: 2, ..EarlyStopping::on(metric) };
            let mut history = History::new(["epoch", "steps", "seconds", "learning_rate", metric]);
            let mut stopper = Stopper::new(&rule, &history).unwrap();
            let mut ended = false;
            for (epoch, &value) in (1..).zip(values) {
                history.push([epoch as f64, 0.0, 0.0, 0.0, value]);
                ended = stopper.epoch(epoch, &history, &network);
            }
            assert_eq!((stopper.standing.best, ended), (best, ends), "{metric}: {values:?}");
        }
    }
}
