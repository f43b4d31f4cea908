//! The rules on the sixteen weights of a part from `at` on, whose gradient is g.

use super::{Part, get, set, sign};
use crate::isa::Simd;

#[inline(always)]
pub(crate) fn sgd<S: Simd>(simd: S, [rate]: [S::F32s; 1], part: &mut Part, at: usize, g: S::F32s) {
    descend(simd, rate, part, at, g);
}

#[inline(always)]
pub(crate) fn momentum<S: Simd>(simd: S, [rate, momentum]: [S::F32s; 2], part: &mut Part, at: usize, g: S::F32s) {
    let v = simd.mul_add(momentum, get(simd, part.states[0], at), g);
    set(simd, part.states[0], at, v);
    descend(simd, rate, part, at, v);
}

#[inline(always)]
pub(crate) fn nesterov<S: Simd>(simd: S, [rate, momentum]: [S::F32s; 2], part: &mut Part, at: usize, g: S::F32s) {
    let v = simd.mul_add(momentum, get(simd, part.states[0], at), g);
    set(simd, part.states[0], at, v);
    descend(simd, rate, part, at, simd.mul_add(momentum, v, g));
}

#[inline(always)]
pub(crate) fn adam<S: Simd>(
    simd: S,
    [rate, weight_1, weight_2, epsilon]: [S::F32s; 4],
    part: &mut Part,
    at: usize,
    g: S::F32s,
) {
    let [m, v] = moments(simd, [weight_1, weight_2], part, at, g);
    let change = simd.div(simd.mul(rate, m), simd.add(simd.sqrt(v), epsilon));
    subtract(simd, part, at, change);
}

#[inline(always)]
pub(crate) fn rms_prop<S: Simd>(
    simd: S,
    [rate, weight, epsilon]: [S::F32s; 3],
    part: &mut Part,
    at: usize,
    g: S::F32s,
) {
    let v = mean(simd, part, 0, at, simd.mul(g, g), weight);
    let change = simd.div(simd.mul(rate, g), simd.add(simd.sqrt(v), epsilon));
    subtract(simd, part, at, change);
}

/// Of the last gradient its sign is kept: the product of two small gradients would be 0.
#[inline(always)]
pub(crate) fn rprop<S: Simd>(
    simd: S,
    [start, shrink, grow, least, most]: [S::F32s; 5],
    part: &mut Part,
    at: usize,
    g: S::F32s,
) {
    let [zero, one] = [0.0, 1.0].map(|x| simd.splat(x));
    let sign = sign(simd, g);
    let turned = simd.mul(sign, get(simd, part.states[0], at));
    let factor = simd.select_gt(turned, zero, grow, simd.select_gt(zero, turned, shrink, one));
    let last = get(simd, part.states[1], at);
    let last = simd.select_gt(last, zero, last, start);
    let step = simd.min(simd.max(simd.mul(last, factor), least), most);
    let sign = simd.select_gt(zero, turned, zero, sign);
    set(simd, part.states[0], at, sign);
    set(simd, part.states[1], at, step);
    subtract(simd, part, at, simd.mul(sign, step));
}

#[inline(always)]
pub(crate) fn ada_grad<S: Simd>(simd: S, [rate, epsilon]: [S::F32s; 2], part: &mut Part, at: usize, g: S::F32s) {
    let v = simd.mul_add(g, g, get(simd, part.states[0], at));
    set(simd, part.states[0], at, v);
    let change = simd.div(simd.mul(rate, g), simd.add(simd.sqrt(v), epsilon));
    subtract(simd, part, at, change);
}

#[inline(always)]
pub(crate) fn ada_delta<S: Simd>(
    simd: S,
    [rate, weight, epsilon]: [S::F32s; 3],
    part: &mut Part,
    at: usize,
    g: S::F32s,
) {
    let v = mean(simd, part, 0, at, simd.mul(g, g), weight);
    let u = get(simd, part.states[1], at);
    let [above, below] = [u, v].map(|mean| simd.sqrt(simd.add(mean, epsilon)));
    let d = simd.mul(simd.div(above, below), g);
    mean(simd, part, 1, at, simd.mul(d, d), weight);
    descend(simd, rate, part, at, d);
}

#[inline(always)]
pub(crate) fn ada_max<S: Simd>(
    simd: S,
    [rate, weight_1, beta_2, epsilon]: [S::F32s; 4],
    part: &mut Part,
    at: usize,
    g: S::F32s,
) {
    let m = mean(simd, part, 0, at, g, weight_1);
    let u = simd.max(simd.mul(beta_2, get(simd, part.states[1], at)), simd.add(simd.abs(g), epsilon));
    set(simd, part.states[1], at, u);
    subtract(simd, part, at, simd.div(simd.mul(rate, m), u));
}

