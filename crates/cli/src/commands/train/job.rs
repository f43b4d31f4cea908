//! What was typed, made ready: data, network, options.

use layerloop::data::{Dataset, Inputs, StoredRows, Targets, split_rows};
use layerloop::evaluate::Outputs;
use layerloop::metrics::Threshold;
use layerloop::model_file::Model;
use layerloop::network::{Dense, Layer, Network, Output, Predictor, Spec, Unit};
use layerloop::train::{FitOptions, Loss, bytes_of_training, check_memory, rows_in_memory};
use layerloop::{Error, Result};
use layerloop_data::registry::Defaults;
use layerloop_data::tables::is_table;
use layerloop_data::{Held, LoadOptions, Loaded, load_stored};
use serde_json::{Value, json};

use super::table;
use crate::args::{Size, Train};
use crate::data;
use crate::scores::threads_for;

/// The share of the training rows that early stopping evaluates, or that the threshold is found on, where nothing is said.
const VALIDATION: f64 = 0.1;

/// Bytes of the program, and of the cells that are being read.
const PROGRAM: usize = 100_000_000;

/// A run that can begin.
pub(crate) struct Job {
    pub(crate) loaded: Loaded,
    /// What is held back of the training part.
    pub(crate) validation: Option<Dataset>,
    pub(crate) options: FitOptions,
    pub(crate) network: Network,
    /// How the threshold of two classes is found, where one is wanted.
    threshold: Option<Threshold>,
    /// The model whose weights the network has.
    from: Option<Value>,
}

/// Loads the data; of a recipe also the options, with the recipe's behind those that were typed.
pub(crate) fn load(args: &Train) -> Result<(Option<Box<Train>>, Loaded)> {
    if is_table(&args.data) {
        return table::load(args);
    }
    table::refuse_options(args)?;
    let size = args.size.map(|Size { width, height }| (height, width));
    let loaded = match args.max_memory {
        None => data::load(&args.data, &LoadOptions { data_dir: args.data_dir.as_deref(), size })?,
        Some(_) => {
            let held = Held { limit: args.limit, share: validation_share(args), seed: args.seed };
            load_stored(&args.data, args.data_dir.as_deref(), held)?
        }
    };
    check_size(args, &loaded.train)?;
    let by_recipe = args.recipe.map(|recipe| {
        let (train, _) = split(args, loaded.train.clone(), None)?;
        args.with_recipe(recipe, &train)
    });
    Ok((by_recipe.transpose()?, loaded))
}

impl Job {
    /// Makes the network, checks that it goes together with the data.
    pub(crate) fn new(args: &Train, mut loaded: Loaded) -> Result<Self> {
        let (train, validation) = match &loaded.stored {
            None => split(args, loaded.train, loaded.validation.take())?,
            Some(_) => (loaded.train, loaded.validation.take()),
        };
        loaded.train = train;
        let Defaults { epochs, batch, learning_rate } = loaded.defaults;
        let options = args.options(&FitOptions { epochs, batch, learning_rate, ..FitOptions::default() });
        let (network, from) = match &args.warm_start {
            None => {
                let spec = args.spec(&loaded.train)?.ensemble(args.ensemble);
                check_memory(&spec, loaded.train.rows(), &options)?;
                let started = match &loaded.stored {
                    None => Network::started_by(&spec, &loaded.train, args.seed)?,
                    Some(stored) => Network::started_by_stored(&spec, &loaded.train, &**stored, args.seed)?,
                };
                (started, None)
            }
            Some(path) => {
                let Model { network, .. } = Model::load(path)?;
                let from = json!({ "model": std::path::absolute(path).unwrap_or_else(|_| path.clone()).to_string_lossy(), "weights_sha256": network.sha256() });
                (network, Some(from))
            }
        };
        layerloop::train::check(&network, &loaded.train, &options)?;
        if let (Some(most), Some(stored)) = (args.max_memory, &loaded.stored) {
            let evaluated = loaded.test.rows() + validation.as_ref().map_or(0, Dataset::rows);
            let rows = [rows_in_memory(options.micro_batches).min(stored.rows()), loaded.train.rows() + evaluated];
            check_max_memory(most, &loaded.train, rows, network.spec(), &options)?;
        }
        let threshold = args.threshold;
        let job = Self { loaded, validation, options, network, threshold, from };
        job.check_threshold()?;
        Ok(job)
    }

