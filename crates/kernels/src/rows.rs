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
