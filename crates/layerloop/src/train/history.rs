//! What was measured in a run, epoch by epoch, as a table.

use std::fmt::Write as _;
use std::path::Path;

use crate::files::write_atomically;
use crate::{Error, Result};

/// A table of numbers with named columns, one row for each epoch.
///
/// The first columns are `epoch`, `steps` so far, `seconds` of training so far, `learning_rate` and `train_loss`; then, for
/// every data set that was watched, what was measured on it: `val_loss`, `val_accuracy`.
///
/// # Example
/// ```
/// use layerloop::train::History;
/// let mut history = History::new(["epoch", "train_loss"]);
/// history.push([1.0, 0.5]);
/// history.push([2.0, f64::NAN]); // not measured
/// assert_eq!(history.column("epoch").unwrap().collect::<Vec<_>>(), [1.0, 2.0]);
/// assert_eq!(history.to_csv(), "epoch,train_loss\n1,0.5\n2,\n");
/// assert_eq!(History::from_csv(&history.to_csv())?.to_csv(), history.to_csv());
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct History {
    names: Vec<String>,
    /// Each as long as `names`; NaN for what was not measured.
    rows: Vec<Vec<f64>>,
}

impl History {
    /// No rows of these columns.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { names: names.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// With other names for the columns.
    pub(crate) fn renamed(self, name: impl Fn(&str) -> String) -> Self {
        Self { names: self.names.iter().map(|old| name(old)).collect(), rows: self.rows }
    }

    /// The names of the columns.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The rows; NaN where nothing was measured.
    #[must_use]
    pub fn rows(&self) -> &[Vec<f64>] {
        &self.rows
    }

    /// The numbers of a column, if there is one of that name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<impl DoubleEndedIterator<Item = f64> + ExactSizeIterator + '_> {
        let column = self.names.iter().position(|n| n == name)?;
        Some(self.rows.iter().map(move |row| row[column]))
    }

    /// The newest number of a column, if there is one.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<f64> {
        self.column(name)?.next_back().filter(|value| !value.is_nan())
    }

    /// Adds a row: as many numbers as there are columns; what is missing was not measured.
    pub fn push(&mut self, row: impl IntoIterator<Item = f64>) {
        let row = row.into_iter().chain(std::iter::repeat(f64::NAN));
        self.rows.push(row.take(self.names.len()).collect());
    }

    /// A line of names, then a line for each row; every number as short as it can be to be read back to the bit, an empty
    /// field for what was not measured.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let mut csv = self.names.join(",") + "\n";
        for row in &self.rows {
            for (column, value) in row.iter().enumerate() {
                let comma = if column == 0 { "" } else { "," };
                let written = if value.is_nan() { write!(csv, "{comma}") } else { write!(csv, "{comma}{value}") };
                debug_assert!(written.is_ok(), "a string takes everything");
            }
            csv.push('\n');
        }
        csv
    }

    /// What [`Self::to_csv`] wrote.
    ///
    /// # Errors
    /// [`Error::Data`] with the row and the field that is not a number.
    pub fn from_csv(csv: &str) -> Result<Self> {
        let mut lines = csv.lines();
        let mut history = Self::new(lines.next().unwrap_or_default().split(','));
        for (at, line) in lines.enumerate() {
            let number = |field: &str| match field {
                "" => Ok(f64::NAN),
                _ => field.parse().map_err(|_| Error::row("history", at, format!("`{field}` is not a number"))),
            };
            let row = line.split(',').map(number).collect::<Result<Vec<f64>>>()?;
            if row.len() != history.names.len() {
                let reason = format!("{} numbers for {} columns", row.len(), history.names.len());
                return Err(Error::row("history", at, reason));
            }
            history.push(row);
        }
        Ok(history)
    }

    /// Loads what [`Self::save_csv`] or the logs of a run wrote. The last line of a run that is being written may lack its end: it is
    /// left out.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::Format`] if it is not such a table.
    pub fn load_csv(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
        let lines = text.rfind('\n').map_or("", |end| &text[..=end]);
        Self::from_csv(lines).map_err(|error| Error::format(path, error.to_string()))
    }

    /// Saves [`Self::to_csv`]; the file is replaced atomically.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn save_csv(&self, path: impl AsRef<Path>) -> Result<()> {
        write_atomically(path.as_ref(), self.to_csv().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_comes_back_to_the_bit() {
        let mut history = History::new(["epoch", "train_loss", "val_accuracy"]);
        let rows = [[1.0, 0.1 + 0.2, f64::NAN], [2.0, 1e-300, 0.98]];
        rows.into_iter().for_each(|row| history.push(row));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.csv");
        history.save_csv(&path).unwrap();
        let back = History::load_csv(&path).unwrap();
        let bits =
            |history: &History| history.rows().iter().flatten().map(|v| (v.is_nan(), v.to_bits())).collect::<Vec<_>>();
        assert_eq!((back.names(), bits(&back)), (history.names(), bits(&history)));
        assert_eq!(back.last("train_loss"), Some(1e-300));
        assert_eq!(back.column("val_loss").is_none(), back.last("val_loss").is_none());
    }

    #[test]
    fn what_is_no_table_is_refused_with_its_place() {
        let said = |csv| History::from_csv(csv).unwrap_err().to_string();
        assert_eq!(said("a,b\n1,2\n1,x\n"), "history, row 1: `x` is not a number");
        assert_eq!(said("a,b\n1\n"), "history, row 0: 1 numbers for 2 columns");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.csv");
        std::fs::write(&path, "a,b\n1,2\n3").unwrap();
        assert_eq!(History::load_csv(&path).unwrap().to_csv(), "a,b\n1,2\n", "the last line is being written");
        std::fs::write(&path, "a,b\n1\n").unwrap();
        let error = History::load_csv(&path).unwrap_err().to_string();
        assert!(error.contains("history.csv") && error.ends_with("row 0: 1 numbers for 2 columns"), "{error}");
    }
}
