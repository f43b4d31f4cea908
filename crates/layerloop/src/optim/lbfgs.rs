//! L-BFGS: steps of the whole data set along a direction that the last few steps have taught, as far as a line search goes.
//!
//! Source: Nocedal and Wright 2006, algorithms 7.4 (two loops), 3.5 and 3.6 (strong Wolfe conditions).

use std::collections::VecDeque;

use layerloop_kernels::Matrix;
use serde::{Deserialize, Serialize};

use super::optimizer::Optimizer;
use crate::Result;
use crate::network::Network;
use crate::network::program::{Parameter, Role};

/// A step lowers the loss by at least this share of what its slope predicts,
const ARMIJO: f64 = 1e-4;
/// and so long that the slope has lost this share.
const CURVATURE: f64 = 0.9;
/// What the sum of f32 losses leaves uncertain, in parts of the loss.
const ROUNDING: f64 = 1e-7;
/// Passes over the data that a line search may take.
const TRIALS: usize = 25;

/// What is remembered beside vectors: 1 / y.s of each pair; f and the mean loss of the rows, here.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Numbers {
    rho: Vec<f64>,
    here: Option<[f64; 2]>,
}

fn vector(values: &[f32]) -> Matrix {
    let mut vector = Matrix::vector(values.len());
    vector.values_mut().copy_from_slice(values);
    vector
}

/// A point: where, how high, how steep.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub(crate) w: Vec<f32>,
    /// What is minimised, the penalty included; infinite where it is not a number.
    pub(crate) f: f64,
    /// Its gradient.
    pub(crate) g: Vec<f32>,
    /// The mean loss of the rows alone.
    pub(crate) loss: f64,
}

/// The last steps.
#[derive(Debug)]
pub(crate) struct Lbfgs {
    history: usize,
    /// s = w_{k+1} - w_k, y = g_{k+1} - g_k, 1 / y.s; the newest last.
    pairs: VecDeque<(Vec<f32>, Vec<f32>, f64)>,
    here: Option<Point>,
}

/// The point at some weights.
pub(crate) type Evaluate<'a> = dyn FnMut(Vec<f32>) -> Point + 'a;

impl Lbfgs {
    /// Memory, if the optimiser needs it.
    pub(crate) fn wanted(optimizer: Optimizer) -> Option<Self> {
        let Optimizer::Lbfgs { history } = optimizer else { return None };
        Some(Self { history, pairs: VecDeque::new(), here: None })
    }

    /// What it remembers: its numbers, and its vectors added to `vectors`.
    pub(crate) fn memory(&self, vectors: &mut Vec<(String, Matrix)>) -> Numbers {
        for (i, (s, y, _)) in self.pairs.iter().enumerate() {
            vectors.extend([(format!("lbfgs.s.{i}"), vector(s)), (format!("lbfgs.y.{i}"), vector(y))]);
        }
        vectors.extend(self.here.iter().map(|here| ("lbfgs.g".to_owned(), vector(&here.g))));
        let here = self.here.as_ref().map(|here| [here.f, here.loss]);
        Numbers { rho: self.pairs.iter().map(|(_, _, rho)| *rho).collect(), here }
    }

    /// Goes on as the one whose memory that was, at the weights `w`.
    pub(crate) fn restore(
        &mut self,
        numbers: &Numbers,
        w: &[f32],
        mut take: impl FnMut(&str, &mut Matrix) -> Result<()>,
    ) -> Result<()> {
        let mut vector = |name: &str| {
            let mut vector = Matrix::vector(0);
            take(name, &mut vector).map(|()| vector.values().to_vec())
        };
        for (i, &rho) in numbers.rho.iter().enumerate() {
            self.pairs.push_back((vector(&format!("lbfgs.s.{i}"))?, vector(&format!("lbfgs.y.{i}"))?, rho));
        }
        if let Some([f, loss]) = numbers.here {
            self.here = Some(Point { w: w.to_vec(), f, g: vector("lbfgs.g")?, loss });
        }
        Ok(())
    }

