//! The cells of a table as text, column by column.

use crate::missing::Missing;

/// What a file says of the values of a column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Type {
    /// Nothing, as in a CSV file.
    #[default]
    Unknown,
    /// Whole numbers of at most 64 bits.
    Integer,
    /// Numbers of single precision.
    Single,
    /// Other numbers.
    Number,
    /// `true` and `false`.
    Boolean,
    /// Days.
    Date,
    /// Days with a time.
    Timestamp,
    /// Text: also where all of it could be read as numbers.
    Text,
}

impl Type {
    /// Whether the values are numbers.
    #[must_use]
    pub fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Single | Self::Number)
    }
}

/// The cells of a column, one after the other; an empty one is a missing value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    text: String,
    ends: Vec<usize>,
    values: Type,
}

impl Texts {
    /// A column without cells, of values of this type.
    #[must_use]
    pub fn of(values: Type) -> Self {
        Self { values, ..Self::default() }
    }

    /// What the file says of the values.
    #[must_use]
    pub fn values(&self) -> Type {
        self.values
    }

    /// Adds a cell.
    pub fn push(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len());
    }

    /// Adds the cell that `write` adds to a text; an empty one if that stands for a missing value.
    ///
    /// # Errors
    /// Those of `write`.
    pub(crate) fn push_written<E>(
        &mut self,
        missing: &Missing,
        write: impl FnOnce(&mut String) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.text.len();
        write(&mut self.text)?;
        if missing.contains(&self.text[start..]) {
            self.text.truncate(start);
        }
        self.ends.push(self.text.len());
        Ok(())
    }

    /// Takes all cells out.
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// Number of cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The cells, from the first.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let mut from = 0;
        self.ends.iter().map(move |&to| {
            let cell = &self.text[from..to];
            from = to;
            cell
        })
    }

    pub(crate) fn bytes(&self) -> usize {
        self.text.len() + self.ends.len() * size_of::<usize>()
    }
}

/// Rows of a table, as text.
#[derive(Debug, Clone, PartialEq)]
pub struct Cells {
    /// The names of the columns, which differ.
    pub names: Vec<String>,
    /// The cells of each column.
    pub columns: Vec<Texts>,
    /// The number of the first of these rows in the file, counted from 1; the header is not counted.
    pub first_row: usize,
}

impl Cells {
    /// Columns without cells, with their types.
    pub(crate) fn new(columns: impl IntoIterator<Item = (String, Type)>, first_row: usize) -> Self {
        let (names, columns) = columns.into_iter().map(|(name, values)| (name, Texts::of(values))).unzip();
        Self { names, columns, first_row }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, Texts::len)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.columns.iter().map(Texts::bytes).sum()
    }
}
