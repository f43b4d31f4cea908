//! A folder of pictures, with a folder for each class: `DIR/cat/1.png`, or `DIR/train/cat/1.png` and `DIR/test/cat/2.png`.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use layerloop::data::{Dataset, Fit, Inputs, zeroed_bytes};
use layerloop::{Error, Result, memory};

use crate::image::Grey;
use crate::picture::{Picture, size_of};
use crate::progress::Progress;
use crate::{classes, parallel};

/// Height and width in pixels.
type Size = (usize, usize);

/// Larger pictures are not kept while the most frequent size is not known yet, but read a second time.
const SMALL: usize = 128 * 128;
/// How the names of pictures end.
const ENDINGS: [&str; 3] = ["png", "jpg", "jpeg"];
/// Files that file managers leave in folders.
const LEFT_BY_OTHERS: [&str; 2] = ["thumbs.db", "desktop.ini"];

/// The parts of a folder, and what the user should know about them.
#[derive(Debug)]
pub(crate) struct Pictures {
    pub(crate) train: Dataset,
    /// If the folder has one.
    pub(crate) test: Option<Dataset>,
    pub(crate) notes: Vec<String>,
}

/// The files of one part. The files of each class are in the order of their names, and the classes take turns in proportion, so
/// that the first rows have all classes.
#[derive(Debug)]
struct Part {
    files: Vec<PathBuf>,
    labels: Vec<u32>,
}

/// Whether `folder` has folders in it, which could be classes.
pub(crate) fn has_classes(folder: &Path) -> bool {
    sub_folders(folder).is_ok_and(|folders| !folders.is_empty())
}

/// Whether the name ends as that of a picture.
fn is_picture(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

/// Reads all pictures of `folder` as grey values, each scaled to `size`, or else to the most frequent size of the training part.
/// The classes are the names of the folders in alphabetical order, or those of `classes.txt` in its order.
///
/// # Errors
/// [`Error::Data`] if there are no pictures or a class is not in `classes.txt`; [`Error::Format`] for a file that is not the
/// picture that its name says.
pub(crate) fn load(folder: &Path, size: Option<Size>, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Pictures> {
    let [train, test] = part_folders(folder)?;
    let train = train.unwrap_or_else(|| folder.to_path_buf());
    let classes = match classes::read(folder)? {
        Some(classes) => classes,
        None => sub_folders(&train)?.iter().map(|folder| name_of(folder)).collect(),
    };
    let mut skipped = Vec::new();
    let train = Part::list(&train, &classes, &mut skipped)?;
    if train.files.is_empty() {
        return Err(Error::data(folder, "none of its folders has a PNG or JPEG picture"));
    }
    let test = test.map(|test| Part::list(&test, &classes, &mut skipped)).transpose()?;
    let total = train.files.len() + test.as_ref().map_or(0, |test| test.files.len());
    let before = train.files.len();
    let mut progress = |done| progress(Progress::Pictures { done, total });
    let (size, pixels) = match size {
        Some(size) => (size, read_scaled(&train.files, size, &mut progress)?),
        None => read_in_frequent_size(&train.files, &mut progress)?,
    };
    let name = folder.display().to_string();
    let train = train.dataset(&name, size, pixels, &classes)?;
    let test = test.filter(|test| !test.files.is_empty()).map(|test| {
        let pixels = read_scaled(&test.files, size, &mut |done| progress(before + done))?;
        test.dataset(&format!("{name} test"), size, pixels, &classes)
    });
    Ok(Pictures { train, test: test.transpose()?, notes: note(&skipped).into_iter().collect() })
}

impl Part {
    fn list(folder: &Path, classes: &[String], skipped: &mut Vec<PathBuf>) -> Result<Self> {
        let listed = parallel::map(
            &sub_folders(folder)?,
            |class| {
                let name = name_of(class);
                let label = classes.iter().position(|of| *of == name).ok_or_else(|| {
                    let reason = format!("`{name}` is none of the classes {}", classes.join(", "));
                    Error::data(class, format!("{reason}: those of {} or of the training part", classes::FILE))
                })?;
                Ok::<_, Error>((label as u32, pictures(class)?))
            },
            &mut |_| {},
        )?;
        let mut all = Vec::new();
        for (label, [files, others]) in listed {
            let is_meant = |path: &PathBuf| !LEFT_BY_OTHERS.contains(&name_of(path).to_lowercase().as_str());
            skipped.extend(others.into_iter().filter(is_meant));
            let count = files.len() as f64;
            let place = |rank: usize| (rank as f64 + 0.5) / count;
            all.extend(files.into_iter().enumerate().map(|(rank, path)| (place(rank), label, path)));
        }
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let (labels, files) = all.into_iter().map(|(_, label, path)| (label, path)).unzip();
        Ok(Self { files, labels })
    }

    fn dataset(self, name: &str, (height, width): Size, pixels: Arc<[u8]>, classes: &[String]) -> Result<Dataset> {
        let inputs = Inputs::Bytes { values: pixels, scale: 1.0 / 255.0 };
        let data = Dataset::new(name, inputs, height * width, self.labels, classes.iter().cloned())?;
        Ok(data.with_image(height, width)?.with_fit(Fit::Plain))
    }
}

/// Where the training and the test part are, if the folder is divided into parts: if its `train` has folders itself, so that it is
/// no class of that name.
fn part_folders(folder: &Path) -> Result<[Option<PathBuf>; 2]> {
    let [train, test] = ["train", "test"].map(|part| folder.join(part));
    if !has_classes(&train) {
        return Ok([None, None]);
    }
    let other = sub_folders(folder)?.into_iter().find(|sub| *sub != train && *sub != test);
    if let Some(other) = other {
        let reason = format!(
            "it has the parts train and test, and {} beside them; only these two parts are read: move it into a class of {}, or elsewhere",
            name_of(&other),
            train.display()
        );
        return Err(Error::data(folder, reason));
    }
    Ok([Some(train), has_classes(&test).then_some(test)])
}

/// What is in a folder and not hidden, by name: folders, files, and what is neither.
fn entries(folder: &Path) -> Result<[Vec<PathBuf>; 3]> {
    let mut found = [const { Vec::new() }; 3];
    for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
        let entry = entry.map_err(Error::io(folder))?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        let kind = entry.file_type().map_err(Error::io(&path))?;
        let is_link = kind.is_symlink();
        let of = match () {
            () if kind.is_dir() || is_link && path.is_dir() => 0,
            () if kind.is_file() || is_link && path.is_file() => 1,
            () => 2,
        };
        found[of].push(path);
    }
    found.iter_mut().for_each(|paths| paths.sort_unstable_by(|a, b| a.as_os_str().cmp(b.as_os_str())));
    Ok(found)
}

fn sub_folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let [folders, ..] = entries(folder)?;
    Ok(folders)
}

