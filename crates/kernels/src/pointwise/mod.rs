//! Activation functions on sixteen lanes: value and derivative.
//!
//! Definitions are those of PyTorch (torch.nn.functional) and Flux.jl (NNlib.jl, activations.jl). The derivative at a kink is
//! that of the flat side, or of the side that is further left where neither is flat.

pub(crate) mod both;
pub(crate) mod derivative;
pub(crate) mod value;

use crate::isa::{Isa, Kernel, LANES, Simd};
use crate::matrix::{Rows, RowsMut};

crate::named_enum! {
    /// An activation function sigma, applied component by component.
    pub enum Activation: "activation" {
        /// sigma(t) = t
        Identity = "identity" | "linear" | "none",
        /// sigma(t) = 1 / (1 + e^{-t})
        Sigmoid = "sigmoid" | "logistic",
        /// sigma(t) = (e^t - e^{-t}) / (e^t + e^{-t})
        Tanh = "tanh",
        /// sigma(t) = max(0, t), with derivative 0 at 0
        Relu = "relu",
        /// sigma(t) = min(max(0, t + 3), 6) / 6
        HardSigmoid = "hardsigmoid",
        /// sigma(t) = -ln(1 + e^{-t})
        LogSigmoid = "logsigmoid",
        /// sigma(t) = min(max(-1, t), 1)
        HardTanh = "hardtanh",
        /// sigma(t) = min(max(0, t), 6)
        Relu6 = "relu6",
        /// sigma(t) = t where t > 0, else a t
        LeakyRelu = "leakyrelu" | "lrelu" {
            /// The slope below 0.
            a: f32 = 0.01, "a number above 0" if a > 0.0 && a.is_finite(),
        },
        /// sigma(t) = t where t > 0, else a (e^t - 1)
        Elu = "elu" {
            /// Minus the limit at -infinity.
            a: f32 = 1.0, "a number above 0" if a > 0.0 && a.is_finite(),
        },
        /// sigma(t) = t where t > 0, else a (e^{t/a} - 1)
        Celu = "celu" {
            /// Minus the limit at -infinity.
            a: f32 = 1.0, "a number above 0" if a > 0.0 && a.is_finite(),
        },
        /// sigma(t) = 1.0507 t where t > 0, else 1.0507 * 1.6733 (e^t - 1)
        ///
        /// Source: Klambauer et al. 2017, whose two numbers are taken with all their digits.
        Selu = "selu",
        /// sigma(t) = t Phi(t), Phi the distribution function of the standard normal
        Gelu = "gelu",
        /// sigma(t) = t (1 + tanh(sqrt(2/pi) (t + 0.044715 t^3))) / 2
        GeluTanh = "gelu-tanh" | "gelu-new",
        /// sigma(t) = t / (1 + e^{-t})
        Swish = "swish" | "silu",
        /// sigma(t) = t min(max(0, t + 3), 6) / 6
        HardSwish = "hardswish" | "hard-silu",
        /// sigma(t) = t tanh(ln(1 + e^t))
        Mish = "mish",
        /// sigma(t) = ln(1 + e^t)
        Softplus = "softplus",
        /// sigma(t) = t / (1 + |t|)
        Softsign = "softsign",
        /// sigma(t) = t - lambda where t > lambda, t + lambda where t < -lambda, else 0
        SoftShrink = "softshrink" {
            /// Half the width of what becomes 0.
            lambda: f32 = 0.5, "a number, at least 0" if lambda >= 0.0 && lambda.is_finite(),
        },
        /// sigma(t) = t where |t| > lambda, else 0
        HardShrink = "hardshrink" {
            /// Half the width of what becomes 0.
            lambda: f32 = 0.5, "a number, at least 0" if lambda >= 0.0 && lambda.is_finite(),
        },
        /// sigma(t) = t - tanh t
        TanhShrink = "tanhshrink",
        /// sigma(t) = ln((e^t + e^{-t}) / 2)
        LogCosh = "logcosh",
        /// sigma(t) = t where t > theta, else 0
        Trelu = "trelu" {
            /// Where it begins.
            theta: f32 = 1.0, "a number, at least 0" if theta >= 0.0 && theta.is_finite(),
        },
        /// sigma(t) = t tanh t
        Lisht = "lisht",
    }
}

/// From what the way back takes sigma'(t).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slope {
    /// From z = sigma(t), of which it is a function.
    OfOutput,
    /// From where the way forward has stored it, beside z.
    Stored,
}

