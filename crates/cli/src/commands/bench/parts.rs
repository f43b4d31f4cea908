//! What each part of the toolbox costs: a training step with it, over the step of a plain network.

use layerloop::Result;
use layerloop::choice::text;
use layerloop::data::{Dataset, Inputs};
use layerloop::network::{Activation, Spec, Unit};
use layerloop::train::rng::Stream;
use layerloop::train::{FitOptions, Optimizer};
use serde_json::json;

use super::sweep::seconds_of_a_step;
use super::{Measured, Setting, median};

/// What most parts are compared with; Adam trains it.
const PLAIN: &str = "256 -> 256 relu -> 256 relu -> 10";

const BATCH: usize = 128;

/// Turns of plain network and part, whose ratios' median counts.
const TURNS: usize = 5;

/// A network with a part, how it is trained, and the network without it whose matrix products are as large.
struct Part {
    family: &'static str,
    name: String,
    with: String,
    plain: &'static str,
    optimizer: Optimizer,
}

pub(super) fn measure(setting: &Setting, show: impl Fn(Measured) -> Result<()>) -> Result<()> {
    show(Measured {
        object: json!({ "job": "parts", "plain": PLAIN, "batch": BATCH }),
        text: format!("parts: a training step with each over one without, {PLAIN} for most; Adam, batches of {BATCH}"),
    })?;
    for part in parts() {
        let ratios = (0..TURNS).map(|_| Ok(part.seconds(setting)? / part.without().seconds(setting)?));
        let ratio = median(&ratios.collect::<Result<Vec<_>>>()?);
        let Part { family, name, with, plain, .. } = part;
        show(Measured {
            object: json!({
                "job": "parts", "family": family, "part": name, "network": with, "plain": plain,
                "threads": setting.threads, "isa": setting.isa.name(), "ratio": ratio,
            }),
            text: format!("{family:<12} {name:<20} {:+6.1} %", 100.0 * (ratio - 1.0)),
        })?;
    }
    Ok(())
}

/// Every member of every closed set that a step can have.
fn parts() -> Vec<Part> {
    let mut parts = Vec::new();
    let mut add = |family, name: String, with, plain, optimizer| {
        parts.push(Part { family, name, with, plain, optimizer });
    };
    let twice = |hidden: String| format!("256 -> {hidden} -> {hidden} -> 10");
    for &activation in Activation::ALL {
        let name = text(activation);
        add("activation", name.clone(), twice(format!("256 {name}")), PLAIN, Optimizer::ADAM);
    }
    for &unit in Unit::ALL {
        let name = text(unit);
        let (with, plain) = match unit {
            Unit::Prelu { .. } | Unit::Rrelu { .. } => (twice(format!("256 {name}")), PLAIN),
            Unit::Maxout { .. } => (format!("256 -> 512 {name} -> 10"), "256 -> 512 relu -> 10"),
            Unit::Bilinear { .. } => ("16 -> bilinear=256 relu -> 10".into(), "256 -> 256 relu -> 10"),
            Unit::Embedding { .. } => ("16 -> embedding 256 relu -> 10".into(), "1 -> 256 relu -> 256 relu -> 10"),
            _ => (twice(format!("256 {name} relu")), PLAIN),
        };
        add("layer", name, with, plain, Optimizer::ADAM);
    }
    for chains in ["skip(256 relu)", "parallel(128 relu | 128 relu, join=concatenate)"] {
        add("layer", chains[..chains.find('(').unwrap_or(0)].into(), twice(chains.into()), PLAIN, Optimizer::ADAM);
    }
    for &optimizer in Optimizer::ALL {
        add("optimizer", text(optimizer), PLAIN.into(), PLAIN, optimizer);
    }
    parts
}

impl Part {
    /// What it is compared with.
    fn without(&self) -> Self {
        Self {
            family: self.family,
            name: String::new(),
            with: self.plain.into(),
            plain: self.plain,
            optimizer: Optimizer::ADAM,
        }
    }

    /// The median time of a step.
    fn seconds(&self, setting: &Setting) -> Result<f64> {
        let spec: Spec = self.with.parse()?;
        let options = FitOptions {
            batch: BATCH,
            optimizer: self.optimizer,
            threads: Some(setting.threads),
            ..FitOptions::default()
        };
        seconds_of_a_step(&spec, &rows_for(&spec)?, options)
    }
}

/// Random rows for a network: whole numbers that fit the embedding's table as well as any layer.
fn rows_for(spec: &Spec) -> Result<Dataset> {
    let (rows, classes) = (4 * BATCH, spec.classes());
    let mut stream = Stream::new(0, "bench", 1);
    let inputs = Inputs::Floats((0..rows * spec.inputs).map(|_| (stream.uniform() * 3.0).floor()).collect());
    let labels: Vec<u32> = (0..rows).map(|row| (row % classes) as u32).collect();
    Dataset::new("parts", inputs, spec.inputs, labels, (0..classes).map(|class| class.to_string()))
}
