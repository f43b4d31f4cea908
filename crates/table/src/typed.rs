//! Cells as columns of numbers and names.

use std::collections::HashMap;
use std::path::Path;

use layerloop::Result;
use layerloop::preprocess::{Column, Frame, Kind, MISSING, Values};

use crate::cells::{Cells, Texts};
use crate::detect::{Detected, not_a, parse_cell};

/// The cells of the columns that `wanted` names, in their order, as columns of these kinds; constants and texts hold nothing but their
/// name. A column that is not there is left out too.
///
/// # Errors
/// [`Error::Data`](layerloop::Error::Data) with row and column where a cell is not a number or date and should be one.
///
/// # Example
/// ```
/// # let folder = tempfile::tempdir().expect("a folder");
/// # let path = folder.path().join("people.csv");
/// std::fs::write(&path, "age,job\n31,cook\n,pilot\n").expect("written");
/// let mut reader = layerloop_table::open(&path, &Default::default())?;
/// let cells = reader.all_rows()?;
/// let kinds = layerloop_table::detect(&cells, &[], reader.comma_is_decimal(), &path)?;
/// let kinds: Vec<_> = kinds.iter().map(|column| (column.name.as_str(), column.kind)).collect();
/// let people = layerloop_table::typed(&cells, &kinds, &path)?;
/// assert_eq!((people.rows(), people.column("age")?.missing()), (2, 1));
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn typed(cells: &Cells, wanted: &[(&str, Kind)], path: &Path) -> Result<Frame> {
    let mut columns = Vec::new();
    for &(name, kind) in wanted {
        let Some(place) = cells.names.iter().position(|other| other == name) else { continue };
        let values = values(cells, place, kind, path)?;
        columns.push(Column { name: name.to_owned(), kind, values });
    }
    Frame::new(path.display().to_string(), columns)
}

/// As [`typed`], of the columns of the same cells as they were detected: their numbers are moved, not parsed again.
///
/// # Errors
/// As [`typed`].
pub fn typed_as_detected(cells: &Cells, detected: &mut [Detected], path: &Path) -> Result<Frame> {
    let columns = detected.iter_mut().enumerate().map(|(place, column)| {
        let values = match column.numbers.take().filter(|_| column.kind.is_numeric()) {
            Some(numbers) => Values::Numbers(numbers),
            None => values(cells, place, column.kind, path)?,
        };
        Ok(Column { name: column.name.clone(), kind: column.kind, values })
    });
    Frame::new(path.display().to_string(), columns.collect::<Result<_>>()?)
}

fn values(cells: &Cells, place: usize, kind: Kind, path: &Path) -> Result<Values> {
    let (texts, name) = (&cells.columns[place], &cells.names[place]);
    if matches!(kind, Kind::Constant | Kind::Text) {
        return Ok(Values::Levels { codes: vec![MISSING; texts.len()], levels: Vec::new() });
    }
    if !kind.is_numeric() {
        return Ok(levels(texts, kind));
    }
    let number = |(row, cell): (usize, &str)| match cell {
        "" => Ok(f64::NAN),
        _ => parse_cell(kind, cell).ok_or_else(|| not_a(path, cells.first_row + row, name, cell, kind)),
    };
    Ok(Values::Numbers(texts.iter().enumerate().map(number).collect::<Result<_>>()?))
}

fn levels(texts: &Texts, kind: Kind) -> Values {
    let mut places: HashMap<&str, u32> = HashMap::new();
    let (mut levels, mut codes) = (Vec::new(), Vec::with_capacity(texts.len()));
    for cell in texts.iter() {
        if cell.is_empty() {
            codes.push(MISSING);
            continue;
        }
        let cell = whole(cell);
        codes.push(*places.entry(cell).or_insert_with(|| {
            levels.push(if kind == Kind::Boolean { cell.to_lowercase() } else { cell.to_owned() });
            levels.len() as u32 - 1
        }));
    }
    merged(codes, levels)
}

/// `3` of `3.0`, as whole numbers are written beside missing ones.
fn whole(cell: &str) -> &str {
    let digits = cell
        .strip_suffix(".0")
        .filter(|rest| !rest.is_empty() && rest.trim_start_matches('-').bytes().all(|b| b.is_ascii_digit()));
    digits.unwrap_or(cell)
}

/// Levels that became equal as one.
fn merged(mut codes: Vec<u32>, levels: Vec<String>) -> Values {
    let mut unique: Vec<String> = Vec::new();
    let mut places: HashMap<&str, u32> = HashMap::new();
    let new: Vec<u32> = levels
        .iter()
        .map(|level| {
            *places.entry(level).or_insert_with(|| {
                unique.push(level.clone());
                unique.len() as u32 - 1
            })
        })
        .collect();
    if unique.len() < levels.len() {
        codes.iter_mut().filter(|code| **code != MISSING).for_each(|code| *code = new[*code as usize]);
    }
    Values::Levels { codes, levels: unique }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::Type;

    fn cells() -> Cells {
        let mut cells = Cells::new(["age", "job", "paid", "day"].map(|name| (name.to_owned(), Type::Unknown)), 11);
        for row in [
            ["31", "cook", "Yes", "1970-01-02"],
            ["", "", "", ""],
            ["1,031.5", "3.0", "yes", "1970-01-01 12:00"],
            ["7", "3", "no", "1.1.1970"],
        ] {
            row.iter().zip(&mut cells.columns).for_each(|(cell, column)| column.push(cell));
        }
        cells
    }

    #[test]
    fn each_kind_has_its_values() {
        let wanted = [
            ("paid", Kind::Boolean),
            ("age", Kind::Number),
            ("job", Kind::Category),
            ("day", Kind::Date),
            ("other", Kind::Number),
        ];
        let frame = typed(&cells(), &wanted, Path::new("t.csv")).unwrap();
        let names: Vec<&str> = frame.columns().iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["paid", "age", "job", "day"]);
        let values = |name: &str| match &frame.column(name).unwrap().values {
            Values::Numbers(numbers) => format!("{numbers:?}"),
            Values::Levels { codes, levels } => {
                format!(
                    "{:?}",
                    codes.iter().map(|code| levels.get(*code as usize).map_or("", String::as_str)).collect::<Vec<_>>()
                )
            }
        };
        assert_eq!(values("age"), "[31.0, NaN, 1031.5, 7.0]");
        assert_eq!(values("job"), r#"["cook", "", "3", "3"]"#);
        assert_eq!(values("paid"), r#"["yes", "", "yes", "no"]"#);
        assert_eq!(values("day"), "[86400.0, NaN, 43200.0, 0.0]");
        assert_eq!(
            frame.column("paid").unwrap().values,
            Values::Levels { codes: vec![0, MISSING, 0, 1], levels: vec!["yes".into(), "no".into()] }
        );
    }

    #[test]
    fn a_name_among_numbers_is_refused_with_its_place() {
        let said = typed(&cells(), &[("job", Kind::Number)], Path::new("t.csv")).unwrap_err().to_string();
        assert!(said.starts_with("t.csv: row 11, column `job`: `cook` is not a number"), "{said}");
        let said = typed(&cells(), &[("job", Kind::Date)], Path::new("t.csv")).unwrap_err().to_string();
        assert_eq!(
            said,
            "t.csv: row 11, column `job`: `cook` is not a date, such as 2026-11-27; leave the cell empty if it is missing"
        );
    }
}