    /// One step from the weights `w`: the point after it, or none where no better one is found.
    pub(crate) fn step(&mut self, w: &[f32], evaluate: &mut Evaluate) -> Option<&Point> {
        let here = self.here.take().unwrap_or_else(|| evaluate(w.to_vec()));
        let mut d = self.direction(&here.g);
        let mut slope = dot(&here.g, &d);
        if slope >= 0.0 {
            // Rounding errors have made the stored pairs useless.
            self.pairs.clear();
            d = here.g.iter().map(|g| -g).collect();
            slope = dot(&here.g, &d);
        }
        // The first step has no curvature yet: its length is 1 in the sum of absolute values.
        let size: f64 = here.g.iter().map(|g| f64::from(g.abs())).sum();
        let first = if self.pairs.is_empty() { (1.0 / size).min(1.0) } else { 1.0 };
        let next = (slope < 0.0 && here.f.is_finite()).then(|| search(&here, &d, slope, first, evaluate))??;
        let change = |a: &[f32], b: &[f32]| -> Vec<f32> { a.iter().zip(b).map(|(a, b)| a - b).collect() };
        let (s, y) = (change(&next.w, &here.w), change(&next.g, &here.g));
        let along = dot(&s, &y);
        if along > 1e-10 * dot(&y, &y) {
            self.pairs.push_back((s, y, 1.0 / along));
            if self.pairs.len() > self.history {
                self.pairs.pop_front();
            }
        }
        Some(self.here.insert(next))
    }

    /// -H g, with H the inverse curvature as the pairs have it.
    fn direction(&self, g: &[f32]) -> Vec<f32> {
        let mut q: Vec<f32> = g.iter().map(|g| -g).collect();
        let mut alphas = Vec::with_capacity(self.pairs.len());
        for (s, y, rho) in self.pairs.iter().rev() {
            let alpha = rho * dot(s, &q);
            add(&mut q, -alpha, y);
            alphas.push(alpha);
        }
        if let Some((_, y, rho)) = self.pairs.back() {
            let gamma = (1.0 / (rho * dot(y, y))) as f32;
            q.iter_mut().for_each(|q| *q *= gamma);
        }
        for ((s, y, rho), alpha) in self.pairs.iter().zip(alphas.into_iter().rev()) {
            let beta = rho * dot(y, &q);
            add(&mut q, alpha - beta, s);
        }
        q
    }
}

/// A step along `d` after which both Wolfe conditions hold, or the best one of those that were tried.
fn search(here: &Point, d: &[f32], slope: f64, first: f64, evaluate: &mut Evaluate) -> Option<Point> {
    // The two ends of what is looked at: length, f, slope.
    let (mut low, mut high) = ((0.0, here.f, slope), None::<(f64, f64, f64)>);
    let (mut best, mut length) = (None::<Point>, first);
    let slack = ROUNDING * here.f.abs();
    for _ in 0..TRIALS {
        let mut w = here.w.clone();
        add(&mut w, length, d);
        let there = evaluate(w);
        let (f, slope_there) = (there.f, dot(&there.g, d));
        let lowers = f <= here.f + ARMIJO * length * slope + slack;
        if !lowers || f > low.1 + slack || !slope_there.is_finite() {
            high = Some((length, f, slope_there));
        } else {
            if best.as_ref().is_none_or(|best| f < best.f) {
                best = Some(there);
            }
            if slope_there.abs() <= -CURVATURE * slope {
                return best.filter(|best| best.f < here.f);
            }
            if slope_there >= 0.0 {
                high = Some(low);
            }
            low = (length, f, slope_there);
        }
        length = match high {
            None => 2.0 * length,
            Some(high) => between(low, high),
        };
        if (length - low.0).abs() < 1e-12 * length.abs() {
            break;
        }
    }
    best.filter(|best| best.f < here.f)
}

/// Where the cubic through two points with their slopes is lowest, well inside of them; else the middle.
fn between((a, fa, slope_a): (f64, f64, f64), (b, fb, slope_b): (f64, f64, f64)) -> f64 {
    let d1 = slope_a + slope_b - 3.0 * (fa - fb) / (a - b);
    let root = d1 * d1 - slope_a * slope_b;
    let d2 = libm::sqrt(root.max(0.0)).copysign(b - a);
    let lowest = b - (b - a) * (slope_b + d2 - d1) / (slope_b - slope_a + 2.0 * d2);
    let [near, far] = [0.1, 0.9].map(|share| a + share * (b - a));
    let inside = lowest > near.min(far) && lowest < near.max(far);
    if root >= 0.0 && inside { lowest } else { (a + b) / 2.0 }
}

/// a . b, in the order of the flat vector.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// to += factor x
fn add(to: &mut [f32], factor: f64, x: &[f32]) {
    to.iter_mut().zip(x).for_each(|(to, x)| *to += (factor * f64::from(*x)) as f32);
}

/// l2 w^2 / 2 of the weights that decay.
pub(crate) struct Penalty {
    l2: f64,
    /// Their place in the flat vector.
    places: Vec<usize>,
}

impl Penalty {
    pub(crate) fn of(network: &Network, l2: f64, decay_all: bool) -> Self {
        let program = &network.program;
        let decays = |parameter: &Parameter| matches!(parameter.role, Role::Product | Role::Table);
        let places = program.parameters.iter().enumerate().flat_map(|(i, parameter)| {
            let places = network.parameters.canonical_indices(i);
            let weights = if decays(parameter) { parameter.inputs * parameter.outputs } else { 0 };
            let count = if decay_all { places.len() } else { weights };
            places.into_iter().take(count)
        });
        Self { l2, places: if l2 > 0.0 { places.collect() } else { Vec::new() } }
    }

