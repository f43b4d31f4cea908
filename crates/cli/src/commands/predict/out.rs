//! Where predictions for the rows of tables go.

use std::path::{Path, PathBuf};

use layerloop::files::NewFile;
use layerloop::{Error, Result};
use layerloop_table::{ParquetWriter, Type};

use crate::output::raw;

/// Where answers go.
pub(super) enum Out {
    /// A line of text or an object for each row, on standard output.
    Lines,
    /// A table.
    Table(Box<Table>),
}

/// A table of answers.
pub(super) struct Table {
    /// Where it goes; otherwise to standard output.
    file: Option<NewFile>,
    /// Where a Parquet file is, and what writes it from the first row on; otherwise it is CSV.
    parquet: Option<(PathBuf, Option<ParquetWriter>)>,
    has_names: bool,
}

impl Out {
    /// By the name of the file.
    pub(super) fn open(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else { return Ok(Self::Lines) };
        let end = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        if ["arrow", "feather", "ipc"].contains(&end.as_str()) {
            let reason = format!(
                "predictions are written as CSV or Parquet, not as .{end}; name a file that ends in .csv or .parquet"
            );
            return Err(Error::config("--out", reason));
        }
        let file = if path.as_os_str() == "-" { None } else { Some(NewFile::create(path)?) };
        let parquet = (end == "parquet").then(|| (path.to_path_buf(), None));
        Ok(Self::Table(Box::new(Table { file, parquet, has_names: false })))
    }

    /// Ends a table; whether it is in a file.
    pub(super) fn finish(self) -> Result<bool> {
        let Self::Table(mut table) = self else { return Ok(false) };
        if let Some((_, Some(writer))) = table.parquet.take() {
            table.write(&writer.finish()?)?;
        }
        let is_file = table.file.is_some();
        table.file.map_or(Ok(()), NewFile::finish)?;
        Ok(is_file)
    }
}

impl Table {
    /// Names the columns, before the first row.
    pub(super) fn name_columns(&mut self, columns: impl FnOnce() -> Vec<(String, Type)>) -> Result<()> {
        if std::mem::replace(&mut self.has_names, true) {
            return Ok(());
        }
        let columns = columns();
        if let Some((path, writer)) = &mut self.parquet {
            *writer = Some(ParquetWriter::new(path, columns)?);
            return Ok(());
        }
        let names: Vec<String> = columns.into_iter().map(|(name, _)| name).collect();
        self.write(csv_line(&names).as_bytes())
    }

    /// Adds a row.
    pub(super) fn push(&mut self, cells: &[String]) -> Result<()> {
        let Some((_, Some(writer))) = &mut self.parquet else { return self.write(csv_line(cells).as_bytes()) };
        writer.push(cells.iter().map(String::as_str))?;
        let bytes = writer.take()?;
        self.write(&bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.file {
            None => raw(bytes),
            Some(file) => file.write(bytes),
        }
    }
}

/// A line of CSV; cells that need them have quotes.
fn csv_line(cells: &[String]) -> String {
    let quoted = |cell: &String| {
        if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.clone() }
    };
    cells.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n"
}
