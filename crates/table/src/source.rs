//! Where bytes come from: a file or standard input, plain, gzip or Zstandard, told by their content.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::bufread::MultiGzDecoder;
use layerloop::files::Kind;
use layerloop::{Error, Result};
use ruzstd::decoding::StreamingDecoder;

use crate::{arrow, parquet};

const CHUNK: usize = 1 << 17;

/// Bytes of a row, at most: what a file that unpacks without end, or has an open quote, may take.
const LONGEST_ROW: usize = 256 << 20;

/// Formats with an index at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Indexed {
    Parquet,
    Arrow,
}

impl Indexed {
    fn of(start: &[u8]) -> Option<Self> {
        let is = |magic: &[u8]| start.starts_with(magic);
        match () {
            () if is(parquet::MAGIC) => Some(Self::Parquet),
            () if is(arrow::MAGIC) => Some(Self::Arrow),
            () => None,
        }
    }
}

/// A file, or standard input.
pub(crate) struct Source {
    /// All bytes, unpacked.
    pub(crate) all: Box<dyn BufRead>,
    /// The file, if it is of a format that is read from an index at its end.
    pub(crate) indexed: Option<(Indexed, File)>,
}

/// Opens `path`, or standard input if it is `-`, and unpacks it as it is read.
pub(crate) fn open(path: &Path) -> Result<Source> {
    if path.as_os_str() == "-" {
        return Ok(Source { all: unpacked(io::stdin(), path)?, indexed: None });
    }
    let about = fs::metadata(path).map_err(Error::io(path))?;
    if about.is_dir() {
        return Err(Error::format(path, "this is a folder; a file with a table is needed"));
    }
    let mut all = unpacked(File::open(path).map_err(Error::io(path))?, path)?;
    let start = fill(&mut *all, path)?;
    check_name(start, path)?;
    // A pipe has no end where an index could be, and what is packed cannot be read from its end.
    let indexed = if about.is_file() { indexed(path).map_err(Error::io(path))? } else { None };
    Ok(Source { all, indexed })
}

/// The file, if it begins as one with an index.
fn indexed(path: &Path) -> io::Result<Option<(Indexed, File)>> {
    let mut file = File::open(path)?;
    let mut start = Vec::new();
    (&mut file).take(8).read_to_end(&mut start)?;
    Ok(Indexed::of(&start).map(|format| (format, file)))
}

fn unpacked(bytes: impl Read + 'static, path: &Path) -> Result<Box<dyn BufRead>> {
    let mut bytes = BufReader::with_capacity(CHUNK, bytes);
    let start = fill(&mut bytes, path)?;
    if start.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(BufReader::with_capacity(CHUNK, Damaged("gzip", MultiGzDecoder::new(bytes)))));
    }
    if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let decoder = StreamingDecoder::new(bytes);
        let decoder = decoder.map_err(|error| Error::format(path, format!("damaged Zstandard data: {error}")))?;
        return Ok(Box::new(BufReader::with_capacity(CHUNK, Damaged("Zstandard", decoder))));
    }
    Ok(Box::new(bytes))
}

/// Whether this is a stream of Arrow.
pub(crate) fn is_arrow(start: &[u8]) -> bool {
    start.starts_with(arrow::STREAM)
}

/// Refuses a file that has the name of a Parquet or Arrow file and is none.
fn check_name(start: &[u8], path: &Path) -> Result<()> {
    let end = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let (kind, is_one) = match end.as_str() {
        "parquet" => ("a Parquet file", Indexed::of(start) == Some(Indexed::Parquet)),
        "arrow" | "feather" | "ipc" => ("an Arrow file", is_arrow(start) || Indexed::of(start) == Some(Indexed::Arrow)),
        _ => return Ok(()),
    };
    if is_one || start.is_empty() {
        return Ok(());
    }
    let is = Kind::of_bytes(&start[..start.len().min(Kind::ENOUGH as usize)]).name;
    Err(Error::format(path, format!("this has the name of {kind} and is {is}; copy or write it again, or rename it")))
}

/// The bytes that come next, without taking them: at least those that tell what the file is, where there are as many.
pub(crate) fn fill<'a>(bytes: &'a mut dyn BufRead, path: &Path) -> Result<&'a [u8]> {
    bytes.fill_buf().map_err(Error::io(path))
}

/// Refuses what is no text, by how it begins.
pub(crate) fn check_is_text(start: &[u8], path: &Path) -> Result<()> {
    let kind = Kind::of_bytes(&start[..start.len().min(Kind::ENOUGH as usize)]);
    if Indexed::of(start).is_some() {
        let reason = format!(
            "this is {}, whose index is at its end: it cannot be read from standard input, a pipe or a packed file; save it to a file and name that",
            kind.name
        );
        return Err(Error::format(path, reason));
    }
    match kind.name {
        // Text in another encoding is looked at cell by cell.
        "a text file" | "a file of another program" => Ok(()),
        "an empty file" => Err(Error::format(path, "this is an empty file; a table with a line of names is needed")),
        _ => {
            let is_picture = kind.name.ends_with(" picture") || kind.name == "an IDX file";
            let advice = if is_picture { "; or name the folder that it is in" } else { "" };
            let reason =
                format!("{}; a table is needed: CSV (plain, gzip or Zstandard), Parquet or Arrow{advice}", kind.told());
            Err(Error::format(path, reason))
        }
    }
}

/// What a decoder gives, its errors named.
struct Damaged<R>(&'static str, R);

impl<R: Read> Read for Damaged<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1.read(buffer).map_err(|error| io::Error::new(error.kind(), format!("damaged {} data: {error}", self.0)))
    }
}

/// Bytes that end with an error where too many came since the count was set to 0.
pub(crate) struct Bounded {
    pub(crate) bytes: Box<dyn BufRead>,
    pub(crate) count: Arc<AtomicUsize>,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(buffer)?;
        if self.count.fetch_add(count, Ordering::Relaxed) > LONGEST_ROW {
            let reason =
                format!("a row of more than {} MB; a quote may be missing, or the file is no table", LONGEST_ROW >> 20);
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        Ok(count)
    }
}
