//! A run that goes on from a checkpoint is the run that never stopped, to the bit.

use std::ops::ControlFlow;
use std::path::Path;

use layerloop::data::{Dataset, Inputs};
use layerloop::logs::Logs;
use layerloop::network::Network;
use layerloop::train::{
    Checkpoint, EarlyStopping, FitContext, FitOptions, Optimizer, Report, Stopped, fit_with, on_epoch, on_step,
};
use layerloop::{Error, Result};

fn data(rows: usize, seed: usize) -> Dataset {
    let values: Vec<f32> = (0..rows * 5).map(|i| ((i * 37 + 11 * seed) % 97) as f32 / 97.0 - 0.4).collect();
    let labels: Vec<u32> = (0..rows).map(|i| (i * 7 % 3) as u32).collect();
    Dataset::new("test", Inputs::Floats(values.into()), 5, labels, ["a", "b", "c"]).expect("rows that fit")
}

fn network() -> Network {
    Network::new(&"5 -> 18 batch-norm tanh dropout=0.2 -> skip(18 relu) -> 3".parse().expect("a network"), 3)
        .expect("a network")
}

/// What L-BFGS can train: nothing in it moves by chance.
fn still() -> Network {
    Network::new(&"5 -> 18 tanh -> skip(18 relu) -> 3".parse().expect("a network"), 3).expect("a network")
}

/// What can be trained in micro-batches: each row goes its way alone.
fn of_single_rows() -> Network {
    Network::new(&"5 -> 18 layer-norm tanh dropout=0.2 -> skip(18 relu) -> 3".parse().expect("a network"), 3)
        .expect("a network")
}

fn network_for(options: &FitOptions) -> Network {
    match options.optimizer {
        Optimizer::Lbfgs { .. } => still(),
        _ if options.micro_batches > 1 => of_single_rows(),
        _ => network(),
    }
}

fn options() -> FitOptions {
    FitOptions { epochs: 4, batch: 10, learning_rate: 0.01, threads: Some(1), ..FitOptions::default() }
}

/// The run from `from` on, and its network.
fn run(options: &FitOptions, from: Option<Checkpoint>) -> Result<(Report, Network)> {
    let (train, validation) = (data(73, 1), data(20, 2));
    let mut network = network_for(options);
    let with = FitContext { watch: vec![("val", &validation)], from, ..FitContext::default() };
    fit_with(&mut network, &train, options, with).map(|report| (report, network))
}

/// The checkpoints of a run after every step, and after every epoch, as files of `folder` have kept them.
fn checkpoints(options: &FitOptions, folder: &Path) -> Vec<Checkpoint> {
    let (train, validation) = (data(73, 1), data(20, 2));
    let (mut of_steps, mut of_epochs) = (Vec::new(), Vec::new());
    let mut both = (
        on_step(|_, run| {
            of_steps.push(run.checkpoint());
            ControlFlow::Continue(())
        }),
        on_epoch(|_, run| {
            of_epochs.push(run.checkpoint());
            ControlFlow::Continue(())
        }),
    );
    let with = FitContext { watch: vec![("val", &validation)], callback: Some(&mut both), ..FitContext::default() };
    fit_with(&mut network_for(options), &train, options, with).expect("a run");
    let path = folder.join("checkpoint.safetensors");
    let file = |checkpoint: Checkpoint| {
        checkpoint.save(&path).expect("saved");
        Checkpoint::load(&path).expect("read")
    };
    of_steps.into_iter().chain(of_epochs).map(file).collect()
}

/// What was measured, without the seconds.
fn measured(report: &Report) -> Vec<Vec<u64>> {
    let bits = |(i, value): (usize, &f64)| if i == 2 { 0 } else { value.to_bits() };
    report.history.rows().iter().map(|row| row.iter().enumerate().map(bits).collect()).collect()
}

fn goes_on_to_the_bit(options: &FitOptions) {
    let folder = tempfile::tempdir().expect("a folder");
    let (whole, network) = run(options, None).expect("a run");
    let checkpoints = checkpoints(options, folder.path());
    assert!(checkpoints.len() >= 4);
    for checkpoint in checkpoints {
        let step = checkpoint.steps();
        let (report, resumed) =
            run(&FitOptions { threads: Some(2), ..options.clone() }, Some(checkpoint)).expect("a run");
        assert_eq!(resumed.sha256(), network.sha256(), "{options:?} from step {step}");
        assert_eq!(measured(&report), measured(&whole), "{options:?} from step {step}");
        assert_eq!((report.steps, report.stopped, report.best), (whole.steps, whole.stopped, whole.best));
    }
}

