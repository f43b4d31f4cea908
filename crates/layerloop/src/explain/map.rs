//! A network of any layers as one map of the derivation.

use crate::math::{self, Map, Matrix};
use crate::network::{Join, Layer, Network, Unit};
use crate::preprocess::normal_edges;
use crate::{Error, Result};

/// `network` in use, as one map from its inputs to its logits: the same numbers, in f64, its parameters in canonical order.
///
/// What is dropped in training is kept in use; a random slope is its mean.
///
/// # Errors
/// [`Error::Config`] for a batch norm, which is not a map of one row, and for user-defined layers.
///
/// # Example
/// ```
/// use layerloop::network::Network;
/// let network = Network::new(&"2 -> 4 layer-norm gelu -> skip(4 tanh) -> 3".parse()?, 0)?;
/// let map = layerloop::explain::in_map(&network)?;
/// assert_eq!(map.g(&[0.5, -0.5])?.len(), 3);
/// assert_eq!(map.a(&[0.5, -0.5])?.cols(), network.spec().parameters());
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn in_map(network: &Network) -> Result<Map> {
    Reader::of(network).chain(&network.spec().layers)
}

/// Where the parameters of a network have been read up to.
pub(super) struct Reader<'a> {
    network: &'a Network,
    next: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn of(network: &'a Network) -> Self {
        Self { network, next: 0 }
    }

    /// The weights and biases of the next parameters.
    pub(super) fn parameters(&mut self) -> (Vec<f64>, Vec<f64>) {
        let i = self.next;
        self.next += 1;
        let [weight, bias] =
            [self.network.weight(i), self.network.bias(i)].map(|w| w.into_iter().map(f64::from).collect());
        (weight, bias)
    }

    fn chain(&mut self, layers: &[Layer]) -> Result<Map> {
        Ok(Map::Chain(layers.iter().map(|layer| self.layer(layer)).collect::<Result<_>>()?))
    }

    /// One layer, and those inside it.
    pub(super) fn layer(&mut self, layer: &Layer) -> Result<Map> {
        Ok(match layer {
            Layer::Dense(dense) => {
                let (weight, bias) = self.parameters();
                let inputs = weight.len() / dense.width;
                // The bias is the last column: 0 where there is none.
                let last = |r: usize| bias.get(r).copied().unwrap_or(0.0);
                let entry = |r: usize, c: usize| if c == inputs { last(r) } else { weight[r * inputs + c] };
                let w = Matrix::from_fn(dense.width, inputs + 1, entry);
                let layer = math::Layer::new(w, dense.activation)?;
                if dense.bias { Map::Dense(layer) } else { Map::NoBias(layer) }
            }
            Layer::Activation(activation) => Map::Activation(*activation),
            Layer::Unit(unit) => self.unit(*unit)?,
            Layer::Skip(layers, join) => joined(*join, vec![self.chain(layers)?, Map::Chain(vec![])]),
            Layer::Parallel(chains, join) => {
                joined(*join, chains.iter().map(|chain| self.chain(chain)).collect::<Result<_>>()?)
            }
            Layer::Custom(layer) => return Err(refused(layer.name())),
        })
    }

    fn unit(&mut self, unit: Unit) -> Result<Map> {
        Ok(match unit {
            Unit::Dropout { .. } | Unit::AlphaDropout { .. } => Map::Chain(vec![]),
            Unit::BatchNorm { .. } => return Err(refused("a batch norm, which needs all rows of a batch,")),
            Unit::LayerNorm { epsilon } => Map::Chain(vec![Map::Standardise { epsilon: epsilon.into() }, self.scale()]),
            Unit::Scale => self.scale(),
            Unit::Gain => Map::Gain { w: self.parameters().0 },
            Unit::Parametric { activation } => Map::Parametric { a: self.parameters().0, sigma: activation },
            Unit::Piecewise { bins, width } => {
                let edges = normal_edges(bins).map(f64::from).collect();
                Map::Piecewise { edges, width, w: self.parameters().0 }
            }
            Unit::Columns { first, count } => Map::Columns { first, count },
            Unit::Waves { .. } => {
                let (w, b) = self.parameters();
                Map::Waves { w, b }
            }
            Unit::Grouped { groups, width } => Map::Grouped { count: groups, width, w: self.parameters().0 },
            Unit::MemberGain { .. } | Unit::MemberScale { .. } | Unit::MemberDense { .. } => {
                return Err(refused("a layer of several members, which look at each row at once,"));
            }
            Unit::Prelu { .. } => Map::Prelu { a: self.parameters().0 },
            Unit::Rrelu { lower, upper } => Map::Activation(math::Activation::LeakyRelu { a: lower.midpoint(upper) }),
            Unit::Maxout { pieces } => Map::Max { pieces },
            Unit::Bilinear { width } => {
                let (weight, b) = self.parameters();
                let each = weight.len() / width;
                let n = each.isqrt();
                let w = weight.chunks_exact(each).map(|w| Matrix::new(n, n, w.to_vec())).collect::<Result<_>>()?;
                Map::Bilinear { w, b }
            }
            Unit::Embedding { count, width } => {
                let (weight, _) = self.parameters();
                Map::Table(Matrix::from_fn(count, width, |r, c| weight[c * count + r]))
            }
        })
    }

    pub(super) fn scale(&mut self) -> Map {
        let (w, b) = self.parameters();
        Map::Scale { w, b }
    }
}

fn joined(join: Join, maps: Vec<Map>) -> Map {
    match join {
        Join::Add => Map::Add(maps),
        Join::Mean => Map::Mean(maps),
        Join::Concatenate => Map::Concatenate(maps),
        Join::Multiply => Map::Multiply(maps),
    }
}

fn refused(what: &str) -> Error {
    Error::config("network", format!("{what} has no map of one row in the derivation"))
}
