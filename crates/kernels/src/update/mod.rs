//! The optimisers' rules, sixteen weights at a time.
//!
//! The few rules that most networks are trained with go straight from a finished tile of the gradient into the weights. For
//! the others, and where something comes before the rule, a block of the gradient waits in the first cache.

pub(crate) mod rule;

use std::ops::Range;

use crate::dense::WeightBlock;
use crate::isa::{Isa, Kernel, LANES, Simd};
use crate::lanes;

/// One step of an optimiser.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Update {
    /// What becomes of the gradient.
    pub rule: Rule,
    /// What comes before that, if anything.
    pub before: Option<Before>,
    /// What becomes of the gradient of biases, where that is the same rule with other scalars.
    pub of_biases: Option<Rule>,
}

impl From<Rule> for Update {
    fn from(rule: Rule) -> Self {
        Self { rule, before: None, of_biases: None }
    }
}

/// What comes before the rule.
///
/// g = min(max(-clip, scale g), clip) + l2 w + l1 sign(w); w -= decay w
///
/// Biases and what belongs to columns do not decay: for them `l1`, `l2` and `decay` are 0, unless
/// `everywhere`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Before {
    /// Factor of the whole gradient.
    pub scale: f32,
    /// The largest component of the gradient; infinity for any.
    pub clip: f32,
    /// Weight of the sum of |w| in the loss.
    pub l1: f32,
    /// Weight of the sum of w^2 / 2 in the loss.
    pub l2: f32,
    /// Share of the weight that is lost, whatever the gradient.
    pub decay: f32,
    /// Whether biases and what belongs to columns decay too.
    pub everywhere: bool,
}

impl Before {
    /// What changes nothing.
    pub const NOTHING: Self = Self { scale: 1.0, clip: f32::INFINITY, l1: 0.0, l2: 0.0, decay: 0.0, everywhere: false };

    /// What comes before the rule for biases, and what belongs to columns.
    pub(crate) fn of_biases(self) -> Self {
        if self.everywhere { self } else { Self { l1: 0.0, l2: 0.0, decay: 0.0, ..self } }
    }
}

