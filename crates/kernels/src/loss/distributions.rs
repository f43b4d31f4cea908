//! Losses of a softmax: sums over the classes of a function of t_k and a_k = -log p_k = log S - z_k.
//!
//! l = sum_k f(t_k, a_k);   dl/dz_j = w_j - p_j sum_k w_k,   w_k = -df/da (t_k, a_k)
//!
//! since da_k/dz_j = p_j - [j = k]. The reference class takes part in both sums with z = 0.

use super::{Loss, Problem};
use crate::function::{exp, exp_and_expm1, ln};
use crate::isa::{Kernel, LANES, Simd};
use crate::lanes;
use crate::softmax::{max_and_sum, scaled_exp};

pub(super) struct Distributions<'a>(pub(super) Problem<'a>);

impl Kernel for Distributions<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Problem { loss, logits, truth, mut delta, mut out } = self.0;
        let (width, columns) = (logits.width, logits.output.targets(logits.width));
        // One branch for all rows, as in `elementwise`.
        macro_rules! each {
            ($function:ident $($number:expr)?) => {
                for row in 0..logits.rows.count() {
                    let (z, t) = (logits.row(row), truth.targets.row(row, columns));
                    let (weight, delta) = (truth.weights.row(row, 1)[0], delta.row(row, width));
                    let (max, sum) = max_and_sum(simd, logits.output, z);
                    let (shift, log_sum) = (simd.splat(max), ln(simd, simd.splat(sum)));
                    let numbers = [$(simd.splat($number))?];
                    let (mut values, mut slopes) = (simd.splat(0.0), simd.splat(0.0));
                    for at in (0..width).step_by(LANES) {
                        let a = surprisal(simd, lanes::load_or(simd, &z[at..], shift), shift, log_sum);
                        let (value, w) = $function(simd, numbers, lanes::load_or_zero(simd, &t[at..width]), a);
                        (values, slopes) = (simd.add(values, value), simd.add(slopes, w));
                        lanes::store_some(simd, &mut delta[at..], w);
                    }
                    let (mut value, mut slope) = (simd.sum_lanes(values), simd.sum_lanes(slopes));
                    if let [t] = t[width..] {
                        let a = surprisal(simd, simd.splat(0.0), shift, log_sum);
                        let (last, w) = $function(simd, numbers, simd.splat(t), a);
                        (value, slope) = (value + simd.to_array(last)[0], slope + simd.to_array(w)[0]);
                    }
                    let factor = simd.splat(truth.scale * weight);
                    for at in (0..width).step_by(LANES) {
                        let p = scaled_exp(simd, &z[at..], max, [1.0 / sum, 1.0]);
                        let w = lanes::load_or_zero(simd, &delta[at..]);
                        lanes::store_some(simd, &mut delta[at..], simd.mul(factor, simd.mul_add(p, simd.splat(-slope), w)));
                    }
                    out.row(row, 1)[0] = weight * value;
                }
            };
        }
        match loss {
            Loss::CrossEntropy => each!(cross_entropy),
            Loss::Kl => each!(kl),
            Loss::Focal { gamma } => each!(focal gamma),
            _ => unreachable!("{loss:?} takes no distribution"),
        }
    }
}

/// f and w = -df/da.
type Both<S> = (<S as Simd>::F32s, <S as Simd>::F32s);

/// f = t a;   w = -t
#[inline(always)]
fn cross_entropy<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s, a: S::F32s) -> Both<S> {
    (simd.mul(t, a), simd.sub(simd.splat(0.0), t))
}

/// f = t (ln t + a);   w = -t
#[inline(always)]
fn kl<S: Simd>(simd: S, []: [S::F32s; 0], t: S::F32s, a: S::F32s) -> Both<S> {
    let log = ln(simd, simd.max(simd.splat(f32::MIN_POSITIVE), t)); // 0 times it is 0
    (simd.mul(t, simd.add(log, a)), simd.sub(simd.splat(0.0), t))
}

/// f = t c^gamma a,   c = 1 - p = 1 - e^{-a};   w = -t c^gamma (1 + gamma p a / c)
///
/// Where a is 0, so is c, and both values are 0 but for gamma = 0, as they should be.
#[inline(always)]
fn focal<S: Simd>(simd: S, [gamma]: [S::F32s; 1], t: S::F32s, a: S::F32s) -> Both<S> {
    let zero = simd.splat(0.0);
    let (p, minus_c) = exp_and_expm1(simd, simd.sub(zero, a));
    let c = simd.max(simd.splat(f32::MIN_POSITIVE), simd.sub(zero, minus_c));
    let factor = simd.mul(t, exp(simd, simd.mul(gamma, ln(simd, c))));
    let pull = simd.mul_add(gamma, simd.div(simd.mul(p, a), c), simd.splat(1.0));
    (simd.mul(factor, a), simd.sub(zero, simd.mul(factor, pull)))
}

/// a = (m - z) + log(S / e^m), at most the largest f32: 0 times it is 0 where z is as far from m as f32 go.
#[inline(always)]
fn surprisal<S: Simd>(simd: S, z: S::F32s, max: S::F32s, log_sum: S::F32s) -> S::F32s {
    simd.min(simd.splat(f32::MAX), simd.add(simd.sub(max, z), log_sum))
}
