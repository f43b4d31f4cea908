//! What holds for every run: reproducible, watched, stopped in order, refused in words, free of allocations.

use std::ops::ControlFlow;

use layerloop::custom::register_schedule;
use layerloop::data::{Csr, Dataset, Inputs};
use layerloop::network::{Activation, Network, Predictor, Spec};
use layerloop::rng::Stream;
use layerloop::train::{
    Callback, EpochEnd, FitOptions, LayerRate, Optimizer, Progress, Run, Schedule, StepEnd, Stopped, fit, fit_with,
};
use layerloop::{Error, Result};

/// 103 rows of 5 inputs in 3 classes: a batch of 10 leaves a last one of 3.
fn data() -> Result<Dataset> {
    let mut stream = Stream::new(1, "test", 0);
    let inputs: Vec<f32> = (0..103 * 5).map(|_| stream.uniform()).collect();
    let class = |row: &[f32]| if row[0] > row[1] { 0 } else { 1 + u32::from(row[2] > 0.5) };
    let labels: Vec<u32> = inputs.chunks(5).map(class).collect();
    Dataset::new("random", Inputs::Floats(inputs.into()), 5, labels, ["a", "b", "c"])
}

fn network(activation: Activation) -> Result<Network> {
    Network::new(&Spec::new(5).layer(33, activation).layer(17, Activation::Tanh).layer(3, Activation::Identity), 0)
}

fn options() -> FitOptions {
    FitOptions { epochs: 3, batch: 10, threads: Some(1), ..FitOptions::default() }
}

fn choice(text: &str) -> Optimizer {
    layerloop::names::parse(text).expect("an optimiser")
}

fn trained(options: &FitOptions) -> Result<String> {
    let mut network = network(Activation::Relu)?;
    fit(&mut network, &data()?, options)?;
    Ok(network.sha256())
}

#[test]
fn equal_seeds_give_equal_bits_whatever_the_threads() {
    let decays = FitOptions { weight_decay: Some(0.1), l1: 1e-3, clip_value: Some(0.01), ..options() };
    let all = Optimizer::ALL.iter().map(|&optimizer| FitOptions { optimizer, ..options() });
    for options in all.chain([decays]) {
        let once = trained(&options).unwrap();
        for threads in [1, 2, 3, 4, 7] {
            assert_eq!(trained(&FitOptions { threads: Some(threads), ..options.clone() }).unwrap(), once, "{threads}");
        }
        // L-BFGS looks at all rows at once: there is nothing to shuffle.
        if !matches!(options.optimizer, Optimizer::Lbfgs { .. }) {
            assert_ne!(trained(&FitOptions { seed: 1, ..options }).unwrap(), once);
        }
    }
}

/// Without a shuffle the seed has no say in what a network without dropout learns.
#[test]
fn rows_in_their_own_order_are_the_same_for_every_seed() {
    let options = FitOptions { shuffle: false, ..options() };
    let once = trained(&options).unwrap();
    assert_eq!(trained(&FitOptions { seed: 1, ..options }).unwrap(), once);
    assert_ne!(trained(&self::options()).unwrap(), once);
}

/// On NEON, on a processor without AVX2, by whatever compiler: these are the bits.
#[test]
fn the_bits_are_these_on_every_machine() {
    let runs = [
        (Activation::Relu, Optimizer::ADAM, "42f83216d9593722"),
        (Activation::Relu, Optimizer::Sgd, "84e70e3bcec5841a"),
        (Activation::Tanh, Optimizer::ADAM, "1c7116f3e870b1a3"),
        (Activation::Sigmoid, Optimizer::Sgd, "3a8ecb9534427ef7"),
        (Activation::Tanh, choice("adamw"), "7f26c135c16e6eeb"),
        (Activation::Tanh, choice("nadam"), "264266e8d0eaebd3"),
        (Activation::Relu, choice("radam"), "e12dd571bc565c53"),
    ];
    for (activation, optimizer, hash) in runs {
        let mut network = network(activation).unwrap();
        fit(&mut network, &data().unwrap(), &FitOptions { optimizer, ..options() }).unwrap();
        assert_eq!(network.sha256()[..16], *hash, "{activation:?}, {optimizer:?}");
    }
}

