//! What the columns of a table are, by their values.

use std::collections::HashMap;
use std::path::Path;

use layerloop::preprocess::Kind;
use layerloop::{Error, Result};

use crate::cells::{Cells, Texts, Type};
use crate::date::First;
use crate::number::Notation;

/// Words that are booleans in pairs.
const BOOLEANS: [[&str; 2]; 5] = [["false", "true"], ["no", "yes"], ["f", "t"], ["n", "y"], ["0", "1"]];
/// Levels of a column that can be told by their numbers from an error among numbers.
const FEW_LEVELS: usize = 20;
/// Of 100 cells that much are numbers where the others are taken for mistakes.
const MOSTLY: usize = 95;
/// Of 100 cells that much differ where each row has a name of its own.
const ALMOST_ALL: usize = 90;
/// Rows below which it is chance that all values differ.
const FEW_ROWS: usize = 30;
/// Words of a cell, on the average, from which on it is a sentence.
const SENTENCE: usize = 4;

/// What a column was found to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Detected {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// Number of empty cells.
    pub missing: usize,
    /// Number of values that differ; of numbers that are not whole it is not counted.
    pub levels: Option<usize>,
    /// The least and the largest, of numbers.
    pub range: Option<[f64; 2]>,
    /// The most frequent level and its rows, of names.
    pub most_frequent: Option<(String, usize)>,
    /// Why it was taken for this kind, where that leaves it out.
    pub reason: Option<String>,
    /// What the user should know about it.
    pub note: Option<String>,
    /// The numbers or seconds, NaN where a cell is empty, so that they are not parsed again.
    pub(crate) numbers: Option<Vec<f64>>,
}

impl Detected {
    /// Whether its values are 0, 1, ..., k - 1 or 1, 2, ..., k with a k of at most 20: as a target, classes by number.
    #[must_use]
    pub fn is_numbered(&self) -> bool {
        match (self.levels, self.range) {
            (Some(levels), Some([from, to])) => {
                (2..=FEW_LEVELS).contains(&levels) && [0.0, 1.0].contains(&from) && to - from == (levels - 1) as f64
            }
            _ => false,
        }
    }
}

/// What each column of `cells` is; `kinds` are known already, by name.
///
/// ```text
/// number       all cells are numbers; 007 is none
/// boolean      true and false, yes and no, t and f, y and n, 0 and 1
/// date         all cells are days or moments
/// identifier   whole numbers, all different, that count up one by one or are named as one (id, ..._id, key, index);
///              or names of which nine in ten are different
/// text         of such names, those of four words and more
/// constant     one value, nowhere missing; or nothing at all
/// category     all else
/// ```
///
/// # Errors
/// [`Error::Data`] with row and column where a cell is not a number and nearly all others of the column are, or where one is not of the kind
/// that is given; [`Error::Config`] if a kind is given for a column that is not there.
pub fn detect(cells: &Cells, kinds: &[(String, Kind)], comma_is_decimal: bool, path: &Path) -> Result<Vec<Detected>> {
    for (name, _) in kinds {
        if !cells.names.contains(name) {
            let names = cells.names.iter().map(String::as_str);
            let suggestion = layerloop::preprocess::suggestion(name, names);
            return Err(Error::config("--column", format!("no column `{name}`{suggestion}")));
        }
    }
    let columns = cells.names.iter().zip(&cells.columns).map(|(name, texts)| {
        let given = kinds.iter().find(|(given, _)| given == name).map(|(_, kind)| *kind);
        let column = Column { name, texts, path, first_row: cells.first_row };
        column.detect(given, comma_is_decimal)
    });
    columns.collect()
}

