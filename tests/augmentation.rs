//! Augmented trainings: the images of an epoch are a function of (seed, epoch, sample), whatever gathers them.

use std::ops::ControlFlow;

use layerloop::augment::{Augmentation, Distortion};
use layerloop::data::{Csr, Dataset, Inputs, Standardisation};
use layerloop::network::{Network, Predictor};
use layerloop::objective::{ClassWeights, Objective};
use layerloop::train::{Checkpoint, FitContext, FitOptions, fit, fit_with, on_step};
use layerloop::{Error, Result};

const SIZE: [usize; 2] = [9, 7];
const ROWS: usize = 75;

/// Some dark and some light pixels.
fn pixels() -> Vec<u8> {
    let pixel = |i: usize| if i.is_multiple_of(3) { 0 } else { (i * 89 % 256) as u8 };
    (0..ROWS * SIZE[0] * SIZE[1]).map(pixel).collect()
}

fn images(inputs: Inputs) -> Result<Dataset> {
    let labels: Vec<u32> = (0..ROWS).map(|i| (i * 7 % 3) as u32).collect();
    Dataset::new("images", inputs, SIZE[0] * SIZE[1], labels, ["a", "b", "c"])?.with_image(SIZE[0], SIZE[1])
}

fn bytes() -> Result<Dataset> {
    images(Inputs::Bytes { values: pixels().into(), scale: 1.0 / 255.0 })
}

fn numbers() -> Vec<f32> {
    pixels().into_iter().map(|pixel| f32::from(pixel) * (1.0 / 255.0)).collect()
}

fn network() -> Result<Network> {
    Network::new(&"63 -> 18 relu -> 12 tanh -> 3".parse()?, 3)
}

fn options(augment: &str) -> Result<FitOptions> {
    Ok(FitOptions {
        epochs: 3,
        batch: 10,
        learning_rate: 0.01,
        augment: augment.parse()?,
        seed: 5,
        ..FitOptions::default()
    })
}

/// Each distortion by itself, and all of them.
fn augmentations() -> Vec<String> {
    let each = Distortion::ALL.iter().map(|&one| Augmentation::new([one]).expect("its default").to_string());
    let all = Augmentation::new(Distortion::ALL.iter().copied()).expect("all defaults").to_string();
    each.chain([all]).collect()
}

fn trained(data: &Dataset, options: &FitOptions) -> Result<String> {
    let mut network = network()?;
    fit(&mut network, data, options)?;
    Ok(network.sha256())
}

