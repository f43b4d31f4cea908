//! Predictions for the rows of a table, in chunks: the memory does not depend on how many there are.

use std::path::Path;
use std::time::Instant;

use layerloop::Result;
use layerloop::data::Inputs;
use layerloop::model_file::Model;
use layerloop::network::Predictor;
use layerloop::preprocess::{Kind, Preprocessing, Target, Unseen};
use layerloop_data::tables::{notes, open_table};
use layerloop_table::{Cells, Type};
use serde_json::{Map, Value, json};

use super::out::Out;
use super::{Asked, add_attribution, because};
use crate::args::Predict;
use crate::commands::tables::{next_frame, reading, wanted};
use crate::output::{line, message, shown};

/// Rows of a chunk.
const CHUNK: usize = 8192;

/// Predicts the rows of all tables that were named.
pub(super) fn run(
    args: &Predict,
    model: &Model,
    by: &Preprocessing,
    predictor: &Predictor,
    mut asked: Option<Asked>,
) -> Result<()> {
    let mut out = Out::open(args.out.as_deref())?;
    let start = Instant::now();
    let mut rows = 0;
    for path in &args.inputs {
        let table = Rows { args, model, by, predictor, path };
        rows += table.predict(&mut out, asked.as_mut())?;
    }
    if out.finish()? {
        let seconds = start.elapsed().as_secs_f64();
        message(format_args!("{rows} rows in {seconds:.3} s, {:.0} a second", rows as f64 / seconds));
    }
    Ok(())
}

/// The rows of one table.
struct Rows<'a> {
    args: &'a Predict,
    model: &'a Model,
    by: &'a Preprocessing,
    predictor: &'a Predictor,
    path: &'a Path,
}

impl Rows<'_> {
    fn predict(&self, out: &mut Out, mut asked: Option<&mut Asked>) -> Result<usize> {
        let Self { args, model, by, predictor, path, .. } = *self;
        let mut reader = open_table(path, &reading(model).read())?;
        let wanted = wanted(by, false);
        reader.retain(|name| args.with_input || wanted.iter().any(|(other, _)| other == name));
        let (mut rows, mut unseen) = (0, Vec::<Unseen>::new());
        while let Some((frame, cells)) = next_frame(&mut reader, &wanted, CHUNK)? {
            let encoded = by.inputs(&frame)?;
            encoded.unseen.into_iter().for_each(|one| add(&mut unseen, one));
            let outputs = predictor.probabilities(&Inputs::from(encoded.inputs.as_slice()))?;
            let of_rows = outputs.chunks_exact(model.network.classes()).zip(encoded.inputs.chunks_exact(by.width()));
            let mut cells_of_rows = RowsOf::new(&cells, args.with_input);
            for (i, (outputs, x)) in of_rows.enumerate() {
                let row = cells.first_row + i;
                let why = asked.as_mut().map(|asked| asked.attribute(x, outputs, path, row)).transpose()?;
                let answer = Answer::new(model, by.target(), outputs);
                match out {
                    Out::Table(table) => {
                        table.name_columns(|| self.columns(&cells, by))?;
                        let input = cells_of_rows.next().unwrap_or_default();
                        table.push(&[input, answer.cells()].concat())?;
                    }
                    Out::Lines if args.json => {
                        let mut object = answer.object(row);
                        add_attribution(&mut object, args, model, why.as_ref());
                        line(object)?;
                    }
                    Out::Lines => {
                        let because = why.as_ref().map_or_else(String::new, |(why, _)| because(model, why));
                        let place = shown(&path.display().to_string()).into_owned();
                        line(format_args!("{place}[{row}]: {}{because}", answer.text(args.top)))?;
                    }
                }
            }
            rows += cells.rows();
        }
        if rows == 0 {
            return Err(reader.no_rows());
        }
        notes(&reader).iter().for_each(|note| message(format_args!("note: {}", shown(note))));
        unseen.iter().for_each(|one| message(format_args!("warning: {}", shown(&one.to_string()))));
        Ok(rows)
    }

    /// The columns of what is written: those of the input as its file has them, or of text where it says nothing, unless the model takes
    /// them as numbers.
    fn columns(&self, cells: &Cells, by: &Preprocessing) -> Vec<(String, Type)> {
        let is_number = |name: &str| by.columns().any(|(other, kind)| other == name && kind == Kind::Number);
        let inputs = cells.names.iter().zip(&cells.columns).map(|(name, column)| match column.values() {
            Type::Unknown if is_number(name) => (name.clone(), Type::Number),
            values => (name.clone(), values),
        });
        let mut columns: Vec<(String, Type)> = inputs.filter(|_| self.args.with_input).collect();
        match by.target() {
            Target::Classes { name, classes } => {
                columns.push((format!("predicted {name}"), Type::Text));
                columns.extend(classes.iter().map(|class| (format!("probability of {class}"), Type::Single)));
            }
            Target::Numbers(targets) => {
                columns.extend(targets.iter().map(|target| (format!("predicted {}", target.name), Type::Number)));
            }
        }
        columns
    }
}

