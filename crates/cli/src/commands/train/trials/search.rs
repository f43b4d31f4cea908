//! `train --search`: random options, with successive halving. All trials begin with a ninth of the epochs; the best third goes on to a third of them, the
//! best third of these to all. Then the best one is trained as if its options had been typed.
//!
//! Li et al. 2018, Hyperband, section 3 (a single bracket); here every rung trains from the start, so that schedules fit its epochs and a trial can be
//! repeated.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use layerloop::files::{make_folder, write_atomically};
use layerloop::names::text;
use layerloop::recipes::Recipe;
use layerloop::{Error, Result};
use layerloop_data::tables::is_table;
use layerloop_page::chart::{Log, lines, standalone};
use serde_json::{Value, json};

use super::space::{options, searched};
use super::{at_a_time, on_all_ranks, trained};
use crate::args::{ExplicitArgs, Train, parse};
use crate::commands::train::job::{self, Job};
use crate::output::{line, message};
use crate::places::write_page;
use crate::ranks::Ranks;
use crate::shell;

/// Epochs of a rung are those of the next one divided by this, and so many trials go on.
const FEWER: usize = 3;
const RUNGS: u32 = 3;
/// Of the rows to train on, to compare trials by, where nothing is said.
const VALIDATION: &str = "0.2";
/// Epochs of the last rung, where nothing is said.
const EPOCHS: usize = 60;

/// What a search keeps in its folder, so that it goes on where it was.
const ARGUMENTS: &str = "search.json";

/// Searches; the options of the best trial, on rank 0, to be trained by.
pub(crate) fn run(args: &Train, count: usize, ranks: &Ranks) -> Result<Box<Train>> {
    if count == 0 {
        return ranks.known(Err(Error::config("--search", "0; a search has at least 1 trial")));
    }
    let table = is_table(&args.data);
    let mut behind = ExplicitArgs::with("validation", &[VALIDATION]);
    if table {
        behind = behind.and(ExplicitArgs::with("recipe", &[text(Recipe::Plain)]));
    }
    let with = args.with_typed(&parse::over(args.typed.clone(), behind))?;
    let epochs = args.epochs.unwrap_or(EPOCHS);
    if ranks.are_led_from_here() && !args.json && !args.quiet {
        for (option, values) in searched(&with, table) {
            line(format_args!("--{}  {}", option.replace('_', "-"), values.described()))?;
        }
    }
    let known = ranks.agree(Known::of(args, count, ranks))?;
    let mut left: Vec<usize> = (0..count).collect();
    let mut all = Vec::new();
    for rung in 0..RUNGS {
        let of_rung = epochs.div_ceil(FEWER.pow(RUNGS - 1 - rung));
        let found = on_all_ranks(ranks, &left, at_a_time(args), |trial| {
            known.or_else(trial, rung, || tried(&with, options(&with, table, trial), trial, of_rung))
        })?;
        all.extend(found.iter().cloned().map(|mut trial| {
            trial["rung"] = json!(rung + 1);
            trial
        }));
        let score = |trial: &Value| trial["val_loss"].as_f64().unwrap_or(f64::INFINITY);
        let mut order: Vec<(usize, f64)> = left.iter().copied().zip(found.iter().map(score)).collect();
        order.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        left = order.into_iter().take(left.len().div_ceil(FEWER)).map(|(trial, _)| trial).collect();
    }
    let best = options(&with, table, left[0]);
    if ranks.are_led_from_here() {
        report(args, &all, left[0], &with, &best)?;
    }
    let best = with.with_typed(&parse::over(best, ExplicitArgs::with("epochs", &[epochs])))?;
    Ok(Box::new(Train { run: args.run.as_ref().map(|folder| folder.join("best")), ..*best }))
}

