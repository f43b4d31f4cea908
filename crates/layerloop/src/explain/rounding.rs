//! How far rounding to f32 moves a gradient: the derivation once more, with an error of the size of f32's wherever f32 rounds.

use crate::Result;
use crate::math::ActivationFunction as _;
use crate::math::{Activation, Map};
use crate::rng::Stream;

/// Half the distance of two f32 around 1: an operation errs by at most this share of its result.
const UNIT: f64 = 1.0 / 16_777_216.0;

/// Errors of a function or of an output map, in [`UNIT`]s: the kernels' functions err by at most 2.5 units in the last place.
const OF_FUNCTIONS: f64 = 8.0;

/// Errors that are drawn wherever f32 rounds, or none.
///
/// A sum of n products by fused multiply-adds is the exact sum of slightly other products: each operand moves by at most n
/// [`UNIT`]s of itself. So the values that a map reads are moved, each by itself; what it gives is moved by what the functions
/// of the kernels err; and so is what goes back. How far gradients of several such passes lie apart says what f32 can know of a
/// gradient, whatever the network amplifies or cancels, and near kinks too.
///
/// # Source
/// Backward errors of sums: Higham 2002, section 3.1. Random errors in place of bounds: Parker 1997, Monte Carlo arithmetic.
#[derive(Debug)]
pub(super) struct Rounding {
    errors: Option<Stream>,
    unit: f64,
    /// The largest size of a value that was shown to it: f32 has none above 3.4e38.
    pub(super) largest: f64,
}

impl Rounding {
    /// No errors but those of f64.
    pub(super) fn none() -> Self {
        Self { errors: None, unit: 0.0, largest: 0.0 }
    }

    /// The `i`-th choice of errors.
    pub(super) fn drawn(i: u64) -> Self {
        Self { errors: Some(Stream::new(0, "rounding", i)), unit: UNIT, largest: 0.0 }
    }

    /// The `i`-th choice of errors of the size that f64 has.
    pub(super) fn of_f64(i: u64) -> Self {
        Self { unit: f64::EPSILON / 2.0, ..Self::drawn(i) }
    }

    /// z' = g(z); z is moved as the sums of the map round.
    pub(super) fn g(&mut self, map: &Map, z: &mut [f64]) -> Result<Vec<f64>> {
        self.shift(z, z_terms(map, z.len()), 0.0);
        let mut next = map.g(z)?;
        // What an activation gives near 0 may be a difference of numbers near 1.
        self.shift(&mut next, OF_FUNCTIONS, if is_curved(map) { OF_FUNCTIONS } else { 0.0 });
        if let Map::Standardise { epsilon } = map {
            self.shift_alike(&mut next, mean_size(z) * inverse(z, *epsilon));
        }
        Ok(next)
    }

    /// p = A^T q' and q = B^T q', moved as their sums round.
    pub(super) fn adjoint(&mut self, map: &Map, z: &[f64], q_next: &[f64]) -> Result<(Vec<f64>, Vec<f64>)> {
        let mut moved = q_next.to_vec();
        self.shift(&mut moved, OF_FUNCTIONS + q_next.len() as f64, 0.0);
        self.shift_slopes(&mut moved, &slopes(map, z)?);
        let (mut p, mut q) = map.adjoint(z, &moved)?;
        self.shift(&mut p, OF_FUNCTIONS, 0.0);
        self.shift(&mut q, OF_FUNCTIONS, OF_FUNCTIONS * cancelled(map, z, q_next));
        if let Map::Standardise { epsilon } = map {
            self.shift_alike(&mut q, mean_size(q_next) * inverse(z, *epsilon));
        }
        Ok((p, q))
    }

    /// Moves n values by one error of up to n units of `size`: that of their mean, which is taken away from each of them. Of errors
    /// that each value has for itself the mean is taken away too.
    fn shift_alike(&mut self, values: &mut [f64], size: f64) {
        let mut error = [0.0];
        self.shift(&mut error, 0.0, size * values.len() as f64);
        values.iter_mut().for_each(|value| *value += error[0]);
    }

