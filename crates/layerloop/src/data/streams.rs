//! Streams of rows: the order in which rows are visited where they are read from a disk, block by block.

use std::ops::Range;

use crate::rng::Stream;

/// Rows of a block, which are read together.
const BLOCK: usize = 1024;
/// Blocks whose rows are shuffled together, of all streams.
const BLOCKS_IN_MEMORY: usize = 64;

/// Rows dealt out to streams, each a part of them as they are stored. An epoch of a stream is a function of the seed, the stream and the
/// epoch alone: its blocks of 1024 rows are shuffled, and then the rows of a window of them. All streams together have 64 blocks in
/// their windows, or one each where there are more streams.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Streams {
    pub(crate) rows: usize,
    pub(crate) count: usize,
    pub(crate) seed: u64,
    pub(crate) shuffled: bool,
}

/// Blocks of rows that are in memory together, and the order in which their rows are visited: places in the blocks, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) blocks: Vec<Range<usize>>,
    pub(crate) order: Vec<u32>,
}

impl Window {
    pub(crate) fn rows(&self) -> usize {
        self.order.len()
    }
}

impl Streams {
    /// Rows of a window of each of so many streams, at most.
    pub(crate) fn rows_of_windows(count: usize) -> usize {
        (BLOCKS_IN_MEMORY / count).max(1) * count * BLOCK
    }

    /// The rows of a stream.
    fn rows_of(&self, stream: usize) -> Range<usize> {
        let of = |stream| share(&(0..self.rows), stream, self.count);
        let start = (0..stream).map(of).sum();
        start..start + of(stream)
    }

    /// What a stream visits in an epoch.
    pub(crate) fn windows(self, epoch: u64, stream: usize) -> impl Iterator<Item = Window> {
        let rows = self.rows_of(stream);
        let mut blocks: Vec<Range<usize>> =
            rows.clone().step_by(BLOCK).map(|start| start..rows.end.min(start + BLOCK)).collect();
        let mut random = Stream::new(self.seed, "shuffle of a stream", epoch << 16 | stream as u64);
        if self.shuffled {
            random.shuffle(&mut blocks);
        }
        let together = (BLOCKS_IN_MEMORY / self.count).max(1);
        let mut rest = blocks.into_iter();
        std::iter::from_fn(move || {
            let blocks: Vec<Range<usize>> = rest.by_ref().take(together).collect();
            let rows: usize = blocks.iter().map(ExactSizeIterator::len).sum();
            let mut order: Vec<u32> = (0..rows as u32).collect();
            if self.shuffled {
                random.shuffle(&mut order);
            }
            (rows > 0).then_some(Window { blocks, order })
        })
    }

    /// The windows of a stream behind its first `rows` rows of an epoch, and the place in the first of them.
    pub(crate) fn windows_from(self, epoch: u64, stream: usize, rows: usize) -> (impl Iterator<Item = Window>, usize) {
        let (mut skipped, mut whole) = (0, 0);
        for window in self.windows(epoch, stream) {
            if skipped + window.rows() > rows {
                break;
            }
            (skipped, whole) = (skipped + window.rows(), whole + 1);
        }
        (self.windows(epoch, stream).skip(whole), rows - skipped)
    }
}

/// How many of some places in an epoch are those of a stream: place g belongs to stream g mod `streams`.
pub(crate) fn share(places: &Range<usize>, stream: usize, streams: usize) -> usize {
    let before = |place: usize| (place + streams - 1 - stream) / streams;
    before(places.end) - before(places.start)
}

/// The row behind the last one of each micro-batch, for the batch at some places of an epoch, whose rows come stream by stream.
///
/// # Example
/// ```
/// use layerloop::data::micro_batches;
/// assert_eq!(micro_batches(0..8, 4).collect::<Vec<_>>(), [2, 4, 6, 8]);
/// assert_eq!(micro_batches(8..14, 4).collect::<Vec<_>>(), [2, 4, 5, 6]);
/// ```
pub fn micro_batches(places: Range<usize>, streams: usize) -> impl Iterator<Item = usize> {
    (0..streams).scan(0, move |end, stream| {
        *end += share(&places, stream, streams);
        Some(*end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_goes_on_at_any_row() {
        for (rows, count) in [(100, 3), (40_000, 2), (300_000, 1), (70_000, 70)] {
            let streams = Streams { rows, count, seed: 3, shuffled: true };
            for stream in [0, count - 1] {
                let all: Vec<(Vec<Range<usize>>, u32)> = streams
                    .windows(2, stream)
                    .flat_map(|window| window.order.into_iter().map(move |row| (window.blocks.clone(), row)))
                    .collect();
                assert_eq!(all.len(), streams.rows_of(stream).len());
                for from in [0, 1, all.len() / 2, all.len() - 1] {
                    let (mut windows, place) = streams.windows_from(2, stream, from);
                    let window = windows.next().expect("a window");
                    assert_eq!((window.blocks, window.order[place]), all[from], "{rows} {count} {from}");
                }
            }
        }
    }
}
