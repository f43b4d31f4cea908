//! Predictions for the rows of a table, in chunks: the memory does not depend on how many there are.

use std::path::Path;
use std::time::Instant;

use layerloop::data::Inputs;
use layerloop::files::NewFile;
use layerloop::model_file::Model;
use layerloop::network::Predictor;
use layerloop::preprocess::{Preprocessing, Target, Unseen};
use layerloop::{Error, Result};
use layerloop_data::tables::{notes, open_table};
use layerloop_table::Cells;
use serde_json::{Map, Value, json};

use super::{Asked, add_attribution, because};
use crate::args::Predict;
use crate::commands::tables::{next_frame, reading, wanted};
use crate::output::{line, message, raw, shown};

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
    let mut out = match args.out.as_deref() {
        None => Out::Lines,
        Some(path) if path.as_os_str() == "-" => Out::Csv(None),
        Some(path) => Out::Csv(Some(NewFile::create(path)?)),
    };
    let start = Instant::now();
    let mut rows = 0;
    for (i, path) in args.inputs.iter().enumerate() {
        let mut table = Rows { args, model, by, predictor, path, header: i == 0 };
        rows += table.predict(&mut out, asked.as_mut())?;
    }
    if let Out::Csv(Some(file)) = out {
        file.finish()?;
        let seconds = start.elapsed().as_secs_f64();
        message(format_args!("{rows} rows in {seconds:.3} s, {:.0} a second", rows as f64 / seconds));
    }
    Ok(())
}

/// Where answers go.
enum Out {
    /// A line of text or an object for each row, on standard output.
    Lines,
    /// A CSV file, or standard output.
    Csv(Option<NewFile>),
}

impl Out {
    fn write(&mut self, text: &str) -> Result<()> {
        match self {
            Self::Lines => line(text.trim_end_matches('\n')),
            Self::Csv(None) => raw(text.as_bytes()),
            Self::Csv(Some(file)) => file.write(text.as_bytes()),
        }
    }
}

/// The rows of one table.
struct Rows<'a> {
    args: &'a Predict,
    model: &'a Model,
    by: &'a Preprocessing,
    predictor: &'a Predictor,
    path: &'a Path,
    /// Whether a CSV file still needs its line of names.
    header: bool,
}

impl Rows<'_> {
    fn predict(&mut self, out: &mut Out, mut asked: Option<&mut Asked>) -> Result<usize> {
        let Self { args, model, by, predictor, path, .. } = *self;
        let mut reader = open_table(path, &reading(model).read())?;
        let wanted = wanted(by, false);
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
                let text = match out {
                    Out::Csv(_) => {
                        let names = if std::mem::take(&mut self.header) {
                            csv_line(&self.names(&cells, by.target()))
                        } else {
                            String::new()
                        };
                        names
                            + &csv_line(
                                &cells_of_rows.next().into_iter().chain([answer.cells()]).flatten().collect::<Vec<_>>(),
                            )
                    }
                    Out::Lines if args.json => {
                        let mut object = answer.object(row);
                        add_attribution(&mut object, args, model, why.as_ref());
                        object.to_string()
                    }
                    Out::Lines => {
                        let because = why.as_ref().map_or_else(String::new, |(why, _)| because(model, why));
                        format!("{}[{row}]: {}{because}", shown(&path.display().to_string()), answer.text(args.top))
                    }
                };
                out.write(&text)?;
            }
            rows += cells.rows();
        }
        if rows == 0 {
            return Err(Error::format(path, "it has a line of names and no rows"));
        }
        notes(&reader).iter().for_each(|note| message(format_args!("note: {}", shown(note))));
        unseen.iter().for_each(|one| message(format_args!("warning: {}", shown(&one.to_string()))));
        Ok(rows)
    }

    /// The names of what is written.
    fn names(&self, cells: &Cells, target: &Target) -> Vec<String> {
        let inputs = if self.args.with_input { cells.names.clone() } else { Vec::new() };
        let outputs = match target {
            Target::Classes { name, classes } => {
                let probabilities = classes.iter().map(|class| format!("probability of {class}"));
                std::iter::once(format!("predicted {name}")).chain(probabilities).collect::<Vec<_>>()
            }
            Target::Numbers(targets) => targets.iter().map(|target| format!("predicted {}", target.name)).collect(),
        };
        [inputs, outputs].concat()
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

/// A line of CSV; cells that need them have quotes.
fn csv_line(cells: &[String]) -> String {
    let quoted = |cell: &String| {
        if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.clone() }
    };
    cells.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n"
}

/// Counts a level together with that of earlier chunks.
fn add(all: &mut Vec<Unseen>, one: Unseen) {
    match all.iter_mut().find(|other| (&other.column, &other.level) == (&one.column, &one.level)) {
        Some(other) => other.rows += one.rows,
        None => all.push(one),
    }
}
