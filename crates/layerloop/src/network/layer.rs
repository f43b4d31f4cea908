//! What a layer can be.

use layerloop_kernels::{Activation, named_enum};

use super::custom;
use super::init::Init;
use crate::names::Custom;
use crate::{Error, Result};

/// One layer of a chain.
#[derive(Debug, Clone, PartialEq)]
pub enum Layer {
    /// z_{i+1} = sigma(W_i z_i^{;1})
    Dense(Dense),
    /// z_{i+1} = sigma(z_i), where no dense layer comes before it to take it along.
    Activation(Activation),
    /// A chain whose input is joined to what it gives.
    Skip(Vec<Layer>, Join),
    /// Several chains with one input, joined.
    Parallel(Vec<Vec<Layer>>, Join),
    /// Any other layer.
    Unit(Unit),
    /// A user-defined layer or activation.
    Custom(Custom<dyn custom::Layer>),
}

/// A dense layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dense {
    /// Number of outputs, n_{i+1}.
    pub width: usize,
    /// The activation sigma.
    pub activation: Activation,
    /// Whether it has a bias, the last column of W_i.
    pub bias: bool,
    /// Its initialiser.
    pub init: Init,
}

named_enum! {
    /// How the outputs of several chains become one.
    pub enum Join: "join" {
        /// z = z_1 + z_2 + ...
        Add = "add" | "sum",
        /// z = (z_1 + z_2 + ... + z_n) / n; in the last place, with an objective of each member, an ensemble
        Mean = "mean" | "average",
        /// z = (z_1; z_2; ...)
        Concatenate = "concatenate" | "concat" | "cat",
        /// z = z_1 z_2 ..., component by component
        Multiply = "multiply" | "mul" | "product",
    }
}

named_enum! {
    /// A layer that is neither dense nor made of chains. z are the values that it reads, z' those that it gives.
    pub enum Unit: "layer" {
        /// z' = z / (1 - rate) with probability 1 - rate, else 0; in use z' = z
        ///
        /// Source: Srivastava et al. 2014.
        Dropout = "dropout" {
            /// Probability that a value is dropped.
            rate: f32 = 0.5, "at least 0 and below 1" if (0.0..1.0).contains(&rate),
        },
        /// dropout that keeps the mean 0 and the variance 1 of what selu gives
        ///
        /// Source: Klambauer et al. 2017.
        AlphaDropout = "alpha-dropout" {
            /// Probability that a value is dropped.
            rate: f32 = 0.1, "at least 0 and below 1" if (0.0..1.0).contains(&rate),
        },
        /// z' = w (z - mean(z)) / sqrt(var(z) + epsilon) + b, over the rows of a batch; in use over running means
        ///
        /// Source: Ioffe and Szegedy 2015.
        BatchNorm = "batch-norm" | "bn" | "batch-normalization" {
            /// Share of a batch in the running mean and variance.
            momentum: f32 = 0.1, "above 0 and at most 1" if momentum > 0.0 && momentum <= 1.0,
            /// Keeps the root above 0.
            epsilon: f32 = 1e-5, "a number above 0" if epsilon > 0.0 && epsilon.is_finite(),
        },
        /// z' = w (z - mean(z)) / sqrt(var(z) + epsilon) + b, over the values of a row
        ///
        /// Source: Ba, Kiros and Hinton 2016.
        LayerNorm = "layer-norm" | "layer-normalization" {
            /// Keeps the root above 0.
            epsilon: f32 = 1e-5, "a number above 0" if epsilon > 0.0 && epsilon.is_finite(),
        },
        /// z' = w z + b, component by component
        Scale = "scale",
        /// z' = w z, component by component
        Gain = "gain",
        /// z' = z + a (sigma(z) - z), a learned for each unit, from 1 on
        ///
        /// Source: Holzmueller, Grinsztajn and Steinwart 2024, RealMLP.
        Parametric = "parametric" {
            /// sigma.
            activation: Activation = Activation::Selu, "the name of an activation" if activation != Activation::Identity,
        },
        /// z' = max(0, z) + a min(0, z), a learned for each unit
        ///
        /// Source: He et al. 2015.
        Prelu = "prelu" {
            /// Where a starts.
            start: f32 = 0.25, "a finite number" if start.is_finite(),
        },
        /// z' = max(0, z) + a min(0, z), a drawn for each value between lower and upper; in use their mean
        ///
        /// Source: Xu et al. 2015.
        Rrelu = "rrelu" {
            /// The least a.
            lower: f32 = 0.125, "a finite number" if lower.is_finite(),
            /// The largest a.
            upper: f32 = 0.333_333_34, "a finite number" if upper.is_finite(),
        },
        /// z'_j = max over i of z_{i n + j}, n the number of values over `pieces`
        ///
        /// Source: Goodfellow et al. 2013.
        Maxout = "maxout" {
            /// How many values become one.
            pieces: usize = 2, "at least 1" if pieces > 0,
        },
        /// z' = (z_{first + 1}; ...; z_{first + count}), some of the values
        Columns = "columns" {
            /// How many values come before them.
            first: usize = 0, "a whole number" if true,
            /// How many they are.
            count: usize = 1, "at least 1" if count > 0,
        },
        /// z'_{j count + k} = cos(2 pi w_{jk} z_j + b_{jk}), each value as several waves
        ///
        /// Source: Gorishniy, Rubachev and Babenko 2022, with the phases of Holzmueller et al. 2024.
        Waves = "waves" {
            /// Waves of a value.
            count: usize = 16, "from 1 to 1024" if (1..=1024).contains(&count),
            /// Standard deviation of the w at the start; the b are anywhere in the circle.
            deviation: f32 = 0.1, "a number above 0" if deviation > 0.0 && deviation.is_finite(),
        },
        /// z'_j = b_j + sum_t s_t v_{jt}, s_t = (z_j - e_t) / (e_{t+1} - e_t), at least 0 and at most 1: piecewise-linear functions of each value
        ///
        /// The edges e are quantiles of the normal distribution, as the scaling `quantile` gives values; the first and the last are -5.2 and
        /// 5.2. Source: Gorishniy, Rubachev and Babenko 2022.
        Piecewise = "piecewise" {
            /// Bins of a value.
            bins: usize = 48, "from 1 to 1024" if (1..=1024).contains(&bins),
            /// Values that each becomes.
            width: usize = 16, "at least 1" if width > 0,
        },
        /// z' = (W_1 z_1 + b_1; ...; W_groups z_groups + b_groups), z_1, ... equal parts of z
        Grouped = "grouped" {
            /// Number of parts.
            groups: usize = 1, "at least 1" if groups > 0,
            /// Outputs of each.
            width: usize = 1, "at least 1" if width > 0,
        },
        /// z' = w_m z, component by component, m each of several members that look at every row
        ///
        /// All units of members in a network have as many. The outputs of a row are the means of its members' probabilities, or numbers;
        /// its loss in training is the mean of theirs. Source: Wen, Tran and Ba 2020, in the form of Gorishniy et al. 2025 (TabM).
        MemberGain = "member-gain" {
            /// How many members look at every row.
            members: usize = 32, "from 2 to 1024" if (2..=1024).contains(&members),
            /// Whether w starts at 1 or -1 at random, rather than at 1.
            signs: bool = false, "true or false" if true,
        },
        /// z' = w_m z + b_m, component by component, m each of several members that look at every row
        MemberScale = "member-scale" {
            /// How many members look at every row.
            members: usize = 32, "from 2 to 1024" if (2..=1024).contains(&members),
        },
        /// z' = W_m z + b_m, m each of several members that look at every row
        MemberDense = "member-dense" {
            /// How many members look at every row.
            members: usize = 32, "from 2 to 1024" if (2..=1024).contains(&members),
            /// Outputs of each.
            width: usize = 1, "at least 1" if width > 0,
        },
        /// z'_k = z^T W_k z + b_k
        Bilinear = "bilinear" {
            /// Number of outputs.
            width: usize = 1, "at least 1" if width > 0,
        },
        /// z' = (T_{z_1}; T_{z_2}; ...), rows of a table T named by whole numbers; first of all layers
        Embedding = "embedding" | "embed" {
            /// Rows of the table: the numbers are below it.
            count: usize = 256, "from 1 to 16777216, as far as f32 counts" if (1..=1 << 24).contains(&count),
            /// Numbers in a row.
            width: usize = 16, "at least 1" if width > 0,
        },
    }
}

