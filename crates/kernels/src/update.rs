//! The optimisers' rules, sixteen weights at a time.

use crate::isa::{Isa, Kernel, LANES, Simd};

/// One step of an optimiser, its scalars settled for this step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Update {
    /// w -= rate g
    Sgd {
        /// Learning rate.
        rate: f32,
    },
    /// v = momentum v + g; w -= rate v
    Momentum {
        /// Learning rate.
        rate: f32,
        /// Share of the velocity that is kept.
        momentum: f32,
    },
    /// v = momentum v + g; w -= rate (g + momentum v)
    Nesterov {
        /// Learning rate.
        rate: f32,
        /// Share of the velocity that is kept.
        momentum: f32,
    },
    /// m += (1 - beta_1)(g - m); v += (1 - beta_2)(g^2 - v); w -= rate m / (sqrt(v) + epsilon)
    ///
    /// The corrections for the zero start are in the scalars: at step t, with c_k = 1 - beta_k^t, `rate` is
    /// lr sqrt(c_2) / c_1 and `epsilon` is eps sqrt(c_2).
    Adam {
        /// Corrected learning rate.
        rate: f32,
        /// 1 - beta_1
        weight_1: f32,
        /// 1 - beta_2
        weight_2: f32,
        /// Corrected epsilon.
        epsilon: f32,
    },
}

impl Update {
    /// How many values the rule keeps for each weight.
    #[must_use]
    pub fn states(self) -> usize {
        match self {
            Self::Sgd { .. } => 0,
            Self::Momentum { .. } | Self::Nesterov { .. } => 1,
            Self::Adam { .. } => 2,
        }
    }
}

/// Some weights and what the optimiser keeps for them; a state that the rule does not use is empty.
#[derive(Debug)]
pub struct Part<'a> {
    /// The weights.
    pub weights: &'a mut [f32],
    /// First moment, or velocity.
    pub first: &'a mut [f32],
    /// Second moment.
    pub second: &'a mut [f32],
}

impl Part<'_> {
    /// Panics unless every state that `rule` uses is as long as the weights.
    pub(crate) fn check(&self, rule: Update) {
        let states = [self.first.len(), self.second.len()];
        let right = states[..rule.states()].iter().all(|&len| len == self.weights.len());
        assert!(right, "{} weights, states of {states:?}", self.weights.len());
    }
}

/// One step for `part`, whose gradient is `gradient`.
///
/// # Panics
/// If the slices differ in length or are not whole vectors of sixteen.
pub fn update(isa: Isa, rule: Update, part: Part, gradient: &[f32]) {
    struct Flat<'a> {
        rule: Update,
        part: Part<'a>,
        gradient: &'a [f32],
    }
    impl Kernel for Flat<'_> {
        #[inline(always)]
        fn run<S: Simd>(mut self, simd: S) {
            step!(simd, self.rule, |update, scalars| for at in (0..self.gradient.len()).step_by(LANES) {
                update(simd, scalars, &mut self.part, at, get(simd, self.gradient, at));
            });
        }
    }
    assert_eq!(gradient.len(), part.weights.len(), "a gradient for each weight");
    assert!(gradient.len().is_multiple_of(LANES), "whole vectors");
    part.check(rule);
    isa.run(Flat { rule, part, gradient });
}

/// Sixteen values from `at` on.
#[inline(always)]
fn get<S: Simd>(simd: S, values: &[f32], at: usize) -> S::F32s {
    let lanes = &values[at..at + LANES];
    // SAFETY: `lanes` has sixteen values.
    unsafe { simd.load(lanes.as_ptr()) }
}

/// Replaces sixteen values from `at` on.
#[inline(always)]
fn set<S: Simd>(simd: S, values: &mut [f32], at: usize, new: S::F32s) {
    let lanes = &mut values[at..at + LANES];
    // SAFETY: `lanes` has sixteen values.
    unsafe { simd.store(lanes.as_mut_ptr(), new) }
}

/// The rules on the sixteen weights of `part` from `at` on, whose gradient is g.
pub(crate) mod rule {
    use super::*;

    #[inline(always)]
    pub(crate) fn sgd<S: Simd>(simd: S, [rate]: [S::F32s; 1], part: &mut Part, at: usize, g: S::F32s) {
        descend(simd, rate, part, at, g);
    }

    #[inline(always)]
    pub(crate) fn momentum<S: Simd>(simd: S, [rate, momentum]: [S::F32s; 2], part: &mut Part, at: usize, g: S::F32s) {
        let v = simd.mul_add(momentum, get(simd, part.first, at), g);
        set(simd, part.first, at, v);
        descend(simd, rate, part, at, v);
    }

    #[inline(always)]
    pub(crate) fn nesterov<S: Simd>(simd: S, [rate, momentum]: [S::F32s; 2], part: &mut Part, at: usize, g: S::F32s) {
        let v = simd.mul_add(momentum, get(simd, part.first, at), g);
        set(simd, part.first, at, v);
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
        let m = toward(simd, get(simd, part.first, at), g, weight_1);
        set(simd, part.first, at, m);
        let v = toward(simd, get(simd, part.second, at), simd.mul(g, g), weight_2);
        set(simd, part.second, at, v);
        let change = simd.div(simd.mul(rate, m), simd.add(simd.sqrt(v), epsilon));
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
}

/// Runs `body` with `update` bound to the function of [`rule`] and `scalars` to its scalars: one branch for all lanes.
/// A closure in its place is not always inlined, and then runs without the instruction set.
macro_rules! step {
    ($simd:ident, $rule:expr, |$update:ident, $scalars:ident| $body:expr) => {
        step!(match $rule, $simd, $update, $scalars, $body,
            Sgd sgd [rate], Momentum momentum [rate, momentum], Nesterov nesterov [rate, momentum],
            Adam adam [rate, weight_1, weight_2, epsilon])
    };
    (match $rule:expr, $simd:ident, $update:ident, $scalars:ident, $body:expr,
     $($variant:ident $function:ident $scalar:tt),*) => {
        match $rule {
            $(step!(pattern $variant $scalar) => {
                use crate::update::rule::$function as $update;
                let $scalars = step!(splat $simd $scalar);
                $body
            })*
        }
    };
    (pattern $variant:ident [$($name:ident),*]) => { crate::update::Update::$variant { $($name),* } };
    (splat $simd:ident [$($name:ident),*]) => { [$($simd.splat($name)),*] };
}
pub(crate) use step;
