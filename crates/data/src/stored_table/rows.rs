//! The rows of a table that are trained on, as the training asks for them.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use layerloop::Result;
use layerloop::data::{Dataset, Part, StoredRows};
use layerloop::preprocess::{Entries, Preprocessing};

use super::StoredTable;

/// Rows between two counts of the rows to train on.
const COUNTED: usize = 1024;

/// Which rows of a table are trained on.
#[derive(Debug)]
pub(super) struct TrainedOn {
    /// A bit for each row.
    bits: Vec<u64>,
    /// Rows to train on before every 1024th row of the table, and their number.
    before: Vec<usize>,
}

impl TrainedOn {
    pub(super) fn new(parts: &[Part]) -> Self {
        let of_rows =
            |parts: &[Part]| parts.iter().rev().fold(0, |bits, part| bits << 1 | u64::from(*part == Part::Train));
        let bits: Vec<u64> = parts.chunks(64).map(of_rows).collect();
        let counts = bits.chunks(COUNTED / 64).map(|bits| bits.iter().map(|bits| bits.count_ones() as usize).sum());
        let before = std::iter::once(0).chain(counts.scan(0, |sum, count: usize| {
            *sum += count;
            Some(*sum)
        }));
        Self { before: before.collect(), bits }
    }

    fn has(&self, place: usize) -> bool {
        self.bits[place / 64] >> (place % 64) & 1 == 1
    }

    fn count(&self) -> usize {
        self.before.last().copied().unwrap_or(0)
    }

    /// The place in the table of one of the rows to train on.
    fn place(&self, row: usize) -> usize {
        let piece = self.before.partition_point(|&before| before <= row) - 1;
        let mut to_train = (piece * COUNTED..self.bits.len() * 64).filter(|&place| self.has(place));
        to_train.nth(row - self.before[piece]).unwrap_or_default()
    }
}

/// The rows of a table to train on, read from a file and made inputs as they are needed.
#[derive(Debug)]
pub struct TrainingRows {
    table: StoredTable,
    trained_on: TrainedOn,
    /// What makes inputs of them.
    entries: Mutex<Entries>,
}

impl TrainingRows {
    pub(super) fn new(table: StoredTable, trained_on: TrainedOn, by: &Arc<Preprocessing>) -> Self {
        Self { table, trained_on, entries: Entries::new(by).into() }
    }
}

impl StoredRows for TrainingRows {
    fn rows(&self) -> usize {
        self.trained_on.count()
    }

    fn read(&self, rows: Range<usize>) -> Result<Dataset> {
        let places = self.trained_on.place(rows.start)..self.trained_on.place(rows.end - 1) + 1;
        let frame = self.table.frame(places, |place| self.trained_on.has(place))?;
        Dataset::of_frame_by_entries(&frame, &mut self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
