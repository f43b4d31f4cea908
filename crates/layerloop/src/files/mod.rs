//! Files that are never half-written: each is written to a temporary file, flushed to the disk and renamed, and its folder is flushed.

mod background;
mod kind;

use std::fs;
use std::io::{BufWriter, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

pub use self::background::Background;
pub use self::kind::Kind;
use crate::{Error, Result};

/// How the names of files begin and end that are not whole yet.
pub(crate) const TEMPORARY: [&str; 2] = [".layerloop-", ".tmp"];

/// Links that are followed from one path; the system's own limit.
const LINKS: usize = 40;

/// Whether `path` is a file that a process was writing when it was killed, by its name.
#[must_use]
pub fn is_half_written(path: impl AsRef<Path>) -> bool {
    let (path, [start, end]) = (path.as_ref(), TEMPORARY);
    let named = path.file_name().map(|name| name.to_string_lossy());
    named.is_some_and(|name| name.starts_with(start) && name.ends_with(end))
        && fs::symlink_metadata(path).is_ok_and(|there| there.is_file())
}

/// Removes what a process that was killed has left half-written in `folder`.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be read, or such a file not removed.
pub fn remove_half_written(folder: impl AsRef<Path>) -> Result<()> {
    let folder = folder.as_ref();
    for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
        let path = entry.map_err(Error::io(folder))?.path();
        if is_half_written(&path) {
            fs::remove_file(&path).map_err(Error::io(&path))?;
        }
    }
    Ok(())
}

/// Where `path` leads, links followed, also where nothing is at their end yet.
///
/// # Errors
/// [`Error::Io`] for a loop of links, and if what is there is no regular file.
pub fn target(path: impl AsRef<Path>) -> Result<PathBuf> {
    let path = path.as_ref();
    let mut target = path.to_path_buf();
    for _ in 0..LINKS {
        match fs::read_link(&target) {
            Ok(next) => target = target.parent().unwrap_or(Path::new("")).join(next),
            Err(_) => return regular_or_missing(&target).map(|()| target),
        }
    }
    Err(Error::io(path)(std::io::Error::other(format!("more than {LINKS} links, one to the next"))))
}

/// Refuses what is there but is a folder, a device, a pipe.
pub(crate) fn regular_or_missing(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => Err(Error::io(path)(ErrorKind::IsADirectory.into())),
        Ok(there) if !there.is_file() => Err(Error::io(path)(std::io::Error::other("is not a regular file"))),
        _ => Ok(()),
    }
}

/// An empty temporary file in the folder of `path`, with the permissions of the file that it replaces, or else those of any new file.
pub(crate) fn temporary_file_for(path: &Path) -> Result<NamedTempFile> {
    let folder = folder_of(path);
    if !folder.exists() {
        let reason = format!("No such file or directory: there is no folder {}", folder.display());
        return Err(Error::io(path)(std::io::Error::new(ErrorKind::NotFound, reason)));
    }
    let [start, end] = TEMPORARY;
    let mut builder = tempfile::Builder::new();
    builder.prefix(start).suffix(end);
    let replaced = fs::metadata(path).ok().map(|there| there.permissions());
    #[cfg(unix)]
    if replaced.is_none() {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666)); // less the umask
    }
    let file = builder.tempfile_in(folder).map_err(Error::io(path))?;
    replaced.map_or(Ok(()), |same| file.as_file().set_permissions(same)).map_err(Error::io(path))?;
    Ok(file)
}

/// Writes a temporary file, flushes it to the disk, renames it to `path`, and flushes the folder: after any failure, `path` is either
/// what it was or all of `bytes`. Links are followed.
///
/// # Errors
/// [`Error::Io`] if the folder is missing or cannot be written, if the disk is full, or if `path` is there and is not a regular
/// file.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let path = target(path)?;
    written_to_temporary(&path, bytes)?.persist(&path).map_err(|e| Error::io(&path)(e.error))?;
    flush_folder_of(&path)
}

/// As [`write_atomically`], to the first of these paths in one folder that nothing is at; gives that path.
///
/// # Errors
/// [`Error::Io`] as there, and if something is at each of them.
pub fn write_to_free(paths: impl IntoIterator<Item = PathBuf>, bytes: &[u8]) -> Result<PathBuf> {
    let mut written = None;
    let mut taken = PathBuf::new();
    for path in paths {
        let file = written.take().map_or_else(|| written_to_temporary(&path, bytes), Ok)?;
        match file.persist_noclobber(&path) {
            Ok(_) => return flush_folder_of(&path).map(|()| path),
            Err(refused) if refused.error.kind() == ErrorKind::AlreadyExists => written = Some(refused.file),
            Err(refused) => return Err(Error::io(&path)(refused.error)),
        }
        taken = path;
    }
    Err(Error::io(&taken)(ErrorKind::AlreadyExists.into()))
}

