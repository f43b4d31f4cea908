//! Tables: files with typed columns, and the built-in one.

use std::path::{Path, PathBuf};

use layerloop::preprocess::{Frame, Kind, suggestion};
use layerloop::{Error, Result};
use layerloop_table::{Detected, ReadOptions, Reader, as_targets, detect, typed_as_detected};

use crate::registry::{self, Source};

/// How a table is read and what its columns are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TableOptions {
    /// The columns to predict; otherwise the last one.
    pub target: Vec<String>,
    /// Kinds of columns; those of the others are detected.
    pub kinds: Vec<(String, Kind)>,
    /// Columns that are left out.
    pub ignore: Vec<String>,
    /// How the file is read.
    pub read: ReadOptions,
}

/// A table as it was read.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its columns but those that are ignored, typed.
    pub frame: Frame,
    /// What each of them is.
    pub columns: Vec<Detected>,
    /// The columns to predict.
    pub target: Vec<String>,
    /// What the user should know about how it was read, in sentences.
    pub notes: Vec<String>,
}

/// Whether `data` is a table rather than a data set of images: a built-in one, a file, or `-`.
#[must_use]
pub fn is_table(data: &Path) -> bool {
    match data.to_str().and_then(registry::find) {
        Some(entry) => matches!(entry.source, Source::Table { .. }),
        None => data.as_os_str() == "-" || data.is_file(),
    }
}

/// Opens a table: a file, `-` for standard input, or the name of a built-in one.
///
/// # Errors
/// Those of [`layerloop_table::open`].
pub fn open_table(data: &Path, options: &ReadOptions) -> Result<Reader> {
    match data.to_str().and_then(registry::find).map(|entry| entry.source) {
        Some(Source::Table { csv, .. }) => layerloop_table::read(csv.as_bytes(), data, options),
        _ => layerloop_table::open(data, options),
    }
}

/// Reads a whole table and finds out what its columns are.
///
/// # Errors
/// Those of reading; [`Error::Data`] and [`Error::Config`] for a column that is not there, or a cell that is not of its column's kind.
///
/// # Example
/// ```
/// use layerloop_data::tables::read_table;
/// let penguins = read_table("penguins".as_ref(), &Default::default())?;
/// assert_eq!((penguins.frame.rows(), penguins.target), (344, vec!["species".to_owned()]));
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn read_table(data: &Path, options: &TableOptions) -> Result<Table> {
    let Opened { mut reader, target, kinds, said } = Opened::new(data, options)?;
    let cells = reader.all_rows()?;
    let mut columns = detect(&cells, &kinds, reader.comma_is_decimal(), data)?;
    let notes = notes(&reader).into_iter().chain(said).chain(columns.iter().filter_map(|column| column.note.clone()));
    let notes = notes.collect();
    as_targets(&mut columns, &target, &kinds);
    let frame = typed_as_detected(&cells, &mut columns, data)?;
    Ok(Table { frame, columns, target, notes })
}

/// A table that is about to be read.
pub(crate) struct Opened {
    pub(crate) reader: Reader,
    pub(crate) target: Vec<String>,
    /// The kinds that are given, of columns that are read.
    pub(crate) kinds: Vec<(String, Kind)>,
    pub(crate) said: Vec<String>,
}

impl Opened {
    pub(crate) fn new(data: &Path, options: &TableOptions) -> Result<Self> {
        let mut reader = open_table(data, &options.read)?;
        let names: Vec<String> = reader.names().to_vec();
        let known = |option: &str, name: &String| {
            let found = names.contains(name);
            let among = names.iter().map(String::as_str);
            if found {
                Ok(())
            } else {
                Err(Error::config(option, format!("no column `{name}`{}", suggestion(name, among))))
            }
        };
        options.ignore.iter().try_for_each(|name| known("--ignore", name))?;
        let mut said = Vec::new();
        let target = match options.target.as_slice() {
            [] => vec![default_target(data, &names, &options.ignore, &mut said)?],
            target => target.to_vec(),
        };
        target.iter().try_for_each(|name| known("--target", name))?;
        if let Some(name) = target.iter().find(|name| options.ignore.contains(name)) {
            return Err(Error::config("--ignore", format!("`{name}` is what is to be predicted")));
        }
        reader.retain(|name| !options.ignore.iter().any(|ignored| ignored == name));
        let kinds: Vec<(String, Kind)> =
            options.kinds.iter().filter(|(name, _)| !options.ignore.contains(name)).cloned().collect();
        Ok(Self { reader, target, kinds, said })
    }
}

