//! Files that are never half-written: beside and renamed.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

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
    tempfile::Builder::new().prefix(".layerloop-").tempfile_in(folder).map_err(Error::io(path))
}

/// Whatever goes wrong, `path` is either what it was or all of `bytes`.
pub(crate) fn write_beside_and_rename(path: &Path, bytes: &[u8]) -> Result<()> {
    let path = target(path)?;
    let mut file = temporary_beside(&path)?;
    file.as_file_mut().write_all(bytes).map_err(Error::io(&path))?;
    make_readable(file.as_file()).map_err(Error::io(&path))?;
    file.as_file().sync_all().map_err(Error::io(&path))?;
    file.persist(&path).map_err(|e| Error::io(&path)(e.error))?;
    Ok(())
}

/// A temporary file is its owner's alone; what it becomes is readable like other files.
fn make_readable(file: &fs::File) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(fs::Permissions::from_mode(0o644))?;
    }
    let _ = file;
    Ok(())
}
