//! Activations whose slope is a function of z = sigma(t): both next to each other, and the slope quotes what it differentiates.

use super::Function;
use crate::function::{self, exp, expm1, ln_1p};
use crate::isa::Simd;

/// The slope of selu above 0.
const SELU_SCALE: f32 = 1.050_701;
/// Minus the limit of selu at -infinity.
const SELU_DEPTH: f32 = 1.758_099_3;

pub(crate) struct Identity;

impl Function<0> for Identity {
    const BOUND: [f64; 2] = [0.0, 0.0];

    /// z = t
    #[inline(always)]
    fn value<S: Simd>(_: S, []: [S::F32s; 0], t: S::F32s) -> S::F32s {
        t
    }

    /// z = t; dz/dt = 1
    #[inline(always)]
    fn slope<S: Simd>(simd: S, []: [S::F32s; 0], _: S::F32s) -> S::F32s {
        simd.splat(1.0)
    }
}

pub(crate) struct Sigmoid;

impl Function<0> for Sigmoid {
    const BOUND: [f64; 2] = [2.5, 0.0];

    /// z = 1 / (1 + e^{-t})
    #[inline(always)]
    fn value<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> S::F32s {
        function::sigmoid(simd, t)
    }

    /// z = 1 / (1 + e^{-t}); dz/dt = z (1 - z)
    #[inline(always)]
    fn slope<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s) -> S::F32s {
        simd.mul(z, simd.sub(simd.splat(1.0), z))
    }
}

pub(crate) struct Tanh;

impl Function<0> for Tanh {
    const BOUND: [f64; 2] = [2.0, 0.0];

    /// z = tanh(t)
    #[inline(always)]
    fn value<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> S::F32s {
        function::tanh(simd, t)
    }

    /// z = tanh(t); dz/dt = 1 - z^2 = (1 - z) (1 + z)
    #[inline(always)]
    fn slope<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s) -> S::F32s {
        let one = simd.splat(1.0);
        simd.mul(simd.sub(one, z), simd.add(one, z))
    }
}

pub(crate) struct Relu;

impl Function<0> for Relu {
    const BOUND: [f64; 2] = [0.0, 0.0];

    /// z = max(0, t)
    #[inline(always)]
    fn value<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> S::F32s {
        simd.max(simd.splat(0.0), t) // in this order a NaN comes through
    }

    /// z = max(0, t); dz/dt = 1 where z > 0
    #[inline(always)]
    fn slope<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s) -> S::F32s {
        let zero = simd.splat(0.0);
        simd.select_gt(z, zero, simd.splat(1.0), zero)
    }
}

pub(crate) struct HardSigmoid;

impl Function<0> for HardSigmoid {
    const BOUND: [f64; 2] = [2.0, 0.0];

    /// z = min(max(0, t + 3), 6) / 6
    #[inline(always)]
    fn value<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> S::F32s {
        let six = simd.splat(6.0);
        simd.div(clamp(simd, simd.splat(0.0), six, simd.add(t, simd.splat(3.0))), six)
    }

    /// z = min(max(0, t + 3), 6) / 6; dz/dt = 1/6 where 0 < z < 1
    #[inline(always)]
    fn slope<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s) -> S::F32s {
        between(simd, simd.splat(0.0), simd.splat(1.0), z, simd.splat(1.0 / 6.0))
    }
}

pub(crate) struct LogSigmoid;

impl Function<0> for LogSigmoid {
    const BOUND: [f64; 2] = [2.5, 0.0];

    /// -ln(1 + e^{-t}) = min(0, t) - ln(1 + e^{-|t|})
    #[inline(always)]
    fn value<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> S::F32s {
        simd.sub(simd.min(simd.splat(0.0), t), ln_1p_decay(simd, t))
    }

    /// z = -ln(1 + e^{-t}); dz/dt = 1 - e^z
    #[inline(always)]
    fn slope<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s) -> S::F32s {
        simd.sub(simd.splat(0.0), expm1(simd, z))
    }
}

pub(crate) struct HardTanh;

impl Function<0> for HardTanh {
    const BOUND: [f64; 2] = [0.0, 0.0];

    /// z = min(max(-1, t), 1)
    #[inline(always)]
    fn value<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> S::F32s {
        clamp(simd, simd.splat(-1.0), simd.splat(1.0), t)
    }

