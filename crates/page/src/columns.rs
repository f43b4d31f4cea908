//! The sections of a table: scores beside simpler models, calibration, importance of the columns and what is predicted when they vary.

use std::fmt::Write as _;

use layerloop::Result;
use layerloop::data::{Dataset, Targets};
use layerloop::explain::{Dependence, Importance, grid, partial_dependence, permutation_importance};
use layerloop::metrics::{CalibrationBin, Predictions, calibration};
use layerloop::model_file::Model;
use layerloop::network::Predictor;
use layerloop::preprocess::{Preprocessing, Target, Values};
use serde_json::Value;

use super::chart::{Bar, Log, bars, calibration_curve, lines};
use super::sections::{chart, table};
use super::{Contents, escape, short};
use crate::scores::{evenly, threads_for, threshold_in_words};

/// Rows that the importances are measured on, at most.
const ROWS: usize = 2_000;
/// Rows of all shuffles of all columns together, at most.
const ALL_ROWS: usize = 400_000;
/// Shuffles of each column.
const SHUFFLES: usize = 5;
/// Columns whose importance is shown, at most.
const COLUMNS: usize = 15;
/// Columns whose partial dependence is shown, at most.
const VARIED: usize = 4;
/// Quantiles of a number that is varied, and levels of a category, at most.
const POINTS: [usize; 2] = [20, 12];
/// Bins of a calibration curve.
const BINS: usize = 10;
/// Classes whose probabilities are shown, at most.
const CLASSES: usize = 4;
/// Seconds of a year.
const YEAR: f64 = 31_556_952.0;

/// The scores of the receipt: of the network with intervals, and of simpler models.
pub(super) fn scores(receipt: &Value) -> Option<String> {
    let result = &receipt["result"];
    let names: Vec<&str> = result["test"].as_object()?.keys().map(String::as_str).collect();
    let row = |name: &str, scores: &Value| -> Vec<String> {
        let cell = |name: &&str| scores[*name].as_f64().map_or("-".into(), short);
        std::iter::once(name.to_owned()).chain(names.iter().map(cell)).collect()
    };
    let interval = |name: &&str| {
        let [low, high] = [0, 1].map(|at| result["intervals"][*name][at].as_f64());
        low.zip(high).map_or("-".into(), |(low, high)| format!("{} to {}", short(low), short(high)))
    };
    let rows = [
        row("always the same answer", &result["baseline"]["trivial"]),
        row("linear", &result["baseline"]["linear"]),
        row("this network", &result["test"]),
        std::iter::once("95 % of draws of rows".to_owned()).chain(names.iter().map(interval)).collect(),
    ];
    let shown: Vec<String> = names.iter().map(|name| name.replace('_', " ")).collect();
    let head: Vec<&str> = std::iter::once("on the test part").chain(shown.iter().map(String::as_str)).collect();
    Some(format!(
        "<h2>Scores</h2>\n<p class=\"soft\">The simpler models were fitted to the same training rows. The interval is that of the network \
         over 200 bootstrap draws of the test rows.</p>\n{}\n",
        table("list", &head, &rows)
    ))
}

/// The threshold of a model that has one, as a paragraph.
pub(super) fn threshold(model: &Model) -> String {
    threshold_in_words(model).map_or_else(String::new, |said| {
        let said = escape(&said).replacen('`', "<code>", 1).replacen('`', "</code>", 1);
        format!("<p>threshold {said}</p>\n")
    })
}

/// Whether probabilities are what they say: of two classes that of the second, else that of the most probable class.
pub(super) fn calibrated(classes: &[String], predictions: &Predictions) -> Result<String> {
    let (class, of) = match classes {
        [_, second] => (Some(1), format!("the probability of {}", escape(second))),
        _ => (None, "the probability of the predicted class".to_owned()),
    };
    let bins = calibration(predictions, class, BINS)?;
    let points: Vec<(f64, f64, usize)> = bins.iter().map(|bin| (bin.predicted, bin.observed, bin.rows)).collect();
    let error = short(CalibrationBin::error(&bins));
    let caption = format!("how often it came true over {of}: {} bins of about as many test rows", bins.len());
    let row =
        |&(predicted, observed, rows): &(f64, f64, usize)| vec![rows.to_string(), short(predicted), short(observed)];
    let rows: Vec<Vec<String>> = points.iter().map(row).collect();
    Ok(format!(
        "<h2>Calibration</h2>\n<p>expected calibration error {error}: how far the predicted and the observed share are apart, on average \
         over the rows</p>\n<div class=\"pair\">{}</div>\n<details><summary>all bins</summary>{}</details>\n",
        chart(&caption, &calibration_curve("observed over predicted probability", &points)),
        table("list", &["rows", "predicted", "observed"], &rows)
    ))
}

