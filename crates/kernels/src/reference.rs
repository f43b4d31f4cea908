//! The slow, obvious versions: the fast ones are tested against them, and they stay for ever.

use crate::function::Function;

/// C = A B, row-major, each element one chain of fused multiply-adds in the order of the inner dimension.
///
/// # Shapes
/// `a`: rows x inner; `b`: inner x columns; the result: rows x columns.
///
/// # Panics
/// If the slices are shorter.
#[must_use]
pub fn product(rows: usize, inner: usize, columns: usize, a: &[f32], b: &[f32]) -> Vec<f32> {
    let element =
        |r: usize, c: usize| (0..inner).fold(0.0, |sum: f32, k| a[r * inner + k].mul_add(b[k * columns + c], sum));
    (0..rows * columns).map(|i| element(i / columns, i % columns)).collect()
}

/// The transpose of a row-major `rows` x `columns` matrix.
///
/// # Panics
/// If the slice is shorter.
#[must_use]
pub fn transpose(rows: usize, columns: usize, a: &[f32]) -> Vec<f32> {
    (0..rows * columns).map(|i| a[i % rows * columns + i / rows]).collect()
}

/// The value of `function` at `x` in f64, by the platform's own functions and, for Phi, by its series and its fraction.
#[must_use]
pub fn function(function: Function, x: f64) -> f64 {
    match function {
        Function::Exp => x.exp(),
        Function::Ln => x.ln(),
        Function::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Function::Tanh => x.tanh(),
        Function::Expm1 => x.exp_m1(),
        Function::Ln1p => x.ln_1p(),
        Function::NormalCdf if x > 0.0 => 1.0 - normal_tail(x),
        Function::NormalCdf => normal_tail(-x),
        Function::CosTurn => (std::f64::consts::TAU * (0.25 - (x - x.round()).abs())).sin(),
        Function::SinTurn => {
            let rest = x - x.round();
            (std::f64::consts::TAU * rest.abs().min(0.5 - rest.abs())).sin().copysign(rest)
        }
    }
}

/// Phi(-y) for y >= 0, with phi(y) = e^{-y^2/2} / sqrt(2 pi):
/// 1/2 - phi(y) (y + y^3/3 + y^5/(3 5) + ...) for small y, phi(y) / (y + 1/(y + 2/(y + 3/...))) beyond.
///
/// Source: Abramowitz and Stegun 1964, 26.2.11 and 26.2.14.
fn normal_tail(y: f64) -> f64 {
    let phi = (-y * y / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    if y >= 3.0 {
        return if phi == 0.0 { 0.0 } else { phi / (1..100).rev().fold(y, |rest, k| y + f64::from(k) / rest) };
    }
    let (mut term, mut sum, mut k) = (y, y, 1.0);
    while term > 1e-17 * sum {
        k += 2.0;
        term *= y * y / k;
        sum += term;
    }
    0.5 - phi * sum
}

/// Distance of `got` from `truth` in units of the last place of the f32 nearest to `truth`.
#[must_use]
pub fn ulps(got: f32, truth: f64) -> f64 {
    let nearest = truth as f32;
    if got == nearest && got.is_infinite() || got.is_nan() && nearest.is_nan() {
        return 0.0;
    }
    if got.is_nan() || nearest.is_nan() {
        return f64::INFINITY;
    }
    let size = nearest.abs().min(f32::MAX.next_down()); // the place above the largest f32 is as wide as the one below
    (f64::from(got) - truth).abs() / (f64::from(size.next_up()) - f64::from(size))
}
