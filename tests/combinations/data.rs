//! Random data sets: bytes of images, tables of numbers, rows by their entries; for every loss targets that it can measure.

use layerloop::Result;
use layerloop::data::{Csr, Dataset, Inputs, Standardisation};
use layerloop::network::Output;
use layerloop::train::Loss;

use super::random::Random;

/// Names of classes and of targets.
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// What a network is trained and measured on, and what is known of it.
pub(crate) struct Data {
    pub(crate) train: Dataset,
    pub(crate) validation: Dataset,
    /// Inputs are whole numbers below this.
    pub(crate) whole: Option<usize>,
    pub(crate) description: String,
}

/// Random data for `loss` under `output`, with `outputs` classes or targets.
///
/// # Errors
/// None that a right library would give: a data set that is refused is a fault.
pub(crate) fn data(random: &mut Random, loss: Loss, output: Output, outputs: usize) -> Result<Data> {
    let rows = random.one_of(&[1, 2, 3, 7, 20, 33, 64, 90]);
    let kind = random.one_of(&["bytes", "bytes", "floats", "floats", "floats", "whole", "entries"]);
    let width = match kind {
        "bytes" => random.one_of(&[1, 4, 9, 16, 36, 64]),
        "entries" => random.one_of(&[20, 150, 300]),
        _ => random.one_of(&[1, 2, 5, 13, 16, 30]),
    };
    let drawn = numbers(random, kind, rows, width);
    let values = repeated(random, drawn, width);
    let hinge = matches!(loss, Loss::Hinge | Loss::SquaredHinge);
    let classes = (output.is_classifier() || hinge) && random.percent(80);
    let make = |random: &mut Random, inputs: Inputs, rows: usize| {
        let data = if classes {
            let labels = labels(random, rows, outputs);
            Dataset::new("random", inputs, width, labels, NAMES[..outputs].iter().copied())
        } else {
            // One sigmoid gives two classes of one number.
            let columns = output.targets(output.logits(outputs));
            let targets = targets(random, loss, output, rows, columns);
            Dataset::regression("random", inputs, width, targets, NAMES[..columns].iter().copied())
        }?;
        shaped(random, data, kind)
    };
    let held_back = rows.min(1 + random.below(20));
    let validation = inputs(kind, values[..held_back * width].to_vec(), width)?;
    let [train, validation] = [make(random, inputs(kind, values, width)?, rows)?, make(random, validation, held_back)?];
    let [train, validation] = if kind == "floats" && random.percent(30) {
        let by = Standardisation::of(&floats(&train), width)?;
        [train.standardise(&by)?, validation.standardise(&by)?]
    } else {
        [train, validation]
    };
    let [train, validation] = [weighted(random, train)?, weighted(random, validation)?];
    let of = if classes { "classes" } else { "targets" };
    let description = format!(
        "{rows} rows of {width} {kind}, {outputs} {of}, {held_back} rows for validation{}{}",
        if train.weights().is_some() { ", weighted" } else { "" },
        if train.standardisation().is_some() { ", standardised" } else { "" },
    );
    Ok(Data { train, validation, whole: (kind == "whole").then_some(WHOLE), description })
}

/// Whole numbers are below this.
const WHOLE: usize = 11;

/// Row after row, with columns that are 0 or some other number in every row.
fn numbers(random: &mut Random, kind: &str, rows: usize, width: usize) -> Vec<f32> {
    let constant: Vec<Option<f32>> = (0..width)
        .map(|_| match (kind, random.below(6)) {
            (_, 0) => Some(0.0),
            ("bytes" | "whole", 1) => Some(7.0),
            ("floats", 1) => Some(-2.5),
            _ => None,
        })
        .collect();
    let size = if kind == "floats" { random.one_of(&[1.0, 1.0, 1.0, 1e-3, 30.0]) } else { 1.0 };
    let mut value = |column: usize| match (kind, constant[column]) {
        ("entries", _) if random.percent(5) => random.below(2000) as f32 / 1000.0 - 1.0,
        ("entries", _) => 0.0,
        (_, Some(constant)) => constant,
        ("bytes", _) => (random.below(2) * random.below(256)) as f32,
        ("whole", _) => random.below(WHOLE) as f32,
        _ => size * (random.below(20_001) as f32 / 10_000.0 - 1.0),
    };
    (0..rows * width).map(|i| value(i % width)).collect()
}

