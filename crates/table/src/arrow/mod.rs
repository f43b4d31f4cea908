//! Arrow: a schema and record batches, as a stream, or as a file with an index at its end.

mod message;
mod values;

use std::fs::File;
use std::io::BufRead;

use arrow_array::RecordBatch;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::FileDecoder;
use arrow_ipc::{MessageHeader, MetadataVersion};
use arrow_schema::{Schema, SchemaRef};
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
        let columns = schema
            .fields()
            .iter()
            .map(|field| (field.name().clone(), values::type_of(field.data_type()).unwrap_or(Type::Unknown)));
        about.set_columns(columns)?;
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
        for (array, (texts, name)) in batch.columns().iter().zip(cells.columns.iter_mut().zip(&cells.names)) {
            for row in at..at + rows {
                let added = texts.push_written(&about.missing, |out| values::write(out, array, row));
                added.map_err(|reason| {
                    Error::data(&about.path, format!("row {}, column `{name}`: {reason}", about.rows + row - at + 1))
                })?;
            }
        }
        about.rows += rows;
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
