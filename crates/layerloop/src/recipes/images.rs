//! Recipes for images.

use super::{Plan, Recipe};
use crate::augment::Augmentation;
use crate::data::Dataset;
use crate::names::{NamedEnum as _, parse};
use crate::network::{Activation, Norm};
use crate::{Error, Result};

/// A recipe for 60,000 images of 28 x 28 pixels.
#[derive(Clone, Copy)]
struct Settings {
    hidden: &'static [usize],
    activation: Activation,
    norm: Norm,
    ensemble: usize,
    epochs: usize,
    batch: usize,
    learning_rate: f64,
    label_smoothing: f32,
    augment: &'static str,
}

/// What most recipes share.
const USUAL: Settings = Settings {
    hidden: &[192],
    activation: Activation::Relu,
    norm: Norm::Without,
    ensemble: 1,
    epochs: 3,
    batch: 128,
    learning_rate: 0.01,
    label_smoothing: 0.0,
    augment: "",
};

/// Rows and pixels of an image that the settings are for.
const ROWS: f64 = 60_000.0;
const PIXELS: f64 = 784.0;

/// The widths of layers are multiples of this.
const UNITS: f64 = 16.0;

impl Recipe {
    /// This recipe for the images of `data`. Its numbers are for n = 60,000 images of p = 784 pixels; for others
    ///
    /// ```text
    /// widths     times sqrt(p / 784), between 1/4 and 2 times, to the nearest multiple of 16
    /// epochs     times sqrt(60,000 / n), between 1 and 20 times
    /// batch      times 1.25 n / 60,000, to the next lower power of two, at least 16
    /// shift      times sqrt(p / 784), and so is the sigma of elastic; its alpha times p / 784
    /// ```
    ///
    /// Where every class has a name of one character, images are taken for characters: they are never mirrored, and bent more.
    ///
    /// # Errors
    /// [`Error::Config`] if the rows are not images.
    pub fn plan(self, data: &Dataset) -> Result<Plan> {
        if self.is_for_tables() {
            return Err(Error::config(Self::WHAT, format!("`{}` is for tables; {} is none", self.name(), data.name())));
        }
        let Some((height, width)) = data.image() else {
            let reason = format!("`{}` is for images; {} has rows of numbers", self.name(), data.name());
            return Err(Error::config(Self::WHAT, reason));
        };
        self.plan_for(data.rows(), [height, width], is_characters(data))
    }

    /// As [`Self::plan`], for so many images of `height` x `width` pixels.
    ///
    /// # Errors
    /// [`Error::Config`] for images so large that an augmentation leaves its range.
    pub fn plan_for(self, rows: usize, [height, width]: [usize; 2], characters: bool) -> Result<Plan> {
        let of = self.settings(characters);
        let (rows, side) = (rows.max(1) as f64, libm::sqrt((height * width) as f64 / PIXELS));
        let units = |&n: &usize| ((n as f64 * side.clamp(0.25, 2.0) / UNITS).round().max(1.0) * UNITS) as usize;
        let longer = libm::sqrt(ROWS / rows).clamp(1.0, 20.0);
        let batch = ((rows / ROWS * of.batch as f64 * 1.25).max(1.0) as usize).clamp(16, of.batch);
        Ok(Plan {
            hidden: of.hidden.iter().map(units).collect(),
            activation: of.activation,
            norm: of.norm,
            ensemble: of.ensemble,
            epochs: (of.epochs as f64 * longer).round() as usize,
            batch: 1 << batch.ilog2(),
            learning_rate: of.learning_rate,
            schedule: parse("one-cycle")?,
            label_smoothing: of.label_smoothing,
            augment: of.augment.parse::<Augmentation>()?.for_side(side)?,
            ..Plan::default()
        })
    }

    fn settings(self, characters: bool) -> Settings {
        const BENT: &str = "shift=1.5 rotate=12 scale=0.13 shear=0.15 elastic=36,5";
        let things = Settings { norm: Norm::Batch, batch: 256, label_smoothing: 0.1, ..USUAL };
        match (self, characters) {
            (Self::Fast, true) => USUAL,
            (Self::Fast, false) => Settings { epochs: 7, learning_rate: 0.006, ..USUAL },
            (Self::Accurate, true) => {
                let augment = "shift=1 rotate=8 scale=0.1";
                Settings { hidden: &[512], epochs: 6, learning_rate: 0.006, augment, ..USUAL }
            }
            (Self::Accurate, false) => {
                Settings { hidden: &[512, 256], epochs: 15, augment: "flip=horizontal", ..things }
            }
            (Self::Augmented, true) => {
                Settings { hidden: &[1024, 512], epochs: 60, learning_rate: 0.002, augment: BENT, ..USUAL }
            }
            (Self::Augmented, false) => {
                let augment = "flip=horizontal shift=0.7";
                let (hidden, activation) = (&[1024, 512, 256], Activation::Gelu);
                Settings { hidden, activation, epochs: 40, batch: 128, learning_rate: 0.005, augment, ..things }
            }
            (_, true) => Settings { ensemble: 5, epochs: 100, ..Self::Augmented.settings(characters) },
            (_, false) => Settings { ensemble: 5, ..Self::Augmented.settings(characters) },
        }
    }
}

/// Whether the classes are letters or digits, as far as their names say.
#[must_use]
pub fn is_characters(data: &Dataset) -> bool {
    !data.classes().is_empty() && data.classes().iter().all(|class| class.chars().count() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Inputs;

    fn images(rows: usize, side: usize, classes: [&str; 2]) -> Dataset {
        let inputs = Inputs::Bytes { values: vec![0; rows * side * side].into(), scale: 1.0 };
        let labels: Vec<u32> = (0..rows as u32).map(|row| row % 2).collect();
        Dataset::new("images", inputs, side * side, labels, classes).unwrap().with_image(side, side).unwrap()
    }

    #[test]
    fn recipes_scale_by_their_rules() {
        let plan = Recipe::Augmented.plan(&images(2400, 14, ["a", "b"])).unwrap();
        assert_eq!((plan.hidden, plan.epochs, plan.batch), (vec![512, 256], 300, 16));
        let elastic = plan.augment.distortions().last().unwrap();
        assert_eq!(plan.augment.to_string(), "shift=0.75 rotate=12 scale=0.13 shear=0.15 elastic=9,2.5", "{elastic:?}");
        let plan = Recipe::Augmented.plan(&images(2400, 14, ["cat", "dog"])).unwrap();
        assert!(plan.augment.to_string().contains("flip=horizontal"));
        for recipe in Recipe::ALL.iter().filter(|recipe| !recipe.is_for_tables()) {
            let data = images(7, 1, ["cat", "dog"]);
            let plan = recipe.plan(&data).unwrap();
            plan.options().check().unwrap();
            plan.spec(&data).check().unwrap();
        }
        let table = Dataset::new("table", vec![0.0; 2].into(), 1, vec![0, 1], ["a", "b"]).unwrap();
        let refused = Recipe::Fast.plan(&table).unwrap_err().to_string();
        assert_eq!(refused, "recipe: `fast` is for images; table has rows of numbers");
    }
}
