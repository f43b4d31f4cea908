//! Whether probabilities are what they say.

use super::predictions::{Predictions, Truth};
use crate::data::onecold;
use crate::{Error, Result};

/// -mean ln p_y, with p_y kept from 0 by 2^-52.
pub(super) fn log_loss(predictions: &Predictions) -> f64 {
    predictions.mean(|p, label| -libm::log(f64::from(p[label]).clamp(f64::EPSILON, 1.0 - f64::EPSILON)))
}

/// mean sum_k (p_k - y_k)^2; of two classes half of it, (p_1 - y_1)^2: Brier 1950.
pub(super) fn brier(predictions: &Predictions, classes: usize) -> f64 {
    let distance = |p: &[f32], label: usize| {
        let terms = p.iter().enumerate().map(|(k, &p)| f64::from(p) - f64::from(u8::from(k == label)));
        terms.map(|d| d * d).sum()
    };
    predictions.mean(distance) / if classes == 2 { 2.0 } else { 1.0 }
}

/// sum_b W_b / W |accuracy_b - confidence_b| over bins of equal width, each with its upper end: Guo et al. 2017.
pub(super) fn expected_calibration_error(predictions: &Predictions, bins: usize) -> f64 {
    let mut sums = vec![[0.0; 3]; bins]; // weight, right, confidence
    for (p, label, w) in predictions.class_rows() {
        let best = onecold(p);
        let confidence = f64::from(p[best]);
        let bin = ((confidence * bins as f64).ceil() as usize).clamp(1, bins) - 1;
        let row = [w, w * f64::from(u8::from(best == label)), w * confidence];
        sums[bin].iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }
    let all: f64 = sums.iter().map(|bin| bin[0]).sum();
    sums.iter().map(|[_, right, confidence]| (right - confidence).abs()).sum::<f64>() / all
}

/// The share of rows whose predicted class is the true one.
pub(super) fn accuracy(predictions: &Predictions) -> f64 {
    predictions.mean(|p, label| f64::from(u8::from(predictions.class_of(p) == label)))
}

/// The share of rows whose class is among the k most probable; of equal ones the first comes first.
pub(super) fn top_k(predictions: &Predictions, k: usize) -> f64 {
    predictions.mean(|p, label| {
        let ahead = (0..p.len()).filter(|&c| p[c] > p[label] || p[c] == p[label] && c < label).count();
        f64::from(u8::from(ahead < k))
    })
}

/// Rows of about the same predicted probability, and how often it came true.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct CalibrationBin {
    /// Number of rows.
    pub rows: usize,
    /// Their mean probability.
    pub predicted: f64,
    /// The share of them of which it came true.
    pub observed: f64,
    /// The sum of their weights.
    weight: f64,
}

/// The calibration curve of a classifier: rows in the order of a probability, cut into `bins` of as many rows each; of each bin the mean
/// probability and the share of rows of which it came true. `class` names the class whose probability is meant; without one it is that of
/// each row's most probable class.
///
/// Rows of equal probability stay together, so that bins may have different numbers of rows, and there may be fewer. Means weight the rows.
///
/// # Errors
/// [`Error::Config`] for no bins, a class that is none, and for what [`super::Metric::of`] refuses.
///
/// # Source
/// Niculescu-Mizil and Caruana 2005; bins of equal counts: Nguyen and O'Connor 2015.
///
/// # Example
/// ```
/// use layerloop::metrics::{Predictions, calibration};
/// let predictions = Predictions::classes(&[0.9, 0.1, 0.7, 0.3, 0.4, 0.6, 0.2, 0.8], &[0, 0, 1, 1], 2);
/// let bins = calibration(&predictions, Some(1), 2)?;
/// assert_eq!([bins[0].rows, bins[1].rows], [2, 2]);
/// assert_eq!([bins[0].predicted, bins[1].predicted].map(|p| format!("{p:.1}")), ["0.2", "0.7"]);
/// assert_eq!([bins[0].observed, bins[1].observed], [0.0, 1.0]);
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn calibration(predictions: &Predictions, class: Option<usize>, bins: usize) -> Result<Vec<CalibrationBin>> {
    predictions.check()?;
    let Truth::Classes { classes, .. } = predictions.truth else {
        return Err(Error::config("calibration", "it is that of probabilities, and these predictions are of numbers"));
    };
    if bins == 0 {
        return Err(Error::config("calibration", "0 bins; at least 1 is needed"));
    }
    if let Some(class) = class.filter(|class| *class >= classes) {
        return Err(Error::config("calibration", format!("class {class} of {classes}")));
    }
    let row = |(p, label, weight): (&[f32], usize, f64)| {
        let class = class.unwrap_or_else(|| onecold(p));
        (f64::from(p[class]), label == class, weight)
    };
    let mut rows: Vec<(f64, bool, f64)> = predictions.class_rows().map(row).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut all, mut from) = (Vec::new(), 0);
    for bin in 1..=bins {
        let mut to = (rows.len() * bin).div_ceil(bins).max(from);
        while to > from && to < rows.len() && rows[to].0 == rows[to - 1].0 {
            to += 1;
        }
        all.extend(CalibrationBin::of(&rows[from..to]));
        from = to;
    }
    Ok(all)
}

