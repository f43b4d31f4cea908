//! A folder of IDX files as a training and a test part.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use layerloop::data::{Dataset, Inputs};
use layerloop::{Error, Result};

use crate::classes;
use crate::idx::{self, Images};
use crate::registry::{Entry, File, STANDARD_NAMES, Source};

/// What the files of one part must be, and the names of its classes.
struct Known<'a> {
    images: &'a File,
    labels: &'a File,
    classes: &'a [&'a str],
}

/// Reads the training part, and the test part where there is one, from files with the names of MNIST's: plain or `.gz`, and
/// with `.idx3-ubyte` for `-idx3-ubyte` as well.
///
/// The classes are the lines of `classes.txt`, or else the numbers up to the largest label of the training part.
///
/// # Errors
/// [`Error::Data`] if a file is missing, images and labels differ in number, the parts in the size of their images,
/// or the test part has a label that training has not; what reading the files says.
pub fn load_folder(folder: impl AsRef<Path>) -> Result<(Dataset, Option<Dataset>)> {
    let folder = folder.as_ref();
    let has_test = STANDARD_NAMES[2..].iter().any(|name| find(folder, name).is_some());
    let paths = require(folder, if has_test { &STANDARD_NAMES } else { &STANDARD_NAMES[..2] })?;
    let name = folder.display().to_string();
    let (images, labels) = read_part([&paths[0], &paths[1]], None)?;
    let classes = classes_of(folder, &labels)?;
    let train = dataset(&name, &paths[1], images, &labels, &classes)?;
    let [_, _, test_images, test_labels] = &paths[..] else { return Ok((train, None)) };
    let (images, labels) = read_part([test_images, test_labels], None)?;
    let test = dataset(&format!("{name} test"), test_labels, images, &labels, &classes)?;
    if train.image() != test.image() {
        let size = |part: &Dataset| part.image().map(|(h, w)| format!("{h} x {w}")).unwrap_or_default();
        let reason = format!("images of {} pixels, but those of the training part are {}", size(&test), size(&train));
        return Err(Error::data(test_images, reason));
    }
    Ok((train, Some(test)))
}

/// The names of the classes of a folder whose training part has these labels.
fn classes_of(folder: &Path, labels: &[u8]) -> Result<Vec<String>> {
    let numbers = || (0..=labels.iter().copied().max().unwrap_or(0)).map(|label| label.to_string()).collect();
    Ok(classes::read(folder)?.unwrap_or_else(numbers))
}

/// Whether one of the files is there.
pub(crate) fn has_any(folder: &Path) -> bool {
    missing(folder).len() < STANDARD_NAMES.len()
}

/// Reads a named data set from a folder that has its files, and holds every file against its SHA-256.
pub(crate) fn load_named(entry: &Entry, files: &[File; 4], folder: &Path) -> Result<[Dataset; 2]> {
    let paths = require(folder, &STANDARD_NAMES)?;
    let part = |name: &str, at: usize| {
        let known = Known { images: &files[at], labels: &files[at + 1], classes: entry.classes };
        let (images, labels) = read_part([&paths[at], &paths[at + 1]], Some(&known))?;
        dataset(name, &paths[at + 1], images, &labels, known.classes)
    };
    Ok([part(entry.name, 0)?, part(&format!("{} test", entry.name), 2)?])
}

/// The files of the training part, images and labels, and the test part.
pub(crate) fn stored_parts(name: &str, folder: &Path, entry: Option<&Entry>) -> Result<([PathBuf; 2], Dataset)> {
    let paths = require(folder, &STANDARD_NAMES)?;
    let [images, labels, test_images, test_labels] = &paths[..] else {
        return Err(Error::data(folder, "this folder lacks files"));
    };
    let known = match entry.map(|entry| (entry.source, entry.classes)) {
        Some((Source::Idx { files, .. }, classes)) => Some((files, classes)),
        _ => None,
    };
    let known = known.as_ref().map(|(files, classes)| Known { images: &files[2], labels: &files[3], classes });
    let (pixels, of_test) = read_part([test_images, test_labels], known.as_ref())?;
    let classes = match &known {
        Some(known) => known.classes.iter().map(ToString::to_string).collect(),
        None => classes_of(folder, &idx::read_labels(labels)?)?,
    };
    let test = dataset(&format!("{name} test"), test_labels, pixels, &of_test, &classes)?;
    Ok(([images.clone(), labels.clone()], test))
}

/// Where the file with a standard name lies in `folder`, if it does.
pub(crate) fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let dotted = name.replace("-idx", ".idx");
    let spellings = [format!("{name}.gz"), name.to_string(), format!("{dotted}.gz"), dotted];
    spellings.into_iter().map(|spelling| folder.join(spelling)).find(|path| path.is_file())
}

/// The names of the standard files that `folder` lacks.
pub(crate) fn missing(folder: &Path) -> Vec<&'static str> {
    STANDARD_NAMES.into_iter().filter(|name| find(folder, name).is_none()).collect()
}

fn require(folder: &Path, names: &[&'static str]) -> Result<Vec<PathBuf>> {
    let missing: Vec<_> = names.iter().copied().filter(|name| find(folder, name).is_none()).collect();
    if !missing.is_empty() {
        let reason = format!("this folder has no {} (plain or .gz)", missing.join(", no "));
        return Err(Error::data(folder, reason));
    }
    Ok(names.iter().filter_map(|name| find(folder, name)).collect())
}

fn read_part([images, labels]: [&Path; 2], known: Option<&Known<'_>>) -> Result<(Images, Arc<[u8]>)> {
    let (pixels, classes) = match known {
        None => (idx::read_images(images)?, idx::read_labels(labels)?),
        Some(known) => {
            let (pixels, hash) = idx::read_images_hashed(images)?;
            known.images.check(images, &hash)?;
            let (classes, hash) = idx::read_labels_hashed(labels)?;
            known.labels.check(labels, &hash)?;
            (pixels, classes)
        }
    };
    if pixels.rows != classes.len() {
        let reason = format!("{} labels, but {} has {} images", classes.len(), images.display(), pixels.rows);
        return Err(Error::data(labels, reason));
    }
    Ok((pixels, classes))
}

fn dataset(name: &str, path: &Path, images: Images, labels: &[u8], classes: &[impl ToString]) -> Result<Dataset> {
    if let Some(row) = labels.iter().position(|&label| usize::from(label) >= classes.len()) {
        let reason = format!("label {} is out of range: the classes are 0..{}", labels[row], classes.len());
        return Err(Error::row(path, row, reason));
    }
    let labels: Arc<[u32]> = labels.iter().map(|&label| u32::from(label)).collect();
    let (height, width) = (images.height, images.width);
    let inputs = Inputs::Bytes { values: images.pixels, scale: 1.0 / 255.0 };
    let classes = classes.iter().map(ToString::to_string);
    Dataset::new(name, inputs, height * width, labels, classes)?.with_image(height, width)
}
