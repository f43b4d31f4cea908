//! Activation functions on sixteen lanes: value and derivative.
//!
//! Definitions are those of PyTorch (torch.nn.functional) and Flux.jl (NNlib.jl, activations.jl). The derivative at a kink is
//! that of the flat side, or of the side that is further left where neither is flat.

pub(crate) mod of_output;
pub(crate) mod stored;

use crate::isa::{Isa, Kernel, LANES, Simd};
use crate::lanes;
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

/// Its name, where it is a number of another choice.
impl std::fmt::Display for Activation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(crate::NamedEnum::name(*self))
    }
}

/// Its name, or another one that it is known by, its numbers at their default values.
impl std::str::FromStr for Activation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        use crate::NamedEnum as _;
        let known = |activation: &&Self| activation.name() == text || activation.aliases().contains(&text);
        Self::ALL.iter().find(known).copied().ok_or_else(|| format!("`{text}` is not an activation"))
    }
}

/// Where the backward pass takes sigma'(t) from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slope {
    /// From z = sigma(t), of which it is a function.
    OfOutput,
    /// From where the forward pass has stored it, beside z.
    Stored,
}

/// An activation function with N numbers. An implementation has `value` and `slope`, or `both` and `STORED`.
pub(crate) trait Function<const N: usize> {
    /// What [`Activation::bound`](super::Activation::bound) gives.
    const BOUND: [f64; 2];
    /// Whether the forward pass stores the slope: z alone does not determine it.
    const STORED: bool = false;

    /// z = sigma(t)
    #[inline(always)]
    fn value<S: Simd>(simd: S, numbers: [S::F32s; N], t: S::F32s) -> S::F32s {
        Self::both(simd, numbers, t).0
    }

    /// dz/dt, from z, or from the slope where that is stored.
    #[inline(always)]
    fn slope<S: Simd>(_: S, _: [S::F32s; N], stored: S::F32s) -> S::F32s {
        stored
    }

    /// z and dz/dt
    #[inline(always)]
    fn both<S: Simd>(simd: S, numbers: [S::F32s; N], t: S::F32s) -> (S::F32s, S::F32s) {
        let z = Self::value(simd, numbers, t);
        (z, Self::slope(simd, numbers, z))
    }
}

/// The function of a tile whose activation is applied later: t is unchanged, and the slope is stored.
pub(crate) struct Unchanged;

impl Function<0> for Unchanged {
    const BOUND: [f64; 2] = [0.0; 2];
    const STORED: bool = true;

    #[inline(always)]
    fn value<S: Simd>(_: S, []: [S::F32s; 0], t: S::F32s) -> S::F32s {
        t
    }
}

/// Runs `body` with the type `function` for the activation's [`Function`] and `numbers` for its numbers: one branch for all
/// lanes. A closure in its place is not always inlined, and then runs without the instruction set.
///
/// `in_tiles`: those of [`Activation::in_tiles`]; of another one, `rest`.
macro_rules! with_function {
    ($activation:expr, |$function:ident, $numbers:ident| $body:expr) => {
        with_function!($activation, $function, $numbers, $body, ();
            of_output: Identity [], Sigmoid [], Tanh [], Relu [], HardSigmoid [], LogSigmoid [], HardTanh [], Relu6 [],
                LeakyRelu [a], Elu [a], Celu [a], Selu [], Softplus [], Softsign [], SoftShrink [lambda],
                HardShrink [lambda], Trelu [theta];
            stored: Gelu [], GeluTanh [], Swish [], HardSwish [], Mish [], TanhShrink [], LogCosh [], Lisht [];)
    };
    ($activation:expr, in_tiles or $rest:ident, |$function:ident, $numbers:ident| $body:expr) => {
        with_function!($activation, $function, $numbers, $body, ($rest);
            of_output: Identity [], Sigmoid [], Tanh [], Relu [];)
    };
    ($activation:expr, $function:ident, $numbers:ident, $body:expr, ($($rest:ident)?);
     $($module:ident: $($name:ident [$($number:ident)?]),*;)*) => {
        match $activation {
            $($($crate::activation::Activation::$name { $($number)? } => {
                type $function = $crate::activation::$module::$name;
                let $numbers = $crate::activation::numbers([$($number)?]);
                $body
            })*)*
            $(_ => {
                type $function = $crate::activation::$rest;
                let $numbers = $crate::activation::numbers([]);
                $body
            })?
        }
    };
}
pub(crate) use with_function;

/// An empty array has a type, too.
#[inline(always)]
pub(crate) fn numbers<const N: usize>(numbers: [f32; N]) -> [f32; N] {
    numbers
}

impl Activation {
    /// Where the backward pass takes sigma'(t) from.
    #[must_use]
    pub fn slope(self) -> Slope {
        with_function!(self, |F, _numbers| if F::STORED { Slope::Stored } else { Slope::OfOutput })
    }

    /// Whether the tiles of a product apply it before they are stored. The others are applied in a second pass over the rows: in
    /// every size of tile they would fill the instruction cache.
    pub(crate) fn in_tiles(self) -> bool {
        matches!(self, Self::Identity | Self::Sigmoid | Self::Tanh | Self::Relu)
    }

    /// How far sigma(t) may be from the true value, in units of its last place, and an error that is always allowed:
    /// where the value underflows, or is the far tail of a formula that is itself an approximation. Seen to hold for a
    /// sample of all f32 by `tests/agreement.rs`.
    #[must_use]
    pub fn bound(self) -> [f64; 2] {
        with_function!(self, |F, _numbers| F::BOUND)
    }
}

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
pub(crate) fn backward(isa: Isa, activation: Activation, z: Rows, width: usize, q: RowsMut) {
    assert_eq!(z.count(), q.count(), "rows of outputs and gradients");
    check(width, z.stride.min(q.stride));
    isa.run(Backward { activation, z, width, q });
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
        with_function!(self.activation, |F, numbers| {
            let numbers = numbers.map(|x| simd.splat(x));
            for row in rows {
                for at in (0..self.width).step_by(LANES) {
                    let z = F::value(simd, numbers, lanes::load(simd, row, at));
                    lanes::store_some(simd, &mut row[at..self.width], z);
                }
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
        with_function!(self.activation, |F, numbers| {
            let numbers = numbers.map(|x| simd.splat(x));
            for (row, slopes) in rows {
                for at in (0..self.width).step_by(LANES) {
                    let (z, slope) = F::both(simd, numbers, lanes::load(simd, row, at));
                    lanes::store_some(simd, &mut row[at..self.width], z);
                    lanes::store_some(simd, &mut slopes[at..self.width], slope);
                }
            }
        });
    }
}

struct Backward<'a> {
    activation: Activation,
    z: Rows<'a>,
    width: usize,
    q: RowsMut<'a>,
}

impl Kernel for Backward<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let rows = self.z.values.chunks_exact(self.z.stride).zip(self.q.values.chunks_exact_mut(self.q.stride));
        with_function!(self.activation, |F, numbers| {
            let numbers = numbers.map(|x| simd.splat(x));
            for (z, q) in rows {
                for at in (0..self.width).step_by(LANES) {
                    let slope = F::slope(simd, numbers, lanes::load(simd, z, at));
                    let delta = simd.mul(slope, lanes::load(simd, q, at));
                    lanes::store_some(simd, &mut q[at..self.width], delta);
                }
            }
        });
    }
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
