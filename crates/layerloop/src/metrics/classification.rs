//! Loss, accuracy, top-k, the confusion matrix and what follows from it.

use super::calibration::{accuracy, top_k};
use super::confusion::{Confusion, Counts};
use super::predictions::Predictions;

/// How a network does on labelled samples.
///
/// Every mean weights a row by its [weight](crate::data::Dataset::weights); `confusion` and [`ClassScores::support`] count rows.
///
/// # Example
/// ```
/// use layerloop::data::Dataset;
/// use layerloop::evaluate::evaluate;
/// use layerloop::network::{Network, Tensor};
/// let line = [Tensor::new("layers.0.weight", [2, 1], [-1.0, 1.0]), Tensor::new("layers.0.bias", [2], [0.0, 0.0])];
/// let network = Network::from_tensors(&"1 -> 2".parse()?, line)?;
/// let data = Dataset::new("sign", vec![-2.0, -0.5, 1.0, -1.0].into(), 1, vec![0, 0, 1, 1], ["below 0", "above 0"])?;
/// let scores = evaluate(&network, &data, 1)?;
/// assert_eq!((scores.accuracy, scores.confusion), (0.75, vec![vec![2, 0], vec![1, 1]]));
/// assert_eq!(format!("{:.4}", scores.loss), "0.6463");
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Evaluation {
    /// Mean loss; of softmax the cross-entropy, in nats.
    pub loss: f64,
    /// Share of rows whose predicted class, the most probable one or that by the threshold, is the true one.
    pub accuracy: f64,
    /// Share of rows whose true class is among the two most probable.
    pub top_2_accuracy: f64,
    /// How often class r was predicted as class c: `confusion[r][c]`, K x K.
    pub confusion: Vec<Vec<u64>>,
    /// The same, each row with its weight.
    weighted: Confusion,
}

/// The scores of one class, from the confusion matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ClassScores {
    /// Of the rows predicted as this class, the share that is right; 0 where there is none.
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
        let scores = |(counts, row): (Counts, &Vec<u64>)| ClassScores {
            precision: counts.precision(),
            recall: counts.recall(),
            f1: counts.f1(),
            support: row.iter().sum(),
        };
        self.weighted.classes().into_iter().zip(&self.confusion).map(scores).collect()
    }

    /// From the probabilities with the labels of their rows, and the mean loss.
    pub(crate) fn new(predictions: &Predictions, loss: f64, classes: usize) -> Self {
        let mut confusion = vec![vec![0; classes]; classes];
        predictions.class_rows().for_each(|(p, label, _)| confusion[label][predictions.class_of(p)] += 1);
        let (accuracy, top_2_accuracy) = (accuracy(predictions), top_k(predictions, 2));
        Self { loss, accuracy, top_2_accuracy, confusion, weighted: Confusion::of(predictions, classes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_those_of_the_confusion_matrix() {
        let p = [[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.1, 0.6, 0.3], [0.2, 0.5, 0.3]].concat();
        let evaluation = Evaluation::new(&Predictions::classes(&p, &[0, 0, 1, 2], 3), 2.5, 3);
        assert_eq!(evaluation.confusion, [[1, 1, 0], [0, 1, 0], [0, 1, 0]]);
        assert_eq!((evaluation.loss, evaluation.accuracy, evaluation.top_2_accuracy), (2.5, 0.5, 1.0));
        let [zero, one, two] = evaluation.classes()[..] else { unreachable!("three classes") };
        assert_eq!(zero, ClassScores { precision: 1.0, recall: 0.5, f1: 2.0 / 3.0, support: 2 });
        assert_eq!(one, ClassScores { precision: 1.0 / 3.0, recall: 1.0, f1: 0.5, support: 1 });
        assert_eq!(two, ClassScores { precision: 0.0, recall: 0.0, f1: 0.0, support: 1 });
    }

    #[test]
    fn equal_probabilities_count_the_first_class_first() {
        let evaluation = Evaluation::new(&Predictions::classes(&[0.25; 12], &[0, 1, 2], 4), 0.0, 4);
        assert_eq!(evaluation.top_2_accuracy, 2.0 / 3.0);
    }
}
