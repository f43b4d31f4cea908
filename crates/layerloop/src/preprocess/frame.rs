//! Columns with names and kinds: a table in memory, as it was read and before anything is made of it.

use std::sync::Arc;

use layerloop_kernels::{NamedEnum as _, named_enum};

use crate::names::serialised::serde_as_text;
use crate::{Error, Result};

named_enum! {
    /// What the values of a column mean, which decides how they become inputs of a network.
    pub enum Kind: "column kind" {
        /// a quantity: values that can be compared and averaged
        Number = "number" | "numeric",
        /// a quantity that is written with a comma before its decimals: 3,14
        DecimalComma = "decimal-comma",
        /// one of several names
        Category = "category" | "categorical",
        /// one of two names, such as yes and no
        Boolean = "boolean" | "bool",
        /// a day or a moment: 2026-11-27, 27.11.2026 or 27/11/2026, perhaps with the time of day
        Date = "date" | "time" | "datetime",
        /// a day or a moment with the month before the day: 11/27/2026
        UsDate = "us-date",
        /// a value of its own for each row; left out, for it says nothing about other rows
        Identifier = "identifier" | "id",
        /// the same value in each row; left out
        Constant = "constant",
        /// sentences; left out
        Text = "text",
    }
}

serde_as_text!(Kind);

impl Kind {
    /// Whether its cells are held as [`Values::Numbers`] when a network uses them.
    #[must_use]
    pub const fn is_numeric(self) -> bool {
        matches!(self, Self::Number | Self::DecimalComma) || self.is_date()
    }

    /// Whether its numbers are seconds since 1970-01-01.
    #[must_use]
    pub const fn is_date(self) -> bool {
        matches!(self, Self::Date | Self::UsDate)
    }

    /// Whether a network can have inputs made of such a column.
    #[must_use]
    pub const fn is_used(self) -> bool {
        !matches!(self, Self::Identifier | Self::Constant | Self::Text)
    }
}

/// The cells of a column, one a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Numbers, and the seconds of dates; NaN where a cell is empty.
    Numbers(Vec<f64>),
    /// Names by their index in `levels`; [`MISSING`] where a cell is empty.
    Levels {
        /// Index of the name of each row.
        codes: Vec<u32>,
        /// The names that occur.
        levels: Vec<String>,
    },
}

/// The code of an empty cell.
pub const MISSING: u32 = u32::MAX;

/// A column: a name, a kind and a cell for each row.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What its values mean.
    pub kind: Kind,
    /// Its cells.
    pub values: Values,
}

impl Column {
    /// Numbers; NaN where one is missing.
    #[must_use]
    pub fn numbers(name: impl Into<String>, values: Vec<f64>) -> Self {
        Self { name: name.into(), kind: Kind::Number, values: Values::Numbers(values) }
    }

    /// Names; an empty one is a missing one.
    ///
    /// # Example
    /// ```
    /// use layerloop::preprocess::Column;
    /// let jobs = Column::categories("job", ["cook", "", "pilot", "cook"]);
    /// assert_eq!((jobs.rows(), jobs.missing()), (4, 1));
    /// ```
    #[must_use]
    pub fn categories<'a>(name: impl Into<String>, values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut places = std::collections::HashMap::new();
        let mut levels = Vec::new();
        let mut code = |value: &'a str| {
            if value.is_empty() {
                return MISSING;
            }
            *places.entry(value).or_insert_with(|| {
                levels.push(value.to_owned());
                levels.len() as u32 - 1
            })
        };
        let codes = values.into_iter().map(&mut code).collect();
        Self { name: name.into(), kind: Kind::Category, values: Values::Levels { codes, levels } }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        match &self.values {
            Values::Numbers(values) => values.len(),
            Values::Levels { codes, .. } => codes.len(),
        }
    }

    /// Number of empty cells.
    #[must_use]
    pub fn missing(&self) -> usize {
        match &self.values {
            Values::Numbers(values) => values.iter().filter(|value| value.is_nan()).count(),
            Values::Levels { codes, .. } => codes.iter().filter(|code| **code == MISSING).count(),
        }
    }

    /// Whether the cell of a row is empty.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn is_missing(&self, row: usize) -> bool {
        match &self.values {
            Values::Numbers(values) => values[row].is_nan(),
            Values::Levels { codes, .. } => codes[row] == MISSING,
        }
    }

    /// The named rows, in the order given.
    #[must_use]
    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        let values = match &self.values {
            Values::Numbers(values) => Values::Numbers(rows.iter().map(|&row| values[row]).collect()),
            Values::Levels { codes, levels } => {
                Values::Levels { codes: rows.iter().map(|&row| codes[row]).collect(), levels: levels.clone() }
            }
        };
        Self { values, ..self.clone() }
    }
}

