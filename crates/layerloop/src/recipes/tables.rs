//! Recipes for tables.

use layerloop_kernels::Activation;
use layerloop_kernels::columns::PerColumn;

use super::{Plan, Recipe, Structure};
use crate::data::{Dataset, Targets};
use crate::names::{NamedEnum as _, parse};
use crate::network::program::{Kind, Program, Role};
use crate::network::{Dense, Init, Join, Layer, Output, Spec, Unit};
use crate::preprocess::{Blocks, Scaling};
use crate::train::LayerRate;
use crate::{Error, Result};

impl Recipe {
    /// This recipe for a table of so many rows to train on, with classes to predict or numbers.
    ///
    /// # Errors
    /// [`Error::Config`] if it is one for images.
    pub fn plan_for_table(self, rows: usize, classes: bool) -> Result<Plan> {
        match self {
            Self::Plain => plain(rows),
            Self::RealMlp => real_mlp_plan(rows, classes),
            Self::TabM { bins } => tab_m_plan(rows, Structure::TabM, bins),
            Self::TabMMini { bins } => tab_m_plan(rows, Structure::TabMMini, bins),
            _ => Err(Error::config(Self::WHAT, format!("`{}` is for images, and this is a table", self.name()))),
        }
    }
}

/// A recipe for a table where none was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The recipe.
    pub recipe: Recipe,
    /// Networks that are trained together.
    pub ensemble: usize,
    /// Why.
    pub reason: String,
}

/// Rows below which small networks are taken.
const FEW: usize = 1000;
/// Rows from which on `tabm-mini` is taken for numbers.
const MANY: usize = 5000;
/// Seconds that a training may take.
const PATIENCE: f64 = 180.0;
/// Networks that are trained together, at most.
const MOST: usize = 8;
/// What a thread does in a second in the layers of `realmlp`, in operations: measured on one core with AVX-512 at 2 GHz.
const RATE: f64 = 6e10;
/// Epochs of `tabm-mini` until it stops by itself: between 40 and 120 on the tables that it was measured on.
const EPOCHS_OF_TABM: usize = 60;

impl Choice {
    /// For a table of so many rows and columns to train on, with classes to predict or numbers, and so many cores.
    ///
    /// ```text
    /// fewer than 1,000 rows                                              plain, 8 networks
    /// 5,000 rows or more with numbers, if it takes 3 minutes or less     tabm-mini
    /// else, if it takes 3 minutes or less                                realmlp, as many networks as fit into them, 8 at most
    /// else                                                               plain
    /// ```
    ///
    /// Chosen by the validation losses of 19 tables, `bench/runs/2026-11-28-xeon`.
    ///
    /// # Example
    /// ```
    /// use layerloop::recipes::{Choice, Recipe};
    /// let adult = Choice::for_table(32_561, 14, true, 2);
    /// assert_eq!((adult.recipe, adult.ensemble), (Recipe::RealMlp, 3));
    /// assert_eq!(Choice::for_table(16_512, 8, false, 2).recipe, Recipe::TabMMini { bins: 48 });
    /// assert_eq!(Choice::for_table(1_000_000, 14, false, 2).recipe, Recipe::Plain);
    /// ```
    #[must_use]
    pub fn for_table(rows: usize, columns: usize, classes: bool, cores: usize) -> Self {
        // A multiplication and an addition for each weight, forward, back, and for the gradient: of an input of so many numbers a column and
        // so many units, and of the layers above it.
        let seconds = |epochs: usize, networks: f64, of_a_column: f64, above: f64| {
            let weights = 256.0 * (of_a_column * columns as f64 + above * 256.0);
            epochs as f64 * 0.8 * rows as f64 * 6.0 * networks * weights / (RATE * cores.max(1) as f64)
        };
        let of_tabm = seconds(EPOCHS_OF_TABM, MEMBERS as f64, OF_BINS as f64, 1.0);
        let of_realmlp = seconds(EPOCHS, 1.0, 4.0, 2.0);
        let what = |seconds: f64| format!("{rows} rows and {columns} columns, about {seconds:.0} s on {cores} cores");
        let (recipe, ensemble, reason) = if rows < FEW {
            (Recipe::Plain, MOST, format!("{rows} rows are few"))
        } else if !classes && rows >= MANY && of_tabm <= PATIENCE {
            (Recipe::TabMMini { bins: super::BINS }, 1, what(of_tabm))
        } else if of_realmlp <= PATIENCE {
            let networks = ((PATIENCE / of_realmlp) as usize).min(MOST);
            (Recipe::RealMlp, networks, what(networks as f64 * of_realmlp))
        } else {
            let minutes = of_realmlp / 60.0;
            (Recipe::Plain, 1, format!("{rows} rows: realmlp would take about {minutes:.0} min on {cores} cores"))
        };
        Self { recipe, ensemble, reason }
    }
}

