//! Rows of numbers as text: CSV with commas, semicolons or tabs, with or without a line of names.

use std::path::Path;

use layerloop::{Error, Result};

/// Rows of numbers, and the names of their columns if the text has them.
///
/// # Shapes
/// `values`: rows x width, row-major
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// The names in the first line, if that has something that is not a number.
    pub columns: Option<Vec<String>>,
    /// Numbers of a row.
    pub width: usize,
    /// All numbers; those of a column that holds no numbers are NaN.
    pub values: Vec<f32>,
}

impl Rows {
    /// Reads a text. A cell that is not a number is NaN here, and refused by [`Self::inputs`] where it is used.
    ///
    /// # Errors
    /// [`Error::Format`] if it is not UTF-8 or has no rows; [`Error::Data`] if a row has more or fewer cells than the first.
    pub fn parse(text: &[u8], path: &Path) -> Result<Self> {
        let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let delimiter = [b';', b'\t'].into_iter().find(|delimiter| first.contains(delimiter)).unwrap_or(b',');
        let mut reader = csv::ReaderBuilder::new();
        let reader = reader.has_headers(false).delimiter(delimiter).trim(csv::Trim::All);
        let (mut columns, mut width, mut values) = (None, 0, Vec::new());
        for (row, record) in reader.from_reader(text).into_records().enumerate() {
            let record = record.map_err(|error| Error::format(path, error.to_string()))?;
            let cells: Vec<f32> = record.iter().map(|cell| cell.parse().unwrap_or(f32::NAN)).collect();
            if row == 0 {
                width = cells.len();
                let is_name = |cell: &str| cell.parse::<f32>().is_err();
                if record.iter().any(is_name) {
                    let name = |cell: &str| cell.trim_start_matches('\u{feff}').to_owned();
                    columns = Some(record.iter().map(name).collect());
                    continue;
                }
            }
            values.extend(cells);
        }
        if values.is_empty() {
            return Err(Error::format(path, "it has no rows of numbers"));
        }
        Ok(Self { columns, width, values })
    }

    /// The numbers that a network takes: the columns of these names, in their order, or else all columns.
    ///
    /// # Errors
    /// [`Error::Data`] if a name is missing, there are more or fewer columns than inputs, or a cell is not a finite number.
    pub fn inputs(&self, width: usize, names: Option<&[String]>, path: &Path) -> Result<Vec<f32>> {
        let chosen: Vec<usize> = match (&self.columns, names) {
            (Some(columns), Some(names)) => {
                let place = |name: &String| columns.iter().position(|column| column == name);
                let missing: Vec<&str> =
                    names.iter().filter(|name| place(name).is_none()).map(String::as_str).collect();
                if !missing.is_empty() {
                    let reason = format!("no column {}; it has {}", missing.join(", no column "), columns.join(", "));
                    return Err(Error::data(path, reason));
                }
                names.iter().filter_map(place).collect()
            }
            _ if self.width == width => (0..width).collect(),
            _ => {
                let names = names.map_or_else(String::new, |names| format!(": {}", names.join(", ")));
                let reason = format!("{} columns, but the network takes {width} inputs{names}", self.width);
                return Err(Error::data(path, reason));
            }
        };
        let mut inputs = Vec::with_capacity(self.values.len() / self.width * width);
        for (row, cells) in self.values.chunks_exact(self.width).enumerate() {
            for &column in &chosen {
                if !cells[column].is_finite() {
                    let name = self.columns.as_ref().map_or_else(|| column.to_string(), |names| names[column].clone());
                    return Err(Error::row(path, row, format!("the cell of column {name} is not a finite number")));
                }
                inputs.push(cells[column]);
            }
        }
        Ok(inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Rows> {
        Rows::parse(text.as_bytes(), Path::new("x.csv"))
    }

    #[test]
    fn names_choose_columns_and_without_names_all_are_taken() {
        let rows = parse("\u{feff}name, b ,a\r\nanna,1,2\nberta,3e1,-4\n").unwrap();
        let names = ["a".to_owned(), "b".to_owned()];
        assert_eq!(rows.inputs(2, Some(&names), Path::new("x.csv")).unwrap(), [2.0, 1.0, -4.0, 30.0]);
        for text in ["1,2\n3,4", "1;2\n3;4\n", "1\t2\n3\t4\n"] {
            assert_eq!(
                parse(text).unwrap().inputs(2, None, Path::new("x.csv")).unwrap(),
                [1.0, 2.0, 3.0, 4.0],
                "{text:?}"
            );
        }
        assert_eq!(parse("a,b\n1,2").unwrap().inputs(2, None, Path::new("x.csv")).unwrap(), [1.0, 2.0]);
    }

    #[test]
    fn what_is_missing_or_no_number_is_named_with_its_place() {
        let names = ["a".to_owned(), "b".to_owned()];
        let said = |text: &str, names: Option<&[String]>| {
            let rows = parse(text).and_then(|rows| rows.inputs(2, names, Path::new("x.csv")));
            rows.unwrap_err().to_string()
        };
        assert_eq!(said("a,c\n1,2", Some(&names)), "x.csv: no column b; it has a, c");
        assert_eq!(said("1,2,3", Some(&names)), "x.csv: 3 columns, but the network takes 2 inputs: a, b");
        assert_eq!(said("1,2\n3,", None), "x.csv, row 1: the cell of column 1 is not a finite number");
        assert_eq!(said("a,b\n1,x", Some(&names)), "x.csv, row 0: the cell of column b is not a finite number");
        assert!(said("1,2\n3", None).starts_with("x.csv: CSV error: record 1"), "{}", said("1,2\n3", None));
        assert_eq!(said("a,b\n", None), "x.csv: it has no rows of numbers");
    }
}
