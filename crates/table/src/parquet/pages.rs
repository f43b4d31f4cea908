//! The pages of a column chunk, unpacked here: no size that a page claims is believed before there is a limit to it.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;
use parquet::basic::{Compression, Encoding, Type as Physical};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::serialized_reader::SerializedPageReader;
use ruzstd::decoding::StreamingDecoder;

use super::delta;

/// Bytes that LZ4 can make of one.
const LZ4_RATIO: usize = 255;

/// Pages as they are read, unpacked and checked.
pub(super) struct Pages {
    pages: SerializedPageReader<File>,
    compression: Compression,
    /// Bytes of all pages together, as the index says.
    limit: usize,
    /// Values that are left.
    values: usize,
    has_levels: bool,
    has_dictionary: bool,
    /// Bytes of each value, if all have as many.
    width: Option<usize>,
}

impl Pages {
    /// # Errors
    /// A sentence, if the compression is not supported.
    pub(super) fn open(file: Arc<File>, chunk: &ColumnChunkMetaData, rows: usize) -> std::result::Result<Self, String> {
        let compression = chunk.compression();
        if !is_supported(compression) {
            return Err(format!(
                "it is compressed as {compression}, which cannot be read; write the file with Snappy, Zstandard or gzip"
            ));
        }
        let limit = usize::try_from(chunk.uncompressed_size()).unwrap_or(0);
        let column = chunk.column_descr();
        let width = (column.physical_type() == Physical::FIXED_LEN_BYTE_ARRAY).then(|| column.type_length() as usize);
        let has_levels = chunk.column_descr().max_def_level() > 0;
        // So that the pages come as they are in the file.
        let packed = chunk.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build();
        let pages = packed.and_then(|packed| SerializedPageReader::new(file, &packed, rows, None));
        let pages = pages.map_err(|error| error.to_string())?;
        Ok(Self { pages, compression, limit, values: rows, has_levels, has_dictionary: false, width })
    }

    fn unpacked(&mut self, mut page: Page) -> Result<Page> {
        match &mut page {
            Page::DictionaryPage { buf, num_values, .. } => {
                *buf = unpack(self.compression, buf, self.limit)?.into();
                // Each value has at least a byte.
                check(*num_values as usize <= buf.len(), "a dictionary with more values than bytes")?;
                self.has_dictionary = true;
            }
            Page::DataPage { buf, num_values, encoding, .. } => {
                *buf = unpack(self.compression, buf, self.limit)?.into();
                let levels = buf.first_chunk().map_or(0, |length| u32::from_le_bytes(*length) as usize + 4);
                let levels = if self.has_levels { levels } else { 0 };
                if let Some(plain) = self.plain(buf, levels, *num_values, encoding)? {
                    *buf = plain.into();
                }
            }
            Page::DataPageV2 {
                buf,
                num_values,
                encoding,
                def_levels_byte_len,
                rep_levels_byte_len,
                is_compressed,
                ..
            } => {
                let levels = (*def_levels_byte_len as usize).saturating_add(*rep_levels_byte_len as usize);
                check(levels <= buf.len(), "a page that is shorter than its levels")?;
                if *is_compressed {
                    let values = unpack(self.compression, &buf[levels..], self.limit)?;
                    *buf = [&buf[..levels], &values].concat().into();
                }
                if let Some(plain) = self.plain(buf, levels, *num_values, encoding)? {
                    *buf = plain.into();
                }
            }
        }
        Ok(page)
    }

    /// Checks what is said of a page of data, and gives it with plain values where they are texts by their lengths.
    fn plain(&mut self, page: &[u8], levels: usize, values: u32, encoding: &mut Encoding) -> Result<Option<Vec<u8>>> {
        let count = values as usize;
        check(count <= self.values, "more values than rows")?;
        self.values -= count;
        match *encoding {
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => {
                check(self.has_dictionary, "values of a dictionary that is not there")?;
                Ok(None)
            }
            Encoding::DELTA_LENGTH_BYTE_ARRAY | Encoding::DELTA_BYTE_ARRAY => {
                let (levels, values) = page.split_at_checked(levels).unwrap_or_default();
                let plain = delta::plain(*encoding, values, count, self.width);
                *encoding = Encoding::PLAIN;
                let plain = plain.ok_or_else(|| ParquetError::General("texts whose lengths do not fit".into()))?;
                Ok(Some([levels, &plain].concat()))
            }
            _ => Ok(None),
        }
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        self.pages.get_next_page()?.map(|page| self.unpacked(page)).transpose()
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Result<Page>> {
        self.get_next_page().transpose()
    }
}

fn check(is_right: bool, reason: &str) -> Result<()> {
    if is_right { Ok(()) } else { Err(ParquetError::General(reason.to_owned())) }
}

fn is_supported(compression: Compression) -> bool {
    matches!(
        compression,
        Compression::UNCOMPRESSED
            | Compression::SNAPPY
            | Compression::GZIP(_)
            | Compression::ZSTD(_)
            | Compression::LZ4_RAW
    )
}

/// The bytes unpacked, no more than `limit` of them.
fn unpack(compression: Compression, packed: &[u8], limit: usize) -> Result<Vec<u8>> {
    let failed = |error: String| ParquetError::General(format!("damaged {compression} data: {error}"));
    let unpacked = match compression {
        _ if packed.is_empty() => Vec::new(),
        Compression::SNAPPY => {
            let claimed = snap::raw::decompress_len(packed).map_err(|error| failed(error.to_string()))?;
            check(claimed <= limit, "a page of more bytes than the index says")?;
            snap::raw::Decoder::new().decompress_vec(packed).map_err(|error| failed(error.to_string()))?
        }
        Compression::GZIP(_) => bounded(MultiGzDecoder::new(packed), limit).map_err(failed)?,
        Compression::ZSTD(_) => {
            let (mut rest, mut all) = (packed, Vec::new());
            while !rest.is_empty() {
                let frame = StreamingDecoder::new(&mut rest).map_err(|error| failed(error.to_string()))?;
                all.extend(bounded(frame, limit).map_err(failed)?);
            }
            all
        }
        Compression::LZ4_RAW => {
            let mut all = vec![0; limit.min(packed.len().saturating_mul(LZ4_RATIO))];
            let length =
                lz4_flex::block::decompress_into(packed, &mut all).map_err(|error| failed(error.to_string()))?;
            all[..length].to_vec()
        }
        _ => packed.to_vec(),
    };
    check(unpacked.len() <= limit, "a page of more bytes than the index says")?;
    Ok(unpacked)
}

/// All that a decoder gives, up to a byte more than `limit`.
fn bounded(decoder: impl Read, limit: usize) -> std::result::Result<Vec<u8>, String> {
    let mut all = Vec::new();
    decoder.take(limit as u64 + 1).read_to_end(&mut all).map_err(|error| error.to_string())?;
    Ok(all)
}