impl Activation {
    /// From what the way back takes sigma'(t).
    #[must_use]
    pub fn slope(self) -> Slope {
        match self {
            Self::Gelu | Self::GeluTanh | Self::Swish | Self::HardSwish | Self::Mish => Slope::Stored,
            Self::TanhShrink | Self::LogCosh | Self::Lisht => Slope::Stored,
            Self::Identity | Self::Sigmoid | Self::HardSigmoid | Self::LogSigmoid | Self::Softplus => Slope::OfOutput,
            Self::Tanh | Self::HardTanh | Self::Softsign | Self::SoftShrink { .. } | Self::HardShrink { .. } => {
                Slope::OfOutput
            }
            Self::Relu | Self::Relu6 | Self::LeakyRelu { .. } | Self::Trelu { .. } => Slope::OfOutput,
            Self::Elu { .. } | Self::Celu { .. } | Self::Selu => Slope::OfOutput,
        }
    }

    /// Whether a tile of a product takes it on its way to memory. The others pass over the rows once more: in every size of
    /// tile they would fill the instruction cache.
    pub(crate) fn in_tiles(self) -> bool {
        matches!(self, Self::Identity | Self::Sigmoid | Self::Tanh | Self::Relu)
    }

    /// How far sigma(t) may be from the true value, in units of its last place, and an error that is always allowed:
    /// where the value underflows, or is the far tail of a formula that is itself an approximation. Seen to hold for a
    /// sample of all f32 by `tests/agreement.rs`.
    #[must_use]
    pub fn bound(self) -> (f64, f64) {
        match self {
            Self::Identity | Self::Relu | Self::Relu6 | Self::HardTanh | Self::Trelu { .. } => (0.0, 0.0),
            Self::HardShrink { .. } => (0.0, 0.0),
            Self::LeakyRelu { .. } | Self::SoftShrink { .. } => (0.5, 0.0),
            Self::Tanh | Self::HardSigmoid | Self::Softsign => (2.0, 0.0),
            Self::Sigmoid | Self::HardSwish | Self::LogSigmoid | Self::Softplus | Self::LogCosh => (2.5, 0.0),
            Self::Elu { .. } | Self::Celu { .. } | Self::Selu => (2.5, 0.0),
            Self::Lisht => (3.5, 0.0),
            Self::TanhShrink => (6.0, 0.0),
            Self::Swish | Self::Mish => (6.0, 1e-42),
            Self::Gelu => (7.0, 1e-42),
            Self::GeluTanh => (6.0, 1e-7),
        }
    }
}

/// Runs `body` with `function` bound to the activation's function in `of` and `numbers` to its numbers, splatted: one branch
/// for all its lanes. A closure in its place is not always inlined, and then runs without the instruction set.
///
/// `value` and `derivative` are there for what tiles take; `any_value`, `any_derivative` and `both` for all.
macro_rules! map {
    ($simd:ident, $activation:expr, value, |$function:ident, $numbers:ident| $body:expr) => {
        map!(arms $simd, $activation, value, $function, $numbers, $body, _ identity,
            Identity identity [], Sigmoid sigmoid [], Tanh tanh [], Relu relu [])
    };
    ($simd:ident, $activation:expr, any_value, |$function:ident, $numbers:ident| $body:expr) => {
        map!(arms $simd, $activation, value, $function, $numbers, $body,,
            Identity identity [], Sigmoid sigmoid [], Tanh tanh [], Relu relu [], HardSigmoid hardsigmoid [],
            LogSigmoid logsigmoid [], HardTanh hardtanh [], Relu6 relu6 [], LeakyRelu leakyrelu [a], Elu elu [a],
            Celu celu [a], Selu selu [], Gelu gelu [], GeluTanh gelu_tanh [], Swish swish [], HardSwish hardswish [],
            Mish mish [], Softplus softplus [], Softsign softsign [], SoftShrink softshrink [lambda],
            HardShrink hardshrink [lambda], TanhShrink tanhshrink [], LogCosh logcosh [], Trelu trelu [theta], Lisht lisht [])
    };
    ($simd:ident, $activation:expr, derivative, |$function:ident, $numbers:ident| $body:expr) => {
        map!(arms $simd, $activation, derivative, $function, $numbers, $body, _ stored,
            Identity identity [], Sigmoid sigmoid [], Tanh tanh [], Relu relu [])
    };
    ($simd:ident, $activation:expr, any_derivative, |$function:ident, $numbers:ident| $body:expr) => {
        map!(arms $simd, $activation, derivative, $function, $numbers, $body, _ stored,
            Identity identity [], Sigmoid sigmoid [], Tanh tanh [], Relu relu [], HardSigmoid hardsigmoid [],
            LogSigmoid logsigmoid [], HardTanh hardtanh [], Relu6 relu6 [], LeakyRelu leakyrelu [a], Elu elu [a],
            Celu celu [a], Selu selu [], Softplus softplus [], Softsign softsign [], SoftShrink softshrink [lambda],
            HardShrink hardshrink [lambda], Trelu trelu [theta])
    };
    ($simd:ident, $activation:expr, both, |$function:ident, $numbers:ident| $body:expr) => {
        map!(arms $simd, $activation, both, $function, $numbers, $body, skip,
            Gelu gelu [], GeluTanh gelu_tanh [], Swish swish [], HardSwish hardswish [], Mish mish [],
            TanhShrink tanhshrink [], LogCosh logcosh [], Lisht lisht [])
    };
    (arms $simd:ident, $activation:expr, $of:ident, $function:ident, $numbers:ident, $body:expr, $(_ $rest:ident)? $($skip:ident)?,
     $($variant:ident $name:ident $list:tt),*) => {
        match $activation {
            $(map!(pattern $variant $list) => {
                use crate::pointwise::$of::$name as $function;
                let $numbers = map!(splat $simd $list);
                $body
            })*
            $(_ => {
                use crate::pointwise::$of::$rest as $function;
                let $numbers = [];
                $body
            })?
            $(_ => map!($skip),)?
        }
    };
    (skip) => { () };
    (pattern $variant:ident [$($name:ident),*]) => { crate::pointwise::Activation::$variant { $($name),* } };
    (splat $simd:ident [$($name:ident),*]) => { [$($simd.splat($name)),*] };
}
pub(crate) use map;

