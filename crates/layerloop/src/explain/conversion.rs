//! From f32 to f64: networks, parameters, gradients and samples in the shapes of the derivation.

use crate::data::Dataset;
use crate::math::{self, Matrix};
use crate::network::bound_loss::BoundLoss;
use crate::network::program::{Parameter, Program, Role};
use crate::network::{Layer, Network, Spec, Unit};
use crate::train::Objective;
use crate::{Error, Result};

/// `network` as the derivation writes it: the same numbers, in f64, each bias in the last column of its `W_i`.
///
/// # Errors
/// None that a network could cause which has been built.
///
/// # Example
/// ```
/// use layerloop::network::{Activation, Network, Spec};
/// let spec = Spec::new(1).layer(2, Activation::Tanh);
/// let network = Network::from_weights(&spec, &[(vec![0.5, -2.0], vec![3.0, 4.0])])?;
/// assert_eq!(layerloop::explain::in_math(&network)?.parameters(), [0.5, 3.0, -2.0, 4.0]);
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn in_math(network: &Network) -> Result<math::Network> {
    let spec = network.spec();
    let dropped = |layer: &Layer| matches!(layer, Layer::Unit(Unit::Dropout { .. } | Unit::AlphaDropout { .. }));
    let dense = spec.layers.iter().filter(|layer| !dropped(layer)).map(|layer| match layer {
        Layer::Dense(dense) if dense.bias => Ok(dense),
        _ => Err(Error::config(
            "network",
            format!(
                "{spec}: the derivation is of dense layers with a bias, one after the other, and dropout between them"
            ),
        )),
    });
    let dense = dense.collect::<Result<Vec<_>>>()?;
    let layers = matrices(spec, &network.to_vec())?.into_iter().zip(dense);
    let layers = layers.map(|(w, dense)| math::Layer::new(w, dense.activation));
    math::Network::new(layers.collect::<Result<_>>()?, spec.output)
}

/// `network` with other parameters, rounded to f32.
///
/// # Shapes
/// `w`: the order of [`math::Network::parameters`], each bias behind its row.
///
/// # Errors
/// [`Error::Shape`] unless there is one number for each parameter.
pub(super) fn with_parameters(network: &Network, w: &[f64]) -> Result<Network> {
    let spec = network.spec();
    if w.len() != spec.parameters() {
        return Err(Error::shape("numbers of the parameters", spec.parameters(), w.len()));
    }
    let mut rest = w;
    let layer = |(inputs, outputs): (usize, usize)| {
        let (rows, after) = rest.split_at(outputs * (inputs + 1));
        rest = after;
        let rows = rows.chunks_exact(inputs + 1);
        let weight = rows.clone().flat_map(|row| &row[..inputs]).map(|&w| w as f32).collect();
        (weight, rows.map(|row| row[inputs] as f32).collect())
    };
    Network::from_weights(spec, &spec.shapes().into_iter().map(layer).collect::<Vec<_>>())
}

/// The parameters of a network, or their gradient, from one flat vector into one matrix a layer.
///
/// # Shapes
/// `values` in canonical order: weight 1 (n_out x n_in, row-major), bias 1, weight 2, ...; the matrix of a layer is
/// n_out x (n_in + 1), the bias in its last column.
///
/// # Errors
/// [`Error::Shape`] unless there is one value for each parameter of `spec`; [`Error::Config`] unless its layers that learn are dense
/// with a bias.
pub fn matrices(spec: &Spec, values: &[f32]) -> Result<Vec<Matrix>> {
    if values.len() != spec.parameters() {
        return Err(Error::shape("values in canonical order", spec.parameters(), values.len()));
    }
    let is_dense = |parameter: &Parameter| parameter.bias && parameter.role == Role::Product;
    if !Program::of(spec)?.parameters.iter().all(is_dense) {
        return Err(Error::config("network", format!("{spec}: expected dense layers with a bias")));
    }
    let mut rest = values;
    let layer = |(inputs, outputs)| {
        let (weight, bias);
        (weight, rest) = rest.split_at(inputs * outputs);
        (bias, rest) = rest.split_at(outputs);
        let entry = |r: usize, c| if c == inputs { bias[r] } else { weight[r * inputs + c] };
        Matrix::from_fn(outputs, inputs + 1, |r, c| f64::from(entry(r, c)))
    };
    Ok(spec.shapes().into_iter().map(layer).collect())
}

