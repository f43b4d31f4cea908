//! The crate from outside: one binary, so that the helpers are built once.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod download;
mod folder;
mod idx_files;
mod pictures;
mod real;
mod server;
