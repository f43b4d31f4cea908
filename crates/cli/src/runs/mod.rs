//! Runs that are there already: what is known of them, and how they differ.

mod compare;
mod record;

pub(crate) use self::compare::{Cell, Comparison, Measure};
pub(crate) use self::record::{Record, named};
