//! `layerloop inspect`

use layerloop::Result;
use layerloop::names::text;
use layerloop::preprocess::{Kind, PreprocessOptions, Preprocessing, day};
use layerloop_data::tables::{Table, read_table};
use layerloop_table::Detected;
use serde_json::json;

use crate::Outcome;
use crate::args::Inspect;
use crate::output::{line, message, shown};
use crate::shell;
use crate::table::table;

pub(crate) fn run(args: &Inspect) -> Result<Outcome> {
    let Table { frame, columns, target, notes } = read_table(&args.data, &args.table.options())?;
    let of_target: Vec<&str> = target.iter().map(String::as_str).collect();
    // Rows without a target would be left out of a training.
    let known = (0..frame.rows()).filter(|row| {
        let is_missing = |name: &&str| frame.column(name).is_ok_and(|column| column.is_missing(*row));
        !of_target.iter().any(is_missing)
    });
    let known: Vec<usize> = known.collect();
    let fitted = Preprocessing::fit(&frame.select(&known), &of_target, &PreprocessOptions::default());
    let becomes = |column: &Detected| match &fitted {
        _ if target.contains(&column.name) => "to be predicted".to_owned(),
        Ok(fitted) => fitted
            .described(&column.name)
            .or(column.reason.clone().map(|reason| format!("left out: {reason}")))
            .unwrap_or_default(),
        Err(_) => column.reason.clone().unwrap_or_default(),
    };
    notes.iter().for_each(|note| message(format_args!("note: {}", shown(note))));
    if args.json {
        for column in &columns {
            line(json!({
                "column": column.name, "kind": text(column.kind), "missing": column.missing, "levels": column.levels, "range": column.range,
                "target": target.contains(&column.name), "becomes": becomes(column), "integers": few_integers(column),
            }))?;
        }
        return Ok(Outcome::Done);
    }
    let row = |column: &Detected| {
        let levels = column.levels.map_or("-".into(), |levels| levels.to_string());
        let values = match (&column.range, &column.most_frequent) {
            (Some(range), _) if column.kind.is_date() => range.map(day).join(" to "),
            (Some([from, to]), _) => format!("{from} to {to}"),
            (None, Some((level, rows))) => format!("{level} ({rows})"),
            (None, None) => "-".into(),
        };
        [column.name.clone(), text(column.kind), column.missing.to_string(), levels, values, becomes(column)].to_vec()
    };
    let rows: Vec<Vec<String>> = columns.iter().map(row).collect();
    let header = ["column", "kind", "missing", "levels", "range, or most frequent", "becomes"];
    let (name, count) = (args.data.display().to_string(), frame.rows());
    let used = fitted.as_ref().map_or(0, Preprocessing::width);
    line(format_args!(
        "{}, {count} rows, {} columns, {used} inputs\n\n{}",
        shown(&name),
        columns.len(),
        table(&header, &rows).trim_end()
    ))?;
    columns.iter().filter(|column| !target.contains(&column.name)).for_each(note_integers);
    if let Err(error) = fitted {
        message(format_args!("warning: {error}"));
    }
    Ok(Outcome::Done)
}

/// A note of a column of numbers that may be codes of categories.
fn note_integers(column: &Detected) {
    if let Some(count) = few_integers(column) {
        let option = format!("{}=category", column.name);
        message(format_args!(
            "note: `{}` is a number, {count} distinct integers; --column {} treats them as levels",
            shown(&column.name),
            shell::quoted(option.as_ref())
        ));
    }
}

/// How many whole numbers a column of numbers has, where they are so few that they may be codes of categories.
fn few_integers(column: &Detected) -> Option<usize> {
    const FEW: usize = 10;
    column.levels.filter(|levels| column.kind == Kind::Number && *levels <= FEW)
}
