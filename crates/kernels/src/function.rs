//! exp, ln, sigmoid, tanh and related functions on sixteen lanes: polynomials of IEEE operations, the same bits on every path.
//!
//! The coefficients are minimax fits (Remez exchange on the weighted error) over the reduced range, in the scheme of
//! W. J. Cody and W. Waite, Software Manual for the Elementary Functions, 1980.

use crate::isa::{Isa, Kernel, LANES, Simd};
use crate::lanes;

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// e^x
    Exp,
    /// The natural logarithm, of positive normal numbers.
    Ln,
    /// 1 / (1 + e^{-t})
    Sigmoid,
    /// (e^t - e^{-t}) / (e^t + e^{-t})
    Tanh,
    /// e^x - 1, to its last place where x is small too.
    Expm1,
    /// ln(1 + x), of numbers from 0 to 1.
    Ln1p,
    /// Phi(t), the probability that a standard normal number is at most t.
    NormalCdf,
    /// cos(2 pi x)
    CosTurn,
    /// sin(2 pi x)
    SinTurn,
}

impl Function {
    /// Every function.
    pub const ALL: [Self; 9] = [
        Self::Exp,
        Self::Ln,
        Self::Sigmoid,
        Self::Tanh,
        Self::Expm1,
        Self::Ln1p,
        Self::NormalCdf,
        Self::CosTurn,
        Self::SinTurn,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Exp => "exp",
            Self::Ln => "ln",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::Expm1 => "expm1",
            Self::Ln1p => "ln_1p",
            Self::NormalCdf => "normal_cdf",
            Self::CosTurn => "cos_turn",
            Self::SinTurn => "sin_turn",
        }
    }

    /// How far from the true value a result may be, in units of its last place: seen to hold for every f32 by
    /// `tests/exhaustive.rs`.
    #[must_use]
    pub fn bound(self) -> f64 {
        match self {
            Self::Exp => 1.02,
            Self::Ln => 1.0,
            Self::Sigmoid => 2.5,
            Self::Tanh => 2.0,
            Self::Expm1 => 2.0,
            Self::Ln1p => 1.5,
            Self::NormalCdf => 5.7,
            Self::CosTurn | Self::SinTurn => 4.0,
        }
    }

    /// Whether the bound holds for `x`. A NaN gives a NaN.
    #[must_use]
    pub fn takes(self, x: f32) -> bool {
        match self {
            Self::Ln => x.is_nan() || x.is_normal() && x > 0.0,
            Self::Ln1p => x.is_nan() || (0.0..=1.0).contains(&x),
            Self::CosTurn | Self::SinTurn => !x.is_infinite(),
            _ => true,
        }
    }
}

/// Replaces each of `values` by the function of it.
pub fn apply(isa: Isa, function: Function, values: &mut [f32]) {
    struct Apply<'a>(Function, &'a mut [f32]);
    impl Kernel for Apply<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            macro_rules! each {
                ($function:ident) => {
                    for x in self.1.chunks_mut(LANES) {
                        let value = $function(simd, lanes::load_or(simd, x, simd.splat(1.0)));
                        lanes::store_some(simd, x, value);
                    }
                };
            }
            match self.0 {
                Function::Exp => each!(exp),
                Function::Ln => each!(ln),
                Function::Sigmoid => each!(sigmoid),
                Function::Tanh => each!(tanh),
                Function::Expm1 => each!(expm1),
                Function::Ln1p => each!(ln_1p),
                Function::NormalCdf => each!(normal_cdf),
                Function::CosTurn => each!(cos_turn),
                Function::SinTurn => each!(sin_turn),
            }
        }
    }
    isa.run(Apply(function, values));
}

pub(crate) const LN_2: f32 = std::f32::consts::LN_2;
/// ln 2 minus its f32.
const LN_2_REST: f32 = -1.904_654_2e-9;

