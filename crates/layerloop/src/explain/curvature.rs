//! The curvature of the loss around a network: the largest eigenvalue of its Hessian, its trace, and the loss along two
//! directions.

use serde::Serialize;

use super::conversion::{in_math, with_parameters};
use super::second_order::FastHessian;
use crate::data::Dataset;
use crate::network::bound_loss::BoundLoss;
use crate::network::{Network, Predictor};
use crate::rng::Stream;
use crate::train::{Loss, Objective};
use crate::{Error, Result, threads};

/// The Hessian H of the mean loss of some rows, at the weights of a network: never written out, only multiplied by.
///
/// # Numerics
/// The products are f32, by the fast path; the tests hold them to [`crate::math::Forward::hessian_times`] within 2^-18 of the largest
/// number. The bits depend on no number of threads.
///
/// # Example
/// ```
/// use layerloop::explain::{Hessian, specimen};
/// use layerloop::train::Objective;
/// let (network, data) = specimen(0)?;
/// let hessian = Hessian::of(&network, &data, &Objective::default(), 1)?;
/// let top = hessian.largest(30, 0)?;
/// let along = hessian.times(&top.vector)?;
/// assert!(along.iter().zip(&top.vector).all(|(h, v)| (h - top.value * v).abs() < 1e-3));
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug)]
pub struct Hessian<'a>(FastHessian<'a>, Loss);

/// An eigenvalue, and how sure it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Eigen {
    /// The eigenvalue.
    pub value: f64,
    /// `|H v - value v|`, v the vector of length 1: an eigenvalue of H is within it.
    pub residual: f64,
    /// v, in the order of [`crate::math::Network::parameters`].
    #[serde(skip)]
    pub vector: Vec<f64>,
    /// The second vector, for a plane to look at: at right angles to the first.
    #[serde(skip)]
    pub second: Vec<f64>,
}

/// An estimate, and its standard error.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean of the probes.
    pub value: f64,
    /// Standard deviation of that mean.
    pub standard_error: f64,
}

impl<'a> Hessian<'a> {
    /// Of the mean loss of all rows of `data`, each with the same weight.
    ///
    /// # Errors
    /// [`Error::Config`] for a network with layers that are not dense, or a loss that does not go with it; [`Error::Shape`] if the
    /// data does not fit it; [`Error::Data`] if there is none.
    pub fn of(network: &Network, data: &'a Dataset, objective: &Objective, threads: usize) -> Result<Self> {
        threads::check(threads)?;
        network.check_fits(data)?;
        if data.rows() == 0 {
            return Err(Error::data(data.name(), "there are no rows; a Hessian needs at least one"));
        }
        let objective =
            Objective { loss: objective.loss, label_smoothing: objective.label_smoothing, ..Objective::default() };
        let bound_loss = BoundLoss::new(network, data, &objective)?;
        let (loss, _) = bound_loss.of_row(network, 0)?;
        in_math(network)?.under(loss)?;
        let target = |row| Ok(bound_loss.of_row(network, row as u32)?.1.into_iter().map(f64::from).collect());
        let y = (0..data.rows()).map(target).collect::<Result<_>>()?;
        Ok(Self(FastHessian { network: network.clone(), data, y, l_y: loss, threads }, loss))
    }

    /// The loss whose mean it is of: what the objective names, or else what the output map is made for.
    #[must_use]
    pub fn loss(&self) -> Loss {
        self.1
    }

