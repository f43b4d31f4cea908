//! What is happening while a data set is loaded.

use std::path::Path;

/// What is happening while files are fetched and read.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// A file that was there is not what it should be, and is fetched again.
    Damaged {
        /// The file.
        path: &'a Path,
        /// What is wrong with it.
        reason: &'a str,
    },
    /// More of a file has arrived.
    Arrived {
        /// Name of the file.
        file: &'a str,
        /// Where it comes from.
        url: &'a str,
        /// Bytes so far.
        bytes: u64,
        /// Bytes of the whole, if the server says.
        total: Option<u64>,
    },
    /// A mirror did not deliver; the next is tried.
    Failed {
        /// What was asked for.
        url: &'a str,
        /// What went wrong.
        reason: &'a str,
    },
    /// More pictures of a folder have been read.
    Pictures {
        /// Pictures so far.
        done: usize,
        /// Pictures of the folder.
        total: usize,
    },
}