    /// The rows to train on, where they are not in memory.
    pub(crate) fn stored(&self) -> Option<&dyn StoredRows> {
        self.loaded.stored.as_deref().map(|stored| stored as &dyn StoredRows)
    }

    /// Steps of the whole run.
    pub(crate) fn steps(&self) -> u64 {
        self.options.steps_of_epoch(self.loaded.rows_to_train_on()).saturating_mul(self.options.epochs as u64)
    }

    /// Refuses a threshold that cannot be found, before the training.
    fn check_threshold(&self) -> Result<()> {
        let Some(rule) = self.threshold else { return Ok(()) };
        let refuse = |reason: String| Err(Error::config("--threshold", reason));
        let data = &self.loaded.train;
        match data.targets() {
            Targets::Labels { classes, .. } if classes.len() == 2 && self.network.spec().output.is_classifier() => {}
            Targets::Labels { classes, .. } if classes.len() == 2 => {
                return refuse(format!("the outputs of `{}` are not probabilities", self.network.spec()));
            }
            Targets::Labels { classes, .. } => {
                return refuse(format!("it is between two classes, and {} has {}", data.name(), classes.len()));
            }
            Targets::Numbers { names, .. } => {
                return refuse(format!("it is between two classes, and {} is a number", names.join(", ")));
            }
        }
        match (&self.validation, rule) {
            (_, Threshold::Given(_)) => Ok(()),
            (None, _) => refuse(format!(
                "`{rule}` is found on validation rows, and none are held back; --validation 0.1 holds a tenth back"
            )),
            (Some(held), _) => {
                let missing = (0..2).find(|class| !held.labels().contains(class));
                missing.map_or(Ok(()), |class| {
                    let (rows, name) = (held.rows(), &held.classes()[class as usize]);
                    refuse(format!("`{rule}` needs both classes, and none of the {rows} validation rows is `{name}`; a larger --validation has more rows"))
                })
            }
        }
    }

    /// The threshold for `network`: as it is given, or by the validation rows.
    pub(crate) fn threshold(&self, network: &Network) -> Result<Option<f64>> {
        match (self.threshold, &self.validation) {
            (Some(Threshold::Given(given)), _) => Ok(Some(given)),
            (Some(rule), Some(held)) => {
                let predictor = Predictor::new(network, threads_for(network.spec()))?;
                Outputs::of(&predictor, held, &self.options.objective)?.threshold(rule).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The metric that says most.
    pub(crate) fn headline(&self) -> &'static str {
        match self.loaded.train.targets() {
            Targets::Labels { .. } => "accuracy",
            Targets::Numbers { .. } => "r2",
        }
    }

    /// The data that is evaluated after every epoch: not the test part of a table, which is looked at once, at the end.
    pub(crate) fn watched(&self) -> Vec<(&'static str, &Dataset)> {
        let validation = self.validation.iter().map(|validation| ("val", validation));
        let is_table = self.loaded.train.preprocessing().is_some();
        validation.chain([("test", &self.loaded.test)].into_iter().filter(|_| !is_table)).collect()
    }

    /// What it takes to make the run again.
    pub(crate) fn receipt(&self, args: &Train) -> Value {
        let train = &self.loaded.train;
        let mut receipt = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "arguments": args.typed.clone().without_places().to_json(),
            "seed": self.options.seed,
            "options": self.options.described_shortly(),
            "data": {
                "name": args.data.to_string_lossy(), "folder": self.loaded.folder.as_ref().map(|folder| folder.to_string_lossy()),
                "rows": self.loaded.rows_to_train_on(), "sha256": train.sha256(), "test_sha256": self.loaded.test.sha256(),
            },
        });
        if let Some(limit) = args.limit {
            receipt["options"]["limit"] = json!(limit);
        }
        if let Some(from) = &self.from {
            receipt["warm_start"] = from.clone();
        }
        receipt
    }
}

/// The rows to train on and those that are held back to validate on, of the training part of the data; those of a table are apart already.
pub(crate) fn split(
    args: &Train,
    mut train: Dataset,
    validation: Option<Dataset>,
) -> Result<(Dataset, Option<Dataset>)> {
    if train.preprocessing().is_some() {
        return Ok((train, validation));
    }
    if let Some(limit) = args.limit {
        train = train.head(limit);
    }
    let share = validation_share(args);
    if share == 0.0 {
        return Ok((train, None));
    }
    let rows = train.rows();
    let held = ((rows as f64 * share).round() as usize).max(1);
    if held >= rows {
        let reason = format!("{share} of {rows} rows leaves none to train on");
        return Err(Error::config("--validation", reason));
    }
    let [train, validation] = match train.targets() {
        Targets::Labels { .. } => train.split([rows - held, held], args.seed)?,
        Targets::Numbers { .. } => split_rows(rows, [rows - held, held], args.seed)?.map(|part| train.select(&part)),
    };
    Ok((train, Some(validation)))
}

