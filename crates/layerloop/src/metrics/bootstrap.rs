//! How far a score could be from its value on all rows of the kind: intervals by the bootstrap.

use super::{AnyMetric, Predictions};
use crate::rng::Stream;

/// The middle 95 % of a metric over `resamples` draws of as many rows, each drawn any number of times (the percentile interval); `None` for a
/// metric that cannot be computed of some of them, as `roc-auc` of draws without a class.
///
/// A row that is drawn k times counts with k times its weight, so that nothing is copied or sorted anew but by the metric itself. The draws
/// are the streams `bootstrap` of `seed`: every metric sees the same ones.
///
/// # Source
/// Efron 1979; Efron and Tibshirani 1993, chapter 13.
///
/// # Example
/// ```
/// use layerloop::metrics::{Metric, Predictions, intervals};
/// let probabilities: Vec<f32> = (0..400).flat_map(|i| if i % 4 == 0 { [0.4, 0.6] } else { [0.6, 0.4] }).collect();
/// let predictions = Predictions::classes(&probabilities, &[0; 400], 2); // three in four are right
/// let [accuracy] = intervals(&predictions, &[Metric::Accuracy.into()], 200, 0)[..] else { panic!("one") };
/// let [low, high] = accuracy.expect("an interval");
/// assert!(low > 0.69 && low < 0.73 && high > 0.77 && high < 0.81); // 0.75 +- 1.96 * sqrt(0.75 * 0.25 / 400)
/// ```
#[must_use]
pub fn intervals(
    predictions: &Predictions,
    metrics: &[AnyMetric],
    resamples: usize,
    seed: u64,
) -> Vec<Option<[f64; 2]>> {
    let rows = predictions.rows();
    let mut values: Vec<Vec<f64>> = vec![Vec::with_capacity(resamples); metrics.len()];
    let mut weights = vec![0.0_f32; rows];
    for draw in 0..resamples {
        let mut stream = Stream::new(seed, "bootstrap", draw as u64);
        weights.fill(0.0);
        for _ in 0..rows {
            let row = stream.below(rows);
            weights[row] += predictions.weights.map_or(1.0, |weights| weights[row]);
        }
        let drawn = Predictions { weights: Some(&weights), ..*predictions };
        for (metric, values) in metrics.iter().zip(&mut values) {
            values.extend(metric.of(&drawn).ok());
        }
    }
    let middle = |mut values: Vec<f64>| {
        if values.len() < resamples || resamples < 2 {
            return None;
        }
        values.sort_by(f64::total_cmp);
        let at = |share: f64| values[(share * (resamples - 1) as f64).round() as usize];
        Some([at(0.025), at(0.975)])
    };
    values.into_iter().map(middle).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Metric;
    use super::*;

    #[test]
    fn the_interval_holds_the_value_and_is_a_function_of_the_seed() {
        let truth: Vec<f32> = (0..300).map(|i| (i % 17) as f32).collect();
        let said: Vec<f32> = truth.iter().enumerate().map(|(i, y)| y + [1.0, -2.0, 0.5][i % 3]).collect();
        let predictions = Predictions::numbers(&said, &truth, 1);
        let metrics = [Metric::Rmse, Metric::R2].map(AnyMetric::from);
        let all = intervals(&predictions, &metrics, 100, 1);
        for (metric, interval) in metrics.iter().zip(&all) {
            let [low, high] = interval.unwrap();
            let value = metric.of(&predictions).unwrap();
            assert!(low < value && value < high && high - low < 0.2, "{metric}: {low} {value} {high}");
        }
        assert_eq!(all, intervals(&predictions, &metrics, 100, 1));
        assert_eq!(all[1], intervals(&predictions, &metrics[1..], 100, 1)[0]);
        assert_ne!(all, intervals(&predictions, &metrics, 100, 2));
    }

    #[test]
    fn what_cannot_be_computed_of_a_draw_has_none() {
        let predictions = Predictions::classes(&[0.9, 0.1, 0.8, 0.2, 0.3, 0.7], &[0, 0, 1], 2);
        assert_eq!(intervals(&predictions, &[Metric::RocAuc.into()], 50, 0), [None]);
    }
}
