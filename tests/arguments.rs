//! Invalid arguments of the library: each is an error with its value, as options are; none panics, none is accepted.

use layerloop::data::{Dataset, Inputs, Standardisation, split_rows};
use layerloop::evaluate::{evaluate, evaluate_regression, measure};
use layerloop::explain::{Attribution, Attributor, Hessian, class_views, matrices, turn};
use layerloop::metrics::{AnyMetric, Metric, Predictions};
use layerloop::model_file::Model;
use layerloop::network::{Activation, InputGradients, Network, Predictor, Spec};
use layerloop::train::{
    Checkpoints, ClassWeights, Every, FitContext, FitOptions, Loss, Objective, Optimizer, Progress, Schedule, fit,
    fit_with,
};
use layerloop::{Error, Result};

fn floats(values: &[f32]) -> Inputs {
    Inputs::Floats(values.into())
}

fn data() -> Dataset {
    let data = Dataset::new("demo", floats(&[0.0, 1.0, 2.0, 3.0]), 1, vec![0, 0, 1, 1], ["a", "b"]);
    data.expect("four rows")
}

fn network() -> Network {
    Network::new(&"1 -> 2".parse().expect("a text"), 0).expect("a network")
}

fn refused<T>(result: Result<T>) -> String {
    result.map(drop).expect_err("refused").to_string()
}

#[test]
fn data_that_makes_no_sense_is_refused() {
    let named = |names: &[&str]| refused(Dataset::new("d", floats(&[1.0]), 1, vec![0], names.iter().copied()));
    let outputs =
        |names: &[&str]| refused(Dataset::regression("d", floats(&[1.0]), 1, vec![0.0; 2], names.iter().copied()));
    let scaled =
        |scale| refused(Dataset::new("d", Inputs::Bytes { values: [1].into(), scale }, 1, vec![0], ["a", "b"]));
    let by = |width: usize| Standardisation::new(vec![0.0; width], vec![1.0; width]).expect("a standardisation");
    let standard = data().standardise(&by(1)).expect("one column");
    let cases = [
        (refused(data().split([usize::MAX, 2], 0)), "split: [18446744073709551615, 2] of 4 rows: each part"),
        (refused(split_rows(4, [usize::MAX, 2], 0)), "split: [18446744073709551615, 2] of 4 rows: each part"),
        (named(&["a", "b", "a"]), "d: class 2 is named `a`, as one before it; each needs a name of its own"),
        (named(&["a", ""]), "d: class 1 has no name; each needs a name of its own"),
        (outputs(&["y", "y"]), "d: output 1 is named `y`, as one before it"),
        (scaled(f32::NAN), "d: the scale of its bytes is NaN; it must be a finite number above 0"),
        (scaled(f32::INFINITY), "d: the scale of its bytes is inf;"),
        (scaled(0.0), "d: the scale of its bytes is 0;"),
        (scaled(-1.0), "d: the scale of its bytes is -1;"),
        (refused(data().with_image(usize::MAX, 2)), "demo: pixels of an image: expected 1, got"),
        (refused(data().standardise(&by(2))), "inputs of a row to standardise: expected 2, got 1"),
        (refused(data().standardised_by(by(2))), "inputs of a row to standardise: expected 2, got 1"),
        (refused(standard.standardise(&by(1))), "standardisation: the rows of demo are standardised already"),
    ];
    for (said, piece) in cases {
        assert!(said.contains(piece), "{said}");
    }
}

#[test]
fn numbers_of_a_metric_are_checked_as_those_of_its_text() {
    let classes = Predictions::classes(&[0.9, 0.1], &[0], 2);
    let numbers = Predictions::numbers(&[1.0], &[2.0], 1);
    let cases = [
        (Metric::Ece { bins: 0 }, classes, "metric: `ece`: bins: 0; it is between 1 and 1000"),
        (Metric::Ece { bins: usize::MAX }, classes, "metric: `ece`: bins: 18446744073709551615; it is between"),
        (Metric::TopK { k: 0 }, classes, "metric: `top-k`: k: 0; it is at least 1"),
        (Metric::Pinball { tau: f64::NAN }, numbers, "metric: `pinball`: tau: NaN; it is between 0 and 1"),
        (Metric::Pinball { tau: 5.0 }, numbers, "metric: `pinball`: tau: 5; it is between 0 and 1"),
    ];
    for (metric, evaluated, piece) in cases {
        let said = refused(metric.of(&evaluated));
        assert!(said.starts_with(piece), "{said}");
        let said = refused(FitOptions { metrics: vec![metric.into()], ..FitOptions::default() }.check());
        assert!(said.starts_with(piece), "{said}");
    }
    let wide = Predictions::classes(&[0.5], &[0, 0], usize::MAX);
    assert!(refused(Metric::Accuracy.of(&wide)).contains("1 predictions are not 2 rows of"));
}

