//! A specification as operations on numbered values: what the layer loops walk, forward and then back.
//!
//! Every value but the last is read by one operation. Where two need it, a fork gives it two names: going back, its
//! gradient is the sum of theirs.

use layerloop_kernels::{Activation, Panels, Slope};

use super::layer::{Dense, Join, Layer};
use super::spec::{Init, Spec};
use crate::{Error, Result};

/// The operations of a network.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Program {
    /// The values: the input first, the logits last.
    pub(crate) values: Vec<Value>,
    pub(crate) ops: Vec<Op>,
    /// The parameters, in border order.
    pub(crate) parameters: Vec<Parameter>,
    /// Matrices that hold values, gradients, slopes.
    pub(crate) matrices: [usize; 3],
}

/// A row of numbers for each sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Value {
    pub(crate) width: usize,
    /// The matrix that holds it; names of one value share it.
    pub(crate) z: usize,
    /// The matrix that holds its gradient, counted from the last.
    pub(crate) delta: usize,
    /// Whether a parameter stands before it, so that its gradient is needed.
    pub(crate) depends: bool,
    /// The activation that the operation which reads it takes the gradient through on the way back.
    pub(crate) through: Activation,
    /// The matrix that holds sigma'(t), where that is stored.
    pub(crate) slopes: Option<usize>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Op {
    pub(crate) kind: Kind,
    pub(crate) from: Vec<usize>,
    pub(crate) to: Vec<usize>,
    /// Where it stands in the specification: `3`, or `2.1` for the first layer of the chain in the second.
    pub(crate) path: String,
    /// The first of its parameters.
    pub(crate) parameter: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Dense(Dense),
    Activation(Activation),
    Fork,
    Join(Join),
}

/// Some parameters that lie together: (n_in + 1) x n_out, or without the bias.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parameter {
    /// Path of its layer.
    pub(crate) path: String,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) bias: bool,
    pub(crate) init: Init,
}

impl Parameter {
    /// `layers.1.0.weight` for what stands at 2.1: the name of a tensor.
    pub(crate) fn tensor(&self, what: &str) -> String {
        let counted_from_0 = |i: &str| i.parse().map_or(0, |i: usize| i - 1).to_string();
        let path: Vec<String> = self.path.split('.').map(counted_from_0).collect();
        format!("layers.{}.{what}", path.join("."))
    }

    /// n_out x n_in
    pub(crate) fn weight_shape(&self) -> Vec<usize> {
        vec![self.outputs, self.inputs]
    }

    pub(crate) fn layout(&self) -> Panels {
        Panels::new(self.inputs.saturating_add(usize::from(self.bias)), self.outputs)
    }

    pub(crate) fn count(&self) -> usize {
        self.outputs.saturating_mul(self.inputs.saturating_add(usize::from(self.bias)))
    }
}

impl Program {
    /// The operations of `spec`.
    ///
    /// # Errors
    /// [`Error::Config`] for a width of 0, or chains that cannot be joined.
    pub(crate) fn of(spec: &Spec) -> Result<Self> {
        let mut program = Self { values: vec![], ops: vec![], parameters: vec![], matrices: [0; 3] };
        let input = program.value(spec.inputs, false);
        program.chain(&spec.layers, "", input)?;
        program.number_gradients();
        Ok(program)
    }

    /// The operation that the parameters belong to.
    pub(crate) fn owner(&self, parameter: usize) -> &Op {
        let owns = |op: &&Op| matches!(op.kind, Kind::Dense(_)) && op.parameter == parameter;
        self.ops.iter().find(owns).expect("every parameter was added with its operation")
    }

    /// What the operation that owns the parameters reads, and what it gives.
    pub(crate) fn around(&self, parameter: usize) -> [Value; 2] {
        let op = self.owner(parameter);
        [op.from[0], op.to[0]].map(|value| self.values[value])
    }

    /// Whether the input is multiplied by weights and used for nothing else, so that its zeros need not be there.
    pub(crate) fn only_multiplies_its_input(&self) -> bool {
        let reads = |op: &&Op| op.from.iter().any(|&from| self.values[from].z == 0);
        self.ops.iter().filter(reads).all(|op| matches!(op.kind, Kind::Dense(_) | Kind::Fork))
    }

    /// The last value.
    pub(crate) fn logits(&self) -> Value {
        self.values[self.values.len() - 1]
    }

    fn value(&mut self, width: usize, depends: bool) -> usize {
        let z = self.matrices[0];
        self.matrices[0] += 1;
        self.values.push(Value { width, z, delta: usize::MAX, depends, through: Activation::Identity, slopes: None });
        self.values.len() - 1
    }

