//! One sample through the derivation, with every object kept under its name: what the terminal, a page and a script show.

use serde::{Serialize, Serializer};

use super::conversion::in_math;
use crate::data::{Dataset, Inputs};
use crate::math::OutputMap as _;
use crate::math::{self, Matrix};
use crate::names::{NamedEnum as _, text};
use crate::network::bound_loss::BoundLoss;
use crate::network::{Activation, Layer, Network, Spec};
use crate::train::Objective;
use crate::{Error, Result};

/// Entries of A_i up to which it is written out; of larger layers there are its factors, and [`TracedLayer::a_row`].
pub const LARGEST_A: usize = 65_536;

/// One sample through the forward and the backward layer loop, in f64.
///
/// Its JSON form has every matrix as an array of rows and every vector as an array. A number that is not finite is `null`: of
/// q_{L+2} where the probability of the true class has underflowed to 0.
///
/// # Example
/// ```
/// use layerloop::explain::Trace;
/// let golden = Trace::golden()?;
/// assert_eq!(format!("{:.4?}", golden.layers[0].z_next), "[0.7311, 0.7311]");
/// assert_eq!(format!("{:.4?}", golden.output.probabilities), "[0.1881, 0.8119]");
/// assert_eq!(format!("{:.4?}", golden.layers[1].p.row(0)), "[0.1375, 0.1375, 0.1881]");
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Trace {
    /// The row of the data set.
    pub sample: usize,
    /// The class of the sample, by index; none where there are numbers to give.
    pub target: Option<usize>,
    /// The names of the classes, or of the numbers.
    pub classes: Vec<String>,
    /// What the loss measures the outputs against: of a class and a softmax, 1 in its place and 0 elsewhere.
    pub y: Vec<f64>,
    /// z_1 = x
    pub x: Vec<f64>,
    /// Layers 1, ..., L.
    pub layers: Vec<TracedLayer>,
    /// Layer L + 1.
    pub output: TracedOutput,
    /// cross-entropy, mse, ...
    pub loss_name: String,
    /// z_{L+3} = l_y(z_{L+2}); in nats, where it is an entropy.
    pub loss: f64,
    /// q_{L+2}, the gradient of l_y.
    pub q_loss: Vec<f64>,
    /// (p_1; ...; p_L), each row by row.
    pub gradient: Vec<f64>,
    /// The objective of the fast path.
    #[serde(skip)]
    pub(super) objective: Objective,
    #[serde(skip)]
    pub(super) l_y: math::Loss,
}

/// A layer: z_{i+1} = g_i(w_i; z_i) = sigma(t_i), t_i = W_i z_i^{;1}.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TracedLayer {
    /// Which, counted from 1.
    pub i: usize,
    /// sigma, with those of its numbers that are not at their default values.
    pub activation: String,
    /// W_i, n_{i+1} x (n_i + 1), the bias in its last column.
    #[serde(serialize_with = "rows")]
    pub w: Matrix,
    /// z_i
    pub z: Vec<f64>,
    /// t_i = W_i z_i^{;1}
    pub t: Vec<f64>,
    /// z_{i+1} = sigma(t_i)
    pub z_next: Vec<f64>,
    /// A_i, n_{i+1} x n_{i+1}(n_i + 1), where it has at most [`LARGEST_A`] entries.
    #[serde(serialize_with = "rows_or_null")]
    pub a: Option<Matrix>,
    /// What A_i is made of.
    pub a_factors: Factors,
    /// B_i = diag(sigma'(t_i)) W_i[:, :n_i], n_{i+1} x n_i.
    #[serde(serialize_with = "rows")]
    pub b: Matrix,
    /// q_{i+1}, which enters the layer from above.
    pub q_next: Vec<f64>,
    /// p_i = A_i^T q_{i+1} = delta_i (z_i^{;1})^T, n_{i+1} x (n_i + 1).
    #[serde(serialize_with = "rows")]
    pub p: Matrix,
    /// q_i = B_i^T q_{i+1}
    pub q: Vec<f64>,
}

