//! Functions of one number, as graphs compose them of several nodes, and the activations that they are.
//!
//! Tools write one activation in many ways. So its form is not compared, but its values: a function that agrees with an activation at
//! some hundred numbers to 1e-5 is that activation.

use std::rc::Rc;

use layerloop::network::Activation;
use layerloop_kernels::formula::Formula;

/// A function of t.
#[derive(Debug, Clone)]
pub(super) enum Expression {
    /// t
    T,
    Number(f64),
    Activation(Activation, Rc<Expression>),
    /// A function of one number by its operator.
    Of(&'static str, Rc<Expression>),
    /// An operator of two.
    Two(&'static str, Rc<Expression>, Rc<Expression>),
    /// min(max(t, least), most)
    Clip(Rc<Expression>, f64, f64),
}

/// What an expression is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Known {
    /// a t + b
    Affine(f64, f64),
    Activation(Activation),
}

/// Operators of one number that are functions by themselves.
pub(super) const OF_ONE: [&str; 7] = ["Erf", "Exp", "Log", "Sqrt", "Abs", "Neg", "Reciprocal"];

impl Expression {
    /// Nodes in it, counted as often as they are used.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::T | Self::Number(_) => 1,
            Self::Activation(_, inner) | Self::Of(_, inner) | Self::Clip(inner, ..) => inner.size().saturating_add(1),
            Self::Two(_, a, b) => a.size().saturating_add(b.size()).saturating_add(1),
        }
    }

    pub(super) fn is_t(&self) -> bool {
        matches!(self, Self::T)
    }

    /// Its value at t.
    pub(super) fn at(&self, t: f64) -> f64 {
        match self {
            Self::T => t,
            Self::Number(number) => *number,
            Self::Activation(activation, inner) => of_activation(*activation, inner.at(t)),
            Self::Clip(inner, least, most) => inner.at(t).max(*least).min(*most),
            Self::Of(op, inner) => {
                let x = inner.at(t);
                match *op {
                    "Erf" => libm::erf(x),
                    "Exp" => libm::exp(x),
                    "Log" => libm::log(x),
                    "Sqrt" => libm::sqrt(x),
                    "Abs" => x.abs(),
                    "Reciprocal" => 1.0 / x,
                    _ => -x,
                }
            }
            Self::Two(op, a, b) => {
                let (a, b) = (a.at(t), b.at(t));
                match *op {
                    "Add" => a + b,
                    "Sub" => a - b,
                    "Mul" => a * b,
                    "Div" => a / b,
                    "Pow" => libm::pow(a, b),
                    "Max" => a.max(b),
                    _ => a.min(b),
                }
            }
        }
    }

    /// Whether both have these values everywhere.
    pub(super) fn agrees(&self, other: impl Fn(f64) -> f64) -> bool {
        let near = |t: f64| {
            let (a, b) = (self.at(t), other(t));
            (a - b).abs() <= 1e-5 * (1.0 + b.abs())
        };
        (-160..=160).all(|i| near(f64::from(i) * 0.0625 + 0.003))
    }

    /// The layers that it is, from the inside out; `None` where it is none.
    pub(super) fn recognise(&self) -> Option<Vec<Known>> {
        if self.is_t() {
            return Some(vec![]);
        }
        if let Self::Activation(activation, inner) = self {
            let mut all = inner.recognise()?;
            all.push(Known::Activation(*activation));
            return Some(all);
        }
        let (b, a) = (self.at(0.0), self.at(1.0) - self.at(0.0));
        if self.agrees(|t| a * t + b) {
            return Some(vec![Known::Affine(a, b)]);
        }
        if let Some(&activation) = Activation::ALL.iter().find(|a| self.agrees(|t| of_activation(**a, t))) {
            return Some(vec![Known::Activation(activation)]);
        }
        self.around()
    }

    /// An affine function of another expression.
    fn around(&self) -> Option<Vec<Known>> {
        let (inner, a, b) = match self {
            Self::Of("Neg", inner) => (inner, -1.0, 0.0),
            Self::Two(op, inner, number) if matches!(**number, Self::Number(_)) => {
                let c = number.at(0.0);
                match *op {
                    "Add" => (inner, 1.0, c),
                    "Sub" => (inner, 1.0, -c),
                    "Mul" => (inner, c, 0.0),
                    "Div" => (inner, 1.0 / c, 0.0),
                    _ => return None,
                }
            }
            Self::Two(op, number, inner) if matches!(**number, Self::Number(_)) => {
                let c = number.at(0.0);
                match *op {
                    "Add" => (inner, 1.0, c),
                    "Sub" => (inner, -1.0, c),
                    "Mul" => (inner, c, 0.0),
                    _ => return None,
                }
            }
            _ => return None,
        };
        let mut all = inner.recognise()?;
        all.push(Known::Affine(a, b));
        Some(all)
    }
}

fn of_activation(activation: Activation, t: f64) -> f64 {
    match activation {
        Activation::Identity => t,
        Activation::Relu => t.max(0.0),
        Activation::Tanh => libm::tanh(t),
        Activation::Sigmoid => 1.0 / (1.0 + libm::exp(-t)),
        _ => Formula::of_activation(activation).evaluate(t as f32).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activations_are_known_by_their_values() {
        let t = || Rc::new(Expression::T);
        let number = |x| Rc::new(Expression::Number(x));
        // t (1 + erf(t / sqrt 2)) / 2, as PyTorch writes it
        let erf =
            Rc::new(Expression::Of("Erf", Rc::new(Expression::Two("Div", t(), number(std::f64::consts::SQRT_2)))));
        let sum = Rc::new(Expression::Two("Add", erf, number(1.0)));
        let gelu = Expression::Two("Mul", Rc::new(Expression::Two("Mul", t(), sum)), number(0.5));
        assert_eq!(gelu.recognise(), Some(vec![Known::Activation(Activation::Gelu)]));
        let sigmoid = Rc::new(Expression::Activation(Activation::Sigmoid, t()));
        let swish = Expression::Two("Mul", t(), sigmoid.clone());
        assert_eq!(swish.recognise(), Some(vec![Known::Activation(Activation::Swish)]));
        let minus = Expression::Two("Sub", number(1.0), sigmoid);
        let parts = vec![Known::Activation(Activation::Sigmoid), Known::Affine(-1.0, 1.0)];
        assert_eq!(minus.recognise(), Some(parts));
        assert_eq!(Expression::Of("Exp", t()).recognise(), None);
    }
}
