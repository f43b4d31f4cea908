//! Where data comes from: the built-in digits and diabetes, IDX files in folders or downloaded, PNG images to predict from.
//!
//! - [`load()`]: a data set by name or folder, as a training and a test part
//! - [`registry`]: the named data sets: files, SHA-256, mirrors, classes, training defaults
//! - [`digits()`]: the 1,797 digits inside the binary
//! - [`diabetes()`], [`table`]: 442 patients inside the binary, with a number to predict
//! - [`tables`]: tables with columns of any kind, from files or built in
//! - [`stored_table`]: tables that are not in memory
//! - [`idx`], [`folder`]: IDX files, gzip or plain, and folders of them
//! - [`cache`], [`download`]: the user's cache folder, and how files get there
//! - [`image`], [`input`]: PNG images, brought to the size of a network's input
#![forbid(unsafe_code)]
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod cache;
mod classes;
mod diabetes;
mod digits;
pub mod download;
pub mod folder;
pub mod idx;
pub mod image;
pub mod input;
mod load;
mod parallel;
mod picture;
mod picture_folder;
mod progress;
pub mod registry;
pub mod rows;
mod stored_images;
pub mod stored_table;
pub mod table;
pub mod tables;
mod temporary;
mod unpack;

pub use diabetes::{diabetes, diabetes_parts};
pub use digits::digits;
pub use load::{LoadOptions, Loaded, load, load_cached};
pub use picture::read_picture;
pub use progress::Progress;
pub use stored_images::{Held, StoredImages, load_stored};

/// The README's example runs.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