    fn op(&mut self, kind: Kind, from: Vec<usize>, width: usize, path: &str) -> usize {
        let depends = matches!(kind, Kind::Dense(_)) || from.iter().any(|&from| self.values[from].depends);
        let to = self.value(width, depends);
        if let Kind::Dense(Dense { activation, .. }) | Kind::Activation(activation) = kind
            && depends
            && activation.slope() == Slope::Stored
        {
            self.values[to].slopes = Some(self.matrices[2]);
            self.matrices[2] += 1;
        }
        self.ops.push(Op { kind, from, to: vec![to], path: path.into(), parameter: self.parameters.len() });
        to
    }

    /// `count` names for the value `from`.
    fn fork(&mut self, from: usize, count: usize, path: &str) -> Vec<usize> {
        let first = self.values.len();
        self.values.extend(std::iter::repeat_n(self.values[from], count));
        let to: Vec<usize> = (first..first + count).collect();
        let parameter = self.parameters.len();
        self.ops.push(Op { kind: Kind::Fork, from: vec![from], to: to.clone(), path: path.into(), parameter });
        to
    }

    /// The value that `layers` make of `from`.
    fn chain(&mut self, layers: &[Layer], path: &str, from: usize) -> Result<usize> {
        layers
            .iter()
            .zip(1..)
            .try_fold(from, |from, (layer, i): (_, usize)| self.layer(layer, &format!("{path}{i}"), from))
    }

    fn layer(&mut self, layer: &Layer, path: &str, from: usize) -> Result<usize> {
        let inputs = self.values[from].width;
        match layer {
            Layer::Dense(dense) => {
                if dense.width == 0 {
                    let reason = format!("layer {path} has 0 units; each layer needs at least 1");
                    return Err(Error::config("width", reason));
                }
                let to = self.op(Kind::Dense(*dense), vec![from], dense.width, path);
                let Dense { width: outputs, bias, init, .. } = *dense;
                self.parameters.push(Parameter { path: path.into(), inputs, outputs, bias, init });
                Ok(to)
            }
            Layer::Activation(activation) => Ok(self.op(Kind::Activation(*activation), vec![from], inputs, path)),
            Layer::Skip(layers, join) => {
                let names = self.fork(from, 2, path);
                let end = self.chain(layers, &format!("{path}."), names[0])?;
                self.join(*join, vec![end, names[1]], path)
            }
            Layer::Parallel(chains, join) => {
                let names = self.fork(from, chains.len(), path);
                let ends = chains
                    .iter()
                    .zip(&names)
                    .zip(1..)
                    .map(|((chain, &name), i): (_, usize)| self.chain(chain, &format!("{path}.{i}."), name));
                let ends = ends.collect::<Result<Vec<_>>>()?;
                self.join(*join, ends, path)
            }
        }
    }

    fn join(&mut self, join: Join, from: Vec<usize>, path: &str) -> Result<usize> {
        let widths: Vec<usize> = from.iter().map(|&value| self.values[value].width).collect();
        let width = join.width(&widths).map_err(|e| Error::config(format!("layer {path}"), e.to_string()))?;
        Ok(self.op(Kind::Join(join), from, width, path))
    }

    /// Gives every value the matrix of its gradient, the last value the first; and says where a dense layer takes the
    /// gradient through the activation below it.
    fn number_gradients(&mut self) {
        let mut next = || {
            self.matrices[1] += 1;
            self.matrices[1] - 1
        };
        if let Some(last) = self.values.last_mut() {
            last.delta = next();
        }
        for op in self.ops.iter().rev() {
            for &from in &op.from {
                // What an activation gives back stands where it got it.
                self.values[from].delta = match op.kind {
                    _ if !self.values[from].depends => continue,
                    Kind::Activation(_) => self.values[op.to[0]].delta,
                    _ => next(),
                };
            }
        }
        for i in 0..self.ops.len() {
            let activation = match self.ops[i].kind {
                Kind::Dense(Dense { activation, .. }) | Kind::Activation(activation) => activation,
                _ => continue,
            };
            let to = self.ops[i].to[0];
            let reader = self.ops.iter().find(|op| op.from.contains(&to));
            if reader.is_some_and(|reader| matches!(reader.kind, Kind::Dense(_))) {
                self.values[to].through = activation;
            }
        }
    }
}

impl Op {
    /// The activation of what it gives, unless whoever reads that has taken the gradient through it.
    pub(crate) fn activation_left(&self, values: &[Value]) -> Activation {
        match self.kind {
            Kind::Dense(Dense { activation, .. }) | Kind::Activation(activation)
                if values[self.to[0]].through == Activation::Identity =>
            {
                activation
            }
            _ => Activation::Identity,
        }
    }
}
