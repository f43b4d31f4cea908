//! Rows that are not in memory.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use super::{Csr, Dataset, Inputs, Targets, zeroed_bytes};
use crate::{Error, Result};

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

fn no_inputs(rows: usize, width: usize) -> Result<Inputs> {
    let empty = Csr::new(width, vec![0; rows + 1], Vec::new(), Vec::new());
    empty.map(Inputs::from).map_err(|error| Error::data("rows without inputs", error.to_string()))
}

impl Dataset {
    /// The same rows with inputs that are all 0, which take next to no memory.
    pub(crate) fn without_inputs(self) -> Result<Self> {
        let inputs = no_inputs(self.rows(), self.width)?;
        Ok(Self { inputs, ..self })
    }

    /// The rows of several data sets of this kind, without their inputs.
    pub(crate) fn all_without_inputs(&self, parts: &[Self]) -> Result<Self> {
        let targets = match &self.targets {
            Targets::Labels { classes, .. } => Targets::Labels {
                labels: parts.iter().flat_map(|part| part.labels().iter().copied()).collect(),
                classes: classes.clone(),
            },
            Targets::Numbers { names, .. } => Targets::Numbers {
                values: parts.iter().flat_map(|part| part.numbers().iter().copied()).collect(),
                names: names.clone(),
            },
        };
        let weights = self.weights.is_some().then(|| {
            let of = |part: &Self| part.weights().map_or(vec![1.0; part.rows()], <[f32]>::to_vec);
            parts.iter().flat_map(of).collect()
        });
        let inputs = no_inputs(parts.iter().map(Self::rows).sum(), self.width)?;
        Ok(Self { inputs, targets, weights, ..self.clone() })
    }

    /// The same kind of data with these rows, each of a data set of that kind.
    pub(crate) fn gathered(&self, rows: &[(&Self, usize)]) -> Self {
        let width = self.width;
        let inputs = match rows.first().map_or(&self.inputs, |(data, _)| &data.inputs) {
            Inputs::Bytes { scale, .. } => {
                let mut all = zeroed_bytes(rows.len() * width);
                let places = Arc::get_mut(&mut all).unwrap_or_default().chunks_exact_mut(width);
                for (place, &(data, row)) in places.zip(rows) {
                    if let Inputs::Bytes { values, .. } = &data.inputs {
                        place.copy_from_slice(&values[row * width..][..width]);
                    }
                }
                Inputs::Bytes { values: all, scale: *scale }
            }
            Inputs::Floats(_) => {
                let mut all: Arc<[f32]> = std::iter::repeat_n(0.0, rows.len() * width).collect();
                let places = Arc::get_mut(&mut all).unwrap_or_default().chunks_exact_mut(width);
                for (place, &(data, row)) in places.zip(rows) {
                    match &data.inputs {
                        Inputs::Floats(values) => place.copy_from_slice(&values[row * width..][..width]),
                        _ => place.copy_from_slice(&data.row(row)),
                    }
                }
                Inputs::Floats(all)
            }
            Inputs::Sparse(_) => {
                let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
                for &(data, row) in rows {
                    if let Inputs::Sparse(matrix) = &data.inputs {
                        let (of_row, values_of_row) = matrix.row(row);
                        columns.extend_from_slice(of_row);
                        values.extend_from_slice(values_of_row);
                    }
                    starts.push(columns.len());
                }
                // Rows of matrices of this width are one.
                Csr::new(width, starts, columns, values).map_or_else(|_| self.inputs.clone(), Inputs::from)
            }
        };
        let targets = match &self.targets {
            Targets::Labels { classes, .. } => Targets::Labels {
                labels: rows.iter().map(|(data, row)| data.labels()[*row]).collect(),
                classes: classes.clone(),
            },
            Targets::Numbers { names, .. } => {
                let each = names.len();
                let values = rows.iter().flat_map(|(data, row)| data.numbers()[row * each..][..each].iter().copied());
                Targets::Numbers { values: values.collect(), names: names.clone() }
            }
        };
        let weights: Option<Arc<[f32]>> = self
            .weights
            .is_some()
            .then(|| rows.iter().map(|(data, row)| data.weights().map_or(1.0, |weights| weights[*row])).collect());
        Self { inputs, targets, weights, ..self.clone() }
    }
}