/// One step moves weights by lr l2 w more than it would, and all else too where that is asked for.
#[test]
fn decay_is_for_the_weights_of_dense_layers_and_embeddings() -> Result<()> {
    let start = |text: &str| -> Result<(Network, Dataset)> {
        let mut network = Network::new(&text.parse()?, 3)?;
        let data = data()?;
        let inputs = if text.contains("embedding") {
            Inputs::Bytes { values: vec![3; 103 * 5].into(), scale: 1.0 }
        } else {
            data.inputs().clone()
        };
        let data = Dataset::new("random", inputs, 5, data.labels().to_vec(), ["a", "b", "c"])?;
        fit(&mut network, &data, &FitOptions { learning_rate: 0.01, ..options() })?;
        Ok((network, data))
    };
    // How many parameters lie together, and whether they decay.
    let all_kinds = [(200, true), (3 * 40, false), (40, false), (1400, true), (35, false), (105, true), (3, false)];
    let embedding = [(63, true), (105, true), (3, false)];
    let cases = [
        ("5 -> 40 layer-norm prelu -> 35 tanh -> 3", &all_kinds[..]),
        ("5 -> embedding(count=9, width=7) -> 3", &embedding),
    ];
    for (text, kinds) in cases {
        let (network, data) = start(text)?;
        let stepped = |l2: f64, decay_all: bool| -> Result<Vec<f32>> {
            let mut network = network.clone();
            let options = FitOptions { epochs: 1, batch: 103, optimizer: Optimizer::Sgd, l2, decay_all, ..options() };
            fit(&mut network, &data, &FitOptions { learning_rate: 0.125, ..options })?;
            Ok(network.to_vec())
        };
        let (before, plain, some, all) =
            (network.to_vec(), stepped(0.0, false)?, stepped(0.5, false)?, stepped(0.5, true)?);
        let weights: Vec<bool> = kinds.iter().flat_map(|&(count, decays)| vec![decays; count]).collect();
        assert_eq!(weights.len(), before.len());
        for (i, weight) in weights.into_iter().enumerate() {
            let lost = |after: &[f32]| plain[i] - after[i];
            let all_lost = lost(&all) - before[i] / 16.0;
            assert!(all_lost.abs() < 1e-6, "{text}, parameter {i}: {all_lost}");
            assert_eq!(some[i], if weight { all[i] } else { plain[i] }, "{text}, parameter {i}");
        }
    }
    Ok(())
}

/// 300 rows of 400 inputs, `per_row` of them not 0, as numbers and as entries.
fn sparse_data(per_row: usize) -> Result<[Dataset; 2]> {
    let (rows, width) = (300, 400);
    let mut stream = Stream::new(2, "test", 0);
    let mut dense = vec![0.0; rows * width];
    for row in dense.chunks_mut(width) {
        // Column 7 is 0 in every row.
        (0..per_row).for_each(|_| row[8 + stream.below(width - 8)] = stream.uniform() - 0.5);
    }
    let entries: Vec<usize> = (0..dense.len()).filter(|&i| dense[i] != 0.0).collect();
    let starts = (0..=rows).map(|row| entries.partition_point(|&i| i < row * width)).collect();
    let columns = entries.iter().map(|i| (i % width) as u32).collect();
    let csr = Csr::new(width, starts, columns, entries.iter().map(|&i| dense[i]).collect()).expect("ascending columns");
    let labels: Vec<u32> =
        (0..rows).map(|row| u32::from(dense[row * width..][..200].iter().sum::<f32>() > 0.0)).collect();
    let data = |inputs| Dataset::new("sparse", inputs, width, labels.clone(), ["a", "b"]);
    Ok([data(Inputs::Floats(dense.into()))?, data(Inputs::Sparse(csr.into()))?])
}

