//! `layerloop eval`

use layerloop::evaluate::{self, RegressionScores};
use layerloop::metrics::{AnyMetric, Evaluation, Metric};
use layerloop::model_file::Model;
use layerloop::names::{parse, text};
use layerloop::{Error, Result};
use serde_json::json;

use super::tables::Pieces;
use super::trained_on::load_part;
use crate::Outcome;
use crate::args::{Eval, Part};
use crate::output::{line, shown};
use crate::scores::{Scores, objective, of_table, outputs, task, threshold_in_words};
use crate::table::table;

/// Rows of a table that are evaluated at once.
const PIECE: usize = 1 << 16;

pub(crate) fn run(args: &Eval) -> Result<Outcome> {
    let model = Model::load(&args.model)?;
    let metrics = args.metrics.as_ref().map_or(&[][..], |several| &several.0);
    let loss = model.receipt["options"]["loss"].as_str().map(parse).transpose()?;
    let predictor = args.variants.predictor(&model)?;
    let (whole, pieces);
    let (test, outputs) = match (&model.input.preprocessing, &args.data) {
        (Some(by), Some(path)) => {
            let mut rows = Pieces::open(&model, by, path, PIECE)?;
            pieces = evaluate::Pieces::new(&path.display().to_string(), &predictor, &mut rows, &objective(loss))?;
            rows.say();
            (pieces.data(), evaluate::Outputs::of_pieces(&pieces)?)
        }
        _ => {
            whole = load_part(&model, args.data.as_deref(), args.data_dir.as_deref(), Part::Test)?;
            (&whole, outputs(&predictor, &whole, loss)?)
        }
    };
    let outputs = outputs.with_threshold(model.threshold);
    let (scores, values) = (Scores::of_outputs(&outputs, test)?, outputs.measure(metrics)?);
    let values: Vec<Value> = metrics.iter().copied().zip(values).collect();
    if args.quiet {
        line(short(&scores, &values))?;
    } else if args.json {
        let mut object = as_json(&model, test.name(), test.rows(), &scores);
        if let Some(threshold) = model.threshold {
            object["threshold"] = json!(threshold);
        }
        if args.metrics.is_some() {
            let key = |metric: Metric| AnyMetric::from(metric).key();
            object["metrics"] =
                values.iter().map(|(metric, value)| (key(*metric), json!(value.as_ref().ok()))).collect();
            let missing = values.iter().filter_map(|(metric, value)| Some((key(*metric), json!(reason(value)?))));
            object["not_computed"] = missing.collect();
        }
        if model.input.preprocessing.is_some() {
            object["task"] = json!(task(test));
            object["test"] = of_table(&outputs, test)?;
        }
        line(object)?;
    } else {
        line(as_text(&model, test.name(), test.rows(), &scores) + &values_as_text(&values))?;
    }
    Ok(Outcome::Done)
}

/// A metric by name: its value, or why it cannot be computed of these rows.
type Value = (Metric, Result<f64>);

/// Why a metric cannot be computed.
fn reason(value: &Result<f64>) -> Option<String> {
    match value.as_ref().err()? {
        Error::Config { reason, .. } => Some(reason.clone()),
        other => Some(other.to_string()),
    }
}

fn as_json(model: &Model, data: &str, rows: usize, scores: &Scores) -> serde_json::Value {
    let evaluation = match scores {
        Scores::Classes(evaluation) => evaluation,
        Scores::Numbers(RegressionScores { loss, mse, mae, r2, .. }) => {
            return json!({ "data": data, "rows": rows, "loss": loss, "mse": mse, "mae": mae, "r2": r2 });
        }
    };
    let scores = model.classes.iter().zip(evaluation.classes());
    let classes: Vec<_> = scores
        .map(|(name, s)| {
            json!({"class": name, "precision": s.precision, "recall": s.recall, "f1": s.f1, "support": s.support})
        })
        .collect();
    json!({
        "data": data, "rows": rows, "loss": evaluation.loss, "accuracy": evaluation.accuracy,
        "top_2_accuracy": evaluation.top_2_accuracy, "confusion": evaluation.confusion, "classes": classes,
    })
}

fn as_text(model: &Model, data: &str, rows: usize, scores: &Scores) -> String {
    let evaluation = match scores {
        Scores::Classes(evaluation) => evaluation,
        Scores::Numbers(RegressionScores { loss, mse, mae, r2, .. }) => {
            let (data, rmse) = (shown(data), mse.sqrt());
            return format!(
                "{data}, {rows} rows\nloss {loss:.4}   R2 {r2:.4}   root mean square error {rmse:.4}   mean absolute error {mae:.4}"
            );
        }
    };
    let (data, Evaluation { loss, accuracy, top_2_accuracy, .. }) = (shown(data), evaluation);
    let threshold = threshold_in_words(model).map_or_else(String::new, |said| format!("\nthreshold {said}"));
    let share = |x: f64| format!("{x:.4}");
    let scores = (model.classes.iter().zip(evaluation.classes()))
        .map(|(name, s)| vec![name.clone(), share(s.precision), share(s.recall), share(s.f1), s.support.to_string()])
        .collect::<Vec<_>>();
    format!(
        "{data}, {rows} rows\nloss {loss:.4}   accuracy {accuracy:.4}   top-2 accuracy {top_2_accuracy:.4}{threshold}\n\n\
         Confusion matrix: a row for each true class, a column for each answer\n{}\n{}",
        confusion(model, evaluation),
        table(&["class", "precision", "recall", "F1", "rows"], &scores).trim_end()
    )
}

/// The loss, the score and what else was asked for, on one line.
fn short(scores: &Scores, values: &[Value]) -> String {
    let (name, score) = scores.headline();
    let more: String = values.iter().map(|(metric, value)| format!("   {} {}", text(*metric), cell(value))).collect();
    format!("loss {:.4}   {name} {score:.4}{more}", scores.loss())
}

/// A value; `-` where there is none.
fn cell(value: &Result<f64>) -> String {
    value.as_ref().map_or("-".into(), |value| format!("{value:.4}"))
}

/// A line for each metric that was asked for, after an empty one.
fn values_as_text(values: &[Value]) -> String {
    if values.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = values.iter().map(|(metric, value)| vec![text(*metric), cell(value)]).collect();
    let missing = |(metric, value): &Value| Some(format!("\n{} cannot be computed: {}", text(*metric), reason(value)?));
    let missing: String = values.iter().filter_map(missing).collect();
    format!("\n\n{}{missing}", table(&["metric", "value"], &rows).trim_end())
}

fn confusion(model: &Model, evaluation: &Evaluation) -> String {
    let header: Vec<&str> = std::iter::once("").chain(model.classes.iter().map(String::as_str)).collect();
    let row = |(name, counts): (&String, &Vec<u64>)| {
        std::iter::once(name.clone()).chain(counts.iter().map(ToString::to_string)).collect()
    };
    let rows: Vec<Vec<String>> = model.classes.iter().zip(&evaluation.confusion).map(row).collect();
    table(&header, &rows)
}
