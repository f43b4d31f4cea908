//! How well the probability of a class ranks the rows that are of it above those that are not.

use super::predictions::Predictions;
use crate::{Error, Result};

/// Every probability that occurs, the largest first, with the weights of its rows that are of the class, and of its others.
pub(super) fn thresholds(predictions: &Predictions, class: usize) -> Vec<(f32, [f64; 2])> {
    let mut rows: Vec<(f32, bool, f64)> =
        predictions.class_rows().map(|(p, label, w)| (p[class], label == class, w)).collect();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let ties = rows.chunk_by(|a, b| a.0 == b.0);
    let sum = |tie: &[(f32, bool, f64)], of: bool| tie.iter().filter(|row| row.1 == of).map(|row| row.2).sum();
    ties.map(|tie| (tie[0].0, [sum(tie, true), sum(tie, false)])).collect()
}

/// Weight of all rows of a class (0) or of all others (1); refused where there are none, as nothing can be ranked then.
fn total(thresholds: &[(f32, [f64; 2])], of: usize, class: usize) -> Result<f64> {
    let total: f64 = thresholds.iter().map(|(_, t)| t[of]).sum();
    if total == 0.0 {
        let which = ["no", "every"][of];
        return Err(Error::config(
            "metric",
            format!("{which} row is of class {class}: there is nothing to rank it against"),
        ));
    }
    Ok(total)
}

/// The area under the curve of true positives over false ones, by trapezoids: a tie counts half.
fn auc_of(predictions: &Predictions, class: usize) -> Result<f64> {
    let thresholds = thresholds(predictions, class);
    let (positives, negatives) = (total(&thresholds, 0, class)?, total(&thresholds, 1, class)?);
    let (mut area, mut above) = (0.0, 0.0);
    for (_, [right, wrong]) in thresholds {
        area += wrong * (above + right / 2.0);
        above += right;
    }
    Ok(area / (positives * negatives))
}

/// sum_n (R_n - R_{n-1}) P_n over the probabilities that occur, the largest first.
fn average_precision_of(predictions: &Predictions, class: usize) -> Result<f64> {
    let thresholds = thresholds(predictions, class);
    let positives = total(&thresholds, 0, class)?;
    let (mut sum, mut taken, mut found) = (0.0, 0.0, 0.0);
    for (_, [right, wrong]) in thresholds {
        taken += right + wrong;
        found += right;
        sum += if taken > 0.0 { right * found / taken } else { 0.0 };
    }
    Ok(sum / positives)
}

/// Of two classes the second's, else the mean of one class against the rest, each counted the same or by its rows.
fn one_versus_rest(
    predictions: &Predictions,
    classes: usize,
    by_rows: bool,
    of: impl Fn(&Predictions, usize) -> Result<f64>,
) -> Result<f64> {
    if classes == 2 {
        return of(predictions, 1);
    }
    let support = |class: usize| {
        let rows = predictions.class_rows().filter(|row| row.1 == class);
        if by_rows { rows.map(|row| row.2).sum() } else { 1.0 }
    };
    let (mut sum, mut all) = (0.0, 0.0);
    for class in 0..classes {
        let weight: f64 = support(class);
        sum += weight * of(predictions, class)?;
        all += weight;
    }
    Ok(sum / all)
}

pub(super) fn auc(predictions: &Predictions, classes: usize, by_rows: bool) -> Result<f64> {
    one_versus_rest(predictions, classes, by_rows, auc_of)
}

pub(super) fn average_precision(predictions: &Predictions, classes: usize) -> Result<f64> {
    one_versus_rest(predictions, classes, false, average_precision_of)
}
