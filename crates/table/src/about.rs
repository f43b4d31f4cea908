//! What is known of a table while its rows are read.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use layerloop::{Error, Result};

use crate::cells::{Cells, Type};
use crate::missing::Missing;

/// Columns, at most.
pub(crate) const MOST_COLUMNS: usize = 100_000;

/// Rows that were left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skipped {
    /// How many.
    pub rows: usize,
    /// The first few, each with the reason.
    pub described: Vec<String>,
}

/// A table, whatever its format.
pub(crate) struct About {
    pub(crate) path: PathBuf,
    pub(crate) names: Vec<String>,
    pub(crate) types: Vec<Type>,
    /// Whether each column is read.
    pub(crate) kept: Vec<bool>,
    pub(crate) missing: Missing,
    /// Rows that were read so far, with those that were left out.
    pub(crate) rows: usize,
    pub(crate) notes: Vec<String>,
    pub(crate) skipped: Skipped,
}

impl About {
    pub(crate) fn new(path: &Path, missing: Option<Vec<String>>) -> Self {
        Self {
            path: path.to_path_buf(),
            names: Vec::new(),
            types: Vec::new(),
            kept: Vec::new(),
            missing: Missing::new(missing),
            rows: 0,
            notes: Vec::new(),
            skipped: Skipped::default(),
        }
    }

    /// Names the columns; one without a name by its number. All are read.
    pub(crate) fn set_columns(&mut self, columns: impl Iterator<Item = (String, Type)>) -> Result<()> {
        let mut places: HashMap<String, usize> = HashMap::new();
        for (i, (name, values)) in columns.enumerate() {
            let name = if name.is_empty() {
                let made = format!("column {}", i + 1);
                self.notes.push(format!("column {} has no name and is called `{made}`", i + 1));
                made
            } else {
                name
            };
            if let Some(first) = places.insert(name.clone(), i) {
                let reason = format!("columns {} and {} are both named `{name}`; rename one of them", first + 1, i + 1);
                return Err(Error::format(&self.path, reason));
            }
            self.names.push(name);
            self.types.push(values);
            self.kept.push(true);
        }
        Ok(())
    }

    /// The places of the columns that are read.
    pub(crate) fn kept(&self) -> impl Iterator<Item = usize> {
        (0..self.names.len()).filter(|&i| self.kept[i])
    }

    /// The columns that are read, without cells.
    pub(crate) fn cells(&self) -> Cells {
        Cells::new(self.kept().map(|i| (self.names[i].clone(), self.types[i])), self.rows + 1)
    }
}

/// A column whose values are no cells.
pub(crate) fn not_a_cell(about: &About, place: usize, what: &str) -> Error {
    let name = &about.names[place];
    let advice = format!("write its parts as columns, or leave it out (`train` does with --ignore {name})");
    Error::data(&about.path, format!("column `{name}` is {what}; a table has numbers, names and dates: {advice}"))
}
