//! Recipes: named ways to train, each a network with the options that suit it.

use layerloop_kernels::named_enum;

use crate::augment::Augmentation;
use crate::data::{Dataset, Targets};
use crate::names::serialised::serde_as_text;
use crate::names::{NamedEnum as _, parse};
use crate::network::{Activation, Dense, Init, Layer, Norm, Output, Spec, Unit};
use crate::objective::Objective;
use crate::optim::{Optimizer, Schedule};
use crate::preprocess::Scaling;
use crate::train::{EarlyStopping, FitOptions};
use crate::{Error, Result};

named_enum! {
    /// A named way to train, for images or for tables: what it gives for other sizes than MNIST's follows from [`Recipe::plan`]'s rules.
    ///
    /// # Example
    /// ```
    /// use layerloop::data::{Dataset, Inputs};
    /// use layerloop::names::parse;
    /// use layerloop::recipes::Recipe;
    /// let images = Inputs::Bytes { values: vec![0; 60_000 * 784].into(), scale: 1.0 / 255.0 };
    /// let labels: Vec<u32> = (0..60_000).map(|i| i % 10).collect();
    /// let data = Dataset::new("digits", images, 784, labels, (0..10).map(|d| d.to_string()))?.with_image(28, 28)?;
    /// let plan = parse::<Recipe>("fast")?.plan(&data)?;
    /// assert_eq!(plan.spec(&data).to_string(), "784 -> 192 relu -> 10 -> softmax");
    /// assert_eq!((plan.epochs, plan.batch, plan.learning_rate), (3, 128, 0.01));
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    pub enum Recipe: "recipe" {
        /// good in the shortest time: one hidden layer, a few epochs
        Fast = "fast",
        /// better in seconds: small shifts and turns of the images
        Accurate = "accurate",
        /// much better in a minute or two: a wide network, strong distortions of the images
        Augmented = "augmented",
        /// as far as dense networks go: several wide networks together
        Best = "best",
        /// for tables: two hidden layers, stopped where a part of the rows that is held back says so
        Plain = "plain",
    }
}

serde_as_text!(Recipe);

/// A recipe for the images of a data set.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Plan {
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Their activation.
    pub activation: Activation,
    /// What is between each of them and its activation.
    pub norm: Norm,
    /// Dropout rate after each of them.
    pub dropout: f32,
    /// Number of networks that are trained together.
    pub ensemble: usize,
    /// Passes over the data.
    pub epochs: usize,
    /// Rows of a batch.
    pub batch: usize,
    /// The largest learning rate of Adam.
    pub learning_rate: f64,
    /// How it changes over the run.
    pub schedule: Schedule,
    /// Share of each label that is spread over all classes.
    pub label_smoothing: f32,
    /// What is done to the images.
    pub augment: Augmentation,
    /// How the numbers of a table are scaled.
    pub scaling: Scaling,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// The initialiser of the weights.
    pub init: Init,
    /// Share of the rows that is held back to choose by.
    pub validation: f64,
    /// Epochs without a better loss of those rows after which the training stops, and keeps the best weights.
    pub patience: Option<usize>,
}