    /// The gradient of the loss by the logits, moved as output maps and losses round.
    pub(super) fn of_outputs(&mut self, q: &mut [f64], y: &[f64]) {
        // p - y: each of the two may be as large as 1, or as the target.
        let size = y.iter().fold(1.0, |size: f64, y| size.max(y.abs()));
        self.shift(q, OF_FUNCTIONS, OF_FUNCTIONS * size);
    }

    /// Moves q' so that sigma'(t) q' moves as if sigma'(t) erred by units of 1: 1 - z^2 of a tanh near 1 does.
    fn shift_slopes(&mut self, q_next: &mut [f64], slopes: &[f64]) {
        const LEAST: f64 = 1e-200; // a slope of 0 leaves nothing of what is moved
        for (q, slope) in q_next.iter_mut().zip(slopes) {
            self.shift(std::slice::from_mut(q), OF_FUNCTIONS / slope.abs().max(LEAST), 0.0);
        }
    }

    /// Moves values by up to so many units of themselves, and so many of 1.
    pub(super) fn shift(&mut self, values: &mut [f64], of_themselves: f64, of_one: f64) {
        self.largest = values.iter().fold(self.largest, |largest, value| largest.max(value.abs()));
        let Some(stream) = &mut self.errors else { return };
        for value in values {
            let error = f64::from(stream.uniform()) * 2.0 - 1.0;
            *value += error * self.unit * (of_themselves * value.abs() + of_one);
        }
    }
}

/// The size of what q' leaves of itself where the closed form of q subtracts parts of q' from it: r q', of a standardisation.
fn cancelled(map: &Map, z: &[f64], q_next: &[f64]) -> f64 {
    let Map::Standardise { epsilon } = map else { return 0.0 };
    q_next.iter().fold(0.0, |size: f64, q| size.max(q.abs())) * inverse(z, *epsilon)
}

/// r = 1 / sqrt(var(z) + epsilon)
fn inverse(z: &[f64], epsilon: f64) -> f64 {
    let n = z.len() as f64;
    let mean = z.iter().sum::<f64>() / n;
    let variance = z.iter().map(|z| (z - mean) * (z - mean)).sum::<f64>() / n;
    1.0 / (variance + epsilon).sqrt()
}

fn mean_size(values: &[f64]) -> f64 {
    values.iter().map(|value| value.abs()).sum::<f64>() / values.len() as f64
}

/// The slopes of a curved activation; none of other maps.
fn slopes(map: &Map, z: &[f64]) -> Result<Vec<f64>> {
    Ok(match map {
        Map::Dense(layer) | Map::NoBias(layer) if is_curved(map) => layer.sigma_prime(&layer.t(z)?),
        Map::Activation(activation) => z.iter().map(|&t| activation.derivative(t)).collect(),
        Map::Parametric { a, sigma } => z.iter().zip(a).map(|(&t, a)| a * sigma.derivative(t)).collect(),
        _ => Vec::new(),
    })
}

fn is_curved(map: &Map) -> bool {
    match map {
        Map::Dense(layer) | Map::NoBias(layer) => layer.activation() != Activation::Identity,
        Map::Activation(_) | Map::Parametric { .. } => true,
        _ => false,
    }
}

/// Products of a sum.
fn z_terms(map: &Map, inputs: usize) -> f64 {
    match map {
        Map::Dense(_) | Map::NoBias(_) | Map::Standardise { .. } | Map::Bilinear { .. } => inputs as f64 + 1.0,
        Map::Table(_) | Map::Columns { .. } => 0.0, // names of rows, or copies
        Map::Grouped { count, .. } => (inputs / count) as f64 + 1.0,
        Map::Piecewise { edges, .. } => edges.len() as f64,
        Map::Waves { .. } => 16.0, // turns of several radians
        _ => 1.0,
    }
}