/// A_i = diag(sigma'(t_i)) [ e_1 (z_i^{;1})^T ... e_n (z_i^{;1})^T ]
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Factors {
    /// sigma'(t_i)
    pub sigma_prime: Vec<f64>,
    /// z_i^{;1}
    pub z1: Vec<f64>,
}

/// The output map: z_{L+2} = g_{L+1}(z_{L+1}).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TracedOutput {
    /// softmax, reference-softmax, ...
    pub kind: String,
    /// z_{L+1}
    pub logits: Vec<f64>,
    /// z_{L+2}
    pub probabilities: Vec<f64>,
    /// C_K, the Jacobian.
    #[serde(serialize_with = "rows")]
    pub c: Matrix,
    /// q_{L+1} = C_K^T q_{L+2}
    pub q_logits: Vec<f64>,
}

impl TracedLayer {
    /// Row `k` of A_i, counted from 0, however large A_i is: sigma'(t_k) z_i^{;1} in its k-th block, 0 elsewhere.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn a_row(&self, k: usize) -> Vec<f64> {
        let Factors { sigma_prime, z1 } = &self.a_factors;
        let mut row = vec![0.0; sigma_prime.len() * z1.len()];
        let block = row[k * z1.len()..].iter_mut().zip(z1);
        block.for_each(|(entry, z)| *entry = sigma_prime[k] * z);
        row
    }
}

impl Trace {
    /// Row `sample` of `data` through `network`, measured by the loss and the label smoothing of `objective`; no sample and no
    /// class weighs more than another.
    ///
    /// # Errors
    /// [`Error::Config`] for a sample that is not there, for a network with layers that are not dense, or if the loss does not go
    /// with it; [`Error::Shape`] if the data does not fit it; [`Error::Data`] for an input that is not finite.
    pub fn of(network: &Network, data: &Dataset, sample: usize, objective: &Objective) -> Result<Self> {
        network.check_fits(data)?;
        if sample >= data.rows() {
            let reason = format!("{sample}; {} has the rows 0 to {}", data.name(), data.rows().saturating_sub(1));
            return Err(Error::config("sample", reason));
        }
        let objective =
            Objective { loss: objective.loss, label_smoothing: objective.label_smoothing, ..Objective::default() };
        let x: Vec<f64> = data.row(sample).into_iter().map(f64::from).collect();
        if let Some(column) = x.iter().position(|x| !x.is_finite()) {
            let reason = format!("input {column} is {}; every input of a trace is a finite number", x[column]);
            return Err(Error::row(data.name(), sample, reason));
        }
        let (loss, y) = BoundLoss::new(network, data, &objective)?.of_row(network, sample as u32)?;
        let y: Vec<f64> = y.into_iter().map(f64::from).collect();
        let derivation = in_math(network)?.under(loss)?;
        let target = data.labels().get(sample).map(|&label| label as usize);
        let mut trace = Self::through(&derivation, &x, &y)?;
        let dense = network.spec().layers.iter().filter_map(|l| if let Layer::Dense(d) = l { Some(d) } else { None });
        trace.layers.iter_mut().zip(dense).for_each(|(traced, dense)| traced.activation = text(dense.activation));
        let (classes, loss_name) = (data.target_names().to_vec(), text(loss));
        Ok(Self { sample, target, classes, loss_name, objective, ..trace })
    }

    /// The example of the derivation, traced: see [`golden`].
    ///
    /// # Errors
    /// None.
    pub fn golden() -> Result<Self> {
        let (network, data) = golden()?;
        Self::of(&network, &data, 0, &Objective::default())
    }