/// Now and then with rows that are copies of the first.
fn repeated(random: &mut Random, mut values: Vec<f32>, width: usize) -> Vec<f32> {
    if random.percent(20) {
        let first = values[..width].to_vec();
        values.chunks_exact_mut(width).filter(|_| random.percent(50)).for_each(|row| row.copy_from_slice(&first));
    }
    values
}

fn inputs(kind: &str, values: Vec<f32>, width: usize) -> Result<Inputs> {
    match kind {
        "bytes" => Ok(Inputs::Bytes { values: values.iter().map(|&value| value as u8).collect(), scale: 1.0 / 255.0 }),
        "entries" => {
            let entries: Vec<usize> = (0..values.len()).filter(|&i| values[i] != 0.0).collect();
            let starts = (0..=values.len() / width).map(|row| entries.partition_point(|&i| i < row * width)).collect();
            let columns = entries.iter().map(|i| (i % width) as u32).collect();
            let csr = Csr::new(width, starts, columns, entries.iter().map(|&i| values[i]).collect());
            Ok(csr?.into())
        }
        _ => Ok(Inputs::Floats(values.into())),
    }
}

/// Of all classes, of one, or of all but the last.
fn labels(random: &mut Random, rows: usize, classes: usize) -> Vec<u32> {
    let present = match random.below(6) {
        0 => 1,
        1 => classes - 1,
        _ => classes,
    };
    (0..rows).map(|_| random.below(present) as u32).collect()
}

/// Numbers that `loss` can measure.
fn targets(random: &mut Random, loss: Loss, output: Output, rows: usize, columns: usize) -> Vec<f32> {
    let constant = random.percent(10);
    let share = |random: &mut Random| random.below(1001) as f32 / 1000.0;
    let mut all = Vec::new();
    for _ in 0..rows {
        let row: Vec<f32> = match (loss, output) {
            (_, Output::Softmax | Output::ReferenceSoftmax) => {
                let shares: Vec<f32> = (0..columns).map(|_| 0.01 + share(random)).collect();
                let sum: f32 = shares.iter().sum();
                shares.iter().map(|share| share / sum).collect()
            }
            (_, Output::Sigmoid) => {
                let certain = random.percent(50);
                (0..columns).map(|_| if certain { share(random).round() } else { share(random) }).collect()
            }
            (Loss::Hinge | Loss::SquaredHinge, _) => {
                (0..columns).map(|_| if random.percent(50) { 1.0 } else { -1.0 }).collect()
            }
            (Loss::Poisson, _) => (0..columns).map(|_| random.below(5) as f32).collect(),
            (Loss::Msle, _) => (0..columns).map(|_| 3.0 * share(random) - 0.5).collect(),
            _ => (0..columns).map(|_| 4.0 * share(random) - 2.0).collect(),
        };
        all.extend(if constant && all.len() >= columns { all[..columns].to_vec() } else { row });
    }
    all
}

/// Bytes are images, where they fill a square.
fn shaped(random: &mut Random, data: Dataset, kind: &str) -> Result<Dataset> {
    let side = data.width().isqrt();
    if kind == "bytes" && side * side == data.width() && random.percent(80) {
        return data.with_image(side, side);
    }
    Ok(data)
}

/// Now and then with weights, some of them 0.
fn weighted(random: &mut Random, data: Dataset) -> Result<Dataset> {
    if random.percent(80) {
        return Ok(data);
    }
    let mut weights: Vec<f32> = (0..data.rows()).map(|_| random.below(5) as f32 / 2.0).collect();
    weights[0] = 1.0;
    data.with_weights(weights)
}

fn floats(data: &Dataset) -> Vec<f32> {
    (0..data.rows()).flat_map(|row| data.row(row)).collect()
}
