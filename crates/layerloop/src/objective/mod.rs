//! What is minimised.

pub(crate) mod custom;

pub use layerloop_kernels::loss::Loss;
use layerloop_kernels::named_enum;
use serde::{Deserialize, Serialize};

use crate::names::OrCustom;
use crate::names::serialised::serde_as_text;
use crate::{Error, Result, names};

/// What is minimised: the loss of the rows of a batch, each with its weight, as a mean or a sum.
///
/// f = (1 / B) sum_b v_b c_{y_b} l_b, v the weight of a sample, c that of its class; without 1 / B where it is a sum
///
/// The mean is over the rows, whatever their weights, as in Keras: so no row counts less for the weight of its neighbours in
/// the batch. (PyTorch divides by the sum of the class weights.)
///
/// # Example
/// ```
/// use layerloop::train::{ClassWeights, FitOptions, Loss, Objective};
/// let objective = Objective { class_weights: ClassWeights::Balanced, label_smoothing: 0.1, ..Objective::default() };
/// let options = FitOptions { objective, ..FitOptions::default() };
/// assert!(options.check().is_ok() && options.objective.loss.is_none());
/// let focal = Objective { loss: Some(Loss::Focal { gamma: 2.0 }.into()), ..Objective::default() };
/// assert!(focal.check().is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Objective {
    /// The loss; by default that of the output map: cross-entropy of the softmaxes, binary
    /// cross-entropy of sigmoid, mse of identity (hinge, where the targets are labels), poisson of exp.
    pub loss: Option<OrCustom<Loss, dyn custom::Loss>>,
    /// Share of a label's 1 that is spread over all classes alike, eps: (1 - eps) onehot(y) + eps / K. At least 0, below 1.
    pub label_smoothing: f32,
    /// How much the rows of each class count.
    pub class_weights: ClassWeights,
    /// How the losses of a batch are combined.
    pub reduction: Reduction,
    /// Whether each chain of a network that ends in `parallel(..., join=mean)` is trained by a loss of its own, l = (l_1 + ... + l_n) / n
    /// for the losses of the members: an ensemble. What is predicted and evaluated is the mean of their logits.
    pub each_member: bool,
}

/// How much the rows of each class count.
///
/// Weights other than equal ones distort the probabilities: a network trained with `Balanced` answers as if all classes were equally
/// frequent, so rare classes get probabilities above their frequency. Ranking and recall of rare classes may gain by it;
/// calibration (log loss, Brier score) does not.
///
/// # Example
/// ```
/// use layerloop::data::Dataset;
/// use layerloop::network::Network;
/// use layerloop::train::{ClassWeights, Objective, loss_and_gradient_of};
/// // Three rows of one class and one of the other; the untrained network gives both the probability 1/2.
/// let data = Dataset::new("rare", vec![0.0; 4].into(), 1, vec![0, 0, 0, 1], ["common", "rare"])?;
/// let network = Network::new(&"1 -> 2".parse()?, 0)?;
/// let bias = |class_weights| -> layerloop::Result<f32> {
///     let objective = Objective { class_weights, ..Objective::default() };
///     Ok(loss_and_gradient_of(&objective, &network, &data, 1)?.1[2]) // of the common class
/// };
/// assert_eq!(bias(ClassWeights::Equal)?, -0.25);
/// assert_eq!(bias(ClassWeights::Balanced)?, 0.0);
/// assert_eq!(bias(ClassWeights::Given(vec![1.0, 2.0]))?, -0.125);
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeights {
    /// All the same.
    #[default]
    Equal,
    /// n / (K n_k), with n_k of the n rows in class k of K: every class counts the same, as scikit-learn's `balanced`.
    Balanced,
    /// As given, in the order of the classes.
    Given(Vec<f32>),
}

