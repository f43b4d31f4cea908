//! What is known of a value of a graph: the layers that make it of the inputs.

use std::rc::Rc;

use layerloop::network::{Activation, Dense, Join, Layer, Tensor, Unit};

use super::expression::{Expression, Known};

/// A layer, with its parameters by the last part of their names. The same layer is the same pointer.
#[derive(Debug)]
pub(super) enum Piece {
    Layer(Layer, Vec<(&'static str, Vec<usize>, Vec<f32>)>),
    /// a z + b, component by component, in f64.
    Affine(Vec<f64>, Vec<f64>),
    Skip(Vec<Rc<Piece>>, Join),
    Parallel(Vec<Vec<Rc<Piece>>>, Join),
}

/// Chains are nested no deeper: the library refuses more than 64.
const DEEPEST: usize = 60;
/// Columns that a value may have.
pub(super) const WIDEST: usize = 1 << 24;

impl Piece {
    /// How deep chains are nested in it.
    fn depth(&self) -> usize {
        let of = |chain: &[Rc<Self>]| chain.iter().map(|piece| piece.depth()).max().unwrap_or(0) + 1;
        match self {
            Self::Layer(..) | Self::Affine(..) => 0,
            Self::Skip(chain, _) => of(chain),
            Self::Parallel(chains, _) => chains.iter().map(|chain| of(chain)).max().unwrap_or(1),
        }
    }

    /// Numbers that it holds itself.
    pub(super) fn numbers(&self) -> usize {
        match self {
            Self::Layer(_, tensors) => tensors.iter().map(|(.., values)| values.len()).sum(),
            Self::Affine(a, b) => a.len() + b.len(),
            Self::Skip(..) | Self::Parallel(..) => 0,
        }
    }
}

/// A row of numbers for each row of the inputs.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    /// The layers so far.
    pub(super) chain: Vec<Rc<Piece>>,
    /// What is done to each component after them.
    pub(super) then: Rc<Expression>,
    /// Sizes behind that of the batch; `None` where one may be any. The last is the width.
    pub(super) dims: Vec<Option<usize>>,
    /// Whether a softmax was taken.
    pub(super) is_softmax: bool,
    /// Whether it is 1 - p and p of the sigmoid of one logit, which these rows are.
    pub(super) is_pair: bool,
}

impl Rows {
    pub(super) fn new(dims: Vec<Option<usize>>) -> Self {
        Self { chain: vec![], then: Rc::new(Expression::T), dims, is_softmax: false, is_pair: false }
    }

    /// Number of columns.
    pub(super) fn width(&self) -> Result<usize, String> {
        let last = self.dims.last().copied().flatten();
        last.filter(|width| *width > 0).ok_or_else(|| "the number of its columns is not stated".into())
    }

    /// With nothing left to be recognised.
    pub(super) fn settled(&self) -> Result<Self, String> {
        if self.is_softmax || self.is_pair {
            return Err("it reads probabilities, after which nothing is computed in a network of layerloop".into());
        }
        if self.then.is_t() {
            return Ok(self.clone());
        }
        let all = self.then.recognise().ok_or("it reads a function of single numbers that is not an activation")?;
        let width = self.width()?;
        let mut rows = Self { then: Rc::new(Expression::T), ..self.clone() };
        for known in all {
            rows.chain.push(Rc::new(match known {
                Known::Activation(activation) => Piece::Layer(Layer::Activation(activation), vec![]),
                Known::Affine(a, b) => Piece::Affine(vec![a; width], vec![b; width]),
            }));
        }
        Ok(rows)
    }

    /// With one more layer, which gives `width` columns.
    pub(super) fn with(&self, piece: Piece, width: usize) -> Result<Self, String> {
        let mut rows = self.settled()?;
        rows.chain.push(Rc::new(piece));
        if let Some(last) = rows.dims.last_mut() {
            *last = Some(width);
        }
        Ok(rows)
    }

