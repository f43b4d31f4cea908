//! Slices as sixteen lanes: the loads and stores of every kernel that works on slices.

use crate::isa::{LANES, Simd};

/// Sixteen of `values`, from `at` on.
///
/// # Panics
/// If there are fewer.
#[inline(always)]
pub(crate) fn load<S: Simd>(simd: S, values: &[f32], at: usize) -> S::F32s {
    let lanes = &values[at..at + LANES];
    // SAFETY: `lanes` has sixteen values.
    unsafe { simd.load(lanes.as_ptr()) }
}

/// The first of `values`, at most sixteen, and the lanes of `rest` behind them.
#[inline(always)]
pub(crate) fn load_or<S: Simd>(simd: S, values: &[f32], rest: S::F32s) -> S::F32s {
    // SAFETY: `values` has that many values.
    unsafe { simd.load_partial(values.as_ptr(), values.len().min(LANES), rest) }
}

/// The first of `values`, at most sixteen, and zeros behind them.
#[inline(always)]
pub(crate) fn load_or_zero<S: Simd>(simd: S, values: &[f32]) -> S::F32s {
    load_or(simd, values, simd.splat(0.0))
}

/// Replaces sixteen values of `to`, from `at` on.
///
/// # Panics
/// If there are fewer.
#[inline(always)]
pub(crate) fn store<S: Simd>(simd: S, to: &mut [f32], at: usize, new: S::F32s) {
    let lanes = &mut to[at..at + LANES];
    // SAFETY: `lanes` has sixteen values.
    unsafe { simd.store(lanes.as_mut_ptr(), new) }
}

/// Replaces the first values of `to`, at most sixteen.
#[inline(always)]
pub(crate) fn store_some<S: Simd>(simd: S, to: &mut [f32], new: S::F32s) {
    // SAFETY: `to` has that many values.
    unsafe { simd.store_partial(to.as_mut_ptr(), new, to.len().min(LANES)) }
}

/// 1 in the first `count` lanes, 0 in the others.
#[inline(always)]
pub(crate) fn ones<S: Simd>(simd: S, count: usize) -> S::F32s {
    const ONES: [f32; LANES] = [1.0; LANES];
    load_or_zero(simd, &ONES[..count.min(LANES)])
}

/// 1 in lane `lane`, where there is one, 0 in the others.
#[inline(always)]
pub(crate) fn onehot<S: Simd>(simd: S, lane: usize) -> S::F32s {
    const ONE: [f32; 2 * LANES] = {
        let mut one = [0.0; 2 * LANES];
        one[LANES] = 1.0;
        one
    };
    load(simd, &ONE, LANES - lane.min(LANES))
}
