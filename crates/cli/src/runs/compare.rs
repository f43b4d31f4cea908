//! Runs beside each other: the options that differ, and what was measured.

use std::cmp::Ordering;

use layerloop::train::{Better, EarlyStopping};
use serde_json::Value;

use super::record::Record;
use layerloop_page::short;

/// Columns of a history that tell how far a run is, not how good.
const PROGRESS: [&str; 4] = ["epoch", "steps", "seconds", "learning_rate"];

pub(crate) struct Comparison {
    pub(crate) runs: Vec<Record>,
    /// Name and values, one for each run, of the options that are not equal in all of them.
    pub(crate) differing: Vec<(String, Vec<String>)>,
    /// Options that are equal.
    pub(crate) equal: usize,
    pub(crate) measures: Vec<Measure>,
}

/// One number of every run.
pub(crate) struct Measure {
    pub(crate) name: String,
    pub(crate) cells: Vec<Option<Cell>>,
    /// The run with the best of them, where one is better than the others.
    pub(crate) best: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) value: f64,
    /// When it was measured, if not at the end.
    pub(crate) epoch: Option<usize>,
}

impl Comparison {
    pub(crate) fn of(runs: Vec<Record>) -> Self {
        let names = in_order(&runs, |run| run.options.iter().map(|(name, _)| name.clone()).collect());
        let row = |name: String| {
            let values = runs.iter().map(|run| option(run, &name)).collect::<Vec<_>>();
            (name, values)
        };
        let known = |values: &[String]| values.iter().filter(|value| *value != UNKNOWN).cloned().collect::<Vec<_>>();
        let differs = |(_, values): &(String, Vec<String>)| known(values).windows(2).any(|pair| pair[0] != pair[1]);
        let (differing, equal): (Vec<_>, Vec<_>) = names.into_iter().map(row).partition(differs);
        Self { measures: measures(&runs), differing, equal: equal.len(), runs }
    }
}

/// Of a run of which only the logs are there.
const UNKNOWN: &str = "?";

fn option(run: &Record, name: &str) -> String {
    match run.options.iter().find(|(option, _)| option == name).map(|(_, value)| value) {
        _ if run.options.is_empty() => UNKNOWN.into(),
        Some(Value::String(text)) if name.ends_with("sha256") => text.chars().take(12).collect(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) if items.is_empty() => "none".into(),
        Some(Value::Array(items)) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        Some(Value::Null) | None => "none".into(),
        Some(value) => value.to_string(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// How large and how long; then each column of the histories, best and last; then what the saved models reach.
fn measures(runs: &[Record]) -> Vec<Measure> {
    let mut measures = vec![
        Measure::of("parameters", runs, None, |run| Some(Cell::last(run.parameters? as f64))),
        Measure::of("epochs", runs, None, |run| run.epochs().map(Cell::last)),
        Measure::of("train_seconds", runs, None, |run| run.history.last("seconds").map(Cell::last)),
    ];
    let columns = in_order(runs, |run| run.history.names().to_vec());
    for column in columns.iter().filter(|name| !PROGRESS.contains(&name.as_str())) {
        let better = better(column);
        // The test part is for the end: nobody may choose an epoch by it.
        if let Some(better) = better.filter(|_| !column.starts_with("test_")) {
            measures.push(Measure::of(&format!("{column}, best"), runs, Some(better), |run| best(run, column, better)));
        }
        let last = |run: &Record| run.history.last(column).map(Cell::last);
        measures.push(Measure::of(&format!("{column}, last"), runs, better, last));
    }
    let results = in_order(runs, |run| run.result.keys().cloned().collect());
    for name in results.iter().filter(|name| name.starts_with("test_")) {
        let value = |run: &Record| run.result.get(name)?.as_f64().map(Cell::last);
        measures.push(Measure::of(&format!("{name}, model"), runs, better(name), value));
    }
    measures.retain(|measure| measure.cells.iter().any(Option::is_some));
    measures
}

impl Measure {
    fn of(name: &str, runs: &[Record], better: Option<Better>, cell: impl Fn(&Record) -> Option<Cell>) -> Self {
        let cells: Vec<Option<Cell>> = runs.iter().map(cell).collect();
        let better = better.filter(|_| cells.len() > 1);
        let values = || cells.iter().enumerate().filter_map(|(i, cell)| Some((i, cell.as_ref()?.value)));
        let best = better.and_then(|better| values().min_by(|a, b| first(better, a.1, b.1)));
        let alone =
            |best: &(usize, f64)| values().filter(|other| other.1 == best.1).count() == 1 && values().count() > 1;
        Self { name: name.to_owned(), best: best.filter(alone).map(|best| best.0), cells }
    }
}

impl Cell {
    fn last(value: f64) -> Self {
        Self { value, epoch: None }
    }
}

impl Record {
    /// Whole epochs, by the history or by the receipt of the model.
    fn epochs(&self) -> Option<f64> {
        let rows = self.history.rows().len();
        if rows > 0 { Some(rows as f64) } else { self.result.get("epochs")?.as_f64() }
    }
}

/// Which values of a column are better; of a user-defined metric that is not known.
fn better(column: &str) -> Option<Better> {
    EarlyStopping::on(column).direction().ok()
}

/// The best finite value of a column, the first of equal ones.
fn best(run: &Record, column: &str, better: Better) -> Option<Cell> {
    let values = run.history.column(column)?.enumerate().filter(|(_, value)| value.is_finite());
    let (row, value) = values.min_by(|a, b| first(better, a.1, b.1))?;
    Some(Cell { value, epoch: Some(row + 1) })
}

/// The better one first.
fn first(better: Better, a: f64, b: f64) -> Ordering {
    match better {
        Better::Lower => a.total_cmp(&b),
        Better::Higher => b.total_cmp(&a),
    }
}

/// The names that any run has, in the order in which they come up.
fn in_order(runs: &[Record], names: impl Fn(&Record) -> Vec<String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for name in runs.iter().flat_map(names) {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&short(self.value))?;
        self.epoch.map_or(Ok(()), |epoch| write!(f, " (epoch {epoch})"))
    }
}