/// A table: columns of as many rows each, with names that differ.
///
/// # Example
/// ```
/// use layerloop::preprocess::{Column, Frame};
/// let age = Column::numbers("age", vec![31.0, f64::NAN]);
/// let job = Column::categories("job", ["cook", "pilot"]);
/// let people = Frame::new("people", vec![age, job])?;
/// assert_eq!((people.rows(), people.columns().len()), (2, 2));
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    name: String,
    columns: Vec<Column>,
    rows: usize,
    weights: Option<Arc<[f32]>>,
}

impl Frame {
    /// Of these columns.
    ///
    /// # Errors
    /// [`Error::Data`] if there are none, two have one name, a kind does not go together with its values, or they differ in rows.
    pub fn new(name: impl Into<String>, columns: Vec<Column>) -> Result<Self> {
        let name = name.into();
        let rows = columns.first().map(Column::rows).ok_or_else(|| Error::data(&name, "it has no columns"))?;
        let mut seen = std::collections::HashSet::new();
        for column in &columns {
            let Column { name: column_name, kind, values } = column;
            if !seen.insert(column_name) {
                return Err(Error::data(&name, format!("two columns are named `{column_name}`")));
            }
            if column.rows() != rows {
                let what = format!("{name}: rows of column `{column_name}`");
                return Err(Error::shape(what, rows, column.rows()));
            }
            let fits = match values {
                Values::Numbers(_) => kind.is_numeric() || !kind.is_used(),
                Values::Levels { codes, levels } => {
                    !kind.is_numeric() && codes.iter().all(|code| *code == MISSING || (*code as usize) < levels.len())
                }
            };
            if !fits {
                let reason = format!("the values of column `{column_name}` are not those of a {}", kind.name());
                return Err(Error::data(&name, reason));
            }
        }
        Ok(Self { name, columns, rows, weights: None })
    }

    /// The same rows, each with its weight in the training and in all metrics: see [`Dataset::with_weights`](crate::data::Dataset::with_weights).
    ///
    /// # Errors
    /// [`Error::Shape`] unless there is one for each row.
    pub fn with_weights(mut self, weights: impl Into<Arc<[f32]>>) -> Result<Self> {
        let weights = weights.into();
        if weights.len() != self.rows {
            return Err(Error::shape(format!("{}: weights of rows", self.name), self.rows, weights.len()));
        }
        self.weights = Some(weights);
        Ok(self)
    }

    /// The weight of each row, if they have weights.
    #[must_use]
    pub fn weights(&self) -> Option<&[f32]> {
        self.weights.as_deref()
    }

    /// What it is called in messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns, in their order.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    #[cfg(test)]
    pub(super) fn columns_mut(&mut self) -> &mut [Column] {
        &mut self.columns
    }

    /// The column of that name.
    ///
    /// # Errors
    /// [`Error::Data`] if there is none, with the name that is nearest.
    pub fn column(&self, name: &str) -> Result<&Column> {
        self.columns.iter().find(|column| column.name == name).ok_or_else(|| {
            let names = self.columns.iter().map(|column| column.name.as_str());
            Error::data(&self.name, format!("no column `{name}`{}", suggestion(name, names)))
        })
    }

    /// The column of that name, which is to be predicted.
    ///
    /// # Errors
    /// [`Error::Data`] if there is none, with the name that is nearest.
    pub fn target(&self, name: &str) -> Result<&Column> {
        self.columns.iter().find(|column| column.name == name).ok_or_else(|| {
            let names = self.columns.iter().map(|column| column.name.as_str());
            Error::data(&self.name, format!("no column `{name}` to predict{}", suggestion(name, names)))
        })
    }

