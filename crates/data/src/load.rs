//! A data set by its name or folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use layerloop::data::{Dataset, StoredRows, TableParts, TableSplit};
use layerloop::preprocess::{Frame, PreprocessOptions, Preprocessing};
use layerloop::{Error, Result};

use crate::progress::Progress;
use crate::registry::{self, Defaults, Entry, File, STANDARD_NAMES, Source};
use crate::tables::{Table, TableOptions, is_table, place as place_of_table, read_table};
use crate::{cache, download, folder, picture_folder};

/// A data set, ready to be trained on.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The part to learn from.
    pub train: Dataset,
    /// The part to evaluate on.
    pub test: Dataset,
    /// The part to choose by, where rows were held back for it already.
    pub validation: Option<Dataset>,
    /// One line: what it is, who made it, its licence; empty for a folder.
    pub about: &'static str,
    /// Training options where the user names none.
    pub defaults: Defaults,
    /// Where its files are, as seen from the root; of a data set that is built in, nowhere.
    pub folder: Option<PathBuf>,
    /// What the user should know about how it was read, in sentences.
    pub notes: Vec<String>,
    /// Of a table, rows of the test part before they became inputs; all of them, or some where whoever loads it needs no more.
    pub test_frame: Option<Frame>,
    /// The rows to train on, where they are not in memory; [`Self::train`] is then some of them.
    pub stored: Option<Arc<dyn StoredRows + Send>>,
}

impl Loaded {
    /// Two parts in memory, of files in `folder` if there are any; nothing else is known of them.
    #[must_use]
    pub fn new(train: Dataset, test: Dataset, folder: Option<PathBuf>) -> Self {
        Self {
            train,
            test,
            validation: None,
            about: "",
            defaults: Defaults::IMAGES,
            folder,
            notes: Vec::new(),
            test_frame: None,
            stored: None,
        }
    }

    /// Number of rows to train on.
    #[must_use]
    pub fn rows_to_train_on(&self) -> usize {
        self.stored.as_ref().map_or(self.train.rows(), |stored| stored.rows())
    }
}

/// How to load a data set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoadOptions<'a> {
    /// The folder that has the files of a data set that has a name.
    pub data_dir: Option<&'a Path>,
    /// Height and width that the pictures of a folder are scaled to; else the most frequent size of the training part. Images of
    /// other data sets are never scaled.
    pub size: Option<(usize, usize)>,
}

/// The share of the rows that is kept back as test part where a folder has none.
const TEST_SHARE: f64 = 0.2;
/// What that part is drawn by, so that it is the same for everyone.
const SPLIT_SEED: u64 = 0;

