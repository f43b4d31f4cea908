//! What holds for every layer, so that a network can be written, saved and read again: numbers in their ranges,
//! chains with layers, and chains in chains to a certain depth.

use super::layer::{Dense, Layer};
use crate::names::{NamedEnum, check};
use crate::{Error, Result};

/// How deep chains may be nested: every traversal is a recursion.
pub(super) const DEEPEST: usize = 64;

/// Refuses layers whose chains are nested too deep; without a recursion of its own.
///
/// # Errors
/// [`Error::Config`] that names the layer.
pub(super) fn check_depth(layers: &[Layer]) -> Result<()> {
    for (i, layer) in layers.iter().enumerate() {
        let mut level = vec![layer];
        for depth in 0.. {
            level = level.into_iter().flat_map(Layer::inside).collect();
            if level.is_empty() {
                break;
            }
            if depth == DEEPEST {
                let reason = format!("its chains are nested more than {DEEPEST} deep");
                return Err(Error::config(format!("layer {}", i + 1), reason));
            }
        }
    }
    Ok(())
}

/// Refuses numbers outside their ranges and chains without layers, of the layer at `path`.
///
/// # Errors
/// [`Error::Config`] that names the layer.
pub(super) fn check_layer(layer: &Layer, path: &str) -> Result<()> {
    fn of<T: NamedEnum>(choice: T, path: &str) -> Result<()> {
        check(choice).map_err(|e| Error::config(format!("layer {path}"), e.to_string()))
    }
    let empty = |what: &str| Err(Error::config(format!("layer {path}"), format!("{what} has no layers")));
    match layer {
        Layer::Dense(Dense { activation, init, .. }) => of(*activation, path).and_then(|()| of(*init, path)),
        Layer::Activation(activation) => of(*activation, path),
        Layer::Unit(unit) => of(*unit, path),
        Layer::Skip(chain, _) if chain.is_empty() => empty("the chain of a skip"),
        Layer::Parallel(chains, _) if chains.is_empty() => empty("parallel"),
        Layer::Parallel(chains, _) => match chains.iter().position(Vec::is_empty) {
            Some(i) => empty(&format!("chain {} of parallel", i + 1)),
            None => Ok(()),
        },
        Layer::Skip(..) | Layer::Custom(_) => Ok(()),
    }
}

impl Layer {
    /// The layers of its chains.
    fn inside(&self) -> Box<dyn Iterator<Item = &Self> + '_> {
        match self {
            Self::Skip(chain, _) => Box::new(chain.iter()),
            Self::Parallel(chains, _) => Box::new(chains.iter().flatten()),
            _ => Box::new(std::iter::empty()),
        }
    }

    /// The layers of its chains, which are empty then.
    fn take(&mut self) -> Vec<Self> {
        match self {
            Self::Skip(chain, _) => std::mem::take(chain),
            Self::Parallel(chains, _) => chains.drain(..).flatten().collect(),
            _ => Vec::new(),
        }
    }
}

/// Without a recursion, which a deep chain would carry beyond the end of the stack.
impl Drop for Layer {
    fn drop(&mut self) {
        let mut rest = self.take();
        while let Some(mut layer) = rest.pop() {
            rest.append(&mut layer.take());
        }
    }
}
