//! A specification as operations on numbered values: what the layer loops walk, forward and then back.
//!
//! Every value but the last is read by one operation. Where two need it, a fork gives it two names: going back, its
//! gradient is the sum of theirs.

use std::ops::Range;

use layerloop_kernels::columns::PerColumn;
use layerloop_kernels::grouped::Groups;
use layerloop_kernels::members::Members;
use layerloop_kernels::piecewise::Piecewise;
use layerloop_kernels::{Activation, Slope};

use super::custom;
use super::init::Init;
use super::layer::{Dense, Join, Layer};
pub(crate) use super::role::{Initial, Parameter, Role};
use super::sound;
use super::spec::Spec;
use crate::names::Custom;
use crate::{Error, Result};

/// The operations of a network.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Program {
    /// The values: the input first, the logits last.
    pub(crate) values: Vec<Value>,
    pub(crate) ops: Vec<Op>,
    /// The parameters, in canonical order.
    pub(crate) parameters: Vec<Parameter>,
    /// The operations between two barriers: a batch norm, the first of its stage, needs all rows of what it reads.
    pub(crate) stages: Vec<Range<usize>>,
    /// Number of matrices that hold values, and gradients.
    pub(crate) matrices: [usize; 2],
    /// Widths of those that keep something for the backward pass.
    pub(crate) kept: Vec<usize>,
    /// Number of rows of the table that the input's whole numbers name, where there is one.
    pub(crate) table: Option<usize>,
    /// How many members look at every row: rows of a pass that are the same row of the data.
    pub(crate) members_of_row: usize,
    /// Edges of bins, those of one operation after those of the other.
    pub(crate) edges: Vec<f32>,
    /// Whether the input is multiplied by weights and used for nothing else, so that its zeros need not be there.
    pub(crate) only_multiplies_its_input: bool,
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
    /// The activation that the operation which reads it takes the gradient through in the backward pass.
    pub(crate) through: Activation,
    /// The kept matrix that holds sigma'(t), where that is stored.
    pub(crate) slopes: Option<usize>,
    /// The first of the matrices that its operation keeps for the backward pass.
    pub(crate) kept: Option<usize>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Op {
    pub(crate) kind: Kind,
    pub(crate) from: Vec<usize>,
    pub(crate) to: Vec<usize>,
    /// Where it stands in the specification: `3`, or `2.1` for the first layer of the chain in the second.
    pub(crate) path: String,
    /// The index of its parameters.
    pub(crate) parameter: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Dense(Dense),
    Activation(Activation),
    Fork,
    Join(Join),
    /// Dropout, or alpha dropout.
    Drop {
        rate: f32,
        alpha: bool,
    },
    Leak {
        lower: f32,
        upper: f32,
    },
    PerColumn(PerColumn),
    /// Layer norm without weight and bias.
    Standardise {
        epsilon: f32,
    },
    /// Batch norm without weight and bias, the `index`-th of the network.
    BatchStandardise {
        epsilon: f32,
        momentum: f32,
        index: usize,
    },
    Max {
        pieces: usize,
    },
    Outer,
    /// Between the edges of the program from the `first` on.
    Piecewise {
        piecewise: Piecewise,
        first: usize,
    },
    /// Some of the values, from the `first` on.
    Columns {
        first: usize,
    },
    Grouped(Groups),
    Members(Members),
    /// Keeps sigma(z) and sigma'(z).
    Parametric(Activation),
    Table,
    Custom(Custom<dyn custom::Layer>),
}

impl Program {
    /// The operations of `spec`.
    ///
    /// # Errors
    /// [`Error::Config`] for a width of 0, numbers outside their ranges, chains that are empty, nested too deep, or cannot be
    /// joined.
    pub(crate) fn of(spec: &Spec) -> Result<Self> {
        Self::back_to(spec, false)
    }

    /// As [`Self::of`], with a gradient of the input too.
    pub(crate) fn of_inputs(spec: &Spec) -> Result<Self> {
        Self::back_to(spec, true)
    }

