//! Rows in shuffled batches; classes as rows of zeros and a one.

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
        Self { order: (0..rows).collect(), batch, seed, taken: rows as usize, shuffled: true }
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

    /// Number of batches of an epoch, a short last one included.
    #[must_use]
    pub fn per_epoch(&self) -> usize {
        self.taken.div_ceil(self.batch)
    }

    /// The batches of epoch `epoch`: a function of the seed and the epoch alone, in whatever order they are requested.
    pub fn epoch(&mut self, epoch: u64) -> impl ExactSizeIterator<Item = &[u32]> {
        for (row, place) in self.order.iter_mut().enumerate() {
            *place = row as u32;
        }
        if self.shuffled {
            Stream::new(self.seed, "shuffle", epoch).shuffle(&mut self.order);
        }
        self.order[..self.taken].chunks(self.batch)
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
    fn onecold_inverts_onehot() {
        for label in 0..10 {
            assert_eq!(onecold(&onehot(label, 10)), label);
        }
        assert_eq!(onecold(&[1.0, 1.0]), 0);
    }
}
