//! The state of a run: the numbers, besides its vectors, that the next steps depend on.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::early_stopping::Standing;
use super::history::History;
use super::monitored::column;
use crate::error::GradientNorms;
use crate::network::program::Program;
use crate::optim::Plateau;

/// Why a run ended before its last epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stopped {
    /// A callback stopped it.
    Callback,
    /// The metric of early stopping stopped improving.
    EarlyStopping,
    /// The time was over.
    TimeLimit,
}

/// Before the first look, for every layer of `program` that learns.
pub(crate) fn no_norms(program: &Program) -> GradientNorms {
    let mut layers: Vec<(String, f64)> = program.parameters.iter().map(|p| (p.path.clone(), 0.0)).collect();
    layers.dedup();
    GradientNorms { step: 0, layers }
}

/// The progress of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct State {
    /// The epoch under way, counted from 1.
    pub(crate) epoch: usize,
    /// Rows of it whose steps are taken, and the sum of their losses.
    pub(crate) taken: usize,
    pub(crate) total: f64,
    pub(crate) steps: u64,
    pub(crate) batches: u64,
    /// Seconds of training, and of everything.
    pub(crate) seconds: f64,
    pub(crate) wall: f64,
    /// What callbacks have made of the learning rate: the step before which, and the factor on it from then on.
    pub(crate) rate_changes: Vec<(u64, f64)>,
    pub(crate) plateau: Option<Plateau>,
    /// Networks in the average.
    pub(crate) averaged: u64,
    pub(crate) standing: Standing,
    pub(crate) stopped: Option<Stopped>,
    /// Of the last step of which they were looked at.
    pub(crate) norms: GradientNorms,
    #[serde(serialize_with = "to_csv", deserialize_with = "from_csv")]
    pub(crate) history: History,
}

fn to_csv<S: Serializer>(history: &History, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&history.to_csv())
}

fn from_csv<'de, D: Deserializer<'de>>(deserializer: D) -> Result<History, D::Error> {
    let csv = String::deserialize(deserializer)?;
    let history = History::from_csv(&csv).map_err(serde::de::Error::custom)?;
    // Columns were called `val_roc-auc` once.
    Ok(history.renamed(|name| column(name).unwrap_or_else(|_| name.into())))
}

impl State {
    /// Before the first step.
    pub(crate) fn new(history: History, plateau: Option<Plateau>, norms: GradientNorms) -> Self {
        Self {
            epoch: 1,
            taken: 0,
            total: 0.0,
            steps: 0,
            batches: 0,
            seconds: 0.0,
            wall: 0.0,
            rate_changes: Vec::new(),
            plateau,
            averaged: 0,
            standing: Standing::default(),
            stopped: None,
            norms,
            history,
        }
    }

    /// What callbacks have made of the learning rate.
    pub(crate) fn rate_factor(&self) -> f64 {
        self.rate_changes.last().map_or(1.0, |&(_, factor)| factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A checkpoint of version 0.1.0 has `val_roc-auc`; without another name early stopping would not find it.
    #[test]
    fn the_columns_of_an_older_checkpoint_have_the_names_of_today() {
        let history = History::new([
            "epoch",
            "learning_rate",
            "train_loss",
            "val_loss",
            "val_roc-auc",
            "val_top-k=5",
            "my-set_f1",
        ]);
        let kept =
            serde_json::to_value(State::new(history, None, GradientNorms { step: 0, layers: Vec::new() })).unwrap();
        let state: State = serde_json::from_value(kept).unwrap();
        let names = ["epoch", "learning_rate", "train_loss", "val_loss", "val_roc_auc", "val_top_k=5", "my-set_f1"];
        assert_eq!(state.history.names(), names);
    }
}