/// Makes the columns that `target` names something to predict, unless their kind is among those that are given: whole numbers from 0 or 1
/// without a gap are classes.
pub fn as_targets(columns: &mut [Detected], target: &[String], given: &[(String, Kind)]) {
    for column in columns.iter_mut().filter(|column| target.contains(&column.name)) {
        let is_given = given.iter().any(|(name, _)| *name == column.name);
        let is_number = column.range.is_some();
        column.kind = match column.kind {
            kind if is_given => kind,
            Kind::Number | Kind::Identifier if is_number && column.is_numbered() => Kind::Category,
            Kind::Identifier | Kind::Constant if is_number => Kind::Number,
            Kind::Identifier | Kind::Text | Kind::Constant => Kind::Category,
            kind => kind,
        };
        if column.kind == Kind::Boolean {
            column.kind = Kind::Category; // classes are spelt as in the file
        }
        column.reason = None;
    }
}

struct Column<'a> {
    name: &'a str,
    texts: &'a Texts,
    path: &'a Path,
    first_row: usize,
}

impl Column<'_> {
    fn detect(&self, given: Option<Kind>, comma_is_decimal: bool) -> Result<Detected> {
        let missing = self.texts.iter().filter(|cell| cell.is_empty()).count();
        let none = |kind, reason: &str| Detected {
            name: self.name.to_owned(),
            kind,
            missing,
            levels: None,
            range: None,
            most_frequent: None,
            reason: Some(reason.to_owned()),
            note: None,
            numbers: None,
        };
        if let Some(kind) = given.filter(|kind| !kind.is_used()) {
            return Ok(none(kind, "as given"));
        }
        if missing == self.texts.len() {
            return Ok(none(Kind::Constant, "every cell is empty"));
        }
        let number_kinds =
            if comma_is_decimal { [Kind::DecimalComma, Kind::Number] } else { [Kind::Number, Kind::DecimalComma] };
        let values = self.texts.values();
        // A column of text stays one, unless it is said to be something else.
        let may_be = |kind: Kind| given.map_or(values != Type::Text || kind.is_date(), |given| given == kind);
        for kind in number_kinds.into_iter().filter(|kind| may_be(*kind)) {
            if let Some(numbers) = self.all(|cell| parse_number(kind, cell)) {
                return Ok(self.of_numbers(kind, given.is_some(), missing, numbers));
            }
        }
        for kind in [Kind::Date, Kind::UsDate].into_iter().filter(|kind| may_be(*kind)) {
            if let Some(seconds) = self.all(|cell| parse_date(kind, cell)) {
                let range = Some(range(&seconds));
                return Ok(Detected { range, reason: None, numbers: Some(seconds), ..none(kind, "") });
            }
        }
        match given {
            Some(kind) if kind.is_numeric() => Err(self.not_a(kind)),
            None if values.is_number() => Err(self.not_a(Kind::Number)),
            None if matches!(values, Type::Date | Type::Timestamp) => Err(self.not_a(Kind::Date)),
            _ => self.of_names(given, missing),
        }
    }

    /// What all cells give, NaN of an empty one, if all others give something.
    fn all(&self, parse: impl Fn(&str) -> Option<f64>) -> Option<Vec<f64>> {
        self.texts.iter().map(|cell| if cell.is_empty() { Some(f64::NAN) } else { parse(cell) }).collect()
    }

    /// The first cell that is not of this kind.
    fn not_a(&self, kind: Kind) -> Error {
        let wrong = |cell: &str| !cell.is_empty() && parse_cell(kind, cell).is_none();
        let found = self.texts.iter().enumerate().find(|(_, cell)| wrong(cell));
        let (row, cell) = found.unwrap_or_default();
        not_a(self.path, self.first_row + row, self.name, cell, kind)
    }

    fn of_numbers(&self, kind: Kind, is_given: bool, missing: usize, numbers: Vec<f64>) -> Detected {
        let [from, to] = range(&numbers);
        let is_whole = numbers.iter().all(|x| x.is_nan() || x.fract() == 0.0);
        let levels = is_whole.then(|| {
            let mut sorted: Vec<f64> = numbers.iter().copied().filter(|x| !x.is_nan()).collect();
            sorted.sort_unstable_by(f64::total_cmp);
            sorted.dedup();
            sorted.len()
        });
        let all_differ = levels == Some(numbers.len()) && numbers.len() >= FEW_ROWS && missing == 0;
        let (kind, reason) = match () {
            () if is_given => (kind, None),
            () if from == to && missing == 0 => (Kind::Constant, Some("every row has the same value")),
            () if all_differ && to - from == (numbers.len() - 1) as f64 => {
                (Kind::Identifier, Some("its numbers count the rows"))
            }
            () if all_differ && names_an_identifier(self.name) => {
                (Kind::Identifier, Some("its numbers all differ, and its name is that of an identifier"))
            }
            () if levels == Some(2) && (from, to) == (0.0, 1.0) => (Kind::Boolean, None),
            () => (kind, None),
        };
        Detected {
            name: self.name.to_owned(),
            kind,
            missing,
            levels,
            range: Some([from, to]),
            most_frequent: None,
            reason: reason.map(str::to_owned),
            note: None,
            numbers: Some(numbers),
        }
    }

    fn of_names(&self, given: Option<Kind>, missing: usize) -> Result<Detected> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        self.texts.iter().filter(|cell| !cell.is_empty()).for_each(|cell| *counts.entry(cell).or_default() += 1);
        let (rows, levels) = (self.texts.len() - missing, counts.len());
        let is_text = self.texts.values() == Type::Text;
        let note = (given.is_none() && is_text).then(|| self.numbers_as_text(rows)).flatten();
        if given.is_none() && levels > FEW_LEVELS && !is_text {
            self.check_no_numbers(rows)?;
        }
        let words: usize = counts.keys().map(|level| level.split_whitespace().count()).sum();
        let is_boolean = || {
            let lower: Vec<String> = counts.keys().map(|level| level.to_lowercase()).collect();
            BOOLEANS.iter().any(|pair| lower.iter().all(|level| pair.contains(&level.as_str())))
        };
        let all_differ = rows >= FEW_ROWS && levels * 100 >= rows * ALMOST_ALL;
        let (kind, reason) = match given {
            Some(kind) => (kind, None),
            None if levels == 1 && missing == 0 => (Kind::Constant, Some("every row has the same value")),
            None if is_boolean() => (Kind::Boolean, None),
            None if all_differ && words >= levels * SENTENCE => (Kind::Text, Some("it holds sentences")),
            None if all_differ => (Kind::Identifier, Some("nearly all of its values differ")),
            None => (Kind::Category, None),
        };
        let most = counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(a.0)));
        Ok(Detected {
            name: self.name.to_owned(),
            kind,
            missing,
            levels: Some(levels),
            range: None,
            most_frequent: most.map(|(level, rows)| (level.to_owned(), rows)),
            reason: reason.map(str::to_owned),
            note,
            numbers: None,
        })
    }

    /// How many cells are numbers, if nearly all of `rows` are.
    fn mostly_numbers(&self, rows: usize) -> Option<usize> {
        let numbers = self.texts.iter().filter(|cell| parse_number(Kind::Number, cell).is_some()).count();
        (numbers * 100 >= rows * MOSTLY).then_some(numbers)
    }

    /// That a column of text has numbers in it.
    fn numbers_as_text(&self, rows: usize) -> Option<String> {
        let (name, numbers) = (self.name, self.mostly_numbers(rows)?);
        Some(format!(
            "column `{name}` is text in the file, and {numbers} of its {rows} values are numbers; --column {name}=number reads it as numbers"
        ))
    }

    /// Refuses names among numbers.
    fn check_no_numbers(&self, rows: usize) -> Result<()> {
        let is_number = |cell: &str| parse_number(Kind::Number, cell).is_some();
        let Some(numbers) = self.mostly_numbers(rows) else { return Ok(()) };
        let other = self.texts.iter().enumerate().find(|(_, cell)| !cell.is_empty() && !is_number(cell));
        let (row, cell) = other.unwrap_or_default();
        let (path, name) = (self.path, self.name);
        let reason = if is_infinite(cell) {
            format!("`{cell}` is not a finite number; write the value, or leave the cell empty if it is missing")
        } else {
            format!(
                "`{cell}` is not a number, and {numbers} of the {rows} values of this column are; if it stands for a missing value, add --missing {cell:?}, \
                 and if the column holds names, --column {name}=category"
            )
        };
        Err(Error::data(path, format!("row {}, column `{name}`: {reason}", self.first_row + row)))
    }
}

