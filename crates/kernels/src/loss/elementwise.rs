//! Losses that are a mean over the outputs of a row: each a function of one logit and its target, with its slope.

use super::{Loss, Problem};
use crate::activation::{Function as _, stored::LogCosh};
use crate::function::{exp, ln, ln_1p};
use crate::isa::{Kernel, LANES, Simd};
use crate::lanes;

pub(super) struct Elementwise<'a>(pub(super) Problem<'a>);

impl Kernel for Elementwise<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Problem { loss, logits, truth, mut delta, mut out } = self.0;
        let (width, count) = (logits.width, logits.rows.count());
        let outputs = simd.splat(width as f32);
        // One branch for all rows; a closure for its body is not always inlined, and then runs without the instruction set.
        macro_rules! each {
            ($function:ident $($number:expr)?) => {
                for first in (0..count).step_by(LANES) {
                    // The divisions of sixteen rows are made at once.
                    let rows = LANES.min(count - first);
                    let (mut weights, mut sums) = ([0.0; LANES], [0.0; LANES]);
                    for (lane, weight) in weights.iter_mut().enumerate().take(rows) {
                        *weight = truth.weights.row(first + lane, 1)[0];
                    }
                    let scaled = simd.mul(simd.splat(truth.scale), lanes::load_or_zero(simd, &weights));
                    let factors = simd.to_array(simd.div(scaled, outputs));
                    for (lane, (&factor, total)) in factors.iter().zip(&mut sums).enumerate().take(rows) {
                        let (z, t) = (logits.row(first + lane), truth.targets.row(first + lane, width));
                        let (factor, delta) = (simd.splat(factor), delta.row(first + lane, width));
                        let mut sum = simd.splat(0.0);
                        for at in (0..width).step_by(LANES) {
                            let numbers = [$(simd.splat($number))?];
                            let (value, slope) = $function(simd, numbers, lanes::load_or_zero(simd, &z[at..]), lanes::load_or_zero(simd, &t[at..]));
                            sum = simd.mul_add(value, lanes::ones(simd, width - at), sum);
                            lanes::store_some(simd, &mut delta[at..], simd.mul(factor, slope));
                        }
                        *total = simd.sum_lanes(sum);
                    }
                    let losses = simd.mul(lanes::load_or_zero(simd, &weights), simd.div(lanes::load_or_zero(simd, &sums), outputs));
                    for (lane, loss) in simd.to_array(losses).into_iter().enumerate().take(rows) {
                        out.row(first + lane, 1)[0] = loss;
                    }
                }
            };
        }
        match loss {
            Loss::Focal { gamma } => each!(focal gamma),
            Loss::BinaryCrossEntropy => each!(binary_cross_entropy),
            Loss::Mse => each!(mse),
            Loss::Mae => each!(mae),
            Loss::Huber { delta: bend } => each!(huber bend),
            Loss::LogCosh => each!(log_cosh),
            Loss::Msle => each!(msle),
            Loss::Poisson => each!(poisson),
            Loss::Quantile { tau } => each!(quantile tau),
            Loss::Hinge => each!(hinge),
            Loss::SquaredHinge => each!(squared_hinge),
            Loss::CrossEntropy | Loss::Kl => unreachable!("{loss:?} takes a distribution"),
        }
    }
}

/// l and dl/dz.
type Both<S> = (<S as Simd>::F32s, <S as Simd>::F32s);

/// l = -t log p - (1 - t) log(1 - p);   dl/dz = p - t
#[inline(always)]
fn binary_cross_entropy<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s, t: S::F32s) -> Both<S> {
    let Logistic { p, yes, no, .. } = logistic(simd, z);
    let value = simd.mul_add(t, yes, simd.mul(simd.sub(simd.splat(1.0), t), no));
    (value, simd.sub(p, t))
}

/// l = t q^gamma yes + (1 - t) p^gamma no,   q = 1 - p, yes = -log p, no = -log q
///
/// dl/dz = (1 - t) p^gamma (p + gamma q no) - t q^gamma (q + gamma p yes)
#[inline(always)]
fn focal<S: Simd>(simd: S, [gamma]: [S::F32s; 1], z: S::F32s, t: S::F32s) -> Both<S> {
    let Logistic { p, q, yes, no } = logistic(simd, z);
    let zero = simd.splat(0.0);
    let of_one = simd.mul(t, exp(simd, simd.sub(zero, simd.mul(gamma, no))));
    let of_zero = simd.mul(simd.sub(simd.splat(1.0), t), exp(simd, simd.sub(zero, simd.mul(gamma, yes))));
    let value = simd.mul_add(of_one, yes, simd.mul(of_zero, no));
    let up = simd.mul(of_zero, simd.mul_add(gamma, simd.mul(q, no), p));
    let down = simd.mul(of_one, simd.mul_add(gamma, simd.mul(p, yes), q));
    (value, simd.sub(up, down))
}

/// l = e^2;   dl/dz = 2 e
#[inline(always)]
fn mse<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s, t: S::F32s) -> Both<S> {
    let e = simd.sub(z, t);
    (simd.mul(e, e), simd.add(e, e))
}