/// z = sigma(t) in place, for every row of `rows`, and sigma'(t) in `slopes` where these are stored: for what no tile took.
///
/// # Shapes
/// `rows` and `slopes`: B x `width`, rows padded to whole vectors.
///
/// # Panics
/// If the slices do not have these shapes.
///
/// # Numerics
/// Within [`Activation::bound`] of the true value. A NaN gives a NaN, an infinity the limit.
pub fn activate(isa: Isa, activation: Activation, width: usize, rows: RowsMut, slopes: Option<RowsMut>) {
    check(width, rows.stride);
    match slopes.filter(|_| activation.slope() == Slope::Stored) {
        None => isa.run(Value { activation, width, rows }),
        Some(slopes) => {
            check(width, slopes.stride);
            assert_eq!(rows.values.len() / rows.stride, slopes.values.len() / slopes.stride, "rows of slopes");
            isa.run(Both { activation, width, rows, slopes });
        }
    }
}

/// q * sigma'(t) in place, for every row of `q`.
///
/// # Shapes
/// `z`, the outputs or, where they are stored, the slopes, and `q`: B x `width`, rows padded to whole vectors.
///
/// # Panics
/// If the slices do not have these shapes.
pub(crate) fn through(isa: Isa, activation: Activation, z: Rows, width: usize, q: RowsMut) {
    assert_eq!(z.count(), q.count(), "rows of outputs and gradients");
    check(width, z.stride.min(q.stride));
    isa.run(Through { activation, z, width, q });
}

/// Panics unless a row can be read in whole vectors.
fn check(width: usize, stride: usize) {
    assert!(width.next_multiple_of(LANES) <= stride, "{width} outputs");
}

struct Value<'a> {
    activation: Activation,
    width: usize,
    rows: RowsMut<'a>,
}

impl Kernel for Value<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let rows = self.rows.values.chunks_exact_mut(self.rows.stride);
        map!(simd, self.activation, any_value, |sigma, numbers| for row in rows {
            for at in (0..self.width).step_by(LANES) {
                let z = sigma(simd, numbers, get(simd, row, at));
                put(simd, row, at, self.width, z);
            }
        });
    }
}

struct Both<'a> {
    activation: Activation,
    width: usize,
    rows: RowsMut<'a>,
    slopes: RowsMut<'a>,
}

impl Kernel for Both<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let rows = self.rows.values.chunks_exact_mut(self.rows.stride);
        let rows = rows.zip(self.slopes.values.chunks_exact_mut(self.slopes.stride));
        map!(simd, self.activation, both, |both, numbers| for (row, slopes) in rows {
            for at in (0..self.width).step_by(LANES) {
                let (z, slope) = both(simd, numbers, get(simd, row, at));
                put(simd, row, at, self.width, z);
                put(simd, slopes, at, self.width, slope);
            }
        });
    }
}