fn range(numbers: &[f64]) -> [f64; 2] {
    [numbers.iter().copied().fold(f64::INFINITY, f64::min), numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max)]
}

/// `id`, `PassengerId`, `customer_id`, `row number`
fn names_an_identifier(name: &str) -> bool {
    let lower = name.to_lowercase();
    let last = lower.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    ["id", "key", "index", "uuid", "pid"].contains(&last)
        || name.ends_with("Id")
        || name.ends_with("ID")
        || lower.ends_with("rownumber")
}

fn is_infinite(cell: &str) -> bool {
    let word = cell.trim_start_matches(['-', '+']).to_lowercase();
    ["inf", "infinity"].contains(&word.as_str())
        || (word.starts_with(|c: char| c.is_ascii_digit()) && word.parse() == Ok(f64::INFINITY))
}

fn parse_number(kind: Kind, cell: &str) -> Option<f64> {
    match kind {
        Kind::DecimalComma => Notation::DecimalComma.parse(cell),
        _ => Notation::Plain.parse(cell).or_else(|| Notation::Thousands.parse(cell)),
    }
}

fn parse_date(kind: Kind, cell: &str) -> Option<f64> {
    let other = if kind == Kind::UsDate { First::Month } else { First::Day };
    First::Year.parse(cell).or_else(|| other.parse(cell))
}

