//! What a network has to beat: always the same answer, and a linear model, both fitted to the same rows.

use layerloop::Result;
use layerloop::data::{Dataset, Targets};
use layerloop::evaluate::Outputs;
use layerloop::network::{Activation, Network, Output, Predictor, Spec};
use layerloop::train::{FitOptions, Objective, Optimizer, fit};
use serde_json::{Value, json};

use crate::scores::{of_table, threads_for};

/// Passes over the data of the linear model, at most.
const PASSES: usize = 100;
/// Factor of the sum of its squared weights.
const L2: f64 = 1e-4;

/// The scores of both on the test part: `{"trivial": {..}, "linear": {..}}`.
pub(super) fn baselines(train: &Dataset, test: &Dataset, seed: u64) -> Result<Value> {
    let (output, names) = match train.targets() {
        Targets::Labels { classes, .. } => (Output::Softmax, classes.len()),
        Targets::Numbers { names, .. } => (Output::Identity, names.len()),
    };
    let spec = Spec::new(train.width()).layer(names, Activation::Identity).output(output);
    // Without weights the logits are the biases: logarithms of the shares, or the means, which are 0.
    let shares = (0..names).map(|class| {
        let rows = train.labels().iter().filter(|label| **label as usize == class).count();
        if train.labels().is_empty() { 0.0 } else { (rows.max(1) as f64 / train.rows() as f64).ln() as f32 }
    });
    let nothing = Network::from_weights(&spec, &[(vec![0.0; names * train.width()], shares.collect())])?;
    let mut linear = nothing.clone();
    let options = FitOptions {
        epochs: PASSES,
        batch: train.rows(),
        optimizer: Optimizer::Lbfgs { history: 10 },
        l2: L2,
        seed,
        ..FitOptions::default()
    };
    fit(&mut linear, train, &options)?;
    let scores = |network: &Network| {
        let predictor = Predictor::new(network, threads_for(network.spec()))?;
        of_table(&Outputs::of(&predictor, test, &Objective::default())?, test)
    };
    Ok(json!({ "trivial": scores(&nothing)?, "linear": scores(&linear)? }))
}
