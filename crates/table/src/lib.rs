//! Tables: files to typed columns, in chunks, with the kind of each column detected from its values.
//!
//! - [`open`]: a CSV file, plain, gzip or Zstandard, a Parquet or an Arrow file, or standard input, as a [`Reader`] that gives rows in chunks
//! - [`cells_of_batches`]: the cells of Arrow record batches that are in memory
//! - [`Cells`]: the cells of a chunk, as text, with the [`Type`] that the file says
//! - [`detect`]: what each column is: a number, a category, a date, an identifier, ...
//! - [`typed`]: the cells as a [`Frame`](layerloop::preprocess::Frame) of such columns
//! - [`ParquetWriter`]: rows as a Parquet file
#![forbid(unsafe_code)]
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod about;
mod arrow;
mod cells;
mod csv;
mod date;
mod detect;
mod encoding;
mod missing;
mod number;
mod parquet;
mod reader;
mod source;
mod typed;
mod written;

pub use about::Skipped;
pub use arrow::cells_of_batches;
pub use cells::{Cells, Texts, Type};
pub use detect::{Detected, as_targets, detect};
pub use parquet::ParquetWriter;
pub use reader::{ReadOptions, Reader, open, read};
pub use typed::{typed, typed_as_detected};
