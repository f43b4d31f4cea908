//! Rows that are read while a network is trained on them give the bits of rows in memory.

use std::ops::{ControlFlow, Range};
use std::sync::Mutex;

use layerloop::data::{Dataset, Inputs, StoredRows};
use layerloop::network::Network;
use layerloop::ranks::{Communicator, Threads};
use layerloop::train::{Checkpoint, FitContext, FitOptions, Optimizer, fit_with, on_step};
use layerloop::{Error, Result};

const ROWS: usize = 5000;
const CLASSES: &str = "6 -> 20 relu dropout=0.1 -> 3";

fn inputs() -> Vec<f32> {
    (0..ROWS * 6).map(|i| if i % 6 == 3 { 0.0 } else { ((i * 37 + 11) % 97) as f32 / 97.0 - 0.4 }).collect()
}

fn labelled(inputs: impl Into<Inputs>) -> Dataset {
    let labels: Vec<u32> = (0..ROWS).map(|i| (i * 7 % 3) as u32).collect();
    Dataset::new("test", inputs.into(), 6, labels, ["a", "b", "c"]).expect("rows that fit")
}

fn options() -> FitOptions {
    FitOptions {
        epochs: 2,
        batch: 64,
        micro_batches: 4,
        learning_rate: 0.01,
        threads: Some(1),
        optimizer: Optimizer::ADAM,
        weight_decay: Some(0.01),
        ..FitOptions::default()
    }
}

/// Rows that are lent block by block; which ones is noted.
#[derive(Debug)]
struct Lent {
    data: Dataset,
    read: Mutex<Vec<Range<usize>>>,
    /// The row that cannot be read.
    broken: Option<usize>,
}

impl Lent {
    fn new(data: &Dataset) -> Self {
        Self { data: data.clone(), read: Mutex::default(), broken: None }
    }
}

impl StoredRows for Lent {
    fn rows(&self) -> usize {
        self.data.rows()
    }

    fn read(&self, rows: Range<usize>) -> Result<Dataset> {
        if self.broken.is_some_and(|row| rows.contains(&row)) {
            return Err(Error::data("test", "row 4000 is in a damaged part of the disk"));
        }
        self.read.lock().expect("no panic").push(rows.clone());
        self.data.read(rows)
    }
}

fn train(spec: &str, data: &Dataset, options: &FitOptions, with: FitContext) -> Result<String> {
    let mut network = Network::new(&spec.parse()?, 3)?;
    fit_with(&mut network, data, options, with)?;
    Ok(network.sha256())
}

fn streamed<'a>(stored: &'a dyn StoredRows) -> FitContext<'a> {
    FitContext { stored: Some(stored), ..FitContext::default() }
}

#[test]
fn the_bits_are_those_of_rows_in_memory() {
    let bytes = Inputs::Bytes { values: (0..ROWS * 6).map(|i| (i * 31 % 251) as u8).collect(), scale: 1.0 / 255.0 };
    let weights: Vec<f32> = (0..ROWS).map(|row| (row % 5) as f32).collect();
    let numbers: Vec<f32> = (0..ROWS * 2).map(|i| (i % 13) as f32 / 13.0).collect();
    let regression = Dataset::regression("test", inputs().into(), 6, numbers, ["y", "z"]).expect("rows that fit");
    let sets = [
        (CLASSES, labelled(inputs())),
        (CLASSES, labelled(bytes)),
        (CLASSES, labelled(inputs()).with_weights(weights).expect("weights")),
        ("6 -> 20 tanh -> 2 -> identity", regression),
    ];
    let runs = [
        options(),
        FitOptions { threads: Some(2), micro_batches: 16, ..options() },
        FitOptions { batch: 100, micro_batches: 100, drop_last: true, ..options() },
        FitOptions { shuffle: false, micro_batches: 3, clip_norm: Some(0.1), ..options() },
    ];
    for (spec, data) in &sets {
        for options in &runs {
            let whole = train(spec, data, options, FitContext::default()).expect("a run");
            let stored = Lent::new(data);
            let other = train(spec, &data.head(700), options, streamed(&stored)).expect("a run");
            assert_eq!(other, whole, "{spec} {options:?}");
            let read: usize = stored.read.lock().expect("no panic").iter().map(ExactSizeIterator::len).sum();
            assert_eq!(read, 2 * ROWS, "each row once an epoch");
        }
    }
}

#[test]
fn each_rank_reads_its_own_streams_alone() {
    let data = labelled(inputs());
    let whole = train(CLASSES, &data, &options(), FitContext::default()).expect("a run");
    for ranks in [2, 3, 4] {
        let read = Threads::run(ranks, |rank: &dyn Communicator| {
            let stored = Lent::new(&data);
            let with = FitContext { ranks: Some(rank), ..streamed(&stored) };
            assert_eq!(train(CLASSES, &data.head(700), &options(), with).expect("a run"), whole, "{ranks} ranks");
            stored.read.into_inner().expect("no panic").into_iter().flatten().collect::<Vec<usize>>()
        });
        let mut all = read.concat();
        all.sort_unstable();
        let twice: Vec<usize> = (0..ROWS).flat_map(|row| [row; 2]).collect();
        assert_eq!(all, twice, "{ranks} ranks: each row is read by one rank, in each epoch");
    }
}

#[test]
fn a_run_goes_on_inside_a_stream() {
    let data = labelled(inputs());
    for micro_batches in [1, 4] {
        let options = FitOptions { micro_batches, ..options() };
        let stored = Lent::new(&data);
        let whole = train(CLASSES, &data.head(700), &options, streamed(&stored)).expect("a run");
        // Of 79 steps an epoch: in the first window, near the end of an epoch, in the second epoch.
        for step in [1, 40, 78, 79, 80, 120] {
            let mut kept: Option<Checkpoint> = None;
            let mut keep = on_step(|end, run| {
                if end.step == step {
                    kept = Some(run.checkpoint());
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            });
            let with = FitContext { callback: Some(&mut keep), ..streamed(&stored) };
            train(CLASSES, &data.head(700), &options, with).expect("a run");
            let with = FitContext { from: kept, ..streamed(&stored) };
            let end = train(CLASSES, &data.head(700), &options, with).expect("a run");
            assert_eq!(end, whole, "{micro_batches} micro-batches, from step {step}");
        }
    }
}

#[test]
fn what_cannot_be_done_is_refused() {
    let data = labelled(inputs());
    let broken = Lent { broken: Some(4000), ..Lent::new(&data) };
    let said = train(CLASSES, &data.head(700), &options(), streamed(&broken)).unwrap_err().to_string();
    assert_eq!(said, "test: row 4000 is in a damaged part of the disk");
    let stored = Lent::new(&data);
    let lbfgs = FitOptions { optimizer: Optimizer::Lbfgs { history: 5 }, micro_batches: 1, ..options() };
    let said = train("6 -> 3", &data, &lbfgs, streamed(&stored)).unwrap_err().to_string();
    assert_eq!(said, "optimizer: lbfgs looks at all rows in each step, and they are not in memory");
    let few = data.head(100);
    let said = train(CLASSES, &data, &options(), streamed(&few)).unwrap_err().to_string();
    assert_eq!(said, "test: rows that are not in memory: expected at least 5000, got 100");
}
