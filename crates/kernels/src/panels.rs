//! Panel layout: where element (row, column) of a weight matrix lies in memory.
//!
//! A matrix of `rows` x `columns` is kept as panels of 32 columns, one after the other; a panel holds its rows one
//! after the other, 32 values each. The last panel is 16 wide where that is enough. Columns past the last are zero.
//! So a product reads its vectors in one stream, and no product ever packs a weight.

use crate::isa::LANES;

/// Columns of a full panel.
pub const PANEL: usize = 2 * LANES;

/// The layout of a `rows` x `columns` matrix in panels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Panels {
    rows: usize,
    columns: usize,
}

/// One panel: where it starts, the width of its rows in memory, how many of its columns are real.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Panel {
    /// First column of the matrix that is in this panel.
    pub column: usize,
    /// Number of columns of the matrix in it.
    pub columns: usize,
    /// Values of a row in memory: 32, or 16.
    pub width: usize,
    /// Index of its first value.
    pub start: usize,
}

impl Panels {
    /// The layout of a `rows` x `columns` matrix.
    #[must_use]
    pub fn new(rows: usize, columns: usize) -> Self {
        Self { rows, columns }
    }

    /// Rows of the matrix.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns of the matrix.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Number of values in memory, padding included: a multiple of 16.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a number of values to allocate, not a container")]
    pub fn len(&self) -> usize {
        let columns = self.columns.checked_next_multiple_of(LANES).unwrap_or(usize::MAX);
        self.rows.saturating_mul(columns) // more than any memory where it would wrap around
    }

    /// The panels, from the first column to the last.
    pub fn iter(&self) -> impl Iterator<Item = Panel> + use<> {
        let Self { rows, columns } = *self;
        (0..columns).step_by(PANEL).map(move |column| Panel {
            column,
            columns: PANEL.min(columns - column),
            width: PANEL.min((columns - column).next_multiple_of(LANES)),
            start: column * rows,
        })
    }

    /// Where element (row, column) lies.
    ///
    /// # Panics
    /// If there is no such element.
    #[must_use]
    pub fn index(&self, row: usize, column: usize) -> usize {
        assert!(row < self.rows && column < self.columns, "({row}, {column}) of {self:?}");
        let first = column - column % PANEL;
        let width = PANEL.min((self.columns - first).next_multiple_of(LANES));
        first * self.rows + row * width + column % PANEL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_has_a_place_of_its_own_inside_its_panel() {
        for (rows, columns) in [(1, 1), (3, 10), (5, 16), (2, 17), (7, 32), (4, 33), (3, 48), (2, 100)] {
            let panels = Panels::new(rows, columns);
            let mut seen = vec![false; panels.len()];
            for panel in panels.iter() {
                for row in 0..rows {
                    for column in 0..panel.columns {
                        let index = panels.index(row, panel.column + column);
                        assert_eq!(index, panel.start + row * panel.width + column);
                        assert!(!std::mem::replace(&mut seen[index], true));
                    }
                }
            }
            assert_eq!(seen.iter().filter(|s| **s).count(), rows * columns);
        }
    }
}