#[test]
fn every_distortion_has_the_same_bits_whatever_the_threads_and_the_form_of_the_images() -> Result<()> {
    let numbers = numbers();
    let width = SIZE[0] * SIZE[1];
    let (mut ends, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in numbers.chunks(width) {
        let entries = row.iter().enumerate().filter(|(_, value)| **value != 0.0);
        entries.for_each(|(column, &value)| {
            columns.push(column as u32);
            values.push(value);
        });
        ends.push(columns.len());
    }
    let sparse = Csr::new(width, ends, columns, values).expect("entries");
    let forms = [bytes()?, images(Inputs::Floats(numbers.into()))?, images(Inputs::Sparse(sparse.into()))?];
    let plain = trained(&forms[0], &options("")?)?;
    for augment in augmentations() {
        let options = options(&augment)?;
        let once = trained(&forms[0], &options)?;
        assert_ne!(once, plain, "{augment}");
        for (data, threads) in forms.iter().flat_map(|data| [1, 2, 5].map(|threads| (data, threads))) {
            let options = FitOptions { threads: Some(threads), ..options.clone() };
            assert_eq!(trained(data, &options)?, once, "{augment}, {threads} threads");
        }
    }
    Ok(())
}

/// An epoch on images as [`Augmentation::apply`] shows them.
#[test]
fn the_images_of_a_training_are_those_that_are_shown() -> Result<()> {
    let data = bytes()?;
    for augment in augmentations().iter().filter(|augment| !augment.contains("mixup")) {
        let options = FitOptions { epochs: 1, ..options(augment)? };
        let shown = options.augment.apply(&data, options.seed, 1, 3)?;
        let plain = FitOptions { augment: Augmentation::default(), ..options.clone() };
        assert_eq!(trained(&data, &options)?, trained(&shown, &plain)?, "{augment}");
    }
    Ok(())
}

/// Image i is a bright pixel i: a mixture shows what it is made of.
#[test]
fn mixtures_mix_the_targets_as_they_mix_the_images() -> Result<()> {
    let width = SIZE[0] * SIZE[1];
    let one = |i: usize| if i.is_multiple_of(width + 1) { 1.0 } else { 0.0 };
    let labels: Vec<u32> = (0..width).map(|i| (i % 3) as u32).collect();
    let inputs = Inputs::Floats((0..width * width).map(one).collect());
    let data = Dataset::new("pixels", inputs, width, labels.clone(), ["a", "b", "c"])?.with_image(SIZE[0], SIZE[1])?;
    let options = FitOptions { epochs: 1, ..options("mixup=0.7")? };
    let mixed = options.augment.apply(&data, options.seed, 1, 1)?;
    let mut shares = vec![0.0; width * 3];
    for row in 0..width {
        let image = mixed.row(row);
        assert!((image.iter().sum::<f32>() - 1.0).abs() < 1e-6 && image.iter().filter(|&&x| x > 0.0).count() <= 2);
        (0..width).for_each(|i| shares[3 * row + labels[i] as usize] += image[i]);
    }
    assert!(shares.iter().any(|share| (0.05..0.95).contains(share)));
    let soft = Dataset::regression("mixed", mixed.inputs().clone(), width, shares, ["a", "b", "c"])?;
    let plain = FitOptions { augment: Augmentation::default(), ..options.clone() };
    let [mut of_labels, mut of_shares] = [network()?, network()?];
    let losses = [fit(&mut of_labels, &data, &options)?, fit(&mut of_shares, &soft, &plain)?];
    let [one, other] = losses.map(|report| report.epochs[0].train_loss);
    assert!((one - other).abs() < 1e-6, "{one}, {other}");
    for (one, other) in of_labels.to_vec().into_iter().zip(of_shares.to_vec()) {
        assert!((one - other).abs() < 1e-5, "{one}, {other}");
    }
    Ok(())
}

#[test]
fn a_run_resumes_inside_an_augmented_epoch_to_the_bit() -> Result<()> {
    let (data, folder) = (bytes()?, tempfile::tempdir().expect("a folder"));
    for augment in augmentations() {
        let options = options(&augment)?;
        let mut whole = network()?;
        let mut checkpoints: Vec<Checkpoint> = Vec::new();
        let mut keep = on_step(|_, run| {
            checkpoints.push(run.checkpoint());
            ControlFlow::Continue(())
        });
        fit_with(&mut whole, &data, &options, &mut keep)?;
        let path = folder.path().join("checkpoint.safetensors");
        for checkpoint in checkpoints.into_iter().step_by(5) {
            let step = checkpoint.steps();
            checkpoint.save(&path)?;
            let from = Some(Checkpoint::load(&path)?);
            let mut resumed = network()?;
            let options = FitOptions { threads: Some(2), ..options.clone() };
            fit_with(&mut resumed, &data, &options, FitContext { from, ..FitContext::default() })?;
            assert_eq!(resumed.sha256(), whole.sha256(), "{augment} from step {step}");
        }
    }
    let from = || Checkpoint::load(folder.path().join("checkpoint.safetensors")).map(Some);
    let refused = |augment: &str| {
        let with = FitContext { from: from()?, ..FitContext::default() };
        fit_with(&mut network()?, &data, &options(augment)?, with).map(|_| ())
    };
    let said = refused("").expect_err("another run").to_string();
    assert!(said.contains("augment: \"shift=2") && said.contains("in the checkpoint, nothing now"), "{said}");
    Ok(())
}

#[test]
fn what_cannot_be_augmented_is_refused_in_one_sentence() -> Result<()> {
    let refused = |data: &Dataset, options: FitOptions| -> Result<String> {
        match fit(&mut network()?, data, &options) {
            Err(error @ Error::Config { .. }) => Ok(error.to_string()),
            other => panic!("{other:?}"),
        }
    };
    let width = SIZE[0] * SIZE[1];
    let table = Dataset::new("table", bytes()?.inputs().clone(), width, bytes()?.labels().to_vec(), ["a", "b", "c"])?;
    assert_eq!(
        refused(&table, options("rotate=5")?)?,
        "augment: `rotate=5`: table has rows of numbers, not images; only images can be augmented"
    );
    let standardisation = Standardisation::new(vec![0.5; width], vec![0.3; width])?;
    assert_eq!(
        refused(&bytes()?.standardise(&standardisation)?, options("rotate=5")?)?,
        "augment: `rotate=5`: images is standardised; only images as they are can be augmented"
    );
    let lbfgs = FitOptions { optimizer: layerloop::names::parse("lbfgs")?, ..options("rotate=5")? };
    assert_eq!(refused(&bytes()?, lbfgs)?, "augment: each epoch has other images, so lbfgs cannot use it");
    Ok(())
}

#[test]
fn the_variants_of_an_image_have_the_mean_of_their_logits_whatever_stands_beside_it() -> Result<()> {
    let (data, augment) = (bytes()?, "shift=1 rotate=20 noise=0.5 mixup=0.2".parse::<Augmentation>()?);
    let network = Network::new(&"63 -> 18 relu -> 3 -> identity".parse()?, 3)?;
    let plain = Predictor::new(&network, 1)?;
    let mut sums = vec![0.0; 3 * ROWS];
    for variant in 0..4_u64 {
        for row in 0..ROWS {
            let moved = "shift=1 rotate=20".parse::<Augmentation>()?.apply(&data.select(&[row]), 0, variant, 1)?;
            let image = if variant == 0 { data.row(row) } else { moved.row(0) };
            let logits = plain.probabilities(&image.into())?;
            sums[3 * row..].iter_mut().zip(logits).for_each(|(sum, logit)| *sum += logit);
        }
    }
    let means: Vec<f32> = sums.into_iter().map(|sum| sum / 4.0).collect();
    for threads in [1, 2] {
        let predictor = Predictor::new(&network, threads)?.with_variants(&augment, (SIZE[0], SIZE[1]), 4)?;
        assert_eq!(predictor.probabilities(data.inputs())?, means);
        let mut scratch = predictor.scratch()?;
        assert_eq!(predictor.row(&data.row(7), &mut scratch)?, &means[21..24]);
    }
    let refused = |augment: &str, size, count| {
        let predictor = Predictor::new(&network, 1).expect("a predictor");
        predictor.with_variants(&augment.parse().expect("an augmentation"), size, count).unwrap_err().to_string()
    };
    assert!(refused("shift=1", (9, 7), 0).starts_with("variants: 0;"));
    assert!(refused("shift=1", (8, 7), 2).contains("8 x 7"));
    assert_eq!(
        refused("noise=0.1", (9, 7), 2),
        "augment: `noise=0.1` moves no pixel, so that all variants of an image are equal"
    );
    Ok(())
}

/// Augmentation beside all that a run can have: the same bits whatever the threads, and where it resumes.
#[test]
fn an_augmented_training_of_any_kind_has_the_same_bits_whatever_the_threads_and_resumes() -> Result<()> {
    let augment: Augmentation = "shift=1 rotate=20 elastic=6,2 noise=0.1 erase=0.2 mixup=0.4".parse()?;
    let balanced = Objective { class_weights: ClassWeights::Balanced, label_smoothing: 0.1, ..Objective::default() };
    let members = Objective { each_member: true, ..balanced.clone() };
    let base = FitOptions { epochs: 2, batch: 10, learning_rate: 0.01, augment, seed: 5, ..FitOptions::default() };
    let all = [
        ("63 -> 18 batch-norm relu -> 12 dropout=0.2 tanh -> 3", base.clone()),
        ("63 -> skip(63 relu) -> layer-norm -> 3", base.clone()),
        ("63 -> maxout=3 -> 3 -> sigmoid", base.clone()),
        ("63 -> 9 relu -> 3 -> reference-softmax", FitOptions { objective: balanced, ..base.clone() }),
        ("63 -> 9 tanh -> 3 -> identity", base.clone()),
        ("63 -> 18 relu -> 3", FitOptions { accumulate: 3, clip_norm: Some(0.1), ema: Some(0.9), ..base.clone() }),
        ("63 -> parallel(9 relu -> 3 | 7 tanh -> 3, join=mean)", FitOptions { objective: members, ..base.clone() }),
        // Short rows in chunks: see `Stepper::chunk_loops`.
        ("63 -> 4 relu -> 3", FitOptions { batch: 4096, epochs: 3, ..base.clone() }),
    ];
    let small = bytes()?;
    let large = small.select(&(0..5000).map(|i| i % ROWS).collect::<Vec<_>>());
    for (text, options) in all {
        let text = if text.contains("reference") { text.replace("-> 3 ->", "-> 2 ->") } else { text.to_owned() };
        let data = if options.batch > ROWS { &large } else { &small };
        let network = Network::new(&text.parse()?, 3)?;
        let mut whole = network.clone();
        let mut kept: Option<Checkpoint> = None;
        let mut keep = on_step(|end, run| {
            if end.step == 2 {
                kept = Some(run.checkpoint());
            }
            ControlFlow::Continue(())
        });
        fit_with(&mut whole, data, &FitOptions { threads: Some(1), ..options.clone() }, &mut keep)?;
        for threads in [2, 3] {
            let mut other = network.clone();
            let mut resumed = network.clone();
            let options = FitOptions { threads: Some(threads), ..options.clone() };
            fit(&mut other, data, &options)?;
            assert_eq!(other.sha256(), whole.sha256(), "{text}, {threads} threads");
            fit_with(&mut resumed, data, &options, FitContext { from: kept.clone(), ..FitContext::default() })?;
            assert_eq!(resumed.sha256(), whole.sha256(), "{text}, resumed");
        }
    }
    Ok(())
}
