//! Messages: a length, metadata of that length, and a body; in a stream one after the other, in a file where its index says. No length is
//! believed before the bytes are there.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, Read, Seek as _, SeekFrom};
use std::path::Path;

use arrow_buffer::Buffer;
use arrow_data::{BufferSpec, layout};
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::read_footer_length;
use arrow_ipc::{
    Block, CompressionType, Message as Header, MetadataVersion, RecordBatch, root_as_footer, root_as_message,
};
use arrow_schema::{DataType, Schema};
use layerloop::{Error, Result, memory};

/// What is before the length of the metadata.
const CONTINUATION: [u8; 4] = [0xff; 4];
/// Bytes before the metadata.
const PREFIX: usize = 8;
/// Bytes at the end of a file: the size of its index, and a magic word.
const END: usize = 10;
const ZSTD: &str = "it is compressed with Zstandard, which is read in Parquet and CSV files only; write it with LZ4 or without compression";
const CUT: &str = "this Arrow file is cut off; copy or write it again";
/// Bytes that LZ4 can make of one, and those that it can make of none.
const LZ4_RATIO: u64 = 255;
const LZ4_LEAST: u64 = 1 << 16;

/// Messages, from the first.
pub(super) enum Messages {
    /// One after the other; none after their end.
    Stream(Option<Box<dyn BufRead>>),
    /// Where the index of a file says.
    File(File, VecDeque<Block>),
}

/// A message.
pub(super) struct Message {
    /// The prefix, the metadata and the body.
    pub(super) buffer: Buffer,
    /// Bytes before the body.
    metadata: usize,
}

impl Messages {
    /// The next message; none at the end.
    pub(super) fn next(&mut self, path: &Path) -> Result<Option<Message>> {
        match self {
            Self::Stream(bytes) => {
                let Some(stream) = bytes else { return Ok(None) };
                let message = next_of_stream(stream, path)?;
                *bytes = bytes.take().filter(|_| message.is_some());
                Ok(message)
            }
            Self::File(file, blocks) => {
                let Some(block) = blocks.pop_front() else { return Ok(None) };
                let metadata = block.metaDataLength() as usize;
                let length = metadata + block.bodyLength() as usize;
                memory::check(&format!("a record batch of {}", path.display()), length, "smaller record batches")?;
                file.seek(SeekFrom::Start(block.offset() as u64)).map_err(Error::io(path))?;
                let all = take(file, length, path)?;
                if all.len() < length {
                    return Err(Error::format(path, CUT));
                }
                Ok(Some(Message { buffer: Buffer::from_vec(all), metadata }))
            }
        }
    }
}

fn next_of_stream(bytes: &mut dyn BufRead, path: &Path) -> Result<Option<Message>> {
    let cut = || Error::format(path, CUT);
    let mut all = take(&mut *bytes, 4, path)?;
    match all.len() {
        0 => return Ok(None),
        4 => {}
        _ => return Err(cut()),
    }
    if all == CONTINUATION {
        all = take(&mut *bytes, 4, path)?;
    }
    let length = all.first_chunk().map(|bytes| i32::from_le_bytes(*bytes)).ok_or_else(cut)?;
    if length == 0 {
        return Ok(None);
    }
    let length = usize::try_from(length).map_err(|_| damaged(path, &format!("a message of {length} bytes")))?;
    let metadata = take(&mut *bytes, length, path)?;
    if metadata.len() < length {
        return Err(cut());
    }
    let header = root_as_message(&metadata).map_err(|error| damaged(path, &error.to_string()))?;
    let body = usize::try_from(header.bodyLength()).map_err(|_| damaged(path, "a message with a negative length"))?;
    memory::check(&format!("a record batch of {}", path.display()), body, "smaller record batches")?;
    let mut all = [&CONTINUATION[..], &(length as u32).to_le_bytes(), &metadata].concat();
    let metadata = all.len();
    all.extend(take(bytes, body, path)?);
    if all.len() < metadata + body {
        return Err(cut());
    }
    Ok(Some(Message { buffer: Buffer::from_vec(all), metadata }))
}

/// So many bytes, or as many as there are.
fn take(bytes: impl Read, count: usize, path: &Path) -> Result<Vec<u8>> {
    let mut taken = Vec::new();
    bytes.take(count as u64).read_to_end(&mut taken).map_err(Error::io(path))?;
    Ok(taken)
}

/// Something that an Arrow file cannot rightly say, on one line.
pub(super) fn damaged(path: &Path, what: &str) -> Error {
    let words: Vec<&str> = what.split_whitespace().collect();
    Error::format(path, format!("{}; this Arrow file is damaged: copy or write it again", words.join(" ")))
}

/// The schema of a file, its version, and where its messages are, by the index at its end.
pub(super) fn index(mut file: File, path: &Path) -> Result<(Schema, MetadataVersion, Messages)> {
    let length = file.seek(SeekFrom::End(0)).map_err(Error::io(path))?;
    let end_at = length.saturating_sub(END as u64);
    file.seek(SeekFrom::Start(end_at)).map_err(Error::io(path))?;
    let end = take(&mut file, END, path)?;
    let size = end.try_into().ok().and_then(|end| read_footer_length(end).ok());
    let start = size.and_then(|size| end_at.checked_sub(size as u64)).ok_or_else(|| Error::format(path, CUT))?;
    file.seek(SeekFrom::Start(start)).map_err(Error::io(path))?;
    let bytes = take(&mut file, (end_at - start) as usize, path)?;
    let footer = root_as_footer(&bytes).map_err(|error| damaged(path, &format!("damaged index: {error}")))?;
    let schema = footer.schema().ok_or_else(|| damaged(path, "an index without a schema"))?;
    let schema = try_fb_to_schema(schema).map_err(|error| damaged(path, &error.to_string()))?;
    let blocks = footer.dictionaries().into_iter().flatten().chain(footer.recordBatches().into_iter().flatten());
    let blocks: VecDeque<Block> = blocks.copied().collect();
    for block in &blocks {
        let (from, metadata, body) = (block.offset(), i64::from(block.metaDataLength()), block.bodyLength());
        let end = from.checked_add(metadata).and_then(|end| end.checked_add(body));
        let is_inside =
            from >= 0 && metadata >= PREFIX as i64 && body >= 0 && end.is_some_and(|end| end as u64 <= length);
        if !is_inside {
            return Err(damaged(
                path,
                &format!("a message of {metadata} + {body} bytes from byte {from} on, in a file of {length}"),
            ));
        }
    }
    Ok((schema, footer.version(), Messages::File(file, blocks)))
}

