//! Rows that are not in memory.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use super::{Dataset, Inputs, Targets};
use crate::Result;

/// Rows to train on that are read when they are needed: from a disk, or from elsewhere.
///
/// [`FitContext::stored`](crate::train::FitContext::stored) trains on them.
pub trait StoredRows: Debug + Sync {
    /// How many there are.
    fn rows(&self) -> usize;

    /// Some rows next to each other: the same ones with each call, with the inputs, the kind of targets and the classes of all others.
    ///
    /// # Errors
    /// That they cannot be read.
    fn read(&self, rows: Range<usize>) -> Result<Dataset>;
}

/// A data set in memory, block by block: for tests, and for what makes rows as they are needed.
impl StoredRows for Dataset {
    fn rows(&self) -> usize {
        Self::rows(self)
    }

    fn read(&self, rows: Range<usize>) -> Result<Dataset> {
        Ok(self.select(&rows.collect::<Vec<_>>()))
    }
}

impl Dataset {
    /// The same kind of data with these rows, each of a data set of that kind.
    pub(crate) fn gathered<'a>(&self, rows: impl Iterator<Item = (&'a Self, usize)> + Clone) -> Self {
        let width = self.width;
        let inputs = match &self.inputs {
            Inputs::Bytes { scale, .. } => {
                let mut all = Vec::new();
                for (data, row) in rows.clone() {
                    if let Inputs::Bytes { values, .. } = &data.inputs {
                        all.extend_from_slice(&values[row * width..][..width]);
                    }
                }
                Inputs::Bytes { values: all.into(), scale: *scale }
            }
            Inputs::Floats(_) | Inputs::Sparse(_) => {
                let mut all = Vec::new();
                for (data, row) in rows.clone() {
                    match &data.inputs {
                        Inputs::Floats(values) => all.extend_from_slice(&values[row * width..][..width]),
                        _ => all.extend(data.row(row)),
                    }
                }
                Inputs::Floats(all.into())
            }
        };
        let targets = match &self.targets {
            Targets::Labels { classes, .. } => Targets::Labels {
                labels: rows.clone().map(|(data, row)| data.labels()[row]).collect(),
                classes: classes.clone(),
            },
            Targets::Numbers { names, .. } => {
                let each = names.len();
                let values = rows.clone().flat_map(|(data, row)| data.numbers()[row * each..][..each].iter().copied());
                Targets::Numbers { values: values.collect(), names: names.clone() }
            }
        };
        let weights: Option<Arc<[f32]>> = self
            .weights
            .is_some()
            .then(|| rows.map(|(data, row)| data.weights().map_or(1.0, |weights| weights[row])).collect());
        Self { inputs, targets, weights, ..self.clone() }
    }
}
