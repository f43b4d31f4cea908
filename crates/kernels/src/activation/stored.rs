//! Activations of which z alone does not determine the slope: z = sigma(t) and sigma'(t), of one exponential.
//!
//! Slopes are within 1e-6. Where a slope tends to 0 as t grows, t is held at [`FAR`]: infinity times 0 is not a number.

use super::Function;
use super::of_output::clamp;
use crate::function::{LN_2, decay_and_tanh, exp, ln_1p, normal_tail, polynomial};
use crate::isa::Simd;

/// Past this, e^{-t} is 0.
const FAR: f32 = 110.0;

pub(crate) struct Gelu;

impl Function<0> for Gelu {
    const BOUND: [f64; 2] = [7.0, 1e-42];
    const STORED: bool = true;

    /// z = t Phi(t) = max(0, t) - |t| Phi(-|t|), which cancels nothing; dz/dt = Phi(t) + t phi(t)
    #[inline(always)]
    fn both<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> (S::F32s, S::F32s) {
        let (zero, one) = (simd.splat(0.0), simd.splat(1.0));
        let held = clamp(simd, simd.splat(-FAR), simd.splat(FAR), t);
        let size = simd.abs(held);
        let (bell, ratio) = normal_tail(simd, size);
        let z = simd.sub(simd.max(zero, t), simd.mul(simd.mul(size, ratio), bell));
        let tail = simd.mul(ratio, bell);
        let phi = simd.mul(bell, simd.splat(0.398_942_3)); // 1 / sqrt(2 pi)
        (z, simd.mul_add(held, phi, simd.select_gt(t, zero, simd.sub(one, tail), tail)))
    }
}

pub(crate) struct GeluTanh;

impl Function<0> for GeluTanh {
    const BOUND: [f64; 2] = [6.0, 1e-7];
    const STORED: bool = true;

    /// z = t sigmoid(s) = max(0, t) - |t| sigmoid(-|s|) with s = sqrt(8/pi) (t + 0.044715 t^3);
    /// dz/dt = sigmoid(s) + t sigmoid(s) sigmoid(-s) ds/dt
    #[inline(always)]
    fn both<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> (S::F32s, S::F32s) {
        let (zero, one) = (simd.splat(0.0), simd.splat(1.0));
        let held = clamp(simd, simd.splat(-FAR), simd.splat(FAR), t);
        let (size, square) = (simd.abs(held), simd.mul(held, held));
        let (linear, cubic) = (simd.splat(1.595_769), simd.splat(0.071_354_814));
        let minus_s = simd.mul(simd.sub(zero, size), simd.mul_add(square, cubic, linear));
        let power = exp(simd, minus_s);
        let above = simd.div(one, simd.add(one, power)); // sigmoid(|s|)
        let below = simd.mul(power, above); // sigmoid(-|s|)
        let z = simd.sub(simd.max(zero, t), simd.mul(size, below));
        let bend = simd.mul_add(square, simd.mul(simd.splat(3.0), cubic), linear);
        let slope = simd.mul(simd.mul(held, bend), simd.mul(above, below));
        (z, simd.add(slope, simd.select_gt(t, zero, above, below)))
    }
}

pub(crate) struct Swish;

impl Function<0> for Swish {
    const BOUND: [f64; 2] = [6.0, 1e-42];
    const STORED: bool = true;

    /// z = t sigmoid(t); dz/dt = sigmoid(t) + t sigmoid(t) sigmoid(-t)
    #[inline(always)]
    fn both<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> (S::F32s, S::F32s) {
        let (zero, one) = (simd.splat(0.0), simd.splat(1.0));
        let power = exp(simd, simd.sub(zero, simd.abs(t)));
        let sum = simd.add(one, power);
        let above = simd.div(one, sum); // sigmoid(|t|)
        let below = simd.div(power, sum); // sigmoid(-|t|)
        let sigmoid = simd.select_gt(t, zero, above, below);
        let z = simd.mul(simd.max(simd.splat(-FAR), t), sigmoid);
        let held = clamp(simd, simd.splat(-FAR), simd.splat(FAR), t);
        (z, simd.mul_add(held, simd.mul(above, below), sigmoid))
    }
}

pub(crate) struct HardSwish;

impl Function<0> for HardSwish {
    const BOUND: [f64; 2] = [2.5, 0.0];
    const STORED: bool = true;

    /// z = t min(max(0, t + 3), 6) / 6; dz/dt = 0 up to -3, t/3 + 1/2 up to 3, then 1
    #[inline(always)]
    fn both<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> (S::F32s, S::F32s) {
        let (zero, one, three, six) = (simd.splat(0.0), simd.splat(1.0), simd.splat(3.0), simd.splat(6.0));
        let minus_three = simd.splat(-3.0);
        let gate = simd.div(clamp(simd, zero, six, simd.add(t, three)), six);
        let z = simd.mul(simd.max(minus_three, t), gate);
        let between = simd.mul_add(t, simd.splat(1.0 / 3.0), simd.splat(0.5));
        let below = clamp(simd, zero, zero, t); // 0, but for a NaN
        (z, simd.select_gt(t, minus_three, simd.select_gt(t, three, one, between), below))
    }
}

