//! Rows that are almost all zeros: only the other entries are kept.

/// A matrix in compressed sparse rows: of each row its entries, by ascending column.
#[derive(Debug, Clone, PartialEq)]
pub struct Csr {
    width: usize,
    /// Row r has the entries `starts[r]..starts[r + 1]`.
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

/// Why rows are no [`Csr`]: a sentence with the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidCsr(String);

impl std::fmt::Display for InvalidCsr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidCsr {}

impl Csr {
    /// Row r has `values[k]` in column `columns[k]` for k in `starts[r]..starts[r + 1]`, and 0 in all others of its
    /// `width` columns.
    ///
    /// # Errors
    /// [`InvalidCsr`] where the starts do not lead through all entries, or a row's columns do not ascend below
    /// `width`.
    pub fn new(width: usize, starts: Vec<usize>, columns: Vec<u32>, values: Vec<f32>) -> Result<Self, InvalidCsr> {
        if u32::try_from(width).is_err() {
            return Err(InvalidCsr(format!("{width} columns; there are at most {}", u32::MAX)));
        }
        let entries = columns.len();
        if values.len() != entries {
            return Err(InvalidCsr(format!(
                "{entries} columns, but {} values: one of each for every entry",
                values.len()
            )));
        }
        if starts.first() != Some(&0) || starts.last() != Some(&entries) {
            let (first, last) = (starts.first(), starts.last());
            return Err(InvalidCsr(format!(
                "the row starts go from {first:?} to {last:?}, not from 0 to the {entries} entries"
            )));
        }
        for (row, bounds) in starts.windows(2).enumerate() {
            let Some(columns) = columns.get(bounds[0]..bounds[1]) else {
                return Err(InvalidCsr(format!("row {row}: from entry {} to {} of {entries}", bounds[0], bounds[1])));
            };
            if !columns.is_sorted_by(|a, b| a < b) {
                return Err(InvalidCsr(format!("row {row}: its columns do not ascend")));
            }
            if let Some(&last) = columns.last().filter(|&&last| last as usize >= width) {
                return Err(InvalidCsr(format!(
                    "row {row}: column {last} is out of range: the columns are 0..{width}"
                )));
            }
        }
        Ok(Self { width, starts, columns, values })
    }

    /// No rows, and room for `rows` rows of `entries` entries in all.
    fn with_capacity(rows: usize, entries: usize) -> Self {
        let mut starts = Vec::with_capacity(rows + 1);
        starts.push(0);
        Self { width: 0, starts, columns: Vec::with_capacity(entries), values: Vec::with_capacity(entries) }
    }

    /// Number of columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// Number of entries.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.values.len()
    }

    /// The columns and values of a row.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline(always)]
    #[must_use]
    pub fn row(&self, row: usize) -> (&[u32], &[f32]) {
        let entries = self.starts[row]..self.starts[row + 1];
        (&self.columns[entries.clone()], &self.values[entries])
    }

    /// A row with its zeros.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn dense_row(&self, row: usize) -> Vec<f32> {
        let mut dense = vec![0.0; self.width];
        let (columns, values) = self.row(row);
        columns.iter().zip(values).for_each(|(&column, &value)| dense[column as usize] = value);
        dense
    }

    /// The named rows, in the order given.
    ///
    /// # Panics
    /// If one is not there.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let entries = rows.iter().map(|&row| self.row(row).0.len()).sum();
        let mut selected = Self { width: self.width, ..Self::with_capacity(rows.len(), entries) };
        for (columns, values) in rows.iter().map(|&row| self.row(row)) {
            selected.columns.extend(columns);
            selected.values.extend(values);
            selected.starts.push(selected.columns.len());
        }
        selected
    }
}

/// The transpose of some rows of a matrix, with a last row of ones below: row j holds, for each of the rows in turn, what it has in
/// column j. It is computed anew for every batch, in memory that is kept.
#[derive(Debug, Clone)]
pub struct ByColumn(Csr);

impl ByColumn {
    /// Nothing yet, and room for rows of `width` values with `entries` entries in all, ones included.
    #[must_use]
    pub fn with_capacity(width: usize, entries: usize) -> Self {
        Self(Csr::with_capacity(width + 1, entries))
    }

