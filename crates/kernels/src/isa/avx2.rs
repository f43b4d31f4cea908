//! AVX2 and FMA: sixteen lanes are two registers.

use std::arch::x86_64::*;

use super::scalar::{MIX, SQRT_HALF_BITS};
use super::{Kernel, LANES, Simd};
use crate::gemm::TiledProduct;

/// Proof that the processor has AVX2 and FMA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// The proof, if it can be had.
    pub(crate) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }

    /// Runs `kernel` compiled for AVX2 and FMA.
    #[inline(always)]
    pub(super) fn run(self, kernel: impl Kernel) {
        #[target_feature(enable = "avx2,fma")]
        fn compiled(kernel: impl Kernel, simd: Avx2) {
            kernel.run(simd);
        }
        // SAFETY: `self` exists only where `detect` found these features.
        unsafe { compiled(kernel, self) }
    }
}

type F32s = [__m256; 2];

/// One intrinsic on each half; none of them reads or writes memory.
macro_rules! halves {
    ($i:ident => $call:expr) => {
        // SAFETY: the token in scope proves that the processor has the instruction.
        unsafe {
            [
                {
                    let $i = 0;
                    $call
                },
                {
                    let $i = 1;
                    $call
                },
            ]
        }
    };
}

/// Masks of the first `lanes` lanes.
#[inline(always)]
fn first(lanes: usize) -> [__m256i; 2] {
    halves!(h => _mm256_cmpgt_epi32(
        _mm256_set1_epi32(lanes as i32 - 8 * h),
        _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)
    ))
}

