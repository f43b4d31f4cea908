//! A run in one file, from which it continues to the same bits.
//!
//! It is a safetensors file. Its vectors are all parameters, and all that an optimiser keeps for each of them, in f32 and as they
//! are in memory, in panels, so that writing one is copying it: `weights`, `moments.1`, `average`, `best`, ... The metadata has
//! one entry, `layerloop-checkpoint`: a CRC-32C of all that follows and of the vectors, then the JSON form of `Card`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

use layerloop_kernels::{Matrix, PANEL};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::data::{Dataset, little_endian};
use crate::files::{regular_or_missing, write_atomically};
use crate::network::{Network, Spec};
use crate::optim::lbfgs;
use crate::train::state::State;
use crate::{Error, Result};

/// The metadata entry that holds the card.
const ENTRY: &str = "layerloop-checkpoint";
/// The form of the file; a higher number is of a newer layerloop.
const FORMAT: u64 = 1;

/// All that the coming steps of a run depend on.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// The network.
    pub specification: Spec,
    /// The options of the run, as [`FitOptions::described`](crate::train::FitOptions::described) has them.
    pub options: Value,
    /// The data that it is trained on.
    pub data: Identity,
    pub(in crate::train) state: State,
    pub(in crate::train) lbfgs: Option<lbfgs::Numbers>,
    /// In the order of the flat vector.
    pub(in crate::train) vectors: Vec<(String, Matrix)>,
}

/// Which data that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Number of rows.
    pub rows: usize,
    /// Inputs of a row.
    pub width: usize,
    /// [`Dataset::sha256`], if it was computed: of large data it takes time.
    pub sha256: Option<String>,
}

impl Identity {
    /// Of this data, without its hash.
    #[must_use]
    pub fn of(data: &Dataset) -> Self {
        Self { rows: data.rows(), width: data.width(), sha256: None }
    }
}

/// The JSON in the file's metadata.
#[derive(Debug, Serialize, Deserialize)]
struct Card<'a> {
    specification: Cow<'a, Spec>,
    options: Cow<'a, Value>,
    data: Cow<'a, Identity>,
    state: Cow<'a, State>,
    lbfgs: Cow<'a, Option<lbfgs::Numbers>>,
}

/// What is read of a card before the rest: that of another format may have other fields.
#[derive(Debug, Serialize, Deserialize)]
struct Form {
    format: u64,
    version: String,
    /// Columns of a panel.
    panel: usize,
}

