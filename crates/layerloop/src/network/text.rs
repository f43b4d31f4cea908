//! The text form of a chain of layers: `256 relu -> skip(256 gelu) -> 10`.

use std::fmt;

use layerloop_kernels::Activation;

use super::layer::{Dense, Join, Layer};
use super::spec::Init;
use crate::choice::text;

/// A chain, to be shown.
pub(super) struct Chain<'a>(pub(super) &'a [Layer]);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, layer) in self.0.iter().enumerate() {
            if i > 0 {
                // What has no units of its own stands beside the layer before it.
                f.write_str(if let Layer::Activation(_) = layer { " " } else { " -> " })?;
            }
            match layer {
                Layer::Dense(dense) => self.dense(f, dense, self.0.get(i + 1))?,
                Layer::Activation(activation) => f.write_str(&text(*activation))?,
                Layer::Skip(layers, join) => write!(f, "skip({}{})", Chain(layers), Joined(*join))?,
                Layer::Parallel(chains, join) => {
                    f.write_str("parallel(")?;
                    for (i, chain) in chains.iter().enumerate() {
                        write!(f, "{}{}", if i > 0 { " | " } else { "" }, Chain(chain))?;
                    }
                    write!(f, "{})", Joined(*join))?;
                }
            }
        }
        Ok(())
    }
}

impl Chain<'_> {
    /// `32 sigmoid`; identity is written only where another activation follows.
    fn dense(&self, f: &mut fmt::Formatter<'_>, dense: &Dense, next: Option<&Layer>) -> fmt::Result {
        let Dense { width, activation, bias, init } = *dense;
        write!(f, "{width}")?;
        if activation != Activation::Identity || matches!(next, Some(Layer::Activation(_))) {
            write!(f, " {}", text(activation))?;
        }
        if !bias {
            f.write_str(" no-bias")?;
        }
        if init != Init::usual(activation) {
            write!(f, " init={}", text(init))?;
        }
        Ok(())
    }
}

/// `, join=concatenate`, or nothing for the usual sum.
struct Joined(Join);

impl fmt::Display for Joined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == Join::Add { Ok(()) } else { write!(f, ", join={}", text(self.0)) }
    }
}
