//! What a network computes where it is used, as a list of operations with their parameters: for code that writes it in another
//! form (ONNX, C) and so needs neither the layout of the weights nor the layers' training.

use layerloop_kernels::columns::PerColumn;
use layerloop_kernels::grouped::Parts;

use super::program::{Kind, Op};
use super::{Activation, Join, Network, Output, Tensor};

/// The operations of a network, in an order in which each reads what earlier ones gave.
///
/// Value 0 is the row of inputs, value i + 1 is what step i gives, the last value are the logits. Dropout is not there: in use it does
/// nothing.
///
/// # Example
/// ```
/// use layerloop::network::view::{Operation, View};
/// use layerloop::network::{Activation, Network};
/// let network = Network::new(&"4 -> 3 relu dropout=0.5 -> skip(3 no-bias) -> 2".parse()?, 0)?;
/// let view = View::of(&network);
/// assert_eq!(view.widths, [4, 3, 3, 3, 2]);
/// assert_eq!(view.steps.iter().map(|step| &step.reads[..]).collect::<Vec<_>>(), [&[0][..], &[1], &[2, 1], &[3]]);
/// let Operation::Dense { weight, bias, activation } = &view.steps[0].operation else { unreachable!() };
/// assert_eq!((&weight.shape[..], weight.values.len(), activation), (&[3, 4][..], 12, &Activation::Relu));
/// assert_eq!(bias.as_ref().map(|bias| bias.name.as_str()), Some("layers.0.bias"));
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct View {
    /// Width of each value: inputs first, logits last.
    pub widths: Vec<usize>,
    /// The operations.
    pub steps: Vec<Step>,
    /// The map from logits to outputs.
    pub output: Output,
    /// How many members look at each row; the outputs are the means of theirs. 1 where there are no members.
    pub members: usize,
}

/// One operation and where it stands.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// What is computed.
    pub operation: Operation,
    /// The values that it reads.
    pub reads: Vec<usize>,
    /// Its layer in the specification: `3`, or `2.1` for the first layer of a chain in the second.
    pub path: String,
}

/// What a step computes of the values z that it reads. Tensors have the names of model files.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// sigma(W z + b); one chain of fused multiply-adds from 0 on in the order of z, the bias last
    Dense {
        /// W: n_out x n_in, row-major.
        weight: Tensor,
        /// b: n_out.
        bias: Option<Tensor>,
        /// sigma.
        activation: Activation,
    },
    /// sigma(z)
    Activation(Activation),
    /// One value of several, from the first on.
    Join(Join),
    /// w z + b, or w z, component by component
    Scale {
        /// w.
        weight: Tensor,
        /// b.
        bias: Option<Tensor>,
    },
    /// max(0, z) + a min(0, z), component by component
    Prelu {
        /// a.
        slope: Tensor,
    },
    /// max(0, z) + a min(0, z) with one a for all components
    Leak {
        /// a.
        slope: f32,
    },
    /// z'_{j count + k} = cos(2 pi w_{j count + k} z_j + b_{j count + k})
    Waves {
        /// Waves of a value.
        count: usize,
        /// w.
        weight: Tensor,
        /// b.
        bias: Tensor,
    },
    /// z'_j = b_j + sum_t s_t v_{jt}, s_t = (z_j - e_t) / (e_{t+1} - e_t), at least 0 and at most 1
    Piecewise {
        /// Values that each becomes.
        width: usize,
        /// e, ascending: one more than there are bins.
        edges: Vec<f32>,
        /// For each value of z its b, then its v, bin by bin.
        weight: Tensor,
    },
    /// (z - mean(z)) / sqrt(var(z) + epsilon), over the components
    LayerNorm {
        /// Keeps the root above 0.
        epsilon: f32,
    },
    /// (z - mean) / sqrt(variance + epsilon), component by component
    BatchNorm {
        /// Running means.
        mean: Tensor,
        /// Running variances.
        variance: Tensor,
        /// Keeps the root above 0.
        epsilon: f32,
    },
    /// z'_j = max over i of z_{i n + j}, n the width of z'
    Maxout {
        /// How many values become one.
        pieces: usize,
    },
    /// z'_{i n + j} = z_i z_j, n the width of z
    Outer,
    /// z' = (z_{first + 1}; ...)
    Columns {
        /// How many values come before them.
        first: usize,
    },
    /// z'_{g outputs + c} = w_{g, c} . z_g + b_{g, c}, z_g the equal parts of z
    Grouped {
        /// Number of parts.
        groups: usize,
        /// Values of each part of z.
        inputs: usize,
        /// Values of each part of z'.
        outputs: usize,
        /// For each value of z' its `inputs` weights, then its bias.
        weight: Tensor,
    },
    /// w_m . z + b_m for member m
    MemberDense {
        /// Values of z.
        inputs: usize,
        /// Values of z'.
        outputs: usize,
        /// For each member and each value of z' its `inputs` weights, then its bias.
        weight: Tensor,
    },
    /// w_m z + b_m, or w_m z, component by component, for member m
    MemberScale {
        /// The w of all members, then the b of all where there are some.
        weight: Tensor,
        /// Whether there are b.
        bias: bool,
    },
    /// z + a (sigma(z) - z), component by component
    Parametric {
        /// sigma.
        activation: Activation,
        /// a.
        weight: Tensor,
    },
    /// (T_{z_1}; T_{z_2}; ...)
    Embedding {
        /// Rows of the table.
        count: usize,
        /// Numbers in a row.
        width: usize,
        /// The transpose of T: width x count.
        table: Tensor,
    },
    /// A user-defined layer, which only Rust code can compute.
    Custom {
        /// Its name.
        name: String,
    },
}

