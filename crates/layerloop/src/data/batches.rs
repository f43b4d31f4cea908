//! Rows in shuffled batches; classes as rows of zeros and a one.

use super::streams::{Streams, share};
use crate::rng::Stream;

/// The rows of a data set in batches, shuffled anew every epoch by the stream `shuffle` of the seed.
///
/// # Example
/// ```
/// use layerloop::data::Batches;
/// let mut batches = Batches::new(60_000, 128, 0);
/// assert_eq!(batches.per_epoch(), 469);
/// assert_eq!(batches.epoch(1).last().map(<[u32]>::len), Some(96));
/// ```
#[derive(Debug, Clone)]
pub struct Batches {
    order: Vec<u32>,
    batch: usize,
    seed: u64,
    /// Rows of an epoch.
    taken: usize,
    shuffled: bool,
    /// Streams of the rows: micro-batches of a batch.
    streams: usize,
}

impl Batches {
    /// Batches of `batch` of the rows `0..rows`.
    ///
    /// # Panics
    /// If `batch` is 0 or there are 2^32 rows or more.
    #[must_use]
    pub fn new(rows: usize, batch: usize, seed: u64) -> Self {
        assert!(batch > 0, "a batch has at least one row");
        let rows = u32::try_from(rows).expect("fewer than 2^32 rows");
        Self { order: (0..rows).collect(), batch, seed, taken: rows as usize, shuffled: true, streams: 1 }
    }

    /// With the first `rows` of the order of each epoch alone; at most all.
    #[must_use]
    pub fn of_rows(self, rows: usize) -> Self {
        Self { taken: rows.min(self.order.len()), ..self }
    }

    /// With the rows of every epoch in the order that they have.
    ///
    /// # Example
    /// ```
    /// use layerloop::data::Batches;
    /// let mut batches = Batches::new(5, 2, 0).in_order();
    /// assert_eq!(batches.epoch(1).collect::<Vec<_>>(), [&[0, 1][..], &[2, 3], &[4]]);
    /// ```
    #[must_use]
    pub fn in_order(self) -> Self {
        Self { shuffled: false, ..self }
    }

    /// With the rows dealt out to `streams` streams, each a part of the rows as they are stored: of every batch the rows of stream 0
    /// come first, then those of stream 1, and so on, as [`micro_batches`](super::micro_batches) says. A stream shuffles its blocks of 1024 rows,
    /// and then the rows of some blocks at a time, 64 blocks of all streams together, so that it can be read from a disk.
    ///
    /// # Panics
    /// If there are none, or more than 65,536.
    ///
    /// # Example
    /// ```
    /// use layerloop::data::Batches;
    /// let mut batches = Batches::new(8, 4, 0).in_order().in_streams(2);
    /// assert_eq!(batches.epoch(1).collect::<Vec<_>>(), [&[0, 1, 4, 5][..], &[2, 3, 6, 7]]);
    /// ```
    #[must_use]
    pub fn in_streams(self, streams: usize) -> Self {
        assert!((1..=1 << 16).contains(&streams), "{streams} streams");
        Self { streams, ..self }
    }

    /// Number of batches of an epoch, a short last one included.
    #[must_use]
    pub fn per_epoch(&self) -> usize {
        self.taken.div_ceil(self.batch)
    }

    /// The batches of epoch `epoch`: a function of the seed and the epoch alone, in whatever order they are requested.
    pub fn epoch(&mut self, epoch: u64) -> impl ExactSizeIterator<Item = &[u32]> {
        if self.streams > 1 {
            self.order_of_streams(epoch);
            return self.order[..self.taken].chunks(self.batch);
        }
        for (row, place) in self.order.iter_mut().enumerate() {
            *place = row as u32;
        }
        if self.shuffled {
            Stream::new(self.seed, "shuffle", epoch).shuffle(&mut self.order);
        }
        self.order[..self.taken].chunks(self.batch)
    }

    fn order_of_streams(&mut self, epoch: u64) {
        let streams = Streams { rows: self.order.len(), count: self.streams, seed: self.seed, shuffled: self.shuffled };
        let mut of_streams: Vec<_> = (0..streams.count)
            .map(|stream| {
                streams.windows(epoch, stream).flat_map(|window| {
                    let rows: Vec<u32> = window.blocks.into_iter().flatten().map(|row| row as u32).collect();
                    window.order.into_iter().map(move |place| rows[place as usize])
                })
            })
            .collect();
        let mut taken = 0;
        for batch in self.order.chunks_mut(self.batch) {
            let range = taken..taken + batch.len();
            let rows = of_streams.iter_mut().enumerate().flat_map(|(stream, rows)| {
                let count = share(&range, stream, streams.count);
                rows.take(count)
            });
            batch.iter_mut().zip(rows).for_each(|(place, row)| *place = row);
            taken = range.end;
        }
    }
}

/// A row of `classes` zeros with a one at `label`.
///
/// # Panics
/// If `label >= classes`.
///
/// # Example
/// ```
/// assert_eq!(layerloop::data::onehot(2, 4), [0.0, 0.0, 1.0, 0.0]);
/// ```
#[must_use]
pub fn onehot(label: usize, classes: usize) -> Vec<f32> {
    assert!(label < classes, "label {label} of {classes} classes");
    let mut row = vec![0.0; classes];
    row[label] = 1.0;
    row
}

/// The index of the largest value, the first of equals: the inverse of [`onehot`], and a prediction's class.
///
/// # Panics
/// If `row` is empty.
///
/// # Example
/// ```
/// assert_eq!(layerloop::data::onecold(&[0.1, 0.7, 0.2]), 1);
/// ```
#[must_use]
pub fn onecold(row: &[f32]) -> usize {
    assert!(!row.is_empty(), "the largest of no values");
    (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::micro_batches;

    #[test]
    fn every_epoch_visits_each_row_once_and_can_be_reached_directly() {
        let mut batches = Batches::new(103, 10, 5);
        let seventh: Vec<u32> = batches.epoch(7).flatten().copied().collect();
        let eighth: Vec<u32> = batches.epoch(8).flatten().copied().collect();
        assert_ne!(seventh, eighth);
        assert_eq!(seventh, batches.epoch(7).flatten().copied().collect::<Vec<_>>());
        let mut sorted = eighth;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..103).collect::<Vec<_>>());
    }

    #[test]
    fn streams_visit_each_row_once_and_keep_to_their_parts() {
        for (rows, batch, streams) in [(100, 16, 4), (103, 10, 3), (7, 5, 16), (40_000, 128, 2)] {
            let mut batches = Batches::new(rows, batch, 5).in_streams(streams);
            let [first, second] = [1, 2].map(|epoch| batches.epoch(epoch).flatten().copied().collect::<Vec<u32>>());
            assert!(rows < 10 || first != second);
            let mut sorted = first.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..rows as u32).collect::<Vec<_>>());
            let mut of_streams = vec![Vec::new(); streams];
            for (i, rows) in first.chunks(batch).enumerate() {
                let mut start = 0;
                for (stream, end) in micro_batches(i * batch..i * batch + rows.len(), streams).enumerate() {
                    of_streams[stream].extend_from_slice(&rows[start..end]);
                    start = end;
                }
                assert_eq!(start, rows.len());
            }
            of_streams.iter_mut().for_each(|stream| stream.sort_unstable());
            assert_eq!(of_streams.concat(), sorted, "{rows} {streams}");
        }
    }

    #[test]
    fn onecold_inverts_onehot() {
        for label in 0..10 {
            assert_eq!(onecold(&onehot(label, 10)), label);
        }
        assert_eq!(onecold(&[1.0, 1.0]), 0);
    }
}
