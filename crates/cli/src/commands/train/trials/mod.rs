//! Several trainings for one answer: `--folds` and `--search`. They run side by side, each on one thread, here and on all ranks; none depends on where
//! it runs, or on which others do.

pub(super) mod folds;
pub(super) mod search;
mod space;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::available_parallelism;

use layerloop::Result;
use layerloop::network::Network;
use layerloop::train::{FitContext, FitOptions, Report, fit_with};
use serde_json::Value;

use super::job::Job;
use crate::args::Train;
use crate::ranks::Ranks;

/// Trainings at a time on this rank.
fn at_a_time(args: &Train) -> usize {
    args.threads.unwrap_or_else(|| available_parallelism().map_or(1, usize::from))
}

/// The network of a trial, trained on one thread.
fn trained(job: &Job) -> Result<(Network, Report)> {
    let options = FitOptions { threads: Some(1), ..job.options.clone() };
    let mut network = job.network.clone();
    let with = FitContext { watch: job.watched(), stored: job.stored(), ..FitContext::default() };
    let report = fit_with(&mut network, &job.loaded.train, &options, with)?;
    Ok((network, report))
}

/// What `act` gives for each of the numbers that this rank has, in their order, on so many threads; the first error where there is one.
fn side_by_side(numbers: &[usize], threads: usize, act: impl Fn(usize) -> Result<Value> + Sync) -> Result<Vec<Value>> {
    let (next, found) = (AtomicUsize::new(0), Mutex::new(vec![None; numbers.len()]));
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(numbers.len()) {
            scope.spawn(|| {
                while failed.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&number) = numbers.get(place) else { return };
                    match act(number) {
                        Ok(value) => found.lock().unwrap_or_else(PoisonError::into_inner)[place] = Some(value),
                        Err(error) => *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error),
                    }
                }
            });
        }
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten().collect()),
    }
}

/// What `act` gives for each number below `count`, on every rank: rank r of R takes r, r + R, ...
fn on_all_ranks(
    ranks: &Ranks,
    numbers: &[usize],
    threads: usize,
    act: impl Fn(usize) -> Result<Value> + Sync,
) -> Result<Vec<Value>> {
    let (rank, count) = ranks.communicator().map_or((0, 1), |ranks| (ranks.rank(), ranks.ranks()));
    let own: Vec<usize> = numbers.iter().copied().skip(rank).step_by(count).collect();
    let found = ranks.agree(side_by_side(&own, threads, act))?;
    let of_ranks = ranks.gather(Value::Array(found))?;
    let of = |place: usize| of_ranks[place % count][place / count].clone();
    Ok((0..numbers.len()).map(of).collect())
}

#[cfg(test)]
mod tests {
    use layerloop::Error;
    use layerloop::ranks::Threads;
    use serde_json::json;

    use super::*;

    #[test]
    fn trials_come_in_their_order_wherever_they_ran() {
        for ranks in [1, 2, 3, 5] {
            let all = Threads::run(ranks, |communicator| {
                let ranks = Ranks::new(Some(communicator));
                on_all_ranks(&ranks, &[7, 5, 3, 1], 2, |number| Ok(json!(number * number))).unwrap()
            });
            assert!(all.iter().all(|found| *found == [json!(49), json!(25), json!(9), json!(1)]), "{ranks}");
        }
        let fails = |number| if number == 3 { Err(Error::config("x", "no")) } else { Ok(json!(number)) };
        assert_eq!(side_by_side(&[1, 2, 3, 4], 2, fails).unwrap_err().to_string(), "x: no");
    }
}