#[inline(always)]
pub(crate) fn nadam<S: Simd>(
    simd: S,
    [now, rate, weight_1, weight_2, epsilon]: [S::F32s; 5],
    part: &mut Part,
    at: usize,
    g: S::F32s,
) {
    let [m, v] = moments(simd, [weight_1, weight_2], part, at, g);
    let ahead = simd.mul_add(now, g, simd.mul(rate, m));
    subtract(simd, part, at, simd.div(ahead, simd.add(simd.sqrt(v), epsilon)));
}

#[inline(always)]
pub(crate) fn radam<S: Simd>(
    simd: S,
    [rate, weight_1, weight_2, root, epsilon]: [S::F32s; 5],
    part: &mut Part,
    at: usize,
    g: S::F32s,
) {
    let [m, v] = moments(simd, [weight_1, weight_2], part, at, g);
    let below = simd.mul_add(root, simd.sqrt(v), epsilon);
    subtract(simd, part, at, simd.div(simd.mul(rate, m), below));
}

#[inline(always)]
pub(crate) fn ams_grad<S: Simd>(
    simd: S,
    [rate, weight_1, weight_2, epsilon]: [S::F32s; 4],
    part: &mut Part,
    at: usize,
    g: S::F32s,
) {
    let [m, v] = moments(simd, [weight_1, weight_2], part, at, g);
    let u = simd.max(get(simd, part.states[2], at), v);
    set(simd, part.states[2], at, u);
    subtract(simd, part, at, simd.div(simd.mul(rate, m), simd.add(simd.sqrt(u), epsilon)));
}

#[inline(always)]
pub(crate) fn ada_belief<S: Simd>(
    simd: S,
    [rate, weight_1, weight_2, added, epsilon]: [S::F32s; 5],
    part: &mut Part,
    at: usize,
    g: S::F32s,
) {
    let m = mean(simd, part, 0, at, g, weight_1);
    let off = simd.sub(g, m);
    let v = toward(simd, get(simd, part.states[1], at), simd.mul(off, off), weight_2);
    let v = simd.add(v, added);
    set(simd, part.states[1], at, v);
    subtract(simd, part, at, simd.div(simd.mul(rate, m), simd.add(simd.sqrt(v), epsilon)));
}

#[inline(always)]
pub(crate) fn oadam<S: Simd>(
    simd: S,
    [rate, weight_1, weight_2, epsilon]: [S::F32s; 4],
    part: &mut Part,
    at: usize,
    g: S::F32s,
) {
    let [m, v] = moments(simd, [weight_1, weight_2], part, at, g);
    let change = simd.div(simd.mul(rate, m), simd.add(simd.sqrt(v), epsilon));
    let last = get(simd, part.states[2], at);
    set(simd, part.states[2], at, change);
    subtract(simd, part, at, simd.sub(simd.add(change, change), last));
}

#[inline(always)]
pub(crate) fn lion<S: Simd>(simd: S, [rate, weight_1, weight_2]: [S::F32s; 3], part: &mut Part, at: usize, g: S::F32s) {
    let m = get(simd, part.states[0], at);
    let direction = sign(simd, toward(simd, m, g, weight_1));
    set(simd, part.states[0], at, toward(simd, m, g, weight_2));
    descend(simd, rate, part, at, direction);
}

/// m and v, the means of g and of its square, with this g.
#[inline(always)]
fn moments<S: Simd>(
    simd: S,
    [weight_1, weight_2]: [S::F32s; 2],
    part: &mut Part,
    at: usize,
    g: S::F32s,
) -> [S::F32s; 2] {
    let m = mean(simd, part, 0, at, g, weight_1);
    [m, mean(simd, part, 1, at, simd.mul(g, g), weight_2)]
}

/// The mean that `state` keeps, with this x.
#[inline(always)]
fn mean<S: Simd>(simd: S, part: &mut Part, state: usize, at: usize, x: S::F32s, weight: S::F32s) -> S::F32s {
    let mean = toward(simd, get(simd, part.states[state], at), x, weight);
    set(simd, part.states[state], at, mean);
    mean
}

/// w - change
#[inline(always)]
fn subtract<S: Simd>(simd: S, part: &mut Part, at: usize, change: S::F32s) {
    set(simd, part.weights, at, simd.sub(get(simd, part.weights, at), change));
}

/// w - rate v
#[inline(always)]
fn descend<S: Simd>(simd: S, rate: S::F32s, part: &mut Part, at: usize, v: S::F32s) {
    let rate = simd.sub(simd.splat(0.0), rate);
    set(simd, part.weights, at, simd.mul_add(rate, v, get(simd, part.weights, at)));
}

/// mean + weight (x - mean)
#[inline(always)]
fn toward<S: Simd>(simd: S, mean: S::F32s, x: S::F32s, weight: S::F32s) -> S::F32s {
    simd.mul_add(weight, simd.sub(x, mean), mean)
}
