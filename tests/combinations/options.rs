//! Random options of a training.

use layerloop::metrics::{AnyMetric, Metric, Predictions};
use layerloop::train::{ClassWeights, EarlyStopping, FitOptions, LayerRate, Loss, Objective, Reduction, Schedule};

use super::random::Random;

/// Options for a training of `classes` classes, or of targets where there is none; with data to measure on where `validates`.
pub(crate) fn options(random: &mut Random, loss: Loss, classes: Option<usize>, validates: bool) -> FitOptions {
    let epochs = 1 + random.below(4);
    let mut options = FitOptions {
        epochs,
        batch: random.one_of(&[1, 2, 5, 7, 16, 33, 2000]),
        objective: objective(random, loss, classes),
        learning_rate: random.one_of(&[1e-3, 1e-3, 1e-2, 1e-4, 0.1]),
        seed: random.below(1000) as u64,
        ..FitOptions::default()
    };
    if random.percent(70) {
        options.optimizer = random.choice();
    }
    steps(random, &mut options);
    penalties(random, &mut options);
    if validates {
        options.metrics = metrics(random, classes);
        options.early_stopping = random.percent(40).then(|| {
            let metric =
                random.one_of(&["val_loss", "train_loss", if classes.is_some() { "val_f1" } else { "val_r2" }]);
            let min_delta = random.one_of(&[0.0, 0.0, 0.01]);
            let (start_epoch, restore_best) = (1 + random.below(epochs), random.percent(70));
            EarlyStopping {
                patience: 1 + random.below(2),
                min_delta,
                start_epoch,
                restore_best,
                ..EarlyStopping::on(metric)
            }
        });
        if options.early_stopping.as_ref().is_some_and(|rule| rule.metric == "val_f1") {
            options.metrics = vec!["f1".parse().expect("a metric")];
        }
    }
    options
}

fn objective(random: &mut Random, loss: Loss, classes: Option<usize>) -> Objective {
    let mut objective = Objective { loss: Some(loss.into()), ..Objective::default() };
    if random.percent(20) {
        objective.reduction = Reduction::Sum;
    }
    let Some(classes) = classes else { return objective };
    if random.percent(15) {
        objective.label_smoothing = random.one_of(&[0.1, 0.5]);
    }
    if random.percent(20) {
        let weights = (0..classes).map(|class| [1.0, 0.0, 2.5, 0.25][class % 4]).collect();
        objective.class_weights = random.one_of(&[ClassWeights::Balanced, ClassWeights::Given(weights)]);
    }
    objective
}

/// How gradients become steps, and how steps change over the run.
fn steps(random: &mut Random, options: &mut FitOptions) {
    if random.percent(40) {
        options.schedule = random.choice::<Schedule>().into();
    }
    if random.percent(20) {
        options.warmup = random.one_of(&[0.5, 1.0, 3.0]);
    }
    if random.percent(20) {
        options.clip_norm = Some(random.one_of(&[0.5, 1e-3]));
    }
    if random.percent(15) {
        options.clip_value = Some(0.1);
    }
    if random.percent(20) {
        options.accumulate = random.one_of(&[2, 3]);
    }
    match random.below(8) {
        0 => options.ema = Some(random.one_of(&[0.0, 0.5, 0.99])),
        1 => options.swa_from_epoch = Some(1 + random.below(options.epochs)),
        _ => {}
    }
    if random.percent(20) {
        let factor = random.one_of(&[0.0, 0.0, 0.5, 2.0]);
        options.layer_rates = vec![LayerRate::new(random.one_of(&["1", "2", "2.1"]), factor)];
    }
}

fn penalties(random: &mut Random, options: &mut FitOptions) {
    if random.percent(20) {
        options.weight_decay = Some(random.one_of(&[0.0, 0.01]));
    }
    if random.percent(12) {
        options.l1 = 1e-3;
    }
    if random.percent(12) {
        options.l2 = 1e-3;
    }
    options.decay_all = random.percent(20);
    if random.percent(15) {
        options.decay_schedule = random.choice::<Schedule>().into();
    }
    if random.percent(15) {
        options.dropout_schedule = random.choice::<Schedule>().into();
    }
}

/// Some metrics that suit the targets.
fn metrics(random: &mut Random, classes: Option<usize>) -> Vec<AnyMetric> {
    let mut metrics = Vec::new();
    for _ in 0..random.below(3) {
        let metric = AnyMetric::from(random.choice::<Metric>());
        if suits(metric, classes.is_some()) && !metrics.contains(&metric) {
            metrics.push(metric);
        }
    }
    metrics
}

/// Whether a metric measures classes, or numbers.
pub(crate) fn suits(metric: AnyMetric, classes: bool) -> bool {
    let classified = Predictions::classes(&[0.75, 0.25, 0.25, 0.75], &[0, 1], 2);
    metric.of(&if classes { classified } else { Predictions::numbers(&[1.0, 2.0], &[1.5, 2.5], 1) }).is_ok()
}
