//! `layerloop report`: what is different between runs, and how good they are.

use layerloop::Result;
use serde_json::{Value, json};

use crate::Outcome;
use crate::args::Report;
use crate::comparison_page;
use crate::output::{line, message};
use crate::places::write_page;
use crate::runs::{Cell, Comparison, Measure, Record, named};
use crate::table::table;

pub(crate) fn run(args: &Report) -> Result<Outcome> {
    let compared = Comparison::of(named(&args.runs)?);
    if let Some(path) = &args.html {
        write_page(path, comparison_page::html(&compared))?;
    }
    if args.json {
        line(as_json(&compared))?;
    } else {
        print(&compared)?;
        args.html.iter().for_each(|path| message(format_args!("written to {}", path.display())));
    }
    Ok(Outcome::Done)
}

/// Two tables: the options that differ, and what came of them.
fn print(compared: &Comparison) -> Result<()> {
    let names: Vec<&str> = compared.runs.iter().map(|run| run.name.as_str()).collect();
    let row = |(name, values): &(String, Vec<String>)| [&[name.clone()][..], values].concat();
    if compared.runs.len() > 1 {
        let rows: Vec<Vec<String>> = compared.differing.iter().map(row).collect();
        let equal = compared.equal;
        match rows.is_empty() {
            true => line(format_args!("The {equal} known options are equal.\n"))?,
            false => {
                let head = [&["option"][..], &names].concat();
                line(format_args!("{}{equal} other options are equal\n", table(&head, &rows)))?;
            }
        }
    }
    let text = |cell: &Option<Cell>| cell.as_ref().map_or_else(|| "-".to_owned(), Cell::to_string);
    // A column of its own for the mark, so that numbers stay beneath each other.
    let marked = |measure: &Measure| -> Vec<String> {
        let cells = measure.cells.iter().enumerate();
        let mark = |i| if measure.best == Some(i) { "*" } else { " " };
        std::iter::once(measure.name.clone()).chain(cells.map(|(i, cell)| text(cell) + mark(i))).collect()
    };
    let rows: Vec<Vec<String>> = compared.measures.iter().map(marked).collect();
    let names: Vec<String> = names.iter().map(|name| format!("{name} ")).collect();
    let head: Vec<&str> = std::iter::once("measured").chain(names.iter().map(String::as_str)).collect();
    let any = compared.measures.iter().any(|measure| measure.best.is_some());
    line(table(&head, &rows) + if any { "* the best of its row" } else { "" })
}

fn as_json(compared: &Comparison) -> Value {
    let run = |(i, run): (usize, &Record)| {
        let measured = |measure: &Measure| {
            let cell = measure.cells[i]?;
            let is_count = ["parameters", "epochs"].contains(&measure.name.as_str());
            let number = if is_count { json!(cell.value as u64) } else { json!(cell.value) };
            let value = cell.epoch.map_or(number, |epoch| json!({"value": cell.value, "epoch": epoch}));
            Some((measure.name.replace(", ", "_").replace(' ', "_"), value))
        };
        let measures: serde_json::Map<_, _> = compared.measures.iter().filter_map(measured).collect();
        json!({
            "name": run.name, "path": run.path.to_string_lossy(), "network": run.network, "weights_sha256": run.sha256,
            "options": run.options.iter().cloned().collect::<serde_json::Map<_, _>>(), "measures": measures,
        })
    };
    let differing: Vec<&str> = compared.differing.iter().map(|(name, _)| name.as_str()).collect();
    json!({ "runs": compared.runs.iter().enumerate().map(run).collect::<Vec<_>>(), "differing": differing })
}