/// How much the network needs each column, and what it predicts when the most important ones vary.
pub(super) fn columns(contents: &Contents) -> Result<Option<String>> {
    let Contents { model, test, objective, sample, .. } = contents;
    let Some(by) = test.preprocessing().filter(|_| test.rows() > 1) else { return Ok(None) };
    let predictor = Predictor::new(&model.network, threads_for(model.network.spec()))?;
    let count = by.inputs_of_columns().len();
    let rows = ROWS.min(ALL_ROWS / SHUFFLES / count.max(1)).max(200);
    let rows: Dataset = test.select(&evenly(test.rows(), rows));
    let mut found = permutation_importance(&predictor, &rows, objective, SHUFFLES, 0)?;
    found.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    let mut page = importance(&found, rows.rows());
    let Some(frame) = sample else { return Ok(Some(page)) };
    let mut figures = String::new();
    for Importance { column, .. } in found.iter().take(VARIED) {
        let column = frame.column(column)?;
        let points = if matches!(column.values, Values::Numbers(_)) { POINTS[0] } else { POINTS[1] };
        let at = grid(column, points);
        if at.rows() > 0 {
            figures += &dependence(by, &partial_dependence(&predictor, by, frame, &at)?);
        }
    }
    _ = write!(
        page,
        "<h2>Partial dependence</h2>\n<p class=\"soft\">The mean prediction over {} test rows when a column has the same value in all of \
         them and the others stay as they are; the scales of the charts differ.</p>\n<div class=\"pair\">\n{figures}</div>\n",
        frame.rows()
    );
    Ok(Some(page))
}

fn importance(found: &[Importance], rows: usize) -> String {
    let bar = |one: &Importance| Bar { name: one.column.clone(), value: one.mean, deviation: Some(one.deviation) };
    let shown: Vec<Bar> = found.iter().take(COLUMNS).map(bar).collect();
    let title = "permutation importance of the columns";
    let caption = format!("increase of the loss without a column's values, the {} most important columns", shown.len());
    let row = |one: &Importance| vec![one.column.clone(), short(one.mean), short(one.deviation)];
    let numbers =
        table("list", &["column", "increase of the loss", "deviation"], &found.iter().map(row).collect::<Vec<_>>());
    format!(
        "<h2>Importance of the columns</h2>\n<p class=\"soft\">The loss on {rows} test rows grows by this much when the values of a column are \
         exchanged among them: mean and standard deviation of {SHUFFLES} shuffles. Columns that say the same stand in for each \
         other.</p>\n<div class=\"pair\">{}</div>\n<details><summary>all columns</summary>{numbers}</details>\n",
        chart(&caption, &bars(title, &shown))
    )
}

/// The figure of one column.
fn dependence(by: &Preprocessing, found: &Dependence) -> String {
    let Dependence { at, outputs, .. } = found;
    let names = by.target().names();
    let classes = matches!(by.target(), Target::Classes { .. });
    let shown: Vec<usize> = if classes && names.len() == 2 { vec![1] } else { most_varied(outputs, names.len()) };
    let what = match (classes, shown.as_slice()) {
        (true, [one]) => format!("probability of {}", names[*one]),
        (true, _) => "probabilities".to_owned(),
        (false, _) => "prediction".to_owned(),
    };
    let caption = format!("mean {} by {}", escape(&what), escape(&at.name));
    let title = format!("mean {what} by {}", at.name);
    match &at.values {
        Values::Numbers(values) => {
            let (x, x_name) = if at.kind.is_date() { (in_years(values), "year") } else { (values.clone(), "") };
            let points = |k: usize| x.iter().zip(outputs).map(|(x, y)| (*x, y[k])).collect::<Vec<_>>();
            let curves: Vec<(String, Vec<(f64, f64)>)> = shown.iter().map(|&k| (names[k].clone(), points(k))).collect();
            lines(&title, x_name, &curves, [Log::Never; 2]).map_or_else(String::new, |svg| chart(&caption, &svg))
        }
        Values::Levels { levels, .. } => match shown.as_slice() {
            [one] => {
                let bar = |(name, y): (&String, &Vec<f64>)| Bar { name: name.clone(), value: y[*one], deviation: None };
                chart(&caption, &bars(&title, &levels.iter().zip(outputs).map(bar).collect::<Vec<_>>()))
            }
            several => {
                let row = |(name, y): (&String, &Vec<f64>)| {
                    std::iter::once(name.clone()).chain(several.iter().map(|&k| short(y[k]))).collect()
                };
                let rows: Vec<Vec<String>> = levels.iter().zip(outputs).map(row).collect();
                let head: Vec<&str> =
                    std::iter::once(at.name.as_str()).chain(several.iter().map(|&k| names[k].as_str())).collect();
                format!("<figure><figcaption>{caption}</figcaption>{}</figure>\n", table("list", &head, &rows))
            }
        },
    }
}

/// The outputs that change most, in their order.
fn most_varied(outputs: &[Vec<f64>], count: usize) -> Vec<usize> {
    let spread = |k: &usize| {
        let ends = outputs.iter().map(|y| y[*k]).fold([f64::MAX, f64::MIN], |[low, high], y| [low.min(y), high.max(y)]);
        ends[1] - ends[0]
    };
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|a, b| spread(b).total_cmp(&spread(a)));
    order.truncate(CLASSES);
    order.sort_unstable();
    order
}

fn in_years(seconds: &[f64]) -> Vec<f64> {
    seconds.iter().map(|seconds| 1970.0 + seconds / YEAR).collect()
}

/// Numbers of a table in their own units, of what a network is trained on and gives; those of other data as they are.
pub(super) fn in_units(data: &Dataset, values: &[f32]) -> Vec<f32> {
    match (data.preprocessing().map(|by| by.target()), data.targets()) {
        (Some(Target::Numbers(targets)), Targets::Numbers { .. }) => {
            values.iter().zip(targets.iter().cycle()).map(|(t, target)| target.decode(*t) as f32).collect()
        }
        _ => values.to_vec(),
    }
}