    /// z = min(max(-1, t), 1); dz/dt = 1 where -1 < z < 1
    #[inline(always)]
    fn slope<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s) -> S::F32s {
        between(simd, simd.splat(-1.0), simd.splat(1.0), z, simd.splat(1.0))
    }
}

pub(crate) struct Relu6;

impl Function<0> for Relu6 {
    const BOUND: [f64; 2] = [0.0, 0.0];

    /// z = min(max(0, t), 6)
    #[inline(always)]
    fn value<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> S::F32s {
        clamp(simd, simd.splat(0.0), simd.splat(6.0), t)
    }

    /// z = min(max(0, t), 6); dz/dt = 1 where 0 < z < 6
    #[inline(always)]
    fn slope<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s) -> S::F32s {
        between(simd, simd.splat(0.0), simd.splat(6.0), z, simd.splat(1.0))
    }
}

pub(crate) struct LeakyRelu;

impl Function<1> for LeakyRelu {
    const BOUND: [f64; 2] = [0.5, 0.0];

    /// z = t where t > 0, else a t, which has the sign of t
    #[inline(always)]
    fn value<S: Simd>(simd: S, [a]: [S::F32s; 1], t: S::F32s) -> S::F32s {
        simd.select_gt(t, simd.splat(0.0), t, simd.mul(a, t))
    }

    /// z = t where t > 0, else a t, which has the sign of t; dz/dt = 1, else a
    #[inline(always)]
    fn slope<S: Simd>(simd: S, [a]: [S::F32s; 1], z: S::F32s) -> S::F32s {
        simd.select_gt(z, simd.splat(0.0), simd.splat(1.0), a)
    }
}

pub(crate) struct Elu;

impl Function<1> for Elu {
    const BOUND: [f64; 2] = [2.5, 0.0];

    /// z = t where t > 0, else a (e^t - 1)
    #[inline(always)]
    fn value<S: Simd>(simd: S, [a]: [S::F32s; 1], t: S::F32s) -> S::F32s {
        simd.select_gt(t, simd.splat(0.0), t, simd.mul(a, expm1(simd, t)))
    }

    /// z = t where t > 0, else a (e^t - 1); dz/dt = 1, else a e^t = z + a
    #[inline(always)]
    fn slope<S: Simd>(simd: S, [a]: [S::F32s; 1], z: S::F32s) -> S::F32s {
        simd.select_gt(z, simd.splat(0.0), simd.splat(1.0), simd.add(z, a))
    }
}

pub(crate) struct Celu;

impl Function<1> for Celu {
    const BOUND: [f64; 2] = [2.5, 0.0];

    /// z = t where t > 0, else a (e^{t/a} - 1)
    #[inline(always)]
    fn value<S: Simd>(simd: S, [a]: [S::F32s; 1], t: S::F32s) -> S::F32s {
        simd.select_gt(t, simd.splat(0.0), t, simd.mul(a, expm1(simd, simd.div(t, a))))
    }

    /// z = t where t > 0, else a (e^{t/a} - 1); dz/dt = 1, else e^{t/a} = (z + a) / a
    #[inline(always)]
    fn slope<S: Simd>(simd: S, [a]: [S::F32s; 1], z: S::F32s) -> S::F32s {
        simd.select_gt(z, simd.splat(0.0), simd.splat(1.0), simd.div(simd.add(z, a), a))
    }
}

pub(crate) struct Selu;

impl Function<0> for Selu {
    const BOUND: [f64; 2] = [2.5, 0.0];

    /// z = 1.0507 t where t > 0, else 1.7581 (e^t - 1)
    #[inline(always)]
    fn value<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> S::F32s {
        let below = simd.mul(simd.splat(SELU_DEPTH), expm1(simd, t));
        simd.select_gt(t, simd.splat(0.0), simd.mul(simd.splat(SELU_SCALE), t), below)
    }

    /// z = 1.0507 t where t > 0, else 1.7581 (e^t - 1); dz/dt = 1.0507, else z + 1.7581
    #[inline(always)]
    fn slope<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s) -> S::F32s {
        simd.select_gt(z, simd.splat(0.0), simd.splat(SELU_SCALE), simd.add(z, simd.splat(SELU_DEPTH)))
    }
}

pub(crate) struct Softplus;

impl Function<0> for Softplus {
    const BOUND: [f64; 2] = [2.5, 0.0];

    /// ln(1 + e^t) = max(0, t) + ln(1 + e^{-|t|})
    #[inline(always)]
    fn value<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> S::F32s {
        simd.add(simd.max(simd.splat(0.0), t), ln_1p_decay(simd, t))
    }

