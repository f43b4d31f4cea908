//! The cells of a table as text, column by column.

/// The cells of a column, one after the other; an empty one is a missing value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    text: String,
    ends: Vec<usize>,
}

impl Texts {
    pub(crate) fn push(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len());
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

    fn bytes(&self) -> usize {
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
    pub(crate) fn new(names: &[String], first_row: usize) -> Self {
        Self { names: names.to_vec(), columns: vec![Texts::default(); names.len()], first_row }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, Texts::len)
    }

    /// Leaves columns out.
    pub fn retain(&mut self, is_kept: impl Fn(&str) -> bool) {
        let kept: Vec<bool> = self.names.iter().map(|name| is_kept(name)).collect();
        let mut of_names = kept.iter();
        self.names.retain(|_| of_names.next().copied().unwrap_or(true));
        let mut of_columns = kept.iter();
        self.columns.retain(|_| of_columns.next().copied().unwrap_or(true));
    }

    pub(crate) fn bytes(&self) -> usize {
        self.columns.iter().map(Texts::bytes).sum()
    }
}
