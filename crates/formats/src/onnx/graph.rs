//! A graph while it is built: nodes, initializers, names.

use super::proto::{
    AttributeProto, DimensionProto, NodeProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto,
    ValueInfoProto, attribute, element,
};

/// Nodes and initializers so far.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<NodeProto>,
    pub(super) initializers: Vec<TensorProto>,
    pub(super) opset: i64,
    /// Whether an operator of ai.onnx.ml is used.
    pub(super) uses_ml: bool,
}

/// A setting of a node.
#[derive(Debug, Clone)]
pub(super) enum Set {
    Float(f32),
    Int(i64),
    Ints(Vec<i64>),
    Strings(Vec<String>),
}

/// The operators of this set, which are not in the one without a name.
const ML: [&str; 1] = ["LabelEncoder"];

impl Graph {
    /// A node with one output, whose name it gives.
    pub(super) fn node(&mut self, op: &str, inputs: &[&str], settings: &[(&str, Set)]) -> String {
        let name = format!("{op}_{}", self.nodes.len());
        self.named(op, inputs, settings, &name)
    }

    /// As [`Self::node`], with a given name of its output.
    pub(super) fn named(&mut self, op: &str, inputs: &[&str], settings: &[(&str, Set)], output: &str) -> String {
        let domain = ML.contains(&op).then(|| "ai.onnx.ml".to_string());
        self.uses_ml |= domain.is_some();
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|name| (*name).to_string()).collect(),
            output: vec![output.to_string()],
            name: Some(format!("node_{}_{op}", self.nodes.len())),
            op_type: Some(op.into()),
            attribute: settings.iter().map(|(name, set)| setting(name, set)).collect(),
            domain,
        });
        output.to_string()
    }

    /// Numbers in f32 under a name.
    pub(super) fn floats(&mut self, name: &str, dims: &[usize], values: &[f32]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(name, dims, element::FLOAT, bytes)
    }

    /// Numbers that no layer has.
    pub(super) fn constant_floats(&mut self, values: &[f32]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(&[], element::FLOAT, bytes)
    }

    /// Numbers in f64.
    pub(super) fn doubles(&mut self, dims: &[usize], values: &[f64]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(dims, element::DOUBLE, bytes)
    }

    /// Whole numbers.
    pub(super) fn ints(&mut self, values: &[i64]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(&[values.len()], element::INT64, bytes)
    }

    /// One number in f32, for all elements.
    pub(super) fn scalar(&mut self, value: f32) -> String {
        self.constant(&[], element::FLOAT, value.to_le_bytes().to_vec())
    }

    /// Numbers in f32 without a name of their own.
    pub(super) fn unnamed(&mut self, dims: &[usize], values: &[f32]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(dims, element::FLOAT, bytes)
    }

    /// Texts.
    pub(super) fn strings(&mut self, values: &[String]) -> String {
        let name = format!("constant_{}", self.initializers.len());
        self.initializers.push(TensorProto {
            dims: vec![values.len() as i64],
            data_type: Some(element::STRING),
            string_data: values.iter().map(|value| value.clone().into_bytes()).collect(),
            name: Some(name.clone()),
            ..TensorProto::default()
        });
        name
    }

    /// The same value again where it is there already.
    fn constant(&mut self, dims: &[usize], kind: i32, bytes: Vec<u8>) -> String {
        let dims64: Vec<i64> = dims.iter().map(|&dim| dim as i64).collect();
        let same = |tensor: &&TensorProto| {
            tensor.data_type == Some(kind)
                && tensor.dims == dims64
                && tensor.raw_data.as_ref() == Some(&bytes)
                && tensor.name().starts_with("constant_")
        };
        if let Some(known) = self.initializers.iter().find(same) {
            return known.name().to_string();
        }
        let name = format!("constant_{}", self.initializers.len());
        self.initializer(&name, dims, kind, bytes)
    }

    fn initializer(&mut self, name: &str, dims: &[usize], kind: i32, bytes: Vec<u8>) -> String {
        self.initializers.push(TensorProto {
            dims: dims.iter().map(|&dim| dim as i64).collect(),
            data_type: Some(kind),
            name: Some(name.into()),
            raw_data: Some(bytes),
            ..TensorProto::default()
        });
        name.into()
    }

    /// `value` as elements of another type.
    pub(super) fn cast(&mut self, value: &str, to: i32) -> String {
        self.node("Cast", &[value], &[("to", Set::Int(i64::from(to)))])
    }

    /// `value` with another shape; -1 is whatever is left.
    pub(super) fn reshape(&mut self, value: &str, shape: &[i64]) -> String {
        let shape = self.ints(shape);
        self.node("Reshape", &[value, &shape], &[])
    }
}

fn setting(name: &str, set: &Set) -> AttributeProto {
    let mut proto = AttributeProto { name: Some(name.into()), ..AttributeProto::default() };
    proto.r#type = Some(match set {
        Set::Float(f) => {
            proto.f = Some(*f);
            attribute::FLOAT
        }
        Set::Int(i) => {
            proto.i = Some(*i);
            attribute::INT
        }
        Set::Ints(ints) => {
            proto.ints.clone_from(ints);
            attribute::INTS
        }
        Set::Strings(strings) => {
            proto.strings = strings.iter().map(|text| text.clone().into_bytes()).collect();
            attribute::STRINGS
        }
    });
    proto
}

/// A named tensor of N rows, or without rows where there is no width.
pub(super) fn value_info(name: &str, elem_type: i32, width: Option<usize>) -> ValueInfoProto {
    let rows = DimensionProto { dim_param: Some("N".into()), dim_value: None };
    let width = width.map(|width| DimensionProto { dim_value: Some(width as i64), dim_param: None });
    let shape = TensorShapeProto { dim: std::iter::once(rows).chain(width).collect() };
    let tensor = TensorTypeProto { elem_type: Some(elem_type), shape: Some(shape) };
    ValueInfoProto { name: Some(name.into()), r#type: Some(TypeProto { tensor_type: Some(tensor) }) }
}
