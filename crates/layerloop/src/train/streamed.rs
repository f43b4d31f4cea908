//! An epoch of rows that are read while it goes on: a thread reads the windows of each stream in the order in which they are needed, one window
//! of each stream ahead, and another one puts the rows of each batch together.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::callback::Callback;
use super::run::Run;
use crate::data::{Dataset, StoredRows, Streams, Window, share};
use crate::{Error, Result};

/// Batches that are put together ahead.
const BATCHES: usize = 2;

/// The rows of a batch that are worked on here.
#[derive(Debug)]
pub(super) enum BatchRows<'a> {
    /// All of its rows, by their places in the data set.
    InMemory(&'a [u32]),
    /// Those of this rank.
    Read(Box<Gathered>),
}

/// The rows of a batch that are worked on here, one after the other.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) data: Dataset,
    /// 0, 1, 2, ...
    pub(super) places: Vec<u32>,
    /// Their places among all rows.
    rows: Vec<usize>,
    /// Rows of the batch, on all ranks.
    count: usize,
}

impl BatchRows<'_> {
    /// Rows of the batch, on all ranks.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::InMemory(rows) => rows.len(),
            Self::Read(gathered) => gathered.count,
        }
    }

    /// The place among all rows of one that is worked on here, where the first of these is row `first` of the batch.
    pub(super) fn place(&self, first: usize, row: usize) -> usize {
        match self {
            Self::InMemory(rows) => rows[first + row] as usize,
            Self::Read(gathered) => gathered.rows[row],
        }
    }
}

/// A window whose rows are in memory.
struct Loaded {
    window: Window,
    blocks: Vec<Dataset>,
}

impl Loaded {
    /// The next row at some place of the order: its block, its place there, and its place among all rows.
    fn row(&self, place: usize) -> (&Dataset, usize, usize) {
        let mut row = self.window.order[place] as usize;
        for (range, block) in self.window.blocks.iter().zip(&self.blocks) {
            if row < range.len() {
                return (block, row, range.start + row);
            }
            row -= range.len();
        }
        unreachable!("the order has the rows of the blocks")
    }
}

/// The windows of a stream that are in memory, and the place in the first of them.
struct Waiting {
    loaded: VecDeque<Loaded>,
    place: usize,
}

/// The rows of an epoch as they arrive.
struct Arriving<'a> {
    sample: &'a Dataset,
    streams: Streams,
    own: Range<usize>,
    waiting: Vec<Waiting>,
    windows: Receiver<Result<(usize, Loaded)>>,
}

impl Arriving<'_> {
    /// The rows at some places of the epoch that are in the streams of this rank.
    fn batch(&mut self, places: &Range<usize>) -> Result<BatchRows<'static>> {
        let mut taken: Vec<(usize, Range<usize>)> = Vec::new(); // for each stream from where to where in its windows
        for stream in self.own.clone() {
            let at = stream - self.own.start;
            let wanted = share(places, stream, self.streams.count);
            let from = self.waiting[at].place;
            while self.in_memory(at) < from + wanted {
                let next = self.windows.recv();
                let ended = || Error::data(self.sample.name(), "the rows ended before the epoch");
                let (of, loaded) = next.map_err(|_| ended())??;
                self.waiting[of - self.own.start].loaded.push_back(loaded);
            }
            taken.push((at, from..from + wanted));
        }
        let rows = taken.iter().flat_map(|(at, range)| {
            let windows = &self.waiting[*at].loaded;
            range.clone().map(move |mut place| {
                let mut windows = windows.iter();
                loop {
                    let Some(loaded) = windows.next() else { unreachable!("they were waited for") };
                    if place < loaded.window.rows() {
                        return loaded.row(place);
                    }
                    place -= loaded.window.rows();
                }
            })
        });
        let (rows, numbers): (Vec<_>, Vec<usize>) = rows.map(|(block, row, number)| ((block, row), number)).unzip();
        let data = self.sample.gathered(&rows);
        let own = (0..data.rows() as u32).collect();
        let batch = BatchRows::Read(Gathered { data, places: own, rows: numbers, count: places.len() }.into());
        for (at, range) in taken {
            let Waiting { loaded, place } = &mut self.waiting[at];
            *place = range.end;
            while loaded.front().is_some_and(|first| first.window.rows() <= *place) {
                *place -= loaded.pop_front().map_or(0, |first| first.window.rows());
            }
        }
        Ok(batch)
    }

    fn in_memory(&self, at: usize) -> usize {
        self.waiting[at].loaded.iter().map(|loaded| loaded.window.rows()).sum()
    }
}

/// Reads windows, one of each stream after the other, until there are no more or nobody wants them.
fn read(
    stored: &dyn StoredRows,
    mut streams: Vec<(usize, impl Iterator<Item = Window>)>,
    to: &SyncSender<Result<(usize, Loaded)>>,
) {
    let load = |window: Window| {
        let blocks = window.blocks.iter().map(|block| stored.read(block.clone())).collect::<Result<Vec<_>>>()?;
        Ok(Loaded { window, blocks })
    };
    while !streams.is_empty() {
        let mut stops = false;
        streams.retain_mut(|(stream, windows)| {
            let next = if stops { None } else { windows.next() };
            let Some(window) = next else { return false };
            let loaded = load(window);
            let failed = loaded.is_err();
            stops = to.send(loaded.map(|loaded| (*stream, loaded))).is_err() || failed;
            !stops
        });
    }
}

fn spawn<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    name: &str,
    work: impl FnOnce() + Send + 'scope,
) -> Result<()> {
    let spawned = thread::Builder::new().name(name.into()).spawn_scoped(scope, work);
    spawned.map(drop).map_err(|error| Error::config("threads", format!("no thread could be started: {error}")))
}

impl Run<'_> {
    /// The epoch that is under way, of rows that are read while it goes on.
    pub(super) fn streamed_epoch(&mut self, stored: &dyn StoredRows, callback: &mut dyn Callback) -> Result<()> {
        let (epoch, taken) = (self.state.epoch as u64, self.state.taken);
        let count = self.options.micro_batches;
        let streams = Streams { rows: stored.rows(), count, seed: self.options.seed, shuffled: self.options.shuffle };
        let own = self.on_ranks.as_ref().map_or(0..count, |on_ranks| on_ranks.group.own());
        let begun = own.clone().map(|stream| {
            let (windows, place) = streams.windows_from(epoch, stream, share(&(0..taken), stream, count));
            ((stream, windows), Waiting { loaded: VecDeque::new(), place })
        });
        let (to_read, waiting): (Vec<_>, Vec<_>) = begun.unzip();
        let (rows, batch) = (self.options.rows_of_epoch(stored.rows()), self.batch);
        let sample = self.train;
        thread::scope(|scope| {
            let (to, windows) = sync_channel(own.len());
            spawn(scope, "reader of rows", move || read(stored, to_read, &to))?;
            let mut arriving = Arriving { sample, streams, own, waiting, windows };
            let (to, batches) = sync_channel(BATCHES);
            let gather = move || {
                for start in (taken..rows).step_by(batch) {
                    let gathered = arriving.batch(&(start..rows.min(start + batch)));
                    let failed = gathered.is_err();
                    if to.send(gathered).is_err() || failed {
                        return;
                    }
                }
            };
            spawn(scope, "gatherer of rows", gather)?;
            self.epoch(batches.into_iter(), callback)
        })
    }
}
