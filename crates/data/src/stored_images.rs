//! The images of IDX files that are not in memory: their pixels are unpacked once into a temporary file.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use layerloop::data::{Dataset, Inputs, StoredRows, split_stratified};
use layerloop::{Error, Result};

use crate::load::Loaded;
use crate::registry::{self, Source};
use crate::temporary::{IN_MEMORY, Temporary, Writer};
use crate::{cache, folder, idx};

/// Rows of images to train on, read from a file as they are needed.
#[derive(Debug)]
pub struct StoredImages {
    name: String,
    pixels: Temporary,
    size: (usize, usize),
    labels: Arc<[u32]>,
    classes: Vec<String>,
    /// The images to train on, ascending.
    rows: Vec<u32>,
}

/// Which of the rows to train on are used, and which are held back to validate on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Held {
    /// The first ones alone.
    pub limit: Option<usize>,
    /// The share of these that is held back.
    pub share: f64,
    /// By what it is drawn.
    pub seed: u64,
}

/// Loads the images of IDX files, by name or folder, those to train on into a temporary file; those to test on are in memory.
///
/// # Errors
/// [`Error::Config`] for other data, or a folder without a test part; those of [`load`](crate::load()).
pub fn load_stored(data: &Path, data_dir: Option<&Path>, held: Held) -> Result<Loaded> {
    let entry = data.to_str().and_then(registry::find);
    let place = match entry.map(|entry| (entry.name, entry.source)) {
        Some((name, Source::Idx { .. })) => named(name, data_dir)?,
        None if data.is_dir() && folder::has_any(data) => data.to_path_buf(),
        _ => {
            let reason = format!("this is for tables and IDX files, and {} is neither", data.display());
            return Err(Error::config("--max-memory", reason));
        }
    };
    let name = entry.map_or_else(|| data.display().to_string(), |entry| entry.name.to_owned());
    let ([images, labels], test) = folder::stored_parts(&name, &place, entry)?;
    let whole = StoredImages::new(name, &images, &labels, &test, entry)?;
    let (stored, validation) = whole.hold_back(held)?;
    let fit = |part: Dataset| if let Some(fit) = entry.and_then(|entry| entry.fit) { part.with_fit(fit) } else { part };
    let folder = Some(std::path::absolute(&place).unwrap_or(place));
    let parts = Loaded::new(fit(stored.some()?), fit(test), folder);
    let parts = Loaded { validation, stored: Some(Arc::new(stored)), ..parts };
    Ok(match entry {
        Some(entry) => Loaded { about: entry.about, defaults: entry.defaults, ..parts },
        None => parts,
    })
}

/// Where the files of a named set are.
fn named(name: &str, data_dir: Option<&Path>) -> Result<PathBuf> {
    let own = cache::own();
    let places = match data_dir.or(own.as_deref()) {
        Some(folder) => vec![folder.join(name), folder.to_path_buf()],
        None => vec![cache::folder(name)?],
    };
    let there = places.iter().find(|place| folder::missing(place).is_empty());
    there.cloned().ok_or_else(|| {
        let reason =
            format!("the files of {name} are not in {}; without --max-memory they are downloaded", places[0].display());
        Error::config("--max-memory", reason)
    })
}

impl StoredImages {
    fn new(
        name: String,
        images: &Path,
        labels: &Path,
        test: &Dataset,
        entry: Option<&registry::Entry>,
    ) -> Result<Self> {
        let mut pixels = Writer::new()?;
        let ([rows, height, width], hash) = idx::copy_images(images, &mut pixels)?;
        let of_labels = idx::read_labels_hashed(labels)?;
        if let Some(Source::Idx { files, .. }) = entry.map(|entry| entry.source) {
            files[0].check(images, &hash)?;
            files[1].check(labels, &of_labels.1)?;
        }
        let labels: Arc<[u32]> = of_labels.0.iter().map(|&label| u32::from(label)).collect();
        if labels.len() != rows {
            let reason = format!("{} labels, but {} has {rows} images", labels.len(), images.display());
            return Err(Error::data(name, reason));
        }
        let classes = test.classes().to_vec();
        if let Some(row) = labels.iter().position(|&label| label as usize >= classes.len()) {
            let reason = format!("label {} is out of range: the classes are 0..{}", labels[row], classes.len());
            return Err(Error::row(name, row, reason));
        }
        if test.image() != Some((height, width)) {
            let reason =
                format!("its images have {width} x {height} pixels, and those of the test part have another size");
            return Err(Error::data(name, reason));
        }
        let rows = (0..rows as u32).collect();
        Ok(Self { name, pixels: pixels.written()?, size: (height, width), labels, classes, rows })
    }

    /// The rows to train on, and those to validate on.
    fn hold_back(mut self, Held { limit, share, seed }: Held) -> Result<(Self, Option<Dataset>)> {
        self.rows.truncate(limit.unwrap_or(usize::MAX));
        let rows = self.rows.len();
        let held = if share > 0.0 { ((rows as f64 * share).round() as usize).max(1) } else { 0 };
        if held == 0 {
            return Ok((self, None));
        }
        if held >= rows {
            let reason = format!("{share} of {rows} rows leaves none to train on");
            return Err(Error::config("--validation", reason));
        }
        let labels: Vec<u32> = self.rows.iter().map(|&row| self.labels[row as usize]).collect();
        let [train, held] = split_stratified(&labels, [rows - held, held], seed)?;
        let validation = self.of(&held.iter().map(|&row| row as u32).collect::<Vec<_>>())?;
        self.rows = train.into_iter().map(|row| row as u32).collect();
        Ok((self, Some(validation)))
    }

    /// Some of the rows to train on, or all of a small set.
    fn some(&self) -> Result<Dataset> {
        let (height, width) = self.size;
        let some = (IN_MEMORY / (height * width)).clamp(1, self.rows.len().max(1));
        let rows: Vec<u32> = (0..some).map(|i| self.rows[i * self.rows.len() / some]).collect();
        self.of(&rows)
    }

    /// Some images, ascending.
    fn of(&self, rows: &[u32]) -> Result<Dataset> {
        let (height, width) = self.size;
        let pixels = height * width;
        let mut values = vec![0; rows.len() * pixels];
        // Those that lie next to each other are read together.
        let mut from = 0;
        while from < rows.len() {
            let next = (from + 1..rows.len()).find(|&at| rows[at] != rows[at - 1] + 1).unwrap_or(rows.len());
            self.pixels.read(rows[from] as usize * pixels, &mut values[from * pixels..next * pixels])?;
            from = next;
        }
        let labels: Vec<u32> = rows.iter().map(|&row| self.labels[row as usize]).collect();
        let inputs = Inputs::Bytes { values: values.into(), scale: 1.0 / 255.0 };
        Dataset::new(&self.name, inputs, pixels, labels, self.classes.iter().cloned())?.with_image(height, width)
    }
}

impl StoredRows for StoredImages {
    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn read(&self, rows: Range<usize>) -> Result<Dataset> {
        self.of(&self.rows[rows])
    }
}
