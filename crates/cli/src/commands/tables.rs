//! Tables beside a model that was trained on one: read as its training data was, its columns as it takes them.

use std::path::Path;
use std::sync::Arc;

use layerloop::data::Dataset;
use layerloop::model_file::Model;
use layerloop::preprocess::{Frame, Kind, Preprocessing, Unseen};
use layerloop::{Error, Result};
use layerloop_data::Loaded;
use layerloop_data::tables::{notes, open_table, place};
use layerloop_table::{Reader, typed};

use super::train::table::again;
use crate::args::{ExplicitArgs, TableArgs, Train, parse};
use crate::output::{message, shown};

/// The training's options, by the receipt.
fn typed_for(model: &Model) -> Result<Box<Train>> {
    let receipt = &model.receipt["arguments"];
    parse::train(&ExplicitArgs::from_json(receipt).unwrap_or_default())
}

/// How the table of the training was read, so that others are read in the same way.
pub(crate) fn reading(model: &Model) -> TableArgs {
    typed_for(model).map(|train| train.table).unwrap_or_default()
}

/// The columns that a model needs and their kinds, perhaps with what is to be predicted.
pub(crate) fn wanted(by: &Preprocessing, with_target: bool) -> Vec<(String, Kind)> {
    let target = by.target().kinds().filter(|_| with_target);
    by.columns().chain(target).map(|(name, kind)| (name.to_owned(), kind)).collect()
}

/// The next rows as columns of these kinds, and how many there are.
pub(crate) fn next_frame(
    reader: &mut Reader,
    wanted: &[(String, Kind)],
    rows: usize,
) -> Result<Option<(Frame, layerloop_table::Cells)>> {
    let missing = wanted.iter().find(|(name, _)| !reader.names().contains(name));
    if let Some((name, _)) = missing {
        let names = reader.names().iter().map(String::as_str);
        let reason =
            format!("no column `{name}`, which the model needs{}", layerloop::preprocess::suggestion(name, names));
        return Err(Error::data(reader.path(), reason));
    }
    let Some(cells) = reader.next_rows(rows)? else { return Ok(None) };
    let kinds: Vec<(&str, Kind)> = wanted.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
    Ok(Some((typed(&cells, &kinds, reader.path())?, cells)))
}

/// The rows of a file that have a target, piece by piece.
pub(crate) struct Pieces<'a> {
    reader: Reader,
    by: &'a Arc<Preprocessing>,
    wanted: Vec<(String, Kind)>,
    /// Rows of a piece.
    rows: usize,
    /// Rows that were read, and those of them that are used.
    counts: [usize; 2],
    pieces: usize,
    /// What is to be said of the last piece.
    said: Vec<String>,
    unseen: Vec<Unseen>,
}

impl<'a> Pieces<'a> {
    pub(crate) fn open(model: &Model, by: &'a Arc<Preprocessing>, path: &Path, rows: usize) -> Result<Self> {
        let mut reader = open_table(path, &reading(model).read())?;
        let wanted = wanted(by, true);
        reader.retain(|name| wanted.iter().any(|(other, _)| other == name));
        Ok(Self { reader, by, wanted, rows, counts: [0; 2], pieces: 0, said: Vec::new(), unseen: Vec::new() })
    }

    /// Says what is to be said of the rows that were read.
    pub(crate) fn say(&self) {
        let [rows, used] = self.counts;
        let name = self.reader.path().display();
        let left_out = format!(
            "{} of the {rows} rows of {name} have no target that the model knows and are left out",
            rows - used
        );
        let of_rows = match self.pieces {
            1 => self.said.clone(),
            _ if used < rows => vec![left_out],
            _ => Vec::new(),
        };
        let unseen = self.unseen.iter().map(ToString::to_string);
        for note in notes(&self.reader).into_iter().chain(of_rows).chain(unseen) {
            message(format_args!("note: {}", shown(&note)));
        }
    }

    fn dataset(&mut self, frame: &Frame) -> Result<Option<Dataset>> {
        self.counts[0] += frame.rows();
        self.pieces += 1;
        self.said.clear();
        let mut targets = self.by.target().columns().map(|name| frame.target(name));
        let is_empty =
            targets.try_fold(false, |is, column| column.map(|column| is || column.missing() == frame.rows()))?;
        if is_empty && self.rows < usize::MAX {
            return Ok(None);
        }
        let (data, unseen) = Dataset::of_known_rows(frame, self.by, &mut self.said)?;
        self.counts[1] += data.rows();
        for new in unseen {
            match self.unseen.iter_mut().find(|one| (&one.column, &one.level) == (&new.column, &new.level)) {
                Some(one) => one.rows += new.rows,
                None => self.unseen.push(new),
            }
        }
        Ok(Some(data))
    }
}

impl Iterator for Pieces<'_> {
    type Item = Result<Dataset>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let frame = match next_frame(&mut self.reader, &self.wanted, self.rows) {
                Ok(None) => return None,
                Ok(Some((frame, _))) => frame,
                Err(error) => return Some(Err(error)),
            };
            match self.dataset(&frame) {
                Ok(None) => {}
                Ok(Some(data)) => return Some(Ok(data)),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// A file, all of whose rows are used, as both parts; or, if none is named, the table of the training.
pub(crate) fn load(model: &Model, by: &Arc<Preprocessing>, data: Option<&Path>) -> Result<Loaded> {
    let Some(path) = data else {
        let args = typed_for(model)?;
        if args.data.as_os_str() == "-" {
            return Err(Error::config("DATA", "the model was trained on standard input; name a table"));
        }
        return again(&args, by);
    };
    let mut pieces = Pieces::open(model, by, path, usize::MAX)?;
    let data = pieces.next().unwrap_or_else(|| Err(pieces.reader.no_rows()))?;
    pieces.say();
    Ok(Loaded::new(data.clone(), data, place(path)))
}
