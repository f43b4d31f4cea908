//! What several ranks cost: compute, wait and bytes of a step, the time of sums; and from these what many ranks would do.
//!
//! Under `mpirun` the ranks are its processes, otherwise two threads of this one. On one machine that shows what ranks cost, not what they gain.

use std::cell::Cell;
use std::time::Instant;

use layerloop::Result;
use layerloop::data::{Dataset, Inputs};
use layerloop::network::{Network, Spec};
use layerloop::ranks::{Communicator, Threads, sum};
use layerloop::rng::Stream;
use layerloop::train::{FitContext, FitOptions, fit_with};
use layerloop_page::chart::{Log, lines, standalone};
use serde_json::json;

use super::{Measured, Setting, median};
use crate::places::write_page;
use crate::ranks::Ranks;

/// Networks whose steps are predicted, from small to large.
const NETWORKS: [&str; 5] = [
    "784 -> 32 sigmoid -> 10",
    "784 -> 256 relu -> 128 relu -> 10",
    "28 -> 300 relu -> 300 relu -> 300 relu -> 300 relu -> 300 relu -> 2",
    "784 -> 1024 relu -> 1024 relu -> 10",
    "784 -> 4096 relu -> 4096 relu -> 10",
];
/// Rows of a batch, whatever the ranks.
const BATCH: usize = 4096;
/// Micro-batches of the steps that are measured.
const MICRO_BATCHES: usize = 16;
const MOST_RANKS: usize = 4096;
/// Numbers of the sums that are measured.
const SIZES: [usize; 7] = [1, 1 << 10, 1 << 13, 1 << 16, 1 << 18, 1 << 20, 1 << 22];
/// A doubling of the ranks that gains less does not pay.
const PAYS: f64 = 1.1;

/// A communicator that looks at the clock, and counts.
#[derive(Debug)]
struct Counted<'a> {
    inner: &'a dyn Communicator,
    seconds: Cell<f64>,
    bytes: Cell<usize>,
}

impl<'a> Counted<'a> {
    fn new(inner: &'a dyn Communicator) -> Self {
        Self { inner, seconds: Cell::new(0.0), bytes: Cell::new(0) }
    }

    fn count<T>(&self, bytes: usize, act: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let done = act();
        self.seconds.set(self.seconds.get() + start.elapsed().as_secs_f64());
        self.bytes.set(self.bytes.get() + bytes);
        done
    }
}

impl Communicator for Counted<'_> {
    fn rank(&self) -> usize {
        self.inner.rank()
    }

    fn ranks(&self) -> usize {
        self.inner.ranks()
    }

    fn send(&self, bytes: &[u8], to: usize) -> Result<()> {
        self.count(bytes.len(), || self.inner.send(bytes, to))
    }

    fn receive(&self, from: usize) -> Result<Vec<u8>> {
        self.count(0, || self.inner.receive(from))
    }

    fn send_numbers(&self, numbers: &[f32], to: usize) -> Result<()> {
        self.count(size_of_val(numbers), || self.inner.send_numbers(numbers, to))
    }

    fn receive_numbers(&self, numbers: &mut [f32], from: usize) -> Result<()> {
        self.count(0, || self.inner.receive_numbers(numbers, from))
    }
}

/// A step of a network, on one of the ranks, in seconds.
struct Step {
    /// Alone with all rows.
    alone: f64,
    /// With the other ranks: all of it, and the part that it waited or sent.
    together: f64,
    waits: f64,
    /// Bytes that it sent.
    bytes: usize,
    parameters: usize,
}

/// What one rank measured.
struct Found {
    steps: Vec<Step>,
    /// Numbers, and seconds of their sum.
    sums: Vec<(usize, f64)>,
}

/// As every rank of the command.
pub(super) fn measure(setting: &Setting, ranks: &Ranks) -> Result<Vec<Measured>> {
    let found = match ranks.communicator() {
        Some(communicator) => find(setting, communicator)?,
        None => Threads::run(2, |communicator| find(setting, communicator)).swap_remove(0)?,
    };
    let count = ranks.communicator().map_or(2, Communicator::ranks);
    if !ranks.are_led_from_here() {
        return Ok(Vec::new());
    }
    report(setting, count, &found)
}

fn find(setting: &Setting, communicator: &dyn Communicator) -> Result<Found> {
    let sums = SIZES.map(|size| (size, seconds_of_sum(communicator, size)));
    let sums = sums.into_iter().map(|(size, seconds)| Ok((size, seconds?))).collect::<Result<_>>()?;
    let steps = NETWORKS.iter().map(|text| step(setting, communicator, &text.parse()?)).collect::<Result<_>>()?;
    Ok(Found { steps, sums })
}

