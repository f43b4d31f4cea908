//! Parquet: row groups of column chunks, found by an index at the end of the file.

mod column;
mod delta;
mod pages;
mod write;

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::sync::Arc;

use layerloop::{Error, Result, memory};
use parquet::file::metadata::{
    ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader, ParquetStatisticsPolicy,
};
use parquet::schema::types::SchemaDescriptor;

use self::column::{Column, Meaning};
use self::pages::Pages;
pub use self::write::ParquetWriter;
use crate::about::{About, not_a_cell};
use crate::cells::{Cells, Type};

/// What a Parquet file begins and ends with.
pub(crate) const MAGIC: &[u8] = b"PAR1";
/// What one ends with whose index is encrypted.
const ENCRYPTED: &[u8] = b"PARE";
/// Rows that are read at once.
const BATCH: usize = 4096;

/// The place of a column among those of the file and what its values mean; or what it is, if that cannot be a cell.
type Place = std::result::Result<(usize, Meaning), String>;

/// The rows of a Parquet file.
pub(crate) struct Parquet {
    file: Arc<File>,
    length: u64,
    metadata: ParquetMetaData,
    columns: Vec<Place>,
    /// The row groups that were opened.
    groups: usize,
    /// The columns of the row group that is being read, and the rows that it has left.
    open: Vec<Column>,
    left: usize,
}

impl Parquet {
    /// Reads the index.
    pub(crate) fn open(file: File, about: &mut About) -> Result<Self> {
        let length = file.metadata().map_err(Error::io(&about.path))?.len();
        let skip = ParquetStatisticsPolicy::SkipAll;
        let options = ParquetMetaDataOptions::new()
            .with_column_stats_policy(skip.clone())
            .with_encoding_stats_policy(skip.clone())
            .with_size_stats_policy(skip);
        let read = ParquetMetaDataReader::new().with_metadata_options(Some(options)).parse_and_finish(&file);
        let metadata = read.map_err(|error| Error::format(&about.path, no_index(&file, length, &error.to_string())))?;
        let (named, columns): (Vec<(String, Type)>, Vec<_>) =
            shape(metadata.file_metadata().schema_descr()).into_iter().unzip();
        if named.is_empty() {
            return Err(Error::format(&about.path, "this is a Parquet file without columns"));
        }
        about.set_columns(named.into_iter())?;
        let file = Arc::new(file);
        Ok(Self { file, length, metadata, columns, groups: 0, open: Vec::new(), left: 0 })
    }

    /// Adds the next rows, at most so many; none at the end.
    pub(crate) fn add(&mut self, about: &mut About, cells: &mut Cells, rows: usize) -> Result<usize> {
        while self.left == 0 {
            if !self.open_next_group(about)? {
                return Ok(0);
            }
        }
        let rows = rows.min(self.left).min(BATCH);
        for (column, (texts, name)) in self.open.iter_mut().zip(cells.columns.iter_mut().zip(&cells.names)) {
            let added = column.add(rows, texts, &about.missing);
            added.map_err(|reason| damaged(about, self.groups, name, &reason))?;
        }
        self.left -= rows;
        about.rows += rows;
        Ok(rows)
    }

    fn open_next_group(&mut self, about: &About) -> Result<bool> {
        let Some(group) = self.metadata.row_groups().get(self.groups) else { return Ok(false) };
        self.groups += 1;
        self.open.clear();
        self.left = usize::try_from(group.num_rows()).unwrap_or(0);
        for place in about.kept() {
            let name = &about.names[place];
            let (leaf, meaning) = self.columns[place].as_ref().map_err(|what| not_a_cell(about, place, what))?;
            let refused = |reason: String| damaged(about, self.groups, name, &reason);
            let chunk = group.columns().get(*leaf).ok_or_else(|| refused("it is not there".into()))?;
            check(chunk, self.left, self.length).map_err(refused)?;
            let needed = usize::try_from(chunk.uncompressed_size()).unwrap_or(usize::MAX);
            memory::check(&format!("column `{name}` of {}", about.path.display()), needed, "smaller row groups")?;
            let pages = Pages::open(Arc::clone(&self.file), chunk, self.left);
            let pages = pages.map_err(|reason| {
                let place = format!("row group {}, column `{name}`", self.groups);
                Error::format(&about.path, format!("{place}: {reason}"))
            })?;
            self.open.push(Column::new(chunk.column_descr_ptr(), Box::new(pages), *meaning));
        }
        Ok(true)
    }
}

/// Names and types of the table's columns, and where their values are: a nested column has many places, and is refused when it is read.
fn shape(schema: &SchemaDescriptor) -> Vec<((String, Type), Place)> {
    let fields = schema.root_schema().get_fields();
    let mut leaves = vec![0; fields.len()];
    (0..schema.num_columns()).rev().for_each(|leaf| leaves[schema.get_column_root_idx(leaf)] = leaf);
    let columns = fields.iter().zip(leaves).map(|(field, leaf)| {
        let meaning = column::nested(field).map_or_else(|| Meaning::of(&schema.column(leaf)), Err);
        let values = meaning.as_ref().map_or(Type::Unknown, |meaning| meaning.values());
        ((field.name().to_owned(), values), meaning.map(|meaning| (leaf, meaning)))
    });
    columns.collect()
}

/// Why there is no index to be read.
fn no_index(mut file: &File, length: u64, error: &str) -> String {
    let mut end = [0; 4];
    let at = SeekFrom::Start(length.saturating_sub(4));
    let is_read = file.seek(at).and_then(|_| file.read_exact(&mut end)).is_ok();
    match () {
        () if is_read && end == ENCRYPTED => {
            "this is an encrypted Parquet file; write it without encryption".to_owned()
        }
        () if !is_read || end != MAGIC || length < 12 => {
            "this is a Parquet file that is cut off: its index, which is at its end, is missing; copy or write it again"
                .to_owned()
        }
        () => format!("the index of this Parquet file is damaged: {error}; copy or write it again"),
    }
}

/// Refuses what the index cannot rightly say of a column chunk.
fn check(chunk: &ColumnChunkMetaData, rows: usize, length: u64) -> std::result::Result<(), String> {
    let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
    let end = start.checked_add(chunk.compressed_size());
    let is_inside = start >= 0 && chunk.compressed_size() >= 0 && end.is_some_and(|end| end as u64 <= length);
    match () {
        () if chunk.file_path().is_some() => Err("it is in another file".into()),
        () if !is_inside => {
            Err(format!("{} bytes from byte {start} on, in a file of {length}", chunk.compressed_size()))
        }
        () if chunk.uncompressed_size() < 0 => Err(format!("a size of {} bytes", chunk.uncompressed_size())),
        () if chunk.num_values() != rows as i64 => Err(format!("{} values for {rows} rows", chunk.num_values())),
        () => Ok(()),
    }
}

fn damaged(about: &About, group: usize, column: &str, reason: &str) -> Error {
    let reason = format!("row group {group}, column `{column}`: {reason}; the file is damaged: copy or write it again");
    Error::data(&about.path, reason)
}
