//! How a network does on its test part: as a classifier, or with numbers.

use layerloop::Result;
use layerloop::data::{Dataset, Targets};
use layerloop::evaluate::{Outputs, RegressionScores, measure};
use layerloop::metrics::{Evaluation, Metric};
use layerloop::network::{Network, Predictor, Spec};
use layerloop::train::{Loss, Objective, default_threads};

/// Threads for evaluating and predicting: as many as a batch of 512 rows keeps busy.
pub(crate) fn threads_for(spec: &Spec) -> usize {
    default_threads(spec, 512)
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
pub(crate) fn measured(metrics: &[Metric], network: &Network, data: &Dataset) -> Result<Vec<Measured>> {
    let values = measure(metrics, network, data, threads_for(network.spec()))?;
    Ok(metrics.iter().copied().zip(values.into_iter().map(|value| value.unwrap_or(f64::NAN))).collect())
}

/// What a predictor gives for `data`; the loss is `loss` or what the output map is made for.
pub(crate) fn outputs<'a>(predictor: &Predictor, data: &'a Dataset, loss: Option<Loss>) -> Result<Outputs<'a>> {
    Outputs::of(predictor, data, &Objective { loss: loss.map(Into::into), ..Objective::default() })
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
