//! Independent items on all processors.

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

/// Items that a thread takes at once, where there are many.
const CHUNK: usize = 32;
/// How often the caller hears how far it is.
const NEWS: Duration = Duration::from_millis(50);

/// What became of a chunk: where it starts, and its results.
type Found<R, E> = (usize, Result<Vec<R>, E>);

/// `f` of each item, in their order; `progress` hears how many are done.
///
/// # Errors
/// The first error, by the order of the items, whatever the threads.
pub(crate) fn map<T, R, E>(
    items: &[T],
    f: impl Fn(&T) -> Result<R, E> + Sync,
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<R>, E>
where
    T: Sync,
    R: Send,
    E: Send,
{
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let take = (items.len() / threads / 4).clamp(1, CHUNK);
    let threads = threads.min(items.len().div_ceil(take));
    let (next, done, failed) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let found: Mutex<Vec<Found<R, E>>> = Mutex::new(Vec::new());
    let running = AtomicUsize::new(threads);
    let caller = thread::current();
    let work = || {
        // Chunks are taken in order, and each is finished: the first error of all is among those found.
        while !failed.load(Relaxed) {
            let start = next.fetch_add(take, Relaxed);
            let Some(chunk) = items.get(start..items.len().min(start + take)).filter(|chunk| !chunk.is_empty()) else {
                break;
            };
            let results: Result<Vec<R>, E> = chunk.iter().map(&f).collect();
            failed.fetch_or(results.is_err(), Relaxed);
            found.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((start, results));
            done.fetch_add(chunk.len(), Relaxed);
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let _end = AtEnd(|| {
                    running.fetch_sub(1, Relaxed);
                    caller.unpark();
                });
                work();
            });
        }
        while running.load(Relaxed) > 0 {
            progress(done.load(Relaxed));
            thread::park_timeout(NEWS);
        }
    });
    progress(done.load(Relaxed));
    let mut found = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    found.sort_unstable_by_key(|(start, _)| *start);
    let mut all = Vec::with_capacity(items.len());
    for (_, results) in found {
        all.extend(results?);
    }
    Ok(all)
}

/// Does something when it goes out of scope, after a panic too.
struct AtEnd<F: Fn()>(F);

impl<F: Fn()> Drop for AtEnd<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_the_first_error_counts() {
        let items: Vec<usize> = (0..1000).collect();
        let mut heard = Vec::new();
        let doubled = map(&items, |i| Ok::<_, usize>(2 * i), &mut |done| heard.push(done)).unwrap();
        assert_eq!(doubled, items.iter().map(|i| 2 * i).collect::<Vec<_>>());
        assert_eq!(heard.last(), Some(&1000));
        let odd = |i: &usize| if i % 100 == 77 { Err(*i) } else { Ok(()) };
        for _ in 0..20 {
            assert_eq!(map(&items, odd, &mut |_| {}), Err(77));
        }
        assert_eq!(map(&[], odd, &mut |_| {}), Ok(vec![]));
    }
}