    /// Number of parameters: rows and columns of H.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.network.spec().parameters()
    }

    /// `H v`
    ///
    /// # Errors
    /// [`Error::Shape`] unless `v` has one number for each parameter.
    pub fn times(&self, v: &[f64]) -> Result<Vec<f64>> {
        self.0.times(v)
    }

    /// The largest eigenvalue, by `steps` steps of Lanczos from a vector drawn by `seed`; every vector is made orthogonal to all
    /// before it.
    ///
    /// # Errors
    /// [`Error::Config`] for 0 steps.
    ///
    /// # Source
    /// Lanczos 1950.
    pub fn largest(&self, steps: usize, seed: u64) -> Result<Eigen> {
        if steps == 0 {
            return Err(Error::config("steps", "0; at least 1 is needed for an eigenvalue"));
        }
        let mut stream = Stream::new(seed, "lanczos", 0);
        let mut basis = vec![unit((0..self.size()).map(|_| f64::from(stream.uniform()) - 0.5).collect())];
        let (mut diagonal, mut beside) = (vec![], vec![]);
        while diagonal.len() < steps.min(self.size()) {
            let k = diagonal.len();
            let mut next = self.times(&basis[k])?;
            diagonal.push(dot(&next, &basis[k]));
            for _ in 0..2 {
                for v in &basis {
                    let part = dot(&next, v);
                    next.iter_mut().zip(v).for_each(|(next, v)| *next -= part * v);
                }
            }
            let length = dot(&next, &next).sqrt();
            if length < 1e-12 {
                break; // H maps what has been found onto itself
            }
            beside.push(length);
            basis.push(next.iter().map(|v| v / length).collect());
        }
        let n = diagonal.len();
        let [(value, first), (_, second)] = two_largest(&diagonal, &beside[..n - 1]);
        let combined = |weights: &[f64]| {
            let mut vector = vec![0.0; self.size()];
            for (weight, v) in weights.iter().zip(&basis) {
                vector.iter_mut().zip(v).for_each(|(sum, v)| *sum += weight * v);
            }
            unit(vector)
        };
        let (vector, second) = (combined(&first), combined(&second));
        let left: Vec<f64> = self.times(&vector)?.iter().zip(&vector).map(|(h, v)| h - value * v).collect();
        Ok(Eigen { value, residual: dot(&left, &left).sqrt(), vector, second })
    }

    /// The trace, by `probes` vectors of -1 and 1: the mean of `v^T H v`.
    ///
    /// # Errors
    /// [`Error::Config`] for fewer than 2 probes, whose error cannot be estimated.
    ///
    /// # Source
    /// Hutchinson 1990.
    pub fn trace(&self, probes: usize, seed: u64) -> Result<Estimate> {
        if probes < 2 {
            return Err(Error::config(
                "probes",
                format!("{probes}; at least 2 are needed for an estimate and its error"),
            ));
        }
        let mut seen = Vec::new();
        for probe in 0..probes {
            let mut stream = Stream::new(seed, "hutchinson", probe as u64);
            let v: Vec<f64> = (0..self.size()).map(|_| if stream.uniform() < 0.5 { -1.0 } else { 1.0 }).collect();
            seen.push(dot(&v, &self.times(&v)?));
        }
        let n = probes as f64;
        let value = seen.iter().sum::<f64>() / n;
        let variance = seen.iter().map(|s| (s - value).powi(2)).sum::<f64>() / (n - 1.0);
        Ok(Estimate { value, standard_error: (variance / n).sqrt() })
    }
}

/// The mean loss at `w + a u + b v` for all a and b of `at`, by the fast path.
///
/// # Shapes
/// `u`, `v`: the order of [`crate::math::Network::parameters`]; the result: a row for each b, from the last to the first, a column for
/// each a.
///
/// # Errors
/// Those of [`Hessian::of`]; [`Error::Shape`] for directions of another length.
pub fn surface(
    network: &Network,
    data: &Dataset,
    objective: &Objective,
    [u, v]: [&[f64]; 2],
    at: &[f64],
    threads: usize,
) -> Result<Vec<Vec<f64>>> {
    let w = in_math(network)?.parameters();
    for direction in [u, v] {
        if direction.len() != w.len() {
            return Err(Error::shape("numbers of a direction of the parameters", w.len(), direction.len()));
        }
    }
    let loss = |a: f64, b: f64| {
        let w: Vec<f64> = w.iter().zip(u.iter().zip(v)).map(|(w, (u, v))| w + a * u + b * v).collect();
        let moved = with_parameters(network, &w)?;
        let (_, losses) = Predictor::new(&moved, threads)?.evaluate_by(data, objective)?;
        Ok(losses.iter().copied().map(f64::from).sum::<f64>() / losses.len() as f64)
    };
    at.iter().rev().map(|&b| at.iter().map(|&a| loss(a, b)).collect()).collect()
}

