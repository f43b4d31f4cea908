//! What was predicted, and what is true.

use super::threshold::predicted;
use crate::data::{Dataset, Targets};
use crate::{Error, Result};

/// Predictions and truths of some rows.
///
/// # Example
/// ```
/// use layerloop::metrics::{Metric, Predictions};
/// let numbers = Predictions::numbers(&[1.0, 2.5, 4.0], &[1.0, 2.0, 5.0], 1);
/// assert_eq!(format!("{:.4}", Metric::Mae.of(&numbers)?), "0.5000");
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Predictions<'a> {
    /// Probabilities, rows x classes, or numbers, rows x outputs; row-major.
    pub predicted: &'a [f32],
    /// What is true of the same rows.
    pub truth: Truth<'a>,
    /// How much each row counts, at least 0; all the same where there are none.
    pub weights: Option<&'a [f32]>,
    /// Of two classes, the probability above which a row is predicted as the second; else the more probable one is.
    pub threshold: Option<f64>,
}

/// What is true of some rows.
#[derive(Debug, Clone, Copy)]
pub enum Truth<'a> {
    /// The class of each row, of `classes` of them.
    Classes {
        /// Index of the class of each row.
        labels: &'a [u32],
        /// Number of classes.
        classes: usize,
    },
    /// The numbers of each row, rows x `outputs`, row-major.
    Numbers {
        /// The numbers.
        targets: &'a [f32],
        /// Numbers a row.
        outputs: usize,
    },
}

/// A row of a classifier: its probabilities, its class, its weight.
pub(super) type Row<'a> = (&'a [f32], usize, f64);

impl<'a> Predictions<'a> {
    /// Probabilities, rows x `classes`, and the true class of each row.
    #[must_use]
    pub fn classes(probabilities: &'a [f32], labels: &'a [u32], classes: usize) -> Self {
        Self { predicted: probabilities, truth: Truth::Classes { labels, classes }, weights: None, threshold: None }
    }

    /// Predicted and true numbers, rows x `outputs`.
    #[must_use]
    pub fn numbers(predictions: &'a [f32], targets: &'a [f32], outputs: usize) -> Self {
        Self { predicted: predictions, truth: Truth::Numbers { targets, outputs }, weights: None, threshold: None }
    }

    /// What a network of `classes` outputs gave for the rows of `data`, each with its weight.
    pub(crate) fn of(data: &'a Dataset, outputs: &'a [f32], classes: usize) -> Self {
        let predictions = match data.targets() {
            Targets::Labels { labels, .. } => Self::classes(outputs, labels, classes),
            Targets::Numbers { values, names } => Self::numbers(outputs, values, names.len()),
        };
        Self { weights: data.weights(), ..predictions }
    }

    /// Sizes that agree, at least one row, finite numbers, and weights that make sense.
    pub(super) fn check(&self) -> Result<()> {
        let (rows, width) = match self.truth {
            Truth::Classes { labels, classes } => (labels.len(), classes),
            Truth::Numbers { targets, outputs } => (targets.len() / outputs.max(1), outputs),
        };
        let refuse = |reason: String| Err(Error::config("metric", reason));
        if rows == 0 || width == 0 {
            return refuse("there are no rows to evaluate".into());
        }
        if Some(self.predicted.len()) != rows.checked_mul(width) {
            return refuse(format!("{} predictions are not {rows} rows of {width}", self.predicted.len()));
        }
        if let Truth::Numbers { targets, outputs } = self.truth
            && targets.len() != rows * outputs
        {
            return refuse(format!("{} targets are not rows of {outputs}", targets.len()));
        }
        if let Truth::Classes { labels, classes } = self.truth
            && let Some(row) = labels.iter().position(|&label| label as usize >= classes)
        {
            return refuse(format!("row {row}: class {} of {classes}", labels[row]));
        }
        if let Some(at) = self.predicted.iter().position(|p| !p.is_finite()) {
            return refuse(format!("row {}: a prediction of {}", at / width, self.predicted[at]));
        }
        if let Truth::Numbers { targets, .. } = self.truth
            && let Some(at) = targets.iter().position(|y| !y.is_finite())
        {
            return refuse(format!("row {}: a target of {}", at / width, targets[at]));
        }
        match self.weights {
            Some(weights) if weights.len() != rows => refuse(format!("{} weights for {rows} rows", weights.len())),
            Some(weights) if !weights.iter().all(|w| w.is_finite() && *w >= 0.0) => {
                refuse("a weight is negative or no finite number".into())
            }
            Some(weights) if weights.iter().all(|w| *w == 0.0) => refuse("every weight is 0".into()),
            _ => Ok(()),
        }
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        match self.truth {
            Truth::Classes { labels, .. } => labels.len(),
            Truth::Numbers { targets, outputs } => targets.len() / outputs.max(1),
        }
    }

    pub(super) fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[row].into())
    }

    /// Every row of a classifier; none of anything else.
    pub(super) fn class_rows(&self) -> impl Iterator<Item = Row<'a>> + use<'a> {
        let (labels, classes) = match self.truth {
            Truth::Classes { labels, classes } => (labels, classes),
            Truth::Numbers { .. } => (&[][..], 1),
        };
        let this = *self;
        let rows = self.predicted.chunks_exact(classes.max(1)).zip(labels).enumerate();
        rows.map(move |(row, (p, &label))| (p, label as usize, this.weight(row)))
    }

    /// The class that is predicted for a row with these probabilities.
    pub(super) fn class_of(&self, probabilities: &[f32]) -> usize {
        predicted(probabilities, self.threshold)
    }

    /// The weighted mean of `f` over the rows of a classifier.
    pub(super) fn mean(&self, f: impl Fn(&[f32], usize) -> f64) -> f64 {
        let sums = self.class_rows().fold([0.0, 0.0], |[sum, all], (p, label, w)| [sum + w * f(p, label), all + w]);
        sums[0] / sums[1]
    }
}
