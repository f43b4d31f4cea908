//! A table that is not in memory: its cells are read and typed once, and kept in a temporary file from which rows are read as they are needed.

mod rows;

use std::collections::HashMap;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use layerloop::data::{FitSample, MOST_STRATIFIED, Part, RowParts, TableParts, TableSplit};
use layerloop::preprocess::{Column, Frame, Kind, MISSING, Preprocessing, Values};
use layerloop::{Error, Result};
use layerloop_table::{Cells, Detected, as_targets, detect, typed, typed_as_detected};

use self::rows::TrainedOn;
pub use self::rows::TrainingRows;
use crate::tables::{Opened, Table, TableOptions, notes};
use crate::temporary::{IN_MEMORY, Temporary, Writer, no_room};

/// Cells of the rows by which the kinds of columns are detected, and that are read at once; rows, at most.
const CHUNK: usize = 1 << 22;
const MOST_ROWS: usize = 1 << 16;
/// Levels of a column, at most.
const MOST_LEVELS: usize = 1 << 20;

/// A table whose rows are in a temporary file, which is removed with it.
#[derive(Debug)]
pub struct StoredTable {
    /// Its first rows, what its columns are, and what is to be said of it.
    pub first: Table,
    name: String,
    columns: Vec<StoredColumn>,
    rows: usize,
    /// Bytes of a row.
    width: usize,
    file: Temporary,
    /// Which rows have a target.
    parts: Vec<Part>,
    /// The columns to predict and to split by, of a table that is not too large.
    keys: Option<Frame>,
}

/// How the cells of a column are kept.
#[derive(Debug)]
struct StoredColumn {
    name: String,
    kind: Kind,
    cells: Stored,
}

#[derive(Debug)]
enum Stored {
    /// As f64, little endian.
    Numbers,
    /// As the number of a level, u32, little endian.
    Levels(Levels),
    /// Not at all: they are not used.
    Nothing,
}

impl Stored {
    fn width(&self) -> usize {
        match self {
            Self::Numbers => 8,
            Self::Levels(_) => 4,
            Self::Nothing => 0,
        }
    }
}

/// The levels of a column, numbered as they come.
#[derive(Debug, Default)]
struct Levels {
    places: HashMap<String, u32>,
    names: Vec<String>,
}

impl Levels {
    /// The numbers of some levels.
    fn numbers(&mut self, levels: &[String]) -> Vec<u32> {
        let mut number = |level: &String| {
            self.places.get(level).copied().unwrap_or_else(|| {
                let number = self.names.len() as u32;
                self.places.insert(level.clone(), number);
                self.names.push(level.clone());
                number
            })
        };
        levels.iter().map(&mut number).collect()
    }
}

/// The columns that rows are split by, while they are being read.
struct Keys {
    columns: Vec<(Column, Levels)>,
}