/// The lanes of two registers as one tree of an operation on eight lanes and on four; for AVX-512 too.
macro_rules! tree {
    ($halves:expr, $eight:ident, $four:ident) => {{
        let eight = $eight($halves[0], $halves[1]);
        let four = $four(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
        let two = $four(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32($four(two, _mm_shuffle_ps::<1>(two, two)))
    }};
}
pub(super) use tree;

impl Simd for Avx2 {
    type F32s = F32s;

    #[inline(always)]
    fn product<P: TiledProduct>(self, product: P) {
        product.run::<Self, 6, 6, 1>(self);
    }
    #[inline(always)]
    fn run_apart(self, kernel: impl Kernel) {
        #[target_feature(enable = "avx2,fma")]
        #[inline(never)]
        fn apart(kernel: impl Kernel, simd: Avx2) {
            kernel.run(simd);
        }
        // SAFETY: `self` exists only where `detect` found these features.
        unsafe { apart(kernel, self) }
    }
    #[inline(always)]
    fn splat(self, x: f32) -> F32s {
        halves!(_h => _mm256_set1_ps(x))
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> F32s {
        // SAFETY: the caller vouches for sixteen f32; the load needs no alignment.
        unsafe { [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))] }
    }
    #[inline(always)]
    unsafe fn load_bytes(self, from: *const u8) -> F32s {
        // SAFETY: the caller vouches for sixteen bytes; each load reads eight of them, and needs no alignment.
        let bytes = unsafe { [_mm_loadl_epi64(from.cast()), _mm_loadl_epi64(from.add(8).cast())] };
        halves!(h => _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes[h])))
    }
    #[inline(always)]
    unsafe fn load_partial(self, from: *const f32, lanes: usize, rest: F32s) -> F32s {
        let mask = first(lanes);
        // SAFETY: the caller vouches for `lanes` f32; lanes outside the mask are not touched.
        let values = unsafe { [_mm256_maskload_ps(from, mask[0]), _mm256_maskload_ps(from.wrapping_add(8), mask[1])] };
        halves!(h => _mm256_blendv_ps(rest[h], values[h], _mm256_castsi256_ps(mask[h])))
    }
    #[inline(always)]
    fn prefetch(self, from: *const u8) {
        // SAFETY: the token proves SSE; a prefetch of any address is allowed.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, x: F32s) {
        // SAFETY: the caller vouches for sixteen f32; the store needs no alignment.
        unsafe {
            _mm256_storeu_ps(to, x[0]);
            _mm256_storeu_ps(to.add(8), x[1]);
        }
    }
    #[inline(always)]
    unsafe fn store_partial(self, to: *mut f32, x: F32s, lanes: usize) {
        let mask = first(lanes);
        // SAFETY: the caller vouches for `lanes` f32; lanes outside the mask are not touched.
        unsafe {
            _mm256_maskstore_ps(to, mask[0], x[0]);
            _mm256_maskstore_ps(to.wrapping_add(8), mask[1], x[1]);
        }
    }
    #[inline(always)]
    fn add(self, a: F32s, b: F32s) -> F32s {
        halves!(h => _mm256_add_ps(a[h], b[h]))
    }
    #[inline(always)]
    fn sub(self, a: F32s, b: F32s) -> F32s {
        halves!(h => _mm256_sub_ps(a[h], b[h]))
    }
    #[inline(always)]
    fn mul(self, a: F32s, b: F32s) -> F32s {
        halves!(h => _mm256_mul_ps(a[h], b[h]))
    }
    #[inline(always)]
    fn div(self, a: F32s, b: F32s) -> F32s {
        halves!(h => _mm256_div_ps(a[h], b[h]))
    }
    #[inline(always)]
    fn sqrt(self, a: F32s) -> F32s {
        halves!(h => _mm256_sqrt_ps(a[h]))
    }
    #[inline(always)]
    fn mul_add(self, a: F32s, b: F32s, c: F32s) -> F32s {
        halves!(h => _mm256_fmadd_ps(a[h], b[h], c[h]))
    }
    #[inline(always)]
    fn max(self, a: F32s, b: F32s) -> F32s {
        halves!(h => _mm256_max_ps(a[h], b[h]))
    }
    #[inline(always)]
    fn min(self, a: F32s, b: F32s) -> F32s {
        halves!(h => _mm256_min_ps(a[h], b[h]))
    }
    #[inline(always)]
    fn select_gt(self, x: F32s, y: F32s, a: F32s, b: F32s) -> F32s {
        halves!(h => _mm256_blendv_ps(b[h], a[h], _mm256_cmp_ps::<_CMP_GT_OQ>(x[h], y[h])))
    }
    #[inline(always)]
    fn abs(self, a: F32s) -> F32s {
        halves!(h => _mm256_andnot_ps(_mm256_set1_ps(-0.0), a[h]))
    }
    #[inline(always)]
    fn copysign(self, a: F32s, sign: F32s) -> F32s {
        let a = self.abs(a);
        halves!(h => _mm256_or_ps(a[h], _mm256_and_ps(sign[h], _mm256_set1_ps(-0.0))))
    }
    #[inline(always)]
    fn or(self, a: F32s, b: F32s) -> F32s {
        halves!(h => _mm256_or_ps(a[h], b[h]))
    }
    #[inline(always)]
    fn nonzero(self, a: F32s) -> u32 {
        let [low, high] =
            halves!(h => _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NEQ_UQ>(a[h], _mm256_setzero_ps())) as u32);
        low | high << 8
    }
    #[inline(always)]
    fn zip(self, a: F32s, b: F32s) -> (F32s, F32s) {
        let [first, second] = halves!(h => {
            let (low, high) = (_mm256_unpacklo_ps(a[h], b[h]), _mm256_unpackhi_ps(a[h], b[h]));
            [_mm256_permute2f128_ps::<0x20>(low, high), _mm256_permute2f128_ps::<0x31>(low, high)]
        });
        (first, second)
    }
    #[inline(always)]
    fn round(self, a: F32s) -> F32s {
        halves!(h => _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a[h]))
    }
    #[inline(always)]
    fn scale(self, a: F32s, n: F32s) -> F32s {
        // Two factors, since 2^n alone may be no normal f32; the first product is exact.
        halves!(h => {
            let power = |n| _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(n, _mm256_set1_epi32(127))));
            let n = _mm256_cvtps_epi32(n[h]);
            let low = _mm256_srai_epi32::<1>(n);
            _mm256_mul_ps(_mm256_mul_ps(a[h], power(low)), power(_mm256_sub_epi32(n, low)))
        })
    }
    #[inline(always)]
    fn split_exponent(self, a: F32s) -> (F32s, F32s) {
        let e = halves!(h => _mm256_srai_epi32::<23>(
            _mm256_sub_epi32(_mm256_castps_si256(a[h]), _mm256_set1_epi32(SQRT_HALF_BITS))
        ));
        let m = halves!(h => _mm256_castsi256_ps(
            _mm256_sub_epi32(_mm256_castps_si256(a[h]), _mm256_slli_epi32::<23>(e[h]))
        ));
        (m, halves!(h => _mm256_cvtepi32_ps(e[h])))
    }
    #[inline(always)]
    fn uniform(self, first: u32, [a, b]: [u32; 2]) -> F32s {
        halves!(h => {
            let splat = |x: u32| _mm256_set1_epi32(x as i32);
            let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            let x = _mm256_add_epi32(splat(first.wrapping_add(8 * h)), lanes);
            let x = _mm256_xor_si256(_mm256_mullo_epi32(x, splat(MIX[0])), splat(a));
            let x = _mm256_mullo_epi32(_mm256_xor_si256(x, _mm256_srli_epi32::<16>(x)), splat(MIX[1]));
            let x = _mm256_xor_si256(_mm256_xor_si256(x, _mm256_srli_epi32::<15>(x)), splat(b));
            let x = _mm256_mullo_epi32(x, splat(MIX[2]));
            let x = _mm256_srli_epi32::<8>(_mm256_xor_si256(x, _mm256_srli_epi32::<15>(x)));
            _mm256_mul_ps(_mm256_cvtepi32_ps(x), _mm256_set1_ps(1.0 / (1 << 24) as f32))
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
        // SAFETY: the token proves that the processor has these instructions.
        unsafe { tree!(a, _mm256_add_ps, _mm_add_ps) }
    }
    #[inline(always)]
    fn max_lanes(self, a: F32s) -> f32 {
        // SAFETY: the token proves that the processor has these instructions.
        unsafe { tree!(a, _mm256_max_ps, _mm_max_ps) }
    }
}