    /// A sample and what it is measured against through a network of the derivation.
    ///
    /// # Errors
    /// [`Error::Shape`] if they do not fit.
    pub fn through(network: &math::Network, x: &[f64], y: &[f64]) -> Result<Self> {
        let forward = network.forward(x, y)?;
        let backward = forward.backward_closed_form()?;
        let (z, t, l) = (forward.z(), forward.t(), network.layers().len());
        let mut layers = Vec::with_capacity(l);
        for (i, layer) in network.layers().iter().enumerate() {
            let entries = layer.outputs() * layer.outputs() * (layer.inputs() + 1);
            let a = if entries <= LARGEST_A { Some(layer.jacobian_wrt_params(&z[i])?) } else { None };
            layers.push(TracedLayer {
                i: i + 1,
                activation: layer.activation().name().into(),
                w: layer.w().clone(),
                z: z[i].clone(),
                t: t[i].clone(),
                z_next: z[i + 1].clone(),
                a,
                a_factors: Factors { sigma_prime: layer.sigma_prime(&t[i]), z1: math::augment(&z[i]) },
                b: layer.jacobian_wrt_input(&z[i])?,
                q_next: backward.q[i + 1].clone(),
                p: backward.p[i].clone(),
                q: backward.q[i].clone(),
            });
        }
        let output = TracedOutput {
            kind: network.output().name().into(),

            logits: z[l].clone(),
            probabilities: z[l + 1].clone(),
            c: network.output().jacobian(&z[l]),
            q_logits: backward.q[l].clone(),
        };
        let (loss, q_loss, gradient) = (forward.loss(), backward.q[l + 1].clone(), backward.gradient());
        Ok(Self {
            sample: 0,
            target: None,
            classes: Vec::new(),
            y: y.to_vec(),
            x: x.to_vec(),
            layers,
            output,
            loss_name: String::new(),
            loss,
            q_loss,
            gradient,
            objective: Objective::default(),
            l_y: network.l_y(),
        })
    }
}

/// The example of the derivation: x = (1, 0, -1), y = (0, 1), two layers whose biases are 0, sigmoid, softmax.
///
/// # Errors
/// None.
pub fn golden() -> Result<(Network, Dataset)> {
    let spec = Spec::new(3).layer(2, Activation::Sigmoid).layer(2, Activation::Identity);
    let w_1 = vec![0.0, 1.0, -1.0, 2.0, 0.0, 1.0];
    let w_2 = vec![-1.0, 0.0, 2.0, -1.0];
    let network = Network::from_weights(&spec, &[(w_1, vec![0.0; 2]), (w_2, vec![0.0; 2])])?;
    let data = Dataset::new("golden", Inputs::Floats(vec![1.0, 0.0, -1.0].into()), 3, vec![1], ["first", "second"])?;
    Ok((network, data))
}

fn rows<S: Serializer>(matrix: &Matrix, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_seq((0..matrix.rows()).map(|r| matrix.row(r)))
}