/// What a cell of a column of this kind, one of numbers or dates, stands for.
pub(crate) fn parse_cell(kind: Kind, cell: &str) -> Option<f64> {
    if kind.is_date() { parse_date(kind, cell) } else { parse_number(kind, cell) }
}

/// A cell that is not of the kind of its column.
pub(crate) fn not_a(path: &Path, row: usize, column: &str, cell: &str, kind: Kind) -> Error {
    const SHOWN: usize = 40;
    let more = if cell.chars().count() > SHOWN { "..." } else { "" };
    let cell: String = cell.chars().take(SHOWN).collect();
    let what = match kind {
        _ if is_infinite(&cell) => "a finite number; leave the cell empty if the value is missing",
        Kind::DecimalComma => "a number with a decimal comma; leave the cell empty if the value is missing",
        Kind::Date => "a date, such as 2026-11-27; leave the cell empty if it is missing",
        Kind::UsDate => "a date, such as 11/27/2026; leave the cell empty if it is missing",
        _ => "a number; leave the cell empty if the value is missing, or name what stands for it (--missing)",
    };
    Error::data(path, format!("row {row}, column `{column}`: `{cell}{more}` is not {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(cells: impl IntoIterator<Item = impl AsRef<str>>) -> Cells {
        named("c", cells)
    }

    fn named(name: &str, cells: impl IntoIterator<Item = impl AsRef<str>>) -> Cells {
        let mut all = Cells::new([(name.to_owned(), Type::Unknown)], 1);
        cells.into_iter().for_each(|cell| all.columns[0].push(cell.as_ref()));
        all
    }

    fn kind(cells: &Cells) -> Kind {
        detect(cells, &[], false, Path::new("t.csv")).unwrap()[0].kind
    }

    #[test]
    fn kinds_are_told_by_values() {
        for (cells, expected) in [
            (&["1", "2.5", ""][..], Kind::Number),
            (&["1,234", "17"], Kind::Number),
            (&["1,5", "17"], Kind::DecimalComma),
            (&["0", "1", "1", ""], Kind::Boolean),
            (&["Yes", "no", "YES"], Kind::Boolean),
            (&["true", "False"], Kind::Boolean),
            (&["2026-11-27", "2025-01-01 10:00"], Kind::Date),
            (&["27/11/2026", "1/2/2025"], Kind::Date),
            (&["11/27/2026", "1/2/2025"], Kind::UsDate),
            (&["x", "x"], Kind::Constant),
            (&["3", "3"], Kind::Constant),
            (&["", ""], Kind::Constant),
            (&["x", ""], Kind::Category),
            (&["007", "008"], Kind::Category),
            (&["a", "b", "1"], Kind::Category),
        ] {
            assert_eq!(kind(&column(cells)), expected, "{cells:?}");
        }
    }

    #[test]
    fn rows_with_a_value_of_their_own_are_identifiers_or_sentences() {
        let count = |f: fn(usize) -> String| (0..100).map(f).collect::<Vec<_>>();
        assert_eq!(kind(&column(count(|i| (i + 7).to_string()))), Kind::Identifier);
        assert_eq!(kind(&column(count(|i| (i * i).to_string()))), Kind::Number);
        assert_eq!(kind(&named("PassengerId", count(|i| (i * i).to_string()))), Kind::Identifier);
        assert_eq!(kind(&named("customer_id", count(|i| (i * i).to_string()))), Kind::Identifier);
        assert_eq!(kind(&named("humid", count(|i| (i * i).to_string()))), Kind::Number);
        assert_eq!(kind(&column(count(|i| format!("C{i}")))), Kind::Identifier);
        assert_eq!(kind(&column(count(|i| format!("the {i} words of this sentence")))), Kind::Text);
        assert_eq!(kind(&column(count(|i| format!("city {}", i % 50)))), Kind::Category);
        assert_eq!(kind(&column((0..10).map(|i| i.to_string()))), Kind::Number, "few rows");
    }

    #[test]
    fn a_mistake_among_numbers_is_found_with_its_place() {
        let with = |wrong: &str| {
            let cells = (0..200_000).map(|i| if i == 99_999 { wrong.to_owned() } else { (i % 1000).to_string() });
            detect(&column(cells), &[], false, Path::new("t.csv")).unwrap_err().to_string()
        };
        assert_eq!(
            with("?"),
            "t.csv: row 100000, column `c`: `?` is not a number, and 199999 of the 200000 values of this column are; if it stands for a missing value, \
             add --missing \"?\", and if the column holds names, --column c=category"
        );
        assert_eq!(
            with("-inf"),
            "t.csv: row 100000, column `c`: `-inf` is not a finite number; write the value, or leave the cell empty if it is missing"
        );
        assert!(with("1e999").contains("`1e999` is not a finite number"));
    }

    #[test]
    fn kinds_can_be_given() {
        let given = |kind: Kind, cells: &[&str]| {
            let found = detect(&column(cells), &[("c".into(), kind)], false, Path::new("t.csv"));
            found.map(|found| found[0].kind).map_err(|error| error.to_string())
        };
        assert_eq!(given(Kind::Category, &["1", "2"]), Ok(Kind::Category));
        assert_eq!(given(Kind::Identifier, &["1", "2"]), Ok(Kind::Identifier));
        assert_eq!(given(Kind::Number, &["0", "1"]), Ok(Kind::Number));
        let said = given(Kind::Number, &["1", "two"]).unwrap_err();
        assert!(said.starts_with("t.csv: row 2, column `c`: `two` is not a number; leave the cell empty"), "{said}");
        let said =
            detect(&column(["1"]), &[("d".into(), Kind::Number)], false, Path::new("t.csv")).unwrap_err().to_string();
        assert_eq!(said, "--column: no column `d`; there are c");
    }

    #[test]
    fn with_semicolons_between_cells_a_comma_is_decimal() {
        let kind = |comma| detect(&column(["1,234", "2,500"]), &[], comma, Path::new("t.csv")).unwrap()[0].kind;
        assert_eq!([kind(false), kind(true)], [Kind::Number, Kind::DecimalComma]);
    }
}