/// The validation loss of a trial.
fn tried(args: &Train, options: ExplicitArgs, trial: usize, epochs: usize) -> Result<Value> {
    let typed = ExplicitArgs::with("epochs", &[epochs]);
    let with = args.with_typed(&parse::over(typed, options))?;
    let (by_recipe, loaded) = job::load(&with)?;
    let with = by_recipe.as_deref().unwrap_or(&with);
    let job = Job::new(with, loaded)?;
    let (network, report) = match trained(&job) {
        Ok(trained) => trained,
        // A rate that was too large is an answer.
        Err(Error::Diverged { .. }) => {
            return Ok(json!({ "trial": trial + 1, "epochs": epochs, "val_loss": null, "weights_sha256": null }));
        }
        Err(error) => return Err(error),
    };
    let least = report.history.column("val_loss").map_or(f64::INFINITY, |losses| losses.fold(f64::INFINITY, f64::min));
    Ok(
        json!({ "trial": trial + 1, "epochs": epochs, "val_loss": Some(least).filter(|loss| loss.is_finite()), "weights_sha256": network.sha256() }),
    )
}

/// The trials that are done, by number and rung; each rank writes its own into a file of the search's folder.
struct Known {
    trials: BTreeMap<(usize, u32), Value>,
    own: Option<(PathBuf, Mutex<Vec<Value>>)>,
}

impl Known {
    fn of(args: &Train, count: usize, ranks: &Ranks) -> Result<Self> {
        let Some(folder) = &args.run else { return Ok(Self { trials: BTreeMap::new(), own: None }) };
        let rank = ranks.communicator().map_or(0, |ranks| ranks.rank());
        let arguments = json!({ "arguments": args.typed.clone().without_places().to_json(), "trials": count });
        if rank == 0 {
            begin(folder, &arguments)?;
        }
        let mut trials = BTreeMap::new();
        for kept in files(folder)? {
            let text = fs::read_to_string(&kept).map_err(Error::io(&kept))?;
            for kept in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
                let (trial, rung) =
                    (kept["trial"].as_u64().unwrap_or(0) as usize, kept["rung"].as_u64().unwrap_or(0) as u32);
                trials.insert((trial, rung), kept);
            }
        }
        // Rank 0 has told everybody by now whether these are the trials of the same search.
        let path = folder.join(format!("trials-{rank}.jsonl"));
        let own = fs::read_to_string(&path).unwrap_or_default();
        let own = own.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Ok(Self { trials, own: Some((path, Mutex::new(own))) })
    }

    /// What is known of a trial, or what it comes to now, which is kept.
    fn or_else(&self, trial: usize, rung: u32, act: impl FnOnce() -> Result<Value>) -> Result<Value> {
        if let Some(known) = self.trials.get(&(trial + 1, rung + 1)) {
            return Ok(known.clone());
        }
        let mut found = act()?;
        if let Some((path, own)) = &self.own {
            found["rung"] = json!(rung + 1);
            let mut own = own.lock().unwrap_or_else(PoisonError::into_inner);
            own.push(found.clone());
            let lines: String = own.iter().map(|trial| format!("{trial}\n")).collect();
            write_atomically(path, lines.as_bytes())?;
        }
        Ok(found)
    }
}

/// The folder of a new search, or of this one.
fn begin(folder: &Path, arguments: &Value) -> Result<()> {
    make_folder(folder)?;
    let path = folder.join(ARGUMENTS);
    match fs::read(&path) {
        Ok(kept) if serde_json::from_slice::<Value>(&kept).is_ok_and(|kept| kept == *arguments) => Ok(()),
        Ok(_) => {
            let reason = format!("{} has a search with other arguments; name another folder", folder.display());
            Err(Error::config("--run", reason))
        }
        Err(_) if fs::read_dir(folder).map_err(Error::io(folder))?.next().is_some() => {
            Err(Error::config("--run", format!("{} is not empty; name a new folder", folder.display())))
        }
        Err(_) => write_atomically(&path, arguments.to_string().as_bytes()),
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(Error::io(folder))?;
    let is_of_trials = |path: &PathBuf| {
        path.extension().is_some_and(|end| end == "jsonl")
            && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("trials-"))
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_of_trials).collect();
    files.sort();
    Ok(files)
}