/// Chosen on the validation parts of 21 tables, by the geometric mean of the validation loss: Glorot's initialiser is 3.7 % below
/// Kaiming's (lower on 16 tables), the scaling `quantile` 2.7 % below `standard` (on 14); gelu, silu, batch norm, other widths and rates are
/// above.
fn plain(rows: usize) -> Result<Plan> {
    let batch = (rows / 50).clamp(16, 256);
    Ok(Plan {
        dropout: 0.15,
        batch: 1 << batch.ilog2(),
        learning_rate: 0.003,
        schedule: parse("cosine")?,
        scaling: Scaling::Quantile,
        optimizer: parse("adamw")?,
        init: Init::GlorotUniform,
        validation: 0.2,
        patience: Some(15),
        ..Plan::default()
    })
}

const EPOCHS: usize = 256;

/// RealMLP-TD: the numbers are those of its paper, and of pytabkit.
fn real_mlp_plan(rows: usize, classes: bool) -> Result<Plan> {
    let flat = parse("flat-cosine(flat=0.5)")?;
    Ok(Plan {
        structure: Structure::RealMlp,
        hidden: vec![256; 3],
        activation: if classes { Activation::Selu } else { Activation::Mish },
        dropout: 0.15,
        epochs: EPOCHS,
        batch: rows.clamp(1, 256),
        drop_last: true,
        learning_rate: if classes { 0.04 } else { 0.2 },
        schedule: parse("coslog4")?,
        weight_decay: Some(0.02),
        decay_schedule: flat,
        dropout_schedule: flat,
        label_smoothing: if classes { 0.1 } else { 0.0 },
        scaling: Scaling::Robust,
        embed_above: Some(8),
        clamp: !classes,
        optimizer: parse("adamw(beta_2=0.95)")?,
        init: Init::Data,
        validation: 0.2,
        metric: if classes { "val_accuracy" } else { "val_r2" },
        patience: Some(EPOCHS),
        latest: true,
        ..Plan::default()
    })
}

/// Waves of a number, and the numbers that a dense layer makes of them, beside it itself.
const WAVES: Unit = Unit::Waves { count: 16, deviation: 0.1 };
const OF_WAVES: usize = 3;

/// Numbers of an embedding.
const EMBEDDING: usize = 8;