/// What a recipe reached, and in which time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The recipe.
    pub recipe: Recipe,
    /// Name of the data set.
    pub data: &'static str,
    /// Accuracy on its test part, the mean over seeds.
    pub accuracy: f64,
    /// Seconds of training on two cores.
    pub seconds: f64,
}

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
    /// What was measured, by `bench/recipes`, on two cores with AVX-512: `bench/runs/2026-11-27-epyc-zen5`.
    pub const MEASURED: &'static [Measured] = &[
        Measured { recipe: Self::Fast, data: "mnist", accuracy: 0.981, seconds: 0.21 },
        Measured { recipe: Self::Fast, data: "fashion-mnist", accuracy: 0.887, seconds: 0.69 },
        Measured { recipe: Self::Accurate, data: "mnist", accuracy: 0.988, seconds: 1.5 },
        Measured { recipe: Self::Accurate, data: "fashion-mnist", accuracy: 0.907, seconds: 6.9 },
        Measured { recipe: Self::Augmented, data: "mnist", accuracy: 0.994, seconds: 72.0 },
        Measured { recipe: Self::Augmented, data: "fashion-mnist", accuracy: 0.915, seconds: 67.0 },
        Measured { recipe: Self::Best, data: "mnist", accuracy: 0.9954, seconds: 1_055.0 },
        Measured { recipe: Self::Best, data: "fashion-mnist", accuracy: 0.920, seconds: 403.0 },
    ];

    /// What this recipe reached on the data set of that name.
    #[must_use]
    pub fn measured(self, data: &str) -> Option<Measured> {
        Self::MEASURED.iter().copied().find(|measured| measured.recipe == self && measured.data == data)
    }

    /// The next recipe after `used` that does better than a network with this accuracy on the data set of that name: as measured, or
    /// else, on other data, the next one.
    ///
    /// # Example
    /// ```
    /// use layerloop::recipes::Recipe;
    /// assert_eq!(Recipe::better(None, "my pictures", 0.8), Some(Recipe::Fast));
    /// assert_eq!(Recipe::better(Some(Recipe::Best), "my pictures", 0.8), None);
    /// ```
    #[must_use]
    pub fn better(used: Option<Self>, data: &str, accuracy: f64) -> Option<Self> {
        let after = used.and_then(|used| Self::ALL.iter().position(|recipe| *recipe == used)).map_or(0, |at| at + 1);
        let does_better = |recipe: &&Self| {
            !recipe.is_for_tables() && recipe.measured(data).is_none_or(|measured| measured.accuracy > accuracy)
        };
        Self::ALL.iter().skip(after).find(does_better).copied()
    }

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
            dropout: 0.0,
            ensemble: of.ensemble,
            epochs: (of.epochs as f64 * longer).round() as usize,
            batch: 1 << batch.ilog2(),
            learning_rate: of.learning_rate,
            schedule: parse("one-cycle")?,
            label_smoothing: of.label_smoothing,
            augment: of.augment.parse::<Augmentation>()?.for_side(side)?,
            scaling: Scaling::Standard,
            optimizer: parse("adam")?,
            init: Init::Default,
            validation: 0.0,
            patience: None,
        })
    }

    /// This recipe for a table of so many rows to train on.
    ///
    /// Chosen on the validation parts of 21 tables, by the geometric mean of the validation loss: Glorot's initialiser is 3.7 % below
    /// Kaiming's (lower on 16 tables), the scaling `quantile` 2.7 % below `standard` (on 14); gelu, silu, batch norm, other widths and rates are
    /// above.
    ///
    /// # Errors
    /// [`Error::Config`] if it is one for images.
    pub fn plan_for_table(self, rows: usize) -> Result<Plan> {
        if !self.is_for_tables() {
            return Err(Error::config(Self::WHAT, format!("`{}` is for images, and this is a table", self.name())));
        }
        let batch = (rows / 50).clamp(16, 256);
        Ok(Plan {
            hidden: vec![256, 128],
            activation: Activation::Relu,
            norm: Norm::Without,
            dropout: 0.15,
            ensemble: 1,
            epochs: 100,
            batch: 1 << batch.ilog2(),
            learning_rate: 0.003,
            schedule: parse("cosine")?,
            label_smoothing: 0.0,
            augment: Augmentation::default(),
            scaling: Scaling::Quantile,
            optimizer: parse("adamw")?,
            init: Init::GlorotUniform,
            validation: 0.2,
            patience: Some(15),
        })
    }

    /// Whether it is for tables rather than images.
    #[must_use]
    pub fn is_for_tables(self) -> bool {
        self == Self::Plain
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
            (Self::Best | Self::Plain, true) => {
                Settings { ensemble: 5, epochs: 100, ..Self::Augmented.settings(characters) }
            }
            (Self::Best | Self::Plain, false) => Settings { ensemble: 5, ..Self::Augmented.settings(characters) },
        }
    }
}

/// Whether the classes are letters or digits, as far as their names say.
#[must_use]
pub fn is_characters(data: &Dataset) -> bool {
    !data.classes().is_empty() && data.classes().iter().all(|class| class.chars().count() == 1)
}

impl Plan {
    /// The network for `data`; of numbers to predict instead of classes, one with the output map `identity`.
    #[must_use]
    pub fn spec(&self, data: &Dataset) -> Spec {
        let output = match data.targets() {
            Targets::Labels { .. } => Output::Softmax,
            Targets::Numbers { .. } => Output::Identity,
        };
        let dropout = (self.dropout > 0.0).then_some(Layer::Unit(Unit::Dropout { rate: self.dropout }));
        let dense = |n| Dense { init: self.init, ..Dense::new(n, self.activation) };
        let hidden = self.hidden.iter().flat_map(|&n| self.norm.layers(dense(n)).chain(dropout.clone()));
        let spec = hidden.fold(Spec::new(data.width()), Spec::then);
        let last = Dense { init: self.init, ..Dense::new(data.target_names().len(), Activation::Identity) };
        spec.then(Layer::Dense(last)).output(output).ensemble(self.ensemble)
    }

    /// How to train it.
    ///
    /// # Example
    /// ```
    /// use layerloop::data::Dataset;
    /// use layerloop::network::Network;
    /// use layerloop::recipes::Recipe;
    /// use layerloop::train::fit;
    /// // A bright left or right half.
    /// let half = |i: usize| if (i % 16 % 4 < 2) == (i / 16).is_multiple_of(2) { 1.0 } else { 0.0 };
    /// let labels: Vec<u32> = (0..200).map(|row| row % 2).collect();
    /// let images: Vec<f32> = (0..200 * 16).map(half).collect();
    /// let data = Dataset::new("halves", images.into(), 16, labels, ["l", "r"])?.with_image(4, 4)?;
    /// let plan = Recipe::Fast.plan(&data)?;
    /// let mut network = Network::new(&plan.spec(&data), 0)?;
    /// let report = fit(&mut network, &data, &plan.options())?;
    /// assert!(report.epochs.len() == 52 && report.epochs[51].train_loss < 0.01);
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    #[must_use]
    pub fn options(&self) -> FitOptions {
        FitOptions {
            epochs: self.epochs,
            batch: self.batch,
            learning_rate: self.learning_rate,
            schedule: self.schedule.into(),
            augment: self.augment.clone(),
            optimizer: self.optimizer,
            early_stopping: self.patience.map(|patience| EarlyStopping { patience, ..EarlyStopping::on("val_loss") }),
            objective: Objective {
                each_member: self.ensemble > 1,
                label_smoothing: self.label_smoothing,
                ..Objective::default()
            },
            ..FitOptions::default()
        }
    }
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