struct Through<'a> {
    activation: Activation,
    z: Rows<'a>,
    width: usize,
    q: RowsMut<'a>,
}

impl Kernel for Through<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let rows = self.z.values.chunks_exact(self.z.stride).zip(self.q.values.chunks_exact_mut(self.q.stride));
        map!(simd, self.activation, any_derivative, |derivative, numbers| for (z, q) in rows {
            for at in (0..self.width).step_by(LANES) {
                let delta = simd.mul(derivative(simd, numbers, get(simd, z, at)), get(simd, q, at));
                put(simd, q, at, self.width, delta);
            }
        });
    }
}

/// Sixteen values of a row from `at` on.
#[inline(always)]
fn get<S: Simd>(simd: S, row: &[f32], at: usize) -> S::F32s {
    let lanes = &row[at..at + LANES];
    // SAFETY: `lanes` has sixteen values.
    unsafe { simd.load(lanes.as_ptr()) }
}

/// Replaces sixteen values of a row from `at` on, or those before `width`.
#[inline(always)]
fn put<S: Simd>(simd: S, row: &mut [f32], at: usize, width: usize, new: S::F32s) {
    let lanes = &mut row[at..at + LANES];
    // SAFETY: `lanes` has sixteen values.
    unsafe { simd.store_partial(lanes.as_mut_ptr(), new, LANES.min(width - at)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;

    /// sigma of every number and, where they are stored, its slopes; the last number is past the width.
    fn both(isa: Isa, activation: Activation, numbers: &[f32]) -> [Vec<f32>; 2] {
        let mut rows = [Matrix::vector(numbers.len()), Matrix::vector(numbers.len())];
        let stride = rows[0].stride();
        rows[0].values_mut()[..numbers.len()].copy_from_slice(numbers);
        let [z, slopes] = rows.each_mut().map(|row| RowsMut { values: row.values_mut(), stride });
        activate(isa, activation, numbers.len() - 1, z, Some(slopes));
        rows.map(|row| row.values()[..numbers.len()].to_vec())
    }

    fn value(isa: Isa, activation: Activation, numbers: &[f32]) -> Vec<f32> {
        let mut row = Matrix::vector(numbers.len());
        let stride = row.stride();
        row.values_mut()[..numbers.len()].copy_from_slice(numbers);
        activate(isa, activation, numbers.len(), RowsMut { values: row.values_mut(), stride }, None);
        row.values()[..numbers.len()].to_vec()
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|x| x.to_bits()).collect()
    }

    #[test]
    fn values_have_the_same_bits_with_and_without_slopes_and_on_every_isa() {
        let numbers: Vec<f32> = (0..40).map(|i| (i as f32 - 20.3) * 0.37).collect();
        for &activation in Activation::ALL {
            let alone = bits(&value(Isa::best(), activation, &numbers));
            let slopes = bits(&both(Isa::best(), activation, &numbers)[1]);
            for isa in Isa::available() {
                let [z, same_slopes] = both(isa, activation, &numbers);
                assert_eq!(bits(&value(isa, activation, &numbers)), alone, "{activation:?} on {}", isa.name());
                assert_eq!(bits(&z[..39]), alone[..39], "{activation:?} on {}", isa.name());
                assert_eq!(bits(&same_slopes), slopes, "{activation:?} on {}", isa.name());
                assert_eq!((z[39], same_slopes[39]), (numbers[39], 0.0), "past the width");
            }
        }
    }

    #[test]
    fn a_nan_stays_a_nan_and_infinities_give_the_limits() {
        let ends = [f32::NEG_INFINITY, f32::INFINITY, f32::NAN, 0.0];
        for (isa, &activation) in
            Isa::available().into_iter().flat_map(|isa| Activation::ALL.iter().map(move |a| (isa, a)))
        {
            let z = value(isa, activation, &ends);
            let near = value(isa, activation, &[-1e6, 1e6, 0.0]);
            let limit = |x: f32| if x.abs() > 2e3 { x.signum() * f32::INFINITY } else { x };
            let right = (0..2).all(|i| (z[i] - near[i]).abs() < 1e-5 || z[i] == limit(near[i]));
            assert!(z[2].is_nan() && right, "{activation:?}: {z:?}");
            if activation.slope() == Slope::Stored {
                let [_, slopes] = both(isa, activation, &ends);
                assert!(
                    slopes[2].is_nan() && slopes[..2].iter().all(|slope| slope.is_finite()),
                    "{activation:?}: {slopes:?}"
                );
            }
        }
    }
}
