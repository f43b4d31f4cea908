//! Random changes of the images of a training: a few rows become as many as there are epochs.
//!
//! A sample looks different in every epoch: it is moved, turned, scaled, slanted and bent by one map, with bilinear
//! sampling, then noise is added, then a box of it is erased, then it is mixed with another one. What is drawn is a function
//! of (seed, epoch, sample): not of the batch, the threads or the instruction set, nor of whether a run was resumed.

mod augmenter;
mod distortion;
mod draw;

use std::fmt;
use std::str::FromStr;

pub(crate) use self::augmenter::{Augmented, Augmenter};
pub use self::distortion::{Axis, Distortion};
use crate::data::Dataset;
use crate::names::serialised::serde_as_text;
use crate::names::{self, NamedEnum as _};
use crate::{Error, Result, threads};

/// The option that has an augmentation.
const OPTION: &str = "augment";

/// What is done to the images of a training, at random: a set of [`Distortion`]s.
///
/// As text they stand with spaces between them, each with its numbers: `shift=2 rotate=12 elastic=36,5`. Their order makes no
/// difference. The empty set changes nothing.
///
/// # Units
/// Pixels, degrees and shares, see [`Distortion`]. Outside of an image all is 0.
///
/// # Example
/// ```
/// use layerloop::augment::{Augmentation, Distortion};
/// let augment: Augmentation = "rotate=12 shift=2".parse()?;
/// assert_eq!(augment.distortions(), [Distortion::Shift { pixels: 2.0 }, Distortion::Rotate { degrees: 12.0 }]);
/// assert_eq!(augment.to_string(), "shift=2 rotate=12");
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Augmentation(Vec<Distortion>);

impl Augmentation {
    /// These distortions.
    ///
    /// # Errors
    /// [`Error::Config`] if one is named twice, or a number is outside its range.
    ///
    /// # Example
    /// ```
    /// use layerloop::augment::{Augmentation, Distortion};
    /// let refused = Augmentation::new([Distortion::Rotate { degrees: 400.0 }]).unwrap_err();
    /// assert_eq!(refused.to_string(), "augment: `rotate`: degrees: 400; it is from 0 to 180");
    /// ```
    pub fn new(distortions: impl IntoIterator<Item = Distortion>) -> Result<Self> {
        let mut all: Vec<Distortion> = distortions.into_iter().collect();
        all.iter().try_for_each(|&one| names::check(one)).map_err(of_option)?;
        let place = |one: &Distortion| Distortion::ALL.iter().position(|other| other.is(*one));
        all.sort_by_key(place);
        match all.windows(2).find(|two| two[0].is(two[1])) {
            None => Ok(Self(all)),
            Some(two) => Err(Error::config(OPTION, format!("`{}` is named twice", two[0].name()))),
        }
    }

    /// The distortions, in the order of [`Distortion::ALL`].
    #[must_use]
    pub fn distortions(&self) -> &[Distortion] {
        &self.0
    }

    /// Whether nothing is changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a pixel that is 0 can be expected to stay 0.
    pub(crate) fn keeps_zeros(&self) -> bool {
        !self.0.iter().any(|one| matches!(one, Distortion::Noise { .. } | Distortion::Mixup { .. }))
    }

    /// Without what is for a training alone: noise, erased boxes, mixtures.
    #[must_use]
    pub(crate) fn map_alone(&self) -> Self {
        let random = |one: &Distortion| {
            matches!(one, Distortion::Noise { .. } | Distortion::Erase { .. } | Distortion::Mixup { .. })
        };
        Self(self.0.iter().copied().filter(|one| !random(one)).collect())
    }

    /// As strong on images whose side is `factor` times as long: shift and the sigma of elastic times `factor`, alpha times its square, to
    /// a hundredth.
    ///
    /// # Errors
    /// [`Error::Config`] where a number leaves its range.
    pub fn for_side(&self, factor: f64) -> Result<Self> {
        let hundredths = |value: f64| (value * 100.0).round() / 100.0;
        Self::new(self.0.iter().map(|one| match *one {
            Distortion::Shift { pixels } => Distortion::Shift { pixels: hundredths(pixels * factor) },
            Distortion::Elastic { alpha, sigma } => {
                let (alpha, sigma) = (hundredths(alpha * factor * factor), hundredths(sigma * factor));
                Distortion::Elastic { alpha, sigma: sigma.max(0.01) }
            }
            other => other,
        }))
    }

