//! Whether probabilities are what they say.

use super::predictions::Predictions;
use crate::data::onecold;

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