    /// z = ln(1 + e^t); dz/dt = e^t / (1 + e^t) = 1 - e^{-z}
    #[inline(always)]
    fn slope<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s) -> S::F32s {
        let zero = simd.splat(0.0);
        simd.sub(zero, expm1(simd, simd.sub(zero, z)))
    }
}

pub(crate) struct Softsign;

impl Function<0> for Softsign {
    const BOUND: [f64; 2] = [2.0, 0.0];

    /// z = t / (1 + |t|)
    #[inline(always)]
    fn value<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> S::F32s {
        let t = clamp(simd, simd.splat(f32::MIN), simd.splat(f32::MAX), t); // infinity / infinity is not a number
        simd.div(t, simd.add(simd.splat(1.0), simd.abs(t)))
    }

    /// z = t / (1 + |t|); dz/dt = 1 / (1 + |t|)^2 = (1 - |z|)^2
    #[inline(always)]
    fn slope<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s) -> S::F32s {
        let root = simd.sub(simd.splat(1.0), simd.abs(z));
        simd.mul(root, root)
    }
}

pub(crate) struct SoftShrink;

impl Function<1> for SoftShrink {
    const BOUND: [f64; 2] = [0.5, 0.0];

    /// t less the nearest number of -lambda..=lambda
    #[inline(always)]
    fn value<S: Simd>(simd: S, [lambda]: [S::F32s; 1], t: S::F32s) -> S::F32s {
        simd.sub(t, clamp(simd, simd.sub(simd.splat(0.0), lambda), lambda, t))
    }

    /// z = t -+ lambda outside of -lambda..=lambda, else 0; dz/dt = 1, else 0
    #[inline(always)]
    fn slope<S: Simd>(simd: S, [_]: [S::F32s; 1], z: S::F32s) -> S::F32s {
        Relu::slope(simd, [], simd.abs(z))
    }
}

pub(crate) struct HardShrink;

impl Function<1> for HardShrink {
    const BOUND: [f64; 2] = [0.0, 0.0];

    /// 0, but for a NaN, where |t| is not above lambda.
    #[inline(always)]
    fn value<S: Simd>(simd: S, [lambda]: [S::F32s; 1], t: S::F32s) -> S::F32s {
        let zero = simd.splat(0.0);
        simd.select_gt(simd.abs(t), lambda, t, clamp(simd, zero, zero, t))
    }

    /// z = t outside of -lambda..=lambda, else 0; dz/dt = 1, else 0
    #[inline(always)]
    fn slope<S: Simd>(simd: S, [_]: [S::F32s; 1], z: S::F32s) -> S::F32s {
        Relu::slope(simd, [], simd.abs(z))
    }
}

pub(crate) struct Trelu;

impl Function<1> for Trelu {
    const BOUND: [f64; 2] = [0.0, 0.0];

    /// z = t where t > theta, else 0
    #[inline(always)]
    fn value<S: Simd>(simd: S, [theta]: [S::F32s; 1], t: S::F32s) -> S::F32s {
        let zero = simd.splat(0.0);
        simd.select_gt(t, theta, t, clamp(simd, zero, zero, t)) // 0, but for a NaN
    }

    /// z = t where t > theta, else 0; dz/dt = 1, else 0
    #[inline(always)]
    fn slope<S: Simd>(simd: S, [_]: [S::F32s; 1], z: S::F32s) -> S::F32s {
        Relu::slope(simd, [], z)
    }
}

/// The number of `least`..=`most` nearest to t; a NaN comes through.
#[inline(always)]
pub(super) fn clamp<S: Simd>(simd: S, least: S::F32s, most: S::F32s, t: S::F32s) -> S::F32s {
    simd.min(most, simd.max(least, t))
}

/// ln(1 + e^{-|t|})
#[inline(always)]
fn ln_1p_decay<S: Simd>(simd: S, t: S::F32s) -> S::F32s {
    ln_1p(simd, exp(simd, simd.sub(simd.splat(0.0), simd.abs(t))))
}

/// `slope` where least < z < most, else 0.
#[inline(always)]
fn between<S: Simd>(simd: S, least: S::F32s, most: S::F32s, z: S::F32s, slope: S::F32s) -> S::F32s {
    let zero = simd.splat(0.0);
    simd.select_gt(z, least, simd.select_gt(most, z, slope, zero), zero)
}
