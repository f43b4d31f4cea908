//! The scalar path: sixteen lanes in an array, `mul_add` rounded once as everywhere.

use super::{Kernel, LANES, Simd};
use crate::gemm::TiledProduct;

/// Proof of nothing: every processor can do this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scalar;

type F32s = [f32; LANES];

#[inline(always)]
fn map(a: F32s, f: impl Fn(f32) -> f32) -> F32s {
    std::array::from_fn(|i| f(a[i]))
}

#[inline(always)]
fn zip(a: F32s, b: F32s, f: impl Fn(f32, f32) -> f32) -> F32s {
    std::array::from_fn(|i| f(a[i], b[i]))
}

/// Lane i takes lane i + 8, then i + 4, i + 2, i + 1.
#[inline(always)]
fn tree(mut a: F32s, f: impl Fn(f32, f32) -> f32) -> f32 {
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            a[i] = f(a[i], a[i + half]);
        }
    }
    a[0]
}

/// 2^n for whole n in -126..=127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits(((n + 127) as u32) << 23)
}

/// The multipliers of [`uniform`].
pub(super) const MIX: [u32; 3] = [0x9E37_79B9, 0x21F0_AAAD, 0x735A_2D97];

/// The number `counter` of a stream that `keys` name: a bijection of the counter, mixed, then its upper 24 bits.
///
/// # Source
/// The mixer is the 32-bit one with the smallest bias that C. Wellons' hash-prospector lists.
#[inline(always)]
pub(super) fn uniform(counter: u32, keys: [u32; 2]) -> f32 {
    let mut x = counter.wrapping_mul(MIX[0]) ^ keys[0];
    x = (x ^ x >> 16).wrapping_mul(MIX[1]);
    x = (x ^ x >> 15 ^ keys[1]).wrapping_mul(MIX[2]);
    x ^= x >> 15;
    (x >> 8) as f32 * (1.0 / (1 << 24) as f32)
}

impl Simd for Scalar {
    type F32s = F32s;

    #[inline(always)]
    fn product<P: TiledProduct>(self, product: P) {
        product.run::<Self, 2, 2, 1>(self);
    }
    #[inline(never)]
    fn run_apart(self, kernel: impl Kernel) {
        kernel.run(self);
    }
    #[inline(always)]
    fn splat(self, x: f32) -> F32s {
        [x; LANES]
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> F32s {
        // SAFETY: the caller vouches for sixteen f32; an array of f32 has their alignment.
        unsafe { *from.cast::<F32s>() }
    }
    #[inline(always)]
    unsafe fn load_bytes(self, from: *const u8) -> F32s {
        // SAFETY: the caller vouches for sixteen bytes.
        unsafe { *from.cast::<[u8; LANES]>() }.map(f32::from)
    }
    #[inline(always)]
    unsafe fn load_partial(self, from: *const f32, lanes: usize, rest: F32s) -> F32s {
        // SAFETY: the caller vouches for `lanes` f32, and only those are read.
        std::array::from_fn(|i| if i < lanes { unsafe { *from.add(i) } } else { rest[i] })
    }
    #[inline(always)]
    fn prefetch(self, _: *const u8) {}
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, x: F32s) {
        // SAFETY: the caller vouches for sixteen f32; an array of f32 has their alignment.
        unsafe { *to.cast::<F32s>() = x }
    }
    #[inline(always)]
    unsafe fn store_partial(self, to: *mut f32, x: F32s, lanes: usize) {
        for (i, value) in x.into_iter().enumerate().take(lanes) {
            // SAFETY: the caller vouches for `lanes` f32, and i < lanes.
            unsafe { *to.add(i) = value }
        }
    }
    #[inline(always)]
    fn add(self, a: F32s, b: F32s) -> F32s {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: F32s, b: F32s) -> F32s {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: F32s, b: F32s) -> F32s {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, a: F32s, b: F32s) -> F32s {
        zip(a, b, |a, b| a / b)
    }
    #[inline(always)]
    fn sqrt(self, a: F32s) -> F32s {
        map(a, f32::sqrt)
    }
    #[inline(always)]
    fn mul_add(self, a: F32s, b: F32s, c: F32s) -> F32s {
        std::array::from_fn(|i| a[i].mul_add(b[i], c[i]))
    }
    #[inline(always)]
    fn max(self, a: F32s, b: F32s) -> F32s {
        zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn min(self, a: F32s, b: F32s) -> F32s {
        zip(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn select_gt(self, x: F32s, y: F32s, a: F32s, b: F32s) -> F32s {
        std::array::from_fn(|i| if x[i] > y[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    fn abs(self, a: F32s) -> F32s {
        map(a, f32::abs)
    }
    #[inline(always)]
    fn copysign(self, a: F32s, sign: F32s) -> F32s {
        zip(a, sign, f32::copysign)
    }
    #[inline(always)]
    fn or(self, a: F32s, b: F32s) -> F32s {
        zip(a, b, |a, b| f32::from_bits(a.to_bits() | b.to_bits()))
    }
    #[inline(always)]
    fn nonzero(self, a: F32s) -> u32 {
        (0..LANES).fold(0, |mask, i| mask | u32::from(a[i] != 0.0) << i)
    }
    #[inline(always)]
    fn zip(self, a: F32s, b: F32s) -> (F32s, F32s) {
        let lane = |i: usize| if i.is_multiple_of(2) { a[i / 2] } else { b[i / 2] };
        (std::array::from_fn(lane), std::array::from_fn(|i| lane(i + LANES)))
    }
    #[inline(always)]
    fn round(self, a: F32s) -> F32s {
        map(a, f32::round_ties_even)
    }
    #[inline(always)]
    fn scale(self, a: F32s, n: F32s) -> F32s {
        // Two factors, since 2^n alone may be no normal f32; the first product is exact.
        zip(a, n, |a, n| {
            let n = n as i32;
            a * power_of_two(n >> 1) * power_of_two(n - (n >> 1))
        })
    }
    #[inline(always)]
    fn split_exponent(self, a: F32s) -> (F32s, F32s) {
        let exponent = |a: f32| (a.to_bits() as i32 - SQRT_HALF_BITS) >> 23;
        (map(a, |a| f32::from_bits((a.to_bits() as i32 - (exponent(a) << 23)) as u32)), map(a, |a| exponent(a) as f32))
    }
    #[inline(always)]
    fn uniform(self, first: u32, keys: [u32; 2]) -> F32s {
        std::array::from_fn(|i| uniform(first.wrapping_add(i as u32), keys))
    }
    #[inline(always)]
    fn to_array(self, a: F32s) -> [f32; LANES] {
        a
    }
    #[inline(always)]
    fn sum_lanes(self, a: F32s) -> f32 {
        tree(a, |a, b| a + b)
    }
    #[inline(always)]
    fn max_lanes(self, a: F32s) -> f32 {
        tree(a, |a, b| if a > b { a } else { b })
    }
}

/// The bits of sqrt(1/2) as f32.
pub(super) const SQRT_HALF_BITS: i32 = 0x3f35_04f3;
