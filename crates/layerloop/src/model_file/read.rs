//! Reads a model file front to back: its header, then one panel of weights at a time, so that a file needs no more memory than its network.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use safetensors::tensor::{Dtype, Metadata};

use super::card::{Card, SCHEMA, schema_of};
use super::{ENTRY, LONGEST_HEADER, Model};
use crate::files::Kind;
use crate::network::Network;
use crate::network::program::{Parameter, Program};
use crate::{Error, Result};

/// The model in `length` bytes of `source`; messages call it `path`.
pub(super) fn read(mut source: impl Read, length: u64, path: &Path) -> Result<Model> {
    let (metadata, rest) = header(&mut source, length, path)?;
    let card = card(&metadata, path)?;
    let network = network(&card, &metadata, rest.chain(source), path)?;
    let Card { classes, input, receipt, threshold, multilabel, .. } = card;
    Ok(Model { network, classes, input, receipt, threshold, multilabel })
}

/// The header, and what was read of the tensors with it.
fn header(source: &mut impl Read, length: u64, path: &Path) -> Result<(Metadata, std::io::Cursor<Vec<u8>>)> {
    let mut bytes = Vec::new();
    let mut read_to = |bytes: &mut Vec<u8>, end: u64| {
        let missing = end.saturating_sub(bytes.len() as u64);
        source.take(missing).read_to_end(bytes).map_err(Error::io(path))
    };
    read_to(&mut bytes, Kind::ENOUGH)?;
    let damaged = |start: &[u8], reason: String| Error::format(path, not_a_model(start, &reason));
    let Some(size) = bytes.first_chunk().map(|size| u64::from_le_bytes(*size)) else {
        return Err(damaged(&bytes, "it has no header".into()));
    };
    if size > LONGEST_HEADER || 8 + size > length {
        return Err(damaged(&bytes, format!("its header of {size} bytes is longer than the file, or too long")));
    }
    read_to(&mut bytes, 8 + size)?;
    let end = 8 + size as usize;
    let metadata: Metadata = serde_json::from_slice(bytes.get(8..end).unwrap_or_default())
        .map_err(|e| damaged(&bytes, format!("its header: {e}")))?;
    let expected = 8 + size + metadata.data_len() as u64;
    if expected != length {
        return Err(damaged(&bytes, format!("its header describes {expected} bytes, and it has {length}")));
    }
    let mut rest = std::io::Cursor::new(bytes);
    rest.set_position(end as u64);
    Ok((metadata, rest))
}

/// The message for a file that is not a safetensors file, or a damaged one.
fn not_a_model(start: &[u8], reason: &str) -> String {
    let kind = Kind::of_bytes(start.get(..Kind::ENOUGH as usize).unwrap_or(start)).name;
    if start.is_empty() || kind == "a safetensors file" || kind == "a file of another program" {
        return format!("not a complete safetensors file: {reason}");
    }
    format!("this is {kind}, not a model; `layerloop train` saves models as safetensors files")
}

fn card(metadata: &Metadata, path: &Path) -> Result<Card> {
    let card = metadata.metadata().as_ref().and_then(|entries| entries.get(ENTRY)).ok_or_else(|| {
        Error::format(path, "a safetensors file without a `layerloop` entry in its metadata: another program made it")
    })?;
    if let Some(schema) = schema_of(card)
        && !(1..=SCHEMA).contains(&schema)
    {
        let reason =
            format!("a model file of schema {schema}; this version reads 1 to {SCHEMA}: a newer layerloop made it");
        return Err(Error::format(path, reason));
    }
    let card: Card = serde_json::from_str(card).map_err(|e| {
        let own = if ["unknown activation `", "unknown layer `"].iter().any(|of| e.to_string().contains(of)) {
            "; user-defined parts (layerloop::custom) have to be registered before the model is loaded"
        } else {
            ""
        };
        Error::format(path, format!("the `layerloop` entry of the metadata: {e}{own}"))
    })?;
    card.check().map_err(|reason| Error::format(path, format!("the model's metadata: {reason}")))?;
    Ok(card)
}

/// The network of `card` with the tensors of `source`, in the order of the file.
fn network(card: &Card, metadata: &Metadata, mut source: impl Read, path: &Path) -> Result<Network> {
    let spec = &card.specification;
    let program = Program::of(spec)?;
    let expected: HashMap<String, Tensor> =
        program.parameters.iter().enumerate().flat_map(|(i, parameter)| tensors(i, parameter)).collect();
    if metadata.tensors().len() != expected.len() {
        let (got, wanted) = (metadata.tensors().len(), expected.len());
        return Err(Error::format(path, format!("{got} tensors, but `{spec}` has {wanted}")));
    }
    let mut names: Vec<_> = expected.keys().collect();
    names.sort();
    for name in names {
        check(metadata, name, &expected[name].shape).map_err(|reason| Error::format(path, reason))?;
    }
    let mut network = Network::zeros(spec)?;
    let mut finite = true;
    let mut fill = |values: &mut [[u8; 4]]| {
        source.read_exact(values.as_flattened_mut()).map_err(Error::io(path))?;
        finite &= values.iter().all(|&bytes| f32::from_le_bytes(bytes).is_finite());
        Ok(())
    };
    for name in metadata.offset_keys() {
        let Tensor { parameter, bias, .. } = expected[&name];
        if bias {
            network.parameters.read_bias(parameter, &mut fill)?;
        } else {
            network.parameters.read_weight(parameter, &mut fill)?;
        }
    }
    if !finite {
        return Err(Error::data(path, "the model has weights that are not finite numbers; train it again"));
    }
    Ok(network)
}

/// A tensor that a network has: of which parameters, and its shape.
struct Tensor {
    parameter: usize,
    bias: bool,
    shape: Vec<usize>,
}

fn tensors(i: usize, parameter: &Parameter) -> impl Iterator<Item = (String, Tensor)> {
    let [weight, bias] = parameter.tensors();
    let weight = (weight, Tensor { parameter: i, bias: false, shape: parameter.weight_shape() });
    let bias = (bias, Tensor { parameter: i, bias: true, shape: vec![parameter.outputs] });
    std::iter::once(weight).chain(parameter.bias.then_some(bias))
}

fn check(metadata: &Metadata, name: &str, shape: &[usize]) -> std::result::Result<(), String> {
    let tensor = metadata.info(name).ok_or_else(|| format!("there is no tensor `{name}`"))?;
    if tensor.dtype == Dtype::F32 && tensor.shape == shape {
        return Ok(());
    }
    Err(format!("`{name}` is {} {:?}, but the specification needs F32 {shape:?}", tensor.dtype, tensor.shape))
}
