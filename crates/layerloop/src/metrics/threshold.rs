//! From which probability on a row is predicted as the second of two classes.

use super::predictions::{Predictions, Truth};
use super::ranking::thresholds;
use crate::data::onecold;
use crate::{Error, Result};

/// How the threshold of two classes is found: a row is predicted as the second one where its probability is above it.
///
/// ```text
/// f1       the largest F1 = 2 TP / (2 TP + FP + FN) of the second class
/// youden   the largest J = TP / P + TN / N - 1, sensitivity + specificity - 1
/// 0.3      as it is given
/// ```
///
/// # Source
/// Lipton, Elkan and Naryanaswamy 2014 for F1; Youden 1950.
///
/// # Example
/// ```
/// use layerloop::metrics::{Predictions, Threshold};
/// let probabilities = [0.9, 0.1, 0.8, 0.2, 0.7, 0.3, 0.6, 0.4];
/// let rare = Predictions::classes(&probabilities, &[0, 0, 1, 1], 2);
/// assert_eq!(format!("{:.4}", Threshold::F1.of(&rare)?), "0.2500"); // between 0.2 and 0.3
/// assert_eq!("0.3".parse::<Threshold>()?.of(&rare)?, 0.3);
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Threshold {
    /// The largest F1 of the second class.
    F1,
    /// The largest sensitivity + specificity - 1.
    Youden,
    /// This probability, between 0 and 1.
    Given(f64),
}

impl std::str::FromStr for Threshold {
    type Err = Error;

    /// `f1`, `youden` or a number.
    fn from_str(text: &str) -> Result<Self> {
        let unknown = || Error::config("threshold", format!("`{text}`; expected f1, youden or a number such as 0.3"));
        match text.trim().to_ascii_lowercase().as_str() {
            "f1" => Ok(Self::F1),
            "youden" => Ok(Self::Youden),
            other => other.parse().map_err(|_| unknown()).and_then(|given| check(given).map(|()| Self::Given(given))),
        }
    }
}

impl std::fmt::Display for Threshold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::F1 => f.write_str("f1"),
            Self::Youden => f.write_str("youden"),
            Self::Given(given) => write!(f, "{given}"),
        }
    }
}

/// Refuses a threshold that no probability can be on either side of.
///
/// # Errors
/// [`Error::Config`] unless it is between 0 and 1.
pub(crate) fn check(threshold: f64) -> Result<()> {
    if threshold > 0.0 && threshold < 1.0 {
        return Ok(());
    }
    Err(Error::config("threshold", format!("{threshold}; expected a number between 0 and 1, such as 0.3")))
}

/// The class that is predicted for a row: the most probable one, the first of equals; with a threshold the second one where its probability
/// is above it, else the first.
///
/// # Shapes
/// `probabilities`: one for each class, two with a threshold.
///
/// # Example
/// ```
/// use layerloop::metrics::predicted;
/// assert_eq!([predicted(&[0.6, 0.4], None), predicted(&[0.6, 0.4], Some(0.3))], [0, 1]);
/// ```
#[must_use]
pub fn predicted(probabilities: &[f32], threshold: Option<f64>) -> usize {
    match (threshold, probabilities) {
        (Some(threshold), [_, second]) => usize::from(f64::from(*second) > threshold),
        _ => onecold(probabilities),
    }
}

