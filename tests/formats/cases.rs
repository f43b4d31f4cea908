//! Random models of every layer, with rows and what `predict` gives for them.

use layerloop::data::{Dataset, Inputs, Standardisation};
use layerloop::model_file::Model;
use layerloop::network::{Network, Output};

use self::random::Random;

#[path = "../combinations/networks.rs"]
mod networks;
#[path = "../combinations/random.rs"]
mod random;

/// Rows of a case.
pub(crate) const ROWS: usize = 50;

/// A model with rows.
pub(crate) struct Case {
    pub(crate) model: Model,
    pub(crate) rows: Vec<f32>,
    pub(crate) outputs: Vec<f32>,
}

/// The random model of this number; `None` where it cannot be built, or its outputs are beyond 1e6.
pub(crate) fn case(number: u64) -> Option<Case> {
    let mut random = Random::new(number, "formats");
    let output = random.one_of(Output::ALL);
    let (inputs, logits) = (1 + random.below(20), 1 + random.below(6));
    let whole = random.percent(15).then_some(11);
    let spec = networks::spec(&mut random, inputs, logits, output, whole);
    if spec.check().is_err() || spec.parameters() > 200_000 {
        return None;
    }
    let network = moved(Network::new(&spec, number).ok()?, &mut random);
    let mut number = |i: usize| {
        let unit = random.below(4001) as f32 / 1000.0 - 2.0;
        if whole.is_some() { random.below(11) as f32 } else { unit * if i.is_multiple_of(2) { 1.0 } else { 3.0 } }
    };
    let rows: Vec<f32> = (0..ROWS * inputs).map(&mut number).collect();
    let classes: Vec<String> = (0..network.classes()).map(|i| format!("c{i}")).collect();
    let mut data = Dataset::new("random", rows.clone().into(), inputs, vec![0; ROWS], classes).expect("a data set");
    if whole.is_none() && random.percent(30) {
        data = data.standardise(&Standardisation::of(&rows, inputs).expect("rows")).expect("numbers");
    }
    let model = Model::new(network, &data, serde_json::json!({ "case": spec.to_string() }));
    let outputs = model.predictor(1).ok()?.probabilities(&Inputs::Floats(rows.clone().into())).ok()?;
    let is_tame = outputs.iter().all(|x| x.is_finite() && x.abs() < 1e6) && !amplifies(&model, &rows, &outputs)?;
    is_tame.then_some(Case { model, rows, outputs })
}

/// Whether weights that are a millionth larger or smaller, as rounding makes values, change an output by much more than that: then no two
/// programs agree on it.
fn amplifies(model: &Model, rows: &[f32], outputs: &[f32]) -> Option<bool> {
    let mut network = model.network.clone();
    for tensor in network.tensors().collect::<Vec<_>>() {
        let by = |i: usize| if (i * 7919 % 13).is_multiple_of(2) { 1.000_001 } else { 0.999_999 };
        let values: Vec<f32> = tensor.values.iter().enumerate().map(|(i, value)| value * by(i)).collect();
        network.set_tensor(&tensor.name, &values).ok()?;
    }
    let model = Model { network, ..model.clone() };
    let others = model.predictor(1).ok()?.probabilities(&Inputs::Floats(rows.to_vec().into())).ok()?;
    Some(outputs.iter().zip(&others).any(|(a, b)| (a - b).abs() > 3e-5 * a.abs().max(1.0)))
}

/// The first `count` cases behind a number.
pub(crate) fn cases(count: usize, first: u64) -> impl Iterator<Item = Case> {
    (first..).filter_map(case).take(count)
}

/// The network with parameters away from their start, where many are 0 or 1.
fn moved(mut network: Network, random: &mut Random) -> Network {
    for tensor in network.tensors().collect::<Vec<_>>() {
        let mut by = || random.below(2001) as f32 / 1000.0 - 1.0;
        let values: Vec<f32> = match tensor.name.ends_with("running_var") {
            true => tensor.values.iter().map(|_| 0.5 + 0.4 * by()).collect(),
            false => tensor.values.iter().map(|value| value + 0.1 * by()).collect(),
        };
        network.set_tensor(&tensor.name, &values).expect("as many numbers");
    }
    network
}
