//! The folder of a run: everything there is of it, and one process at a time.

use std::cell::Cell;
use std::fs::{self, File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use layerloop::files::{is_half_written, make_folder, remove_half_written, write_atomically};
use layerloop::{Error, Result};
use serde_json::Value;

use crate::output::message;
use crate::shell;

/// What a run is: its arguments, its options, its data.
const RECEIPT: &str = "run.json";
const LOCK: &str = "lock";

/// A folder of a run that is ours while this lives. Unless the run has begun then, a new one is taken away again.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    lock: File,
    /// What a run that goes on has begun with.
    earlier: Option<Value>,
    /// The folders that were made for a new run, the innermost first.
    made: Vec<PathBuf>,
    begun: Cell<bool>,
}

impl Folder {
    /// A folder for a new run, made if it is missing.
    ///
    /// # Errors
    /// [`Error::Config`] if it holds anything already; [`Error::Io`] if it cannot be made; and those of [`lock`].
    pub(super) fn begin(path: &Path) -> Result<Self> {
        let made = path.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists());
        let made = made.map(Path::to_path_buf).collect();
        let refuse = |found: &Path| {
            let (quoted, name) = (shell::path(path), found.file_name().unwrap_or_default().display());
            let path = path.display();
            let reason = if found.ends_with(RECEIPT) {
                format!("{path} already has a run; go on with it by --resume {quoted}, or name another folder")
            } else {
                format!("{path} is not empty: there is `{name}` in it; name a new folder")
            };
            Err(Error::config("--run", reason))
        };
        make_folder(path)?;
        // A folder with a lock may be that of a run which is under way.
        if !path.join(LOCK).exists()
            && let Some(found) = foreign(path)?
        {
            return refuse(&found);
        }
        let (lock, owner) = lock(path)?;
        if let Some(found) = foreign(path)? {
            return refuse(&found);
        }
        let folder = Self { path: path.to_path_buf(), lock, earlier: None, made, begun: Cell::new(false) };
        folder.take_over(&owner)
    }

    /// The folder of a run that goes on.
    ///
    /// # Errors
    /// [`Error::Config`] if there is none; [`Error::Format`] if its receipt is damaged; and those of [`lock`].
    pub(super) fn go_on(path: &Path) -> Result<Self> {
        let receipt = path.join(RECEIPT);
        if !receipt.exists() {
            let reason = format!("{} has no run: there is no {RECEIPT} in it; --run starts one", path.display());
            return Err(Error::config("--resume", reason));
        }
        let (lock, owner) = lock(path)?;
        let text = fs::read_to_string(&receipt).map_err(Error::io(&receipt))?;
        let receipt = serde_json::from_str(&text).map_err(|error| Error::format(&receipt, error.to_string()))?;
        let folder =
            Self { path: path.to_path_buf(), lock, earlier: Some(receipt), made: Vec::new(), begun: Cell::new(false) };
        folder.take_over(&owner)
    }

    /// Writes into the lock whose it is, and tidies up after the process whose it was.
    fn take_over(mut self, owner: &str) -> Result<Self> {
        let (name, id) = (self.path.join(LOCK), std::process::id().to_string());
        if !owner.is_empty() {
            let path = self.path.display();
            message(format_args!("note: process {owner} ended without removing {path}; its lock is replaced"));
        }
        let lock = &mut self.lock;
        let written = lock.set_len(0).and_then(|()| lock.rewind()).and_then(|()| lock.write_all(id.as_bytes()));
        written.map_err(Error::io(&name))?;
        remove_half_written(&self.path)?;
        Ok(self)
    }

    /// The receipt of a run that goes on.
    pub(super) fn earlier(&self) -> Option<&Value> {
        self.earlier.as_ref()
    }

    /// The log folder of a run that goes on.
    pub(super) fn earlier_logs(&self) -> Option<PathBuf> {
        let typed = self.earlier.as_ref()?["arguments"]["log_dir"][0].as_str();
        Some(typed.map_or_else(|| self.logs(), PathBuf::from))
    }

    /// Says what the run is.
    pub(super) fn write_receipt(&self, receipt: &Value) -> Result<()> {
        write_atomically(&self.receipt(), format!("{receipt:#}\n").as_bytes())
    }

    /// From here on there is something to go on with.
    pub(super) fn has_begun(&self) {
        self.begun.set(true);
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn receipt(&self) -> PathBuf {
        self.path.join(RECEIPT)
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.path.join(LOCK)
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
        if self.earlier.is_some() || self.begun.get() {
            _ = self.lock.set_len(0); // an orderly end; the lock goes with the file
            return;
        }
        // All of this is ours: the folder was empty.
        _ = fs::remove_dir_all(self.checkpoints());
        _ = fs::remove_dir_all(self.logs());
        _ = fs::remove_file(self.receipt());
        _ = fs::remove_file(self.lock());
        self.made.iter().for_each(|made| _ = fs::remove_dir(made));
    }
}

/// Something in the folder that no run has left which was killed before its receipt was written.
fn foreign(path: &Path) -> Result<Option<PathBuf>> {
    let entries = fs::read_dir(path).map_err(Error::io(path))?.map(|entry| entry.map(|entry| entry.path()));
    let mut entries = entries.collect::<std::io::Result<Vec<_>>>().map_err(Error::io(path))?;
    entries.sort_by_key(|found| (!found.ends_with(RECEIPT), found.clone()));
    Ok(entries.into_iter().find(|found| !found.ends_with(LOCK) && !is_half_written(found)))
}

/// The system's lock on the file `lock`, which goes with its process, however that ends; and what the file says whose it was.
///
/// # Errors
/// [`Error::Config`] if another process has it, or if the file is not of layerloop; [`Error::Io`] if it cannot be written.
fn lock(path: &Path) -> Result<(File, String)> {
    let name = path.join(LOCK);
    let options = File::options().read(true).write(true).create(true).truncate(false).open(&name);
    let mut lock = options.map_err(Error::io(&name))?;
    let locked = lock.try_lock();
    let mut owner = Vec::new();
    lock.read_to_end(&mut owner).map_err(Error::io(&name))?;
    let owner = String::from_utf8_lossy(&owner).trim().to_owned();
    if !owner.bytes().all(|byte| byte.is_ascii_digit()) {
        let reason = format!("{} is not the lock of a run; name another folder", name.display());
        return Err(Error::config("run folder", reason));
    }
    match locked {
        Ok(()) => Ok((lock, owner)),
        Err(TryLockError::WouldBlock) => {
            let reason = format!("{} is being written by process {owner}", path.display());
            Err(Error::config("run folder", reason + "; wait for its end, or end it"))
        }
        Err(TryLockError::Error(error)) => Err(Error::io(&name)(error)),
    }
}
