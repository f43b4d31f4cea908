//! `train --folds`: a training for each part of the rows, tested on it.

use layerloop::data::{Targets, folds};
use layerloop::evaluate::Outputs;
use layerloop::network::Predictor;
use layerloop::{Error, Result};
use layerloop_data::Loaded;
use layerloop_data::tables::is_table;
use serde_json::{Value, json};

use super::{at_a_time, on_all_ranks, trained};
use crate::Outcome;
use crate::args::Train;
use crate::commands::train::job::{self, Job};
use crate::commands::train::table;
use crate::output::line;
use crate::ranks::Ranks;
use crate::scores::{Scores, of_table};

/// Trains and tests, `count` times, and says how good a network of these options is on rows that it has not seen.
pub(crate) fn run(args: &Train, count: usize, ranks: &Ranks) -> Result<Outcome> {
    let (rows_of, rows) = ranks.agree(Rows::of(args, count))?;
    let numbers: Vec<usize> = (0..count).collect();
    let found = on_all_ranks(ranks, &numbers, at_a_time(args), |fold| {
        let (with, loaded) = rows_of.loaded(args, &rows[fold])?;
        tested(with.as_deref().unwrap_or(args), loaded)
    })?;
    if ranks.are_led_from_here() {
        report(args, &found)?;
    }
    Ok(Outcome::Done)
}

/// All rows there are to train on.
enum Rows {
    Table(Box<layerloop_data::tables::Table>),
    Data(Box<Loaded>),
}

impl Rows {
    /// With the rows of each fold.
    fn of(args: &Train, count: usize) -> Result<(Self, Vec<Vec<usize>>)> {
        if args.split.is_some() || args.test.is_some() {
            let option = if args.split.is_some() { "--split" } else { "--test" };
            return Err(Error::config(option, "each fold is the test part once; leave out this option, or --folds"));
        }
        if is_table(&args.data) {
            let table = table::read(args)?;
            let rows = table::classes_of_rows(&table)?;
            let rows = folds(table.frame.rows(), rows.as_deref(), count, args.seed)?;
            return Ok((Self::Table(Box::new(table)), rows));
        }
        let (_, loaded) = job::load(args)?;
        let labels = match loaded.train.targets() {
            Targets::Labels { .. } => Some(loaded.train.labels()),
            Targets::Numbers { .. } => None,
        };
        let rows = folds(loaded.train.rows(), labels, count, args.seed)?;
        Ok((Self::Data(Box::new(loaded)), rows))
    }

    /// The data of a fold: its rows to test on, all others to train on; of a recipe also the options.
    fn loaded(&self, args: &Train, test: &[usize]) -> Result<(Option<Box<Train>>, Loaded)> {
        let others = |rows: usize| {
            let mut is_test = vec![false; rows];
            test.iter().for_each(|&row| is_test[row] = true);
            (0..rows).filter(|&row| !is_test[row]).collect::<Vec<_>>()
        };
        match self {
            Self::Table(table) => {
                let train = others(table.frame.rows());
                table::of_rows(args, table, [&train, test])
            }
            Self::Data(loaded) => {
                let train = loaded.train.select(&others(loaded.train.rows()));
                let recipe = args.recipe.map(|recipe| args.with_recipe(recipe, &train)).transpose()?;
                Ok((recipe, Loaded { train, test: loaded.train.select(test), ..Loaded::clone(loaded) }))
            }
        }
    }
}

/// What a network reaches on the test part.
fn tested(args: &Train, loaded: Loaded) -> Result<Value> {
    let mut job = Job::new(args, loaded)?;
    let (network, report) = trained(&job)?;
    let threshold = job.threshold(&network)?;
    job.network = network;
    let (test, predictor) = (&job.loaded.test, Predictor::new(&job.network, 1)?);
    let outputs = Outputs::of(&predictor, test, &job.options.objective)?.with_threshold(threshold);
    let scores = match job.loaded.train.preprocessing() {
        Some(_) => of_table(&outputs, test)?,
        None => {
            let scores = Scores::of_outputs(&outputs, test)?;
            let (name, score) = scores.headline();
            json!({ name: score, "loss": scores.loss() })
        }
    };
    Ok(
        json!({ "rows": test.rows(), "epochs": report.epochs.len(), "test": scores, "weights_sha256": job.network.sha256() }),
    )
}

fn report(args: &Train, found: &[Value]) -> Result<()> {
    let names: Vec<&String> =
        found.iter().take(1).filter_map(|fold| fold["test"].as_object()).flat_map(|test| test.keys()).collect();
    let of = |fold: &Value, name: &str| fold["test"][name].as_f64().unwrap_or(f64::NAN);
    let all = |name: &str| found.iter().map(|fold| of(fold, name)).collect::<Vec<_>>();
    let spread: Vec<[f64; 2]> = names.iter().map(|name| mean_and_deviation(&all(name))).collect();
    if args.json {
        for (fold, found) in found.iter().enumerate() {
            let mut event = json!({ "event": "fold", "fold": fold + 1 });
            found.as_object().into_iter().flatten().for_each(|(key, value)| event[key] = value.clone());
            line(event)?;
        }
        let object = |i: usize| {
            names
                .iter()
                .zip(&spread)
                .map(|(name, spread)| ((*name).clone(), json!(spread[i])))
                .collect::<serde_json::Map<_, _>>()
        };
        return line(json!({ "event": "done", "folds": found.len(), "mean": object(0), "deviation": object(1) }));
    }
    let header: Vec<&str> =
        ["fold", "rows", "epochs"].into_iter().chain(names.iter().map(|name| name.as_str())).collect();
    let mut rows: Vec<Vec<String>> = found
        .iter()
        .enumerate()
        .map(|(fold, found)| {
            let scores = names.iter().map(|name| short(of(found, name)));
            [(fold + 1).to_string(), found["rows"].to_string(), found["epochs"].to_string()]
                .into_iter()
                .chain(scores)
                .collect()
        })
        .collect();
    for (what, i) in [("mean", 0), ("deviation", 1)] {
        let scores = spread.iter().map(|spread| short(spread[i]));
        rows.push([what.to_owned(), String::new(), String::new()].into_iter().chain(scores).collect());
    }
    line(crate::table::table(&header, &rows).trim_end())
}

fn short(value: f64) -> String {
    if value.abs() < 100.0 { format!("{value:.4}") } else { format!("{value:.1}") }
}

/// Of the folds: the deviation is that of single ones, with n - 1 below.
fn mean_and_deviation(values: &[f64]) -> [f64; 2] {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    [mean, (squares / (count - 1.0)).sqrt()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_that_of_single_folds() {
        assert_eq!(mean_and_deviation(&[1.0, 2.0, 3.0]), [2.0, 1.0]);
    }
}