#[test]
fn entries_and_numbers_give_the_same_bits() -> Result<()> {
    // 3 a row take the path of entries, 40 are gathered with their zeros skipped, 400 as they are.
    let with = |optimizer| FitOptions { optimizer, batch: 64, ..options() };
    let (adam, sgd, adagrad) =
        (with(Optimizer::ADAM), with(Optimizer::Sgd), with(Optimizer::AdaGrad { epsilon: 1e-10 }));
    let runs = [(3, adam.clone()), (3, sgd.clone()), (40, adam.clone()), (400, sgd.clone())];
    let apart = [(3, adagrad.clone()), (40, adagrad.clone()), (3, FitOptions { l1: 0.01, ..adagrad })];
    let decays = FitOptions { l2: 0.01, ..sgd };
    let whole = FitOptions { clip_norm: Some(0.1), accumulate: 2, ..adam };
    for (per_row, options) in runs.into_iter().chain(apart).chain([(40, decays), (40, whole)]) {
        let [dense, sparse] = sparse_data(per_row)?;
        assert_eq!(dense.sha256(), sparse.sha256());
        assert_eq!(dense.select(&[5, 2]).row(1), sparse.select(&[5, 2]).row(1));
        let mut all = Vec::new();
        for (data, threads) in [&dense, &sparse].into_iter().flat_map(|data| [1, 2, 3].map(|threads| (data, threads))) {
            let spec = Spec::new(400).layer(46, Activation::Relu).layer(2, Activation::Identity);
            let mut network = Network::new(&spec, 0)?;
            fit(&mut network, data, &FitOptions { threads: Some(threads), ..options.clone() })?;
            let (probabilities, losses) = Predictor::new(&network, threads)?.evaluate(data)?;
            assert_eq!(Predictor::new(&network, 2)?.probabilities(data.inputs())?, probabilities);
            let (loss, gradient) = layerloop::train::loss_and_gradient(&network, data, threads)?;
            let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
            all.push((network.sha256(), bits(probabilities), bits(losses), loss.to_bits(), bits(gradient)));
        }
        assert!(all.iter().all(|one| *one == all[0]), "{per_row} a row, {options:?}");
    }
    Ok(())
}

#[test]
fn a_row_alone_has_the_bits_that_it_has_among_others() -> Result<()> {
    for data in [data()?, sparse_data(40)?[0].clone()] {
        let spec = Spec::new(data.width()).layer(33, Activation::Sigmoid).layer(3, Activation::Identity);
        let network = Network::new(&spec, 0)?;
        let predictor = Predictor::new(&network, 2)?;
        let mut scratch = predictor.scratch()?;
        let together = predictor.probabilities(data.inputs())?;
        for (row, among_others) in together.chunks(3).enumerate() {
            assert_eq!(predictor.row(&data.row(row), &mut scratch)?, among_others, "row {row}");
        }
        assert!(predictor.row(&[0.0], &mut scratch).unwrap_err().to_string().starts_with("inputs of a row: expected"));
    }
    Ok(())
}

/// Counts, and stops the run after a given step.
struct Counter {
    stop_after: u64,
    rows: Vec<usize>,
    epochs: Vec<EpochEnd>,
}

