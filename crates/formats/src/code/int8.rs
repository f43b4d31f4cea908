//! Weights of dense layers as bytes.

use layerloop::Result;
use layerloop::data::Inputs;
use layerloop::model_file::Model;
use layerloop::network::view::{Operation, View};

/// How far the outputs of a model with bytes are from its own, over some rows.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Loss {
    /// Number of rows.
    pub rows: usize,
    /// Rows for which another class is the most probable one.
    pub changed: usize,
    /// The largest difference of an output.
    pub largest: f32,
}

/// Whole numbers q of -127..=127 and a scale s for each of `outputs` rows, so that q s is near the weights.
pub(super) fn of(weights: &[f32], outputs: usize) -> (Vec<i8>, Vec<f32>) {
    let rows = weights.chunks_exact((weights.len() / outputs.max(1)).max(1));
    let scale = |row: &[f32]| {
        let most = row.iter().fold(0.0_f32, |most, w| most.max(w.abs()));
        if most > 0.0 { most / 127.0 } else { 1.0 }
    };
    let scales: Vec<f32> = rows.clone().map(scale).collect();
    let bytes =
        rows.zip(&scales).flat_map(|(row, s)| row.iter().map(move |w| (w / s).round().clamp(-127.0, 127.0) as i8));
    (bytes.collect(), scales)
}

/// The model whose dense layers have weights that are a byte times a scale: what code with `int8` computes, but for rounding.
///
/// # Errors
/// None that a model of this crate has.
pub fn quantised(model: &Model) -> Result<Model> {
    let mut network = model.network.clone();
    for step in View::of(&model.network).steps {
        if let Operation::Dense { weight, .. } = step.operation {
            let (bytes, scales) = of(&weight.values, weight.shape[0]);
            let inputs = weight.shape[1];
            let values: Vec<f32> = bytes.iter().enumerate().map(|(i, q)| f32::from(*q) * scales[i / inputs]).collect();
            network.set_tensor(&weight.name, &values)?;
        }
    }
    Ok(Model { network, ..model.clone() })
}

impl Loss {
    /// Over `inputs`, rows as [`Model::predictor`] takes them.
    ///
    /// # Errors
    /// Those of [`layerloop::network::Predictor::probabilities`].
    pub fn of(model: &Model, inputs: &Inputs) -> Result<Self> {
        let outputs = |model: &Model| model.predictor(1)?.probabilities(inputs);
        let (own, bytes) = (outputs(model)?, outputs(&quantised(model)?)?);
        let width = model.network.classes();
        let pairs = own.chunks_exact(width).zip(bytes.chunks_exact(width));
        let changed = pairs.filter(|(a, b)| model.predicted(a) != model.predicted(b)).count();
        let largest = own.iter().zip(&bytes).fold(0.0_f32, |largest, (a, b)| largest.max((a - b).abs()));
        let changed = if model.network.spec().output.is_classifier() { changed } else { 0 };
        Ok(Self { rows: own.len() / width, changed, largest })
    }
}