/// The share of the training rows that is held back to validate on.
pub(super) fn validation_share(args: &Train) -> f64 {
    let scores = args.early_stopping.as_ref().is_some_and(|metric| metric.to_ascii_lowercase().starts_with("val_"));
    let by_rule = args.threshold.is_some_and(|rule| !matches!(rule, Threshold::Given(_)));
    args.validation.unwrap_or(if scores || by_rule { VALIDATION } else { 0.0 })
}

/// Refuses a training that takes more memory than it may.
fn check_max_memory(
    most: usize,
    train: &Dataset,
    [shuffled, looked_at]: [usize; 2],
    spec: &Spec,
    options: &FitOptions,
) -> Result<()> {
    let of_input = if matches!(train.inputs(), Inputs::Bytes { .. }) { 1 } else { size_of::<f32>() };
    let bytes_of = |rows: usize| rows * (train.width() * of_input + train.target_names().len() * size_of::<f32>());
    let parts = [
        (bytes_of(shuffled), "rows that are shuffled together"),
        (bytes_of(looked_at), "rows that are fitted to or evaluated"),
        (bytes_of_training(spec, train.rows(), options)?, "the network and its training"),
        (PROGRAM, "the program and what it reads at a time"),
    ];
    let needed: usize = parts.iter().map(|(bytes, _)| bytes).sum();
    if needed <= most {
        return Ok(());
    }
    let in_words = |bytes: usize| format!("{} MB", bytes.div_ceil(1_000_000));
    let each: Vec<String> = parts.iter().map(|(bytes, what)| format!("{} for {what}", in_words(*bytes))).collect();
    let reason = format!(
        "{}; this training takes about {}: {}; allow that much, or leave out columns with many levels (--ignore)",
        in_words(most),
        in_words(needed),
        each.join(", ")
    );
    Err(Error::config("--max-memory", reason))
}

/// Only pictures are scaled.
fn check_size(args: &Train, data: &Dataset) -> Result<()> {
    let Some(Size { width, height }) = args.size else { return Ok(()) };
    let is = match data.image() {
        Some(size) if size == (height, width) => return Ok(()),
        Some((height, width)) => format!("the images of {} are {width} x {height} pixels", data.name()),
        None => format!("the rows of {} are not images", data.name()),
    };
    Err(Error::config("--size", format!("{is}; only the pictures of a folder are scaled")))
}

impl Train {
    /// The network for this data.
    fn spec(&self, data: &Dataset) -> Result<Spec> {
        let (inputs, names) = (data.width(), data.target_names().len());
        let Some(spec) = &self.network else {
            let default = match data.targets() {
                Targets::Labels { .. } => Output::Softmax,
                Targets::Numbers { .. } => Output::Identity,
            };
            let output = self.output.or(self.loss.map(Loss::default_output)).unwrap_or(default);
            let logits = match data.targets() {
                Targets::Labels { .. } => output.logits(names),
                Targets::Numbers { .. } => names - (output.targets(1) - 1),
            };
            let dense = |n, activation| Dense { init: self.init, ..Dense::new(n, activation) };
            let dropout = (self.dropout > 0.0).then_some(Layer::Unit(Unit::Dropout { rate: self.dropout }));
            let hidden =
                self.hidden.iter().flat_map(|&n| self.norm.layers(dense(n, self.activation)).chain(dropout.clone()));
            let layers = hidden.chain([Layer::Dense(dense(logits, self.last_activation))]);
            return Ok(layers.fold(Spec::new(inputs), Spec::then).output(output));
        };
        let outputs = match data.targets() {
            Targets::Labels { .. } => spec.classes(),
            Targets::Numbers { .. } => spec.output.targets(spec.logits()),
        };
        if (spec.inputs, outputs) != (inputs, names) {
            let reason = format!(
                "`{spec}` takes {} inputs to {outputs} outputs; {} has {inputs} inputs and {names} {}",
                spec.inputs,
                data.name(),
                if data.classes().is_empty() { "numbers to give" } else { "classes" }
            );
            return Err(Error::config("--network", reason));
        }
        Ok(spec.clone())
    }
}
