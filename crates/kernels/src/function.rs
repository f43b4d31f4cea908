//! exp, ln, sigmoid and tanh on sixteen lanes: polynomials of IEEE operations, the same bits on every path.
//!
//! The coefficients are minimax fits (Remez exchange on the weighted error) over the reduced range, in the scheme of
//! W. J. Cody and W. Waite, Software Manual for the Elementary Functions, 1980.

use crate::isa::Simd;

const LN_2: f32 = std::f32::consts::LN_2;
/// ln 2 minus its f32.
const LN_2_REST: f32 = -1.904_654_2e-9;

/// c_0 + c_1 x + c_2 x^2 + ...
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(simd: S, x: S::F32s, c: [f32; N]) -> S::F32s {
    let mut sum = simd.splat(c[N - 1]);
    for &c in c[..N - 1].iter().rev() {
        sum = simd.mul_add(sum, x, simd.splat(c));
    }
    sum
}

/// e^x = 2^n e^r with n = round(x / ln 2) and |r| <= ln 2 / 2; within 1 ULP.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::F32s) -> S::F32s {
    // Past these bounds the result is 0 or infinite; a NaN passes through both, being their second operand.
    let x = simd.min(simd.splat(89.0), simd.max(simd.splat(-104.0), x));
    let n = simd.round(simd.mul(x, simd.splat(std::f32::consts::LOG2_E)));
    let r = simd.mul_add(n, simd.splat(-LN_2), x);
    let r = simd.mul_add(n, simd.splat(-LN_2_REST), r);
    let rest = polynomial(simd, r, [0.499_999_94, 0.166_665_2, 0.041_668_393, 0.008_368_781, 0.001_381_446_7]);
    let power = simd.mul_add(simd.mul(r, r), rest, r);
    simd.scale(simd.add(power, simd.splat(1.0)), n)
}

/// ln x = e ln 2 + ln(1 + f) for positive normal x = 2^e (1 + f); within 1 ULP.
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
    simd.mul_add(e, simd.splat(LN_2), simd.sub(f, bend))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{Isa, Kernel, LANES};

    /// A function of one vector, applied to every vector of a slice.
    macro_rules! on_slice {
        ($function:ident, $isa:expr, $values:expr) => {{
            struct Apply<'a>(&'a mut [f32]);
            impl Kernel for Apply<'_> {
                #[inline(always)]
                fn run<S: Simd>(self, simd: S) {
                    for lanes in self.0.chunks_exact_mut(LANES) {
                        // SAFETY: the chunk has sixteen f32.
                        unsafe { simd.store(lanes.as_mut_ptr(), $function(simd, simd.load(lanes.as_ptr()))) }
                    }
                }
            }
            let mut values: Vec<f32> = $values.to_vec();
            $isa.run(Apply(&mut values));
            values
        }};
    }

    /// Every 999th f32 of either sign, and the corners.
    fn samples() -> Vec<f32> {
        let corners = [0.0, -0.0, 1.0, -1.0, f32::MIN_POSITIVE, f32::MAX, f32::MIN, f32::INFINITY, f32::NEG_INFINITY];
        let mut all: Vec<f32> = (0..=u32::MAX).step_by(999).map(f32::from_bits).filter(|x| !x.is_nan()).collect();
        all.extend(corners);
        all.resize(all.len().next_multiple_of(LANES), 0.0);
        all
    }

    /// Distance to the true value in units of the last place of its f32.
    fn ulps(got: f32, truth: f64) -> f64 {
        let rounded = truth as f32;
        if got == rounded || rounded.is_infinite() && got.is_infinite() {
            return 0.0;
        }
        let ulp = (f64::from(rounded.abs().next_up()) - f64::from(rounded.abs())).max(f64::from(f32::from_bits(1)));
        (f64::from(got) - truth).abs() / ulp
    }

    fn worst(inputs: &[f32], outputs: &[f32], truth: impl Fn(f64) -> f64) -> (f64, f32) {
        let error = |(&x, &y): (&f32, &f32)| (ulps(y, truth(f64::from(x))), x);
        inputs.iter().zip(outputs).map(error).fold((0.0, 0.0), |a, b| if b.0 > a.0 || b.0.is_nan() { b } else { a })
    }

    #[test]
    fn functions_are_within_their_bounds_and_equal_on_every_isa() {
        let all = samples();
        let positive: Vec<f32> = all.iter().map(|x| x.abs().clamp(f32::MIN_POSITIVE, f32::MAX)).collect();
        type Truth = fn(f64) -> f64;
        let scalar = Isa::available()[0];
        for isa in Isa::available() {
            let cases = [
                ("exp", on_slice!(exp, isa, all), on_slice!(exp, scalar, all), &all, f64::exp as Truth, 1.0),
                ("ln", on_slice!(ln, isa, positive), on_slice!(ln, scalar, positive), &positive, f64::ln, 1.0),
                (
                    "sigmoid",
                    on_slice!(sigmoid, isa, all),
                    on_slice!(sigmoid, scalar, all),
                    &all,
                    |t| 1.0 / (1.0 + (-t).exp()),
                    2.5,
                ),
                ("tanh", on_slice!(tanh, isa, all), on_slice!(tanh, scalar, all), &all, f64::tanh, 2.0),
            ];
            for (name, got, same, inputs, truth, bound) in cases {
                let (error, at) = worst(inputs, &got, truth);
                assert!(error <= bound, "{name} on {} is {error} ULP off at {at:e}", isa.name());
                let bits = |v: &[f32]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert!(bits(&got) == bits(&same), "{name} differs between {} and scalar", isa.name());
            }
        }
    }

    #[test]
    fn a_nan_stays_a_nan() {
        for isa in Isa::available() {
            let nan = [f32::NAN; LANES];
            let out = [on_slice!(exp, isa, nan), on_slice!(sigmoid, isa, nan), on_slice!(tanh, isa, nan)];
            assert!(out.iter().flatten().all(|x| x.is_nan()), "{}", isa.name());
        }
    }
}