/// All trials in one table and one picture, and the command that trains the best one.
fn report(args: &Train, all: &[Value], best: usize, with: &Train, options_of_best: &ExplicitArgs) -> Result<()> {
    let table = is_table(&args.data);
    let names: Vec<&str> = searched(with, table).map(|(name, _)| *name).collect();
    let mut last: BTreeMap<u64, &Value> = BTreeMap::new();
    all.iter().for_each(|trial| _ = last.insert(trial["trial"].as_u64().unwrap_or(0), trial));
    let score = |trial: &Value| trial["val_loss"].as_f64().unwrap_or(f64::INFINITY);
    let mut order: Vec<&Value> = last.into_values().collect();
    order.sort_by(|a, b| b["rung"].as_u64().cmp(&a["rung"].as_u64()).then(score(a).total_cmp(&score(b))));
    let row = |trial: &Value| {
        let number = trial["trial"].as_u64().unwrap_or(1) as usize - 1;
        let drawn = options(with, table, number).to_json();
        let value = |name: &&str| drawn[name][0].as_str().unwrap_or_default().to_owned();
        let loss = trial["val_loss"].as_f64().map_or("diverged".into(), |loss| format!("{loss:.5}"));
        [trial["trial"].to_string(), trial["epochs"].to_string(), loss]
            .into_iter()
            .chain(names.iter().map(value))
            .collect::<Vec<_>>()
    };
    let header: Vec<&str> = ["trial", "epochs", "val_loss"].into_iter().chain(names.iter().copied()).collect();
    let rows: Vec<Vec<String>> = order.iter().map(|trial| row(trial)).collect();
    if let Some(folder) = &args.run {
        let csv: String = std::iter::once(header.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(","))
            .chain(rows.iter().map(|row| row.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",")))
            .map(|line| line + "\n")
            .collect();
        write_atomically(&folder.join("trials.csv"), csv.as_bytes())?;
        write_page(&folder.join("trials.svg"), standalone(&picture(all)))?;
    }
    if args.json {
        for (trial, row) in order.iter().zip(&rows) {
            let options: serde_json::Map<String, Value> =
                names.iter().zip(&row[3..]).map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            line(json!({ "event": "trial", "trial": trial["trial"], "rung": trial["rung"], "epochs": trial["epochs"],
                "val_loss": trial["val_loss"], "weights_sha256": trial["weights_sha256"], "options": options }))?;
        }
        return Ok(());
    }
    line(crate::table::table(&header, &rows).trim_end())?;
    let drawn = options_of_best.to_json();
    let typed: Vec<String> = names
        .iter()
        .map(|name| {
            format!(
                "--{} {}",
                name.replace('_', "-"),
                shell::quoted(drawn[*name][0].as_str().unwrap_or_default().as_ref())
            )
        })
        .collect();
    message(format_args!("note: trial {} is the best one; it is trained now, as with {}", best + 1, typed.join(" ")));
    Ok(())
}

fn quoted(cell: &str) -> String {
    if cell.contains(',') { format!("\"{cell}\"") } else { cell.to_owned() }
}

/// The validation loss over the epochs, a line for each trial.
fn picture(all: &[Value]) -> String {
    let mut of_trials: BTreeMap<u64, Vec<(f64, f64)>> = BTreeMap::new();
    for trial in all {
        if let (Some(number), Some(epochs), Some(loss)) =
            (trial["trial"].as_u64(), trial["epochs"].as_f64(), trial["val_loss"].as_f64())
        {
            of_trials.entry(number).or_default().push((epochs, loss));
        }
    }
    let best = of_trials.values().map(Vec::len).max().unwrap_or(0);
    let name = |number: u64, points: usize| if points == best { format!("trial {number}") } else { String::new() };
    let curves: Vec<(String, Vec<(f64, f64)>)> =
        of_trials.into_iter().map(|(number, points)| (name(number, points.len()), points)).collect();
    lines("validation loss of every trial over its epochs", "epochs", &curves, [Log::Always, Log::OverDecades])
        .unwrap_or_default()
}
