//! However many processes train a network, it gets the same bits.

use std::ops::ControlFlow;
use std::sync::LazyLock;
use std::time::Duration;

use layerloop::data::{Dataset, Inputs};
use layerloop::network::Network;
use layerloop::ranks::{Communicator, Threads};
use layerloop::train::{
    Checkpoint, EarlyStopping, FitContext, FitOptions, Optimizer, Report, Stopped, fit_with, on_epoch, on_step,
};
use layerloop::{Error, Result};

/// Of five columns, one is 0 everywhere.
fn data(rows: usize, seed: usize) -> Dataset {
    let value = |i: usize| if i % 5 == 3 { 0.0 } else { ((i * 37 + 11 * seed) % 97) as f32 / 97.0 - 0.4 };
    let values: Vec<f32> = (0..rows * 5).map(value).collect();
    let labels: Vec<u32> = (0..rows).map(|i| (i * 7 % 3) as u32).collect();
    Dataset::new("test", Inputs::Floats(values.into()), 5, labels, ["a", "b", "c"]).expect("rows that fit")
}

/// Layers with parameters of every kind, and some that draw.
const KINDS: [&str; 6] = [
    "5 -> 40 layer-norm prelu dropout=0.2 -> 35 tanh scale -> 3",
    "5 -> 40 relu dropout=0.3 -> 20 maxout=2 -> 3",
    "5 -> 33 rrelu -> bilinear=7 -> 3",
    "5 -> skip(8 leakyrelu, join=concatenate) scale -> 3",
    "5 -> member-gain(members=4, signs=true) 17 no-bias member-scale=4 tanh dropout=0.1 -> member-dense(members=4, width=3)",
    "5 -> 300 relu -> 300 tanh -> 3",
];

fn options() -> FitOptions {
    FitOptions {
        epochs: 3,
        batch: 20,
        micro_batches: 8,
        learning_rate: 0.01,
        threads: Some(1),
        optimizer: Optimizer::ADAM,
        ..FitOptions::default()
    }
}

static VALIDATION: LazyLock<Dataset> = LazyLock::new(|| data(31, 2));

/// A run as one of several ranks.
fn train(spec: &str, options: &FitOptions, with: FitContext) -> Result<(Report, Network)> {
    let mut network = Network::new(&spec.parse()?, 3)?;
    let watch = vec![("val", &*VALIDATION)];
    let report = fit_with(&mut network, &data(73, 1), options, FitContext { watch, ..with })?;
    Ok((report, network))
}

fn on<'a>(ranks: &'a dyn Communicator) -> FitContext<'a> {
    FitContext { ranks: Some(ranks), ..FitContext::default() }
}

/// What does not depend on the clock.
fn numbers(report: &Report) -> Vec<Vec<String>> {
    let without_seconds = |row: &Vec<f64>| row[..2].iter().chain(&row[3..]).map(ToString::to_string).collect();
    report.history.rows().iter().map(without_seconds).collect()
}

#[test]
fn networks_of_every_kind_have_the_same_bits_on_any_number_of_ranks() {
    for spec in KINDS {
        let options = options();
        let (report, alone) = train(spec, &options, FitContext::default()).expect("a run");
        // With 2, 4 and 8 ranks each of them has a node of the tree, with 3 and 5 it has not.
        for (ranks, threads) in [(1, 2), (2, 1), (3, 2), (4, 1), (5, 1), (8, 1)] {
            let options = FitOptions { threads: Some(threads), ..options.clone() };
            for run in Threads::run(ranks, |rank| train(spec, &options, on(rank))) {
                let (other, network) = run.expect("a run");
                assert_eq!(network.sha256(), alone.sha256(), "{spec}: {ranks} ranks of {threads} threads");
                assert_eq!(numbers(&other), numbers(&report), "{spec}: {ranks} ranks of {threads} threads");
            }
        }
    }
}

#[test]
fn what_looks_at_whole_gradients_and_what_ends_runs_is_the_same_on_ranks() {
    let early = EarlyStopping { patience: 1, ..EarlyStopping::on("val_loss") };
    let cases = [
        FitOptions { clip_norm: Some(0.01), ema: Some(0.9), ..options() },
        FitOptions { optimizer: Optimizer::Muon { momentum: 0.95, others: 0.05 }, ..options() },
        FitOptions { epochs: 30, early_stopping: Some(early), learning_rate: 0.2, ..options() },
        FitOptions { batch: 73, micro_batches: 64, ..options() },
        FitOptions { batch: 9, micro_batches: 9, shuffle: false, ..options() },
    ];
    for options in cases {
        let (report, alone) = train(KINDS[0], &options, FitContext::default()).expect("a run");
        for run in [2, 3].into_iter().flat_map(|ranks| Threads::run(ranks, |rank| train(KINDS[0], &options, on(rank))))
        {
            let (other, network) = run.expect("a run");
            assert_eq!((network.sha256(), other.stopped), (alone.sha256(), report.stopped), "{options:?}");
            assert_eq!(numbers(&other), numbers(&report), "{options:?}");
        }
    }
}