/// The median of some sums of so many numbers.
fn seconds_of_sum(communicator: &dyn Communicator, size: usize) -> Result<f64> {
    let mut numbers = vec![0.0; size];
    let mut all = Vec::new();
    for _ in 0..9 {
        let start = Instant::now();
        sum(communicator, &mut numbers)?;
        all.push(start.elapsed().as_secs_f64());
    }
    Ok(median(&all))
}

fn step(setting: &Setting, communicator: &dyn Communicator, spec: &Spec) -> Result<Step> {
    let data = data(spec)?;
    let threads = Some(setting.args.threads.map_or(1, usize::from));
    let options = FitOptions { batch: BATCH, micro_batches: MICRO_BATCHES, threads, ..FitOptions::default() };
    // As many steps as take some tenths of a second.
    let steps = (10_000_000_000 / (spec.parameters() * 6 * BATCH)).clamp(2, 30);
    let options = FitOptions { epochs: steps, ..options };
    let trained = |ranks: Option<&dyn Communicator>| {
        let mut network = Network::new(spec, 0)?;
        let with = FitContext { ranks, ..FitContext::default() };
        Ok::<f64, layerloop::Error>(fit_with(&mut network, &data, &options, with)?.seconds / steps as f64)
    };
    // One after the other, so that nobody disturbs the one that is alone.
    let mut alone = 0.0;
    for rank in 0..communicator.ranks() {
        if rank == communicator.rank() && rank == 0 {
            alone = trained(None)?;
        }
        sum(communicator, &mut [0.0])?;
    }
    let counted = Counted::new(communicator);
    let together = trained(Some(&counted))?;
    let per_step = |all: f64| all / steps as f64;
    Ok(Step {
        alone,
        together,
        waits: per_step(counted.seconds.get()).min(together),
        bytes: counted.bytes.get() / steps,
        parameters: spec.parameters(),
    })
}

/// Rows of a batch, of random numbers.
fn data(spec: &Spec) -> Result<Dataset> {
    let mut random = Stream::new(0, "scale", 0);
    let values: Vec<f32> = (0..BATCH * spec.inputs).map(|_| random.uniform()).collect();
    let classes = spec.logits();
    let labels: Vec<u32> = (0..BATCH).map(|row| (row % classes) as u32).collect();
    Dataset::new(
        "random rows",
        Inputs::Floats(values.into()),
        spec.inputs,
        labels,
        (0..classes).map(|class| class.to_string()),
    )
}

/// Seconds of a message, and of a byte of it: least squares of the relative errors, neither below 0.
fn latency_and_byte(sums: &[(usize, f64)], ranks: usize) -> (f64, f64) {
    let messages = 2.0 * levels(ranks);
    let [mut one, mut x, mut xx, mut y, mut xy] = [0.0; 5];
    for &(numbers, seconds) in sums {
        let (bytes, seconds) = (bytes_sent(numbers, ranks) / messages, seconds / messages);
        let weight = 1.0 / (seconds * seconds);
        one += weight;
        x += weight * bytes;
        xx += weight * bytes * bytes;
        y += weight * seconds;
        xy += weight * bytes * seconds;
    }
    let byte = ((one * xy - x * y) / (one * xx - x * x)).max(0.0);
    (((y - byte * x) / one).max(0.0), byte)
}

/// Bytes that each of the ranks, a power of two, sends for a sum of so many numbers: a half, a quarter, ... of them, there and back.
fn bytes_sent(numbers: usize, ranks: usize) -> f64 {
    2.0 * 4.0 * numbers as f64 * (1.0 - 1.0 / ranks.next_power_of_two() as f64)
}

/// Messages that a rank sends to add up, one after the other; as many to tell the sum.
fn levels(ranks: usize) -> f64 {
    f64::from(ranks.next_power_of_two().trailing_zeros())
}

/// Seconds of a step on so many ranks.
fn predicted(step: &Step, ranks: usize, (latency, byte): (f64, f64)) -> f64 {
    step.alone / ranks as f64 + 2.0 * levels(ranks) * latency + byte * bytes_sent(step.parameters, ranks)
}

/// The ranks from which on twice as many gain less than a tenth.
fn pays_until(step: &Step, network: (f64, f64)) -> usize {
    let mut ranks = 1;
    while ranks < MOST_RANKS && predicted(step, ranks, network) > PAYS * predicted(step, 2 * ranks, network) {
        ranks *= 2;
    }
    ranks
}

