//! `layerloop outliers`

use layerloop::data::{Dataset, Targets, onecold};
use layerloop::model_file::Model;
use layerloop::network::Predictor;
use layerloop::train::{Sample, samples};
use layerloop::{Error, Result};
use serde_json::{Value, json};

use super::objective_of;
use super::trained_on::load_part;
use crate::Outcome;
use crate::args::{By, Outliers};
use crate::output::{line, shown};
use crate::scores::threads_for;
use crate::table::table;

/// A row of the data, and why it is suspected.
struct Suspect {
    row: usize,
    sample: Sample,
    /// p_y - max_{k != y} p_k, of a classifier.
    margin: Option<f32>,
    score: f32,
}

pub(crate) fn run(args: &Outliers) -> Result<Outcome> {
    let model = Model::load(&args.model)?;
    let data = load_part(&model, args.data.as_deref(), args.data_dir.as_deref(), args.part)?;
    let suspects = suspects(args, &model, &data)?;
    let wanted = match (args.top, args.share) {
        (Some(top), _) => top,
        (None, Some(share)) => (data.rows() as f64 * share).round() as usize,
        (None, None) => 20,
    };
    let suspects = &suspects[..wanted.min(suspects.len())];
    let names = data.target_names();
    let outputs = outputs(&model, &data, suspects)?;
    if args.json {
        for (rank, (suspect, outputs)) in suspects.iter().zip(&outputs).enumerate() {
            line(as_json(rank + 1, suspect, &data, names, outputs))?;
        }
        return Ok(Outcome::Done);
    }
    line(format_args!("{}, {} rows, the most suspicious first\n", shown(data.name()), data.rows()))?;
    let rows: Vec<Vec<String>> =
        suspects.iter().zip(&outputs).enumerate().map(|(i, (s, o))| as_row(i + 1, s, &data, names, o)).collect();
    line(table(&["rank", "row", "label", "predicted", "probability", "loss", "gradient norm"], &rows))?;
    Ok(Outcome::Done)
}

/// All rows, the most suspicious first; of equals the first comes first.
fn suspects(args: &Outliers, model: &Model, data: &Dataset) -> Result<Vec<Suspect>> {
    let objective = objective_of(model)?;
    let threads = threads_for(model.network.spec());
    let samples = samples(&model.network, data, &objective, threads)?;
    let margins = match data.targets() {
        Targets::Labels { labels, classes } if classes.len() > 1 => {
            let probabilities = Predictor::new(&model.network, threads)?.probabilities(data.inputs())?;
            let rows = probabilities.chunks_exact(model.network.classes());
            Some(rows.zip(labels.iter()).map(|(p, &label)| margin(p, label as usize)).collect::<Vec<f32>>())
        }
        _ => None,
    };
    let refuse = |reason: &str| Err(Error::config("--by", reason));
    if args.by == By::Margin && margins.is_none() {
        return refuse("margin; there are no classes, so there is none: loss and gradient are left");
    }
    if args.by == By::Gradient && samples.iter().any(|sample| sample.gradient_norm.is_nan()) {
        return refuse(
            "gradient; with a batch norm a row has no gradient of its own, and with several members none that is known: loss and margin are left",
        );
    }
    let mut suspects: Vec<Suspect> = samples
        .into_iter()
        .enumerate()
        .map(|(row, sample)| {
            let margin = margins.as_ref().map(|margins| margins[row]);
            let score = match args.by {
                By::Loss => sample.loss,
                By::Gradient => sample.gradient_norm,
                By::Margin => -margin.unwrap_or(0.0),
            };
            Suspect { row, sample, margin, score }
        })
        .collect();
    suspects.sort_by(|a, b| b.score.total_cmp(&a.score));
    Ok(suspects)
}

fn margin(p: &[f32], label: usize) -> f32 {
    let others = p.iter().enumerate().filter(|(k, _)| *k != label).map(|(_, &p)| p);
    p[label] - others.fold(f32::NEG_INFINITY, f32::max)
}

/// What the model says of each.
fn outputs(model: &Model, data: &Dataset, suspects: &[Suspect]) -> Result<Vec<Vec<f32>>> {
    let rows: Vec<usize> = suspects.iter().map(|suspect| suspect.row).collect();
    let outputs = Predictor::new(&model.network, 1)?.probabilities(data.select(&rows).inputs())?;
    Ok(outputs.chunks_exact(model.network.classes().max(1)).map(<[f32]>::to_vec).collect())
}

/// The target of a row, as a person reads it.
fn target(data: &Dataset, row: usize, names: &[String]) -> String {
    match data.targets() {
        Targets::Labels { labels, .. } => names[labels[row] as usize].clone(),
        Targets::Numbers { values, names } => numbers(&values[row * names.len()..][..names.len()]),
    }
}

fn numbers(values: &[f32]) -> String {
    values.iter().map(|value| format!("{value:.4}")).collect::<Vec<_>>().join(", ")
}

fn as_row(rank: usize, suspect: &Suspect, data: &Dataset, names: &[String], outputs: &[f32]) -> Vec<String> {
    let (said, probability) = match data.targets() {
        Targets::Labels { .. } => (names[onecold(outputs)].clone(), format!("{:.4}", outputs[onecold(outputs)])),
        Targets::Numbers { .. } => (numbers(outputs), String::new()),
    };
    let Suspect { row, sample, .. } = suspect;
    let loss = format!("{:.4}", sample.loss);
    let norm = if sample.gradient_norm.is_nan() { "-".into() } else { format!("{:.4}", sample.gradient_norm) };
    vec![rank.to_string(), row.to_string(), target(data, *row, names), said, probability, loss, norm]
}

fn as_json(rank: usize, suspect: &Suspect, data: &Dataset, names: &[String], outputs: &[f32]) -> Value {
    let Suspect { row, sample, margin, .. } = suspect;
    let mut object = json!({ "rank": rank, "row": row });
    match data.targets() {
        Targets::Labels { labels, .. } => {
            let said = onecold(outputs);
            object["label"] = json!(names[labels[*row] as usize]);
            object["predicted"] = json!(names[said]);
            object["probability"] = json!(outputs[said]);
            object["margin"] = json!(margin);
        }
        Targets::Numbers { values, names } => {
            object["target"] = json!(values[row * names.len()..][..names.len()]);
            object["predicted"] = json!(outputs);
        }
    }
    object["loss"] = json!(sample.loss);
    object["gradient_norm"] = json!(sample.gradient_norm);
    object
}