/// The rule of an optimiser, its scalars settled for this step.
///
/// With c_k = 1 - beta_k^t at step t, the corrections for the zero start of two means are in the scalars:
/// m / c_1 / (sqrt(v / c_2) + eps) is `rate` m / (sqrt(v) + `epsilon`) with `rate` = sqrt(c_2) / c_1 and
/// `epsilon` = eps sqrt(c_2). A weight whose gradients were all 0 moves by none of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
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
    /// v += (1 - alpha)(g^2 - v); w -= rate g / (sqrt(v) + epsilon)
    RmsProp {
        /// Learning rate.
        rate: f32,
        /// 1 - alpha
        weight: f32,
        /// Keeps the divisor from 0.
        epsilon: f32,
    },
    /// s = min(max(least, f s), most) with f = grow, shrink or 1 where g has the sign of the last one, the other, or either
    /// is 0; w -= s sign(g), unless f = shrink, after which g counts as 0
    Rprop {
        /// The first step: s before any.
        start: f32,
        /// Factor after a change of sign.
        shrink: f32,
        /// Factor where the sign stays.
        grow: f32,
        /// The smallest step, above 0: an s of 0 means `start`.
        least: f32,
        /// The largest step.
        most: f32,
    },
    /// v += g^2; w -= rate g / (sqrt(v) + epsilon)
    AdaGrad {
        /// Learning rate.
        rate: f32,
        /// Keeps the divisor from 0.
        epsilon: f32,
    },
    /// v += (1 - rho)(g^2 - v); d = sqrt(u + epsilon) / sqrt(v + epsilon) g; u += (1 - rho)(d^2 - u); w -= rate d
    AdaDelta {
        /// Learning rate.
        rate: f32,
        /// 1 - rho
        weight: f32,
        /// Keeps the roots from 0.
        epsilon: f32,
    },
    /// m += (1 - beta_1)(g - m); u = max(beta_2 u, |g| + epsilon); w -= rate m / u
    AdaMax {
        /// Corrected learning rate.
        rate: f32,
        /// 1 - beta_1
        weight_1: f32,
        /// Share of the largest gradient that is kept.
        beta_2: f32,
        /// Keeps the divisor from 0.
        epsilon: f32,
    },
    /// m and v of Adam; w -= (now g + rate m) / (sqrt(v) + epsilon)
    NAdam {
        /// Corrected learning rate of the gradient itself.
        now: f32,
        /// Corrected learning rate of its mean.
        rate: f32,
        /// 1 - beta_1
        weight_1: f32,
        /// 1 - beta_2
        weight_2: f32,
        /// Corrected epsilon.
        epsilon: f32,
    },
    /// m and v of Adam; w -= rate m / (root sqrt(v) + epsilon)
    RAdam {
        /// Corrected learning rate.
        rate: f32,
        /// 1 - beta_1
        weight_1: f32,
        /// 1 - beta_2
        weight_2: f32,
        /// 1, or 0 as long as v says too little; `epsilon` is 1 then.
        root: f32,
        /// Keeps the divisor from 0.
        epsilon: f32,
    },
    /// m and v of Adam; u = max(u, v); w -= rate m / (sqrt(u) + epsilon)
    AmsGrad {
        /// Corrected learning rate.
        rate: f32,
        /// 1 - beta_1
        weight_1: f32,
        /// 1 - beta_2
        weight_2: f32,
        /// Corrected epsilon.
        epsilon: f32,
    },
    /// m of Adam; v += (1 - beta_2)((g - m)^2 - v), then v += added; w -= rate m / (sqrt(v) + epsilon)
    AdaBelief {
        /// Corrected learning rate.
        rate: f32,
        /// 1 - beta_1
        weight_1: f32,
        /// 1 - beta_2
        weight_2: f32,
        /// Epsilon itself.
        added: f32,
        /// Corrected epsilon.
        epsilon: f32,
    },
    /// m and v of Adam; w -= 2 d - d_last with d = rate m / (sqrt(v) + epsilon)
    OAdam {
        /// Corrected learning rate.
        rate: f32,
        /// 1 - beta_1
        weight_1: f32,
        /// 1 - beta_2
        weight_2: f32,
        /// Corrected epsilon.
        epsilon: f32,
    },
    /// w -= rate sign(m + (1 - beta_1)(g - m)); m += (1 - beta_2)(g - m)
    Lion {
        /// Learning rate.
        rate: f32,
        /// 1 - beta_1
        weight_1: f32,
        /// 1 - beta_2
        weight_2: f32,
    },
}

/// The most values that a rule keeps for each weight.
pub const STATES: usize = 3;

impl Rule {
    /// How many values the rule keeps for each weight.
    #[must_use]
    pub fn states(self) -> usize {
        match self {
            Self::Sgd { .. } => 0,
            Self::Momentum { .. } | Self::Nesterov { .. } | Self::RmsProp { .. } => 1,
            Self::AdaGrad { .. } | Self::Lion { .. } => 1,
            Self::Adam { .. } | Self::NAdam { .. } | Self::RAdam { .. } | Self::AdaBelief { .. } => 2,
            Self::Rprop { .. } | Self::AdaDelta { .. } | Self::AdaMax { .. } => 2,
            Self::AmsGrad { .. } | Self::OAdam { .. } => 3,
        }
    }
}

impl Rule {
    /// The rule for weights w = unit v, of which v is what is learned: its step, and what keeps a divisor from 0, are v's.
    ///
    /// `None` for rules whose numbers cannot say that.
    #[must_use]
    pub fn in_units(self, unit: f32) -> Option<Self> {
        let square = unit * unit;
        Some(match self {
            Self::Sgd { rate } => Self::Sgd { rate: rate * square },
            Self::Momentum { rate, momentum } => Self::Momentum { rate: rate * square, momentum },
            Self::Nesterov { rate, momentum } => Self::Nesterov { rate: rate * square, momentum },
            Self::Adam { rate, weight_1, weight_2, epsilon } => {
                Self::Adam { rate: rate * unit, weight_1, weight_2, epsilon: epsilon / unit }
            }
            Self::Lion { rate, weight_1, weight_2 } => Self::Lion { rate: rate * unit, weight_1, weight_2 },
            _ => return None,
        })
    }
}

