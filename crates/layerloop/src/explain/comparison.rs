//! The fast path's numbers beside the derivation's, and how far they are apart.

use serde::Serialize;

use super::trace::Trace;
use crate::data::Dataset;
use crate::math;
use crate::network::Network;
use crate::train::{self, FastSample};
use crate::{Error, Result};

/// What the fast path computes for the sample of a trace, in f32.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// z_1, ..., z_{L+1}
    pub z: Vec<Vec<f32>>,
    /// z_{L+2}
    pub probabilities: Vec<f32>,
    /// z_{L+3}
    pub loss: f32,
    /// (p_1; ...; p_L), each row by row, as in [`Trace::gradient`].
    pub gradient: Vec<f32>,
    /// How far they are from the derivation's numbers.
    pub ulp: Ulps,
}

/// Differences in units in the last place: of what the exact number is as an f32.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Ulps {
    /// Of every z_1, ..., z_{L+1}.
    pub z: Vec<Vec<f64>>,
    /// Of z_{L+2}.
    pub probabilities: Vec<f64>,
    /// Of z_{L+3}.
    pub loss: f64,
    /// Of every entry of the gradient.
    pub gradient: Vec<f64>,
}

/// |fast - exact| in units in the last place of `exact` as an f32.
///
/// # Numerics
/// Where numbers of either sign cancel, a small difference is many units of what is left: 1 is 2^-23 of the number.
///
/// # Example
/// ```
/// use layerloop::explain::ulps;
/// assert_eq!(ulps(1.0, 1.0), 0.0);
/// assert_eq!(ulps(1.0 + f32::EPSILON, 1.0), 1.0);
/// ```
#[must_use]
pub fn ulps(fast: f32, exact: f64) -> f64 {
    let size = (exact.abs() as f32).max(f32::MIN_POSITIVE);
    (f64::from(fast) - exact).abs() / (f64::from(size.next_up()) - f64::from(size))
}

impl Comparison {
    /// Of row `trace.sample` of `data`, through `network`.
    ///
    /// # Errors
    /// Those of [`Trace::of`].
    pub fn of(trace: &Trace, network: &Network, data: &Dataset) -> Result<Self> {
        if trace.sample >= data.rows() || trace.gradient.len() != network.spec().parameters() {
            return Err(Error::config("sample", "the trace is not of this network and this data"));
        }
        let one = data.select(&[trace.sample]).unweighted();
        let FastSample { z, probabilities, loss, gradient } = train::fast_sample(network, &one, &trace.objective)?;
        let gradient: Vec<f32> = super::matrices(network.spec(), &gradient)?
            .iter()
            .flat_map(math::Matrix::entries)
            .map(|&g| g as f32) // it was one
            .collect();
        let all = |fast: &[f32], exact: &[f64]| fast.iter().zip(exact).map(|(&f, &e)| ulps(f, e)).collect::<Vec<f64>>();
        let exact_z = trace.layers.iter().map(|layer| &layer.z).chain([&trace.output.logits]);
        let ulp = Ulps {
            z: z.iter().zip(exact_z).map(|(fast, exact)| all(fast, exact)).collect(),
            probabilities: all(&probabilities, &trace.output.probabilities),
            loss: ulps(loss, trace.loss),
            gradient: all(&gradient, &trace.gradient),
        };
        Ok(Self { z, probabilities, loss, gradient, ulp })
    }
}

/// The gradient of a trace by central differences of the derivation's own loss: two forward passes for each parameter.
///
/// # Errors
/// Those of [`Trace::of`].
pub fn differences(trace: &Trace, network: &Network) -> Result<Vec<f64>> {
    let mut network = super::in_math(network)?.under(trace.l_y)?;
    let mut slopes = Vec::with_capacity(trace.gradient.len());
    for i in 0..network.layers().len() {
        for k in 0..network.layers()[i].w().entries().len() {
            let w = network.w_mut(i)[k];
            let h = math::STEP * w.abs().max(1.0);
            let mut moved = |by: f64| {
                network.w_mut(i)[k] = w + by;
                network.loss(&trace.x, &trace.y)
            };
            let slope = (moved(h)? - moved(-h)?) / (2.0 * h);
            network.w_mut(i)[k] = w;
            slopes.push(slope);
        }
    }
    Ok(slopes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Inputs;
    use crate::train::Objective;

    /// The bound that is stated: 2^-19 of the largest number of the vector.
    const BOUND: f64 = 1.0 / 524_288.0;

    #[test]
    fn the_fast_road_is_within_its_bound_and_differences_agree() {
        let values: Vec<f32> = crate::data::for_tests::values(40);
        let data =
            Dataset::new("demo", Inputs::Floats(values.into()), 5, vec![0, 1, 2, 1, 0, 2, 1, 0], ["a", "b", "c"])
                .unwrap();
        let networks = [
            "5 -> 3",
            "5 -> 18 sigmoid -> 3",
            "5 -> 9 tanh dropout=0.5 -> 33 gelu -> 7 relu -> 2 -> reference-softmax",
        ];
        for text in networks {
            let network = Network::new(&text.parse().unwrap(), 7).unwrap();
            for sample in [0, 5] {
                let trace = Trace::of(&network, &data, sample, &Objective::default()).unwrap();
                let comparison = Comparison::of(&trace, &network, &data).unwrap();
                let near = |name: &str, fast: &[f32], exact: &[f64]| {
                    assert_eq!(fast.len(), exact.len(), "{text}, {name}");
                    let largest = exact.iter().fold(0.0, |size: f64, v| size.max(v.abs()));
                    let off = fast.iter().zip(exact).map(|(f, e)| (f64::from(*f) - e).abs()).fold(0.0, f64::max);
                    assert!(off <= BOUND * largest, "{text}, {name}: {off:e} of {largest}");
                };
                assert_eq!(comparison.z.len(), trace.layers.len() + 1);
                let exact_z = trace.layers.iter().map(|layer| &layer.z).chain([&trace.output.logits]);
                comparison.z.iter().zip(exact_z).for_each(|(fast, exact)| near("z", fast, exact));
                near("probabilities", &comparison.probabilities, &trace.output.probabilities);
                near("loss", &[comparison.loss], &[trace.loss]);
                near("gradient", &comparison.gradient, &trace.gradient);
                assert!(comparison.ulp.z[0].iter().all(|ulp| *ulp == 0.0), "x is an f32");
                let slopes = differences(&trace, &network).unwrap();
                let off = slopes.iter().zip(&trace.gradient).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(off < 1e-7, "{text}: {off:e}");
            }
        }
    }
}