impl CalibrationBin {
    /// `None` of no rows, or of none that count.
    fn of(rows: &[(f64, bool, f64)]) -> Option<Self> {
        let sum = |f: &dyn Fn(&(f64, bool, f64)) -> f64| rows.iter().map(f).sum::<f64>();
        let weight = sum(&|row| row.2);
        let (predicted, observed) = (sum(&|row| row.2 * row.0), sum(&|row| if row.1 { row.2 } else { 0.0 }));
        (weight > 0.0).then(|| Self {
            rows: rows.len(),
            predicted: predicted / weight,
            observed: observed / weight,
            weight,
        })
    }

    /// The expected calibration error of these bins: sum_b W_b / W |observed_b - predicted_b|; 0 of none.
    #[must_use]
    pub fn error(bins: &[Self]) -> f64 {
        let all: f64 = bins.iter().map(|bin| bin.weight).sum();
        let gaps = bins.iter().map(|bin| bin.weight * (bin.observed - bin.predicted).abs()).sum::<f64>();
        if all > 0.0 { gaps / all } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_have_equal_counts_and_equal_probabilities_stay_together() {
        let of = |p: &[f32], labels: &[u32], bins: usize| {
            let both: Vec<f32> = p.iter().flat_map(|p| [1.0 - p, *p]).collect();
            calibration(&Predictions::classes(&both, labels, 2), Some(1), bins).unwrap()
        };
        let p: Vec<f32> = (0..100).map(|i| ((i * 37) % 100) as f32 / 128.0).collect();
        let labels: Vec<u32> = p.iter().map(|p| u32::from(*p > 0.5)).collect();
        let bins = of(&p, &labels, 10);
        assert_eq!(bins.iter().map(|bin| bin.rows).collect::<Vec<_>>(), [10; 10]);
        assert!(bins.is_sorted_by(|a, b| a.predicted < b.predicted));
        let gap = bins.iter().map(|bin| (bin.predicted - bin.observed).abs()).sum::<f64>() / 10.0;
        assert!((CalibrationBin::error(&bins) - gap).abs() < 1e-12);
        let tied = of(&[0.25, 0.25, 0.25, 0.75], &[0, 1, 0, 1], 4);
        assert_eq!(tied.iter().map(|bin| (bin.rows, bin.predicted)).collect::<Vec<_>>(), [(3, 0.25), (1, 0.75)]);
        assert_eq!((tied[0].observed, tied[1].observed), (1.0 / 3.0, 1.0));
        assert_eq!(of(&[0.5], &[1], 10).len(), 1);
    }

    #[test]
    fn without_a_class_the_most_probable_one_is_meant_and_nonsense_is_refused() {
        let p = [0.7, 0.2, 0.1, 0.1, 0.8, 0.1];
        let bins = calibration(&Predictions::classes(&p, &[0, 2], 3), None, 1).unwrap();
        assert!((bins[0].predicted - 0.75).abs() < 1e-7 && bins[0].observed == 0.5 && bins[0].rows == 2);
        let weighted = Predictions { weights: Some(&[3.0, 1.0]), ..Predictions::classes(&p, &[0, 2], 3) };
        assert_eq!(calibration(&weighted, None, 1).unwrap()[0].observed, 0.75);
        for (class, bins, said) in [(None, 0, "0 bins"), (Some(3), 2, "class 3 of 3")] {
            let refused = calibration(&Predictions::classes(&p, &[0, 2], 3), class, bins).unwrap_err().to_string();
            assert!(refused.contains(said), "{refused}");
        }
        assert!(calibration(&Predictions::numbers(&[1.0], &[1.0], 1), None, 2).is_err());
    }
}