pub(crate) struct Mish;

impl Function<0> for Mish {
    const BOUND: [f64; 2] = [6.0, 1e-42];
    const STORED: bool = true;

    /// z = t n/d with tanh(ln(1 + e^t)) = n/d: of p = e^{-|t|}, n = 1 + 2p and d = n + 2p^2 above 0, n = p (p + 2) and
    /// d = n + 2 below; dz/dt = n/d + t (1 - n/d)(1 + n/d) sigmoid(t), where 1 - n/d = (d - n)/d
    #[inline(always)]
    fn both<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> (S::F32s, S::F32s) {
        let (zero, one, two) = (simd.splat(0.0), simd.splat(1.0), simd.splat(2.0));
        let power = exp(simd, simd.sub(zero, simd.abs(t)));
        let select = |above, below| simd.select_gt(t, zero, above, below);
        let n = select(simd.mul_add(two, power, one), simd.mul(power, simd.add(power, two)));
        let gap = select(simd.mul(two, simd.mul(power, power)), two);
        let d = simd.add(n, gap);
        let ratio = simd.div(n, d);
        let z = simd.mul(simd.max(simd.splat(-FAR), t), ratio);
        let sigmoid = simd.div(select(one, power), simd.add(one, power));
        let bend = simd.mul(simd.mul(simd.div(gap, d), simd.add(one, ratio)), sigmoid);
        let held = clamp(simd, simd.splat(-FAR), simd.splat(FAR), t);
        (z, simd.mul_add(held, bend, ratio))
    }
}

pub(crate) struct TanhShrink;

impl Function<0> for TanhShrink {
    const BOUND: [f64; 2] = [6.0, 0.0];
    const STORED: bool = true;

    /// z = t - tanh t, near 0 an odd polynomial from t^3 on; dz/dt = tanh^2 t
    #[inline(always)]
    fn both<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> (S::F32s, S::F32s) {
        const SERIES: [f32; 9] = [
            0.333_333_34,
            -0.133_333_31,
            0.053_967_6,
            -0.021_862_583,
            0.008_826_278,
            -0.003_478_445,
            0.001_242_226_2,
            -0.000_337_731_82,
            0.000_048_477_55,
        ];
        let (size, square) = (simd.abs(t), simd.mul(t, t));
        let (_, tanh) = decay_and_tanh(simd, size);
        let near = simd.mul(size, simd.mul(square, polynomial(simd, square, SERIES)));
        let z = simd.select_gt(size, simd.splat(1.0), simd.sub(size, tanh), near);
        (simd.copysign(z, t), simd.mul(tanh, tanh))
    }
}

pub(crate) struct LogCosh;

impl Function<0> for LogCosh {
    const BOUND: [f64; 2] = [2.5, 0.0];
    const STORED: bool = true;

    /// z = ln cosh t = |t| - ln 2 + ln(1 + e^{-2|t|}), near 0 an even polynomial from t^2 on; dz/dt = tanh t
    #[inline(always)]
    fn both<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> (S::F32s, S::F32s) {
        const SERIES: [f32; 8] = [
            0.5,
            -0.083_333_31,
            0.022_221_612,
            -0.006_740_545_4,
            0.002_163_203_4,
            -0.000_682_004_96,
            0.000_177_979_41,
            -0.000_026_103_511,
        ];
        let (size, square) = (simd.abs(t), simd.mul(t, t));
        let (decay, tanh) = decay_and_tanh(simd, size);
        let near = simd.mul(square, polynomial(simd, square, SERIES));
        let far = simd.add(simd.sub(size, simd.splat(LN_2)), ln_1p(simd, decay));
        (simd.select_gt(size, simd.splat(1.0), far, near), simd.copysign(tanh, t))
    }
}

pub(crate) struct Lisht;

impl Function<0> for Lisht {
    const BOUND: [f64; 2] = [3.5, 0.0];
    const STORED: bool = true;

    /// z = t tanh t; dz/dt = tanh t + t (1 - tanh^2 t), where 1 - tanh^2 t = 4p / (1 + p)^2 with p = e^{-2|t|}
    #[inline(always)]
    fn both<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s) -> (S::F32s, S::F32s) {
        let size = simd.abs(t);
        let (decay, tanh) = decay_and_tanh(simd, size);
        let root = simd.div(simd.splat(2.0), simd.add(simd.splat(1.0), decay));
        let bend = simd.mul(decay, simd.mul(root, root));
        let slope = simd.mul_add(simd.min(simd.splat(FAR), size), bend, tanh);
        (simd.mul(size, tanh), simd.copysign(slope, t))
    }
}
