//! The options of `layerloop inspect`.

use std::path::PathBuf;

use clap::Parser;

use super::table::TableArgs;

#[derive(Debug, Parser)]
pub(crate) struct Inspect {
    /// A table: CSV (plain, gzip or Zstandard), Parquet or Arrow, - for standard input, or penguins
    #[arg(value_name = "TABLE")]
    pub(crate) data: PathBuf,
    #[command(flatten)]
    pub(crate) table: TableArgs,
    /// Print one JSON object for each column
    #[arg(long)]
    pub(crate) json: bool,
}
