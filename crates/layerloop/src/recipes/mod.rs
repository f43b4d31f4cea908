//! Recipes: named ways to train, each a network with the options that suit it.

mod images;
mod tables;

use layerloop_kernels::named_enum;

pub use self::images::is_characters;
pub use self::tables::Choice;
use crate::Result;
use crate::augment::Augmentation;
use crate::data::{Dataset, Targets};
use crate::names::serialised::serde_as_text;
use crate::network::{Activation, Dense, Init, Layer, Norm, Output, Spec, Unit};
use crate::objective::Objective;
use crate::optim::{Optimizer, Schedule};
use crate::preprocess::Scaling;
use crate::train::{EarlyStopping, FitOptions, LayerRate};

/// Bins of the embeddings of `tabm`, as in its paper.
const BINS: usize = 48;

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
        /// for tables: numbers as waves, a start by data, 256 epochs in four waves of the learning rate
        ///
        /// Source: Holzmueller, Grinsztajn and Steinwart 2024, RealMLP-TD.
        RealMlp = "realmlp",
        /// for tables: 32 networks that share the weights of their products, with scales of their own; numbers in piecewise-linear embeddings
        ///
        /// Source: Gorishniy, Kotelnikov and Babenko 2025, TabM.
        TabM = "tabm" {
            /// Bins of a number in its embedding; 0 takes numbers as they are.
            bins: usize = BINS, "from 0 to 1024" if bins <= 1024,
        },
        /// for tables: as tabm, but all scales but the first are shared too
        ///
        /// Source: Gorishniy, Kotelnikov and Babenko 2025, TabM-mini.
        TabMMini = "tabm-mini" {
            /// Bins of a number in its embedding; 0 takes numbers as they are.
            bins: usize = BINS, "from 0 to 1024" if bins <= 1024,
        },
    }
}

serde_as_text!(Recipe);

/// What its layers are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Structure {
    /// Dense layers, one after the other.
    Dense,
    /// Waves of the numbers, embeddings of the categories, dense layers with parametric activations.
    RealMlp,
    /// Members that share the weights of their products; each has scales before and behind every product.
    TabM,
    /// Members that share all weights but the scales of the inputs and the last layer.
    TabMMini,
}

/// A recipe for a data set.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Plan {
    /// What its layers are made of.
    pub structure: Structure,
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
    /// Whether a last batch that would be shorter is left out.
    pub drop_last: bool,
    /// The largest learning rate.
    pub learning_rate: f64,
    /// How it changes over the run.
    pub schedule: Schedule,
    /// The decay of weights, where it is not that of the optimiser.
    pub weight_decay: Option<f64>,
    /// How that changes over the run.
    pub decay_schedule: Schedule,
    /// How the dropout rate changes over the run.
    pub dropout_schedule: Schedule,
    /// Share of each label that is spread over all classes.
    pub label_smoothing: f32,
    /// What is done to the images.
    pub augment: Augmentation,
    /// How the numbers of a table are scaled.
    pub scaling: Scaling,
    /// Levels of a category above which it has a learned embedding, where any has one.
    pub embed_above: Option<usize>,
    /// Bins of a number in its piecewise-linear embedding; 0 takes numbers as they are.
    pub bins: usize,
    /// Whether predicted numbers stay between the smallest and the largest one of the training rows.
    pub clamp: bool,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// The initialiser of the weights.
    pub init: Init,
    /// Share of the rows that is held back to choose by.
    pub validation: f64,
    /// What is measured on those rows: the weights of the epoch that is best by it are kept.
    pub metric: &'static str,
    /// Epochs without a better value after which the training stops; `None` where nothing is held back.
    pub patience: Option<usize>,
    /// Of epochs with the same value, whether the last is the best.
    pub latest: bool,
}

impl Default for Plan {
    /// What most recipes share.
    fn default() -> Self {
        Self {
            structure: Structure::Dense,
            hidden: vec![256, 128],
            activation: Activation::Relu,
            norm: Norm::Without,
            dropout: 0.0,
            ensemble: 1,
            epochs: 100,
            batch: 128,
            drop_last: false,
            learning_rate: 0.001,
            schedule: Schedule::Constant,
            weight_decay: None,
            decay_schedule: Schedule::Constant,
            dropout_schedule: Schedule::Constant,
            label_smoothing: 0.0,
            augment: Augmentation::default(),
            scaling: Scaling::Standard,
            embed_above: None,
            bins: 0,
            clamp: false,
            optimizer: Optimizer::ADAM,
            init: Init::Default,
            validation: 0.0,
            metric: "val_loss",
            patience: None,
            latest: false,
        }
    }
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

    /// Whether it is for tables rather than images.
    #[must_use]
    pub fn is_for_tables(self) -> bool {
        matches!(self, Self::Plain | Self::RealMlp | Self::TabM { .. } | Self::TabMMini { .. })
    }
}

impl Plan {
    /// The network for `data`; of numbers to predict instead of classes, one with the output map `identity`.
    #[must_use]
    pub fn spec(&self, data: &Dataset) -> Spec {
        match self.structure {
            Structure::Dense => {}
            Structure::RealMlp => return tables::real_mlp(self, data).ensemble(self.ensemble),
            Structure::TabM | Structure::TabMMini => return tables::tab_m(self, data).ensemble(self.ensemble),
        }
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

    /// The learning rates of the layers of `spec`, where they differ.
    ///
    /// # Errors
    /// As [`Network::new`](crate::network::Network::new).
    pub fn layer_rates(&self, spec: &Spec) -> Result<Vec<LayerRate>> {
        match self.structure {
            Structure::Dense | Structure::TabM | Structure::TabMMini => Ok(Vec::new()),
            Structure::RealMlp => tables::real_mlp_rates(spec),
        }
    }

    /// How to train it; [`Self::layer_rates`] come to it.
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
            drop_last: self.drop_last,
            weight_decay: self.weight_decay,
            decay_schedule: self.decay_schedule.into(),
            dropout_schedule: self.dropout_schedule.into(),
            optimizer: self.optimizer,
            early_stopping: self.patience.map(|patience| {
                let latest = self.latest;
                EarlyStopping { patience, latest, ..EarlyStopping::on(self.metric) }
            }),
            objective: Objective {
                each_member: self.ensemble > 1,
                label_smoothing: self.label_smoothing,
                ..Objective::default()
            },
            ..FitOptions::default()
        }
    }
}
