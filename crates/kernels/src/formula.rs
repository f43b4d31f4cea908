//! The operations that a function or an activation consists of, in order: for code in another language that gives the same bits.
//!
//! They are not written down a second time: the function itself runs on a path that records them.

use std::cell::RefCell;

use crate::activation::{Activation, Function as _, with_function};
use crate::function::{self, Function};
use crate::isa::{Place, Recorder, Simd as _};

/// One IEEE operation on f32; others are named by their places among the operations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operation {
    /// The argument of the function.
    Argument,
    /// A number.
    Constant(f32),
    /// a + b
    Add(usize, usize),
    /// a - b
    Sub(usize, usize),
    /// a b
    Mul(usize, usize),
    /// a / b
    Div(usize, usize),
    /// The square root, correctly rounded.
    Sqrt(usize),
    /// a b + c, rounded once
    MulAdd(usize, usize, usize),
    /// `a > b ? a : b`
    Max(usize, usize),
    /// `a < b ? a : b`
    Min(usize, usize),
    /// `x > y ? a : b` of (x, y) and (a, b)
    SelectGreater([usize; 2], [usize; 2]),
    /// |a|
    Abs(usize),
    /// The magnitude of the first with the sign of the second.
    Copysign(usize, usize),
    /// The nearest whole number, ties to even.
    Round(usize),
    /// a 2^n rounded once, n a whole number of -252..=254 or a NaN, for which it is 0
    Scale(usize, usize),
    /// m of a = m 2^e with m in [sqrt(1/2), sqrt(2)), for positive normal a
    Mantissa(usize),
    /// e of a = m 2^e
    Exponent(usize),
}

/// A function of one number as a list of operations.
///
/// # Example
/// ```
/// use layerloop_kernels::formula::{Formula, Operation};
/// use layerloop_kernels::{Activation, function::Function};
/// let relu = Formula::of_activation(Activation::Relu);
/// assert_eq!(relu.operations, [Operation::Argument, Operation::Constant(0.0), Operation::Max(1, 0)]);
/// assert_eq!(Formula::of_function(Function::Exp).evaluate(1.0), std::f32::consts::E);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Formula {
    /// The operations: each reads earlier ones only, the last gives the result.
    pub operations: Vec<Operation>,
}

impl Operation {
    /// The places that it reads.
    fn reads(&mut self) -> Vec<&mut usize> {
        match self {
            Self::Argument | Self::Constant(_) => vec![],
            Self::Sqrt(a) | Self::Abs(a) | Self::Round(a) | Self::Mantissa(a) | Self::Exponent(a) => vec![a],
            Self::Add(a, b) | Self::Sub(a, b) | Self::Mul(a, b) | Self::Div(a, b) => vec![a, b],
            Self::Max(a, b) | Self::Min(a, b) | Self::Copysign(a, b) | Self::Scale(a, b) => vec![a, b],
            Self::MulAdd(a, b, c) => vec![a, b, c],
            Self::SelectGreater([x, y], [a, b]) => vec![x, y, a, b],
        }
    }
}

impl Formula {
    /// Of one of the elementary functions.
    #[must_use]
    pub fn of_function(function: Function) -> Self {
        Self::of(|recorder, x| match function {
            Function::Exp => function::exp(recorder, x),
            Function::Ln => function::ln(recorder, x),
            Function::Sigmoid => function::sigmoid(recorder, x),
            Function::Tanh => function::tanh(recorder, x),
            Function::Expm1 => function::expm1(recorder, x),
            Function::Ln1p => function::ln_1p(recorder, x),
            Function::NormalCdf => function::normal_cdf(recorder, x),
            Function::CosTurn => function::cos_turn(recorder, x),
            Function::SinTurn => function::sin_turn(recorder, x),
        })
    }

    /// Of an activation.
    #[must_use]
    pub fn of_activation(activation: Activation) -> Self {
        Self::of(|recorder, t| {
            with_function!(activation, |F, numbers| F::value(recorder, numbers.map(|x| recorder.splat(x)), t))
        })
    }

    fn of(body: impl FnOnce(Recorder, Place) -> Place) -> Self {
        let all = RefCell::new(vec![Operation::Argument]);
        let end = body(Recorder(&all), Place(0)).0;
        Self { operations: needed(all.into_inner(), end) }
    }