    /// The first `rows` rows, or all if there are fewer.
    #[must_use]
    pub fn head(&self, rows: usize) -> Self {
        self.select(&(0..rows.min(self.rows)).collect::<Vec<_>>())
    }

    /// The same table without a column.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let columns = self.columns.iter().filter(|column| column.name != name).cloned().collect();
        Self { columns, ..self.clone() }
    }

    /// The same table with some of its columns alone, those of these names.
    pub(crate) fn only(&self, is_kept: impl Fn(&str) -> bool) -> Self {
        let columns = self.columns.iter().filter(|column| is_kept(&column.name)).cloned().collect();
        Self { name: self.name.clone(), columns, rows: self.rows, weights: None }
    }

    /// The named rows, in the order given, under the name of the table.
    ///
    /// # Panics
    /// If a row is out of range.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let columns = self.columns.iter().map(|column| column.select(rows)).collect();
        let weights = self.weights.as_ref().map(|weights| rows.iter().map(|&row| weights[row]).collect());
        Self { name: self.name.clone(), columns, rows: rows.len(), weights }
    }

    /// The same rows under another name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }
}

/// `; did you mean ...?` of the nearest of `names`, or else a list of them.
#[doc(hidden)]
pub fn suggestion<'a>(name: &str, names: impl Iterator<Item = &'a str> + Clone) -> String {
    const LISTED: usize = 12;
    match nearest(name, names.clone()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => {
            let listed: Vec<&str> = names.clone().take(LISTED).collect();
            let more = names.count().saturating_sub(LISTED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("; there are {}{more}", listed.join(", "))
        }
    }
}

/// The name that was probably meant: equal but for case and spaces, or else few letters away.
pub(super) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let wanted = plain(name);
    let same = names.clone().find(|other| plain(other) == wanted);
    same.or_else(|| {
        let far = |other: &&str| strsim::osa_distance(&wanted, &plain(other));
        let length = wanted.chars().count();
        names.min_by_key(far).filter(|near| far(near) <= 1 + length / 5 && far(near) < length)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_contradicts_itself_is_refused() {
        let refused = |columns| Frame::new("t", columns).unwrap_err().to_string();
        assert_eq!(refused(vec![]), "t: it has no columns");
        let a = || Column::numbers("a", vec![1.0]);
        assert_eq!(refused(vec![a(), a()]), "t: two columns are named `a`");
        assert_eq!(refused(vec![a(), Column::numbers("b", vec![])]), "t: rows of column `b`: expected 1, got 0");
        let wrong = Column { kind: Kind::Category, ..a() };
        assert_eq!(refused(vec![wrong]), "t: the values of column `a` are not those of a category");
    }

    #[test]
    fn weights_go_along_with_their_rows() {
        let frame = Frame::new("t", vec![Column::numbers("a", vec![1.0, 2.0, 3.0])]).unwrap();
        assert_eq!(frame.select(&[1]).weights(), None);
        let weighted = frame.clone().with_weights(vec![0.5, 1.0, 2.0]).unwrap();
        assert_eq!(weighted.select(&[2, 0]).named("u").weights(), Some(&[2.0, 0.5][..]));
        let said = frame.with_weights(vec![1.0]).unwrap_err().to_string();
        assert_eq!(said, "t: weights of rows: expected 3, got 1");
    }

    #[test]
    fn a_name_that_is_not_there_brings_up_the_one_that_was_meant() {
        let frame = Frame::new("t", ["income", "Age", "job title"].map(|n| Column::numbers(n, vec![])).into()).unwrap();
        let said = |name| frame.column(name).unwrap_err().to_string();
        assert_eq!(said("incme"), "t: no column `incme`; did you mean `income`?");
        assert_eq!(said(" AGE"), "t: no column ` AGE`; did you mean `Age`?");
        assert_eq!(said("salary"), "t: no column `salary`; there are income, Age, job title");
    }
}