impl Update {
    /// Whether the tiles of a product take the step before they are stored. In every size of tile the other rules would fill the
    /// instruction cache.
    pub(crate) fn in_tiles(self) -> bool {
        let common =
            matches!(self.rule, Rule::Sgd { .. } | Rule::Momentum { .. } | Rule::Nesterov { .. } | Rule::Adam { .. });
        common && self.before.is_none() && self.of_biases.is_none()
    }

    /// The step of biases, and of what belongs to columns.
    #[must_use]
    pub fn of_biases(self) -> Self {
        Self { before: self.before.map(Before::of_biases), ..self }
    }
}

/// Some weights and what the optimiser keeps for them; a state that the rule does not use is empty.
#[derive(Debug)]
pub struct Part<'a> {
    /// The weights.
    pub weights: &'a mut [f32],
    /// What the rule keeps, in the order of its equation: velocity, first moment, second moment, ...
    pub states: [&'a mut [f32]; STATES],
}

impl Part<'_> {
    /// Panics unless every state that `rule` uses is as long as the weights.
    pub(crate) fn check(&self, rule: Rule) {
        let states = self.states.each_ref().map(|state| state.len());
        let right = states[..rule.states()].iter().all(|&len| len == self.weights.len());
        assert!(right, "{} weights, states of {states:?}", self.weights.len());
    }
}

/// One step for the weights of `block`, which `part` holds.
///
/// # Shapes
/// `gradient`: the block's rows side by side, as wide as its panel, even where the rows of the weights are listed and lie
/// apart. It is changed by what comes before the rule.
///
/// # Panics
/// If the slices do not have these shapes.
pub fn update(isa: Isa, update: Update, block: WeightBlock, part: Part, gradient: &mut [f32]) {
    assert_eq!(part.weights.len(), block.range().len(), "the block's weights");
    assert_eq!(gradient.len(), block.rows * block.panel.width, "a gradient for each weight");
    part.check(update.rule);
    if let Some(before) = update.before {
        isa.run(Prepared { before, block, weights: &mut *part.weights, gradient: &mut *gradient });
    }
    let biases = usize::from(block.bias && update.of_biases.is_some());
    let Part { weights, states: [first, second, third] } = part;
    let mut step = |rule, rows| {
        let states = [&mut *first, &mut *second, &mut *third];
        isa.run(Stepped { rule, block, rows, part: Part { weights: &mut *weights, states }, gradient: &*gradient });
    };
    step(update.rule, 0..block.rows - biases.min(block.rows));
    if let Some(rule) = update.of_biases.filter(|_| biases > 0) {
        assert_eq!(rule.states(), update.rule.states(), "states of two rules");
        step(rule, block.rows - 1..block.rows);
    }
}

/// Runs `body` for every vector of a block, with its place in the gradient and among the weights.
macro_rules! for_each_place {
    ($block:expr, $rows:expr, |$row:ident, $from:ident, $at:ident| $body:expr) => {
        for $row in $rows {
            for column in (0..$block.panel.width).step_by(LANES) {
                let ($from, $at) = ($row * $block.panel.width + column, $block.place($block.row + $row, column));
                $body
            }
        }
    };
}

struct Stepped<'a> {
    rule: Rule,
    block: WeightBlock<'a>,
    rows: Range<usize>,
    part: Part<'a>,
    gradient: &'a [f32],
}

impl Kernel for Stepped<'_> {
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        step!(simd, self.rule, all, |update, scalars| for_each_place!(self.block, self.rows, |row, from, at| {
            update(simd, scalars, &mut self.part, at, get(simd, self.gradient, from));
        }));
    }
}

struct Prepared<'a> {
    before: Before,
    block: WeightBlock<'a>,
    weights: &'a mut [f32],
    gradient: &'a mut [f32],
}