/// c_0 + c_1 x + c_2 x^2 + ...
#[inline(always)]
pub(crate) fn polynomial<S: Simd, const N: usize>(simd: S, x: S::F32s, c: [f32; N]) -> S::F32s {
    let mut sum = simd.splat(c[N - 1]);
    for &c in c[..N - 1].iter().rev() {
        sum = simd.mul_add(sum, x, simd.splat(c));
    }
    sum
}

/// cos(2 pi x) of numbers of turns; within 4 ULP.
#[inline(always)]
pub(crate) fn cos_turn<S: Simd>(simd: S, x: S::F32s) -> S::F32s {
    cos_and_sin_turn(simd, x).0
}

/// sin(2 pi x) of numbers of turns; within 4 ULP.
#[inline(always)]
pub(crate) fn sin_turn<S: Simd>(simd: S, x: S::F32s) -> S::F32s {
    cos_and_sin_turn(simd, x).1
}

/// cos(2 pi x) and sin(2 pi x): with r = |x - round(x)|, sines of 1/4 - r and of the smaller one of r and 1/2 - r, none of which loses a place.
#[inline(always)]
pub(crate) fn cos_and_sin_turn<S: Simd>(simd: S, x: S::F32s) -> (S::F32s, S::F32s) {
    let [quarter, half] = [0.25, 0.5].map(|x| simd.splat(x));
    let rest = simd.sub(x, simd.round(x));
    let r = simd.abs(rest);
    let near = simd.select_gt(r, quarter, simd.sub(half, r), r);
    (sin_of_quarter_turn(simd, simd.sub(quarter, r)), simd.copysign(sin_of_quarter_turn(simd, near), rest))
}

/// sin(2 pi x) of |x| <= 1/4: x times a polynomial in x^2.
#[inline(always)]
fn sin_of_quarter_turn<S: Simd>(simd: S, x: S::F32s) -> S::F32s {
    const C: [f32; 6] = [std::f32::consts::TAU, -41.341_7, 81.605_225, -76.704_17, 42.007_797, -14.381_391];
    simd.mul(x, polynomial(simd, simd.mul(x, x), C))
}

/// n and e^r - 1, where x = n ln 2 + r with n = round(x / ln 2) and |r| <= ln 2 / 2.
///
/// Above 89 the exponential is infinite. Below -104 it is 0: n = 0 and -1 for e^r - 1, so that no denormal number occurs on the
/// way, which takes some processors a hundred cycles. A NaN passes through, being the second operand.
#[inline(always)]
fn reduced<S: Simd>(simd: S, x: S::F32s) -> (S::F32s, S::F32s) {
    let (end, x) = (simd.splat(-104.0), simd.min(simd.splat(89.0), x));
    let n = simd.round(simd.mul(x, simd.splat(std::f32::consts::LOG2_E)));
    let r = simd.mul_add(n, simd.splat(-LN_2), x);
    let r = simd.mul_add(n, simd.splat(-LN_2_REST), r);
    let rest = polynomial(simd, r, [0.499_999_94, 0.166_665_2, 0.041_668_393, 0.008_368_781, 0.001_381_446_7]);
    let power = simd.mul_add(simd.mul(r, r), rest, r);
    (simd.select_gt(end, x, simd.splat(0.0), n), simd.select_gt(end, x, simd.splat(-1.0), power))
}

/// e^x = 2^n e^r; within 1.02 ULP.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::F32s) -> S::F32s {
    let (n, power) = reduced(simd, x);
    simd.scale(simd.add(power, simd.splat(1.0)), n)
}

/// e^x - 1; within 2 ULP.
#[inline(always)]
pub(crate) fn expm1<S: Simd>(simd: S, x: S::F32s) -> S::F32s {
    exp_and_expm1(simd, x).1
}