/// x -> (waves of the numbers; numbers and small categories; embeddings) gain -> hidden layers -> logits
///
/// An embedding is a dense layer without a bias of inputs that are 0 but for one 1: its columns are the rows of the table.
pub(super) fn real_mlp(plan: &Plan, data: &Dataset) -> Spec {
    let all = Blocks { numbers: data.width(), levels: 0, embedded: Vec::new() };
    let Blocks { numbers, levels, embedded } = data.preprocessing().and_then(|fitted| fitted.blocks()).unwrap_or(all);
    let columns = |first, count| Layer::Unit(Unit::Columns { first, count });
    let mut chains = Vec::new();
    if numbers > 0 {
        let grouped = Layer::Unit(Unit::Grouped { groups: numbers, width: OF_WAVES });
        chains.push(vec![columns(0, numbers), Layer::Unit(WAVES), grouped]);
    }
    if numbers + levels > 0 {
        chains.push(vec![columns(0, numbers + levels)]);
    }
    let mut first = numbers + levels;
    for count in embedded {
        let init = Init::Normal { std: 1.0 };
        let table = Dense { bias: false, init, ..Dense::new(EMBEDDING, Activation::Identity) };
        chains.push(vec![columns(first, count), Layer::Dense(table)]);
        first += count;
    }
    let read = match chains.len() {
        1 => chains.remove(0),
        _ => vec![Layer::Parallel(chains, Join::Concatenate)],
    };
    let dense = |n| Layer::Dense(Dense { init: plan.init, ..Dense::new(n, Activation::Identity) });
    let parametric = Layer::Unit(Unit::Parametric { activation: plan.activation });
    let dropout = (plan.dropout > 0.0).then_some(Layer::Unit(Unit::Dropout { rate: plan.dropout }));
    let hidden = plan.hidden.iter().flat_map(|&n| [dense(n), parametric.clone()].into_iter().chain(dropout.clone()));
    let layers = read.into_iter().chain([Layer::Unit(Unit::Gain)]).chain(hidden);
    let output = match data.targets() {
        Targets::Labels { .. } => Output::Softmax,
        Targets::Numbers { .. } => Output::Identity,
    };
    layers.chain([dense(data.target_names().len())]).fold(Spec::new(data.width()), Spec::then).output(output)
}

/// Rates of the layers of [`real_mlp`].
///
/// ```text
/// dense, of n inputs     1 of v in w = v / sqrt(n), biases 0.1
/// gain                   6
/// waves, groups, parametric activations    0.1
/// ```
///
/// Of a factor f the decay of weights has the square, as pytabkit has it.
pub(super) fn real_mlp_rates(spec: &Spec) -> Result<Vec<LayerRate>> {
    let program = Program::of(spec)?;
    let rate = |(i, parameter): (usize, &crate::network::program::Parameter)| {
        let is_embedding = matches!(program.owner(i).kind, Kind::Dense(Dense { init: Init::Normal { .. }, .. }));
        let root = libm::sqrt(parameter.inputs as f64);
        let rate = |factor: f64| LayerRate::new(parameter.path.as_str(), factor);
        Some(match parameter.role {
            Role::Product if is_embedding => return None,
            Role::Product => LayerRate { unit: Some(1.0 / root), bias: Some(0.1), ..rate(1.0) },
            Role::PerColumn(PerColumn::Gain) => LayerRate { decay: Some(6.0), ..rate(6.0) },
            _ => LayerRate { decay: Some(0.1), ..rate(0.1) },
        })
    };
    Ok(program.parameters.iter().enumerate().filter_map(rate).collect())
}

/// Members that look at every row.
const MEMBERS: usize = 32;

/// TabM, with the numbers of its package but for the layers: three of 512 units take eight times as long.
fn tab_m_plan(rows: usize, structure: Structure, bins: usize) -> Result<Plan> {
    Ok(Plan {
        structure,
        bins,
        hidden: vec![256; 2],
        dropout: 0.1,
        batch: rows.clamp(1, 256),
        learning_rate: 0.002,
        weight_decay: Some(3e-4),
        scaling: Scaling::Quantile,
        embed_above: Some(0), // numbers first: they have functions of their own
        optimizer: parse("adamw")?,
        init: parse("kaiming-uniform(a=2.23606797749979)")?,
        validation: 0.2,
        patience: Some(16),
        ..Plan::default()
    })
}

/// Numbers of a piecewise-linear embedding.
const OF_BINS: usize = 16;

