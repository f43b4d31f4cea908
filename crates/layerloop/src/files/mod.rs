//! Files that are never half-written: beside and renamed.

mod background;

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

pub use self::background::Background;
use crate::{Error, Result};

/// How files begin that are not whole yet.
const TEMPORARY: &str = ".layerloop-";

/// Removes what a process that was killed has left half-written in `folder`.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be read, or such a file not removed.
pub fn remove_half_written(folder: impl AsRef<Path>) -> Result<()> {
    let folder = folder.as_ref();
    for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
        let path = entry.map_err(Error::io(folder))?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(TEMPORARY)) {
            fs::remove_file(&path).map_err(Error::io(&path))?;
        }
    }
    Ok(())
}

/// Where `path` leads, links followed; only a regular file may be replaced.
pub(crate) fn target(path: &Path) -> Result<PathBuf> {
    regular_or_missing(path)?;
    Ok(fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf()))
}

/// Refuses what is there but is a folder, a device, a pipe.
pub(crate) fn regular_or_missing(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => Err(Error::io(path)(ErrorKind::IsADirectory.into())),
        Ok(there) if !there.is_file() => Err(Error::io(path)(std::io::Error::other("is no regular file"))),
        _ => Ok(()),
    }
}

pub(crate) fn temporary_beside(path: &Path) -> Result<tempfile::NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.exists() {
        let reason = format!("No such file or directory: there is no folder {}", folder.display());
        return Err(Error::io(path)(std::io::Error::new(ErrorKind::NotFound, reason)));
    }
    tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder).map_err(Error::io(path))
}

/// Writes the file beside `path`, flushes it to the disk, and renames it: whatever goes wrong, `path` is either what it was or
/// all of `bytes`.
///
/// # Errors
/// [`Error::Io`] if the folder is missing or cannot be written, if the disk is full, or if `path` is there and no regular file.
pub fn write_beside_and_rename(path: &Path, bytes: &[u8]) -> Result<()> {
    let path = target(path)?;
    let mut file = temporary_beside(&path)?;
    file.as_file_mut().write_all(bytes).map_err(Error::io(&path))?;
    make_readable(file.as_file()).map_err(Error::io(&path))?;
    file.as_file().sync_all().map_err(Error::io(&path))?;
    file.persist(&path).map_err(|e| Error::io(&path)(e.error))?;
    Ok(())
}

/// A temporary file is its owner's alone; what it becomes is readable like other files.
pub(crate) fn make_readable(file: &fs::File) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(fs::Permissions::from_mode(0o644))?;
    }
    let _ = file;
    Ok(())
}
