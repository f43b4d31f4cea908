//! The options that say what is in a table, of every command that reads one.

use clap::Args;
use layerloop::names;
use layerloop::preprocess::Kind;
use layerloop_data::tables::TableOptions;
use layerloop_table::ReadOptions;

const TABLE: &str = "Tables";

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct TableArgs {
    /// Column to predict; of several numbers, with commas between them [default: the last column]
    #[arg(long, help_heading = TABLE, value_name = "COLUMN", value_delimiter = ',')]
    pub(crate) target: Vec<String>,
    /// The kind of a column, where it is not the one that its values suggest: number, decimal-comma, category, boolean, date, us-date, identifier, constant or text; may be repeated
    #[arg(long, help_heading = TABLE, value_name = "COLUMN=KIND", value_parser = column)]
    pub(crate) column: Vec<(String, Kind)>,
    /// Columns that are left out, such as name,ticket
    #[arg(long, help_heading = TABLE, value_name = "COLUMNS", value_delimiter = ',')]
    pub(crate) ignore: Vec<String>,
    /// What stands for a missing value, beside an empty cell, such as "?,NA" [default: NA, N/A, NaN, nan, null, NULL]
    #[arg(long, help_heading = TABLE, value_name = "WORDS", value_delimiter = ',')]
    pub(crate) missing: Option<Vec<String>>,
    /// What is between two cells of a CSV file: one character, or tab [default: the comma, semicolon, tab or bar that the first line has most of]
    #[arg(long, help_heading = TABLE, value_name = "CHARACTER", value_parser = delimiter)]
    pub(crate) delimiter: Option<u8>,
    /// Leave rows out that have more or fewer cells than there are columns, instead of refusing the file
    #[arg(long, help_heading = TABLE)]
    pub(crate) skip_bad_rows: bool,
}

impl TableArgs {
    /// How a file is read.
    pub(crate) fn read(&self) -> ReadOptions {
        ReadOptions { delimiter: self.delimiter, missing: self.missing.clone(), skip_bad_rows: self.skip_bad_rows }
    }

    /// How a table is read, and what its columns are.
    pub(crate) fn options(&self) -> TableOptions {
        let (target, kinds, ignore) = (self.target.clone(), self.column.clone(), self.ignore.clone());
        TableOptions { target, kinds, ignore, read: self.read() }
    }
}

/// `age=number`
fn column(text: &str) -> Result<(String, Kind), String> {
    let (name, kind) = text.rsplit_once('=').ok_or_else(|| "expected COLUMN=KIND, such as age=number".to_owned())?;
    let kind = names::parse(kind.trim()).map_err(|error| error.to_string())?;
    Ok((name.to_owned(), kind))
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text {
        "tab" | "\\t" => Ok(b'\t'),
        _ => match text.as_bytes() {
            [one] if !one.is_ascii_alphanumeric() && *one != b'"' => Ok(*one),
            _ => Err("expected one character, such as ; or |, or tab".into()),
        },
    }
}
