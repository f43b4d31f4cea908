//! A temporary file that rows are read from: it has no name, and so it is gone when the process ends, however it ends.

use std::fs::File;
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::sync::{Mutex, PoisonError};

use layerloop::{Error, Result};

/// Bytes of the inputs of rows to train on that are in memory all the time, where the others are in a file; at most.
pub(crate) const IN_MEMORY: usize = 64 << 20;

/// A file that is being written.
pub(crate) struct Writer(BufWriter<File>);

/// The same, written.
#[derive(Debug)]
pub(crate) struct Temporary(Mutex<File>);

impl Writer {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(BufWriter::with_capacity(1 << 20, tempfile::tempfile().map_err(no_room)?)))
    }

    pub(crate) fn written(self) -> Result<Temporary> {
        Ok(Temporary(Mutex::new(self.0.into_inner().map_err(|error| no_room(error.into_error()))?)))
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Temporary {
    /// Fills `bytes` with what lies behind the first `start` bytes.
    pub(crate) fn read(&self, start: usize, bytes: &mut [u8]) -> Result<()> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file.seek(SeekFrom::Start(start as u64)).and_then(|_| file.read_exact(bytes));
        read.map_err(Error::io(std::env::temp_dir()))
    }
}

impl Temporary {
    /// Puts `bytes` in the place of those behind the first `start` bytes.
    pub(crate) fn write(&self, start: usize, bytes: &[u8]) -> Result<()> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(start as u64)).and_then(|_| file.write_all(bytes)).map_err(no_room)
    }
}

/// That a temporary file cannot be made or written.
pub(crate) fn no_room(error: io::Error) -> Error {
    let said = format!("{error}; rows that are not in memory are kept in this folder, and TMPDIR names another one");
    let kind = error.kind();
    Error::io(std::env::temp_dir())(io::Error::new(kind, said))
}