/// The pictures in a folder itself, and what else is there.
pub(crate) fn pictures(folder: &Path) -> Result<[Vec<PathBuf>; 2]> {
    let [folders, files, neither] = entries(folder)?;
    let (pictures, others): (Vec<_>, Vec<_>) = files.into_iter().partition(|path| is_picture(path));
    Ok([pictures, folders.into_iter().chain(others).chain(neither).collect()])
}

fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// What is said of files that are not pictures.
fn note(skipped: &[PathBuf]) -> Option<String> {
    let first = skipped.first()?.display();
    let count = skipped.len();
    Some(if count == 1 {
        format!("{first} is not a PNG or JPEG file and is skipped")
    } else {
        format!("{count} files that are not PNG or JPEG files are skipped; the first is {first}")
    })
}

/// The pixels of all files, each scaled to one size.
///
/// # Shapes
/// files x height x width
fn read_scaled(files: &[PathBuf], size: Size, progress: &mut dyn FnMut(usize)) -> Result<Arc<[u8]>> {
    joined(&parallel::map(files, |path| Picture::read(path).map(|picture| scaled(picture, size)), progress)?, size)
}

/// The pixels of all files, scaled to the size that most of them have; of sizes that are equally frequent, to the smallest.
fn read_in_frequent_size(files: &[PathBuf], progress: &mut dyn FnMut(usize)) -> Result<(Size, Arc<[u8]>)> {
    let kept = AtomicUsize::new(0);
    let first = |path: &PathBuf| {
        let bytes = fs::read(path).map_err(Error::io(path))?;
        let size = size_of(&bytes, path)?;
        if size.0 * size.1 > SMALL {
            return Ok::<_, Error>((size, vec![]));
        }
        let picture = Picture::decode(&bytes, path)?;
        kept.fetch_add(1, Relaxed);
        Ok((picture.size(), picture.into_bytes()))
    };
    let mut read = parallel::map(files, first, &mut |_| progress(kept.load(Relaxed)))?;
    let size = most_frequent(read.iter().map(|(size, _)| *size));
    let is_left = |row: &usize| read[*row].0 != size || read[*row].1.is_empty();
    let left: Vec<usize> = (0..files.len()).filter(is_left).collect();
    let ready = files.len() - left.len();
    let again = |row: &usize| match &read[*row] {
        (_, pixels) if pixels.is_empty() => Ok::<_, Error>(scaled(Picture::read(&files[*row])?, size)),
        (of, pixels) => Ok(scaled_bytes(pixels, *of, size)),
    };
    let second = parallel::map(&left, again, &mut |done| progress(ready + done))?;
    for (row, pixels) in left.into_iter().zip(second) {
        read[row].1 = pixels;
    }
    let pixels: Vec<Vec<u8>> = read.into_iter().map(|(_, pixels)| pixels).collect();
    Ok((size, joined(&pixels, size)?))
}

fn most_frequent(sizes: impl Iterator<Item = Size>) -> Size {
    let mut counts: HashMap<Size, usize> = HashMap::new();
    sizes.for_each(|size| *counts.entry(size).or_default() += 1);
    let rank = |&((height, width), count): &(Size, usize)| (count, Reverse((height * width, height)));
    counts.into_iter().max_by_key(rank).map_or((1, 1), |(size, _)| size)
}

fn scaled(picture: Picture, size: Size) -> Vec<u8> {
    if picture.size() == size { picture.into_bytes() } else { to_bytes(&picture.grey().fitted(size.0, size.1)) }
}

fn scaled_bytes(pixels: &[u8], (height, width): Size, size: Size) -> Vec<u8> {
    let pixels = pixels.iter().map(|&byte| f32::from(byte) * (1.0 / 255.0)).collect();
    to_bytes(&Grey { height, width, pixels }.fitted(size.0, size.1))
}

fn to_bytes(grey: &Grey) -> Vec<u8> {
    grey.pixels.iter().map(|value| (value * 255.0).round() as u8).collect()
}

/// All pictures side by side in memory.
fn joined(pictures: &[Vec<u8>], (height, width): Size) -> Result<Arc<[u8]>> {
    let length = height * width;
    memory::check("the pictures", pictures.len().saturating_mul(length), "a smaller --size")?;
    let mut all: Arc<[u8]> = zeroed_bytes(pictures.len() * length);
    for (row, pixels) in Arc::get_mut(&mut all).unwrap_or_default().chunks_exact_mut(length).zip(pictures) {
        row.copy_from_slice(pixels);
    }
    Ok(all)
}