/// l = |e|;   dl/dz = -1, 0 or 1
#[inline(always)]
fn mae<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s, t: S::F32s) -> Both<S> {
    let (e, zero) = (simd.sub(z, t), simd.splat(0.0));
    let size = simd.abs(e);
    (size, simd.select_gt(size, zero, simd.copysign(simd.splat(1.0), e), zero))
}

/// l = c (|e| - c / 2),   c = min(|e|, delta);   dl/dz = -c or c
#[inline(always)]
fn huber<S: Simd>(simd: S, [delta]: [S::F32s; 1], z: S::F32s, t: S::F32s) -> Both<S> {
    let e = simd.sub(z, t);
    let size = simd.abs(e);
    let c = simd.min(delta, size);
    (simd.mul(c, simd.mul_add(c, simd.splat(-0.5), size)), simd.copysign(c, e))
}

/// l = ln cosh e;   dl/dz = tanh e
#[inline(always)]
fn log_cosh<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s, t: S::F32s) -> Both<S> {
    LogCosh::both(simd, [], simd.sub(z, t))
}

/// l = (m(z) - m(t))^2;   dl/dz = 2 (m(z) - m(t)) m'(z)
#[inline(always)]
fn msle<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s, t: S::F32s) -> Both<S> {
    let ((of_z, slope), (of_t, _)) = (magnitude(simd, z), magnitude(simd, t));
    let e = simd.sub(of_z, of_t);
    (simd.mul(e, e), simd.mul(simd.add(e, e), slope))
}

/// m(y) = ln(1 + y), below -1/2 its tangent there, and m'(y).
///
/// u = 1 + y is rounded; what it has lost, y - (u - 1), is added again times the slope 1 / u.
#[inline(always)]
fn magnitude<S: Simd>(simd: S, y: S::F32s) -> Both<S> {
    let one = simd.splat(1.0);
    let inside = simd.max(simd.splat(-0.5), y);
    let u = simd.add(one, inside);
    let slope = simd.div(one, u);
    let lost = simd.sub(inside, simd.sub(u, one));
    let below = simd.sub(y, inside);
    (simd.mul_add(simd.add(lost, below), slope, ln(simd, u)), slope)
}

/// l = e^z - t z;   dl/dz = e^z - t
#[inline(always)]
fn poisson<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s, t: S::F32s) -> Both<S> {
    let rate = exp(simd, z);
    (simd.sub(rate, simd.mul(t, z)), simd.sub(rate, t))
}

/// l = max(tau d, (tau - 1) d),   d = t - z;   dl/dz = -tau, 0 or 1 - tau
#[inline(always)]
fn quantile<S: Simd>(simd: S, [tau]: [S::F32s; 1], z: S::F32s, t: S::F32s) -> Both<S> {
    let (d, zero) = (simd.sub(t, z), simd.splat(0.0));
    let (below, above) = (simd.sub(zero, tau), simd.sub(simd.splat(1.0), tau));
    let value = simd.max(simd.mul(tau, d), simd.sub(zero, simd.mul(above, d)));
    (value, simd.select_gt(d, zero, below, simd.select_gt(zero, d, above, zero)))
}

/// l = m,   m = max(0, 1 - t z);   dl/dz = -t where m > 0, else 0
#[inline(always)]
fn hinge<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s, t: S::F32s) -> Both<S> {
    let (margin, zero) = (margin(simd, z, t), simd.splat(0.0));
    (margin, simd.select_gt(margin, zero, simd.sub(zero, t), zero))
}

/// l = m^2;   dl/dz = -2 t m
#[inline(always)]
fn squared_hinge<S: Simd>(simd: S, []: [S::F32s; 0], z: S::F32s, t: S::F32s) -> Both<S> {
    let margin = margin(simd, z, t);
    (simd.mul(margin, margin), simd.mul(simd.mul(simd.splat(-2.0), t), margin))
}

/// max(0, 1 - t z)
#[inline(always)]
fn margin<S: Simd>(simd: S, z: S::F32s, t: S::F32s) -> S::F32s {
    simd.max(simd.splat(0.0), simd.sub(simd.splat(1.0), simd.mul(t, z)))
}

/// p = 1 / (1 + e^{-z}), q = 1 - p, yes = -ln p, no = -ln q.
struct Logistic<V> {
    p: V,
    q: V,
    yes: V,
    no: V,
}

/// All four keep their digits: with d = e^{-|z|}, p and q are 1 / (1 + d) and d / (1 + d), and their logarithms
/// -ln(1 + d) and -|z| - ln(1 + d), each pair ordered by the sign of z.
#[inline(always)]
fn logistic<S: Simd>(simd: S, z: S::F32s) -> Logistic<S::F32s> {
    let (zero, one) = (simd.splat(0.0), simd.splat(1.0));
    let minus = simd.sub(zero, z);
    let decay = exp(simd, simd.min(z, minus));
    let sum = simd.add(one, decay);
    let (large, small) = (simd.div(one, sum), simd.div(decay, sum));
    let rest = ln_1p(simd, decay);
    Logistic {
        p: simd.select_gt(zero, z, small, large),
        q: simd.select_gt(zero, z, large, small),
        yes: simd.add(simd.max(zero, minus), rest),
        no: simd.add(simd.max(zero, z), rest),
    }
}
