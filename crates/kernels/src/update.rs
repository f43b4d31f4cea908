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
        fn run<S: Simd>(self, simd: S) {
            step!(simd, self.rule, self.part, |update| for (i, g) in self.gradient.chunks_exact(LANES).enumerate() {
                // SAFETY: the chunk has sixteen values.
                update(i * LANES, unsafe { simd.load(g.as_ptr()) });
            });
        }
    }
    assert_eq!(gradient.len(), part.weights.len(), "a gradient for each weight");
    assert!(gradient.len().is_multiple_of(LANES), "whole vectors");
    part.check(rule);
    isa.run(Flat { rule, part, gradient });
}

/// Sixteen weights or states at `at`, loaded, changed and stored.
#[inline(always)]
pub(crate) fn change<S: Simd>(simd: S, values: &mut [f32], at: usize, f: impl FnOnce(S::F32s) -> S::F32s) -> S::F32s {
    let lanes = &mut values[at..at + LANES];
    // SAFETY: `lanes` has sixteen values.
    unsafe {
        let new = f(simd.load(lanes.as_ptr()));
        simd.store(lanes.as_mut_ptr(), new);
        new
    }
}

/// Runs `body` with `update(at, gradient)` bound to the rule's step on sixteen weights: one branch for all of them.
macro_rules! step {
    ($simd:ident, $rule:expr, $part:expr, |$update:ident| $body:expr) => {{
        use crate::update::{Update, change};
        let (weights, first, second) = (&mut *$part.weights, &mut *$part.first, &mut *$part.second);
        match $rule {
            Update::Sgd { rate } => {
                let rate = $simd.splat(-rate);
                let mut $update = |at: usize, g| {
                    change($simd, weights, at, |w| $simd.mul_add(rate, g, w));
                };
                $body
            }
            Update::Momentum { rate, momentum } => {
                let (rate, momentum) = ($simd.splat(-rate), $simd.splat(momentum));
                let mut $update = |at: usize, g| {
                    let v = change($simd, first, at, |v| $simd.mul_add(momentum, v, g));
                    change($simd, weights, at, |w| $simd.mul_add(rate, v, w));
                };
                $body
            }
            Update::Nesterov { rate, momentum } => {
                let (rate, momentum) = ($simd.splat(-rate), $simd.splat(momentum));
                let mut $update = |at: usize, g| {
                    let v = change($simd, first, at, |v| $simd.mul_add(momentum, v, g));
                    change($simd, weights, at, |w| $simd.mul_add(rate, $simd.mul_add(momentum, v, g), w));
                };
                $body
            }
            Update::Adam { rate, weight_1, weight_2, epsilon } => {
                let (rate, epsilon) = ($simd.splat(-rate), $simd.splat(epsilon));
                let (weight_1, weight_2) = ($simd.splat(weight_1), $simd.splat(weight_2));
                let mut $update = |at: usize, g| {
                    let toward = |mean, x, weight| $simd.mul_add(weight, $simd.sub(x, mean), mean);
                    let m = change($simd, first, at, |m| toward(m, g, weight_1));
                    let v = change($simd, second, at, |v| toward(v, $simd.mul(g, g), weight_2));
                    let size = $simd.add($simd.sqrt(v), epsilon);
                    change($simd, weights, at, |w| $simd.add(w, $simd.div($simd.mul(rate, m), size)));
                };
                $body
            }
        }
    }};
}
pub(crate) use step;