    fn back_to(spec: &Spec, input: bool) -> Result<Self> {
        sound::check_depth(&spec.layers)?;
        let mut program = Self {
            values: vec![],
            ops: vec![],
            parameters: vec![],
            stages: vec![],
            matrices: [0; 2],
            kept: vec![],
            table: None,
            members_of_row: 1,
            edges: vec![],
            only_multiplies_its_input: false,
        };
        let input = program.value(spec.inputs, input);
        program.chain(&spec.layers, "", input)?;
        program.number_gradients();
        let barrier = |op: &Op| matches!(op.kind, Kind::BatchStandardise { .. });
        let barriers = program.ops.iter().enumerate().filter(|(_, op)| barrier(op)).map(|(i, _)| i);
        let ends: Vec<usize> = std::iter::once(0).chain(barriers).chain([program.ops.len()]).collect();
        let reads = |op: &&Op| op.from.iter().any(|&from| program.values[from].z == 0);
        program.only_multiplies_its_input =
            program.ops.iter().filter(reads).all(|op| matches!(op.kind, Kind::Dense(_) | Kind::Fork));
        program.stages = ends.windows(2).map(|pair| pair[0]..pair[1]).collect();
        Ok(program)
    }

    /// The operation that the parameters belong to.
    pub(crate) fn owner(&self, parameter: usize) -> &Op {
        let owner = self.ops.iter().find(|op| op.parameter == Some(parameter));
        owner.expect("every parameter was added with its operation")
    }

    /// What the operation that owns the parameters reads, and what it gives.
    pub(crate) fn around(&self, parameter: usize) -> [Value; 2] {
        let op = self.owner(parameter);
        [op.from[0], op.to[0]].map(|value| self.values[value])
    }

    /// The edges of the bins, of which the `first` is given.
    pub(crate) fn edges(&self, piecewise: Piecewise, first: usize) -> &[f32] {
        &self.edges[first..=first + piecewise.bins]
    }

    /// The batch norms: what they read, and what they give.
    pub(crate) fn batch_norms(&self) -> impl Iterator<Item = &Op> {
        self.ops.iter().filter(|op| matches!(op.kind, Kind::BatchStandardise { .. }))
    }

    /// Bytes of all parameters as they lie in memory.
    pub(crate) fn bytes(&self) -> usize {
        let values = self.parameters.iter().map(|parameter| parameter.layout().len());
        values.fold(0, usize::saturating_add).saturating_mul(size_of::<f32>())
    }

    /// The logits of each member, where the network is an ensemble: chains side by side whose mean is the end.
    pub(crate) fn members(&self) -> Option<&[usize]> {
        self.ops.last().filter(|op| op.kind == Kind::Join(Join::Mean)).map(|op| &op.from[..])
    }

    /// [`Spec::operations`]
    pub(super) fn operations(&self) -> f64 {
        let of = |(i, parameter): (usize, &Parameter)| {
            let passes = if self.around(i)[0].depends { 3.0 } else { 2.0 };
            let products = match parameter.role {
                Role::Product => parameter.inputs as f64 * parameter.outputs as f64,
                Role::Grouped(groups) => groups.inputs as f64 * groups.widths()[1] as f64,
                _ => 0.0,
            };
            2.0 * passes * products
        };
        self.members_of_row as f64 * self.parameters.iter().enumerate().map(of).sum::<f64>()
    }

    /// The last value.
    pub(crate) fn logits(&self) -> Value {
        self.values[self.values.len() - 1]
    }

    fn value(&mut self, width: usize, depends: bool) -> usize {
        let z = self.matrices[0];
        self.matrices[0] += 1;
        let through = Activation::Identity;
        self.values.push(Value { width, z, delta: usize::MAX, depends, through, slopes: None, kept: None });
        self.values.len() - 1
    }