/// The two largest eigenvalues of a symmetric tridiagonal matrix, each with its vector: bisection by the number of sign changes
/// of the pivots, then inverse iteration.
fn two_largest(diagonal: &[f64], beside: &[f64]) -> [(f64, Vec<f64>); 2] {
    let n = diagonal.len();
    let off = |k: usize| beside.get(k).copied().unwrap_or(0.0);
    let radius = |k: usize| off(k).abs() + if k > 0 { off(k - 1).abs() } else { 0.0 };
    let bounds = (0..n).map(|k| (diagonal[k] - radius(k), diagonal[k] + radius(k)));
    let (low, high) = bounds.fold((f64::MAX, f64::MIN), |(low, high), (l, h)| (low.min(l), high.max(h)));
    // Eigenvalues below x.
    let below = |x: f64| {
        let mut pivot = 1.0;
        (0..n)
            .filter(|&k| {
                let coupling = if k > 0 { off(k - 1) * off(k - 1) / pivot } else { 0.0 };
                pivot = diagonal[k] - x - coupling;
                if pivot == 0.0 {
                    pivot = f64::MIN_POSITIVE.sqrt();
                }
                pivot < 0.0
            })
            .count()
    };
    let eigenvalue = |rank: usize| {
        let (mut low, mut high) = (low - 1e-12, high + 1e-12);
        for _ in 0..200 {
            let middle = f64::midpoint(low, high);
            if below(middle) > rank { high = middle } else { low = middle }
        }
        f64::midpoint(low, high)
    };
    let of_rank = |rank: usize, others: &[f64]| {
        let value = eigenvalue(rank);
        let shift = value + 1e-10 * (high - low).max(1e-300);
        let mut vector = vec![1.0; n];
        for _ in 0..4 {
            vector = solved(diagonal, beside, shift, &vector);
            if !others.is_empty() {
                let part = dot(&vector, others);
                vector.iter_mut().zip(others).for_each(|(v, other)| *v -= part * other);
            }
            vector = unit(vector);
        }
        (value, vector)
    };
    let first = of_rank(n - 1, &[]);
    let second = if n > 1 { of_rank(n - 2, &first.1) } else { first.clone() };
    [first, second]
}

