//! The slow, obvious versions: they judge the fast ones and stay for ever.

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