impl Message {
    /// The metadata.
    ///
    /// # Errors
    /// A sentence, if they are damaged.
    pub(super) fn header(&self) -> std::result::Result<Header<'_>, String> {
        let prefix = if self.buffer.starts_with(&CONTINUATION) { PREFIX } else { PREFIX / 2 };
        root_as_message(&self.buffer[prefix..self.metadata]).map_err(|error| error.to_string())
    }

    /// Where the parts of the message are, as the index of a file would say.
    pub(super) fn block(&self) -> Block {
        Block::new(0, self.metadata as i32, (self.buffer.len() - self.metadata) as i64)
    }

    /// Refuses a batch whose parts cannot be where they are said to be; `schema` is that of the rows.
    ///
    /// # Errors
    /// A sentence.
    pub(super) fn check(&self, schema: &Schema) -> std::result::Result<(), String> {
        let header = self.header()?;
        let body = &self.buffer[self.metadata..];
        if let Some(dictionary) = header.header_as_dictionary_batch() {
            return check_batch(&dictionary.data().ok_or("a dictionary without data")?, body, &[]);
        }
        let batch = header.header_as_record_batch().ok_or("a batch without data")?;
        let mut views = batch.variadicBufferCounts().into_iter().flatten();
        let mut widths = Vec::new();
        schema.fields().iter().for_each(|field| add_widths(field.data_type(), &mut views, &mut widths));
        check_batch(&batch, body, &widths)
    }
}

/// Bytes of each element of the buffers of an array, 1 where any length is right.
fn add_widths(of: &DataType, views: &mut impl Iterator<Item = i64>, widths: &mut Vec<usize>) {
    let layout = layout(of);
    if layout.can_contain_null_mask {
        widths.push(1);
    }
    widths.extend(layout.buffers.iter().filter_map(|buffer| match buffer {
        BufferSpec::FixedWidth { byte_width, .. } => Some(*byte_width),
        BufferSpec::VariableWidth | BufferSpec::BitMap => Some(1),
        BufferSpec::AlwaysNull => None,
    }));
    if layout.variadic {
        // A count that is too large is found by the decoder.
        widths.extend((0..views.next().unwrap_or(0).min(1 << 16)).map(|_| 1));
    }
    match of {
        DataType::List(child) | DataType::LargeList(child) | DataType::FixedSizeList(child, _) => {
            add_widths(child.data_type(), views, widths);
        }
        DataType::ListView(child) | DataType::LargeListView(child) | DataType::Map(child, _) => {
            add_widths(child.data_type(), views, widths);
        }
        DataType::Struct(children) => {
            children.iter().for_each(|child| add_widths(child.data_type(), views, widths));
        }
        DataType::Union(children, _) => {
            children.iter().for_each(|(_, child)| add_widths(child.data_type(), views, widths));
        }
        DataType::RunEndEncoded(ends, values) => {
            [ends, values].into_iter().for_each(|child| add_widths(child.data_type(), views, widths));
        }
        _ => {}
    }
}

/// The elements of each buffer have these widths, or any.
fn check_batch(batch: &RecordBatch<'_>, body: &[u8], widths: &[usize]) -> std::result::Result<(), String> {
    let compression = batch.compression().map(|compression| compression.codec());
    if compression == Some(CompressionType::ZSTD) {
        return Err(ZSTD.into());
    }
    let rows = usize::try_from(batch.length()).ok().filter(|rows| *rows <= i32::MAX as usize);
    let rows = rows.ok_or_else(|| format!("{} rows", batch.length()))?;
    let most = rows.max(body.len().saturating_mul(8));
    for node in batch.nodes().into_iter().flatten() {
        if usize::try_from(node.length()).is_err() || node.length() as usize > most || node.null_count() < 0 {
            return Err(format!("{} values in {} bytes", node.length(), body.len()));
        }
    }
    for (i, buffer) in batch.buffers().into_iter().flatten().enumerate() {
        let range = usize::try_from(buffer.offset()).ok().zip(usize::try_from(buffer.length()).ok());
        let bytes = range.and_then(|(from, length)| body.get(from..from.checked_add(length)?));
        let bytes = bytes
            .ok_or_else(|| format!("{} bytes from byte {} on, of {}", buffer.length(), buffer.offset(), body.len()))?;
        let claimed = compression.and(bytes.first_chunk()).map(|claimed| i64::from_le_bytes(*claimed));
        let length = match claimed {
            None => bytes.len() as u64,
            Some(-1) => bytes.len() as u64 - 8,
            Some(claimed) => u64::try_from(claimed).unwrap_or(u64::MAX),
        };
        let width = widths.get(i).copied().unwrap_or(1).max(1);
        if length > LZ4_RATIO * bytes.len() as u64 + LZ4_LEAST || length % width as u64 != 0 {
            return Err(format!("{} bytes that are said to be {length} of values of {width} bytes", bytes.len()));
        }
    }
    Ok(())
}
