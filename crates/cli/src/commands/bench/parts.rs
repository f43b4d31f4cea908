//! What each part of the toolbox costs: a training step with it, over the step of a plain network.

use layerloop::Result;
use layerloop::data::{Dataset, Inputs};
use layerloop::names::text;
use layerloop::network::{Activation, Spec, Unit};
use layerloop::rng::Stream;
use layerloop::train::{FitOptions, Loss, Objective, Optimizer};
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
    loss: Option<Loss>,
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
        parts.push(Part { family, name, with, plain, optimizer, loss: None });
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
            Unit::Columns { .. } => {
                ("256 -> 256 columns(count=128) -> 256 relu -> 10".into(), "256 -> 128 -> 256 relu -> 10")
            }
            Unit::Piecewise { .. } => (format!("16 -> {name} 256 relu -> 10"), "256 -> 256 relu -> 10"),
            Unit::Waves { .. } => (format!("16 -> {name} 256 relu -> 10"), "256 -> 256 relu -> 10"),
            Unit::MemberDense { .. } => {
                ("256 -> 256 relu -> member-dense(members=32, width=10)".into(), "256 -> 256 relu -> 10")
            }
            Unit::Grouped { .. } => {
                ("256 -> 256 -> grouped(groups=8, width=32) relu -> 10".into(), "256 -> 256 -> 256 relu -> 10")
            }
            _ => (twice(format!("256 {name} relu")), PLAIN),
        };
        add("layer", name, with, plain, Optimizer::ADAM);
    }
    for chains in ["skip(256 relu)", "parallel(128 relu | 128 relu, join=concatenate)"] {
        add("layer", chains[..chains.find('(').unwrap_or(0)].into(), twice(chains.into()), PLAIN, Optimizer::ADAM);
    }
    // A step of L-BFGS looks at all rows, several times.
    for &optimizer in Optimizer::ALL.iter().filter(|choice| !matches!(choice, Optimizer::Lbfgs { .. })) {
        add("optimizer", text(optimizer), PLAIN.into(), PLAIN, optimizer);
    }
    for &loss in Loss::ALL {
        let with = format!("{PLAIN} -> {}", text(loss.default_output()));
        let (name, optimizer) = (text(loss), Optimizer::ADAM);
        parts.push(Part { family: "loss", name, with, plain: PLAIN, optimizer, loss: Some(loss) });
    }
    parts
}

impl Part {
    /// What it is compared with.
    fn without(&self) -> Self {
        let (name, with) = (String::new(), self.plain.into());
        Self { family: self.family, name, with, plain: self.plain, optimizer: Optimizer::ADAM, loss: None }
    }

    /// The median time of a step.
    fn seconds(&self, setting: &Setting) -> Result<f64> {
        let spec: Spec = self.with.parse()?;
        let options = FitOptions {
            batch: BATCH,
            optimizer: self.optimizer,
            objective: Objective { loss: self.loss.map(Into::into), ..Objective::default() },
            threads: Some(setting.threads),
            ..FitOptions::default()
        };
        seconds_of_a_step(&spec, &rows_for(&spec, self.loss)?, options)
    }
}

/// Random rows for a network: whole numbers that fit the embedding's table as well as any layer; classes, or numbers.
fn rows_for(spec: &Spec, loss: Option<Loss>) -> Result<Dataset> {
    let (rows, outputs) = (4 * BATCH, spec.classes());
    let mut stream = Stream::new(0, "bench", 1);
    let mut whole = |count: usize| -> Vec<f32> { (0..count).map(|_| (stream.uniform() * 3.0).floor()).collect() };
    let (inputs, numbers) = (Inputs::Floats(whole(rows * spec.inputs).into()), whole(rows * outputs));
    let names = (0..outputs).map(|i| i.to_string());
    let margin = matches!(loss, Some(Loss::Hinge | Loss::SquaredHinge));
    if spec.output.is_classifier() || margin {
        let labels: Vec<u32> = (0..rows).map(|row| (row % outputs) as u32).collect();
        return Dataset::new("parts", inputs, spec.inputs, labels, names);
    }
    Dataset::regression("parts", inputs, spec.inputs, numbers, names)
}