    /// Its value, operation by operation.
    #[must_use]
    pub fn evaluate(&self, x: f32) -> f32 {
        let mut values: Vec<f32> = Vec::with_capacity(self.operations.len());
        for operation in &self.operations {
            let v = |place: usize| values[place];
            values.push(match *operation {
                Operation::Argument => x,
                Operation::Constant(c) => c,
                Operation::Add(a, b) => v(a) + v(b),
                Operation::Sub(a, b) => v(a) - v(b),
                Operation::Mul(a, b) => v(a) * v(b),
                Operation::Div(a, b) => v(a) / v(b),
                Operation::Sqrt(a) => v(a).sqrt(),
                Operation::MulAdd(a, b, c) => v(a).mul_add(v(b), v(c)),
                Operation::Max(a, b) => {
                    if v(a) > v(b) {
                        v(a)
                    } else {
                        v(b)
                    }
                }
                Operation::Min(a, b) => {
                    if v(a) < v(b) {
                        v(a)
                    } else {
                        v(b)
                    }
                }
                Operation::SelectGreater([x, y], [a, b]) => {
                    if v(x) > v(y) {
                        v(a)
                    } else {
                        v(b)
                    }
                }
                Operation::Abs(a) => v(a).abs(),
                Operation::Copysign(a, sign) => v(a).copysign(v(sign)),
                Operation::Round(a) => v(a).round_ties_even(),
                Operation::Scale(a, n) => {
                    let n = v(n) as i32;
                    let power = |n: i32| f32::from_bits(((n + 127) as u32) << 23);
                    v(a) * power(n >> 1) * power(n - (n >> 1))
                }
                Operation::Mantissa(a) => f32::from_bits((v(a).to_bits() as i32 - (exponent(v(a)) << 23)) as u32),
                Operation::Exponent(a) => exponent(v(a)) as f32,
            });
        }
        values.last().copied().unwrap_or(x)
    }
}

/// e of a = m 2^e with m in [sqrt(1/2), sqrt(2)).
fn exponent(a: f32) -> i32 {
    (a.to_bits() as i32 - SQRT_HALF_BITS) >> 23
}

/// The bits of sqrt(1/2) as f32: where [`Operation::Mantissa`] begins.
pub const SQRT_HALF_BITS: i32 = 0x3f35_04f3;

/// The operations that the one at `end` needs, which becomes the last.
fn needed(mut all: Vec<Operation>, end: usize) -> Vec<Operation> {
    let mut is_needed = vec![false; all.len()];
    (is_needed[0], is_needed[end]) = (true, true);
    for at in (0..=end).rev().filter(|at| *at > 0) {
        if is_needed[at] {
            all[at].reads().into_iter().for_each(|place| is_needed[*place] = true);
        }
    }
    let mut places = vec![0; all.len()];
    let mut kept = Vec::new();
    for (at, mut operation) in all.into_iter().enumerate().take(end + 1) {
        if is_needed[at] {
            operation.reads().into_iter().for_each(|place| *place = places[*place]);
            places[at] = kept.len();
            kept.push(operation);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::Isa;
    use crate::matrix::{Matrix, RowsMut};

    fn numbers() -> Vec<f32> {
        let corners = [0.0, -0.0, 1e-30, -1e-30, 88.0, -104.5, 1e30, -1e30, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
        (0..4001).map(|i| (i as f32 - 2000.3) * 0.0073).chain(corners).collect()
    }

    fn same(a: f32, b: f32) -> bool {
        a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
    }

    #[test]
    fn what_is_recorded_gives_the_bits_of_the_function() {
        for &activation in Activation::ALL {
            let formula = Formula::of_activation(activation);
            let numbers = numbers();
            let mut row = Matrix::vector(numbers.len());
            let stride = row.stride();
            row.values_mut()[..numbers.len()].copy_from_slice(&numbers);
            let rows = RowsMut { values: row.values_mut(), stride };
            crate::activate(Isa::best(), activation, numbers.len(), rows, None);
            for (&t, &z) in numbers.iter().zip(row.values()) {
                let got = formula.evaluate(t);
                assert!(same(got, z), "{activation:?} of {t:e}: {got:e}, not {z:e}");
            }
        }
        for function in Function::ALL {
            let formula = Formula::of_function(function);
            for x in numbers().into_iter().filter(|x| function.takes(*x)) {
                let mut value = [x];
                function::apply(Isa::best(), function, &mut value);
                let got = formula.evaluate(x);
                assert!(same(got, value[0]), "{} of {x:e}: {got:e}, not {:e}", function.name(), value[0]);
            }
        }
    }
}
