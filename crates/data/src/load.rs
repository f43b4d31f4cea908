//! A data set by its name or folder.

use std::path::{Path, PathBuf};

use layerloop::data::Dataset;
use layerloop::{Error, Result};

use crate::download::{self, Progress};
use crate::registry::{self, Defaults, Entry, File, Source};
use crate::{cache, folder};

/// A data set, ready to be trained on.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The part to learn from.
    pub train: Dataset,
    /// The part to be judged by.
    pub test: Dataset,
    /// One line: what it is, who made it, its licence; empty for a folder.
    pub about: &'static str,
    /// Training options where the user names none.
    pub defaults: Defaults,
}

/// Loads `data`: the name of a data set in [`registry::ENTRIES`], or else a folder of IDX files.
///
/// The files of a named set are looked for in `data_dir`, or in its sub-folder of that name. Without `data_dir` they
/// are looked for in the folder that `$LAYERLOOP_DATA` names, and else come from the user's cache folder, where those that it
/// lacks are downloaded to. In each case they are compared with their SHA-256.
///
/// # Errors
/// [`Error::Config`] if `data` is neither name nor folder, or is a folder and `data_dir` is given too;
/// [`Error::Data`] if files are missing and cannot be downloaded; [`Error::Format`] and [`Error::Io`] for a file that
/// cannot be used.
///
/// # Example
/// ```
/// let digits = layerloop_data::load("digits", None, &mut |_| {})?;
/// assert_eq!((digits.train.rows(), digits.test.rows()), (1437, 360));
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn load(data: impl AsRef<Path>, data_dir: Option<&Path>, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Loaded> {
    let data = data.as_ref();
    let Some(entry) = data.to_str().and_then(registry::find) else {
        return from_folder(data, data_dir);
    };
    match (entry.source, data_dir) {
        (Source::BuiltIn(parts), None) => Ok(with_defaults(entry, parts()?)),
        (Source::BuiltIn(_), Some(_)) => {
            Err(Error::config("--data-dir", format!("{} is built in and needs no folder", entry.name)))
        }
        (Source::Idx { files, .. }, Some(data_dir)) => from_data_dir(entry, &files, data_dir),
        (Source::Idx { files, mirrors }, None) => match cache::own().filter(|own| place(entry.name, own).is_some()) {
            Some(own) => from_data_dir(entry, &files, &own),
            None => load_cached(entry, &cache::folder(entry.name)?, &download::mirrors(mirrors), progress),
        },
    }
}

/// Loads a named set from `folder`; files that are missing there, or damaged, are downloaded first.
///
/// # Errors
/// [`Error::Data`] if no mirror delivers; the reading and writing of files.
pub fn load_cached(
    entry: &Entry,
    folder: &Path,
    mirrors: &[String],
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Loaded> {
    let files = match entry.source {
        Source::BuiltIn(parts) => return Ok(with_defaults(entry, parts()?)),
        Source::Idx { files, .. } => files,
    };
    let missing: Vec<File> = files.into_iter().filter(|file| folder::find(folder, file.name).is_none()).collect();
    download::fetch(&missing, folder, mirrors, progress)?;
    for _ in &files {
        match folder::load_named(entry, &files, folder) {
            Err(Error::Format { path, reason }) => replace(&files, &path, &reason, mirrors, progress)?,
            other => return Ok(with_defaults(entry, other?)),
        }
    }
    Ok(with_defaults(entry, folder::load_named(entry, &files, folder)?))
}

/// Downloads the file at `path`, in the cache but damaged, once more.
fn replace(
    files: &[File],
    path: &Path,
    reason: &str,
    mirrors: &[String],
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    let damaged: Vec<File> =
        files.iter().filter(|file| folder::find(folder, file.name).as_deref() == Some(path)).copied().collect();
    progress(Progress::Damaged { path, reason });
    download::fetch(&damaged, folder, mirrors, progress).map_err(|error| match error {
        Error::Data { path: folder, row, reason: failed } => Error::Data {
            path: folder,
            row,
            reason: format!("{failed}; the copy that is there cannot be used: {reason}"),
        },
        other => other,
    })
}

/// Where the files of the set `name` are: in `data_dir` or in its sub-folder of that name.
fn place(name: &str, data_dir: &Path) -> Option<PathBuf> {
    [data_dir.join(name), data_dir.to_path_buf()].into_iter().find(|place| folder::missing(place).is_empty())
}

fn from_data_dir(entry: &Entry, files: &[File; 4], data_dir: &Path) -> Result<Loaded> {
    let name = entry.name;
    let Some(place) = place(name, data_dir) else {
        let missing = folder::missing(data_dir).join(", ");
        let reason = format!("{name} is not in this folder, nor in its sub-folder {name}: missing {missing} (or .gz)");
        return Err(Error::data(data_dir, reason));
    };
    let parts = folder::load_named(entry, files, &place).map_err(|error| match error {
        Error::Format { path, reason } => {
            let advice = format!("to train on files of your own, name their folder instead of {name}");
            Error::Format { path, reason: format!("this is not {name}: {reason}; {advice}") }
        }
        other => other,
    })?;
    Ok(with_defaults(entry, parts))
}

fn from_folder(data: &Path, data_dir: Option<&Path>) -> Result<Loaded> {
    let names = registry::ENTRIES.map(|entry| entry.name).join(", ");
    if !data.is_dir() {
        let reason = format!("{} is neither a data set ({names}) nor a folder of IDX files", data.display());
        return Err(Error::config("DATA", reason));
    }
    if let Some(data_dir) = data_dir {
        let (data_dir, data) = (data_dir.display(), data.display());
        let reason = format!("{data_dir} is where to look for a data set by name ({names}), but {data} is a folder");
        return Err(Error::config("--data-dir", reason));
    }
    let [train, test] = folder::load_folder(data)?;
    Ok(Loaded { train, test, about: "", defaults: Defaults::IMAGES })
}

fn with_defaults(entry: &Entry, [train, test]: [Dataset; 2]) -> Loaded {
    Loaded { train, test, about: entry.about, defaults: entry.defaults }
}
