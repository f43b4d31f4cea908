//! Rows of a table as sparse inputs: for rows that become inputs again and again, and wait for it in little memory.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use layerloop_kernels::Csr;

use super::Preprocessing;
use super::category::Place;
use super::column::{Encoding, FittedColumn};
use super::frame::{Column, Frame, Values};
use super::number::Numbers;
use super::view::Encoder;
use crate::{Error, Result};

/// Cells of a column whose inputs are remembered.
const REMEMBERED: usize = 1 << 12;

/// Inputs of a cell that are not 0, each with its place in the row.
type Row = Box<[(u32, f32)]>;

/// Makes the inputs of rows, as [`Preprocessing::inputs`] does, by their entries.
///
/// # Example
/// ```
/// use layerloop::preprocess::{Column, Entries, Frame, PreprocessOptions, Preprocessing};
/// let pay = Column::numbers("pay", vec![10.0, 20.0, 30.0]);
/// let jobs = Column::categories("job", ["cook", "pilot", "clerk"]);
/// let people = Frame::new("people", vec![jobs, pay])?;
/// let mut options = PreprocessOptions::default();
/// options.min_rows = 1;
/// let fitted = Preprocessing::fit(&people, &["pay"], &options)?;
/// let rows = Entries::new(&fitted.clone().into()).of(&people)?;
/// assert_eq!((rows.entries(), rows.width()), (3, fitted.width()));
/// assert_eq!(rows.dense_row(1), fitted.inputs(&people)?.inputs[fitted.width()..][..fitted.width()]);
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug)]
pub struct Entries {
    by: Arc<Preprocessing>,
    columns: Vec<Kept>,
}

/// What is known of a column beforehand.
#[derive(Debug)]
enum Kept {
    /// Nothing: its cells are numbers, or not used.
    Nothing,
    /// Rows for each level, for an unseen one and for a missing one.
    Levels(Vec<Row>),
    /// The newest cells of a hash, with their inputs.
    Newest(Vec<Option<(u64, Row)>>),
}

/// The cells of a column.
enum Cells<'a> {
    Numbers(&'a Numbers, &'a [f64]),
    Levels(&'a [u32], Vec<usize>, &'a [Row]),
    Others(&'a FittedColumn, &'a [f64], &'a mut Vec<Option<(u64, Row)>>),
}

impl Entries {
    /// By what was fitted to the training rows.
    #[must_use]
    pub fn new(by: &Arc<Preprocessing>) -> Self {
        let kept = |column: &FittedColumn| match &column.encoding {
            Encoding::Numbers(_) | Encoding::Unused => Kept::Nothing,
            Encoding::Names(_) => match column.view().encoder {
                Encoder::Levels { table, .. } => {
                    Kept::Levels(table.chunks_exact(column.width()).map(entries).collect())
                }
                _ => Kept::Nothing,
            },
            Encoding::Repeated(_) | Encoding::Dates(_) => Kept::Newest(vec![None; REMEMBERED]),
        };
        Self { columns: by.columns.iter().map(kept).collect(), by: Arc::clone(by) }
    }

    /// What makes the inputs.
    #[must_use]
    pub fn by(&self) -> &Arc<Preprocessing> {
        &self.by
    }

    /// The inputs of the rows of `frame`.
    ///
    /// # Errors
    /// As [`Preprocessing::inputs`].
    pub fn of(&mut self, frame: &Frame) -> Result<Csr> {
        let mut cells: Vec<(u32, Cells)> = Vec::new();
        let mut from = 0;
        for (column, kept) in self.by.columns.iter().zip(&mut self.columns) {
            let place = from;
            from += column.width() as u32;
            if !column.is_used() {
                continue;
            }
            let values = &frame.column(&column.name)?.values;
            cells.push((
                place,
                match (&column.encoding, values, kept) {
                    (Encoding::Numbers(numbers), Values::Numbers(values), _) => Cells::Numbers(numbers, values),
                    (Encoding::Names(names), Values::Levels { codes, levels }, Kept::Levels(rows)) => {
                        let row = |place: &Place| match place {
                            Place::Level(level) => *level,
                            Place::Unseen => rows.len() - 2,
                            Place::Missing => rows.len() - 1,
                        };
                        let of_levels = names.places(levels).iter().map(row).collect();
                        Cells::Levels(codes, of_levels, rows)
                    }
                    (_, Values::Numbers(values), Kept::Newest(newest)) => Cells::Others(column, values, newest),
                    _ => {
                        let reason = format!("column `{}` holds other cells than in training", column.name);
                        return Err(Error::data(frame.name(), reason));
                    }
                },
            ));
        }
        let mut rows = Rows::with_capacity(frame.rows());
        for row in 0..frame.rows() {
            for (from, cells) in &mut cells {
                rows.add(*from, cells, row);
            }
            rows.starts.push(rows.columns.len());
        }
        let Rows { starts, columns, values } = rows;
        Csr::new(self.by.width(), starts, columns, values).map_err(|error| Error::data(frame.name(), error.to_string()))
    }
}

/// Entries that are being collected.
struct Rows {
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

impl Rows {
    fn with_capacity(rows: usize) -> Self {
        let mut starts = Vec::with_capacity(rows + 1);
        starts.push(0);
        Self { starts, columns: Vec::new(), values: Vec::new() }
    }

    fn push(&mut self, column: u32, value: f32) {
        if value.to_bits() != 0 {
            self.columns.push(column);
            self.values.push(value);
        }
    }

    fn extend(&mut self, from: u32, row: &Row) {
        row.iter().for_each(|(column, value)| self.push(from + column, *value));
    }

    /// The entries of a cell.
    fn add(&mut self, from: u32, cells: &mut Cells, row: usize) {
        match cells {
            Cells::Numbers(numbers, values) => {
                let mut inputs = [0.0; 2];
                numbers.apply(values[row], &mut inputs);
                inputs.iter().zip(from..).for_each(|(input, column)| self.push(column, *input));
            }
            Cells::Levels(codes, of_levels, rows) => {
                let place = of_levels.get(codes[row] as usize).copied().unwrap_or(rows.len() - 1);
                self.extend(from, &rows[place]);
            }
            Cells::Others(column, values, newest) => {
                let key = values[row].to_bits();
                let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(key);
                let place = &mut newest[hash as usize % REMEMBERED];
                if place.as_ref().is_none_or(|(other, _)| *other != key) {
                    *place = Some((key, inputs_of(column, values[row])));
                }
                if let Some((_, entries)) = place {
                    self.extend(from, entries);
                }
            }
        }
    }
}

fn inputs_of(column: &FittedColumn, value: f64) -> Row {
    let mut inputs = vec![0.0; column.width()];
    let cell = Column { name: String::new(), kind: column.kind, values: Values::Numbers(vec![value]) };
    // Numbers where there were numbers: nothing can be wrong.
    _ = column.apply(&cell, std::iter::once(&mut inputs[..]), &mut Vec::new());
    entries(&inputs)
}

fn entries(inputs: &[f32]) -> Row {
    inputs.iter().zip(0..).filter(|(input, _)| input.to_bits() != 0).map(|(input, column)| (column, *input)).collect()
}
