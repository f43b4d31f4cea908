//! A graph read node by node, from the inputs to the outputs.

mod node;
mod operators;

use std::collections::HashMap;
use std::rc::Rc;

use layerloop::network::{Layer, Unit};

use self::node::Node;
use super::constant::{Constant, Constants};
use super::rows::{Piece, Rows};
use crate::onnx::proto::{GraphProto, ValueInfoProto, element};

/// How many layers may share weights, on average.
const SHARED: usize = 16;
/// Columns of an input: a file only claims how many there are.
const WIDEST_INPUT: usize = 1 << 18;

/// The operators that are read.
pub const OPERATORS: [&str; 61] = [
    "Abs",
    "Add",
    "ArgMax",
    "ArrayFeatureExtractor",
    "BatchNormalization",
    "Binarizer",
    "Cast",
    "Celu",
    "Clip",
    "Concat",
    "Constant",
    "Div",
    "Dropout",
    "Elu",
    "Erf",
    "Exp",
    "Flatten",
    "Gather",
    "Gelu",
    "Gemm",
    "Greater",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "LabelEncoder",
    "LayerNormalization",
    "LeakyRelu",
    "Log",
    "MatMul",
    "Max",
    "Mean",
    "Min",
    "Mish",
    "Mul",
    "Neg",
    "PRelu",
    "Pow",
    "Reciprocal",
    "Relu",
    "Reshape",
    "Scaler",
    "Selu",
    "Shrink",
    "Sigmoid",
    "Slice",
    "Softmax",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Sum",
    "Swish",
    "Tanh",
    "ThresholdedRelu",
    "Transpose",
    "Unsqueeze",
    "ZipMap",
    "GreaterOrEqual",
    "Less",
    "Round",
];

/// What is known of a value.
#[derive(Debug, Clone)]
enum Value {
    Constant(Rc<Constant>),
    Rows(Rows),
    /// The predicted class: its number, or its name, of rows of probabilities.
    Label,
}

/// What a graph was found to be.
#[derive(Debug)]
pub(super) struct Found {
    /// What the first output of numbers is.
    pub(super) rows: Rows,
    /// Number of inputs.
    pub(super) inputs: usize,
    /// Their names.
    pub(super) columns: Vec<String>,
    /// The names of the classes, where the graph has them.
    pub(super) classes: Option<Vec<String>>,
}

/// The state of a walk over the nodes.
pub(super) struct Interpreter<'a> {
    graph: &'a GraphProto,
    opset: i64,
    constants: &'a Constants,
    values: HashMap<&'a str, Value>,
    inputs: usize,
    columns: Vec<String>,
    classes: Option<Vec<String>>,
    /// Numbers that layers may still hold.
    left: usize,
}

impl<'a> Interpreter<'a> {
    pub(super) fn new(graph: &'a GraphProto, opset: i64, constants: &'a Constants) -> Result<Self, String> {
        let mut all = Self {
            graph,
            opset,
            constants,
            values: HashMap::new(),
            inputs: 0,
            columns: vec![],
            classes: None,
            left: 1 << 18,
        };
        for proto in &graph.initializer {
            let constant = constants.read(proto)?;
            // Layers that share weights have a copy each: some, not as many as nodes can name.
            all.left = all.left.saturating_add(SHARED * constant.data.len());
            all.values.insert(proto.name(), Value::Constant(Rc::new(constant)));
        }
        all.read_inputs()?;
        Ok(all)
    }

    /// The inputs side by side, as the columns of one row.
    fn read_inputs(&mut self) -> Result<(), String> {
        let inputs: Vec<&ValueInfoProto> =
            self.graph.input.iter().filter(|input| !self.values.contains_key(input.name())).collect();
        let sizes = inputs.iter().map(|input| dims(input)).collect::<Result<Vec<_>, _>>()?;
        if let [input] = inputs[..] {
            self.values.insert(input.name(), Value::Rows(Rows::new(sizes[0].clone())));
            return Ok(());
        }
        let mut first = 0;
        for (input, dims) in inputs.iter().zip(sizes) {
            let [Some(count)] = dims[..] else {
                return Err(format!("input `{}` is not a matrix of a stated number of columns", input.name()));
            };
            let mut rows = Rows::new(dims);
            rows.chain.push(Rc::new(Piece::Layer(Layer::Unit(Unit::Columns { first, count }), vec![])));
            self.values.insert(input.name(), Value::Rows(rows));
            let name = |i: usize| if count == 1 { input.name().to_string() } else { format!("{}{i}", input.name()) };
            self.columns.extend((1..=count).map(name));
            first += count;
            if first > WIDEST_INPUT {
                return Err(format!("{first} columns of inputs"));
            }
        }
        self.inputs = first;
        Ok(())
    }

