//! L layers and an output map: the classifier `h_x(w)`, its loss `f_{x,y}(w)`, and the order of the parameters w.

use super::losses::default_loss;
use super::matrix::same_size;
use super::{Layer, Loss, Output};
use super::{LossFunction as _, OutputMap as _};
use crate::{Error, Result};

/// A classifier: L layers, any number of them and of any widths, then the output map.
///
/// ```text
/// h_x(w) = g_{L+1}(g_L(w_L; ... g_2(w_2; g_1(w_1; x)) ...)),   f_{x,y}(w) = l_y(h_x(w))
/// ```
///
/// # Example
///
/// ```
/// # use layerloop::math::{Activation, Layer, Matrix, Network, Output};
/// let zeros = |n_in, n_out, sigma| Layer::without_bias(&Matrix::from_fn(n_out, n_in, |_, _| 0.0), sigma);
/// let layers = vec![zeros(784, 32, Activation::Sigmoid), zeros(32, 10, Activation::Identity)];
/// let network = Network::new(layers, Output::Softmax)?;
/// assert_eq!(network.parameter_count(), 25_450);
/// assert_eq!(network.probabilities(&[0.5; 784])?, [0.1; 10]);
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    layers: Vec<Layer>,
    output: Output,
    l_y: Loss,
}

impl Network {
    /// The network of these layers, the first one first; its loss is the one that the output map is made for.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) if a layer does not take what the one before it gives.
    pub fn new(layers: Vec<Layer>, output: Output) -> Result<Self> {
        for (i, pair) in layers.windows(2).enumerate() {
            same_size(&format!("inputs of layer {}", i + 2), pair[0].outputs(), pair[1].inputs())?;
        }
        Ok(Self { layers, output, l_y: default_loss(output) })
    }

    /// The same network under another loss.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if it does not go with the output map.
    pub fn under(self, l_y: Loss) -> Result<Self> {
        if !l_y.outputs().contains(&self.output) {
            let reason = format!("{l_y:?} of {:?}; it goes with {:?}", self.output, l_y.outputs());
            return Err(Error::config("loss", reason));
        }
        Ok(Self { l_y, ..self })
    }

    /// Layers 1, ..., L.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The output map `g_{L+1}`.
    pub fn output(&self) -> Output {
        self.output
    }

    /// The loss `l_y`, as a function of y and the outputs.
    pub fn l_y(&self) -> Loss {
        self.l_y
    }

    /// The logits `z_{L+1} = g_L(w_L; ... g_1(w_1; x) ...)`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) unless `x` has length `n_1`.
    pub fn logits(&self, x: &[f64]) -> Result<Vec<f64>> {
        self.layers.iter().try_fold(x.to_vec(), |z, layer| layer.g(&z))
    }

    /// The probabilities `h_x(w) = g_{L+1}(z_{L+1})`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) unless `x` has length `n_1`.
    #[doc(alias = "h_x")]
    pub fn probabilities(&self, x: &[f64]) -> Result<Vec<f64>> {
        Ok(self.output.probabilities(&self.logits(x)?))
    }

    /// The loss `f_{x,y}(w) = l_y(h_x(w))`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) unless `x` has length `n_1` and `y` length K.
    ///
    /// # Numerics
    ///
    /// Computed from the logits, by [`Loss::value`].
    #[doc(alias = "f_{x,y}")]
    pub fn loss(&self, x: &[f64], y: &[f64]) -> Result<f64> {
        self.l_y.value(self.output, y, &self.logits(x)?)
    }

    /// How many parameters there are: `sum_i n_{i+1} (n_i + 1)`.
    pub fn parameter_count(&self) -> usize {
        self.layers.iter().map(|layer| layer.w().entries().len()).sum()
    }

    /// The parameters `w = (w_1; ...; w_L)`, each `w_i` being `W_i` row by row.
    pub fn parameters(&self) -> Vec<f64> {
        self.layers.iter().flat_map(|layer| layer.w().entries()).copied().collect()
    }

    /// `W_i` of layer `i`, counted from 0, to be changed entry by entry, row by row.
    ///
    /// # Panics
    ///
    /// If there is no such layer.
    pub fn w_mut(&mut self, i: usize) -> &mut [f64] {
        self.layers[i].w_mut()
    }

    /// Replaces the parameters, in the order of [`Self::parameters`].
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) unless `w` has length [`Self::parameter_count`].
    pub fn set_parameters(&mut self, w: &[f64]) -> Result<()> {
        same_size("number of parameters of the network", self.parameter_count(), w.len())?;
        let entries = self.layers.iter_mut().flat_map(Layer::w_mut);
        entries.zip(w).for_each(|(entry, &w)| *entry = w);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::{Activation, Matrix};

    fn network(widths: &[usize], output: Output) -> Network {
        let layer = |n: &[usize]| Layer::without_bias(&Matrix::from_fn(n[1], n[0], |_, _| 0.5), Activation::Tanh);
        Network::new(widths.windows(2).map(layer).collect(), output).unwrap()
    }

    #[test]
    fn ten_classes_from_784_pixels_have_25450_or_25417_parameters() {
        assert_eq!(network(&[784, 32, 10], Output::Softmax).parameter_count(), 25_450);
        assert_eq!(network(&[784, 32, 9], Output::ReferenceSoftmax).parameter_count(), 25_417);
    }

    #[test]
    fn parameters_come_layer_by_layer_and_row_by_row() {
        let mut network = network(&[2, 2, 1], Output::ReferenceSoftmax);
        let w: Vec<f64> = (0..9).map(f64::from).collect();
        network.set_parameters(&w).unwrap();
        assert_eq!(network.parameters(), w);
        assert_eq!(network.layers()[0].w().row(1), [3.0, 4.0, 5.0]);
        assert_eq!(network.layers()[1].w().row(0), [6.0, 7.0, 8.0]);
    }

    #[test]
    fn sizes_that_disagree_are_refused() {
        let mut network = network(&[3, 4, 2], Output::Softmax);
        let twice = [network.layers(), network.layers()].concat();
        let error = Network::new(twice, Output::Softmax).unwrap_err();
        assert_eq!(error.to_string(), "inputs of layer 3: expected 2, got 3");
        assert!(network.set_parameters(&[0.0; 25]).is_err());
        assert!(network.probabilities(&[0.0; 4]).is_err());
        assert!(network.loss(&[0.0; 3], &[1.0]).is_err());
    }
}
