//! Loss, accuracy, top-k, the confusion matrix and what follows from it.

use super::scores::predict;
use crate::data::{Dataset, Targets, onecold};
use crate::network::Network;
use crate::train::Objective;
use crate::{Error, Result};

/// How a network does on labelled samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Mean loss; of softmax the cross-entropy, in nats.
    pub loss: f64,
    /// Share of rows whose most probable class is the true one.
    pub accuracy: f64,
    /// Share of rows whose true class is among the two most probable.
    pub top_2_accuracy: f64,
    /// How often class r was taken for class c: `confusion[r][c]`, K x K.
    pub confusion: Vec<Vec<u64>>,
}

/// What the confusion matrix says of one class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassScores {
    /// Of the rows taken for this class, the share that is; 0 where no row was taken for it.
    pub precision: f64,
    /// Of the rows of this class, the share that was found; 0 where there is none.
    pub recall: f64,
    /// 2 precision recall / (precision + recall); 0 where both are 0.
    pub f1: f64,
    /// Number of rows of this class.
    pub support: u64,
}

impl Evaluation {
    /// Precision, recall and F1 of each class.
    ///
    /// # Source
    /// The definitions of scikit-learn's `precision_recall_fscore_support` with `zero_division=0`.
    #[must_use]
    pub fn classes(&self) -> Vec<ClassScores> {
        let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        let scores = |class: usize| {
            let right = self.confusion[class][class];
            let support = self.confusion[class].iter().sum();
            let taken: u64 = self.confusion.iter().map(|row| row[class]).sum();
            let f1 = share(2 * right, support + taken);
            ClassScores { precision: share(right, taken), recall: share(right, support), f1, support }
        };
        (0..self.confusion.len()).map(scores).collect()
    }

    /// From the probabilities, rows x classes, the mean loss, and the labels.
    fn new(probabilities: &[f32], loss: f64, labels: &[u32], classes: usize) -> Self {
        let rows = labels.len() as f64;
        let mut confusion = vec![vec![0; classes]; classes];
        let mut top_2 = 0_u64;
        for (p, &label) in probabilities.chunks_exact(classes).zip(labels) {
            let label = label as usize;
            confusion[label][onecold(p)] += 1;
            let ahead = (0..classes).filter(|&c| p[c] > p[label] || p[c] == p[label] && c < label).count();
            top_2 += u64::from(ahead < 2);
        }
        let right: u64 = (0..classes).map(|class| confusion[class][class]).sum();
        Self { loss, accuracy: right as f64 / rows, top_2_accuracy: top_2 as f64 / rows, confusion }
    }
}

/// Judges `network` on `data` with `threads` threads.
///
/// # Errors
/// [`Error::Shape`] if the data does not fit the network, [`Error::Data`] if it is empty.
///
/// # Example
/// ```
/// use layerloop::data::{Dataset, Inputs};
/// use layerloop::metrics::evaluate;
/// use layerloop::network::{Activation, Network, Spec};
/// let spec = Spec::new(1).layer(2, Activation::Identity);
/// let sign = Network::from_weights(&spec, &[(vec![-1.0, 1.0], vec![0.0, 0.0])])?;
/// let data = Dataset::new("demo", Inputs::Floats(vec![-1.0, 2.0, 3.0].into()), 1, vec![0, 1, 0], ["-", "+"])?;
/// let evaluation = evaluate(&sign, &data, 1)?;
/// assert_eq!(evaluation.confusion, [[1, 1], [0, 1]]);
/// assert_eq!(evaluation.classes()[0].recall, 0.5);
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn evaluate(network: &Network, data: &Dataset, threads: usize) -> Result<Evaluation> {
    evaluate_by(&Objective::default(), network, data, threads)
}

/// As [`evaluate`], the loss being that of `objective`.
///
/// # Errors
/// As [`evaluate`]; [`Error::Config`] if the targets are numbers, or the objective does not fit.
pub fn evaluate_by(objective: &Objective, network: &Network, data: &Dataset, threads: usize) -> Result<Evaluation> {
    if matches!(data.targets(), Targets::Numbers { .. }) {
        let reason = format!("{} has numbers, not classes: `evaluate_regression` judges them", data.name());
        return Err(Error::config("data", reason));
    }
    let (loss, probabilities) = predict(network, data, objective, threads)?;
    Ok(Evaluation::new(&probabilities, loss, data.labels(), network.classes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_those_of_the_confusion_matrix() {
        let p = [[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.1, 0.6, 0.3], [0.2, 0.5, 0.3]].concat();
        let evaluation = Evaluation::new(&p, 2.5, &[0, 0, 1, 2], 3);
        assert_eq!(evaluation.confusion, [[1, 1, 0], [0, 1, 0], [0, 1, 0]]);
        assert_eq!((evaluation.loss, evaluation.accuracy, evaluation.top_2_accuracy), (2.5, 0.5, 1.0));
        let [zero, one, two] = evaluation.classes()[..] else { unreachable!("three classes") };
        assert_eq!(zero, ClassScores { precision: 1.0, recall: 0.5, f1: 2.0 / 3.0, support: 2 });
        assert_eq!(one, ClassScores { precision: 1.0 / 3.0, recall: 1.0, f1: 0.5, support: 1 });
        assert_eq!(two, ClassScores { precision: 0.0, recall: 0.0, f1: 0.0, support: 1 });
    }

    #[test]
    fn equal_probabilities_count_the_first_class_first() {
        let evaluation = Evaluation::new(&[0.25; 12], 0.0, &[0, 1, 2], 4);
        assert_eq!(evaluation.top_2_accuracy, 2.0 / 3.0);
    }
}
