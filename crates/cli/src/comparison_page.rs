//! Runs beside each other: what differs, what came of it, and their curves in common charts.

use std::fmt::Write as _;

use crate::runs::{Cell, Comparison, Measure};
use layerloop_page::chart::{Log, lines};
use layerloop_page::{document, escape, figure, now, table};

/// Characters of a name that have room beside a chart.
const NAME: usize = 15;

/// The page.
pub(crate) fn html(compared: &Comparison) -> String {
    let names: Vec<String> = compared.runs.iter().map(|run| run.name.clone()).collect();
    let title = names.join(", ");
    let version = env!("CARGO_PKG_VERSION");
    let mut body = format!("<h1>{}</h1>\n<p class=\"soft\">{}, layerloop {version}</p>\n", escape(&title), now());
    let head = |first| -> Vec<&str> { std::iter::once(first).chain(names.iter().map(String::as_str)).collect() };
    if compared.runs.len() > 1 {
        let equal = format!("<p class=\"soft\">{} other options are equal.</p>\n", compared.equal);
        let rows: Vec<Vec<String>> =
            compared.differing.iter().map(|(name, values)| [&[name.clone()][..], values].concat()).collect();
        let rows = if rows.is_empty() { String::new() } else { table("list", &head("option"), &rows) };
        _ = write!(body, "<h2>Options that differ</h2>\n{rows}{equal}");
    }
    _ = write!(body, "<h2>Results</h2>\n{}", results(compared, &head("measured")));
    let curves = curves(compared);
    if !curves.is_empty() {
        _ = write!(body, "<h2>Curves</h2>\n<div class=\"pair\">\n{curves}</div>\n");
    }
    document(&title, "", &body)
}

/// The best of each row is highlighted.
fn results(compared: &Comparison, head: &[&str]) -> String {
    let head: String = head.iter().map(|name| format!("<th scope=\"col\">{}</th>", escape(name))).collect();
    let mut rows = String::new();
    for Measure { name, cells, best } in &compared.measures {
        _ = write!(rows, "<tr><th scope=\"row\">{}</th>", escape(name));
        for (i, cell) in cells.iter().enumerate() {
            let text = cell.as_ref().map_or_else(|| "-".to_owned(), Cell::to_string);
            _ = match *best == Some(i) {
                true => write!(rows, "<td><strong>{text}</strong></td>"),
                false => write!(rows, "<td>{text}</td>"),
            };
        }
        rows += "</tr>\n";
    }
    format!(
        "<div class=\"wide\" tabindex=\"0\"><table class=\"list\"><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n\
         <p class=\"soft\">Bold: the best of its row.</p>\n"
    )
}

/// A chart for each column that two epochs of a run have; the learning rate only where it is not the same all the time.
fn curves(compared: &Comparison) -> String {
    let mut columns: Vec<&String> = Vec::new();
    for name in compared.runs.iter().flat_map(|run| run.history.names()) {
        if !["epoch", "steps", "seconds"].contains(&name.as_str()) && !columns.contains(&name) {
            columns.push(name);
        }
    }
    let mut charts = String::new();
    for column in columns {
        let points = |run: &layerloop::train::History| -> Vec<(f64, f64)> {
            let epochs = run.column("epoch").into_iter().flatten();
            epochs.zip(run.column(column).into_iter().flatten()).collect()
        };
        let curves: Vec<(String, Vec<(f64, f64)>)> =
            compared.runs.iter().map(|run| (short_name(&run.name), points(&run.history))).collect();
        let values = || curves.iter().flat_map(|(_, points)| points).map(|p| p.1);
        let constant = values().all(|value| Some(value) == values().next());
        if column == "learning_rate" && constant {
            continue;
        }
        let name = column.replace('_', " ");
        let svg = lines(&format!("{name} over epochs"), "epoch", &curves, [Log::Never, Log::OverDecades]);
        charts += &svg.map_or(String::new(), |svg| figure(&escape(&name), &svg));
    }
    charts
}

/// As much of a name as there is room for: its end distinguishes it.
fn short_name(name: &str) -> String {
    let length = name.chars().count();
    if length <= NAME {
        name.to_owned()
    } else {
        format!("…{}", name.chars().skip(length - NAME + 1).collect::<String>())
    }
}
