//! The named data sets, as a table: what they are, where they come from, how they like to be trained.

use layerloop::data::{Dataset, Fit};
use layerloop::{Error, Result};
use std::path::Path;

/// A data set that has a name.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// What the user types.
    pub name: &'static str,
    /// One line: what it is, who made it, its licence.
    pub about: &'static str,
    /// Where its bytes are.
    pub source: Source,
    /// Names of the classes, by label; none where a number is predicted.
    pub classes: &'static [&'static str],
    /// Training options where the user names none.
    pub defaults: Defaults,
    /// How other pictures are brought to the kind of its images; none where the rows are not images.
    pub fit: Option<Fit>,
}

/// Where the bytes of a data set are.
#[derive(Debug, Clone, Copy)]
pub enum Source {
    /// In this crate: no file, no network.
    BuiltIn(fn() -> Result<[Dataset; 2]>),
    /// A table in this crate.
    Table {
        /// A line of names, then the rows.
        csv: &'static str,
        /// The column to predict.
        target: &'static str,
    },
    /// In four IDX files.
    Idx {
        /// Training images, training labels, test images, test labels.
        files: [File; 4],
        /// Addresses of folders that have the files as `.gz`, in the order in which they are tried.
        mirrors: &'static [&'static str],
    },
}

/// A file that is known by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    /// Name of the unpacked file; packed it ends in `.gz`.
    pub name: &'static str,
    /// Length of the unpacked file.
    pub bytes: u64,
    /// SHA-256 of the unpacked file, in hexadecimal.
    pub sha256: &'static str,
}

/// Training options that suit a data set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Defaults {
    /// Passes over the training part.
    pub epochs: usize,
    /// Rows of a batch.
    pub batch: usize,
    /// Learning rate of Adam.
    pub learning_rate: f64,
}

impl Defaults {
    /// For 28 x 28 images by the ten thousand, and for data sets that nobody has tuned.
    pub const IMAGES: Self = Self { epochs: 20, batch: 128, learning_rate: 1e-3 };
}

impl File {
    /// Name of the file as mirrors have it: `train-images-idx3-ubyte.gz`.
    #[must_use]
    pub fn packed_name(&self) -> String {
        format!("{}.gz", self.name)
    }

    /// Holds the SHA-256 of what lies at `path` against the one that is known.
    pub(crate) fn check(&self, path: &Path, sha256: &str) -> Result<()> {
        if sha256 == self.sha256 {
            return Ok(());
        }
        let reason = format!("the SHA-256 of its unpacked bytes is {sha256}, expected {}", self.sha256);
        Err(Error::format(path, reason))
    }
}

/// The data set called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.name == name)
}

/// The digits, "0" to "9".
const DIGITS: &[&str] = &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// All named data sets.
pub static ENTRIES: [Entry; 5] = [
    Entry {
        name: "digits",
        about: "1,797 handwritten digits of 8 x 8 pixels, built in (E. Alpaydin and C. Kaynak, Optical Recognition of \
                Handwritten Digits, UCI Machine Learning Repository, CC BY 4.0; by way of scikit-learn, BSD-3-Clause)",
        source: Source::BuiltIn(crate::digits::parts),
        classes: DIGITS,
        defaults: Defaults { epochs: 40, batch: 32, learning_rate: 5e-3 },
        fit: Some(Fit::Centre { share: 1.0, offset: 0.0 }), // these digits fill their frame
    },
    Entry {
        name: "mnist",
        about: "70,000 handwritten digits of 28 x 28 pixels (Y. LeCun, C. Cortes, C. Burges, CC BY-SA 3.0)",
        source: Source::Idx {
            files: standard_files([
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ]),
            mirrors: &[
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
            ],
        },
        classes: DIGITS,
        defaults: Defaults::IMAGES,
        fit: Some(Fit::Centre { share: 20.0 / 28.0, offset: 0.5 }),
    },
    Entry {
        name: "fashion-mnist",
        about: "70,000 pieces of clothing of 28 x 28 pixels (Zalando Research, MIT)",
        source: Source::Idx {
            files: standard_files([
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ]),
            mirrors: &[
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
            ],
        },
        classes: &[
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ],
        defaults: Defaults::IMAGES,
        fit: Some(Fit::Whole),
    },
    Entry {
        name: "diabetes",
        about: "442 patients, 10 measures each, and the progression of their diabetes one year later, built in (data of Efron, Hastie, \
                Johnstone, Tibshirani, Annals of Statistics 2004; by way of scikit-learn, BSD-3-Clause)",
        source: Source::BuiltIn(crate::diabetes::parts),
        classes: &[],
        defaults: Defaults { epochs: 100, batch: 32, learning_rate: 5e-2 },
        fit: None,
    },
    Entry {
        name: "penguins",
        about: "344 penguins of three species, 7 columns with gaps, built in (K. Gorman, A. Horst, A. Hill, palmerpenguins, CC0)",
        source: Source::Table { csv: include_str!("penguins.csv"), target: "species" },
        classes: &["Adelie", "Chinstrap", "Gentoo"],
        defaults: Defaults::IMAGES,
        fit: None,
    },
];

/// The names that every folder of IDX files uses: training images, training labels, test images, test labels.
pub(crate) const STANDARD_NAMES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// The files of 60,000 + 10,000 images of 28 x 28 pixels.
const fn standard_files(sha256: [&'static str; 4]) -> [File; 4] {
    let bytes = [16 + 60_000 * 28 * 28, 8 + 60_000, 16 + 10_000 * 28 * 28, 8 + 10_000];
    let mut files = [File { name: "", bytes: 0, sha256: "" }; 4];
    let mut i = 0;
    while i < 4 {
        files[i] = File { name: STANDARD_NAMES[i], bytes: bytes[i], sha256: sha256[i] };
        i += 1;
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_the_table_is_whole() {
        assert_eq!(find("fashion-mnist").map(|entry| entry.classes[9]), Some("Ankle boot"));
        assert!(find("fashion").is_none());
        for entry in &ENTRIES {
            let classes = match entry.name {
                "diabetes" => 0,
                "penguins" => 3,
                _ => 10,
            };
            assert_eq!(entry.classes.len(), classes, "{}", entry.name);
            assert!(!entry.about.contains('\n') && !entry.about.contains("  "), "{}", entry.about);
            let Source::Idx { files, mirrors } = entry.source else { continue };
            assert!(mirrors.len() > 1);
            assert!(files.iter().all(|f| f.sha256.len() == 64 && f.sha256.bytes().all(|b| b.is_ascii_hexdigit())));
        }
    }
}