#[test]
fn numbers_of_options_are_checked_as_those_of_their_text() {
    let adam = Optimizer::Adam { beta_1: 2.0, beta_2: 0.999, epsilon: 1e-8 };
    let focal = Objective { loss: Some(Loss::Focal { gamma: f32::NAN }.into()), ..Objective::default() };
    let default = FitOptions::default;
    let twice = vec![Metric::Mcc.into(), Metric::Kappa.into(), Metric::Mcc.into()];
    let cases = [
        (FitOptions { optimizer: adam, ..default() }, "optimizer: `adam`: beta_1: 2;"),
        (
            FitOptions { schedule: Schedule::Cosine { least: f64::NAN }.into(), ..default() },
            "schedule: `cosine`: least: NaN;",
        ),
        (
            FitOptions { decay_schedule: Schedule::Exponential { factor: -1.0 }.into(), ..default() },
            "schedule: `exponential`: factor: -1;",
        ),
        (FitOptions { objective: focal, ..default() }, "loss: `focal`: gamma: NaN;"),
        (FitOptions { metrics: twice, ..default() }, "metrics: `mcc` is named twice"),
    ];
    for (options, piece) in cases {
        let said = refused(fit(&mut network(), &data(), &options));
        assert!(said.starts_with(piece), "{said}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let said = refused(Checkpoints::new(folder.path(), Every::Steps(0), 1, |_| {}));
    assert_eq!(said, "checkpoint_every: 0steps; at least one step, epoch or some time");
}

#[test]
fn arguments_of_explanations_are_checked() -> Result<()> {
    let (network, data) = (network(), data());
    let numbers = Dataset::regression("line", floats(&[0.0, 1.0]), 1, vec![0.1; 4], ["y", "z"])?;
    let hessian = Hessian::of(&network, &data, &Objective::default(), 1)?;
    let turned = |range| {
        let gradients = InputGradients::new(&network, 1).expect("gradients");
        refused(turn(&gradients, &Predictor::new(&network, 1).expect("it"), &[0.5], Some(range)))
    };
    let no_bias: Spec = "1 -> 2 no-bias".parse()?;
    let attributor = || Attributor::new(&network, None, 1).expect("an attributor");
    let cases = [
        (refused(class_views(&network, &numbers, 1)), "line: there are no classes in it"),
        (turned([1.0, 0.0]), "range: 1 to 0; expected two ascending numbers"),
        (turned([f32::NAN, 0.0]), "range: NaN to 0; expected two ascending numbers"),
        (
            refused(matrices(&no_bias, &[0.0; 2])),
            "network: 1 -> 2 no-bias -> softmax: expected dense layers with a bias",
        ),
        (refused(attributor().with_baseline(vec![f32::NAN])), "the baseline: input 0 is NaN, not a finite number"),
        (refused(Attributor::new(&network, Some((usize::MAX, 2)), 1)), "pixels of an image: expected 1, got"),
        (
            refused(attributor().attribute(&[0.5], None, Attribution::Occlusion { side: 0 })),
            "attribution: `occlusion`: side: 0; it is from 1 to 1024",
        ),
        (refused(hessian.trace(1, 0)), "probes: 1; at least 2"),
        (refused(hessian.largest(0, 0)), "steps: 0; at least 1"),
    ];
    for (said, piece) in cases {
        assert!(said.starts_with(piece), "{said}");
    }
    // A width to which one more class is added, and a cycle that gets shorter: they overflowed, or never ended.
    let wide: Spec = format!("{} -> relu -> reference-softmax", usize::MAX).parse()?;
    assert_eq!(wide.classes(), usize::MAX);
    assert!(Network::new(&wide, 0).and_then(|network| Predictor::new(&network, 1).map(drop)).is_err());
    let shorter = Schedule::CosineRestarts { first: 1.0, longer: 0.5, least: 0.0 };
    assert!(shorter.factor(Progress { step: 1000, steps: 2000, per_epoch: 10 }).is_finite());
    Ok(())
}

#[test]
fn monitors_have_names_of_their_own() {
    let (data, options) = (data(), FitOptions::default());
    let watch = vec![("val", &data), ("test", &data), ("val", &data)];
    let said = refused(fit_with(&mut network(), &data, &options, FitContext { watch, ..FitContext::default() }));
    assert!(said.contains("watch: `val` is the name of several data sets; each needs a name of its own"), "{said}");
}

#[test]
fn weights_are_finite() {
    let spec = Spec::new(1).layer(2, Activation::Identity);
    for wrong in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
        for (weight, bias) in [(vec![wrong, 0.0], vec![0.0; 2]), (vec![0.0; 2], vec![0.0, wrong])] {
            let said = refused(Network::from_weights(&spec, &[(weight, bias)]));
            assert_eq!(said, "weights: layer 1 has a weight that is not a finite number");
        }
    }
    let far = "1 -> 2 init=truncated-normal=1e300".parse::<Spec>().expect("a text");
    assert_eq!(refused(Network::new(&far, 0)), "weights: layer 1 has a weight that is not a finite number");
    let bytes = Inputs::Bytes { values: [1].into(), scale: f32::NAN };
    let network = network();
    let predictor = Predictor::new(&network, 1).expect("a predictor");
    assert!(refused(predictor.probabilities(&bytes)).contains("the scale of its bytes is NaN"));
}

/// Such a training changed no weight and reported success.
#[test]
fn a_training_in_which_no_row_counts_is_refused() {
    let three = |weights: &[f32]| {
        let data = Dataset::new("three", floats(&[0.0, 1.0, 2.0, 3.0]), 1, vec![0, 0, 1, 1], ["a", "b", "c"]);
        data.and_then(|data| data.with_weights(weights)).expect("weights of rows")
    };
    let cases: [(&[f32], &[f32], bool); 5] = [
        (&[1.0; 4], &[0.0; 3], false),
        (&[1.0; 4], &[0.0, 0.0, 5.0], false), // 0 for all classes that have rows
        (&[1.0, 1.0, 0.0, 0.0], &[0.0, 1.0, 1.0], false), // 0 times 1, or 1 times 0
        (&[1.0, 1.0, 0.0, 1.0], &[0.0, 1.0, 1.0], true),
        (&[1.0; 4], &[0.0, 1.0, 0.0], true),
    ];
    for (rows, classes, counts) in cases {
        let objective = Objective { class_weights: ClassWeights::Given(classes.to_vec()), ..Objective::default() };
        let options = FitOptions { objective, ..FitOptions::default() };
        let mut network = Network::new(&"1 -> 3".parse().expect("a text"), 0).expect("a network");
        match fit(&mut network, &three(rows), &options) {
            Ok(_) => assert!(counts, "{rows:?} {classes:?}"),
            Err(error) => {
                assert!(!counts && matches!(error, Error::Config { .. }), "{rows:?} {classes:?}: {error}");
                assert_eq!(error.to_string(), "class_weights: every weight is 0; no row would count");
            }
        }
    }
    let part = three(&[0.0, 1.0, 0.0, 1.0]).select(&[0, 2]);
    let said = refused(fit(
        &mut Network::new(&"1 -> 3".parse().expect("a text"), 0).expect("it"),
        &part,
        &FitOptions::default(),
    ));
    assert_eq!(said, "three: every weight is 0; no row would count");
    assert_eq!(refused(evaluate(&Network::new(&"1 -> 3".parse().expect("a text"), 0).expect("it"), &part, 1)), said);
}

/// `evaluate` counted every row the same for its accuracy, `val_accuracy` did not; `val_loss` was divided by the number of rows,
/// `val_log-loss` by their weight.
#[test]
fn a_row_counts_as_much_as_its_weight_in_everything_that_is_measured() -> Result<()> {
    let weights = vec![0.25, 3.0, 0.5, 1.0];
    let weighted = data().with_weights(weights.clone())?;
    let mut network = network();
    let options = FitOptions { epochs: 1, metrics: vec![Metric::LogLoss.into()], ..FitOptions::default() };
    let watch = vec![("val", &weighted)];
    let report = fit_with(&mut network, &data(), &options, FitContext { watch, ..FitContext::default() })?;
    let evaluation = evaluate(&network, &weighted, 1)?;

    let [accuracy, log_loss] = [Metric::Accuracy, Metric::LogLoss]
        .map(|metric| report.history.last(&format!("val_{}", AnyMetric::from(metric).key())).expect("measured"));
    let val_loss = report.history.last("val_loss").expect("measured");
    assert_eq!((evaluation.accuracy, evaluation.loss), (accuracy, val_loss));
    assert!((val_loss - log_loss).abs() < 1e-6, "{val_loss} {log_loss}");
    let measured = measure(
        &[Metric::Accuracy, Metric::Precision { average: layerloop::metrics::Average::Macro }],
        &network,
        &weighted,
        1,
    )?;
    let values: Vec<f64> = measured.into_iter().collect::<Result<_>>()?;
    let precision = evaluation.classes().iter().map(|class| class.precision).sum::<f64>() / 2.0;
    assert_eq!(values[0], evaluation.accuracy);
    assert!((values[1] - precision).abs() < 1e-12, "{values:?} {precision}");
    // By hand: rows in which the network is right, each with its weight.
    let answers = Predictor::new(&network, 1)?.probabilities(weighted.inputs())?;
    let right = |row: usize| usize::from(answers[2 * row] < answers[2 * row + 1]) == weighted.labels()[row] as usize;
    let sum: f32 = (0..4).filter(|&row| right(row)).map(|row| weights[row]).sum();
    assert_eq!(evaluation.accuracy, f64::from(sum) / 4.75);
    assert_eq!(evaluation.confusion.iter().flatten().sum::<u64>(), 4, "rows are counted there");

    let line = Dataset::regression("line", floats(&[0.0, 1.0, 2.0, 3.0]), 1, vec![0.0, 9.0, 2.0, 1.0], ["y"])?
        .with_weights(weights)?;
    let network = Network::new(&"1 -> 1 -> identity".parse()?, 0)?;
    let scores = evaluate_regression(&network, &line, 1)?;
    let values = measure(&[Metric::Mse, Metric::Mae, Metric::R2], &network, &line, 1)?
        .into_iter()
        .collect::<Result<Vec<_>>>()?;
    assert_eq!(vec![scores.mse, scores.mae, scores.r2], values);
    assert!((scores.loss - scores.mse).abs() < 1e-5 * scores.mse, "{scores:?}");
    Ok(())
}

/// A sigmoid with one output for one number could be trained and saved; it could be neither evaluated nor loaded.
#[test]
fn one_probability_as_a_number_is_trained_evaluated_saved_and_loaded() -> Result<()> {
    let data = Dataset::regression("p", floats(&[0.0, 1.0, 2.0, 3.0]), 1, vec![0.1, 0.3, 0.6, 0.9], ["p"])?;
    let mut network = Network::new(&"1 -> 1 -> sigmoid".parse()?, 0)?;
    let options = FitOptions { epochs: 200, learning_rate: 0.1, ..FitOptions::default() };
    let report =
        fit_with(&mut network, &data, &options, FitContext { watch: vec![("val", &data)], ..FitContext::default() })?;
    let r2 = evaluate_regression(&network, &data, 1)?.r2;
    assert!(r2 > 0.9 && report.history.last("val_r2") == Some(r2), "{r2}");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("m");
    Model::new(network.clone(), &data, serde_json::Value::Null).save(&path)?;
    assert_eq!(Model::load(&path)?.network.sha256(), network.sha256());
    // What could not be loaded is not saved.
    let two = Dataset::regression("p", floats(&[0.0]), 1, vec![0.1, 0.2, 0.3], ["a", "b", "c"])?;
    let said = refused(Model::new(network, &two, serde_json::Value::Null).save(&path));
    assert!(said.ends_with("not saved: 3 class names for 2 classes"), "{said}");
    Ok(())
}

/// A model of standardised inputs gave whatever for rows as they are outside.
#[test]
fn a_model_standardises_raw_rows_and_only_those() -> Result<()> {
    let raw = Dataset::new("raw", floats(&[100.0, 7.0, 102.0, 7.0, 104.0, 9.0]), 2, vec![0, 1, 1], ["a", "b"])?;
    let by = Standardisation::of(&[100.0, 7.0, 102.0, 7.0, 104.0, 9.0], 2)?;
    let data = raw.standardise(&by)?;
    let mut network = Network::new(&"2 -> 4 tanh -> 2".parse()?, 0)?;
    fit(&mut network, &data, &FitOptions::default())?;
    let model = Model::new(network, &data, serde_json::Value::Null);
    let right = Predictor::new(&model.network, 1)?.probabilities(data.inputs())?;
    let predictor = model.predictor(2)?;
    let mut scratch = predictor.scratch()?;
    assert_eq!(predictor.probabilities(raw.inputs())?, right);
    for row in 0..3 {
        assert_eq!(predictor.row(&raw.row(row), &mut scratch)?, &right[2 * row..][..2], "row {row}, twice in a row");
    }
    assert_eq!(predictor.evaluate(&raw)?, predictor.evaluate(&data)?, "what is standardised already stays");
    let other = raw.standardise(&Standardisation::new(vec![0.0; 2], vec![1.0; 2])?)?;
    assert!(refused(predictor.evaluate(&other)).contains("the rows of raw are standardised, but not as those"));
    // Bytes and entries are standardised as the numbers that they stand for.
    let bytes = Inputs::Bytes { values: [200, 14].into(), scale: 0.5 };
    assert_eq!(predictor.probabilities(&bytes)?, right[..2]);
    let narrow = Model {
        input: layerloop::model_file::Input {
            standardisation: Some(Standardisation::new(vec![0.0], vec![1.0])?),
            ..model.input.clone()
        },
        ..model.clone()
    };
    assert_eq!(refused(narrow.predictor(1)), "inputs of a row to standardise: expected 1, got 2");
    Ok(())
}
