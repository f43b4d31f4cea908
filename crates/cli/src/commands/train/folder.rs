//! The folder of a run: everything there is of it, and one process at a time.

use std::fs::{self, File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use layerloop::files::{remove_half_written, write_beside_and_rename};
use layerloop::{Error, Result};
use serde_json::Value;

use crate::output::message;
use crate::shell;

/// What a run is: its arguments, its options, its data.
const RECEIPT: &str = "run.json";

/// A folder of a run that is ours while this lives.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    lock: File,
}

impl Folder {
    /// A folder for a new run, made if it is missing.
    ///
    /// # Errors
    /// [`Error::Config`] if it holds a run already; [`Error::Io`] if it cannot be made; and those of [`Self::lock`].
    pub(super) fn begin(path: &Path) -> Result<Self> {
        fs::create_dir_all(path).map_err(Error::io(path))?;
        let folder = Self::lock(path)?;
        if folder.receipt_path().exists() {
            let (name, quoted) = (path.display(), shell::path(path));
            let reason =
                format!("{name} holds a run already; go on with it by --resume {quoted}, or name another folder");
            return Err(Error::config("--run", reason));
        }
        Ok(folder)
    }

    /// The folder of a run that goes on, and the receipt that it began with.
    ///
    /// # Errors
    /// [`Error::Config`] if there is none; [`Error::Format`] if its receipt is damaged; and those of [`Self::lock`].
    pub(super) fn go_on(path: &Path) -> Result<(Self, Value)> {
        let receipt = path.join(RECEIPT);
        if !receipt.exists() {
            let reason = format!("{} holds no run: there is no {RECEIPT} in it; --run begins one", path.display());
            return Err(Error::config("--resume", reason));
        }
        let folder = Self::lock(path)?;
        let text = fs::read_to_string(&receipt).map_err(Error::io(&receipt))?;
        let receipt = serde_json::from_str(&text).map_err(|error| Error::format(&receipt, error.to_string()))?;
        Ok((folder, receipt))
    }

    /// The system's lock on the file `lock`: it goes with its process, however that ends. The file says whose it is.
    ///
    /// # Errors
    /// [`Error::Config`] if another process has it; [`Error::Io`] if the file cannot be written.
    fn lock(path: &Path) -> Result<Self> {
        let name = path.join("lock");
        let options = File::options().read(true).write(true).create(true).truncate(false).open(&name);
        let mut lock = options.map_err(Error::io(&name))?;
        let locked = lock.try_lock();
        let mut owner = String::new();
        lock.read_to_string(&mut owner).map_err(Error::io(&name))?;
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let reason = format!("{} is being written by process {}", path.display(), owner.trim());
                return Err(Error::config("run folder", reason + "; wait for its end, or end it"));
            }
            Err(TryLockError::Error(error)) => return Err(Error::io(&name)(error)),
        }
        if !owner.is_empty() {
            message(format_args!(
                "note: process {} ended without tidying up {}; its lock is taken over",
                owner.trim(),
                path.display()
            ));
        }
        let mine = |lock: &mut File| {
            lock.set_len(0)?;
            lock.rewind()?;
            lock.write_all(std::process::id().to_string().as_bytes())
        };
        mine(&mut lock).map_err(Error::io(&name))?;
        remove_half_written(path)?;
        Ok(Self { path: path.to_path_buf(), lock })
    }

    /// Says what the run is, before its first step.
    pub(super) fn write_receipt(&self, receipt: &Value) -> Result<()> {
        write_beside_and_rename(&self.receipt_path(), format!("{receipt:#}\n").as_bytes())
    }

    fn receipt_path(&self) -> PathBuf {
        self.path.join(RECEIPT)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    pub(super) fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// The network of the best epoch so far.
    pub(super) fn best(&self) -> PathBuf {
        self.path.join("best.safetensors")
    }

    pub(super) fn report(&self) -> PathBuf {
        self.path.join("report.html")
    }

    /// The network that the run ends with.
    pub(super) fn model(&self) -> PathBuf {
        self.path.join("model.safetensors")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = self.lock.set_len(0); // an orderly end; the lock goes with the file
    }
}
