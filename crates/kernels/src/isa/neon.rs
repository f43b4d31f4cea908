//! NEON: sixteen lanes are four registers.

use std::arch::aarch64::*;
use std::arch::{asm, is_aarch64_feature_detected};

use super::scalar::{MIX, SQRT_HALF_BITS};
use super::{Kernel, LANES, Simd};
use crate::gemm::TiledProduct;

/// Proof that the processor has NEON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Neon(());

impl Neon {
    /// The proof, if it can be had.
    pub(crate) fn detect() -> Option<Self> {
        is_aarch64_feature_detected!("neon").then_some(Self(()))
    }

    /// Runs `kernel` compiled for NEON.
    #[inline(always)]
    pub(super) fn run(self, kernel: impl Kernel) {
        #[target_feature(enable = "neon")]
        fn compiled(kernel: impl Kernel, simd: Neon) {
            kernel.run(simd);
        }
        // SAFETY: `self` exists only where `detect` found the feature.
        unsafe { compiled(kernel, self) }
    }
}

type F32s = [float32x4_t; 4];

/// One intrinsic that neither reads nor writes memory.
macro_rules! op {
    ($call:expr) => {
        // SAFETY: the token in scope proves that the processor has the instruction.
        unsafe { $call }
    };
}

/// One operation on each quarter of the lanes.
macro_rules! quarters {
    ($q:ident => $call:expr) => {
        quarters!($q => $call; 0 1 2 3)
    };
    ($q:ident => $call:expr; $($i:literal)*) => {
        op!([$({
            let $q = $i;
            $call
        }),*])
    };
}

/// The lanes as one tree of an operation on four.
macro_rules! tree {
    ($a:expr, |$x:ident, $y:ident| $call:expr) => {
        op!({
            let f = |$x, $y| $call;
            let four = f(f($a[0], $a[2]), f($a[1], $a[3]));
            let two = f(four, vextq_f32::<2>(four, four));
            vgetq_lane_f32::<0>(f(two, vextq_f32::<1>(two, two)))
        })
    };
}

impl Simd for Neon {
    type F32s = F32s;