    /// Whether the images of `data` can be changed like this.
    ///
    /// # Errors
    /// [`Error::Config`] if its rows are not images, or are standardised: outside of an image all is 0.
    pub fn check(&self, data: &Dataset) -> Result<()> {
        let refuse = |reason: &str| Err(Error::config(OPTION, format!("`{self}`: {} {reason}", data.name())));
        match (self.is_empty(), data.image(), data.standardisation()) {
            (true, ..) | (_, Some(_), None) => Ok(()),
            (_, None, _) => refuse("has rows of numbers, not images; only images can be augmented"),
            (_, _, Some(_)) => refuse("is standardised; only images as they are can be augmented"),
        }
    }

    /// The images of `data` as a training with this seed sees them in this epoch, counted from 1. Mixtures have the targets of the
    /// first of the two images.
    ///
    /// # Errors
    /// As [`Self::check`]; [`Error::Config`] for 0 or more than 1024 threads.
    ///
    /// # Example
    /// ```
    /// use layerloop::augment::Augmentation;
    /// use layerloop::data::Dataset;
    /// let data = Dataset::new("bar", vec![0.0, 1.0, 2.0, 3.0].into(), 4, vec![0], ["bar"])?.with_image(1, 4)?;
    /// let flip: Augmentation = "flip=horizontal".parse()?;
    /// let epochs = (4..=7).map(|epoch| Ok(flip.apply(&data, 0, epoch, 1)?.row(0))).collect::<layerloop::Result<Vec<_>>>()?;
    /// assert_eq!(epochs, [[0.0, 1.0, 2.0, 3.0], [3.0, 2.0, 1.0, 0.0], [3.0, 2.0, 1.0, 0.0], [0.0, 1.0, 2.0, 3.0]]);
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    pub fn apply(&self, data: &Dataset, seed: u64, epoch: u64, threads: usize) -> Result<Dataset> {
        self.check(data)?;
        match Augmenter::of(self, data, seed) {
            None => Ok(data.clone()),
            Some(augmenter) => augmenter.head(data, data.rows(), epoch, &mut threads::team(threads)?),
        }
    }

    /// As [`Self::apply`], of the first `rows` images alone.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn apply_to_head(&self, data: &Dataset, seed: u64, epoch: u64, rows: usize) -> Result<Dataset> {
        self.check(data)?;
        let rows = rows.min(data.rows());
        match Augmenter::of(self, data, seed) {
            None => Ok(data.head(rows)),
            Some(augmenter) => augmenter.head(data, rows, epoch, &mut threads::team(1)?),
        }
    }
}

/// The same fault, by the name of the option.
fn of_option(error: Error) -> Error {
    match error {
        Error::Config { reason, .. } => Error::config(OPTION, reason),
        other => other,
    }
}

impl FromStr for Augmentation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut depth = 0_i32;
        let parts = text.split(|c: char| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            c.is_whitespace() && depth <= 0
        });
        let parts = parts.filter(|part| !part.is_empty()).map(|part| names::parse_one(part).map_err(of_option));
        Self::new(parts.collect::<Result<Vec<_>>>()?)
    }
}

impl fmt::Display for Augmentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = |distortion: &Distortion| {
            let values: Vec<String> = distortion.numbers().into_iter().map(|(_, value)| value).collect();
            format!("{}={}", distortion.name(), values.join(","))
        };
        f.write_str(&self.0.iter().map(one).collect::<Vec<_>>().join(" "))
    }
}

serde_as_text!(Augmentation, ToString::to_string, str::parse);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_back_and_what_is_wrong_is_one_sentence() {
        let all = "shift=2 rotate=12 scale=0.15 shear=0.15 elastic=36,5 flip=horizontal noise=0.05 erase=0.1 mixup=0.2";
        assert_eq!(all.parse::<Augmentation>().unwrap().to_string(), all);
        let other = "Mixup=0.2\n elastic(alpha=36, sigma=5) flip=both";
        assert_eq!(other.parse::<Augmentation>().unwrap().to_string(), "elastic=36,5 flip=both mixup=0.2");
        assert_eq!("".parse::<Augmentation>().unwrap(), Augmentation::default());
        let refused = |text: &str| text.parse::<Augmentation>().unwrap_err().to_string();
        assert_eq!(
            refused("rotate=400"),
            "augment: `rotate=400`: degrees: 400; it is from 0 to 180; `rotate` takes degrees=12"
        );
        assert_eq!(
            refused("rotat=4"),
            "augment: unknown distortion `rotat`; did you mean `rotate`? choose one of shift, rotate, scale, shear, elastic, flip, \
             noise, erase, mixup"
        );
        assert_eq!(refused("shift=1 shift=2"), "augment: `shift` is named twice");
        assert!(refused("elastic=36").starts_with("augment: `elastic=36`: `elastic` takes alpha=36, sigma=5"));
        assert!(refused("flip=diagonal").contains("it is horizontal, vertical or both"));
    }
}
