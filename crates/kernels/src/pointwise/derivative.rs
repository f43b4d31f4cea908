//! sigma'(t), from z = sigma(t); each quotes what it differentiates.

use super::value::{SELU_DEPTH, SELU_SCALE};
use crate::function;
use crate::isa::Simd;

/// z = t; dz/dt = 1
#[inline(always)]
pub(crate) fn identity<S: Simd>(simd: S, []: [S::F32s; 0], _: S::F32s) -> S::F32s {
    simd.splat(1.0)
}

/// z = 1 / (1 + e^{-t}); dz/dt = z (1 - z)
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s) -> S::F32s {
    simd.mul(z, simd.sub(simd.splat(1.0), z))
}

/// z = tanh(t); dz/dt = 1 - z^2 = (1 - z) (1 + z)
#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s) -> S::F32s {
    let one = simd.splat(1.0);
    simd.mul(simd.sub(one, z), simd.add(one, z))
}

/// z = max(0, t); dz/dt = 1 where z > 0
#[inline(always)]
pub(crate) fn relu<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s) -> S::F32s {
    let zero = simd.splat(0.0);
    simd.select_gt(z, zero, simd.splat(1.0), zero)
}

/// z = min(max(0, t + 3), 6) / 6; dz/dt = 1/6 where 0 < z < 1
#[inline(always)]
pub(crate) fn hardsigmoid<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s) -> S::F32s {
    between(simd, simd.splat(0.0), simd.splat(1.0), z, simd.splat(1.0 / 6.0))
}

/// z = -ln(1 + e^{-t}); dz/dt = 1 - e^z
#[inline(always)]
pub(crate) fn logsigmoid<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s) -> S::F32s {
    simd.sub(simd.splat(0.0), function::expm1(simd, z))
}

/// z = min(max(-1, t), 1); dz/dt = 1 where -1 < z < 1
#[inline(always)]
pub(crate) fn hardtanh<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s) -> S::F32s {
    between(simd, simd.splat(-1.0), simd.splat(1.0), z, simd.splat(1.0))
}

/// z = min(max(0, t), 6); dz/dt = 1 where 0 < z < 6
#[inline(always)]
pub(crate) fn relu6<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s) -> S::F32s {
    between(simd, simd.splat(0.0), simd.splat(6.0), z, simd.splat(1.0))
}

/// z = t where t > 0, else a t, which has the sign of t; dz/dt = 1, else a
#[inline(always)]
pub(crate) fn leakyrelu<S: Simd>(simd: S, [a]: [S::F32s; 1], z: S::F32s) -> S::F32s {
    simd.select_gt(z, simd.splat(0.0), simd.splat(1.0), a)
}

/// z = t where t > 0, else a (e^t - 1); dz/dt = 1, else a e^t = z + a
#[inline(always)]
pub(crate) fn elu<S: Simd>(simd: S, [a]: [S::F32s; 1], z: S::F32s) -> S::F32s {
    simd.select_gt(z, simd.splat(0.0), simd.splat(1.0), simd.add(z, a))
}

/// z = t where t > 0, else a (e^{t/a} - 1); dz/dt = 1, else e^{t/a} = (z + a) / a
#[inline(always)]
pub(crate) fn celu<S: Simd>(simd: S, [a]: [S::F32s; 1], z: S::F32s) -> S::F32s {
    simd.select_gt(z, simd.splat(0.0), simd.splat(1.0), simd.div(simd.add(z, a), a))
}

/// z = 1.0507 t where t > 0, else 1.7581 (e^t - 1); dz/dt = 1.0507, else z + 1.7581
#[inline(always)]
pub(crate) fn selu<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s) -> S::F32s {
    simd.select_gt(z, simd.splat(0.0), simd.splat(SELU_SCALE), simd.add(z, simd.splat(SELU_DEPTH)))
}

/// z = ln(1 + e^t); dz/dt = e^t / (1 + e^t) = 1 - e^{-z}
#[inline(always)]
pub(crate) fn softplus<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s) -> S::F32s {
    let zero = simd.splat(0.0);
    simd.sub(zero, function::expm1(simd, simd.sub(zero, z)))
}

/// z = t / (1 + |t|); dz/dt = 1 / (1 + |t|)^2 = (1 - |z|)^2
#[inline(always)]
pub(crate) fn softsign<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s) -> S::F32s {
    let root = simd.sub(simd.splat(1.0), simd.abs(z));
    simd.mul(root, root)
}

/// z = t -+ lambda outside of -lambda..=lambda, else 0; dz/dt = 1, else 0
#[inline(always)]
pub(crate) fn softshrink<S: Simd>(simd: S, [_]: [S::F32s; 1], z: S::F32s) -> S::F32s {
    relu(simd, [], simd.abs(z))
}

/// z = t outside of -lambda..=lambda, else 0; dz/dt = 1, else 0
#[inline(always)]
pub(crate) fn hardshrink<S: Simd>(simd: S, [_]: [S::F32s; 1], z: S::F32s) -> S::F32s {
    relu(simd, [], simd.abs(z))
}

/// z = t where t > theta, else 0; dz/dt = 1, else 0
#[inline(always)]
pub(crate) fn trelu<S: Simd>(simd: S, [_]: [S::F32s; 1], z: S::F32s) -> S::F32s {
    relu(simd, [], z)
}

/// dz/dt itself, which the way forward has stored in the place of z.
#[inline(always)]
pub(crate) fn stored<S: Simd>(_: S, []: [S::F32s; 0], slope: S::F32s) -> S::F32s {
    slope
}

/// `slope` where least < z < most, else 0.
#[inline(always)]
fn between<S: Simd>(simd: S, least: S::F32s, most: S::F32s, z: S::F32s, slope: S::F32s) -> S::F32s {
    let zero = simd.splat(0.0);
    simd.select_gt(z, least, simd.select_gt(most, z, slope, zero), zero)
}