impl Callback for Counter {
    fn on_step(&mut self, end: &StepEnd, _: &mut Run) -> ControlFlow<()> {
        self.rows.push(end.rows);
        if end.step == self.stop_after { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn on_epoch(&mut self, end: &EpochEnd, _: &mut Run) -> ControlFlow<()> {
        self.epochs.push(*end);
        ControlFlow::Continue(())
    }
}

#[test]
fn every_row_is_trained_on_and_the_last_short_batch_too() {
    let mut counter = Counter { stop_after: 0, rows: vec![], epochs: vec![] };
    let report = fit_with(&mut network(Activation::Relu).unwrap(), &data().unwrap(), &options(), &mut counter).unwrap();
    assert_eq!(counter.rows[..11], [10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 3]);
    assert_eq!((report.steps, counter.rows.len(), report.stopped), (33, 33, None));
    assert_eq!(report.epochs, counter.epochs);
    assert!(report.epochs[2].train_loss < report.epochs[0].train_loss);
}

#[test]
fn a_callback_ends_the_run_after_its_step() {
    let mut counter = Counter { stop_after: 17, rows: vec![], epochs: vec![] };
    let report = fit_with(&mut network(Activation::Relu).unwrap(), &data().unwrap(), &options(), &mut counter).unwrap();
    assert_eq!((report.steps, report.epochs.len(), report.stopped), (17, 1, Some(Stopped::Callback)));
}

#[test]
fn a_run_that_diverges_names_step_layer_and_sample_and_keeps_finite_weights() {
    let options = FitOptions { optimizer: Optimizer::Sgd, learning_rate: 1e30, ..options() };
    let spec = Spec::new(5).layer(8, Activation::Relu).layer(8, Activation::Relu).layer(3, Activation::Identity);
    let mut network = Network::new(&spec, 0).unwrap();
    match fit(&mut network, &data().unwrap(), &options) {
        Err(Error::Diverged { step, layer, sample, last_good, .. }) => {
            assert!(
                (2..=4).contains(&step) && sample.is_some_and(|sample| sample < 103),
                "step {step}, sample {sample:?}"
            );
            assert!(["layer 2 (8 -> 8)", "layer 3 (8 -> 3)"].contains(&&*layer), "{layer}");
            let good = last_good.expect("the first step was good");
            let layers: Vec<&str> = good.layers.iter().map(|(layer, _)| layer.as_str()).collect();
            assert_eq!((good.step, layers), (1, vec!["1", "2", "3"]));
            assert!(good.layers.iter().all(|(_, norm)| *norm > 0.0) && good.whole() < 10.0, "{good:?}");
        }
        other => panic!("{other:?}"),
    }
    assert!(network.is_finite());
}

/// Notes the learning rates.
struct Rates(Vec<f64>);

impl Callback for Rates {
    fn on_step(&mut self, end: &StepEnd, _: &mut Run) -> ControlFlow<()> {
        self.0.push(end.learning_rate);
        ControlFlow::Continue(())
    }
}

#[test]
fn the_learning_rate_follows_its_schedule_and_its_warm_up() -> Result<()> {
    let rates = |schedule, warmup, epochs| {
        let options = FitOptions { learning_rate: 0.5, schedule, warmup, epochs, ..options() };
        let mut rates = Rates(vec![]);
        fit_with(&mut network(Activation::Relu)?, &data()?, &options, &mut rates).map(|_| rates.0)
    };
    let falling = Schedule::Step { every: 2.0, factor: 0.5 };
    let expected: Vec<f64> = (0..33).map(|step| if step < 22 { 0.5 } else { 0.25 }).collect();
    assert_eq!(rates(falling.into(), 0.0, 3)?, expected);
    assert_eq!(rates(falling.into(), 4.0 / 11.0, 3)?[..5], [0.125, 0.25, 0.375, 0.5, 0.5]);
    // No loss here is a hundredth of the first: the second epoch is the first to wait in vain.
    let waiting = "reduce-on-plateau(factor=0.5, patience=0, threshold=0.99)".parse()?;
    let waited = rates(waiting, 0.0, 4)?;
    assert_eq!([0, 11, 22, 33].map(|step| waited[step]), [0.5, 0.5, 0.25, 0.125]);
    // A user-defined one.
    let own = register_schedule("test-own", |at: Progress| f64::from(u32::from(at.step.is_multiple_of(2))) / 2.0)?;
    assert_eq!(rates(own.into(), 0.0, 1)?[..4], [0.25, 0.0, 0.25, 0.0]);
    Ok(())
}

#[test]
fn a_step_allocates_nothing() {
    // An epoch does: its row of the history. So its steps allocate nothing if ten times as many of them allocate no more.
    fn of_an_epoch(network: &Network, data: &Dataset, repeats: usize, options: &FitOptions) -> u64 {
        let data = data.select(&(0..repeats * data.rows()).map(|i| i % data.rows()).collect::<Vec<_>>());
        let allocations = |epochs| {
            let (mut network, options) = (network.clone(), FitOptions { epochs, ..options.clone() });
            allocation_counter::measure(|| drop(fit(&mut network, &data, &options))).count_total
        };
        allocations(7) - allocations(6)
    }
    let whole =
        FitOptions { optimizer: choice("adamw"), clip_norm: Some(0.1), ema: Some(0.9), accumulate: 2, ..options() };
    let (data, [_, sparse]) = (data().unwrap(), sparse_data(3).unwrap());
    let small = Network::new(&Spec::new(400).layer(2, Activation::Identity), 0).unwrap();
    let network = network(Activation::Sigmoid).unwrap();
    for (network, data, options) in
        [(&network, &data, options()), (&network, &data, whole), (&small, &sparse, options())]
    {
        let once = of_an_epoch(network, data, 1, &options);
        assert!((1..10).contains(&once), "{once}");
        assert_eq!(of_an_epoch(network, data, 10, &options), once, "110 steps allocate as often as 11, {options:?}");
    }
    let predictor = Predictor::new(&network, 1).unwrap();
    let mut scratch = predictor.scratch().unwrap();
    predictor.row(&[0.5; 5], &mut scratch).unwrap();
    assert_eq!(
        allocation_counter::measure(|| drop(predictor.row(&[0.5; 5], &mut scratch).map(<[f32]>::len))).count_total,
        0
    );
}

#[test]
fn options_that_make_no_sense_are_refused_with_their_value() {
    let refused = |options: FitOptions| trained(&options).unwrap_err().to_string();
    for (rate, shown) in [
        (0.0, "learning_rate: 0;"),
        (-1.0, "learning_rate: -1;"),
        (f64::NAN, "learning_rate: NaN;"),
        (f64::INFINITY, "learning_rate: inf;"),
    ] {
        let error = refused(FitOptions { learning_rate: rate, ..options() });
        assert!(error.starts_with(shown), "{error}");
    }
    for (warmup, shown) in [(-0.5, "warmup: -0.5;"), (f64::NAN, "warmup: NaN;"), (f64::INFINITY, "warmup: inf;")] {
        let error = refused(FitOptions { warmup, ..options() });
        assert!(error.starts_with(shown), "{error}");
    }
    assert_eq!(refused(FitOptions { epochs: 0, ..options() }), "epochs: 0; at least 1 is needed");
    assert_eq!(refused(FitOptions { batch: 0, ..options() }), "batch: 0; a step needs at least 1 row");
    assert_eq!(refused(FitOptions { threads: Some(0), ..options() }), "threads: 0; between 1 and 1024 are possible");
    assert_eq!(refused(FitOptions { accumulate: 0, ..options() }), "accumulate: 0; a step needs at least 1 batch");
    assert!(refused(FitOptions { ema: Some(1.0), ..options() }).starts_with("ema: 1; it is at least 0 and below 1"));
    let late = refused(FitOptions { swa_from_epoch: Some(4), ..options() });
    assert_eq!(late, "swa_from_epoch: 4; of 3 epochs, the first that is averaged is 1 to 3");
    let both = refused(FitOptions { swa_from_epoch: Some(1), ema: Some(0.5), ..options() });
    assert!(both.starts_with("swa_from_epoch: there is an ema too"), "{both}");
    assert!(refused(FitOptions { clip_norm: Some(-1.0), ..options() }).starts_with("clip_norm: -1;"));
}

#[test]
fn data_that_does_not_fit_the_network_is_refused() {
    let mut narrow = Network::new(&Spec::new(4).layer(3, Activation::Identity), 0).unwrap();
    let error = fit(&mut narrow, &data().unwrap(), &options()).unwrap_err().to_string();
    assert_eq!(error, "random: inputs of a sample: expected 4, got 5");
    let mut few = Network::new(&Spec::new(5).layer(2, Activation::Identity), 0).unwrap();
    let error = fit(&mut few, &data().unwrap(), &options()).unwrap_err().to_string();
    assert_eq!(error, "random: classes: expected 2, got 3");
    let empty = data().unwrap().head(0);
    let error = fit(&mut narrow_for(&empty), &empty, &options()).unwrap_err().to_string();
    assert_eq!(error, "random: there are no rows to train on");
}

fn narrow_for(data: &Dataset) -> Network {
    Network::new(&Spec::new(data.width()).layer(3, Activation::Identity), 0).expect("a legal specification")
}

fn with_rates(text: &str, rates: &[(&str, f64)], options: &FitOptions) -> Result<[Network; 2]> {
    let layer_rates = rates.iter().map(|&(layer, factor)| LayerRate::new(layer, factor)).collect();
    let mut stream = Stream::new(4, "data", 0);
    let x: Vec<f32> = (0..70 * 5).map(|_| stream.uniform()).collect();
    let labels: Vec<u32> = (0..70).map(|row| row % 3).collect();
    let data = Dataset::new("random", Inputs::Floats(x.into()), 5, labels, ["a", "b", "c"])?;
    let before = Network::new(&text.parse()?, 3)?;
    let mut after = before.clone();
    fit(&mut after, &data, &FitOptions { layer_rates, ..options.clone() })?;
    Ok([before, after])
}

#[test]
fn frozen_layers_keep_their_bits_and_a_factor_scales_a_step() -> Result<()> {
    let text = "5 -> 8 tanh batch-norm -> skip(8 tanh -> 8) layer-norm -> 3";
    let options = FitOptions { epochs: 2, batch: 20, learning_rate: 0.01, ..FitOptions::default() };
    for clip_norm in [None, Some(0.1)] {
        for threads in [1, 3] {
            let options = FitOptions { threads: Some(threads), clip_norm, ..options.clone() };
            let [before, after] = with_rates(text, &[("1", 0.0), ("2", 0.0), ("3", 0.5), ("3.2", 0.0)], &options)?;
            let pairs = before.tensors().zip(after.tensors()).filter(|(before, after)| before != after);
            let moved: Vec<String> =
                pairs.map(|(_, after)| after.name).filter(|name| !name.ends_with("bias")).collect();
            assert_eq!(moved, ["layers.2.0.weight", "layers.3.weight", "layers.4.weight"]);
            let [_, alone] = with_rates(text, &[("1", 0.0), ("2", 0.0), ("3.1", 0.5), ("3.2", 0.0)], &options)?;
            assert_eq!(alone.sha256(), after.sha256());
        }
    }
    let [_, plain] = with_rates(text, &[], &options)?;
    let [_, ones] = with_rates(text, &[("1", 0.1), ("1", 1.0), ("3", 1.0)], &options)?;
    assert_eq!(plain.sha256(), ones.sha256());

    // One step of plain descent: the factor is the factor.
    let step =
        FitOptions { epochs: 1, batch: 70, optimizer: Optimizer::Sgd, learning_rate: 0.5, ..FitOptions::default() };
    let [before, plain] = with_rates("5 -> 8 tanh -> 3", &[], &step)?;
    let [_, slow] = with_rates("5 -> 8 tanh -> 3", &[("1", 0.25)], &step)?;
    let weight = |network: &Network, layer: usize| {
        network.tensor(&format!("layers.{layer}.weight")).expect("a dense layer").values
    };
    assert_eq!(weight(&plain, 1), weight(&slow, 1));
    for ((w, plain), slow) in weight(&before, 0).iter().zip(weight(&plain, 0)).zip(weight(&slow, 0)) {
        assert!((0.25 * (plain - w) - (slow - w)).abs() < 1e-6);
    }
    for (rates, piece) in [
        (
            &[("7", 0.5)][..],
            "layer_rates: layer 7 has no trainable parameters; the layers that have some are 1, 2, 3.1, 3.2, 4, 5",
        ),
        (&[("1", -1.0)], "layer_rates: -1 for layer 1; it must be a finite number"),
        (&[("1", 0.0), ("2", 0.0), ("3", 0.0), ("4", 0.0), ("5", 0.0)], "every layer is frozen"),
    ] {
        let said = with_rates(text, rates, &options).unwrap_err().to_string();
        assert!(said.contains(piece), "{said}");
    }
    Ok(())
}

/// Batches of many short rows come in chunks, one chain of sums from chunk to chunk. A dropout that drops nothing is not worked on
/// in chunks: the same bits without them.
#[test]
fn batches_in_chunks_have_the_bits_of_those_at_once_whatever_the_threads() {
    let rows = 1_500;
    let values: Vec<f32> = (0..rows * 7).map(|i| ((i * 37 + 11) % 97) as f32 / 97.0 - 0.4).collect();
    let labels: Vec<u32> = (0..rows).map(|i| i as u32 * 7 % 3).collect();
    let data = Dataset::new("test", Inputs::Floats(values.into()), 7, labels, ["a", "b", "c"]).unwrap();
    let trained = |text: &str, options: &FitOptions| {
        let mut network = Network::new(&text.parse().unwrap(), 3).unwrap();
        let report = fit(&mut network, &data, options).unwrap();
        (network.to_vec(), report.history)
    };
    let base = FitOptions { epochs: 3, batch: rows, learning_rate: 0.01, ..FitOptions::default() };
    let variants = [
        base.clone(),
        FitOptions { batch: 700, clip_norm: Some(0.1), ..base.clone() },
        FitOptions { batch: 600, accumulate: 2, l2: 0.01, ..base.clone() },
        FitOptions { optimizer: choice("adamw"), clip_value: Some(0.01), ..base.clone() },
        FitOptions { optimizer: choice("lbfgs"), learning_rate: 1.0, epochs: 2, ..base },
    ];
    for options in variants {
        let one = FitOptions { threads: Some(1), ..options.clone() };
        let lbfgs = options.optimizer == choice("lbfgs");
        let chunks = trained("7 -> 20 relu -> 9 tanh -> 3", &one);
        for threads in [2, 3, 7] {
            let same =
                trained("7 -> 20 relu -> 9 tanh -> 3", &FitOptions { threads: Some(threads), ..options.clone() });
            assert_eq!(same.0, chunks.0, "{threads} threads, {options:?}");
        }
        if !lbfgs {
            let at_once = trained("7 -> 20 relu dropout=0 -> 9 tanh -> 3", &one);
            assert_eq!(at_once.0, chunks.0, "{options:?}");
            assert_eq!(
                at_once.1.rows().iter().map(|row| row[4]).collect::<Vec<_>>(),
                chunks.1.rows().iter().map(|row| row[4]).collect::<Vec<_>>()
            );
        }
    }
}

/// Of a batch in chunks too it is said where it diverged.
#[test]
fn a_loss_that_is_not_finite_is_found_in_its_chunk() {
    let rows = 1_000;
    let mut values = vec![0.5; rows * 4];
    values[777 * 4 + 2] = f32::MAX;
    let targets = vec![1.0; rows];
    let data = Dataset::regression("test", Inputs::Floats(values.into()), 4, targets, ["y"]).unwrap();
    let mut network = Network::new(&"4 -> 8 relu -> 1 -> identity".parse().unwrap(), 3).unwrap();
    let before = network.to_vec();
    let said = fit(&mut network, &data, &FitOptions { batch: rows, ..FitOptions::default() }).unwrap_err();
    assert!(matches!(said, Error::Diverged { step: 1, sample: Some(777), .. }), "{said}");
    assert_eq!(network.to_vec(), before);
}
