//! What a layer can be.

use layerloop_kernels::{Activation, choices};

use super::spec::Init;
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
    /// How its weights start.
    pub init: Init,
}

choices! {
    /// How the outputs of several chains become one.
    pub enum Join: "join" {
        /// z = z_1 + z_2 + ...
        Add = "add",
        /// z = (z_1; z_2; ...)
        Concatenate = "concatenate",
        /// z = z_1 z_2 ..., component by component
        Multiply = "multiply",
    }
}

impl Dense {
    /// A dense layer with a bias, its weights started as is usual for `activation`.
    #[must_use]
    pub fn new(width: usize, activation: Activation) -> Self {
        Self { width, activation, bias: true, init: Init::usual(activation) }
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
            Self::Add | Self::Multiply if widths.windows(2).all(|pair| pair[0] == pair[1]) => Ok(widths[0]),
            Self::Add | Self::Multiply => {
                let widths: Vec<String> = widths.iter().map(usize::to_string).collect();
                let reason = format!(
                    "chains that give {} values; to add or multiply they give equally many",
                    widths.join(" and ")
                );
                Err(Error::config("join", reason))
            }
        }
    }
}