#[test]
fn every_optimizer_goes_on_to_the_bit() {
    for &optimizer in Optimizer::ALL {
        goes_on_to_the_bit(&FitOptions { optimizer, ..options() });
    }
}

#[test]
fn whatever_surrounds_the_steps_goes_on_to_the_bit() {
    let early_stopping = |metric| Some(EarlyStopping { patience: 1, min_delta: 0.005, ..EarlyStopping::on(metric) });
    let metrics = vec!["f1".parse().unwrap(), "log-loss".parse().unwrap()];
    let schedule = "reduce-on-plateau(factor=0.5, patience=0, threshold=0.1)".parse().unwrap();
    let all = [
        FitOptions { ema: Some(0.9), ..options() },
        FitOptions { swa_from_epoch: Some(2), ..options() },
        FitOptions { accumulate: 3, clip_norm: Some(0.1), ..options() },
        FitOptions { micro_batches: 7, ..options() },
        FitOptions { schedule, warmup: 1.5, ..options() },
        FitOptions { metrics, early_stopping: early_stopping("val_f1"), ema: Some(0.5), epochs: 30, ..options() },
        FitOptions { early_stopping: early_stopping("train_loss"), epochs: 30, ..options() },
    ];
    all.iter().for_each(goes_on_to_the_bit);
}

#[test]
fn early_stopping_ends_the_run_and_gives_the_best_weights() {
    let rule = EarlyStopping { patience: 2, start_epoch: 2, ..EarlyStopping::on("val_loss") };
    let options = FitOptions { early_stopping: Some(rule.clone()), epochs: 200, learning_rate: 0.05, ..options() };
    let (report, best) = run(&options, None).unwrap();
    let losses: Vec<f64> = report.history.column("val_loss").unwrap().collect();
    let lowest = (1..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap();
    assert_eq!(report.stopped, Some(Stopped::EarlyStopping));
    assert_eq!(report.best, Some((lowest + 1, losses[lowest])));
    assert_eq!(losses.len(), lowest + 1 + 2, "two epochs in vain");
    // A run that ends with the best epoch has the same weights.
    let until = FitOptions { epochs: lowest + 1, ..self::options() };
    let until = FitOptions { learning_rate: 0.05, ..until };
    assert_eq!(run(&until, None).unwrap().1.sha256(), best.sha256());
    let last = EarlyStopping { restore_best: false, ..rule };
    let (_, last) = run(&FitOptions { early_stopping: Some(last), ..options }, None).unwrap();
    assert_ne!(last.sha256(), best.sha256());
}

#[test]
fn another_run_is_refused_with_the_difference_named() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = checkpoints(&options(), folder.path()).swap_remove(5);
    let refused = |options: &FitOptions| run(options, Some(checkpoint.clone())).unwrap_err().to_string();
    assert_eq!(
        refused(&FitOptions { batch: 20, ema: Some(0.5), ..options() }),
        "checkpoint: it is of another run: batch: 10 in the checkpoint, 20 now; ema: nothing in the checkpoint, 0.5 now"
    );
    let mut other = Network::new(&"5 -> 3".parse().unwrap(), 0).unwrap();
    let with = |data: &Dataset, network: &mut Network, anyway| {
        let with = FitContext { from: Some(checkpoint.clone()), anyway, ..FitContext::default() };
        fit_with(network, data, &options(), with).map(|report| report.steps)
    };
    let said = with(&data(73, 1), &mut other, true).unwrap_err().to_string();
    assert!(
        said.contains(
            "network: 5 -> 18 batch-norm tanh dropout=0.2 -> skip(18 relu) -> 3 -> softmax in the checkpoint"
        ),
        "{said}"
    );
    let said = with(&data(70, 1), &mut network(), false).unwrap_err().to_string();
    assert!(said.ends_with("rows of the data: 73 in the checkpoint, 70 now"), "{said}");
    assert_eq!(with(&data(70, 1), &mut network(), true).unwrap(), 6 + 1 + 3 * 7);
    assert_eq!(with(&data(50, 1), &mut network(), true).unwrap(), 6 + 3 * 5);
    let longer = FitOptions { epochs: 5, ..options() };
    let anyway = FitContext { from: Some(checkpoint.clone()), anyway: true, ..FitContext::default() };
    assert_eq!(fit_with(&mut network(), &data(73, 1), &longer, anyway).unwrap().steps, 40);
}