fn report(setting: &Setting, ranks: usize, found: &Found) -> Result<Vec<Measured>> {
    let network = latency_and_byte(&found.sums, ranks);
    let (latency, byte) = network;
    let mut all = vec![Measured {
        object: json!({ "job": "scale", "ranks": ranks, "latency_us": 1e6 * latency, "gigabytes_per_second": 1e-9 / byte,
            "sums": found.sums.iter().map(|(numbers, seconds)| json!({ "numbers": numbers, "us": 1e6 * seconds })).collect::<Vec<_>>() }),
        text: format!(
            "scale     {ranks} ranks on this machine: {:.1} us a message and {:.2} GB/s; this shows what ranks cost, not what they gain",
            1e6 * latency,
            1e-9 / byte
        ),
    }];
    let mut curves = Vec::new();
    for (name, step) in NETWORKS.iter().zip(&found.steps) {
        let until = pays_until(step, network);
        let powers = (0..=MOST_RANKS.trailing_zeros()).map(|power| 1_usize << power);
        let curve: Vec<(f64, f64)> = powers.map(|r| (r as f64, 1.0 / predicted(step, r, network))).collect();
        all.push(Measured {
            object: json!({ "job": "scale", "network": name, "batch": BATCH, "parameters": step.parameters, "alone_ms": 1e3 * step.alone,
                "step_ms": 1e3 * step.together, "wait_ms": 1e3 * step.waits, "bytes": step.bytes, "pays_until": until,
                "steps_per_second": curve.iter().map(|(ranks, rate)| json!({ "ranks": ranks, "rate": rate })).collect::<Vec<_>>() }),
            text: format!(
                "scale     {name}\n          step {:.2} ms: compute {:.2}, wait {:.2}, {:.2} MB sent; alone {:.2} ms; {:.0} steps/s on {until} predicted, more ranks do not pay",
                1e3 * step.together,
                1e3 * (step.together - step.waits),
                1e3 * step.waits,
                1e-6 * step.bytes as f64,
                1e3 * step.alone,
                1.0 / predicted(step, until, network),
            ),
        });
        curves.push((short_name(name), curve));
    }
    if let Some(path) = &setting.args.svg {
        let title = format!("steps per second on 1 to {MOST_RANKS} ranks, batches of {BATCH} rows, predicted");
        let chart = lines(&title, "ranks", &curves, [Log::Always, Log::Always]);
        write_page(path, standalone(&chart.unwrap_or_default()))?;
    }
    Ok(all)
}

/// Widths alone, equal ones once: `28-300x5-2`.
fn short_name(network: &str) -> String {
    let widths: Vec<&str> = network.split(|c: char| !c.is_ascii_digit()).filter(|width| !width.is_empty()).collect();
    let groups = widths.chunk_by(|a, b| a == b);
    let names =
        groups.map(|group| if group.len() > 1 { format!("{}x{}", group[0], group.len()) } else { group[0].into() });
    names.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_and_bandwidth_are_found_again() {
        let sums = SIZES.map(|size| (size, 4.0 * 2e-5 + 1e-9 * bytes_sent(size, 4)));
        let (latency, byte) = latency_and_byte(&sums, 4);
        assert!((latency / 2e-5 - 1.0).abs() < 1e-6 && (byte / 1e-9 - 1.0).abs() < 1e-6, "{latency} {byte}");
    }

    #[test]
    fn names_of_networks_are_short() {
        assert_eq!([NETWORKS[1], NETWORKS[2]].map(short_name), ["784-256-128-10", "28-300x5-2"]);
    }

    #[test]
    fn ranks_pay_while_they_compute_more_than_they_wait() {
        let step = Step { alone: 1.0, together: 1.0, waits: 0.0, bytes: 0, parameters: 1000 };
        assert_eq!(pays_until(&step, (0.0, 0.0)), MOST_RANKS);
        assert_eq!(pays_until(&step, (1.0, 0.0)), 1);
        let some = pays_until(&step, (1e-3, 0.0));
        assert!((16..512).contains(&some), "{some}");
    }

    #[test]
    fn ranks_of_threads_measure_a_step() {
        let found = Threads::run(2, |communicator| {
            let counted = Counted::new(communicator);
            sum(&counted, &mut [1.0; 100]).map(|()| counted.bytes.get())
        });
        assert!(found.into_iter().all(|bytes| bytes.is_ok_and(|bytes| bytes == 400)));
    }
}