impl View {
    /// Of a network; the parameters are copied.
    #[must_use]
    pub fn of(network: &Network) -> Self {
        let program = &network.program;
        let mut widths = vec![program.values[0].width];
        let mut steps = Vec::new();
        // Which value of the view each value of the program is.
        let mut place = vec![0; program.values.len()];
        for op in &program.ops {
            match operation(network, op) {
                None => op.to.iter().for_each(|&to| place[to] = place[op.from[0]]),
                Some(operation) => {
                    let reads = op.from.iter().map(|&from| place[from]).collect();
                    steps.push(Step { operation, reads, path: op.path.clone() });
                    widths.push(program.values[op.to[0]].width);
                    place[op.to[0]] = steps.len();
                }
            }
        }
        let last = place[program.values.len() - 1];
        if last != steps.len() {
            // Dropout at the end of a chain: the logits are the last value all the same.
            steps.push(Step {
                operation: Operation::Activation(Activation::Identity),
                reads: vec![last],
                path: String::new(),
            });
            widths.push(widths[last]);
        }
        Self { widths, steps, output: network.spec().output, members: program.members_of_row }
    }

    /// Number of inputs.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.widths[0]
    }

    /// Number of logits.
    #[must_use]
    pub fn logits(&self) -> usize {
        self.widths[self.widths.len() - 1]
    }

    /// Number of outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.output.classes(self.logits())
    }
}

/// What an operation is; `None` where it gives what it reads.
fn operation(network: &Network, op: &Op) -> Option<Operation> {
    let tensor = |which: usize| {
        let i = op.parameter.unwrap_or_default();
        let parameter = &network.program.parameters[i];
        let name = parameter.tensors()[which].clone();
        if which == 0 {
            Tensor::new(name, parameter.weight_shape(), network.weight(i))
        } else {
            Tensor::new(name, [parameter.outputs], network.bias(i))
        }
    };
    let biased = op.parameter.is_some_and(|i| network.program.parameters[i].bias);
    let bias = || biased.then(|| tensor(1));
    Some(match op.kind {
        Kind::Fork | Kind::Drop { .. } => return None,
        Kind::Dense(dense) => Operation::Dense { weight: tensor(0), bias: bias(), activation: dense.activation },
        Kind::Activation(activation) => Operation::Activation(activation),
        Kind::Join(join) => Operation::Join(join),
        Kind::Leak { lower, upper } => Operation::Leak { slope: 0.5_f32.mul_add(upper - lower, lower) },
        Kind::PerColumn(PerColumn::Scale | PerColumn::Gain) => Operation::Scale { weight: tensor(0), bias: bias() },
        Kind::PerColumn(PerColumn::Prelu) => Operation::Prelu { slope: tensor(0) },
        Kind::PerColumn(PerColumn::Waves { count }) => Operation::Waves { count, weight: tensor(0), bias: tensor(1) },
        Kind::Standardise { epsilon } => Operation::LayerNorm { epsilon },
        Kind::BatchStandardise { epsilon, .. } => {
            Operation::BatchNorm { mean: tensor(0), variance: tensor(1), epsilon }
        }
        Kind::Max { pieces } => Operation::Maxout { pieces },
        Kind::Outer => Operation::Outer,
        Kind::Columns { first } => Operation::Columns { first },
        Kind::Grouped(groups) => {
            let (inputs, outputs, weight) = (groups.inputs, groups.outputs, tensor(0));
            match groups.of {
                Parts::Columns => Operation::Grouped { groups: groups.count, inputs, outputs, weight },
                Parts::Rows => Operation::MemberDense { inputs, outputs, weight },
            }
        }
        Kind::Piecewise { piecewise: of, first } => {
            let edges = network.program.edges(of, first).to_vec();
            Operation::Piecewise { width: of.width, edges, weight: tensor(0) }
        }
        Kind::Members(members) => Operation::MemberScale { weight: tensor(0), bias: members.bias },
        Kind::Parametric(activation) => Operation::Parametric { activation, weight: tensor(0) },
        Kind::Table => {
            let [width, count] = tensor(0).shape[..] else { return None };
            Operation::Embedding { count, width, table: tensor(0) }
        }
        Kind::Custom(layer) => Operation::Custom { name: layer.name().into() },
    })
}