/// The built-in table's own target, or else the last column.
fn default_target(data: &Path, names: &[String], ignored: &[String], notes: &mut Vec<String>) -> Result<String> {
    if let Some(Source::Table { target, .. }) = data.to_str().and_then(registry::find).map(|entry| entry.source) {
        return Ok(target.to_owned());
    }
    let last = names.iter().rfind(|name| !ignored.contains(name));
    let last = last.ok_or_else(|| Error::config("--ignore", "every column is ignored; none is left to predict"))?;
    notes.push(format!("the last column, `{last}`, is predicted; --target names another one"));
    Ok(last.clone())
}

/// What is to be said of how a table was read.
#[must_use]
pub fn notes(reader: &Reader) -> Vec<String> {
    let mut notes = reader.notes().to_vec();
    let skipped = reader.skipped();
    if skipped.rows > 0 {
        let more = if skipped.rows > skipped.described.len() { ", ..." } else { "" };
        notes.push(format!("{} rows were skipped: {}{more}", skipped.rows, skipped.described.join(", ")));
    }
    notes
}

/// Where a table is, as seen from the root; of a built-in one and of standard input, nowhere.
#[must_use]
pub fn place(data: &Path) -> Option<PathBuf> {
    data.is_file().then(|| std::path::absolute(data).unwrap_or_else(|_| data.to_path_buf()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, options: &TableOptions) -> std::result::Result<Table, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        read_table(&path, options).map_err(|error| error.to_string())
    }

    #[test]
    fn the_target_decides_between_classes_and_numbers() {
        let kind = |cells: &[&str]| {
            let text = format!("x,y\n{}", cells.iter().map(|cell| format!("1,{cell}\n")).collect::<String>());
            let table = read(&text, &TableOptions::default()).unwrap();
            table.columns[1].kind
        };
        assert_eq!(kind(&["0", "1", "2", "0"]), Kind::Category);
        assert_eq!(kind(&["1", "2", "3", "3"]), Kind::Category);
        assert_eq!(kind(&["3", "4", "5"]), Kind::Number);
        assert_eq!(kind(&["1", "2", "4"]), Kind::Number);
        assert_eq!(kind(&["0", "1"]), Kind::Category);
        assert_eq!(kind(&["1", "2"]), Kind::Category);
        assert_eq!(kind(&["1.5", "2.5"]), Kind::Number);
        assert_eq!(kind(&["a", "b"]), Kind::Category);
        assert_eq!(kind(&["a", "a"]), Kind::Category);
    }

    #[test]
    fn columns_are_named_and_left_out() {
        let options = |target: &str, ignore: &str| TableOptions {
            target: vec![target.into()],
            ignore: vec![ignore.into()],
            ..TableOptions::default()
        };
        let table = read("a,b,c\n1,2,x\n2,3,y\n", &options("b", "a")).unwrap();
        assert_eq!(table.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["b", "c"]);
        assert!(table.notes.is_empty(), "{:?}", table.notes);
        let said = |target, ignore| read("aa,b,c\n1,2,x\n2,3,y\n", &options(target, ignore)).unwrap_err();
        assert_eq!(said("ab", "b"), "--target: no column `ab`; did you mean `aa`?");
        assert_eq!(said("b", "wages"), "--ignore: no column `wages`; there are aa, b, c");
        assert_eq!(said("b", "b"), "--ignore: `b` is what is to be predicted");
        let table = read("a,b\n1,2\n2,4\n", &TableOptions::default()).unwrap();
        assert_eq!(table.notes, ["the last column, `b`, is predicted; --target names another one"]);
    }
}
