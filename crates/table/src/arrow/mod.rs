//! Arrow: a schema and record batches, as a stream, or as a file with an index at its end.

mod message;
mod values;

use std::fs::File;
use std::io::BufRead;
use std::path::Path;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::FileDecoder;
use arrow_ipc::{MessageHeader, MetadataVersion};
use arrow_schema::{FieldRef, Schema, SchemaRef};
use layerloop::{Error, Result};

use self::message::{Messages, damaged};
use crate::about::{About, not_a_cell};
use crate::cells::{Cells, Type};

/// What a file begins with.
pub(crate) const MAGIC: &[u8] = b"ARROW1";
/// What a stream begins with.
pub(crate) const STREAM: &[u8] = b"\xff\xff\xff\xff";
/// Rows that are read at once.
const BATCH: usize = 4096;

/// The rows of record batches.
pub(crate) struct Arrow {
    messages: Messages,
    schema: SchemaRef,
    version: MetadataVersion,
    /// From the first row on, when the columns that are read are known.
    decoder: Option<FileDecoder>,
    /// The batch that is being read, its rows so far, and the number of batches.
    batch: Option<(RecordBatch, usize)>,
    batches: usize,
}

/// The cells of record batches that are in memory; messages call the table `path`.
///
/// # Errors
/// [`Error::Data`] for a column without cells, such as a list, for a name that two columns have, and for a batch that cannot be read.
///
/// # Example
/// ```
/// use std::sync::Arc;
/// use arrow_array::{ArrayRef, Int64Array, RecordBatch, RecordBatchIterator};
/// let ages: ArrayRef = Arc::new(Int64Array::from(vec![Some(31), None]));
/// let batch = RecordBatch::try_from_iter([("age", ages)]).expect("one column");
/// let batches = RecordBatchIterator::new([Ok(batch.clone())], batch.schema());
/// let cells = layerloop_table::cells_of_batches(batches, "people".as_ref())?;
/// assert_eq!(cells.columns[0].iter().collect::<Vec<_>>(), ["31", ""]);
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn cells_of_batches(batches: impl RecordBatchReader, path: &Path) -> Result<Cells> {
    let (mut about, schema) = (About::new(path, None), batches.schema());
    for field in schema.fields() {
        let cells = values::type_of(field.data_type());
        cells.map_err(|what| Error::data(path, format!("column `{}` is {what}, not cells", field.name())))?;
    }
    about.set_columns(types(&schema))?;
    let columns = about.names.iter().cloned().zip(about.types.iter().copied());
    let mut cells = Cells::new(columns, 1);
    for batch in batches {
        let batch = batch.map_err(|error| Error::data(path, error.to_string()))?;
        add_rows(&batch, 0, batch.num_rows(), &mut about, &mut cells)?;
    }
    Ok(cells)
}

/// Names and types of the columns.
fn types(schema: &Schema) -> impl Iterator<Item = (String, Type)> {
    let of = |field: &FieldRef| (field.name().clone(), values::type_of(field.data_type()).unwrap_or(Type::Unknown));
    schema.fields().iter().map(of)
}

/// Adds `rows` rows of a batch, from row `at` on.
fn add_rows(batch: &RecordBatch, at: usize, rows: usize, about: &mut About, cells: &mut Cells) -> Result<()> {
    for (array, (texts, name)) in batch.columns().iter().zip(cells.columns.iter_mut().zip(&cells.names)) {
        for row in at..at + rows {
            let added = texts.push_written(&about.missing, |out| values::write(out, array, row));
            added.map_err(|reason| {
                Error::data(&about.path, format!("row {}, column `{name}`: {reason}", about.rows + row - at + 1))
            })?;
        }
    }
    about.rows += rows;
    Ok(())
}

impl Arrow {
    /// Reads the schema of a file from its index.
    pub(crate) fn open_file(file: File, about: &mut About) -> Result<Self> {
        let (schema, version, messages) = message::index(file, &about.path)?;
        Self::new(schema, version, messages, about)
    }

    /// Reads the schema of a stream.
    pub(crate) fn open_stream(bytes: Box<dyn BufRead>, about: &mut About) -> Result<Self> {
        let path = about.path.clone();
        let damaged = |what: &str| damaged(&path, what);
        let mut messages = Messages::Stream(Some(bytes));
        let first = messages.next(&path)?.ok_or_else(|| damaged("no schema"))?;
        let header = first.header().map_err(|error| damaged(&error))?;
        let schema = header.header_as_schema().ok_or_else(|| damaged("its first message is no schema"))?;
        let schema = try_fb_to_schema(schema).map_err(|error| damaged(&error.to_string()))?;
        Self::new(schema, header.version(), messages, about)
    }

    fn new(schema: Schema, version: MetadataVersion, messages: Messages, about: &mut About) -> Result<Self> {
        if schema.fields().is_empty() {
            return Err(Error::format(&about.path, "this is an Arrow file without columns"));
        }
        about.set_columns(types(&schema))?;
        Ok(Self { messages, schema: schema.into(), version, decoder: None, batch: None, batches: 0 })
    }

    /// Adds the next rows, at most so many; none at the end.
    pub(crate) fn add(&mut self, about: &mut About, cells: &mut Cells, rows: usize) -> Result<usize> {
        let (batch, at) = loop {
            match self.batch.take().filter(|(batch, at)| *at < batch.num_rows()) {
                Some(batch) => break batch,
                None => match self.next_batch(about)? {
                    Some(batch) => self.batch = Some((batch, 0)),
                    None => return Ok(0),
                },
            }
        };
        let rows = rows.min(batch.num_rows() - at).min(BATCH);
        add_rows(&batch, at, rows, about, cells)?;
        self.batch = Some((batch, at + rows));
        Ok(rows)
    }

    fn next_batch(&mut self, about: &About) -> Result<Option<RecordBatch>> {
        if self.decoder.is_none() {
            self.decoder = Some(self.decoder(about)?);
        }
        let Some(decoder) = &mut self.decoder else { return Ok(None) };
        while let Some(message) = self.messages.next(&about.path)? {
            let place = format!("record batch {}", self.batches + 1);
            let damaged = |what: String| damaged(&about.path, &format!("{place}: {what}"));
            match message.header().map_err(damaged)?.header_type() {
                MessageHeader::DictionaryBatch => {
                    message.check(&self.schema).map_err(damaged)?;
                    let read = decoder.read_dictionary(&message.block(), &message.buffer);
                    read.map_err(|error| damaged(error.to_string()))?;
                }
                MessageHeader::RecordBatch => {
                    message.check(&self.schema).map_err(damaged)?;
                    self.batches += 1;
                    let read = decoder.read_record_batch(&message.block(), &message.buffer);
                    return read.map_err(|error| damaged(error.to_string()));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// What decodes the columns that are read.
    fn decoder(&self, about: &About) -> Result<FileDecoder> {
        for place in about.kept() {
            let what = values::type_of(self.schema.field(place).data_type());
            what.map_err(|what| not_a_cell(about, place, &what))?;
        }
        let decoder = FileDecoder::new(SchemaRef::clone(&self.schema), self.version);
        let kept: Vec<usize> = about.kept().collect();
        Ok(if kept.len() == about.names.len() { decoder } else { decoder.with_projection(kept) })
    }
}