#[test]
fn a_damaged_truncated_foreign_or_newer_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    checkpoints(&options(), folder.path());
    let bytes = std::fs::read(&path).unwrap();
    let said = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        match Checkpoint::load(&path) {
            Err(Error::Format { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    };
    for at in (0..bytes.len()).step_by(97) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 4;
        said(&bytes);
        said(&bytes[..at]);
    }
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert!(said(&flipped).starts_with("damaged: its checksum is "));
    assert!(said(&bytes[..bytes.len() - 1]).starts_with("not a complete safetensors file"));
    assert!(said(b"").starts_with("not a complete safetensors file"));
    let model = layerloop::model_file::Model::new(network(), &data(3, 1), serde_json::json!({}));
    model.save(&path).unwrap();
    assert!(
        said(&std::fs::read(&path).unwrap()).starts_with("no checkpoint: there is no `layerloop-checkpoint` entry")
    );
}

/// Where the running statistics of a batch norm stand in the canonical order, a gradient that was not known yet was too short for
/// the logs: such a run could never be resumed from a checkpoint at the last step of an epoch.
#[test]
fn logs_of_any_layers_go_on_from_any_instant() -> Result<()> {
    const NETWORKS: [&str; 8] = [
        "5 -> 8 tanh -> 3",
        "5 -> 8 batch-norm tanh -> 3",
        "5 -> batch-norm 8 no-bias -> batch-norm -> 3 batch-norm",
        "5 -> 8 layer-norm prelu -> 3 scale",
        "5 -> 6 maxout=2 dropout=0.5 -> 3",
        "5 -> skip(5 batch-norm relu) -> bilinear=3",
        "5 -> parallel(3 batch-norm | 4 rrelu, join=concatenate) alpha-dropout=0.1 -> 3",
        "5 -> 8 no-bias -> 3 no-bias",
    ];
    let train = data(73, 1);
    for text in NETWORKS {
        for (batch, accumulate) in [(10, 1), (73, 1), (24, 1), (10, 3)] {
            let options = FitOptions { epochs: 3, batch, accumulate, learning_rate: 0.01, ..options() };
            let start = || Network::new(&text.parse().expect("a network"), 3).expect("a network");
            let logged = |folder: &Path, from: Option<Checkpoint>, keep: &mut Vec<Checkpoint>| {
                let mut logs = if from.is_some() {
                    Logs::go_on(folder, 1, from.as_ref().map(|from| (from.steps(), from.epochs())))
                } else {
                    Logs::new(folder, 1)
                }?;
                let mut keep = on_step(|_, run| {
                    keep.push(run.checkpoint());
                    ControlFlow::Continue(())
                });
                let mut network = start();
                let mut both = (&mut logs, &mut keep);
                fit_with(
                    &mut network,
                    &train,
                    &options,
                    FitContext { callback: Some(&mut both), from, ..FitContext::default() },
                )?;
                assert!(logs.failure().is_none(), "{text}");
                Ok::<_, Error>((network.sha256(), written(folder)))
            };
            let (folder, mut checkpoints) = (tempfile::tempdir().expect("a folder"), Vec::new());
            let whole = logged(folder.path(), None, &mut checkpoints)?;
            let per_epoch = 73_usize.div_ceil(batch * accumulate);
            // The first step, one in the middle of an epoch, and the last step of the first and of the last epoch.
            for steps in [1, per_epoch + 1, per_epoch, 3 * per_epoch] {
                let again = logged(folder.path(), Some(checkpoints[steps - 1].clone()), &mut Vec::new())?;
                assert_eq!(again, whole, "{text}, batches of {batch} x {accumulate}, from step {steps}");
            }
        }
    }
    Ok(())
}

/// The epochs and the events of a log folder, without the seconds.
fn written(folder: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(folder.join("events.jsonl")).expect("events");
    let mut events: Vec<serde_json::Value> = text.lines().map(|line| line.parse().expect("an object")).collect();
    for event in &mut events {
        event.as_object_mut().expect("an object").remove("seconds");
        if event["event"] == "epoch" {
            assert!(event["gradient_norms"].is_object(), "{event}");
        }
    }
    events
}