    /// Becomes the transpose of `rows` of `source`. Allocates nothing where there is room.
    ///
    /// # Panics
    /// If one of `rows` is not there; nothing has changed then.
    pub fn set(&mut self, source: &Csr, rows: &[u32]) {
        assert!(rows.iter().all(|&row| (row as usize) < source.rows()), "rows of a matrix of {} rows", source.rows());
        assert!(u32::try_from(rows.len()).is_ok(), "{} rows are too many to be numbered", rows.len());
        let Csr { width, starts, columns, values } = &mut self.0;
        let ones = rows.len();
        *width = rows.len();
        starts.clear();
        starts.resize(source.width + 2, 0);
        for &row in rows {
            source.row(row as usize).0.iter().for_each(|&column| starts[column as usize + 1] += 1);
        }
        starts[source.width + 1] = ones;
        let mut end = 0;
        for start in &mut *starts {
            end += *start;
            *start = end;
        }
        columns.resize(end, 0);
        values.resize(end, 1.0);
        // Each start moves to the end of its row, where the next row starts; then all are shifted by one.
        for (at, &row) in rows.iter().enumerate() {
            let (from, entries) = source.row(row as usize);
            for (&column, &value) in from.iter().zip(entries) {
                let place = &mut starts[column as usize];
                (columns[*place], values[*place]) = (at as u32, value);
                *place += 1;
            }
        }
        starts.copy_within(0..source.width, 1);
        starts[0] = 0;
        for at in 0..ones {
            let place = end - ones + at;
            (columns[place], values[place]) = (at as u32, 1.0);
        }
    }
}

/// Some rows of a sparse matrix, the left operand of a product.
#[derive(Debug, Clone, Copy)]
pub struct Entries<'a> {
    matrix: &'a Csr,
    /// Which rows, in which order; all where there is none.
    chosen: Option<&'a [u32]>,
    /// Whether each row has a 1 behind its last column.
    ones: bool,
}

impl<'a> Entries<'a> {
    /// The rows `chosen`, in this order: for weights without a bias.
    #[must_use]
    pub fn of(matrix: &'a Csr, chosen: &'a [u32]) -> Self {
        Self { matrix, chosen: Some(chosen), ones: false }
    }

    /// As [`Self::of`], each with a 1 after its last column, for the bias.
    #[must_use]
    pub fn with_ones(matrix: &'a Csr, chosen: &'a [u32]) -> Self {
        Self { ones: true, ..Self::of(matrix, chosen) }
    }

    /// The columns of a batch, and the row of ones below them.
    #[must_use]
    pub fn by_column(transpose: &'a ByColumn) -> Self {
        Self { matrix: &transpose.0, chosen: None, ones: false }
    }

    /// Number of rows.
    #[must_use]
    pub fn count(&self) -> usize {
        self.chosen.map_or(self.matrix.rows(), <[u32]>::len)
    }

    /// Columns, the one of ones included.
    pub(crate) fn inner(&self) -> usize {
        self.matrix.width + usize::from(self.ones)
    }

    /// The column that is 1 in every row and that the matrix does not hold.
    #[inline(always)]
    pub(crate) fn one(&self) -> Option<usize> {
        self.ones.then_some(self.matrix.width)
    }

    /// The other columns and values of a row.
    #[inline(always)]
    pub(crate) fn row(&self, row: usize) -> (&'a [u32], &'a [f32]) {
        self.matrix.row(self.chosen.map_or(row, |chosen| chosen[row] as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Csr {
        // 1 0 2
        // 0 0 0
        // 0 3 4
        Csr::new(3, vec![0, 2, 2, 4], vec![0, 2, 1, 2], vec![1.0, 2.0, 3.0, 4.0]).unwrap()
    }

    #[test]
    fn broken_rows_are_refused_with_their_place() {
        let refused = |starts: &[usize], columns: &[u32], values: &[f32]| {
            Csr::new(3, starts.into(), columns.into(), values.into()).unwrap_err().to_string()
        };
        assert_eq!(refused(&[0, 1], &[0], &[]), "1 columns, but 0 values: one of each for every entry");
        assert_eq!(refused(&[], &[], &[]), "the row starts go from None to None, not from 0 to the 0 entries");
        assert_eq!(refused(&[0, 2, 1, 2], &[0, 1], &[1.0; 2]), "row 1: from entry 2 to 1 of 2");
        assert_eq!(refused(&[0, 5, 2], &[0, 1], &[1.0; 2]), "row 0: from entry 0 to 5 of 2");
        assert_eq!(refused(&[0, 2], &[1, 1], &[1.0; 2]), "row 0: its columns do not ascend");
        assert_eq!(refused(&[0, 0, 1], &[3], &[1.0]), "row 1: column 3 is out of range: the columns are 0..3");
    }

    #[test]
    fn a_batch_is_transposed_in_its_own_order() {
        let source = example();
        let mut transpose = ByColumn::with_capacity(3, 9);
        for rows in [&[0, 1][..], &[2, 0, 2], &[]] {
            transpose.set(&source, rows);
            let transpose = &transpose.0;
            assert_eq!((transpose.rows(), transpose.width()), (4, rows.len()));
            for column in 0..3 {
                let value = |at: usize| {
                    let (columns, values) = source.row(rows[at] as usize);
                    Some((at as u32, values[columns.iter().position(|&c| c == column as u32)?]))
                };
                let want: (Vec<u32>, Vec<f32>) = (0..rows.len()).filter_map(value).unzip();
                assert_eq!(transpose.row(column), (&want.0[..], &want.1[..]));
            }
            assert_eq!(transpose.row(3).0, Vec::from_iter(0..rows.len() as u32));
            assert!(transpose.row(3).1.iter().all(|&one| one == 1.0));
        }
    }
}
