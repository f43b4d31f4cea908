//! How a network does on its test part: as a classifier, or with numbers.

use layerloop::Result;
use layerloop::data::{Dataset, Targets};
use layerloop::evaluate::{Outputs, RegressionScores};
use layerloop::metrics::Evaluation;
use layerloop::model_file::Model;
use layerloop::network::{Network, Predictor, Spec};
use layerloop::train::{Loss, Objective, default_threads};

/// Threads for evaluating and predicting: as many as a batch of 512 rows keeps busy.
pub fn threads_for(spec: &Spec) -> usize {
    default_threads(spec, 512)
}

/// Up to `most` of so many rows, evenly spaced, in their order.
pub fn evenly(rows: usize, most: usize) -> Vec<usize> {
    let count = rows.min(most);
    (0..count).map(|i| (i * 2 + 1) * rows / (2 * count)).collect()
}

/// How a network does.
#[derive(Debug, Clone)]
pub enum Scores {
    /// As a classifier.
    Classes(Evaluation),
    /// With numbers.
    Numbers(RegressionScores),
}

/// What a predictor gives for `data`; the loss is `loss` or what the output map is made for.
///
/// # Errors
/// Those of [`Outputs::of`].
pub fn outputs<'a>(predictor: &Predictor, data: &'a Dataset, loss: Option<Loss>) -> Result<Outputs<'a>> {
    Outputs::of(predictor, data, &objective(loss))
}

/// `loss`, or what the output map is made for.
pub fn objective(loss: Option<Loss>) -> Objective {
    Objective { loss: loss.map(Into::into), ..Objective::default() }
}

/// The threshold of a model that has one, and what is predicted above it.
pub fn threshold_in_words(model: &Model) -> Option<String> {
    let (threshold, [_, second]) = (model.threshold?, &model.classes[..]) else { return None };
    Some(format!("{threshold:.4}: `{second}` is predicted where its probability is above it"))
}

impl Scores {
    /// On `data`, by `loss` or what the output map is made for.
    ///
    /// # Errors
    /// Those of [`Predictor::new`] and of [`Outputs::of`].
    pub fn of(network: &Network, data: &Dataset, loss: Option<Loss>) -> Result<Self> {
        let predictor = Predictor::new(network, threads_for(network.spec()))?;
        Self::of_outputs(&outputs(&predictor, data, loss)?, data)
    }

    /// Of what a predictor gives for `data`.
    ///
    /// # Errors
    /// Those of [`Outputs::classes`] and [`Outputs::numbers`].
    pub fn of_outputs(outputs: &Outputs, data: &Dataset) -> Result<Self> {
        Ok(match data.targets() {
            Targets::Labels { .. } => Self::Classes(outputs.classes()?),
            Targets::Numbers { .. } => Self::Numbers(outputs.numbers()?),
        })
    }

    /// The mean loss.
    #[must_use]
    pub fn loss(&self) -> f64 {
        match self {
            Self::Classes(evaluation) => evaluation.loss,
            Self::Numbers(scores) => scores.loss,
        }
    }

    /// The one number that says most, and its name: `accuracy`, `r2`.
    #[must_use]
    pub fn headline(&self) -> (&'static str, f64) {
        match self {
            Self::Classes(evaluation) => ("accuracy", evaluation.accuracy),
            Self::Numbers(scores) => ("r2", scores.r2),
        }
    }
}
