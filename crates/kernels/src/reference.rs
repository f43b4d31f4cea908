//! The slow, obvious versions: they judge the fast ones and stay for ever.

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

/// The value of `function` at `x` in f64, by the platform's own functions.
#[must_use]
pub fn function(function: Function, x: f64) -> f64 {
    match function {
        Function::Exp => x.exp(),
        Function::Ln => x.ln(),
        Function::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Function::Tanh => x.tanh(),
    }
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
