//! AVX-512: sixteen lanes are one register.

use std::arch::x86_64::*;

use super::scalar::{MIX, SQRT_HALF_BITS};
use super::{Kernel, LANES, Simd};
use crate::gemm::TiledProduct;

/// Defines [`detected`], which asks for each of the features, and [`with_features`], which compiles a function with all of
/// them: one list, so that nothing is enabled that was not looked for.
macro_rules! features {
    ($($feature:tt)*) => {
        /// Whether the processor has all of them.
        fn detected() -> bool {
            $(is_x86_feature_detected!($feature))&&*
        }

        /// Compiles a function with all of them.
        macro_rules! with_features {
            ($item:item) => {
                $(#[target_feature(enable = $feature)])*
                $item
            };
        }
    };
}
features!("avx512f" "avx512dq" "avx512bw" "avx512vl" "fma" "popcnt" "bmi1" "bmi2" "lzcnt");

/// Proof that the processor has what [`with_features`] enables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// The proof, if it can be had.
    pub(crate) fn detect() -> Option<Self> {
        detected().then_some(Self(()))
    }

    /// Runs `kernel` compiled for AVX-512.
    #[inline(always)]
    pub(super) fn run(self, kernel: impl Kernel) {
        with_features! {
            fn compiled(kernel: impl Kernel, simd: Avx512) {
                kernel.run(simd);
            }
        }
        // SAFETY: `self` exists only where `detect` found these features.
        unsafe { compiled(kernel, self) }
    }
}

/// A mask of the first `lanes` lanes.
#[inline(always)]
fn first(lanes: usize) -> __mmask16 {
    ((1_u32 << lanes) - 1) as __mmask16
}

/// One intrinsic that neither reads nor writes memory.
macro_rules! op {
    ($call:expr) => {
        // SAFETY: the token in scope proves that the processor has the instruction.
        unsafe { $call }
    };
}

/// The lanes as one tree of an operation on eight lanes and on four.
macro_rules! tree {
    ($a:expr, $eight:ident, $four:ident) => {
        op!({
            let halves = [_mm512_castps512_ps256($a), _mm512_extractf32x8_ps::<1>($a)];
            super::avx2::tree!(halves, $eight, $four)
        })
    };
}

impl Simd for Avx512 {
    type F32s = __m512;

