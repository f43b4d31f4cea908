//! What the units of a network do on some data: which never answer, which are stuck, and what each class looks for.

use serde::Serialize;

use crate::data::Dataset;
use crate::network::{InputGradients, Network, Of};
use crate::{Error, Result};

/// Part of the largest slope below which a unit is saturated in a row.
const FLAT: f64 = 0.05;

/// Share of the rows in which a saturated unit is.
const MOSTLY: f64 = 0.95;

/// The units of a layer, counted over some rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LayerUnits {
    /// Which layer, counted from 1.
    pub layer: usize,
    /// How many units it has.
    pub units: usize,
    /// Those whose slope sigma'(t) is 0 in every row: nothing that is learnt here moves them.
    pub dead: usize,
    /// Those, beside the dead ones, whose slope is below 5 % of the steepest of the layer in at least 95 % of the rows.
    pub saturated: usize,
    /// The mean of |sigma'(t)| over units and rows: the factor on a gradient in the backward pass.
    pub mean_slope: f64,
    /// The mean over the rows of |q_{i+1}|, the gradient of the loss by what the layer gives.
    pub mean_gradient: f64,
}

/// Every layer of `network` on the rows of `data`.
///
/// # Errors
/// [`Error::Config`] for a network with layers that are not dense; [`Error::Shape`] if the data does not fit it;
/// [`Error::Data`] if there is none, or if it has no classes.
///
/// # Example
/// ```
/// use layerloop::data::{Dataset, Inputs};
/// use layerloop::explain::units;
/// use layerloop::network::{Activation, Network, Spec};
/// // Of two relus the second is below 0 for both rows.
/// let spec = Spec::new(1).layer(2, Activation::Relu).layer(2, Activation::Identity);
/// let weights = [(vec![1.0, -1.0], vec![0.0, 0.0]), (vec![1.0; 4], vec![0.0; 2])];
/// let network = Network::from_weights(&spec, &weights)?;
/// let data = Dataset::new("demo", Inputs::Floats(vec![1.0, 2.0].into()), 1, vec![0, 1], ["a", "b"])?;
/// let layers = units(&network, &data)?;
/// assert_eq!((layers[0].units, layers[0].dead, layers[0].mean_slope), (2, 1, 0.5));
/// # Ok::<(), layerloop::Error>(())
/// ```
#[doc(alias = "dead units")]
pub fn units(network: &Network, data: &Dataset) -> Result<Vec<LayerUnits>> {
    let (derivation, samples) = super::conversion::samples(network, data)?;
    if data.labels().is_empty() {
        return Err(Error::data(data.name(), "there are no classes in it"));
    }
    let mut slopes: Vec<Vec<Vec<f64>>> =
        derivation.layers().iter().map(|layer| vec![vec![]; layer.outputs()]).collect();
    let mut gradients = vec![0.0; slopes.len()];
    for (x, y) in &samples {
        let forward = derivation.forward(x, y)?;
        for (slopes, (layer, t)) in slopes.iter_mut().zip(derivation.layers().iter().zip(forward.t())) {
            slopes.iter_mut().zip(layer.sigma_prime(t)).for_each(|(unit, slope)| unit.push(slope.abs()));
        }
        let q = forward.backward_closed_form()?.q;
        for (sum, q) in gradients.iter_mut().zip(&q[1..]) {
            *sum += q.iter().map(|q| q * q).sum::<f64>().sqrt() / samples.len() as f64;
        }
    }
    let rows = samples.len() as f64;
    let of_layer = |(i, (slopes, mean_gradient)): (usize, (Vec<Vec<f64>>, f64))| {
        let steepest = slopes.iter().flatten().copied().fold(0.0, f64::max);
        let dead = slopes.iter().filter(|unit| unit.iter().all(|slope| *slope == 0.0)).count();
        let flat =
            |unit: &&Vec<f64>| unit.iter().filter(|slope| **slope < FLAT * steepest).count() as f64 >= MOSTLY * rows;
        let stuck = if steepest > 0.0 { slopes.iter().filter(flat).count() } else { dead };
        LayerUnits {
            layer: i + 1,
            units: slopes.len(),
            dead,
            saturated: stuck - dead,
            mean_slope: slopes.iter().flatten().sum::<f64>() / (rows * slopes.len() as f64),
            mean_gradient,
        }
    };
    Ok(slopes.into_iter().zip(gradients).enumerate().map(of_layer).collect())
}

/// What each class looks for: the gradient of its logit by the inputs, in the mean over the rows of that class.
///
/// # Shapes
/// classes with a logit x inputs; 0 for a class without a row.
///
/// # Errors
/// Those of [`InputGradients::new`]; [`Error::Shape`] if the data does not fit the network.
pub fn class_views(network: &Network, data: &Dataset, threads: usize) -> Result<Vec<Vec<f32>>> {
    network.check_fits(data)?;
    if data.labels().is_empty() {
        return Err(Error::data(data.name(), "there are no classes in it"));
    }
    let (logits, width) = (network.spec().logits(), data.width());
    let gradients = InputGradients::new(network, threads)?;
    let view = |class: usize| {
        let rows: Vec<usize> = (0..data.rows()).filter(|&row| data.labels()[row] as usize == class).collect();
        let unit: Vec<f32> = (0..logits).map(|k| if k == class { 1.0 } else { 0.0 }).collect();
        let mut mean = vec![0.0; width];
        for row in gradients.of(data.select(&rows).inputs(), Of::Logits(&unit))?.chunks_exact(width) {
            mean.iter_mut().zip(row).for_each(|(mean, slope)| *mean += slope / rows.len() as f32);
        }
        Ok(mean)
    };
    (0..logits).map(view).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Inputs;

    fn data(x: &[f32], labels: &[u32]) -> Dataset {
        Dataset::new("demo", Inputs::Floats(x.into()), x.len() / labels.len(), labels.to_vec(), ["a", "b"]).unwrap()
    }

    #[test]
    fn a_sigmoid_far_out_is_saturated_and_not_dead() {
        let spec = "1 -> 2 sigmoid -> 2".parse().unwrap();
        // t is 0 and 50 for x = 0, 1 and 50 for x = 1.
        let weights = [(vec![1.0, 0.0], vec![0.0, 50.0]), (vec![1.0, 0.0, 0.0, 1.0], vec![0.0; 2])];
        let network = Network::from_weights(&spec, &weights).unwrap();
        let layers = units(&network, &data(&[0.0, 1.0], &[0, 1])).unwrap();
        assert_eq!((layers[0].units, layers[0].dead, layers[0].saturated), (2, 0, 1));
        assert_eq!((layers[1].dead, layers[1].saturated, layers[1].mean_slope), (0, 0, 1.0));
        assert!(layers[0].mean_gradient > 0.0);
        assert!(units(&network, &data(&[0.0], &[0]).head(0)).is_err());
    }

    #[test]
    fn what_a_class_looks_for_is_its_row_of_a_linear_network() {
        let network = Network::new(&"3 -> 2".parse().unwrap(), 1).unwrap();
        let views = class_views(&network, &data(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[0, 0]), 1).unwrap();
        let w = network.weight(0);
        assert!(views[0].iter().zip(&w[..3]).all(|(a, b)| (a - b).abs() < 1e-6));
        assert_eq!(views[1], [0.0; 3]);
    }
}