fn rows_or_null<S: Serializer>(matrix: &Option<Matrix>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    match matrix {
        Some(matrix) => rows(matrix, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::SOFTMAXES;
    use crate::math::{Activation, Loss, Output, network, numbers};
    use crate::math::{ActivationFunction as _, LossFunction as _};

    /// Every derivative of f at `at`, of fourth order in the step.
    fn slopes(f: impl Fn(&[f64]) -> Vec<f64>, at: &[f64]) -> Matrix {
        const H: f64 = 1e-3;
        let moved = |k: usize, by: f64| {
            let mut at = at.to_vec();
            at[k] += by;
            f(&at)
        };
        let columns: Vec<Vec<f64>> = (0..at.len())
            .map(|k| {
                let [a, b, c, d] = [H, -H, 2.0 * H, -2.0 * H].map(|by| moved(k, by));
                (0..a.len()).map(|r| (8.0 * (a[r] - b[r]) - (c[r] - d[r])) / (12.0 * H)).collect()
            })
            .collect();
        Matrix::from_fn(f(at).len(), at.len(), |r, c| columns[c][r])
    }

    fn assert_same(name: &str, exact: &[f64], slopes: &[f64]) {
        assert_eq!(exact.len(), slopes.len(), "{name}");
        let size = exact.iter().fold(1e-3, |size: f64, v| size.max(v.abs()));
        let off = exact.iter().zip(slopes).map(|(a, b)| (a - b).abs() / size).fold(0.0, f64::max);
        assert!(off <= 1e-7, "{name}: {off:e}");
    }

    /// Every object of a network against central differences.
    fn check(network: &math::Network, x: &[f64], y: &[f64]) {
        let trace = Trace::through(network, x, y).unwrap();
        for (layer, traced) in network.layers().iter().zip(&trace.layers) {
            let g = |w: &[f64], z: &[f64]| {
                let mut moved = layer.clone();
                moved.w_mut().copy_from_slice(w);
                moved.g(z).unwrap()
            };
            let w = layer.w().entries();
            assert_same("A_i", traced.a.as_ref().unwrap().entries(), slopes(|w| g(w, &traced.z), w).entries());
            assert_same("B_i", traced.b.entries(), slopes(|z| g(w, z), &traced.z).entries());
            assert_eq!(traced.a_row(0), traced.a.as_ref().unwrap().row(0));
        }
        let of_logits = slopes(|z| network.output().probabilities(z), &trace.output.logits);
        assert_same("C_K", trace.output.c.entries(), of_logits.entries());
        let loss = |w: &[f64]| {
            let mut moved = network.clone();
            moved.set_parameters(w).unwrap();
            vec![moved.loss(x, y).unwrap()]
        };
        assert_same("gradient", &trace.gradient, slopes(loss, &network.parameters()).entries());
        let of_x = slopes(|x| vec![network.loss(x, y).unwrap()], x);
        assert_same("q_1", &trace.layers[0].q, of_x.entries());
        let of_last = slopes(|z| vec![network.l_y().value(network.output(), y, z).unwrap()], &trace.output.logits);
        assert_same("q_{L+1}", &trace.output.q_logits, of_last.entries());
        assert_same("C_K^T q_{L+2}", &trace.output.c.transpose_times(&trace.q_loss).unwrap(), of_last.entries());
    }

    fn one_hot(k: usize, class: usize) -> Vec<f64> {
        (0..k).map(|j| f64::from(j == class)).collect()
    }

    /// Sigmoid networks of 1 to 5 layers, 2 to 26 classes, both softmaxes; and every smooth activation.
    #[test]
    fn every_object_is_what_central_differences_say() {
        let smooth = Activation::ALL.iter().copied().filter(|a| a.joints().is_empty());
        let table = (1..=5).flat_map(|l| [2, 3, 10, 26].map(|k| (Activation::Sigmoid, l, k)));
        for (activation, l, k) in table.chain(smooth.map(|activation| (activation, 2, 3))) {
            for output in SOFTMAXES {
                let widths: Vec<usize> =
                    (0..l).map(|i| 1 + (3 * i + k) % 4).chain([k + 1 - output.classes(1)]).collect();
                check(&network(&widths, activation, output), &numbers(l, widths[0]), &one_hot(k, (k + l) % k));
            }
        }
    }

    /// Where no difference crosses a kink, activations with kinks have a Jacobian like any other.
    #[test]
    fn activations_with_kinks_have_the_same_objects_beside_them() {
        const CLEAR: f64 = 0.05;
        for activation in Activation::ALL.iter().copied().filter(|a| !a.joints().is_empty()) {
            let clear = |network: &math::Network, x: &[f64]| {
                let forward = network.forward(x, &one_hot(3, 0)).unwrap();
                let far = |t: &f64| activation.joints().iter().all(|joint| (t - joint).abs() > CLEAR);
                forward.t().iter().flatten().all(far)
            };
            let network = network(&[4, 3, 3], activation, Output::Softmax);
            let x = (0..).map(|seed| numbers(seed, 4)).find(|x| clear(&network, x)).unwrap();
            check(&network, &x, &one_hot(3, 1));
        }
    }

    /// Every loss under every output map that it goes with.
    #[test]
    fn every_loss_has_the_same_objects() {
        for (loss, output, logits) in Loss::ALL
            .iter()
            .copied()
            .flat_map(|loss| loss.outputs().iter().map(move |&output| (loss, output)))
            .flat_map(|(loss, output)| [1, 2, 5].map(|logits| (loss, output, logits)))
        {
            let network = network(&[3, 4, logits], Activation::Tanh, output).under(loss).unwrap();
            let of = |y: f64| match loss {
                Loss::Hinge | Loss::SquaredHinge => y.signum(),
                Loss::Mse | Loss::Mae | Loss::Huber { .. } | Loss::LogCosh | Loss::Quantile { .. } => 2.0 * y,
                _ => y.abs(),
            };
            let y: Vec<f64> = numbers(logits, output.targets(logits)).into_iter().map(of).collect();
            check(&network, &numbers(9, 3), &y);
        }
    }

    #[test]
    fn the_json_form_has_the_names_of_the_derivation() {
        let json = serde_json::to_value(Trace::golden().unwrap()).unwrap();
        assert_eq!((&json["sample"], &json["target"], &json["x"][2]), (&0.into(), &1.into(), &(-1.0).into()));
        let layer = &json["layers"][0];
        let names: Vec<&str> = layer.as_object().unwrap().keys().map(String::as_str).collect();
        let wanted = ["i", "activation", "w", "z", "t", "z_next", "a", "a_factors", "b", "q_next", "p", "q"];
        assert_eq!(names, wanted);
        assert_eq!((&layer["activation"], layer["a"].as_array().map(Vec::len)), (&"sigmoid".into(), Some(2)));
        assert_eq!(layer["w"][1], serde_json::json!([2.0, 0.0, 1.0, 0.0]));
        assert_eq!(layer["a_factors"]["z1"], serde_json::json!([1.0, 0.0, -1.0, 1.0]));
        assert_eq!(
            (&json["output"]["kind"], json["output"]["c"][0].as_array().map(Vec::len)),
            (&"softmax".into(), Some(2))
        );
        assert_eq!(json["gradient"].as_array().map(Vec::len), Some(2 * 4 + 2 * 3));
        assert_eq!(format!("{:.4}", json["loss"].as_f64().unwrap()), "0.2084");
    }

    #[test]
    fn large_layers_have_their_factors_and_what_has_no_jacobian_form_is_named() {
        let data = |width| {
            let inputs = crate::data::Inputs::Floats((0..2 * width).map(|i| (i % 7) as f32 / 7.0).collect());
            Dataset::new("demo", inputs, width, vec![0, 1], ["a", "b"]).unwrap()
        };
        let large = Network::new(&"300 -> 40 sigmoid -> 2".parse().unwrap(), 0).unwrap();
        let trace = Trace::of(&large, &data(300), 1, &Objective::default()).unwrap();
        assert!(trace.layers[0].a.is_none() && trace.layers[1].a.is_some());
        let row = trace.layers[0].a_row(3);
        assert_eq!((row.len(), row[0], row[4 * 301 - 1]), (40 * 301, 0.0, trace.layers[0].a_factors.sigma_prime[3]));
        let said = |network: &str, sample| {
            let network = Network::new(&network.parse().unwrap(), 0).unwrap();
            Trace::of(&network, &data(3), sample, &Objective::default()).unwrap_err().to_string()
        };
        assert_eq!(said("3 -> 2", 2), "sample: 2; demo has the rows 0 to 1");
        assert!(said("3 -> skip(3 relu) -> 2", 0).contains("the derivation is of dense layers with a bias"));
        assert!(said("3 -> 2 no-bias", 0).contains("dense layers with a bias"));
        assert!(said("3 -> 2 -> exp", 0).contains("poisson measures numbers, but demo has classes"));
        assert!(said("4 -> 2", 0).contains("expected 4, got 3"));
    }
}