/// Loads `data`: the name of a data set in [`registry::ENTRIES`], or else a table, or a folder of IDX files or of pictures.
///
/// A folder of pictures has a folder for each class (`DIR/cat/1.png`), or such folders in its folders `train` and `test`; PNG and
/// JPEG files are read. Where a folder has no test part, a fifth of its rows is split off, stratified by class.
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
/// let digits = layerloop_data::load("digits", &Default::default(), &mut |_| {})?;
/// assert_eq!((digits.train.rows(), digits.test.rows()), (1437, 360));
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn load(
    data: impl AsRef<Path>,
    options: &LoadOptions<'_>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Loaded> {
    let data = data.as_ref();
    let Some(entry) = data.to_str().and_then(registry::find) else {
        return if is_table(data) { from_table(data) } else { from_folder(data, options, progress) };
    };
    match (entry.source, options.data_dir) {
        (Source::BuiltIn(parts), None) => Ok(with_defaults(entry, parts()?, None)),
        (Source::Table { .. }, None) => Ok(Loaded { about: entry.about, ..from_table(data)? }),
        (Source::BuiltIn(_) | Source::Table { .. }, Some(_)) => {
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
        Source::BuiltIn(parts) => return Ok(with_defaults(entry, parts()?, None)),
        Source::Table { .. } => return from_table(entry.name.as_ref()),
        Source::Idx { files, .. } => files,
    };
    let missing: Vec<File> = files.into_iter().filter(|file| folder::find(folder, file.name).is_none()).collect();
    download::fetch(&missing, folder, mirrors, progress)?;
    for _ in &files {
        match folder::load_named(entry, &files, folder) {
            Err(Error::Format { path, reason }) => replace(&files, &path, &reason, mirrors, progress)?,
            other => return Ok(with_defaults(entry, other?, Some(folder))),
        }
    }
    Ok(with_defaults(entry, folder::load_named(entry, &files, folder)?, Some(folder)))
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
    Ok(with_defaults(entry, parts, Some(&place)))
}

fn from_folder(data: &Path, options: &LoadOptions<'_>, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Loaded> {
    let names = registry::ENTRIES.map(|entry| entry.name).join(", ");
    if !data.is_dir() {
        return Err(Error::config("DATA", no_folder(data, &names)));
    }
    if let Some(data_dir) = options.data_dir {
        let (data_dir, data) = (data_dir.display(), data.display());
        let reason = format!("{data_dir} is where to look for a data set by name ({names}), but {data} is a folder");
        return Err(Error::config("--data-dir", reason));
    }
    let (train, test, mut notes) = if folder::has_any(data) {
        let (train, test) = folder::load_folder(data)?;
        (train, test, Vec::new())
    } else if picture_folder::has_classes(data) {
        let picture_folder::Pictures { train, test, notes } = picture_folder::load(data, options.size, progress)?;
        (train, test, notes)
    } else {
        return Err(Error::data(data, no_data(data)?));
    };
    let (train, test) = match test {
        Some(test) => (train, test),
        None => split_off(&train, &mut notes)?,
    };
    let folder = Some(std::path::absolute(data).unwrap_or_else(|_| data.to_path_buf()));
    Ok(Loaded { notes, ..Loaded::new(train, test, folder) })
}

/// What is said of `data` that is neither a name nor a folder nor a file.
fn no_folder(data: &Path, names: &str) -> String {
    let shown = data.display();
    let lossy = if shown.to_string().contains('\u{fffd}') && data.to_str().is_some() {
        "; its path was not UTF-8, which a receipt cannot have: name the data"
    } else {
        ""
    };
    format!("{shown} is neither a data set ({names}) nor a table, nor a folder of pictures or IDX files{lossy}")
}

/// A table by its last column, all else as it is by default.
fn from_table(data: &Path) -> Result<Loaded> {
    let Table { frame, target, mut notes, .. } = read_table(data, &TableOptions::default())?;
    let target: Vec<&str> = target.iter().map(String::as_str).collect();
    let fit = |train: &Frame| Preprocessing::fit(train, &target, &PreprocessOptions::default());
    let parts = TableParts::new(&frame, None, &target, &TableSplit::default(), fit)?;
    notes.extend(parts.notes);
    let TableParts { train, test, test_frame, .. } = parts;
    Ok(Loaded { notes, test_frame: Some(test_frame), ..Loaded::new(train, test, place_of_table(data)) })
}

/// What is said of a folder in which there is no data.
fn no_data(folder: &Path) -> Result<String> {
    let pictures = picture_folder::pictures(folder)?[0].len();
    let wanted = format!("IDX files named as MNIST's are ({}, plain or .gz, and so on)", STANDARD_NAMES[0]);
    Ok(if pictures > 0 {
        format!(
            "{pictures} pictures are in this folder itself; put those of each class into a folder that is named as the class"
        )
    } else {
        format!("this folder has no data: neither a folder of PNG or JPEG pictures for each class, nor {wanted}")
    })
}

/// A training and a test part of the rows of a folder that has no test part.
fn split_off(whole: &Dataset, notes: &mut Vec<String>) -> Result<(Dataset, Dataset)> {
    let (name, rows) = (whole.name(), whole.rows());
    let test_rows = ((rows as f64 * TEST_SHARE).round() as usize).max(1);
    if rows < 2 {
        return Err(Error::data(name, "1 image without a test part; at least 2 are needed, one of them to test on"));
    }
    let [train, test] = whole.split([rows - test_rows, test_rows], SPLIT_SEED)?;
    notes.push(format!(
        "{name} has no test part: {test_rows} of its {rows} images are kept back for it, the same every time"
    ));
    Ok((train, test.named(format!("{name} test"))))
}

fn with_defaults(entry: &Entry, [train, test]: [Dataset; 2], folder: Option<&Path>) -> Loaded {
    let folder = folder.map(|folder| std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf()));
    let fit = |part: Dataset| if let Some(fit) = entry.fit { part.with_fit(fit) } else { part };
    let (train, test) = (fit(train), fit(test));
    Loaded { about: entry.about, defaults: entry.defaults, ..Loaded::new(train, test, folder) }
}