/// The mean loss of all rows of `data`, of the kind that the output map is made for, and its gradient `(p_1; ...; p_L)`, row by row, by the closed forms of
/// [`crate::math`]: what [`crate::train::loss_and_gradient`] computes fast.
///
/// # Shapes
/// Each `p_i` is n_out x (n_in + 1), the gradient of the bias in its last column; compare it with [`matrices`].
///
/// # Errors
/// [`Error::Shape`] if the data does not fit the network, [`Error::Data`] if it is empty.
///
/// # Example
/// ```
/// use layerloop::data::{Dataset, Inputs};
/// use layerloop::network::{Activation, Network, Spec};
/// let network = Network::from_weights(&Spec::new(1).layer(2, Activation::Identity), &[(vec![0.0; 2], vec![0.0; 2])])?;
/// let data = Dataset::new("demo", Inputs::Floats(vec![3.0].into()), 1, vec![0], ["a", "b"])?;
/// let (loss, gradient) = layerloop::explain::loss_and_gradient(&network, &data)?;
/// assert_eq!(loss, std::f64::consts::LN_2);
/// assert_eq!(gradient[0].entries(), [-1.5, -0.5, 1.5, 0.5]);
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn loss_and_gradient(network: &Network, data: &Dataset) -> Result<(f64, Vec<Matrix>)> {
    let (network, samples) = samples(network, data)?;
    let weight = 1.0 / samples.len() as f64;
    let mut mean: Vec<Matrix> = zeros(&network);
    let mut loss = 0.0;
    for (x, y) in &samples {
        let forward = network.forward(x, y)?;
        loss += weight * forward.loss();
        for (mean, p) in mean.iter_mut().zip(forward.backward_closed_form()?.p) {
            mean.entries_mut().iter_mut().zip(p.entries()).for_each(|(mean, p)| *mean += weight * p);
        }
    }
    Ok((loss, mean))
}

fn zeros(network: &math::Network) -> Vec<Matrix> {
    network.layers().iter().map(|layer| Matrix::from_fn(layer.w().rows(), layer.w().cols(), |_, _| 0.0)).collect()
}

/// A row, and what its outputs are measured against.
type Sample = (Vec<f64>, Vec<f64>);

/// The network under the loss that its output map is made for, with x and y of every row; refuses data that does not fit, or of
/// which there is none.
pub(super) fn samples(network: &Network, data: &Dataset) -> Result<(math::Network, Vec<Sample>)> {
    network.check_fits(data)?;
    if data.rows() == 0 {
        return Err(Error::data(data.name(), "there are no rows; a gradient needs at least one"));
    }
    let bound_loss = BoundLoss::new(network, data, &Objective::default())?;
    let (mut derivation, mut samples) = (in_math(network)?, Vec::with_capacity(data.rows()));
    for row in 0..data.rows() {
        let (loss, y) = bound_loss.of_row(network, row as u32)?;
        derivation = derivation.under(loss)?;
        let [x, y] = [data.row(row), y].map(|values| values.into_iter().map(f64::from).collect());
        samples.push((x, y));
    }
    Ok((derivation, samples))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Inputs;
    use crate::network::Activation;

    /// A sigmoid of one output has two classes and one target, and numbers have no labels: the first was refused, of the second the
    /// loss was that of no rows, 0.
    #[test]
    fn the_derivation_has_the_loss_of_the_fast_path_for_every_kind_of_target() {
        let labels = vec![0, 1, 1];
        for text in ["2 -> 3 tanh -> 1 -> sigmoid", "2 -> 3 tanh -> 2 -> identity", "2 -> 3 -> 2 -> softmax"] {
            let network = Network::new(&text.parse().unwrap(), 1).unwrap();
            let x: Vec<f32> = vec![0.5, -1.0, 0.0, 2.0, 1.0, 1.0];
            let classes = Dataset::new("c", Inputs::Floats(x.clone().into()), 2, labels.clone(), ["a", "b"]).unwrap();
            let columns = network.spec().output.targets(network.spec().logits());
            let numbers: Vec<f32> = (0..3).flat_map(|_| vec![1.0 / columns as f32; columns]).collect();
            let names = &["a", "b"][..columns];
            let numbers =
                Dataset::regression("n", Inputs::Floats(x.into()), 2, numbers, names.iter().copied()).unwrap();
            for data in [classes, numbers] {
                let (slow, _) = loss_and_gradient(&network, &data).unwrap();
                let (fast, _) = crate::train::loss_and_gradient(&network, &data, 1).unwrap();
                assert!(slow > 0.1 && (slow - fast).abs() < 1e-6, "{text}, {}: {slow} and {fast}", data.name());
            }
        }
    }

    #[test]
    fn canonical_order_becomes_rows_with_their_bias() {
        let spec = Spec::new(2).layer(2, Activation::Relu).layer(1, Activation::Identity);
        let values: Vec<f32> = (0..9).map(|k| k as f32).collect();
        let [w_1, w_2] = &matrices(&spec, &values).unwrap()[..] else { panic!("two layers") };
        assert_eq!(w_1.entries(), [0.0, 1.0, 4.0, 2.0, 3.0, 5.0]);
        assert_eq!(w_2.entries(), [6.0, 7.0, 8.0]);
        assert!(matrices(&spec, &values[1..]).is_err());
    }
}