/// ```text
/// x            numbers as piecewise-linear functions; the others as they are
/// tabm         x -> gain_m -> W scale_m sigma -> gain_m -> W scale_m sigma -> ... -> W_m
/// tabm-mini    x -> gain_m -> W sigma -> W sigma -> ... -> W_m
/// ```
pub(super) fn tab_m(plan: &Plan, data: &Dataset) -> Spec {
    let (unit, members) = (Layer::Unit, MEMBERS);
    let output = match data.targets() {
        Targets::Labels { .. } => Output::Softmax,
        Targets::Numbers { .. } => Output::Identity,
    };
    let dropout = (plan.dropout > 0.0).then_some(unit(Unit::Dropout { rate: plan.dropout }));
    let own = plan.structure == Structure::TabM;
    let hidden = plan.hidden.iter().enumerate().flat_map(|(i, &n)| {
        let gain = (own || i == 0).then(|| unit(Unit::MemberGain { members, signs: i == 0 }));
        let dense = Dense { bias: !own, init: plan.init, ..Dense::new(n, Activation::Identity) };
        let dense = if own { dense } else { Dense { activation: plan.activation, ..dense } };
        let scale = own.then(|| [unit(Unit::MemberScale { members }), Layer::Activation(plan.activation)]);
        let layers = gain.into_iter().chain([Layer::Dense(dense)]).chain(scale.into_iter().flatten());
        layers.chain(dropout.clone()).collect::<Vec<_>>()
    });
    let last = unit(Unit::MemberDense { members, width: data.target_names().len() });
    embedded(plan.bins, data)
        .into_iter()
        .chain(hidden)
        .chain([last])
        .fold(Spec::new(data.width()), Spec::then)
        .output(output)
}