/// The cells of one row after the other, where they are wanted.
struct RowsOf<'a>(Vec<Box<dyn Iterator<Item = &'a str> + 'a>>);

impl<'a> RowsOf<'a> {
    fn new(cells: &'a Cells, wanted: bool) -> Self {
        let columns = cells.columns.iter().filter(|_| wanted);
        Self(columns.map(|column| Box::new(column.iter()) as Box<dyn Iterator<Item = &str>>).collect())
    }
}

impl Iterator for RowsOf<'_> {
    type Item = Vec<String>;

    fn next(&mut self) -> Option<Vec<String>> {
        self.0.iter_mut().map(|column| column.next().map(str::to_owned)).collect()
    }
}

/// What is predicted for a row.
enum Answer<'a> {
    Class { classes: &'a [String], probabilities: &'a [f32], predicted: usize },
    Numbers { names: Vec<&'a str>, values: Vec<f64> },
}

impl<'a> Answer<'a> {
    fn new(model: &Model, target: &'a Target, outputs: &'a [f32]) -> Self {
        match target {
            Target::Classes { classes, .. } => {
                Self::Class { classes, probabilities: outputs, predicted: model.predicted(outputs) }
            }
            Target::Numbers(targets) => Self::Numbers {
                names: targets.iter().map(|target| target.name.as_str()).collect(),
                values: targets.iter().zip(outputs).map(|(target, output)| target.decode(*output)).collect(),
            },
        }
    }

    fn object(&self, row: usize) -> Value {
        match self {
            Self::Class { classes, probabilities, predicted } => {
                let each: Map<String, Value> =
                    classes.iter().zip(*probabilities).map(|(class, p)| (class.clone(), json!(p))).collect();
                json!({ "row": row, "predicted": classes[*predicted], "probabilities": each })
            }
            Self::Numbers { values, .. } => match values.as_slice() {
                [value] => json!({ "row": row, "predicted": value }),
                values => json!({ "row": row, "predicted": values }),
            },
        }
    }

    fn cells(&self) -> Vec<String> {
        match self {
            Self::Class { classes, probabilities, predicted } => {
                let probabilities = probabilities.iter().map(f32::to_string);
                std::iter::once(classes[*predicted].clone()).chain(probabilities).collect()
            }
            Self::Numbers { values, .. } => values.iter().map(f64::to_string).collect(),
        }
    }

    fn text(&self, top: usize) -> String {
        match self {
            Self::Class { classes, probabilities, predicted } => {
                let mut ranked: Vec<(&String, f32)> = classes.iter().zip(probabilities.iter().copied()).collect();
                ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
                let top: Vec<String> =
                    ranked.iter().take(top).map(|(class, p)| format!("{} {p:.4}", shown(class))).collect();
                format!("{}   ({})", shown(&classes[*predicted]), top.join(", "))
            }
            Self::Numbers { names, values } => {
                let each = names.iter().zip(values).map(|(name, value)| format!("{} {value:.4}", shown(name)));
                each.collect::<Vec<_>>().join(", ")
            }
        }
    }
}

/// Counts a level together with that of earlier chunks.
fn add(all: &mut Vec<Unseen>, one: Unseen) {
    match all.iter_mut().find(|other| (&other.column, &other.level) == (&one.column, &one.level)) {
        Some(other) => other.rows += one.rows,
        None => all.push(one),
    }
}