/// x of (T - shift) x = b, T tridiagonal and symmetric, by elimination with the larger pivot of two rows.
fn solved(diagonal: &[f64], beside: &[f64], shift: f64, b: &[f64]) -> Vec<f64> {
    let n = diagonal.len();
    let off = |k: usize| beside.get(k).copied().unwrap_or(0.0);
    // Each row: entries at k, k + 1, k + 2, and the right side.
    let mut rows: Vec<[f64; 4]> = (0..n).map(|k| [diagonal[k] - shift, off(k), 0.0, b[k]]).collect();
    for k in 0..n.saturating_sub(1) {
        let mut below = [off(k), rows[k + 1][0], rows[k + 1][1], rows[k + 1][3]];
        if below[0].abs() > rows[k][0].abs() {
            std::mem::swap(&mut below, &mut rows[k]);
        }
        let factor = below[0] / if rows[k][0] == 0.0 { f64::MIN_POSITIVE } else { rows[k][0] };
        let above = rows[k];
        rows[k + 1] = [below[1] - factor * above[1], below[2] - factor * above[2], 0.0, below[3] - factor * above[3]];
    }
    let mut x = vec![0.0; n + 2];
    for k in (0..n).rev() {
        let [pivot, next, after, right] = rows[k];
        let pivot = if pivot == 0.0 { f64::EPSILON } else { pivot };
        x[k] = (right - next * x[k + 1] - after * x[k + 2]) / pivot;
    }
    x.truncate(n);
    x
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn unit(v: Vec<f64>) -> Vec<f64> {
    let length = dot(&v, &v).sqrt();
    if length == 0.0 { v } else { v.into_iter().map(|v| v / length).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::specimen;

    /// The fast path is the derivation's, for every activation, output map and loss, and whatever is dropped in training.
    #[test]
    fn a_product_is_that_of_math_within_its_bound() {
        let (_, data) = specimen(4).unwrap();
        let labels = data.select(&(0..700).map(|i| i % 8).collect::<Vec<_>>());
        let inputs = labels.inputs().clone();
        let numbers: Vec<f32> = (0..1400).map(|i| 0.5 + (i % 5) as f32 / 5.0).collect();
        let numbers = Dataset::regression("n", inputs, 5, numbers, ["u", "v"]).unwrap();
        let activations = crate::network::Activation::ALL.iter().map(|a| {
            let name = crate::names::NamedEnum::name(*a);
            (format!("5 -> 18 {name} dropout=0.5 -> 7 {name} -> 4"), "cross-entropy")
        });
        let of_numbers =
            ["mse", "huber", "log-cosh", "msle"].map(|loss| ("5 -> 6 tanh -> 2 -> identity".to_owned(), loss));
        let others = [
            ("5 -> 4".to_owned(), "focal"),
            ("5 -> 33 gelu -> 3 -> reference-softmax".to_owned(), "kl"),
            ("5 -> 6 swish -> 4 -> sigmoid".to_owned(), "binary-cross-entropy"),
            ("5 -> 6 swish -> 4 -> sigmoid".to_owned(), "focal"),
            ("5 -> 6 tanh -> 4 -> identity".to_owned(), "squared-hinge"),
            ("5 -> 6 tanh -> 2 -> exp".to_owned(), "poisson"),
        ];
        for (text, loss) in activations.chain(of_numbers).chain(others) {
            let network = Network::new(&text.parse().unwrap(), 7).unwrap();
            let data = if ["mse", "huber", "log-cosh", "msle", "poisson"].contains(&loss) { &numbers } else { &labels };
            let loss: crate::train::Loss = crate::names::parse(loss).unwrap();
            let objective = Objective { loss: Some(loss.into()), ..Objective::default() };
            let v = unit((0..network.spec().parameters()).map(|k| (1.7 * k as f64).sin()).collect());
            let fast = Hessian::of(&network, data, &objective, 2).unwrap().times(&v).unwrap();
            let derivation = in_math(&network).unwrap().under(loss).unwrap();
            let bound_loss = BoundLoss::new(&network, data, &objective).unwrap();
            let mut exact = vec![0.0; v.len()];
            for row in 0..data.rows() {
                let numbers = |values: Vec<f32>| values.into_iter().map(f64::from).collect::<Vec<f64>>();
                let (x, y) = (numbers(data.row(row)), numbers(bound_loss.of_row(&network, row as u32).unwrap().1));
                let product = derivation.forward(&x, &y).unwrap().hessian_times(&v).unwrap();
                exact.iter_mut().zip(product).for_each(|(sum, h)| *sum += h / data.rows() as f64);
            }
            let size = exact.iter().fold(1e-3, |size: f64, h| size.max(h.abs()));
            let off = exact.iter().zip(&fast).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / size;
            assert!(off < 1.0 / 262_144.0, "{text}, {loss:?}: {off:e}");
        }
    }

    #[test]
    fn a_tridiagonal_matrix_has_the_eigenvalues_that_it_should() {
        // 2 on the diagonal, -1 beside it: 2 - 2 cos(k pi / (n + 1))
        let n = 9;
        let [(first, vector), (second, other)] = two_largest(&vec![2.0; n], &vec![-1.0; n - 1]);
        let exact = |k: usize| 2.0 - 2.0 * (k as f64 * std::f64::consts::PI / (n as f64 + 1.0)).cos();
        assert!((first - exact(n)).abs() < 1e-12 && (second - exact(n - 1)).abs() < 1e-12, "{first} {second}");
        assert!(dot(&vector, &other).abs() < 1e-9);
        let times =
            |k: usize| 2.0 * vector[k] - if k > 0 { vector[k - 1] } else { 0.0 } - vector.get(k + 1).unwrap_or(&0.0);
        assert!((0..n).all(|k| (times(k) - first * vector[k]).abs() < 1e-9));
    }

    /// H written out, column by column, for a small network.
    #[test]
    fn the_largest_eigenvalue_and_the_trace_are_those_of_the_whole_matrix() {
        let (network, data) = specimen(1).unwrap();
        let hessian = Hessian::of(&network, &data, &Objective::default(), 2).unwrap();
        let n = hessian.size();
        let column = |k: usize| hessian.times(&(0..n).map(|j| f64::from(j == k)).collect::<Vec<_>>()).unwrap();
        let whole: Vec<Vec<f64>> = (0..n).map(column).collect();
        // The power method on H + c I, whose largest eigenvalue is that of H plus c.
        let c = whole.iter().map(|column| column.iter().map(|h| h.abs()).sum::<f64>()).fold(0.0, f64::max);
        let mut v = unit((0..n).map(|k| 1.0 + (k % 7) as f64).collect());
        for _ in 0..4000 {
            v = unit((0..n).map(|k| dot(&whole[k], &v) + c * v[k]).collect());
        }
        let exact = (0..n).map(|k| v[k] * dot(&whole[k], &v)).sum::<f64>();
        let top = hessian.largest(40, 3).unwrap();
        assert!((top.value - exact).abs() < 1e-6 * exact, "{} {exact}", top.value);
        assert!(top.residual < 1e-4 && dot(&top.vector, &top.second).abs() < 1e-6, "{}", top.residual);
        let exact: f64 = (0..n).map(|k| whole[k][k]).sum();
        let trace = hessian.trace(400, 5).unwrap();
        assert!((trace.value - exact).abs() < 4.0 * trace.standard_error, "{trace:?} {exact}");
        assert!(trace.standard_error < 0.1 * exact.abs().max(0.1), "{trace:?} {exact}");
    }

    #[test]
    fn bits_depend_on_no_number_of_threads_and_nothing_is_asked_of_nothing() {
        let (network, data) = specimen(2).unwrap();
        let data = data.select(&(0..100).map(|i| i % 8).collect::<Vec<_>>());
        let v: Vec<f64> = (0..network.spec().parameters()).map(|k| (k as f64).sin()).collect();
        let of = |threads| Hessian::of(&network, &data, &Objective::default(), threads).unwrap();
        assert_eq!(of(1).times(&v).unwrap(), of(3).times(&v).unwrap());
        assert!(of(1).largest(0, 0).is_err() && of(1).trace(1, 0).is_err() && of(1).times(&v[1..]).is_err());
        assert!(Hessian::of(&network, &data.head(0), &Objective::default(), 1).is_err());
    }

    #[test]
    fn the_surface_bends_as_the_eigenvalue_says() {
        let (_, data) = specimen(1).unwrap();
        let network = Network::new(&"5 -> 6 tanh -> 4".parse().unwrap(), 1).unwrap(); // a kink would bend it too
        let hessian = Hessian::of(&network, &data, &Objective::default(), 1).unwrap();
        let top = hessian.largest(40, 3).unwrap();
        let h = 0.02;
        let directions = [top.vector.as_slice(), top.second.as_slice()];
        let losses = surface(&network, &data, &Objective::default(), directions, &[-h, 0.0, h], 1).unwrap();
        let bend = (losses[1][0] - 2.0 * losses[1][1] + losses[1][2]) / (h * h);
        assert!((bend - top.value).abs() < 0.02 * top.value, "{bend} {}", top.value);
        assert!(surface(&network, &data, &Objective::default(), [&[0.0]; 2], &[0.0], 1).is_err());
    }
}