    #[inline(always)]
    fn product<P: TiledProduct>(self, product: P) {
        product.run::<Self, 8, 14, 2>(self);
    }
    #[inline(always)]
    fn run_apart(self, kernel: impl Kernel) {
        with_features! {
            #[inline(never)]
            fn apart(kernel: impl Kernel, simd: Avx512) {
                kernel.run(simd);
            }
        }
        // SAFETY: `self` exists only where `detect` found these features.
        unsafe { apart(kernel, self) }
    }
    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        op!(_mm512_set1_ps(x))
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m512 {
        // SAFETY: the caller vouches for sixteen f32; the load needs no alignment.
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_bytes(self, from: *const u8) -> __m512 {
        // SAFETY: the caller vouches for sixteen bytes; the load needs no alignment.
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(from.cast()))) }
    }
    #[inline(always)]
    unsafe fn load_partial(self, from: *const f32, lanes: usize, rest: __m512) -> __m512 {
        // SAFETY: the caller vouches for `lanes` f32; lanes outside the mask are not touched.
        unsafe { _mm512_mask_loadu_ps(rest, first(lanes), from) }
    }
    #[inline(always)]
    fn prefetch(self, from: *const u8) {
        // SAFETY: the token proves SSE; a prefetch of any address is allowed.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, x: __m512) {
        // SAFETY: the caller vouches for sixteen f32; the store needs no alignment.
        unsafe { _mm512_storeu_ps(to, x) }
    }
    #[inline(always)]
    unsafe fn store_partial(self, to: *mut f32, x: __m512, lanes: usize) {
        // SAFETY: the caller vouches for `lanes` f32; lanes outside the mask are not touched.
        unsafe { _mm512_mask_storeu_ps(to, first(lanes), x) }
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_mul_ps(a, b))
    }
    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_div_ps(a, b))
    }
    #[inline(always)]
    fn sqrt(self, a: __m512) -> __m512 {
        op!(_mm512_sqrt_ps(a))
    }
    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        op!(_mm512_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_max_ps(a, b))
    }
    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_min_ps(a, b))
    }
    #[inline(always)]
    fn select_gt(self, x: __m512, y: __m512, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(x, y), b, a))
    }
    #[inline(always)]
    fn abs(self, a: __m512) -> __m512 {
        op!(_mm512_abs_ps(a))
    }
    #[inline(always)]
    fn copysign(self, a: __m512, sign: __m512) -> __m512 {
        op!(_mm512_or_ps(_mm512_abs_ps(a), _mm512_and_ps(sign, _mm512_set1_ps(-0.0))))
    }
    #[inline(always)]
    fn or(self, a: __m512, b: __m512) -> __m512 {
        op!(_mm512_or_ps(a, b))
    }
    #[inline(always)]
    fn nonzero(self, a: __m512) -> u32 {
        op!(_mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(a, _mm512_setzero_ps())).into()
    }
    #[inline(always)]
    unsafe fn store_places(self, mask: u32, first: u32, to: *mut u32) -> usize {
        // SAFETY: the caller vouches for sixteen values.
        unsafe {
            let places = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            let places = _mm512_add_epi32(places, _mm512_set1_epi32(first as i32));
            _mm512_storeu_si512(to.cast(), _mm512_maskz_compress_epi32(mask as __mmask16, places));
        }
        mask.count_ones() as usize
    }
    #[inline(always)]
    fn zip(self, a: __m512, b: __m512) -> (__m512, __m512) {
        op!({
            let first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            let second = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
            (_mm512_permutex2var_ps(a, first, b), _mm512_permutex2var_ps(a, second, b))
        })
    }
    #[inline(always)]
    fn round(self, a: __m512) -> __m512 {
        op!(_mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a))
    }
    #[inline(always)]
    fn scale(self, a: __m512, n: __m512) -> __m512 {
        op!(_mm512_scalef_ps(a, n))
    }
    #[inline(always)]
    fn split_exponent(self, a: __m512) -> (__m512, __m512) {
        op!({
            let bits = _mm512_castps_si512(a);
            let e = _mm512_srai_epi32::<23>(_mm512_sub_epi32(bits, _mm512_set1_epi32(SQRT_HALF_BITS)));
            let m = _mm512_castsi512_ps(_mm512_sub_epi32(bits, _mm512_slli_epi32::<23>(e)));
            (m, _mm512_cvtepi32_ps(e))
        })
    }
    #[inline(always)]
    fn uniform(self, first: u32, [a, b]: [u32; 2]) -> __m512 {
        op!({
            let splat = |x: u32| _mm512_set1_epi32(x as i32);
            let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            let x = _mm512_mullo_epi32(_mm512_add_epi32(splat(first), lanes), splat(MIX[0]));
            let x = _mm512_xor_si512(x, splat(a));
            let x = _mm512_mullo_epi32(_mm512_xor_si512(x, _mm512_srli_epi32::<16>(x)), splat(MIX[1]));
            let x = _mm512_xor_si512(_mm512_xor_si512(x, _mm512_srli_epi32::<15>(x)), splat(b));
            let x = _mm512_mullo_epi32(x, splat(MIX[2]));
            let x = _mm512_srli_epi32::<8>(_mm512_xor_si512(x, _mm512_srli_epi32::<15>(x)));
            _mm512_mul_ps(_mm512_cvtepi32_ps(x), _mm512_set1_ps(1.0 / (1 << 24) as f32))
        })
    }
    #[inline(always)]
    fn to_array(self, a: __m512) -> [f32; LANES] {
        let mut lanes = [0.0; LANES];
        // SAFETY: the array has sixteen f32.
        unsafe { self.store(lanes.as_mut_ptr(), a) }
        lanes
    }
    #[inline(always)]
    fn sum_lanes(self, a: __m512) -> f32 {
        tree!(a, _mm256_add_ps, _mm_add_ps)
    }
    #[inline(always)]
    fn max_lanes(self, a: __m512) -> f32 {
        tree!(a, _mm256_max_ps, _mm_max_ps)
    }
}
