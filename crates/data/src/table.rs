//! Rows of numbers with a number to predict.

use layerloop::Result;
use layerloop::data::{Dataset, Inputs, Standardisation, split_rows};

/// Inputs and a target for each row.
///
/// # Shapes
/// `inputs`: rows x columns, row-major; `targets`: one a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What it is called in messages and receipts.
    pub name: String,
    /// The names of the inputs.
    pub columns: Vec<String>,
    /// The inputs, as they were measured or as [`Table::parts`] standardised them.
    pub inputs: Vec<f32>,
    /// What is to be predicted, in its own unit.
    pub targets: Vec<f32>,
}

/// A training and a test part, and what their inputs were standardised by.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// The part to learn from.
    pub train: Table,
    /// The part to evaluate on.
    pub test: Table,
    /// Means and deviations of the training part, to be kept with a model.
    pub standardisation: Standardisation,
}

impl Table {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.targets.len()
    }

    /// The inputs of one row.
    ///
    /// # Panics
    /// If `row >= rows()`.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f32] {
        &self.inputs[row * self.columns.len()..][..self.columns.len()]
    }

    /// The rows as a data set; the number to predict is called `target`.
    ///
    /// # Errors
    /// If a number is not finite.
    pub fn dataset(self, target: &str) -> Result<Dataset> {
        let (inputs, width) = (Inputs::Floats(self.inputs.into()), self.columns.len());
        Dataset::regression(self.name, inputs, width, self.targets, [target])?.with_columns(self.columns)
    }

    /// The named rows, in the order given.
    ///
    /// # Panics
    /// If a row is out of range.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self {
            inputs: rows.iter().flat_map(|&row| self.row(row)).copied().collect(),
            targets: rows.iter().map(|&row| self.targets[row]).collect(),
            ..self.clone()
        }
    }

    /// A training and a test part of these sizes, cut by [`split_rows`]; the inputs of both are standardised by means and
    /// deviations of the training part, for the test part is not to be known.
    ///
    /// # Errors
    /// Those of [`split_rows`] and of [`Standardisation::of`].
    pub fn parts(&self, sizes: [usize; 2], seed: u64) -> Result<Parts> {
        let [mut train, mut test] = split_rows(self.rows(), sizes, seed)?.map(|rows| self.select(&rows));
        test.name.push_str(" test");
        let standardisation = Standardisation::of(&train.inputs, self.columns.len())?;
        standardisation.apply(&mut train.inputs, self.columns.len())?;
        standardisation.apply(&mut test.inputs, self.columns.len())?;
        Ok(Parts { train, test, standardisation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_part_has_no_say_in_the_standardisation() {
        let columns = vec!["a".to_string(), "b".to_string()];
        let inputs: Vec<f32> = (0..20).map(|i| (i * i) as f32).collect();
        let table = Table { name: "demo".into(), columns, inputs, targets: (0..10).map(|i| i as f32).collect() };
        let before = table.parts([7, 3], 1).unwrap();
        let mut other = table.clone();
        for target in &before.test.targets {
            other.inputs[*target as usize * 2] += 1e3; // the target is the row's number
        }
        let after = other.parts([7, 3], 1).unwrap();
        assert_eq!((&before.train, &before.standardisation), (&after.train, &after.standardisation));
        assert_eq!((before.test.name.as_str(), before.test.rows()), ("demo test", 3));
        assert_ne!(before.test.inputs, after.test.inputs);
        assert!(table.parts([7, 4], 1).is_err());
    }
}