named_enum! {
    /// How the losses of a batch are combined.
    ///
    /// # Example
    /// ```
    /// use layerloop::data::Dataset;
    /// use layerloop::network::Network;
    /// use layerloop::train::{Objective, Reduction, loss_and_gradient_of};
    /// let data = Dataset::new("four", vec![0.0; 4].into(), 1, vec![0, 0, 1, 1], ["a", "b"])?;
    /// let network = Network::new(&"1 -> 2".parse()?, 0)?;
    /// let loss = |reduction| -> layerloop::Result<f64> {
    ///     Ok(loss_and_gradient_of(&Objective { reduction, ..Objective::default() }, &network, &data, 1)?.0)
    /// };
    /// assert_eq!(format!("{:.4} {:.4}", loss(Reduction::Mean)?, loss(Reduction::Sum)?), "0.6931 2.7726");
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    pub enum Reduction: "reduction" {
        /// f = (1 / B) sum_b l_b
        Mean = "mean" | "average",
        /// f = sum_b l_b
        Sum = "sum",
    }
}

serde_as_text!(Reduction);

#[expect(clippy::derivable_impls, reason = "the table that makes the enum has no place for `#[default]`")]
impl Default for Reduction {
    fn default() -> Self {
        Self::Mean
    }
}

impl Objective {
    /// What is wrong about it, whatever the data.
    #[must_use]
    pub fn check(&self) -> Vec<Error> {
        let mut faults = Vec::new();
        if let Some(OrCustom::BuiltIn(loss)) = self.loss {
            faults.extend(names::check(loss).err());
        }
        let smoothing = self.label_smoothing;
        if !(0.0..1.0).contains(&smoothing) {
            let reason = format!("{smoothing}; it is at least 0 and below 1, customarily 0.1");
            faults.push(Error::config("label_smoothing", reason));
        } else if smoothing > 0.0 && matches!(self.loss, Some(OrCustom::BuiltIn(Loss::Hinge | Loss::SquaredHinge))) {
            faults
                .push(Error::config("label_smoothing", format!("{smoothing}; a hinge takes labels as -1 and 1 alone")));
        }
        if let ClassWeights::Given(weights) = &self.class_weights
            && let Some(weight) = weights.iter().find(|weight| !(**weight >= 0.0 && weight.is_finite()))
        {
            faults.push(Error::config("class_weights", format!("{weight}; each is a finite number, at least 0")));
        }
        faults
    }

    /// What is measured of rows that are not trained on: the loss of each as it is.
    pub(crate) fn of_evaluation(&self) -> Self {
        Self { loss: self.loss, ..Self::default() }
    }

    /// The weight of each class; none where all are the same.
    ///
    /// # Errors
    /// [`Error::Config`] unless there is one for each class.
    pub(crate) fn weights(&self, labels: &[u32], classes: usize) -> Result<Vec<f32>> {
        match &self.class_weights {
            ClassWeights::Equal => Ok(Vec::new()),
            ClassWeights::Balanced => {
                let mut counts = vec![0_usize; classes];
                labels.iter().for_each(|&label| counts[label as usize] += 1);
                let present = counts.iter().filter(|&&count| count > 0).count();
                let weight = |&count: &usize| labels.len() as f64 / (present * count.max(1)) as f64;
                Ok(counts.iter().map(|count| weight(count) as f32).collect())
            }
            ClassWeights::Given(weights) if weights.len() == classes => Ok(weights.clone()),
            ClassWeights::Given(weights) => {
                Err(Error::config("class_weights", format!("{} weights for {classes} classes", weights.len())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_classes_count_the_same() {
        let objective = Objective { class_weights: ClassWeights::Balanced, ..Objective::default() };
        assert_eq!(objective.weights(&[0, 0, 0, 1, 1, 2], 3).unwrap(), [2.0 / 3.0, 1.0, 2.0]);
        assert_eq!(objective.weights(&[0, 2], 3).unwrap(), [1.0, 1.0, 1.0], "a class without rows has no say");
        let given = Objective { class_weights: ClassWeights::Given(vec![1.0, 2.0]), ..Objective::default() };
        let said = given.weights(&[0], 3).unwrap_err().to_string();
        assert_eq!(said, "class_weights: 2 weights for 3 classes");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let hinge = Objective { loss: Some(Loss::Hinge.into()), label_smoothing: 0.1, ..Objective::default() };
        assert!(hinge.check()[0].to_string().contains("label_smoothing: 0.1; a hinge takes labels as -1 and 1 alone"));
        let wrong =
            Objective { label_smoothing: 1.0, class_weights: ClassWeights::Given(vec![-1.0]), ..Objective::default() };
        assert_eq!(wrong.check().len(), 2);
    }
}