impl Keys {
    fn add(&mut self, frame: &Frame) -> Result<()> {
        for (all, own) in &mut self.columns {
            match (&mut all.values, &frame.column(&all.name)?.values) {
                (Values::Numbers(all), Values::Numbers(new)) => all.extend(new),
                (Values::Levels { codes: all, .. }, Values::Levels { codes, levels }) => {
                    let numbers = own.numbers(levels);
                    all.extend(codes.iter().map(|&code| numbers.get(code as usize).copied().unwrap_or(MISSING)));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn frame(self, name: &str) -> Result<Frame> {
        let columns = self.columns.into_iter().map(|(mut column, own)| {
            if let Values::Levels { levels, .. } = &mut column.values {
                *levels = own.names;
            }
            column
        });
        Frame::new(name, columns.collect())
    }
}

/// The parts of a table whose rows to train on are in a file.
#[derive(Debug)]
pub struct StoredParts {
    /// The parts as they are in memory: of the rows to train on some that the preprocessing was fitted to, or all of a small table.
    pub parts: TableParts,
    /// The rows to train on.
    pub rows: TrainingRows,
}

impl StoredTable {
    /// Reads a table, chunk by chunk. `keys` are columns to split by, beside the target.
    ///
    /// # Errors
    /// As [`read_table`](crate::tables::read_table); [`Error::Data`] for a cell that is not of the kind that the first rows of its column
    /// are of; [`Error::Io`] if the temporary file cannot be written.
    pub fn read(data: &Path, options: &TableOptions, keys: &[String]) -> Result<Self> {
        let Opened { mut reader, target, kinds, said } = Opened::new(data, options)?;
        let chunk = (CHUNK / reader.names().len().max(1)).clamp(1, MOST_ROWS);
        let cells = reader.next_rows(chunk)?.ok_or_else(|| reader.no_rows())?;
        let mut detected = detect(&cells, &kinds, reader.comma_is_decimal(), data)?;
        as_targets(&mut detected, &target, &kinds);
        let constants = Constants::of(&detected, &kinds, &cells);
        let first = typed_as_detected(&cells, &mut detected, data)?;
        let mut table = Self::empty(data, Table { frame: first, columns: detected, target, notes: Vec::new() })?;
        let mut keys = table.keys_of(keys)?;
        let mut writer = Writer::new()?;
        let first = table.first.frame.clone();
        table.add(&first, &mut writer, &mut keys)?;
        let wanted: Vec<(String, Kind)> =
            table.first.columns.iter().map(|column| (column.name.clone(), column.kind)).collect();
        let wanted: Vec<(&str, Kind)> = wanted.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
        let mut vary = Vec::new();
        while let Some(cells) = reader.next_rows(chunk)? {
            constants.look_at(&cells, &mut vary);
            table.add(&typed(&cells, &wanted, data)?, &mut writer, &mut keys)?;
        }
        table.file = writer.written()?;
        table.keys = keys.map(|keys| keys.frame(&table.name)).transpose()?;
        let of_columns = table.first.columns.iter().filter_map(|column| column.note.clone());
        table.first.notes = notes(&reader).into_iter().chain(said).chain(of_columns).chain(vary).collect();
        Ok(table)
    }

    fn empty(data: &Path, first: Table) -> Result<Self> {
        let columns: Vec<StoredColumn> = first
            .frame
            .columns()
            .iter()
            .map(|Column { name, kind, values }| {
                let cells = match values {
                    _ if !kind.is_used() => Stored::Nothing,
                    Values::Numbers(_) => Stored::Numbers,
                    Values::Levels { .. } => Stored::Levels(Levels::default()),
                };
                StoredColumn { name: name.clone(), kind: *kind, cells }
            })
            .collect();
        Ok(Self {
            name: data.display().to_string(),
            rows: 0,
            width: columns.iter().map(|column| column.cells.width()).sum(),
            columns,
            file: Writer::new()?.written()?,
            parts: Vec::new(),
            keys: None,
            first,
        })
    }

    fn keys_of(&self, more: &[String]) -> Result<Option<Keys>> {
        let names = self.first.target.iter().chain(more);
        let mut columns: Vec<(Column, Levels)> = Vec::new();
        for name in names {
            let column = self.first.frame.column(name)?;
            if columns.iter().all(|(other, _)| other.name != *name) {
                let values = match column.values {
                    Values::Numbers(_) => Values::Numbers(Vec::new()),
                    Values::Levels { .. } => Values::Levels { codes: Vec::new(), levels: Vec::new() },
                };
                columns.push((Column { values, ..column.clone() }, Levels::default()));
            }
        }
        Ok(Some(Keys { columns }))
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Writes the cells of some rows behind the others.
    fn add(&mut self, frame: &Frame, to: &mut impl Write, keys: &mut Option<Keys>) -> Result<()> {
        let rows = frame.rows();
        let mut bytes = vec![0; rows * self.width];
        let mut at = 0;
        for column in &mut self.columns {
            let width = column.cells.width();
            let places = bytes.chunks_exact_mut(self.width.max(1)).map(|row| &mut row[at..at + width]);
            match (&mut column.cells, &frame.column(&column.name)?.values) {
                (Stored::Numbers, Values::Numbers(values)) => {
                    places.zip(values).for_each(|(place, value)| place.copy_from_slice(&value.to_le_bytes()));
                }
                (Stored::Levels(own), Values::Levels { codes, levels }) => {
                    let numbers = own.numbers(levels);
                    if own.names.len() > MOST_LEVELS {
                        let reason = format!(
                            "column `{}` has more than {MOST_LEVELS} levels; --column {}=identifier leaves it out",
                            column.name, column.name
                        );
                        return Err(Error::data(&self.name, reason));
                    }
                    for (place, &code) in places.zip(codes) {
                        let number = numbers.get(code as usize).copied().unwrap_or(MISSING);
                        place.copy_from_slice(&number.to_le_bytes());
                    }
                }
                _ => {}
            }
            at += width;
        }
        to.write_all(&bytes).map_err(no_room)?;
        let targets: Vec<&Column> = self.first.target.iter().map(|name| frame.target(name)).collect::<Result<_>>()?;
        let part = |row| if targets.iter().any(|column| column.is_missing(row)) { Part::LeftOut } else { Part::Train };
        self.parts.extend((0..rows).map(part));
        self.rows += rows;
        if self.rows > MOST_STRATIFIED {
            *keys = None;
        }
        keys.as_mut().map_or(Ok(()), |keys| keys.add(frame))
    }

    /// Those of some rows that `is_wanted` names.
    fn frame(&self, rows: Range<usize>, is_wanted: impl Fn(usize) -> bool) -> Result<Frame> {
        let mut bytes = vec![0; rows.len() * self.width];
        self.file.read(rows.start * self.width, &mut bytes)?;
        let wanted: Vec<usize> = rows.clone().filter(|row| is_wanted(*row)).map(|row| row - rows.start).collect();
        let mut at = 0;
        let columns = self.columns.iter().map(|StoredColumn { name, kind, cells }| {
            let place = at;
            at += cells.width();
            let cell = |row: usize| &bytes[row * self.width + place..][..cells.width()];
            let values = match cells {
                Stored::Numbers => {
                    Values::Numbers(wanted.iter().map(|&row| f64::from_le_bytes(of(cell(row)))).collect())
                }
                Stored::Levels(all) => few_levels(wanted.iter().map(|&row| u32::from_le_bytes(of(cell(row)))), all),
                Stored::Nothing if kind.is_numeric() => Values::Numbers(vec![f64::NAN; wanted.len()]),
                Stored::Nothing => Values::Levels { codes: vec![MISSING; wanted.len()], levels: Vec::new() },
            };
            Column { name: name.clone(), kind: *kind, values }
        });
        Frame::new(&self.name, columns.collect())
    }

    /// The rows of a part that `choose` takes of each piece, given as places in it.
    fn rows_of(&self, parts: &[Part], part: Part, mut choose: impl FnMut(&Frame) -> Vec<usize>) -> Result<Frame> {
        let mut all: Vec<(Column, Levels)> = Vec::new();
        for start in (0..self.rows).step_by(MOST_ROWS) {
            let rows = start..self.rows.min(start + MOST_ROWS);
            if all.is_empty() || parts[rows.clone()].contains(&part) {
                let frame = self.frame(rows, |row| parts[row] == part)?;
                let chosen = choose(&frame);
                let frame = if chosen.len() == frame.rows() { frame } else { frame.select(&chosen) };
                if all.is_empty() {
                    let empty = frame.select(&[]);
                    all = empty.columns().iter().map(|column| (column.clone(), Levels::default())).collect();
                }
                let mut keys = Keys { columns: all };
                keys.add(&frame)?;
                all = keys.columns;
            }
        }
        Keys { columns: all }.frame(&self.name)
    }

    /// Scales the numbers in the file: it would take half of the time of reading rows.
    fn scale(&self, by: &Preprocessing) -> Result<()> {
        let mut at = 0;
        let mut scalers = Vec::new();
        for column in &self.columns {
            if let (Stored::Numbers, Some(scaler)) = (&column.cells, by.scaler(&column.name)) {
                scalers.push((at, scaler));
            }
            at += column.cells.width();
        }
        let (next, failed) = (AtomicUsize::new(0), Mutex::new(Ok(())));
        let work = || -> Result<()> {
            loop {
                let start = next.fetch_add(MOST_ROWS, Ordering::Relaxed);
                if start >= self.rows {
                    return Ok(());
                }
                let mut bytes = vec![0; (self.rows - start).min(MOST_ROWS) * self.width];
                self.file.read(start * self.width, &mut bytes)?;
                for row in bytes.chunks_exact_mut(self.width.max(1)) {
                    for (at, scaler) in &scalers {
                        let place = &mut row[*at..at + size_of::<f64>()];
                        let x = f64::from_le_bytes(of(place));
                        if !x.is_nan() {
                            place.copy_from_slice(&scaler(x).to_le_bytes());
                        }
                    }
                }
                self.file.write(start * self.width, &bytes)?;
            }
        };
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(|| {
                    if let Err(error) = work() {
                        *failed.lock().unwrap_or_else(PoisonError::into_inner) = Err(error);
                    }
                });
            }
        });
        failed.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The parts of the table; `test` are rows to test on from elsewhere.
    ///
    /// # Errors
    /// As [`TableParts::new`].
    pub fn parts(
        mut self,
        test: Option<Frame>,
        split: &TableSplit,
        fit: impl FnOnce(&Frame) -> Result<Preprocessing>,
    ) -> Result<StoredParts> {
        let target: Vec<String> = self.first.target.clone();
        let target: Vec<&str> = target.iter().map(String::as_str).collect();
        let known = std::mem::take(&mut self.parts);
        let RowParts { parts, notes } =
            RowParts::of_known(&self.name, known, self.keys.as_ref(), &target, split, test.is_none())?;
        let all = |frame: &Frame| (0..frame.rows()).collect();
        let test = match test {
            Some(test) => test,
            None => self.rows_of(&parts, Part::Test, all)?.named(format!("{} test", self.name)),
        };
        let validation = self.rows_of(&parts, Part::Validation, all)?;
        let validation = (validation.rows() > 0).then_some(validation);
        let train = parts.iter().filter(|part| **part == Part::Train).count();
        let mut sample = FitSample::new(train, self.columns.len());
        let train = self.rows_of(&parts, Part::Train, |frame| sample.of(frame, &target))?;
        let trained_on = TrainedOn::new(&parts);
        drop(parts);
        let by = fit(&train)?;
        let most = (IN_MEMORY / (size_of::<f32>() * by.width())).max(1);
        let train = if train.rows() > most { train.select(&evenly(train.rows(), most)) } else { train };
        let in_memory = TableParts::of_frames(&train, validation, &test, &target, notes, || Ok(by.clone()))?;
        let by = in_memory.train.preprocessing().cloned().unwrap_or_else(|| by.into());
        self.scale(&by)?;
        Ok(StoredParts { parts: in_memory, rows: TrainingRows::new(self, trained_on, &Arc::new(by.of_scaled())) })
    }
}

/// The levels that occur, by the numbers that all of them have.
fn few_levels(numbers: impl Iterator<Item = u32>, all: &Levels) -> Values {
    let mut places = vec![MISSING; all.names.len()];
    let mut levels: Vec<String> = Vec::new();
    let codes = numbers.map(|number| {
        let Some(place) = places.get_mut(number as usize) else { return MISSING };
        if *place == MISSING {
            *place = levels.len() as u32;
            levels.push(all.names[number as usize].clone());
        }
        *place
    });
    Values::Levels { codes: codes.collect(), levels }
}

/// Some rows of all, from the first to the last.
fn evenly(rows: usize, some: usize) -> Vec<usize> {
    (0..some).map(|i| i * rows / some).collect()
}

fn of<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}

/// Columns that have one value in the first rows.
struct Constants(Vec<(String, String)>);

impl Constants {
    fn of(columns: &[Detected], given: &[(String, Kind)], cells: &Cells) -> Self {
        let is_given = |name: &str| given.iter().any(|(other, _)| other == name);
        let of_columns = columns
            .iter()
            .zip(&cells.columns)
            .filter(|(column, _)| column.kind == Kind::Constant && !is_given(&column.name));
        Self(of_columns.map(|(column, cells)| (column.name.clone(), first(cells.iter()))).collect())
    }

    /// Notes those that have other values later.
    fn look_at(&self, cells: &Cells, notes: &mut Vec<String>) {
        for (name, value) in &self.0 {
            let place = cells.names.iter().position(|other| other == name);
            let Some(texts) = place.map(|place| &cells.columns[place]) else { continue };
            let start = format!("column `{name}` ");
            if texts.iter().any(|cell| cell != value) && !notes.iter().any(|note| note.starts_with(&start)) {
                notes.push(format!(
                    "{start}has one value in the first rows, by which it is left out, and others later; --column {name}=number or {name}=category uses it"
                ));
            }
        }
    }
}

fn first<'a>(mut cells: impl Iterator<Item = &'a str>) -> String {
    cells.next().unwrap_or_default().to_owned()
}