/// e^x and e^x - 1 = 2^n (e^r - 1) + (2^n - 1), neither of which has lost a place to the other.
#[inline(always)]
pub(crate) fn exp_and_expm1<S: Simd>(simd: S, x: S::F32s) -> (S::F32s, S::F32s) {
    let (n, power) = reduced(simd, x);
    let (half, one) = (simd.splat(0.5), simd.splat(1.0));
    // Half of it and then twice that, since 2^n may be infinite where e^x is not.
    let scale = simd.scale(half, n);
    let sum = simd.mul_add(scale, power, simd.sub(scale, half));
    let far = simd.add(sum, sum);
    (simd.scale(simd.add(power, one), n), simd.select_gt(simd.abs(n), half, far, power))
}

/// ln x = e ln 2 + ln(1 + f) for positive normal x = 2^e (1 + f), NaN for a NaN; within 1 ULP.
///
/// With s = f / (2 + f), ln(1 + f) = 2 artanh s = f - s (f - s^2 Q(s^2)), where f is exact.
#[inline(always)]
pub(crate) fn ln<S: Simd>(simd: S, x: S::F32s) -> S::F32s {
    let (m, e) = simd.split_exponent(x);
    let f = simd.sub(m, simd.splat(1.0));
    let s = simd.div(f, simd.add(f, simd.splat(2.0)));
    let s2 = simd.mul(s, s);
    let series = simd.mul(s2, polynomial(simd, s2, [0.666_667_76, 0.399_774_97, 0.298_730_73]));
    let bend = simd.mul_add(e, simd.splat(-LN_2_REST), simd.mul(s, simd.sub(f, series)));
    let result = simd.mul_add(e, simd.splat(LN_2), simd.sub(f, bend));
    simd.mul_add(x, simd.splat(0.0), result) // the bits of a NaN are no number; this adds 0 to all others
}

/// ln(1 + x) for x from 0 to 1, NaN for a NaN; within 1.5 ULP. As [`ln`], with f = x.
#[inline(always)]
pub(crate) fn ln_1p<S: Simd>(simd: S, x: S::F32s) -> S::F32s {
    let s = simd.div(x, simd.add(x, simd.splat(2.0)));
    let s2 = simd.mul(s, s);
    let series =
        simd.mul(s2, polynomial(simd, s2, [0.666_666_75, 0.399_988_9, 0.286_165_95, 0.214_307_41, 0.242_895_57]));
    simd.sub(x, simd.mul(s, simd.sub(x, series)))
}

/// 1 / (1 + e^{-t}), for negative t as e^t / (1 + e^t), so that no exponential overflows; within 2.5 ULP.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(simd: S, t: S::F32s) -> S::F32s {
    let (zero, one) = (simd.splat(0.0), simd.splat(1.0));
    let power = exp(simd, simd.sub(zero, simd.abs(t)));
    simd.div(simd.select_gt(zero, t, power, one), simd.add(one, power))
}

/// (e^t - e^{-t}) / (e^t + e^{-t}): an odd polynomial near 0, 1 - 2 / (e^{2|t|} + 1) beyond; within 2 ULP.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, t: S::F32s) -> S::F32s {
    let (one, size) = (simd.splat(1.0), simd.abs(t));
    let t2 = simd.mul(t, t);
    let series = polynomial(simd, t2, [-0.333_332_78, 0.133_313_31, -0.053_730_007, 0.020_606_177, -0.005_666_977]);
    let near = simd.mul_add(simd.mul(size, t2), series, size);
    let power = exp(simd, simd.add(size, size));
    let far = simd.sub(one, simd.div(simd.splat(2.0), simd.add(power, one)));
    simd.copysign(simd.select_gt(size, simd.splat(0.625), far, near), t)
}

/// e^{-2y} and tanh y = (1 - e^{-2y}) / (1 + e^{-2y}) for y >= 0; tanh y within 3 ULP.
#[inline(always)]
pub(crate) fn decay_and_tanh<S: Simd>(simd: S, y: S::F32s) -> (S::F32s, S::F32s) {
    let (decay, minus) = exp_and_expm1(simd, simd.mul(simd.splat(-2.0), y));
    (decay, simd.div(simd.sub(simd.splat(0.0), minus), simd.add(simd.splat(1.0), decay)))
}

/// Past this, e^{-y^2 / 2} is 0.
const NORMAL_END: f32 = 20.0;