    #[inline(always)]
    fn product<P: TiledProduct>(self, product: P) {
        product.run::<Self, 6, 6, 1>(self);
    }
    #[inline(always)]
    fn run_apart(self, kernel: impl Kernel) {
        #[target_feature(enable = "neon")]
        #[inline(never)]
        fn apart(kernel: impl Kernel, simd: Neon) {
            kernel.run(simd);
        }
        // SAFETY: `self` exists only where `detect` found the feature.
        unsafe { apart(kernel, self) }
    }
    #[inline(always)]
    fn splat(self, x: f32) -> F32s {
        [op!(vdupq_n_f32(x)); 4]
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> F32s {
        // The caller vouches for sixteen f32; the load needs no more than their alignment.
        quarters!(q => vld1q_f32(from.add(4 * q)))
    }
    #[inline(always)]
    unsafe fn load_bytes(self, from: *const u8) -> F32s {
        // SAFETY: the caller vouches for sixteen bytes.
        let bytes = unsafe { vld1q_u8(from) };
        let [low, high] = op!([vmovl_u8(vget_low_u8(bytes)), vmovl_high_u8(bytes)]);
        let words = op!([
            vmovl_u16(vget_low_u16(low)),
            vmovl_high_u16(low),
            vmovl_u16(vget_low_u16(high)),
            vmovl_high_u16(high)
        ]);
        quarters!(q => vcvtq_f32_u32(words[q]))
    }
    #[inline(always)]
    unsafe fn load_partial(self, from: *const f32, lanes: usize, rest: F32s) -> F32s {
        let mut all = self.to_array(rest);
        // SAFETY: the caller vouches for `lanes` f32, at most the sixteen of the array.
        unsafe {
            from.copy_to_nonoverlapping(all.as_mut_ptr(), lanes);
            self.load(all.as_ptr())
        }
    }
    #[inline(always)]
    fn prefetch(self, from: *const u8) {
        // SAFETY: a prefetch of any address is allowed, and changes nothing but time.
        unsafe { asm!("prfm pldl1keep, [{}]", in(reg) from, options(readonly, nostack, preserves_flags)) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, x: F32s) {
        // The caller vouches for sixteen f32; the store needs no more than their alignment.
        quarters!(q => vst1q_f32(to.add(4 * q), x[q]));
    }
    #[inline(always)]
    unsafe fn store_partial(self, to: *mut f32, x: F32s, lanes: usize) {
        // SAFETY: the caller vouches for `lanes` f32, at most the sixteen of the array.
        unsafe { to.copy_from_nonoverlapping(self.to_array(x).as_ptr(), lanes) }
    }
    #[inline(always)]
    fn add(self, a: F32s, b: F32s) -> F32s {
        quarters!(q => vaddq_f32(a[q], b[q]))
    }
    #[inline(always)]
    fn sub(self, a: F32s, b: F32s) -> F32s {
        quarters!(q => vsubq_f32(a[q], b[q]))
    }
    #[inline(always)]
    fn mul(self, a: F32s, b: F32s) -> F32s {
        quarters!(q => vmulq_f32(a[q], b[q]))
    }
    #[inline(always)]
    fn div(self, a: F32s, b: F32s) -> F32s {
        quarters!(q => vdivq_f32(a[q], b[q]))
    }
    #[inline(always)]
    fn sqrt(self, a: F32s) -> F32s {
        quarters!(q => vsqrtq_f32(a[q]))
    }
    #[inline(always)]
    fn mul_add(self, a: F32s, b: F32s, c: F32s) -> F32s {
        quarters!(q => vfmaq_f32(c[q], a[q], b[q]))
    }
    #[inline(always)]
    fn max(self, a: F32s, b: F32s) -> F32s {
        self.select_gt(a, b, a, b) // the instruction of that name gives a NaN for one in `a` too
    }
    #[inline(always)]
    fn min(self, a: F32s, b: F32s) -> F32s {
        self.select_gt(b, a, a, b)
    }
    #[inline(always)]
    fn select_gt(self, x: F32s, y: F32s, a: F32s, b: F32s) -> F32s {
        quarters!(q => vbslq_f32(vcgtq_f32(x[q], y[q]), a[q], b[q]))
    }
    #[inline(always)]
    fn abs(self, a: F32s) -> F32s {
        quarters!(q => vabsq_f32(a[q]))
    }
    #[inline(always)]
    fn copysign(self, a: F32s, sign: F32s) -> F32s {
        quarters!(q => vbslq_f32(vdupq_n_u32(1 << 31), sign[q], a[q]))
    }
    #[inline(always)]
    fn or(self, a: F32s, b: F32s) -> F32s {
        let bits = quarters!(q => vorrq_u32(vreinterpretq_u32_f32(a[q]), vreinterpretq_u32_f32(b[q])));
        quarters!(q => vreinterpretq_f32_u32(bits[q]))
    }
    #[inline(always)]
    fn nonzero(self, a: F32s) -> u32 {
        const BITS: [u32; LANES] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768];
        let set = quarters!(q => {
            let set = vtstq_u32(vreinterpretq_u32_f32(a[q]), vdupq_n_u32(!(1 << 31)));
            vandq_u32(set, vld1q_u32(BITS[4 * q..].as_ptr()))
        });
        op!(vaddvq_u32(vorrq_u32(vorrq_u32(set[0], set[1]), vorrq_u32(set[2], set[3]))))
    }
    #[inline(always)]
    fn zip(self, a: F32s, b: F32s) -> (F32s, F32s) {
        let pairs = quarters!(q => [vzip1q_f32(a[q], b[q]), vzip2q_f32(a[q], b[q])]);
        let [[p, q], [r, s], [t, u], [v, w]] = pairs;
        ([p, q, r, s], [t, u, v, w])
    }
    #[inline(always)]
    fn round(self, a: F32s) -> F32s {
        quarters!(q => vrndnq_f32(a[q]))
    }
    #[inline(always)]
    fn scale(self, a: F32s, n: F32s) -> F32s {
        // Two factors, since 2^n alone may be no normal f32; the first product is exact.
        quarters!(q => {
            let power = |n| vreinterpretq_f32_s32(vshlq_n_s32::<23>(vaddq_s32(n, vdupq_n_s32(127))));
            let n = vcvtq_s32_f32(n[q]);
            let low = vshrq_n_s32::<1>(n);
            vmulq_f32(vmulq_f32(a[q], power(low)), power(vsubq_s32(n, low)))
        })
    }
    #[inline(always)]
    fn split_exponent(self, a: F32s) -> (F32s, F32s) {
        let bits = quarters!(q => vreinterpretq_s32_f32(a[q]));
        let e = quarters!(q => vshrq_n_s32::<23>(vsubq_s32(bits[q], vdupq_n_s32(SQRT_HALF_BITS))));
        let m = quarters!(q => vreinterpretq_f32_s32(vsubq_s32(bits[q], vshlq_n_s32::<23>(e[q]))));
        (m, quarters!(q => vcvtq_f32_s32(e[q])))
    }
    #[inline(always)]
    fn uniform(self, first: u32, [a, b]: [u32; 2]) -> F32s {
        const LANE: [u32; 4] = [0, 1, 2, 3];
        quarters!(q => {
            let x = vaddq_u32(vdupq_n_u32(first.wrapping_add(4 * q)), vld1q_u32(LANE.as_ptr()));
            let x = veorq_u32(vmulq_n_u32(x, MIX[0]), vdupq_n_u32(a));
            let x = vmulq_n_u32(veorq_u32(x, vshrq_n_u32::<16>(x)), MIX[1]);
            let x = veorq_u32(veorq_u32(x, vshrq_n_u32::<15>(x)), vdupq_n_u32(b));
            let x = vmulq_n_u32(x, MIX[2]);
            let x = vshrq_n_u32::<8>(veorq_u32(x, vshrq_n_u32::<15>(x)));
            vmulq_n_f32(vcvtq_f32_u32(x), 1.0 / (1 << 24) as f32)
        })
    }
    #[inline(always)]
    fn to_array(self, a: F32s) -> [f32; LANES] {
        let mut lanes = [0.0; LANES];
        // SAFETY: the array has sixteen f32.
        unsafe { self.store(lanes.as_mut_ptr(), a) }
        lanes
    }
    #[inline(always)]
    fn sum_lanes(self, a: F32s) -> f32 {
        tree!(a, |x, y| vaddq_f32(x, y))
    }
    #[inline(always)]
    fn max_lanes(self, a: F32s) -> f32 {
        tree!(a, |x, y| vbslq_f32(vcgtq_f32(x, y), x, y))
    }
}