#[test]
fn a_run_that_is_ended_goes_on_with_another_number_of_ranks() {
    let options = options();
    let (_, whole) = train(KINDS[1], &options, FitContext::default()).expect("a run");
    // Of 12 steps, after the 2nd and the 3rd one.
    for (before, after, step) in [(4, 1, 2), (4, 3, 3), (1, 2, 3)] {
        let kept = Threads::run(before, |rank| {
            let mut kept = None;
            let mut keep = on_step(|end, run| {
                if end.step == step {
                    kept = Some(run.checkpoint());
                }
                ControlFlow::Continue(())
            });
            let leads = rank.rank() == 0;
            let callback = leads.then_some(&mut keep as &mut dyn layerloop::train::Callback);
            train(KINDS[1], &options, FitContext { callback, ..on(rank) }).expect("a run");
            kept
        });
        let kept: Option<Checkpoint> = kept.into_iter().next().flatten();
        assert!(kept.is_some());
        let ends = Threads::run(after, |rank| {
            let from = kept.clone().filter(|_| rank.rank() == 0);
            train(KINDS[1], &options, FitContext { from, ..on(rank) }).expect("a run").1.sha256()
        });
        assert!(ends.iter().all(|end| *end == whole.sha256()), "{before} ranks, then {after}");
    }
}

#[test]
fn rank_0_ends_the_run_for_all() {
    let of_steps = Threads::run(3, |rank| {
        let mut third =
            on_step(|end, _| if end.step == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) });
        let callback = (rank.rank() == 0).then_some(&mut third as &mut dyn layerloop::train::Callback);
        train(KINDS[0], &options(), FitContext { callback, ..on(rank) }).expect("a run").0
    });
    // What it wants is told with the loss of the step after that.
    assert!(of_steps.iter().all(|report| (report.steps, report.stopped) == (4, Some(Stopped::Callback))));
    let of_epochs = Threads::run(3, |rank| {
        let mut first = on_epoch(|_, _| ControlFlow::Break(()));
        let callback = (rank.rank() == 0).then_some(&mut first as &mut dyn layerloop::train::Callback);
        train(KINDS[0], &options(), FitContext { callback, ..on(rank) }).expect("a run").0
    });
    assert!(of_epochs.iter().all(|report| (report.epochs.len(), report.stopped) == (1, Some(Stopped::Callback))));
    let limit = FitOptions { time_limit: Some(Duration::from_nanos(1)), ..options() };
    let limited = Threads::run(3, |rank| train(KINDS[0], &limit, on(rank)).expect("a run").0);
    assert!(limited.iter().all(|report| (report.steps, report.stopped) == (2, Some(Stopped::TimeLimit))));
}

#[test]
fn ranks_that_differ_are_told_before_the_first_step() {
    let refused = |options: fn(usize) -> FitOptions, rows: fn(usize) -> usize, spec: fn(usize) -> &'static str| {
        let all = Threads::run(3, |rank| {
            let mut network = Network::new(&spec(rank.rank()).parse()?, 3)?;
            fit_with(&mut network, &data(rows(rank.rank()), 1), &options(rank.rank()), on(rank)).map(drop)
        });
        let all: Vec<String> = all.into_iter().map(|one| one.expect_err("a difference").to_string()).collect();
        assert!(all.windows(2).all(|two| two[0] == two[1]), "{all:?}");
        all[0].clone()
    };
    let same = |_| options();
    let other_rate = |rank| FitOptions { learning_rate: if rank == 2 { 0.02 } else { 0.01 }, ..options() };
    assert!(refused(other_rate, |_| 73, |_| KINDS[0]).starts_with("rank 2: options {"));
    assert!(refused(same, |rank| 73 - rank / 2, |_| KINDS[0]).starts_with("rank 2: data "));
    let other_network = |rank| if rank == 1 { "5 -> 3" } else { KINDS[3] };
    let message = "rank 1: network 5 -> 3 -> softmax; it is 5 -> skip(8 leakyrelu, join=concatenate) scale -> 3 -> softmax on rank 0";
    assert_eq!(refused(same, |_| 73, other_network), message);
    let wrong = |rank| FitOptions { epochs: usize::from(rank != 1), ..options() };
    assert_eq!(refused(wrong, |_| 73, |_| KINDS[0]), "rank 1: epochs: 0; at least 1 is needed");
    let few = FitOptions { micro_batches: 2, ..options() };
    let errors = Threads::run(3, |rank| train(KINDS[0], &few, on(rank)).unwrap_err().to_string());
    assert!(errors[0].starts_with("micro_batches: 2, and there are 3 ranks"), "{errors:?}");
}

#[test]
fn a_value_that_is_not_finite_is_named_whichever_rank_has_it() {
    let mut values: Vec<f32> = (0..365).map(|i| (i % 97) as f32 / 97.0).collect();
    values[70 * 5 + 2] = f32::MAX;
    values[70 * 5 + 3] = f32::MAX;
    let labels: Vec<u32> = (0..73).map(|i| i % 3).collect();
    let train = Dataset::new("test", Inputs::Floats(values.into()), 5, labels, ["a", "b", "c"]).expect("rows");
    let options = FitOptions { learning_rate: 1e3, optimizer: Optimizer::Sgd, shuffle: false, ..options() };
    let errors = |ranks| {
        Threads::run(ranks, |rank| {
            let mut network = Network::new(&"5 -> 4 init=zero -> 3".parse().expect("a network"), 3).expect("a network");
            match fit_with(&mut network, &train, &options, on(rank)) {
                Err(Error::Diverged { step, layer, sample, .. }) => (step, layer, sample),
                other => panic!("{other:?}"),
            }
        })
    };
    let alone = errors(1);
    for ranks in [2, 3] {
        assert!(errors(ranks).iter().all(|error| *error == alone[0]), "{alone:?} {:?}", errors(ranks));
    }
}
