//! Derivatives of user-defined parts beside central differences.

use crate::{Error, Result};

/// Half the distance of a central difference: the fourth root of f32's precision, where rounding and curvature do equal harm.
const STEP: f32 = 0.01;

/// What a difference in f32 may be off, in parts of the largest derivative of a row.
const TOLERANCE: f32 = 2e-2;

/// Each derivative beside the difference of `value` around `at`.
pub(crate) fn compare(what: &str, derivatives: &[f32], at: &[f32], value: impl Fn(&[f32]) -> f64) -> Result<()> {
    let largest = derivatives.iter().fold(1e-2_f32, |largest, d| largest.max(d.abs()));
    let here = value(at);
    for (i, &derivative) in derivatives.iter().enumerate() {
        let moved = |step: f32| {
            let mut at = at.to_vec();
            at[i] += step;
            (value(&at) - here) / f64::from(step)
        };
        let [above, below] = [moved(STEP), moved(-STEP)];
        let tolerance = f64::from(TOLERANCE * largest);
        let (low, high) = (above.min(below) - tolerance, above.max(below) + tolerance);
        let smooth = (above - below).abs() < 2.0 * tolerance;
        let middle = (above + below) / 2.0;
        let right = f64::from(derivative) >= low && f64::from(derivative) <= high;
        let near = !smooth || (f64::from(derivative) - middle).abs() <= tolerance;
        if !(right && near) {
            let reason = format!(
                "of {what} {i}, at {}, is {derivative}; differences say {middle:.4} (the others are {at:?})",
                at[i]
            );
            return Err(Error::config("its derivative", reason));
        }
    }
    Ok(())
}
