//! What a network should give.

use std::collections::HashSet;
use std::sync::Arc;

use crate::{Error, Result};

/// What a network should give for each row.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// Classes that exclude each other.
    Labels {
        /// The class of each row.
        labels: Arc<[u32]>,
        /// The names of the classes, by index.
        classes: Arc<[String]>,
    },
    /// Numbers: of a regression, or the probabilities of classes.
    Numbers {
        /// rows x outputs, row-major.
        values: Arc<[f32]>,
        /// The names of the outputs.
        names: Arc<[String]>,
    },
}

impl Targets {
    /// Number of rows.
    pub(super) fn rows(&self, name: &str) -> Result<usize> {
        match self {
            Self::Labels { labels, .. } => Ok(labels.len()),
            Self::Numbers { names, .. } if names.is_empty() => {
                Err(Error::shape(format!("{name}: numbers of a row"), "at least 1", 0))
            }
            Self::Numbers { values, names } if !values.len().is_multiple_of(names.len()) => {
                Err(Error::shape(format!("{name}: target numbers"), format!("rows of {}", names.len()), values.len()))
            }
            Self::Numbers { values, names } => Ok(values.len() / names.len()),
        }
    }

    /// Labels that have a class, numbers that are finite, names that are there and differ.
    pub(super) fn check(&self, name: &str) -> Result<()> {
        let (Self::Labels { classes: names, .. } | Self::Numbers { names, .. }) = self;
        let mut seen = HashSet::new();
        for (i, one) in names.iter().enumerate() {
            if one.is_empty() || !seen.insert(one) {
                let what = if matches!(self, Self::Labels { .. }) { "class" } else { "output" };
                let wrong =
                    if one.is_empty() { "has no name".into() } else { format!("is named `{one}`, as one before it") };
                return Err(Error::data(name, format!("{what} {i} {wrong}; each needs a name of its own")));
            }
        }
        match self {
            Self::Labels { labels, classes } => {
                let Some(row) = labels.iter().position(|&label| label as usize >= classes.len()) else { return Ok(()) };
                let reason = format!("label {} is out of range: the classes are 0..{}", labels[row], classes.len());
                Err(Error::row(name, row, reason))
            }
            Self::Numbers { values, names } => {
                let Some(at) = values.iter().position(|value| !value.is_finite()) else { return Ok(()) };
                let reason = format!("`{}` is {}, not a finite number", names[at % names.len()], values[at]);
                Err(Error::row(name, at / names.len(), reason))
            }
        }
    }

    pub(super) fn select(&self, rows: &[usize]) -> Self {
        match self {
            Self::Labels { labels, classes } => {
                Self::Labels { labels: rows.iter().map(|&row| labels[row]).collect(), classes: classes.clone() }
            }
            Self::Numbers { values, names } => {
                let width = names.len();
                let values = rows.iter().flat_map(|row| values[row * width..][..width].iter().copied()).collect();
                Self::Numbers { values, names: names.clone() }
            }
        }
    }
}