    /// Its value; its gradient is added to `g`.
    pub(crate) fn add(&self, w: &[f32], g: &mut [f32]) -> f64 {
        self.places.iter().for_each(|&at| g[at] += (self.l2 * f64::from(w[at])) as f32);
        self.l2 / 2.0 * self.places.iter().map(|&at| f64::from(w[at]) * f64::from(w[at])).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::data::{Dataset, Inputs};
    use crate::train::FitOptions;
    use crate::train::{Schedule, fit};

    #[derive(Deserialize)]
    struct Reference {
        inputs: Vec<f32>,
        labels: Vec<u32>,
        l2: f64,
        minimum: f64,
        weights: Vec<f64>,
    }

    fn lbfgs() -> FitOptions {
        FitOptions { optimizer: Optimizer::Lbfgs { history: 10 }, epochs: 60, ..FitOptions::default() }
    }

    /// Logistic regression with a penalty: `tests/reference/lbfgs.py`.
    #[test]
    fn the_minimum_is_scipys_with_the_same_bits_whatever_the_threads() {
        let reference: Reference =
            serde_json::from_str(include_str!("../../../../tests/reference/lbfgs.json")).unwrap();
        let data = Dataset::new("test", Inputs::Floats(reference.inputs.into()), 4, reference.labels, ["a", "b", "c"])
            .unwrap();
        let train = |threads| {
            let mut network = Network::new(&"4 -> 3".parse().unwrap(), 0).unwrap();
            let options = FitOptions { l2: reference.l2, threads: Some(threads), ..lbfgs() };
            let report = fit(&mut network, &data, &options).unwrap();
            (network, report)
        };
        let (network, report) = train(1);
        assert_eq!(network.sha256(), train(3).0.sha256());
        assert!(report.epochs.len() < 60, "it ends where nothing better is found");
        let penalty: f64 =
            network.weight(0).iter().map(|&w| f64::from(w) * f64::from(w)).sum::<f64>() * reference.l2 / 2.0;
        let (loss, _) = crate::train::loss_and_gradient(&network, &data, 1).unwrap();
        assert!(
            (loss + penalty - reference.minimum).abs() < 1e-6,
            "{} instead of {}",
            loss + penalty,
            reference.minimum
        );
        for (w, truth) in network.weight(0).iter().zip(&reference.weights) {
            assert!((f64::from(*w) - truth).abs() < 1e-3, "{w} instead of {truth}");
        }
    }

    #[test]
    fn small_data_is_learnt_further_than_by_adam() {
        let values: Vec<f32> = crate::data::for_tests::values(70 * 5);
        let class = |row: &[f32]| u32::from(row[0] * row[1] > 0.0) + u32::from(row[2] > 0.1);
        let labels: Vec<u32> = values.chunks_exact(5).map(class).collect();
        let data = Dataset::new("test", Inputs::Floats(values.into()), 5, labels, ["a", "b", "c"]).unwrap();
        let spec = "5 -> 20 tanh -> skip(20 gelu) -> 3";
        let last = |options: &FitOptions| {
            let mut network = Network::new(&spec.parse().unwrap(), 3).unwrap();
            let before = network.clone();
            let report = fit(&mut network, &data, options).unwrap();
            (report.epochs.last().unwrap().train_loss, before.weight(0) == network.weight(0))
        };
        let adam = FitOptions { epochs: 60, batch: 70, learning_rate: 0.01, ..FitOptions::default() };
        let built_in = last(&lbfgs()).0;
        assert!(built_in < 0.3 * last(&adam).0, "{built_in}");
        let frozen = vec![crate::train::LayerRate::new("1", 0.0)];
        assert!(last(&FitOptions { layer_rates: frozen, ..lbfgs() }).1, "a frozen layer stays");
        let refused = |spec: &str, options: FitOptions| {
            let mut network = Network::new(&spec.parse().unwrap(), 3).unwrap();
            fit(&mut network, &data, &options).unwrap_err().to_string()
        };
        assert!(refused("5 -> 4 dropout -> 3", lbfgs()).contains("dropout makes each loss differ, so lbfgs cannot"));
        assert!(refused("5 -> 4 batch-norm -> 3", lbfgs()).contains("a batch norm changes its statistics"));
        let cosine = FitOptions { schedule: Schedule::Cosine { least: 0.0 }.into(), ..lbfgs() };
        assert!(refused(spec, cosine).starts_with("schedule: a line search finds the length of each step"));
    }
}
