//! Tables: files to typed columns, in chunks, with the kind of each column detected from its values.
//!
//! - [`open`]: a CSV file, plain, gzip or Zstandard, or standard input, as a [`Reader`] that gives rows in chunks
//! - [`Cells`]: the cells of a chunk, as text
//! - [`detect`]: what each column is: a number, a category, a date, an identifier, ...
//! - [`typed`]: the cells as a [`Frame`](layerloop::preprocess::Frame) of such columns
#![forbid(unsafe_code)]
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod cells;
mod date;
mod detect;
mod encoding;
mod number;
mod reader;
mod source;
mod typed;

pub use cells::{Cells, Texts};
pub use detect::{Detected, detect};
pub use reader::{ReadOptions, Reader, Skipped, open, read};
pub use typed::{typed, typed_as_detected};
