//! sigma(t).

use super::both;
use crate::function;
use crate::isa::Simd;

#[inline(always)]
pub(crate) fn identity<S: Simd>(_: S, []: [S::F32s; 0], t: S::F32s) -> S::F32s {
    t
}

#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> S::F32s {
    function::sigmoid(simd, t)
}

#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> S::F32s {
    function::tanh(simd, t)
}

#[inline(always)]
pub(crate) fn relu<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> S::F32s {
    simd.max(simd.splat(0.0), t) // in this order a NaN comes through
}

#[inline(always)]
pub(crate) fn hardsigmoid<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> S::F32s {
    let six = simd.splat(6.0);
    simd.div(clamp(simd, simd.splat(0.0), six, simd.add(t, simd.splat(3.0))), six)
}

/// -ln(1 + e^{-t}) = min(0, t) - ln(1 + e^{-|t|})
#[inline(always)]
pub(crate) fn logsigmoid<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> S::F32s {
    simd.sub(simd.min(simd.splat(0.0), t), ln_1p_decay(simd, t))
}

#[inline(always)]
pub(crate) fn hardtanh<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> S::F32s {
    clamp(simd, simd.splat(-1.0), simd.splat(1.0), t)
}

#[inline(always)]
pub(crate) fn relu6<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> S::F32s {
    clamp(simd, simd.splat(0.0), simd.splat(6.0), t)
}

#[inline(always)]
pub(crate) fn leakyrelu<S: Simd>(simd: S, [a]: [S::F32s; 1], t: S::F32s) -> S::F32s {
    simd.select_gt(t, simd.splat(0.0), t, simd.mul(a, t))
}

#[inline(always)]
pub(crate) fn elu<S: Simd>(simd: S, [a]: [S::F32s; 1], t: S::F32s) -> S::F32s {
    simd.select_gt(t, simd.splat(0.0), t, simd.mul(a, function::expm1(simd, t)))
}

#[inline(always)]
pub(crate) fn celu<S: Simd>(simd: S, [a]: [S::F32s; 1], t: S::F32s) -> S::F32s {
    simd.select_gt(t, simd.splat(0.0), t, simd.mul(a, function::expm1(simd, simd.div(t, a))))
}

/// The slope of selu above 0.
pub(super) const SELU_SCALE: f32 = 1.050_701;
/// Minus the limit of selu at -infinity.
pub(super) const SELU_DEPTH: f32 = 1.758_099_3;

#[inline(always)]
pub(crate) fn selu<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> S::F32s {
    let below = simd.mul(simd.splat(SELU_DEPTH), function::expm1(simd, t));
    simd.select_gt(t, simd.splat(0.0), simd.mul(simd.splat(SELU_SCALE), t), below)
}

/// ln(1 + e^t) = max(0, t) + ln(1 + e^{-|t|})
#[inline(always)]
pub(crate) fn softplus<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> S::F32s {
    simd.add(simd.max(simd.splat(0.0), t), ln_1p_decay(simd, t))
}

#[inline(always)]
pub(crate) fn softsign<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> S::F32s {
    let t = clamp(simd, simd.splat(f32::MIN), simd.splat(f32::MAX), t); // infinity / infinity is not a number
    simd.div(t, simd.add(simd.splat(1.0), simd.abs(t)))
}

/// t less the nearest number of -lambda..=lambda
#[inline(always)]
pub(crate) fn softshrink<S: Simd>(simd: S, [lambda]: [S::F32s; 1], t: S::F32s) -> S::F32s {
    simd.sub(t, clamp(simd, simd.sub(simd.splat(0.0), lambda), lambda, t))
}

/// 0, but for a NaN, where |t| is not above lambda.
#[inline(always)]
pub(crate) fn hardshrink<S: Simd>(simd: S, [lambda]: [S::F32s; 1], t: S::F32s) -> S::F32s {
    let zero = simd.splat(0.0);
    simd.select_gt(simd.abs(t), lambda, t, clamp(simd, zero, zero, t))
}

#[inline(always)]
pub(crate) fn trelu<S: Simd>(simd: S, [theta]: [S::F32s; 1], t: S::F32s) -> S::F32s {
    let zero = simd.splat(0.0);
    simd.select_gt(t, theta, t, clamp(simd, zero, zero, t)) // 0, but for a NaN
}

/// Those whose slopes are stored: the compiler drops the slope that nobody asks for.
macro_rules! first_of_both {
    ($($name:ident)*) => {$(
        #[inline(always)]
        pub(crate) fn $name<S: Simd>(simd: S, numbers: [S::F32s; 0], t: S::F32s) -> S::F32s {
            both::$name(simd, numbers, t).0
        }
    )*};
}
first_of_both!(gelu gelu_tanh swish hardswish mish tanhshrink logcosh lisht);

/// The number of `least`..=`most` nearest to t; a NaN comes through.
#[inline(always)]
pub(super) fn clamp<S: Simd>(simd: S, least: S::F32s, most: S::F32s, t: S::F32s) -> S::F32s {
    simd.min(most, simd.max(least, t))
}

/// ln(1 + e^{-|t|})
#[inline(always)]
fn ln_1p_decay<S: Simd>(simd: S, t: S::F32s) -> S::F32s {
    function::ln_1p(simd, function::exp(simd, simd.sub(simd.splat(0.0), simd.abs(t))))
}