impl Checkpoint {
    /// Steps taken.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.state.steps
    }

    /// Whole epochs.
    #[must_use]
    pub fn epochs(&self) -> usize {
        self.state.history.rows().len()
    }

    /// The network with its weights of that moment.
    ///
    /// # Errors
    /// [`Error::Config`] for an invalid specification; [`Error::Format`] if there are no weights.
    pub fn network(&self) -> Result<Network> {
        let mut network = Network::new(&self.specification, 0)?;
        let weights = self.vectors.iter().find(|(name, _)| name == "weights");
        let (_, weights) = weights.ok_or_else(|| Error::format("checkpoint", "there is no vector `weights`"))?;
        network.parameters.values.clone_from(weights);
        Ok(network)
    }

    /// The differences between this run and a run with these options on this data: one line each.
    #[must_use]
    pub fn differences(&self, network: &Network, options: &Value, data: &Identity) -> Vec<String> {
        let mut differences = Vec::new();
        let mut compare = |what: &str, there: String, here: String| {
            if there != here {
                differences.push(format!("{what}: {there} in the checkpoint, {here} now"));
            }
        };
        compare("network", self.specification.to_string(), network.spec().to_string());
        compare("rows of the data", self.data.rows.to_string(), data.rows.to_string());
        compare("inputs of a row", self.data.width.to_string(), data.width.to_string());
        if let (Some(there), Some(here)) = (&self.data.sha256, &data.sha256) {
            compare("sha256 of the data", there.clone(), here.clone());
        }
        // An option that is newer than the checkpoint is not in it.
        let said = |options: &Value, name: &str| {
            options.get(name).filter(|value| !value.is_null()).map_or("nothing".into(), Value::to_string)
        };
        let names = |options: &Value| options.as_object().map(|o| o.keys().cloned().collect()).unwrap_or_default();
        let mut all: Vec<String> = names(&self.options);
        all.extend(names(options).into_iter().filter(|name| self.options.get(name).is_none()));
        all.iter().for_each(|name| compare(name, said(&self.options, name), said(options, name)));
        differences
    }

    /// Writes the checkpoint beside `path`, flushes it to the disk, then renames it.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be written or the disk is full; [`Error::Data`] if a weight is not finite: such a run
    /// has nothing to continue from.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        write_atomically(path, &self.to_bytes(path)?)
    }

    /// The whole file, to be written to `path`.
    ///
    /// # Errors
    /// [`Error::Data`] if a value is not finite.
    pub fn to_bytes(&self, path: &Path) -> Result<Vec<u8>> {
        let finite = |(_, vector): &(String, Matrix)| vector.values().iter().all(|v| v.is_finite());
        if let Some((name, _)) = self.vectors.iter().find(|vector| !finite(vector)) {
            return Err(Error::data(path, format!("not saved: `{name}` has values that are not finite numbers")));
        }
        let unsaved = |e: &dyn std::fmt::Display| Error::format(path, format!("not saved: {e}"));
        let vectors: Vec<(&str, Vec<u8>)> =
            self.vectors.iter().map(|(name, v)| (name.as_str(), little_endian(v.values()))).collect();
        let form = Form { format: FORMAT, version: env!("CARGO_PKG_VERSION").into(), panel: PANEL };
        let card = Card {
            specification: Cow::Borrowed(&self.specification),
            options: Cow::Borrowed(&self.options),
            data: Cow::Borrowed(&self.data),
            state: Cow::Borrowed(&self.state),
            lbfgs: Cow::Borrowed(&self.lbfgs),
        };
        let mut json = serde_json::to_value(&form).map_err(|e| unsaved(&e))?;
        let rest = serde_json::to_value(&card).map_err(|e| unsaved(&e))?;
        if let (Value::Object(json), Value::Object(rest)) = (&mut json, rest) {
            json.extend(rest);
        }
        let json = json.to_string();
        let sum = checksum(&json, vectors.iter().map(|(name, bytes)| (*name, bytes.as_slice())));
        let metadata = HashMap::from([(ENTRY.to_string(), format!("{sum:08x} {json}"))]);
        let views = vectors.iter().map(|(name, bytes)| {
            let view = TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes).map_err(|e| unsaved(&e))?;
            Ok((name.to_string(), view))
        });
        serialize(views.collect::<Result<Vec<_>>>()?, Some(metadata)).map_err(|e| unsaved(&e))
    }

    /// Reads a checkpoint that [`Self::save`] wrote.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read; [`Error::Format`] if it is cut short, damaged, of another program or of a newer
    /// layerloop.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        regular_or_missing(path)?;
        Self::from_bytes(&fs::read(path).map_err(Error::io(path))?, path)
    }

    /// What [`Self::to_bytes`] gave; messages call it `path`.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self> {
        let wrong = |reason: String| Error::format(path, reason);
        let damaged = |e| wrong(format!("not a complete safetensors file: {e}"));
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(damaged)?;
        let entry = metadata.metadata().as_ref().and_then(|entries| entries.get(ENTRY));
        let entry =
            entry.ok_or_else(|| wrong(format!("no checkpoint: there is no `{ENTRY}` entry in its metadata")))?;
        let (sum, json) = entry.split_once(' ').unwrap_or_default();
        let mut vectors = tensors.tensors();
        vectors.sort_by(|(a, _), (b, _)| a.cmp(b));
        let found = checksum(json, vectors.iter().map(|(name, view)| (name.as_str(), view.data())));
        if u32::from_str_radix(sum, 16) != Ok(found) {
            return Err(wrong(format!("damaged: its checksum is {found:08x}, and {sum} is written in it")));
        }
        let unread = |e: serde_json::Error| wrong(format!("the `{ENTRY}` entry of the metadata: {e}"));
        let Form { format, version, panel } = serde_json::from_str(json).map_err(unread)?;
        if format > FORMAT || panel != PANEL {
            return Err(wrong(format!(
                "made by layerloop {version} in format {format}; this one reads formats up to {FORMAT}: update it"
            )));
        }
        let card: Card = serde_json::from_str(json).map_err(unread)?;
        let specification = card.specification.into_owned();
        let expected = Network::new(&specification, 0)?.parameters.values.values().len();
        let flat = |(name, view): &(String, TensorView)| {
            let (values, _) = view.data().as_chunks::<4>();
            if view.dtype() != Dtype::F32 || values.len() != expected {
                let reason = format!("`{name}` has {} values, but `{specification}` has {expected}", values.len());
                return Err(wrong(reason));
            }
            let mut vector = Matrix::vector(expected);
            vector.values_mut().iter_mut().zip(values).for_each(|(value, &bytes)| *value = f32::from_le_bytes(bytes));
            Ok((name.clone(), vector))
        };
        let vectors = vectors.iter().map(flat).collect::<Result<Vec<_>>>()?;
        let (options, data) = (card.options.into_owned(), card.data.into_owned());
        let (state, lbfgs) = (card.state.into_owned(), card.lbfgs.into_owned());
        Ok(Self { specification, options, data, state, lbfgs, vectors })
    }
}

/// CRC-32C of the card, and of each vector with its name, in the order of the names.
fn checksum<'a>(card: &str, vectors: impl Iterator<Item = (&'a str, &'a [u8])>) -> u32 {
    let mut vectors: Vec<_> = vectors.collect();
    vectors.sort_by_key(|(name, _)| *name);
    let start = crc32c::crc32c(card.as_bytes());
    vectors
        .into_iter()
        .fold(start, |sum, (name, bytes)| crc32c::crc32c_append(crc32c::crc32c_append(sum, name.as_bytes()), bytes))
}
