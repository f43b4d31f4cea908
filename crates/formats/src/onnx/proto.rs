//! The messages of an ONNX file: the part of onnx.proto (IR version 9) that dense networks use, with the field numbers of the standard.
//! Fields of other numbers are skipped.

use prost::Message;

/// A whole file.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ModelProto {
    #[prost(int64, optional, tag = "1")]
    pub(crate) ir_version: Option<i64>,
    #[prost(string, optional, tag = "2")]
    pub(crate) producer_name: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub(crate) producer_version: Option<String>,
    #[prost(string, optional, tag = "6")]
    pub(crate) doc_string: Option<String>,
    #[prost(message, optional, tag = "7")]
    pub(crate) graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "8")]
    pub(crate) opset_import: Vec<OperatorSetIdProto>,
    #[prost(message, repeated, tag = "14")]
    pub(crate) metadata_props: Vec<StringStringEntryProto>,
}

/// Which version of a set of operators is used.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct OperatorSetIdProto {
    #[prost(string, optional, tag = "1")]
    pub(crate) domain: Option<String>,
    #[prost(int64, optional, tag = "2")]
    pub(crate) version: Option<i64>,
}

/// A key and a value.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct StringStringEntryProto {
    #[prost(string, optional, tag = "1")]
    pub(crate) key: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(crate) value: Option<String>,
}

/// What is computed.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    pub(crate) node: Vec<NodeProto>,
    #[prost(string, optional, tag = "2")]
    pub(crate) name: Option<String>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    pub(crate) input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    pub(crate) output: Vec<ValueInfoProto>,
}

/// One operation.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    pub(crate) input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub(crate) output: Vec<String>,
    #[prost(string, optional, tag = "3")]
    pub(crate) name: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub(crate) op_type: Option<String>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) attribute: Vec<AttributeProto>,
    #[prost(string, optional, tag = "7")]
    pub(crate) domain: Option<String>,
}

/// A setting of an operation.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct AttributeProto {
    #[prost(string, optional, tag = "1")]
    pub(crate) name: Option<String>,
    #[prost(float, optional, tag = "2")]
    pub(crate) f: Option<f32>,
    #[prost(int64, optional, tag = "3")]
    pub(crate) i: Option<i64>,
    #[prost(bytes = "vec", optional, tag = "4")]
    pub(crate) s: Option<Vec<u8>>,
    #[prost(message, optional, tag = "5")]
    pub(crate) t: Option<TensorProto>,
    #[prost(float, repeated, packed = "false", tag = "7")]
    pub(crate) floats: Vec<f32>,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub(crate) ints: Vec<i64>,
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub(crate) strings: Vec<Vec<u8>>,
    #[prost(int32, optional, tag = "20")]
    pub(crate) r#type: Option<i32>,
}

/// Numbers or texts of some shape.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorProto {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub(crate) dims: Vec<i64>,
    #[prost(int32, optional, tag = "2")]
    pub(crate) data_type: Option<i32>,
    #[prost(float, repeated, tag = "4")]
    pub(crate) float_data: Vec<f32>,
    #[prost(int32, repeated, tag = "5")]
    pub(crate) int32_data: Vec<i32>,
    #[prost(bytes = "vec", repeated, tag = "6")]
    pub(crate) string_data: Vec<Vec<u8>>,
    #[prost(int64, repeated, tag = "7")]
    pub(crate) int64_data: Vec<i64>,
    #[prost(string, optional, tag = "8")]
    pub(crate) name: Option<String>,
    #[prost(bytes = "vec", optional, tag = "9")]
    pub(crate) raw_data: Option<Vec<u8>>,
    #[prost(double, repeated, tag = "10")]
    pub(crate) double_data: Vec<f64>,
    #[prost(message, repeated, tag = "13")]
    pub(crate) external_data: Vec<StringStringEntryProto>,
    #[prost(int32, optional, tag = "14")]
    pub(crate) data_location: Option<i32>,
}

/// A named input or output.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ValueInfoProto {
    #[prost(string, optional, tag = "1")]
    pub(crate) name: Option<String>,
    #[prost(message, optional, tag = "2")]
    pub(crate) r#type: Option<TypeProto>,
}

/// What a value is, where it is a tensor.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TypeProto {
    #[prost(message, optional, tag = "1")]
    pub(crate) tensor_type: Option<TensorTypeProto>,
}

/// The type and shape of a tensor.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorTypeProto {
    #[prost(int32, optional, tag = "1")]
    pub(crate) elem_type: Option<i32>,
    #[prost(message, optional, tag = "2")]
    pub(crate) shape: Option<TensorShapeProto>,
}

/// The shape of a tensor.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorShapeProto {
    #[prost(message, repeated, tag = "1")]
    pub(crate) dim: Vec<DimensionProto>,
}

