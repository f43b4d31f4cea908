//! Activation functions: value and derivative, neighbours, on sixteen lanes.

use crate::function;
use crate::isa::Simd;

crate::choices! {
    /// An activation function sigma, applied component by component.
    pub enum Activation: "activation" {
        /// sigma(t) = t
        Identity = "identity",
        /// sigma(t) = 1 / (1 + e^{-t})
        Sigmoid = "sigmoid",
        /// sigma(t) = (e^t - e^{-t}) / (e^t + e^{-t})
        Tanh = "tanh",
        /// sigma(t) = max(0, t), with derivative 0 at 0
        Relu = "relu",
    }
}

/// sigma(t).
pub(crate) mod value {
    use super::*;

    #[inline(always)]
    pub(crate) fn identity<S: Simd>(_: S, t: S::F32s) -> S::F32s {
        t
    }
    pub(crate) use function::{sigmoid, tanh};
    #[inline(always)]
    pub(crate) fn relu<S: Simd>(simd: S, t: S::F32s) -> S::F32s {
        simd.max(simd.splat(0.0), t) // in this order a NaN comes through
    }
}

/// sigma'(t), from z = sigma(t).
pub(crate) mod derivative {
    use super::*;

    /// z = t; dz/dt = 1
    #[inline(always)]
    pub(crate) fn identity<S: Simd>(simd: S, _: S::F32s) -> S::F32s {
        simd.splat(1.0)
    }
    /// z = 1 / (1 + e^{-t}); dz/dt = z (1 - z)
    #[inline(always)]
    pub(crate) fn sigmoid<S: Simd>(simd: S, z: S::F32s) -> S::F32s {
        simd.mul(z, simd.sub(simd.splat(1.0), z))
    }
    /// z = tanh(t); dz/dt = 1 - z^2 = (1 - z) (1 + z)
    #[inline(always)]
    pub(crate) fn tanh<S: Simd>(simd: S, z: S::F32s) -> S::F32s {
        let one = simd.splat(1.0);
        simd.mul(simd.sub(one, z), simd.add(one, z))
    }
    /// z = max(0, t); dz/dt = 1 where z > 0
    #[inline(always)]
    pub(crate) fn relu<S: Simd>(simd: S, z: S::F32s) -> S::F32s {
        let zero = simd.splat(0.0);
        simd.select_gt(z, zero, simd.splat(1.0), zero)
    }
}

/// Runs `body` with `function` bound to the activation's [`value`] or [`derivative`]: one branch for all its lanes.
macro_rules! map {
    ($activation:expr, $of:ident, |$function:ident| $body:expr) => {
        match $activation {
            crate::pointwise::Activation::Identity => {
                use crate::pointwise::$of::identity as $function;
                $body
            }
            crate::pointwise::Activation::Sigmoid => {
                use crate::pointwise::$of::sigmoid as $function;
                $body
            }
            crate::pointwise::Activation::Tanh => {
                use crate::pointwise::$of::tanh as $function;
                $body
            }
            crate::pointwise::Activation::Relu => {
                use crate::pointwise::$of::relu as $function;
                $body
            }
        }
    };
}
pub(crate) use map;
