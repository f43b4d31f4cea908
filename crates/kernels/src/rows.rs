//! What is done to rows component by component.

use crate::isa::{Isa, Kernel, LANES, Simd};
use crate::matrix::{Rows, RowsMut};

/// Copies `width` columns of every row, from the column `first` on, to the column `to` on of `out`.
///
/// # Panics
/// If a row is too short.
pub fn copy(z: Rows, first: usize, out: RowsMut, to: usize, width: usize) {
    let rows = z.values.chunks_exact(z.stride).zip(out.values.chunks_exact_mut(out.stride));
    rows.for_each(|(z, out)| out[to..to + width].copy_from_slice(&z[first..first + width]));
}

/// Runs `$body` for sixteen columns at a time of every row of `z` and `out`: what it gives replaces those of `out`.
macro_rules! for_each_pair {
    ($simd:ident, $width:expr, |$z:ident of $from:ident, $y:ident of $out:ident| $body:expr) => {{
        let (from, out) = ($from, $out);
        for (z, y) in from.values.chunks_exact(from.stride).zip(out.values.chunks_exact_mut(out.stride)) {
            for at in (0..$width).step_by(LANES) {
                let (z, y) = (&z[at..at + LANES], &mut y[at..]);
                let lanes = LANES.min($width - at);
                // SAFETY: `z` has sixteen values; `y` has that many.
                unsafe {
                    let ($z, $y) =
                        ($simd.load(z.as_ptr()), $simd.load_partial(y[..lanes].as_ptr(), lanes, $simd.splat(0.0)));
                    $simd.store_partial(y.as_mut_ptr(), $body, lanes);
                }
            }
        }
    }};
}

/// out += z, for `width` columns of every row.
///
/// # Panics
/// If a row is too short.
pub fn add(isa: Isa, z: Rows, width: usize, out: RowsMut) {
    struct Add<'a>(Rows<'a>, usize, RowsMut<'a>);
    impl Kernel for Add<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(z, width, out) = self;
            for_each_pair!(simd, width, |z of z, y of out| simd.add(y, z));
        }
    }
    isa.run(Add(z, width, out));
}

/// out *= z, for `width` columns of every row.
///
/// # Panics
/// If a row is too short.
pub fn multiply(isa: Isa, z: Rows, width: usize, out: RowsMut) {
    struct Multiply<'a>(Rows<'a>, usize, RowsMut<'a>);
    impl Kernel for Multiply<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(z, width, out) = self;
            for_each_pair!(simd, width, |z of z, y of out| simd.mul(y, z));
        }
    }
    isa.run(Multiply(z, width, out));
}

/// Which values of a batch are kept, and what becomes of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mask {
    /// Share of the values that is dropped.
    pub rate: f32,
    /// What a kept value is multiplied by.
    pub scale: f32,
    /// What is then added to it.
    pub shift: f32,
    /// What stands in place of a dropped one.
    pub dropped: f32,
    /// Names the stream of this layer and step.
    pub keys: [u32; 2],
}

impl Mask {
    /// A value is kept with probability 1 - `rate`, and is then divided by it: Srivastava et al. 2014.
    #[must_use]
    pub fn dropout(rate: f32, keys: [u32; 2]) -> Self {
        Self { rate, scale: 1.0 / (1.0 - rate), shift: 0.0, dropped: 0.0, keys }
    }

    /// Dropout that keeps the mean 0 and the variance 1 of what selu gives: Klambauer et al. 2017.
    ///
    /// z' = a (z or -lambda alpha) + b, a = (k + k (1 - k) (lambda alpha)^2)^(-1/2), b = a (1 - k) lambda alpha, k = 1 - rate
    #[must_use]
    pub fn alpha_dropout(rate: f32, keys: [u32; 2]) -> Self {
        const LAMBDA_ALPHA: f64 = 1.758_099_340_847_376_6;
        let keep = 1.0 - f64::from(rate);
        let a = 1.0 / (keep + keep * (1.0 - keep) * LAMBDA_ALPHA * LAMBDA_ALPHA).sqrt();
        let b = a * (1.0 - keep) * LAMBDA_ALPHA;
        Self { rate, scale: a as f32, shift: b as f32, dropped: (b - a * LAMBDA_ALPHA) as f32, keys }
    }

    /// What the way back does: the same values are kept and scaled.
    #[must_use]
    pub fn backward(self) -> Self {
        Self { shift: 0.0, dropped: 0.0, ..self }
    }
}

/// out = scale z + shift where the mask keeps z, else what stands for a dropped value; `first` is the place in the batch
/// of the first of these rows, so that no cutting of a batch changes what is dropped.
///
/// # Panics
/// If a row is too short.
pub fn mask(isa: Isa, mask: Mask, z: Rows, width: usize, first: usize, out: RowsMut) {
    struct Masked<'a>(Mask, Rows<'a>, usize, usize, RowsMut<'a>);
    impl Kernel for Masked<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(Mask { rate, scale, shift, dropped, keys }, from, width, first, out) = self;
            let [rate, scale, shift, dropped] = [rate, scale, shift, dropped].map(|x| simd.splat(x));
            let rows = from.values.chunks_exact(from.stride).zip(out.values.chunks_exact_mut(out.stride));
            for ((z, out), row) in rows.zip(first..) {
                let counter = (row * width.next_multiple_of(LANES)) as u32;
                for at in (0..width).step_by(LANES) {
                    let (z, out) = (&z[at..at + LANES], &mut out[at..]);
                    let lanes = LANES.min(width - at);
                    let uniform = simd.uniform(counter.wrapping_add(at as u32), keys);
                    // SAFETY: `z` has sixteen values, `out` that many.
                    unsafe {
                        let kept = simd.mul_add(simd.load(z.as_ptr()), scale, shift);
                        let value = simd.select_gt(rate, uniform, dropped, kept);
                        simd.store_partial(out[..lanes].as_mut_ptr(), value, lanes);
                    }
                }
            }
        }
    }
    isa.run(Masked(mask, z, width, first, out));
}