/// A size, or its name where it may be any.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct DimensionProto {
    #[prost(int64, optional, tag = "1")]
    pub(crate) dim_value: Option<i64>,
    #[prost(string, optional, tag = "2")]
    pub(crate) dim_param: Option<String>,
}

/// The numbers of element types.
pub(crate) mod element {
    pub(crate) const FLOAT: i32 = 1;
    pub(crate) const INT32: i32 = 6;
    pub(crate) const INT64: i32 = 7;
    pub(crate) const STRING: i32 = 8;
    pub(crate) const BOOL: i32 = 9;
    pub(crate) const DOUBLE: i32 = 11;
}

/// The numbers of types of attributes.
pub(crate) mod attribute {
    pub(crate) const FLOAT: i32 = 1;
    pub(crate) const INT: i32 = 2;
    pub(crate) const STRING: i32 = 3;
    pub(crate) const INTS: i32 = 7;
    pub(crate) const STRINGS: i32 = 8;
}

/// A message in the tree of a file.
#[derive(Clone, Copy)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    ValueInfo,
    Type,
    TensorType,
    Shape,
    /// Without messages inside.
    Leaf,
}

impl Kind {
    /// What a field of this number is, and the bytes that one takes in memory; `None` for bytes and numbers of which no more is kept
    /// than the file has.
    fn field(self, number: u64) -> Option<(Self, usize)> {
        const TEXT: usize = size_of::<String>();
        Some(match (self, number) {
            (Self::Model, 7) => (Self::Graph, size_of::<GraphProto>()),
            (Self::Model, 8) => (Self::Leaf, size_of::<OperatorSetIdProto>()),
            (Self::Model, 14) | (Self::Tensor, 13) => (Self::Leaf, size_of::<StringStringEntryProto>()),
            (Self::Graph, 1) => (Self::Node, size_of::<NodeProto>()),
            (Self::Graph, 5) | (Self::Attribute, 5) => (Self::Tensor, size_of::<TensorProto>()),
            (Self::Graph, 11 | 12) => (Self::ValueInfo, size_of::<ValueInfoProto>()),
            (Self::Node, 5) => (Self::Attribute, size_of::<AttributeProto>()),
            (Self::Node, 1 | 2) | (Self::Attribute, 9) | (Self::Tensor, 6) => (Self::Leaf, TEXT),
            (Self::ValueInfo, 2) => (Self::Type, 0),
            (Self::Type, 1) => (Self::TensorType, 0),
            (Self::TensorType, 2) => (Self::Shape, 0),
            (Self::Shape, 1) => (Self::Leaf, size_of::<DimensionProto>()),
            _ => return None,
        })
    }
}

/// Bytes in memory for a byte of a file, at most: a field of two bytes may be a message of two hundred in memory, and no tool writes
/// many empty ones.
const MOST: usize = 16;

/// A file's messages.
///
/// # Errors
/// A sentence, if it is not an ONNX file, or would take much more memory than it is long.
pub(crate) fn decode(bytes: &[u8]) -> Result<ModelProto, String> {
    let needed = needed(bytes, Kind::Model).ok_or("not an ONNX file, or one that was cut short")?;
    if needed > MOST * bytes.len() + (1 << 16) {
        return Err(format!("{} bytes that become {needed} in memory; no tool writes such an ONNX file", bytes.len()));
    }
    ModelProto::decode(bytes).map_err(|e| format!("not an ONNX file, or one that was cut short: {e}"))
}

/// The bytes that the messages in `bytes` take in memory; `None` if it is not a message.
fn needed(mut bytes: &[u8], kind: Kind) -> Option<usize> {
    let mut sum = 0_usize;
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let length = match key & 7 {
            0 => {
                varint(&mut bytes)?;
                // An unpacked number of a repeated field has eight bytes in memory.
                sum = sum.saturating_add(8);
                continue;
            }
            1 => 8,
            2 => usize::try_from(varint(&mut bytes)?).ok()?,
            5 => 4,
            _ => return None,
        };
        let (field, rest) = bytes.split_at_checked(length)?;
        bytes = rest;
        if key & 7 == 2 {
            let packed = matches!((kind, key >> 3), (Kind::Tensor, 1 | 5 | 7) | (Kind::Attribute, 8));
            sum = sum.saturating_add(if packed { 8 * length } else { length });
            if let Some((inner, size)) = kind.field(key >> 3) {
                // A vector that grows has room for twice as many, and briefly the old ones beside them.
                sum = sum.saturating_add(2 * size).saturating_add(if matches!(inner, Kind::Leaf) {
                    0
                } else {
                    needed(field, inner)?
                });
            }
        }
    }
    Some(sum)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 127) << shift;
        if first < 128 {
            return Some(value);
        }
    }
    None
}