/// The polynomial of [`normal_tail`].
const MILLS: [f32; 11] = [
    0.729_083_7,
    -0.509_332,
    0.230_017_7,
    -0.047_262_687,
    -0.010_462_521,
    0.006_969_302_4,
    0.001_024_784,
    -0.001_032_523_9,
    -0.000_244_754_66,
    0.000_131_253_76,
    0.000_054_455_017,
];

/// e^{-y^2 / 2} and R(y), whose product is Phi(-y), for y >= 0.
///
/// R(y) (y + 3) is a polynomial in (y - 3) / (y + 3), which takes all y >= 0 to numbers between -1 and 1: M. Shepherd
/// and J. Laframboise, Chebyshev approximation of (1 + 2x) exp(x^2) erfc x, Math. Comp. 36, 1981.
#[inline(always)]
pub(crate) fn normal_tail<S: Simd>(simd: S, y: S::F32s) -> (S::F32s, S::F32s) {
    let y = simd.min(simd.splat(NORMAL_END), y);
    let square = simd.mul(y, y);
    let minus = simd.sub(simd.splat(0.0), square);
    let rest = simd.mul_add(y, y, minus); // of the square, whose last place would be 98 of the result's
    let bell = exp(simd, simd.mul(simd.splat(0.5), minus));
    let bell = simd.mul_add(simd.mul(bell, simd.splat(-0.5)), rest, bell);
    let three = simd.splat(3.0);
    let inverse = simd.div(simd.splat(1.0), simd.add(y, three));
    let u = simd.mul(simd.sub(y, three), inverse);
    let ratio = polynomial(simd, u, MILLS);
    (bell, simd.mul(ratio, inverse))
}

/// Phi(t); within 5.7 ULP.
#[inline(always)]
pub(crate) fn normal_cdf<S: Simd>(simd: S, t: S::F32s) -> S::F32s {
    let (bell, ratio) = normal_tail(simd, simd.abs(t));
    let tail = simd.mul(bell, ratio);
    simd.select_gt(t, simd.splat(0.0), simd.sub(simd.splat(1.0), tail), tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference;

    /// Every 999th f32 of either sign (fewer under Miri), and the corners.
    fn samples() -> Vec<f32> {
        let corners = [0.0, -0.0, 1.0, -1.0, f32::MIN_POSITIVE, f32::MAX, f32::MIN, f32::INFINITY, f32::NEG_INFINITY];
        let step = if cfg!(miri) { 9_999_999 } else { 999 };
        (0..=u32::MAX).step_by(step).map(f32::from_bits).chain(corners).collect()
    }

    #[test]
    fn functions_are_within_their_bounds_and_equal_on_every_isa() {
        for function in Function::ALL {
            let inputs: Vec<f32> = samples().into_iter().filter(|&x| function.takes(x)).collect();
            let on = |isa| {
                let mut values = inputs.clone();
                apply(isa, function, &mut values);
                values
            };
            let scalar = on(Isa::available()[0]);
            for (&x, &got) in inputs.iter().zip(&scalar) {
                let error = reference::ulps(got, reference::function(function, f64::from(x)));
                assert!(error <= function.bound(), "{} is {error} ULP off at {x:e}", function.name());
            }
            for isa in Isa::available() {
                let same = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
                assert!(on(isa).iter().zip(&scalar).all(same), "{} on {}", function.name(), isa.name());
            }
        }
    }

    /// Of a sum that was a NaN the logarithm was 89.1, and the loss of such a row looked finite.
    #[test]
    fn a_nan_stays_a_nan() {
        for (isa, function) in Isa::available().into_iter().flat_map(|isa| Function::ALL.map(|f| (isa, f))) {
            let mut values = [f32::NAN, -f32::NAN, f32::from_bits(0x7f80_0001)];
            apply(isa, function, &mut values);
            assert!(values.iter().all(|x| x.is_nan()), "{} on {}", function.name(), isa.name());
        }
    }
}