    /// Every node, then the outputs.
    pub(super) fn run(mut self) -> Result<Found, String> {
        for proto in &self.graph.node {
            let node = Node::new(proto);
            let value = self.evaluate(&node).map_err(|reason| format!("{}: {reason}", node.named()))?;
            if let Value::Rows(rows) = &value {
                let held = rows.chain.last().map_or(0, |piece| piece.numbers());
                let left = self.left.checked_sub(held);
                self.left = left.ok_or_else(|| format!("{}: weights are shared by too many nodes", node.named()))?;
            }
            if let Some(name) = proto.output.first() {
                self.values.insert(name, value);
            }
        }
        let outputs = self.graph.output.iter().filter_map(|output| self.values.get(output.name()));
        let rows = outputs.filter_map(|value| if let Value::Rows(rows) = value { Some(rows) } else { None }).next();
        let rows = rows.ok_or("no output of the graph is made of its inputs by a network")?.clone();
        if self.inputs == 0 {
            (self.inputs, self.columns) = self.only_input(&rows)?;
        }
        Ok(Found { rows, inputs: self.inputs, columns: self.columns, classes: self.classes })
    }

    /// Number and names of the columns of the only input.
    fn only_input(&self, rows: &Rows) -> Result<(usize, Vec<String>), String> {
        let first = rows.chain.first().map(Rc::as_ref);
        let inputs = first.and_then(width_of).or(rows.dims.last().copied().flatten());
        let inputs = inputs.ok_or("the number of inputs is not stated")?;
        Ok((inputs, (1..=inputs).map(|i| format!("x{i}")).collect()))
    }
}

/// How many columns a piece reads.
fn width_of(piece: &Piece) -> Option<usize> {
    match piece {
        Piece::Affine(a, _) => Some(a.len()),
        Piece::Layer(Layer::Dense(_), tensors) => tensors.first()?.1.last().copied(),
        Piece::Layer(_, tensors) => tensors.first()?.1.first().copied(),
        Piece::Skip(chain, _) => chain.first().and_then(|piece| width_of(piece)),
        Piece::Parallel(chains, _) => chains.iter().find_map(|chain| width_of(chain.first()?)),
    }
}

/// The sizes of an input behind that of the batch.
fn dims(input: &ValueInfoProto) -> Result<Vec<Option<usize>>, String> {
    let tensor = input.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
    let tensor = tensor.ok_or_else(|| format!("input `{}` is not a tensor", input.name()))?;
    if !matches!(tensor.elem_type(), element::FLOAT | element::DOUBLE | element::INT32 | element::INT64) {
        let kind = tensor.elem_type();
        return Err(format!("input `{}` has elements of type {kind}; networks of numbers are read", input.name()));
    }
    let shape = tensor.shape.as_ref().map(|shape| &shape.dim[..]).unwrap_or_default();
    let size = |dim: &crate::onnx::proto::DimensionProto| dim.dim_value.and_then(|n| usize::try_from(n).ok());
    let sizes: Vec<_> = shape.iter().skip(1).map(size).collect();
    let columns = sizes.iter().flatten().try_fold(1_usize, |all, size| all.checked_mul(*size));
    if columns.is_none_or(|columns| columns > WIDEST_INPUT) {
        return Err(format!(
            "input `{}` has the sizes {sizes:?}; at most {WIDEST_INPUT} columns are read",
            input.name()
        ));
    }
    Ok(if sizes.is_empty() { vec![None] } else { sizes })
}