impl Threshold {
    /// The threshold by these predictions, between 0 and 1: half way between two probabilities that occur, or between the last one and 0
    /// or 1. Of equally good ones it is the nearest to 0.5, of two as near the lower. Rows count by their weights.
    ///
    /// # Errors
    /// [`Error::Config`] if there are not two classes, or a rule has no row of one of them; those of [`super::Metric::of`] for predictions
    /// that do not fit the metric.
    ///
    /// # Numerics
    /// Scores are quotients or products of sums of the weights, so that equally good thresholds are equal without weights.
    pub fn of(self, predictions: &Predictions) -> Result<f64> {
        let refuse = |reason: String| Err(Error::config("threshold", reason));
        match predictions.truth {
            Truth::Classes { classes: 2, .. } => {}
            Truth::Classes { classes, .. } => return refuse(format!("{classes} classes; a threshold is between two")),
            Truth::Numbers { .. } => return refuse("numbers are predicted; a threshold is between two classes".into()),
        }
        if let Self::Given(given) = self {
            return check(given).map(|()| given);
        }
        predictions.check()?;
        let ranked = thresholds(predictions, 1);
        let [positives, negatives] =
            ranked.iter().fold([0.0, 0.0], |[p, n], (_, [right, wrong])| [p + right, n + wrong]);
        if positives == 0.0 || negatives == 0.0 {
            let class = if positives == 0.0 { "second" } else { "first" };
            return refuse(format!("`{self}` needs rows of both classes, and none is of the {class}"));
        }
        let score = |[right, wrong]: [f64; 2]| match self {
            Self::F1 => 2.0 * right / (right + wrong + positives),
            _ => right * negatives - wrong * positives, // J P N
        };
        let mut above = f64::from(ranked[0].0);
        let mut taken = [0.0, 0.0];
        let mut cuts = vec![(score(taken), f64::midpoint(above, 1.0))];
        for (i, (_, [right, wrong])) in ranked.iter().enumerate() {
            taken = [taken[0] + right, taken[1] + wrong];
            let below = ranked.get(i + 1).map_or(0.0, |(p, _)| f64::from(*p));
            cuts.push((score(taken), f64::midpoint(above, below)));
            above = below;
        }
        let away = |threshold: f64| (threshold - 0.5).abs();
        let better = |a: &(f64, f64), b: &(f64, f64)| {
            a.0.total_cmp(&b.0).then(away(b.1).total_cmp(&away(a.1))).then(b.1.total_cmp(&a.1))
        };
        let best = cuts.into_iter().filter(|(_, threshold)| check(*threshold).is_ok()).max_by(better);
        best.map_or_else(|| refuse("every probability is 0 or 1".into()), |(_, threshold)| Ok(threshold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    /// The score of a threshold by its definition, times P N for `youden`.
    fn score(rule: Threshold, p: &[f32], labels: &[u32], threshold: f64) -> f64 {
        let count = |said: usize, truth: u32| {
            let rows = p.chunks_exact(2).zip(labels);
            rows.filter(|(p, label)| predicted(p, Some(threshold)) == said && **label == truth).count() as f64
        };
        let [tp, fp, fneg, tn] = [count(1, 1), count(1, 0), count(0, 1), count(0, 0)];
        match rule {
            Threshold::F1 => 2.0 * tp / (2.0 * tp + fp + fneg),
            _ => tp * (fp + tn) - fp * (tp + fneg),
        }
    }

    #[test]
    fn no_other_threshold_is_better_with_ties_too() {
        for case in 0..200 {
            let mut stream = Stream::new(case, "threshold", 0);
            let levels = [3, 7, 1000][case as usize % 3];
            let rows = 4 + stream.below(40);
            let mut labels: Vec<u32> = (0..rows).map(|_| stream.below(3) as u32 / 2).collect();
            (labels[0], labels[1]) = (0, 1);
            let p: Vec<f32> = labels
                .iter()
                .flat_map(|label| {
                    let p = (stream.below(levels) as f32 + *label as f32) / levels as f32;
                    [1.0 - p, p]
                })
                .collect();
            for rule in [Threshold::F1, Threshold::Youden] {
                let found = rule.of(&Predictions::classes(&p, &labels, 2)).unwrap();
                let own = score(rule, &p, &labels, found);
                for grid in 1..4000 {
                    let other = f64::from(grid) / 4000.0;
                    let theirs = score(rule, &p, &labels, other);
                    assert!(theirs <= own, "{rule} case {case}: {other} has {theirs}, {found} has {own}");
                }
            }
        }
    }

    #[test]
    fn of_equally_good_thresholds_the_nearest_to_a_half_is_taken() {
        let said = |p: [f32; 3], labels, rule: Threshold| {
            let p: Vec<f32> = p.iter().flat_map(|p| [1.0 - p, *p]).collect();
            rule.of(&Predictions::classes(&p, labels, 2)).unwrap()
        };
        // Everything between 0.25 and 0.75 parts the classes; J is 1/2 above 0.875 and above 0.25.
        assert_eq!(said([0.25, 0.25, 0.75], &[0, 0, 1], Threshold::Youden), 0.5);
        assert_eq!(said([0.875, 0.75, 0.25], &[1, 0, 1], Threshold::Youden), 0.8125);
        assert_eq!(said([0.5, 0.5, 0.5], &[1, 0, 1], Threshold::F1), 0.25); // all positive, or 0.75 for none
        assert_eq!(said([0.5, 0.5, 0.5], &[1, 0, 1], Threshold::Youden), 0.25); // J is 0 of both: the lower
        let weighted = Predictions {
            weights: Some(&[3.0, 1.0, 1.0]),
            ..Predictions::classes(&[0.4, 0.6, 0.6, 0.4, 0.7, 0.3], &[0, 1, 1], 2)
        };
        assert_eq!(format!("{:.3}", Threshold::F1.of(&weighted).unwrap()), "0.150");
    }

    #[test]
    fn what_has_no_threshold_is_refused() {
        let refused = |predictions: &Predictions, rule: Threshold| rule.of(predictions).unwrap_err().to_string();
        let three = Predictions::classes(&[0.2, 0.3, 0.5], &[2], 3);
        assert_eq!(refused(&three, Threshold::F1), "threshold: 3 classes; a threshold is between two");
        let numbers = Predictions::numbers(&[1.0], &[2.0], 1);
        assert!(refused(&numbers, Threshold::Given(0.3)).contains("numbers are predicted"));
        let one = Predictions::classes(&[0.5, 0.5], &[0], 2);
        assert!(
            refused(&one, Threshold::Youden)
                .ends_with("`youden` needs rows of both classes, and none is of the second")
        );
        for text in ["0", "1", "-0.5", "nan", "f2", ""] {
            assert!(text.parse::<Threshold>().is_err(), "{text}");
        }
        for rule in [Threshold::F1, Threshold::Youden, Threshold::Given(0.3)] {
            assert_eq!(rule.to_string().parse::<Threshold>().unwrap(), rule);
        }
    }
}