    /// An operation that reads `from` and gives `width` values; its parameters are those that were added last.
    pub(super) fn op(&mut self, kind: Kind, from: Vec<usize>, width: usize, path: &str) -> usize {
        let learns = match kind {
            Kind::Dense(_)
            | Kind::PerColumn(_)
            | Kind::Parametric(_)
            | Kind::Grouped(_)
            | Kind::Piecewise { .. }
            | Kind::Members(_)
            | Kind::Table => true,
            Kind::Custom(layer) => layer.parameters(self.values[from[0]].width) > 0,
            _ => false,
        };
        let depends = learns || from.iter().any(|&from| self.values[from].depends);
        let to = self.value(width, depends);
        match kind {
            Kind::Dense(Dense { activation, .. }) | Kind::Activation(activation)
                if depends && activation.slope() == Slope::Stored =>
            {
                self.values[to].slopes = Some(self.keep([width]));
            }
            Kind::Standardise { .. } => self.values[to].kept = Some(self.keep([1])),
            Kind::BatchStandardise { .. } | Kind::Parametric(_) => {
                self.values[to].kept = Some(self.keep([width; 2]));
            }
            _ => {}
        }
        let owns = learns || matches!(kind, Kind::BatchStandardise { .. });
        let parameter = owns.then(|| self.parameters.len() - 1);
        self.ops.push(Op { kind, from, to: vec![to], path: path.into(), parameter });
        to
    }

    /// Matrices of these widths, to keep something in; the first of them.
    fn keep<const N: usize>(&mut self, widths: [usize; N]) -> usize {
        self.kept.extend(widths);
        self.kept.len() - N
    }

    /// Parameters for the next operation.
    pub(super) fn parameter(
        &mut self,
        path: &str,
        [inputs, outputs]: [usize; 2],
        bias: bool,
        role: Role,
        start: Initial,
    ) {
        self.parameters.push(Parameter { path: path.into(), inputs, outputs, bias, role, start });
    }

    /// `count` names for the value `from`.
    fn fork(&mut self, from: usize, count: usize, path: &str) -> Vec<usize> {
        let first = self.values.len();
        self.values.extend(std::iter::repeat_n(self.values[from], count));
        let to: Vec<usize> = (first..first + count).collect();
        self.ops.push(Op { kind: Kind::Fork, from: vec![from], to: to.clone(), path: path.into(), parameter: None });
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
        sound::check_layer(layer, path)?;
        let inputs = self.values[from].width;
        match layer {
            Layer::Dense(dense) => {
                if dense.width == 0 {
                    let reason = format!("layer {path} has 0 units; each layer needs at least 1");
                    return Err(Error::config("width", reason));
                }
                Ok(self.dense(*dense, from, path))
            }
            Layer::Unit(unit) => self.unit(*unit, from, path),
            Layer::Custom(layer) => self.custom(*layer, from, path),
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

    pub(super) fn dense(&mut self, dense: Dense, from: usize, path: &str) -> usize {
        let shape = [self.values[from].width, dense.width];
        let init = if dense.init == Init::Default {
            Init::default(dense.activation, self.activation_of(from))
        } else {
            dense.init
        };
        self.parameter(path, shape, dense.bias, Role::Product, Initial::Drawn(init));
        self.op(Kind::Dense(dense), vec![from], dense.width, path)
    }

    /// The activation that a value was given by, whatever was dropped of it since.
    fn activation_of(&self, value: usize) -> Activation {
        let op = self.ops.iter().find(|op| op.to.contains(&value));
        match op.map(|op| (op.kind, op.from[0])) {
            Some((Kind::Dense(Dense { activation, .. }) | Kind::Activation(activation), _)) => activation,
            Some((Kind::Fork | Kind::Drop { .. }, from)) => self.activation_of(from),
            _ => Activation::Identity,
        }
    }

    fn custom(&mut self, layer: Custom<dyn custom::Layer>, from: usize, path: &str) -> Result<usize> {
        let inputs = self.values[from].width;
        let outputs = layer.outputs(inputs).ok_or_else(|| {
            Error::config(format!("layer {path}"), format!("`{}` cannot read {inputs} values", layer.name()))
        })?;
        let count = layer.parameters(inputs);
        if count > 0 {
            self.parameter(path, [1, count], false, Role::Custom(layer), Initial::Custom(layer, inputs));
        }
        Ok(self.op(Kind::Custom(layer), vec![from], outputs, path))
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
