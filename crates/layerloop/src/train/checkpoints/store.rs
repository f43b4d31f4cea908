//! The folder of the checkpoints: the newest few, each written to a temporary file, then renamed.
//!
//! A step may take 30 microseconds, and a checkpoint may be due every hundred steps. So an old file is not removed but
//! written anew, which saves the file system its work; and the disk is waited for at most once a second: for the file before it gets
//! its name, then for the folder, which has that name. What the disk has not confirmed is lost only with the power, not with the
//! process; the newest that it has confirmed is never the one that is written anew, and a torn one is known by its checksum.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::checkpoint::Checkpoint;
use crate::clock::Instant;
use crate::files::{TEMPORARY, flush_folder_of, make_folder, remove_half_written};
use crate::{Error, Result};

/// How often the disk is waited for.
const CONFIRMED_EVERY: Duration = Duration::from_secs(1);

/// The checkpoints of a folder.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    keep: usize,
    /// The oldest first.
    files: Vec<PathBuf>,
    /// What is written anew.
    spare: PathBuf,
    /// The newest that the disk has confirmed, and when.
    confirmed: Option<(PathBuf, Instant)>,
}

impl Store {
    /// Of a folder, which is made if it is missing, with room for `keep`.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be made or read.
    pub(super) fn open(folder: &Path, keep: usize) -> Result<Self> {
        make_folder(folder)?;
        remove_half_written(folder)?;
        let (files, spare) = (files(folder)?, folder.join(TEMPORARY.join("spare")));
        Ok(Self { folder: folder.to_path_buf(), keep: keep.max(1), files, spare, confirmed: None })
    }

    /// Adds a checkpoint, and retires the oldest ones; waits for the disk if it must, or if that is due.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written: those that were there are as they were.
    pub(super) fn add(&mut self, checkpoint: &Checkpoint, must_wait: bool) -> Result<()> {
        let path = self.folder.join(format!("step-{:012}.safetensors", checkpoint.steps()));
        let waits = must_wait || self.confirmed.as_ref().is_none_or(|(_, at)| at.elapsed() >= CONFIRMED_EVERY);
        let bytes = checkpoint.to_bytes(&path)?;
        let written = self.write(&bytes, waits).and_then(|()| fs::rename(&self.spare, &path));
        if let Err(error) = written {
            _ = fs::remove_file(&self.spare); // it may fill the disk
            return Err(Error::io(&path)(error));
        }
        self.files.retain(|file| *file != path);
        self.files.push(path.clone());
        if waits {
            flush_folder_of(&path)?;
            self.confirmed = Some((path, Instant::now()));
        }
        self.retire()
    }

    fn write(&self, bytes: &[u8], waits: bool) -> std::io::Result<()> {
        let there = fs::metadata(&self.spare).map(|there| there.len()).ok();
        let mut file = File::options().write(true).create(true).truncate(false).open(&self.spare)?;
        file.write_all(bytes)?;
        match there {
            Some(len) if len > bytes.len() as u64 => file.set_len(bytes.len() as u64)?,
            _ => {}
        }
        if waits { file.sync_all() } else { Ok(()) }
    }

    /// Leaves the newest few, and the newest that the disk has confirmed.
    fn retire(&mut self) -> Result<()> {
        let confirmed = self.confirmed.as_ref().map(|(path, _)| path);
        let old = self.files.len().saturating_sub(self.keep);
        let (retired, kept): (Vec<_>, Vec<_>) =
            self.files.drain(..).enumerate().partition(|(i, path)| *i < old && Some(path) != confirmed);
        self.files = kept.into_iter().map(|(_, path)| path).collect();
        retired.iter().try_for_each(|(_, path)| fs::rename(path, &self.spare).map_err(Error::io(path)))
    }

    /// The end of the run.
    pub(super) fn close(&mut self) {
        _ = fs::remove_file(&self.spare);
    }
}

/// The checkpoints in `folder`, the oldest first.
///
/// # Errors
/// [`Error::Io`] if it cannot be read.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(Error::io(folder))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(Error::io(folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.strip_prefix("step-").is_some_and(|rest| rest.ends_with(".safetensors")) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