/// Numbers in piecewise-linear embeddings, the other inputs as they are.
fn embedded(bins: usize, data: &Dataset) -> Option<Layer> {
    let blocks = data.preprocessing().and_then(|fitted| fitted.blocks());
    let numbers = blocks.map_or(data.width(), |blocks| blocks.numbers);
    if bins == 0 || numbers == 0 {
        return None;
    }
    let columns = |first, count| Layer::Unit(Unit::Columns { first, count });
    let functions = Layer::Unit(Unit::Piecewise { bins, width: OF_BINS });
    let mut chains = vec![vec![columns(0, numbers), functions]];
    if data.width() > numbers {
        chains.push(vec![columns(numbers, data.width() - numbers)]);
    }
    Some(Layer::Parallel(chains, Join::Concatenate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Network, Predictor};
    use crate::preprocess::{Column, Frame, PreprocessOptions, Preprocessing};
    use crate::train::{FitOptions, fit};

    #[test]
    fn functions_are_of_numbers_whatever_the_order_of_the_columns() {
        let x: Vec<f64> = (0..60).map(|i| f64::from(i * 7 % 11)).collect();
        let names = ["red", "green", "blue"];
        let columns = vec![
            Column::numbers("a", x.clone()),
            Column::categories("colour", (0..60).map(|i| names[i % 3])),
            Column::numbers("b", x.iter().map(|x| x * x).collect()),
            Column::numbers("y", x),
        ];
        let frame = Frame::new("made", columns).unwrap();
        for recipe in [Recipe::TabM { bins: 8 }, Recipe::TabMMini { bins: 8 }] {
            let plan = recipe.plan_for_table(60, false).unwrap();
            let options = PreprocessOptions { embed_above: plan.embed_above, ..PreprocessOptions::default() };
            let fitted = Preprocessing::fit(&frame, &["y"], &options).unwrap();
            assert_eq!(fitted.names(), ["a", "b", "colour=blue", "colour=green", "colour=red"]);
            let data = Dataset::of_frame(&frame, &std::sync::Arc::new(fitted)).unwrap();
            let spec = plan.spec(&data).to_string();
            assert!(
                spec.contains("parallel(columns(count=2) piecewise(bins=8) | columns(first=2, count=3), join"),
                "{spec}"
            );
        }
    }

    #[test]
    fn members_share_products_and_learn_to_the_same_bits_whatever_the_threads() {
        let x: Vec<f32> = (0..300 * 3).map(|i| (i * 7919 % 1009) as f32 / 504.5 - 1.0).collect();
        let labels: Vec<u32> =
            x.chunks_exact(3).map(|x| u32::from(x[0] * x[1] > 0.1) + u32::from(x[2] > 0.7)).collect();
        let data = Dataset::new("made", x.into(), 3, labels, ["a", "b", "c"]).unwrap();
        let recipes = [0, 8].into_iter().flat_map(|bins| [Recipe::TabM { bins }, Recipe::TabMMini { bins }]);
        for recipe in recipes {
            let plan = recipe.plan_for_table(300, true).unwrap();
            let plan = Plan { hidden: vec![24, 16], epochs: 40, learning_rate: 0.01, batch: 50, ..plan };
            let spec = plan.spec(&data);
            assert_eq!(spec.to_string().parse::<Spec>().unwrap(), spec);
            let train = |threads| {
                let mut network = Network::started_by(&spec, &data, 1).unwrap();
                let options = FitOptions { early_stopping: None, threads: Some(threads), ..plan.options() };
                let report = fit(&mut network, &data, &options).unwrap();
                assert!(report.epochs[39].train_loss < 0.5 * report.epochs[0].train_loss, "{spec}");
                network
            };
            let network = train(1);
            assert_eq!(network.sha256(), train(2).sha256());
            let (outputs, losses) = Predictor::new(&network, 1).unwrap().evaluate(&data).unwrap();
            let (same, _) = Predictor::new(&network, 3).unwrap().evaluate(&data).unwrap();
            assert_eq!(outputs, same);
            for (row, (outputs, loss)) in outputs.chunks_exact(3).zip(losses).enumerate() {
                assert!((outputs.iter().sum::<f32>() - 1.0).abs() < 1e-5);
                let label = data.labels()[row] as usize;
                assert!((loss + outputs[label].ln()).abs() < 1e-4, "the loss is that of the mean outputs");
            }
            let predictor = Predictor::new(&network, 1).unwrap();
            let alone = predictor.row(&data.row(7), &mut predictor.scratch().unwrap()).unwrap().to_vec();
            assert_eq!(alone, outputs[21..24]);
        }
    }

    #[test]
    fn realmlp_has_waves_of_numbers_and_embeddings_of_large_categories_and_learns() {
        let names = |count: usize| (0..600).map(|row| format!("level {}", row * 7 % count)).collect::<Vec<_>>();
        let x = |a: usize| (0..600).map(|row| ((row * a) % 101) as f64).collect::<Vec<_>>();
        let y: Vec<f64> = (0..600).map(|row| ((row * 3) % 101) as f64 + (row * 7 % 12) as f64).collect();
        let columns = vec![
            Column::categories("many", names(12).iter().map(String::as_str)),
            Column::numbers("a", x(3)),
            Column::categories("few", names(3).iter().map(String::as_str)),
            Column::numbers("b", x(7)),
            Column::numbers("y", y),
        ];
        let frame = Frame::new("made", columns).unwrap();
        let plan = Recipe::RealMlp.plan_for_table(600, false).unwrap();
        let plan = Plan { hidden: vec![24, 16], epochs: 60, ..plan };
        let options = PreprocessOptions {
            scaling: plan.scaling,
            embed_above: plan.embed_above,
            clamp: plan.clamp,
            ..PreprocessOptions::default()
        };
        let fitted = Preprocessing::fit(&frame, &["y"], &options).unwrap();
        assert_eq!(fitted.blocks().unwrap(), Blocks { numbers: 2, levels: 3, embedded: vec![12] });
        let data = Dataset::of_frame(&frame, &std::sync::Arc::new(fitted)).unwrap();
        let spec = plan.spec(&data);
        assert_eq!(
            spec.to_string(),
            "17 -> parallel(columns(count=2) waves -> grouped(groups=2, width=3) | columns(count=5) \
             | columns(first=5, count=12) -> 8 no-bias init=normal, join=concatenate) gain -> 24 init=data \
             parametric=mish dropout=0.15 -> 16 init=data parametric=mish dropout=0.15 -> 1 init=data -> identity"
        );
        assert_eq!(spec.to_string().parse::<Spec>().unwrap(), spec);
        let rates = plan.layer_rates(&spec).unwrap();
        assert_eq!(rates[2].to_string(), "2=6:decay=6");
        let train = |threads| {
            let mut network = Network::started_by(&spec, &data, 1).unwrap();
            let (layer_rates, early_stopping) = (rates.clone(), None);
            let options = FitOptions { layer_rates, early_stopping, threads: Some(threads), ..plan.options() };
            let report = fit(&mut network, &data, &options).unwrap();
            assert!(report.epochs[59].train_loss < 0.2 * report.epochs[0].train_loss);
            network.sha256()
        };
        assert_eq!(train(1), train(2));
    }
}