impl Kernel for Prepared<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { before, block, weights, gradient } = self;
        for_each_place!(block, 0..block.rows, |row, from, at| {
            let bias = block.bias && row + 1 == block.rows;
            let before = if bias { before.of_biases() } else { before };
            let (w, g) = (get(simd, weights, at), get(simd, gradient, from));
            // What is not a number stays that: it is the second operand of `max` and `min`.
            let g = simd.mul(simd.splat(before.scale), g);
            let g = simd.min(simd.splat(before.clip), simd.max(simd.splat(-before.clip), g));
            let g = simd.mul_add(simd.splat(before.l2), w, g);
            let g = simd.mul_add(simd.splat(before.l1), sign(simd, w), g);
            lanes::store(simd, gradient, from, g);
            lanes::store(simd, weights, at, simd.mul_add(simd.splat(-before.decay), w, w));
        });
    }
}

/// 1, -1, or 0 of 0
#[inline(always)]
fn sign<S: Simd>(simd: S, x: S::F32s) -> S::F32s {
    let [zero, one] = [0.0, 1.0].map(|x| simd.splat(x));
    simd.copysign(simd.select_gt(simd.abs(x), zero, one, zero), x)
}

/// Sixteen values from `at` on.
#[inline(always)]
fn get<S: Simd>(simd: S, values: &[f32], at: usize) -> S::F32s {
    lanes::load(simd, values, at)
}

/// Replaces sixteen values from `at` on.
#[inline(always)]
fn set<S: Simd>(simd: S, values: &mut [f32], at: usize, new: S::F32s) {
    lanes::store(simd, values, at, new);
}

/// Runs `body` with `update` bound to the function of [`rule`] and `scalars` to its scalars: one branch for all lanes.
/// A closure in its place is not always inlined, and then runs without the instruction set.
///
/// `tiles` is there for what [`Update::in_tiles`], `all` for every rule.
macro_rules! step {
    ($simd:ident, $rule:expr, tiles, |$update:ident, $scalars:ident| $body:expr) => {
        step!(match $rule, $simd, $update, $scalars, $body, skip,
            Sgd sgd [rate], Momentum momentum [rate, momentum], Nesterov nesterov [rate, momentum],
            Adam adam [rate, weight_1, weight_2, epsilon])
    };
    ($simd:ident, $rule:expr, all, |$update:ident, $scalars:ident| $body:expr) => {
        step!(match $rule, $simd, $update, $scalars, $body,,
            Sgd sgd [rate], Momentum momentum [rate, momentum], Nesterov nesterov [rate, momentum],
            Adam adam [rate, weight_1, weight_2, epsilon], RmsProp rms_prop [rate, weight, epsilon],
            Rprop rprop [start, shrink, grow, least, most], AdaGrad ada_grad [rate, epsilon],
            AdaDelta ada_delta [rate, weight, epsilon], AdaMax ada_max [rate, weight_1, beta_2, epsilon],
            NAdam nadam [now, rate, weight_1, weight_2, epsilon], RAdam radam [rate, weight_1, weight_2, root, epsilon],
            AmsGrad ams_grad [rate, weight_1, weight_2, epsilon],
            AdaBelief ada_belief [rate, weight_1, weight_2, added, epsilon],
            OAdam oadam [rate, weight_1, weight_2, epsilon], Lion lion [rate, weight_1, weight_2])
    };
    (match $rule:expr, $simd:ident, $update:ident, $scalars:ident, $body:expr, $($skip:ident)?,
     $($variant:ident $function:ident $scalar:tt),*) => {
        match $rule {
            $(step!(pattern $variant $scalar) => {
                use crate::update::rule::$function as $update;
                let $scalars = step!(splat $simd $scalar);
                $body
            })*
            $(_ => step!($skip),)?
        }
    };
    (skip) => { () };
    (pattern $variant:ident [$($name:ident),*]) => { crate::update::Rule::$variant { $($name),* } };
    (splat $simd:ident [$($name:ident),*]) => { [$($simd.splat($name)),*] };
}
pub(crate) use step;