/// A file that is written bit by bit and is there, under its name, when it is whole. Nothing that was there before is replaced.
///
/// # Example
/// ```
/// use layerloop::files::NewFile;
/// let folder = tempfile::tempdir().expect("a folder");
/// let path = folder.path().join("rows.csv");
/// let mut file = NewFile::create(&path)?;
/// file.write(b"a,b\n")?;
/// assert!(!path.exists());
/// file.finish()?;
/// assert!(path.exists() && NewFile::create(&path).is_err());
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
}

impl NewFile {
    /// Begins a file.
    ///
    /// # Errors
    /// [`Error::Io`] if something is at `path`, or its folder is missing or cannot be written.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        if path.symlink_metadata().is_ok() {
            let reason = "something is there already; name another file, or remove this one";
            return Err(Error::io(path)(std::io::Error::new(ErrorKind::AlreadyExists, reason)));
        }
        Ok(Self { path: path.to_path_buf(), file: BufWriter::new(temporary_file_for(path)?) })
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// [`Error::Io`] if they cannot be written, as on a full disk.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(Error::io(&self.path))
    }

    /// Ends the file: flushes it to the disk, and gives it its name.
    ///
    /// # Errors
    /// [`Error::Io`] if that fails, or if something came to be at its path meanwhile.
    pub fn finish(self) -> Result<()> {
        let Self { path, file } = self;
        let file = file.into_inner().map_err(|error| Error::io(&path)(error.into_error()))?;
        file.as_file().sync_all().map_err(Error::io(&path))?;
        file.persist_noclobber(&path).map_err(|refused| Error::io(&path)(refused.error))?;
        flush_folder_of(&path)
    }
}

fn written_to_temporary(path: &Path, bytes: &[u8]) -> Result<NamedTempFile> {
    let mut file = temporary_file_for(path)?;
    file.write_all(bytes).map_err(Error::io(path))?;
    file.as_file().sync_all().map_err(Error::io(path))?;
    Ok(file)
}

/// Makes a folder, and those above it that are missing, so that they are there after a power failure too.
///
/// # Errors
/// [`Error::Io`] if it cannot be made, or if a file is in its place.
pub fn make_folder(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let missing: Vec<&Path> = path.ancestors().take_while(|path| !exists(path)).collect();
    fs::create_dir_all(path).map_err(Error::io(path))?;
    missing.iter().try_for_each(|made| flush_folder_of(made))
}

fn exists(path: &Path) -> bool {
    path.as_os_str().is_empty() || path.exists()
}

/// The folder that `path` is in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Waits until the disk has the names in the folder of `path`, if that system has such a thing: a file that was flushed and renamed
/// may else be found under its temporary name after a power failure.
pub(crate) fn flush_folder_of(path: &Path) -> Result<()> {
    let cannot = [ErrorKind::InvalidInput, ErrorKind::Unsupported, ErrorKind::PermissionDenied];
    let flushed = fs::File::open(folder_of(path)).and_then(|folder| folder.sync_all());
    match flushed {
        Err(error) if cfg!(unix) && !cannot.contains(&error.kind()) => Err(Error::io(folder_of(path))(error)),
        _ => Ok(()),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    /// A link to a file that was not there yet was itself replaced by the file.
    #[test]
    fn links_are_followed_whether_or_not_something_is_at_their_end() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("other")).unwrap();
        fs::write(at("other/old"), "old").unwrap();
        for (link, to) in [("a", "other/new"), ("b", "other/old"), ("c", "d"), ("d", "other/third"), ("loop", "loop")] {
            symlink(to, at(link)).unwrap();
        }
        for (link, file) in [("a", "other/new"), ("b", "other/old"), ("c", "other/third"), ("d", "other/third")] {
            write_atomically(&at(link), link.as_bytes()).unwrap();
            assert!(at(link).is_symlink(), "{link}");
            assert_eq!(fs::read(at(file)).unwrap(), link.as_bytes());
        }
        let refused = write_atomically(&at("loop"), b"").unwrap_err().to_string();
        assert!(refused.ends_with("loop: more than 40 links, one to the next"), "{refused}");
        assert!(at("loop").is_symlink());
    }

    /// Every file became 0644, one that was 0600 too.
    #[test]
    fn a_file_that_is_replaced_keeps_its_permissions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for mode in [0o600, 0o640, 0o664] {
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            write_atomically(&path, b"new").unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
        }
    }

    #[test]
    fn a_free_path_is_found_whatever_is_at_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: String| folder.path().join(name);
        let paths = || (1..=4).map(|n| at(format!("m-{n}")));
        fs::write(at("m-1".into()), "foreign").unwrap();
        symlink("nowhere", at("m-2".into())).unwrap();
        assert_eq!(write_to_free(paths(), b"first").unwrap(), at("m-3".into()));
        assert_eq!(write_to_free(paths(), b"second").unwrap(), at("m-4".into()));
        assert_eq!(fs::read(at("m-1".into())).unwrap(), b"foreign");
        assert!(write_to_free(paths(), b"third").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4, "something was left behind");
    }
}