    /// With a function of each component.
    pub(super) fn with_function(&self, then: Expression) -> Result<Self, String> {
        if self.is_softmax || self.is_pair {
            return self.settled();
        }
        if then.size() > 64 {
            return Err("it ends a function of single numbers of more than 64 nodes".into());
        }
        Ok(Self { then: Rc::new(then), ..self.clone() })
    }

    /// Whether both are made by the same layers, so that they differ by a function of components only.
    pub(super) fn same_chain(&self, other: &Self) -> bool {
        self.chain.len() == other.chain.len() && self.common(other) == self.chain.len()
    }

    /// How many first layers both share.
    fn common(&self, other: &Self) -> usize {
        self.chain.iter().zip(&other.chain).take_while(|(a, b)| Rc::ptr_eq(a, b)).count()
    }

    /// W z: `weight` is n_out x n_in.
    pub(super) fn product(&self, outputs: usize, weight: Vec<f32>) -> Result<Self, String> {
        let inputs = self.width()?;
        if outputs == 0 || weight.len() != inputs * outputs {
            return Err(format!("weights for {} of its {inputs} columns", weight.len() / outputs.max(1)));
        }
        let dense = Dense { bias: false, ..Dense::new(outputs, Activation::Identity) };
        self.with(Piece::Layer(Layer::Dense(dense), vec![("weight", vec![outputs, inputs], weight)]), outputs)
    }

    /// Whether a product without a bias was the last.
    pub(super) fn lacks_bias(&self) -> bool {
        let last = self.chain.last().map(Rc::as_ref);
        self.then.is_t() && matches!(last, Some(Piece::Layer(Layer::Dense(dense), _)) if !dense.bias)
    }

    /// a z + b, component by component; a bias where a product came before.
    pub(super) fn affine(&self, a: Vec<f64>, b: Vec<f64>) -> Result<Self, String> {
        let mut rows = self.settled()?;
        let width = rows.width()?;
        if a.iter().all(|a| *a == 1.0)
            && let Some(Piece::Layer(Layer::Dense(dense), tensors)) = rows.chain.last().map(Rc::as_ref)
            && !dense.bias
        {
            let bias = ("bias", vec![width], b.iter().map(|b| *b as f32).collect());
            let tensors = tensors.iter().cloned().chain([bias]).collect();
            let layer = Layer::Dense(Dense { bias: true, ..*dense });
            rows.chain.pop();
            rows.chain.push(Rc::new(Piece::Layer(layer, tensors)));
            return Ok(rows);
        }
        if let Some(Piece::Affine(a_before, b_before)) = rows.chain.last().map(Rc::as_ref) {
            let both = |i: usize| (a[i] * a_before[i], a[i] * b_before[i] + b[i]);
            let (a, b) = (0..width).map(both).unzip();
            rows.chain.pop();
            rows.chain.push(Rc::new(Piece::Affine(a, b)));
            return Ok(rows);
        }
        rows.with(Piece::Affine(a, b), width)
    }

    /// Several rows as one.
    pub(super) fn join(all: &[Self], join: Join) -> Result<Self, String> {
        let all = all.iter().map(Self::settled).collect::<Result<Vec<_>, _>>()?;
        let Some(first) = all.first() else { return Err("it joins nothing".into()) };
        let widths = all.iter().map(Self::width).collect::<Result<Vec<_>, _>>()?;
        let width = if join == Join::Concatenate { widths.iter().sum() } else { widths[0] };
        if width > WIDEST {
            return Err(format!("it gives {width} columns; at most {WIDEST} are read"));
        }
        if join != Join::Concatenate && widths.iter().any(|other| *other != width) {
            return Err(format!("it joins {widths:?} columns"));
        }
        if join == Join::Concatenate
            && let Some(whole) = Self::neighbours(&all, &widths)
        {
            return Ok(whole);
        }
        let common = all.iter().map(|rows| first.common(rows)).min().unwrap_or(0);
        let rests: Vec<Vec<Rc<Piece>>> = all.iter().map(|rows| rows.chain[common..].to_vec()).collect();
        let piece = match &rests[..] {
            [own, none] | [none, own] if none.is_empty() && !own.is_empty() && join != Join::Concatenate => {
                Piece::Skip(own.clone(), join)
            }
            _ => Piece::Parallel(rests, join),
        };
        if piece.depth() > DEEPEST {
            return Err(format!("it joins chains that are nested more than {DEEPEST} deep"));
        }
        let mut rows = Self { chain: first.chain[..common].to_vec(), ..first.clone() };
        rows.chain.push(Rc::new(piece));
        if let Some(last) = rows.dims.last_mut() {
            *last = Some(width);
        }
        Ok(rows)
    }