named_enum! {
    /// What brings the values between a dense layer and its activation to mean 0 and deviation 1.
    pub enum Norm: "norm" {
        /// none
        Without = "none",
        /// over the rows of a batch, each unit
        Batch = "batch-norm" | "batch",
        /// over the units, each row
        Layer = "layer-norm" | "layer",
    }
}

impl Norm {
    /// A dense layer with this norm before its activation.
    pub fn layers(self, dense: Dense) -> impl Iterator<Item = Layer> {
        let unit = match self {
            Self::Without => None,
            Self::Batch => Some(Unit::BatchNorm { momentum: 0.1, epsilon: 1e-5 }),
            Self::Layer => Some(Unit::LayerNorm { epsilon: 1e-5 }),
        };
        let apart = unit.map(|norm| {
            let linear = Layer::Dense(Dense { activation: Activation::Identity, ..dense });
            [linear, Layer::Unit(norm), Layer::Activation(dense.activation)]
        });
        let whole = apart.is_none().then_some(Layer::Dense(dense));
        apart.into_iter().flatten().chain(whole)
    }
}

impl Unit {
    /// Whether it brings a width of its own, as a dense layer does.
    pub(crate) fn has_width(self) -> bool {
        matches!(self, Self::Bilinear { .. } | Self::Embedding { .. } | Self::Grouped { .. } | Self::MemberDense { .. })
    }
}

impl Dense {
    /// A dense layer with a bias and the default initialiser.
    #[must_use]
    pub fn new(width: usize, activation: Activation) -> Self {
        Self { width, activation, bias: true, init: Init::Default }
    }
}

impl Join {
    /// The width of the joint outputs of chains that give `widths`.
    ///
    /// # Errors
    /// [`Error::Config`] where they have to be equal and are not.
    pub(crate) fn width(self, widths: &[usize]) -> Result<usize> {
        match self {
            Self::Concatenate => Ok(widths.iter().fold(0, |sum, &width| sum.saturating_add(width))),
            Self::Add | Self::Mean | Self::Multiply if widths.windows(2).all(|pair| pair[0] == pair[1]) => {
                Ok(widths[0])
            }
            Self::Add | Self::Mean | Self::Multiply => {
                let widths: Vec<String> = widths.iter().map(usize::to_string).collect();
                let reason = format!(
                    "chains that give {} values; to be added or multiplied they give equally many",
                    widths.join(" and ")
                );
                Err(Error::config("join", reason))
            }
        }
    }
}
