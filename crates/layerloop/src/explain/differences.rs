//! The gradient check of any network: the fast path against the differences of its own loss.

use serde::Serialize;

use crate::data::Dataset;
use crate::network::Network;
use crate::rng::Stream;
use crate::{Result, train};

/// What a difference of f32 losses may be off, in parts of the layer's largest derivative: a factor that is wrong by 5 % is found.
const TOLERANCE: f64 = 0.03;

/// Half the distance of a difference: rounding and curvature do about equal harm.
const STEP: f32 = 2e-3;

/// A layer whose largest derivative is below this is measured as if it were this.
const SMALL: f64 = 1e-2;

/// Parameters of each layer that are measured.
const SAMPLE: usize = 64;

/// How far the gradient of the fast path and the differences of its loss disagree.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DifferenceCheck {
    /// Rows over whose mean loss the gradient was taken.
    pub rows: usize,
    /// What [`DifferenceLayer::error`] may not pass.
    pub tolerance: f64,
    /// Every layer with parameters.
    pub layers: Vec<DifferenceLayer>,
}

/// The disagreement about the gradient of one layer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DifferenceLayer {
    /// The path of the layer: `2`, or `2.1` for the first layer of the chain in the second.
    pub layer: String,
    /// Number of its parameters.
    pub parameters: usize,
    /// Number of those that were measured and compared.
    pub measured: usize,
    /// Number of those that were drawn but left out: the two halves of the difference disagree, as at a kink.
    pub at_kinks: usize,
    /// Largest error, relative to the layer's largest derivative.
    pub error: f64,
}

impl DifferenceCheck {
    /// Whether no layer passes the tolerance.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.layers.iter().all(|layer| layer.error <= self.tolerance)
    }
}

/// Checks the gradient of the mean loss of all rows of `data` by central differences of the same loss in f32, for any network:
/// with batch norms, user-defined layers and any output map. What is dropped is the same for every difference.
///
/// # Errors
/// As [`train::loss_and_gradient`].
///
/// # Numerics
/// f32 and a step of 0.002 leave an error of some 1 %: a rough check, where [`check_gradients`](super::check_gradients) is a fine
/// one for the networks of which [`crate::math`] has the whole derivation.
///
/// # Example
/// ```
/// use layerloop::data::{Dataset, Inputs};
/// use layerloop::{explain::check_differences, network::Network};
/// let network = Network::new(&"2 -> 5 batch-norm gelu -> skip(5 tanh) -> 2".parse()?, 0)?;
/// let x = Inputs::Floats(vec![0.1, 0.9, 0.4, -0.5, 0.7, -0.3].into());
/// let check = check_differences(&network, &Dataset::new("demo", x, 2, vec![0, 1, 1], ["a", "b"])?, 1)?;
/// assert!(check.passed(), "{check:?}");
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn check_differences(network: &Network, data: &Dataset, threads: usize) -> Result<DifferenceCheck> {
    let (_, gradient) = train::loss_and_gradient(network, data, threads)?;
    let mut gradient = gradient.as_slice();
    let mut layers = Vec::new();
    for (i, parameter) in network.program.parameters.iter().enumerate() {
        let places = network.parameters.canonical_indices(i);
        let (own, rest) = gradient.split_at(places.len());
        gradient = rest;
        if parameter.count() == 0 {
            continue;
        }
        let size = own.iter().fold(SMALL, |size, &g| size.max(f64::from(g).abs()));
        let count = places.len().min(SAMPLE);
        let mut stream = Stream::new(0, "check", i as u64);
        let range = |k: usize| k * places.len() / count..(k + 1) * places.len() / count;
        let mut layer = DifferenceLayer {
            layer: parameter.path.clone(),
            parameters: places.len(),
            measured: 0,
            at_kinks: 0,
            error: 0.0,
        };
        for drawn in (0..count).map(range).map(|range| range.start + stream.below(range.len())) {
            let loss = |step: f32| {
                let mut moved = network.clone();
                moved.parameters.values.values_mut()[places[drawn]] += step;
                train::loss_and_gradient(&moved, data, threads).map(|(loss, _)| loss)
            };
            let [above, here, below] = [loss(STEP)?, loss(0.0)?, loss(-STEP)?];
            let [right, left] = [(above - here) / f64::from(STEP), (here - below) / f64::from(STEP)];
            if (right - left).abs() > TOLERANCE * size {
                layer.at_kinks += 1;
                continue;
            }
            layer.measured += 1;
            let error = ((right + left) / 2.0 - f64::from(own[drawn])).abs() / size;
            layer.error = if error <= layer.error { layer.error } else { error };
        }
        layers.push(layer);
    }
    Ok(DifferenceCheck { rows: data.rows(), tolerance: TOLERANCE, layers })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Inputs;

    #[test]
    fn any_network_passes_and_a_wrong_gradient_does_not() {
        for text in [
            "4 -> 8 relu batch-norm -> skip(8 prelu dropout=0.5) -> 3",
            "4 -> 8 no-bias gelu -> 3 -> sigmoid",
            "4 -> bilinear=5 layer-norm tanh -> 1 -> reference-softmax",
        ] {
            let network = Network::new(&text.parse().unwrap(), 1).unwrap();
            let mut stream = Stream::new(0, "data", 0);
            let x = Inputs::Floats((0..8 * 4).map(|_| stream.uniform()).collect());
            let classes = network.classes() as u32;
            let labels: Vec<u32> = (0..8).map(|row| row % classes).collect();
            let data = Dataset::new("demo", x, 4, labels, (0..classes).map(|class| class.to_string())).unwrap();
            let check = check_differences(&network, &data, 1).unwrap();
            assert!(check.passed(), "{text}: {check:?}");
            assert!(check.layers.iter().all(|layer| layer.measured > 0), "{text}: {check:?}");
            let mut wrong = check;
            wrong.layers[0].error = f64::NAN;
            assert!(!wrong.passed());
        }
    }
}