    /// Columns of the inputs that stand side by side, as the columns from the first to the last.
    fn neighbours(all: &[Self], widths: &[usize]) -> Option<Self> {
        let mut next = None;
        let mut start = 0;
        for (rows, width) in all.iter().zip(widths) {
            let [piece] = &rows.chain[..] else { return None };
            let Piece::Layer(Layer::Unit(Unit::Columns { first, count }), _) = &**piece else { return None };
            if count != width || next.is_some_and(|next| next != *first) {
                return None;
            }
            start = if next.is_none() { *first } else { start };
            next = Some(first + count);
        }
        let count: usize = widths.iter().sum();
        let unit = Unit::Columns { first: start, count };
        let mut rows = Self::new(vec![Some(count)]);
        rows.chain.push(Rc::new(Piece::Layer(Layer::Unit(unit), vec![])));
        Some(rows)
    }
}

/// Layers as a specification has them, and their tensors by their names: those of the layers at `path`.
pub(super) fn build(pieces: &[Rc<Piece>], path: &str, tensors: &mut Vec<Tensor>) -> Vec<Layer> {
    let mut layers: Vec<Layer> = Vec::new();
    for piece in pieces {
        let at = |layers: &Vec<Layer>| format!("{path}.{}", layers.len());
        match &**piece {
            Piece::Layer(Layer::Activation(activation), _) => {
                // A dense layer takes its activation along.
                if let Some(Layer::Dense(dense)) = layers.last_mut()
                    && dense.activation == Activation::Identity
                {
                    dense.activation = *activation;
                } else {
                    layers.push(Layer::Activation(*activation));
                }
            }
            Piece::Layer(layer, parameters) => {
                let at = at(&layers);
                let named = parameters
                    .iter()
                    .map(|(name, shape, values)| Tensor::new(format!("{at}.{name}"), shape.clone(), values.clone()));
                tensors.extend(named);
                layers.push(layer.clone());
            }
            Piece::Affine(a, b) => {
                let at = at(&layers);
                let of = |values: &[f64]| values.iter().map(|x| *x as f32).collect::<Vec<_>>();
                tensors.push(Tensor::new(format!("{at}.weight"), [a.len()], of(a)));
                tensors.push(Tensor::new(format!("{at}.bias"), [b.len()], of(b)));
                layers.push(Layer::Unit(Unit::Scale));
            }
            Piece::Skip(chain, join) => {
                let chain = nonempty(build(chain, &at(&layers), tensors));
                layers.push(Layer::Skip(chain, *join));
            }
            Piece::Parallel(chains, join) => {
                let at = at(&layers);
                let chains = chains.iter().enumerate();
                let chains = chains.map(|(i, chain)| nonempty(build(chain, &format!("{at}.{i}"), tensors))).collect();
                layers.push(Layer::Parallel(chains, *join));
            }
        }
    }
    layers
}

fn nonempty(layers: Vec<Layer>) -> Vec<Layer> {
    if layers.is_empty() { vec![Layer::Activation(Activation::Identity)] } else { layers }
}
