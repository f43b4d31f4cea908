//! The layers beside the dense one: maps g from z to z', each with its Jacobians, and how maps are joined.

use super::ActivationFunction as _;
use super::matrix::same_size;
use super::{Activation, Layer, Matrix, augment};
use crate::Result;

/// A layer `z' = g(w; z)`, or several of them in a chain or side by side.
///
/// `A = dz'/dw` and `B = dz'/dz` are its Jacobians: going back, `p = A^T q'` and `q = B^T q'`. H(z) is 1 where z > 0, else 0.
///
/// ```text
///                 z'                                               B                              A
/// standardise     (z - m) r,  r = 1 / sqrt(v + epsilon)            r (I - 1 1^T / n - z' z'^T / n)
/// scale           w z + b                                          diag(w)                        (diag(z)  I)
/// gain            w z                                              diag(w)                        diag(z)
/// prelu           max(0, z) + a min(0, z)                          diag(H(z) + a (1 - H(z)))      diag(min(0, z))
/// parametric      z + a (sigma(z) - z)                             diag(1 + a (sigma'(z) - 1))    diag(sigma(z) - z)
/// waves           cos(2 pi w_{jk} z_j + b_{jk})                    -2 pi w sin(...) in column j   -2 pi z_j sin(...), -sin(...)
/// piecewise       b_j + sum_t s_t v_{jt}                           v_{jt} / (e_{t+1} - e_t), t its bin  1 and s_t in row j
/// columns         z_{first + 1}, ...                               1 where it was taken
/// grouped         w_c . z_g + b_c                                  w_c in the columns of part g   z_g and 1 in row c
/// leak            the same, a given                                the same
/// mask            scale z + shift where kept, else dropped         diag(scale where kept, else 0)
/// max             max_i z_{i n + j}                                1 at the first largest i
/// bilinear        z^T W_k z + b_k                                  z^T (W_k + W_k^T)              (z z^T  1) for each k
/// table           rows T_{z_1}, T_{z_2}, ...                       0                              1 where it was looked up
/// chain           g_2(g_1(z))                                      B_2 B_1                        (B_2 A_1  A_2)
/// add             g_1(z) + g_2(z) + ...                            B_1 + B_2 + ...                (A_1  A_2 ...)
/// concatenate     (g_1(z); g_2(z); ...)                            (B_1; B_2; ...)                A_1, A_2, ... as blocks
/// multiply        g_1(z) g_2(z) ...                                sum_i diag(prod_{j /= i} g_j) B_i,   the same of A_i
/// ```
///
/// m and v are mean and variance of the components of z: a row of a layer norm, or a column of a batch in a batch norm.
///
/// # Shapes
///
/// B is n' x n; A is n' x (number of parameters), in the order in which a network's parameters are given: weights row by row,
/// then biases, layer after layer.
///
/// # Source
///
/// Parametric and waves: Holzmueller, Grinsztajn and Steinwart 2024. Standardise: Ba, Kiros and Hinton 2016; Ioffe and Szegedy 2015. Prelu: He et al. 2015. Maxout: Goodfellow et al. 2013.
///
/// # Example
///
/// ```
/// # use layerloop::math::Map;
/// let map = Map::Chain(vec![Map::Standardise { epsilon: 0.0 }, Map::Scale { w: vec![2.0, 2.0], b: vec![0.0, 1.0] }]);
/// assert_eq!(map.g(&[1.0, 3.0])?, [-2.0, 3.0]);
/// assert_eq!(map.b(&[1.0, 3.0])?.entries(), [0.0; 4]); // two standardised numbers are always -1 and 1
/// assert_eq!(map.a(&[1.0, 3.0])?.row(0), [-1.0, 0.0, 1.0, 0.0]);
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Map {
    /// A dense layer.
    Dense(Layer),
    /// A dense layer without a bias: the last column of its W is 0, and no parameter.
    NoBias(Layer),
    /// An activation by itself.
    Activation(Activation),
    /// Mean 0, variance 1.
    Standardise {
        /// Keeps the root above 0.
        epsilon: f64,
    },
    /// A weight and a bias for each component.
    Scale {
        /// Weights.
        w: Vec<f64>,
        /// Biases.
        b: Vec<f64>,
    },
    /// A learnt slope below 0 for each component.
    Prelu {
        /// Slopes.
        a: Vec<f64>,
    },
    /// A weight for each component.
    Gain {
        /// Weights.
        w: Vec<f64>,
    },
    /// A learnt share of an activation for each component.
    Parametric {
        /// Shares.
        a: Vec<f64>,
        /// The activation.
        sigma: Activation,
    },
    /// Each component as several cosines.
    Waves {
        /// Frequencies, those of a component one after the other.
        w: Vec<f64>,
        /// Phases.
        b: Vec<f64>,
    },
    /// Piecewise-linear functions of each component.
    Piecewise {
        /// Ascending, one more than there are bins.
        edges: Vec<f64>,
        /// Functions of a component.
        width: usize,
        /// For each component its b and, bin by bin, its v.
        w: Vec<f64>,
    },
    /// Some of the components.
    Columns {
        /// How many come before them.
        first: usize,
        /// How many they are.
        count: usize,
    },
    /// A dense layer for each of several equal parts.
    Grouped {
        /// Number of parts.
        count: usize,
        /// Outputs of each.
        width: usize,
        /// For each output its weights and its bias.
        w: Vec<f64>,
    },
    /// A slope below 0 for each component that is drawn, not learnt: rrelu.
    Leak {
        /// Slopes.
        a: Vec<f64>,
    },
    /// What is kept is scaled and shifted: dropout, alpha dropout.
    Mask {
        /// Which components are kept.
        kept: Vec<bool>,
        /// Factor of what is kept.
        scale: f64,
        /// What is added to what is kept.
        shift: f64,
        /// The value of the others.
        dropped: f64,
    },
    /// The largest of several pieces: maxout.
    Max {
        /// Number of pieces.
        pieces: usize,
    },
    /// A quadratic form for each output.
    Bilinear {
        /// A matrix for each output.
        w: Vec<Matrix>,
        /// Biases.
        b: Vec<f64>,
    },
    /// Rows of a table, named by whole numbers: embedding.
    Table(Matrix),
    /// One after the other.
    Chain(Vec<Map>),
    /// Side by side, their outputs added.
    Add(Vec<Map>),
    /// Side by side, the mean of their outputs.
    Mean(Vec<Map>),
    /// Side by side, their outputs one after the other.
    Concatenate(Vec<Map>),
    /// Side by side, their outputs multiplied component by component.
    Multiply(Vec<Map>),
}

impl Map {
    /// The output `z' = g(w; z)`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) where `z` has not the length that the map reads.
    #[doc(alias = "g_i")]
    pub fn g(&self, z: &[f64]) -> Result<Vec<f64>> {
        Ok(match self {
            Self::Dense(layer) | Self::NoBias(layer) => layer.g(z)?,
            Self::Activation(sigma) => z.iter().map(|&z| sigma.value(z)).collect(),
            Self::Standardise { epsilon } => {
                let (mean, r) = mean_and_inverse(z, *epsilon);
                z.iter().map(|z| (z - mean) * r).collect()
            }
            Self::Scale { w, b } => {
                same_size("length of z in a scale", w.len(), z.len())?;
                z.iter().zip(w.iter().zip(b)).map(|(z, (w, b))| w * z + b).collect()
            }
            Self::Gain { .. } | Self::Parametric { .. } | Self::Waves { .. } => self.numbers_g(z)?,
            Self::Piecewise { .. } | Self::Columns { .. } | Self::Grouped { .. } => self.numbers_g(z)?,
            Self::Prelu { a } | Self::Leak { a } => {
                same_size("length of z where each has a slope", a.len(), z.len())?;
                z.iter().zip(a).map(|(&z, a)| z.max(0.0) + a * z.min(0.0)).collect()
            }
            Self::Mask { kept, scale, shift, dropped } => {
                same_size("length of z under a mask", kept.len(), z.len())?;
                z.iter().zip(kept).map(|(z, &kept)| if kept { scale * z + shift } else { *dropped }).collect()
            }
            Self::Max { pieces } => largest(z, *pieces).into_iter().map(|at| z[at]).collect(),
            Self::Bilinear { w, b } => {
                let form = |(w, b): (&Matrix, &f64)| Ok(dot(z, &w.times(z)?) + b);
                w.iter().zip(b).map(form).collect::<Result<_>>()?
            }
            Self::Table(rows) => z.iter().flat_map(|&name| rows.row(name as usize)).copied().collect(),
            Self::Chain(maps) => maps.iter().try_fold(z.to_vec(), |z, map| map.g(&z))?,
            Self::Add(maps) => combine(maps, z, |a, b| a + b)?,
            Self::Mean(maps) => {
                combine(maps, z, |a, b| a + b)?.into_iter().map(|sum| sum / maps.len() as f64).collect()
            }
            Self::Multiply(maps) => combine(maps, z, |a, b| a * b)?,
            Self::Concatenate(maps) => maps.iter().map(|map| map.g(z)).collect::<Result<Vec<_>>>()?.concat(),
        })
    }

    /// The Jacobian by z, `B = dz'/dz`.
    ///
    /// # Errors
    ///
    /// As [`Self::g`].
    #[doc(alias = "B_i")]
    pub fn b(&self, z: &[f64]) -> Result<Matrix> {
        Ok(match self {
            // z' = sigma(W z^{;1})
            Self::Dense(layer) | Self::NoBias(layer) => {
                let slopes = layer.sigma_prime(&layer.t(z)?);
                Matrix::from_fn(layer.outputs(), layer.inputs(), |r, c| slopes[r] * layer.w()[(r, c)])
            }
            Self::Activation(sigma) => diagonal(z.iter().map(|&z| sigma.derivative(z)).collect()),
            // z' = (z - m) r
            Self::Standardise { epsilon } => {
                let ((_, r), n, out) = (mean_and_inverse(z, *epsilon), z.len() as f64, self.g(z)?);
                let entry = |i: usize, j: usize| f64::from(i == j) - 1.0 / n - out[i] * out[j] / n;
                Matrix::from_fn(z.len(), z.len(), |i, j| r * entry(i, j))
            }
            Self::Scale { w, .. } => diagonal(w.clone()),
            Self::Gain { .. } | Self::Parametric { .. } | Self::Waves { .. } => self.numbers_b(z),
            Self::Piecewise { .. } | Self::Columns { .. } | Self::Grouped { .. } => self.numbers_b(z),
            Self::Prelu { a } | Self::Leak { a } => {
                diagonal(z.iter().zip(a).map(|(&z, &a)| if z > 0.0 { 1.0 } else { a }).collect())
            }
            Self::Mask { kept, scale, .. } => {
                diagonal(kept.iter().map(|&kept| if kept { *scale } else { 0.0 }).collect())
            }
            Self::Max { pieces } => {
                let from = largest(z, *pieces);
                Matrix::from_fn(from.len(), z.len(), |r, c| f64::from(from[r] == c))
            }
            // z'_k = z^T W_k z + b_k
            Self::Bilinear { w, .. } => {
                let n = z.len();
                let row = |w: &Matrix, c: usize| (0..n).map(|i| z[i] * (w[(i, c)] + w[(c, i)])).sum();
                Matrix::from_fn(w.len(), n, |r, c| row(&w[r], c))
            }
            Self::Table(rows) => Matrix::from_fn(z.len() * rows.cols(), z.len(), |_, _| 0.0),
            Self::Chain(maps) => {
                let (mut z, mut b) = (z.to_vec(), diagonal(vec![1.0; z.len()]));
                for map in maps {
                    b = product(&map.b(&z)?, &b);
                    z = map.g(&z)?;
                }
                b
            }
            Self::Add(maps) => {
                let all = maps.iter().map(|map| map.b(z)).collect::<Result<Vec<_>>>()?;
                Matrix::from_fn(all[0].rows(), all[0].cols(), |r, c| all.iter().map(|b| b[(r, c)]).sum())
            }
            Self::Mean(maps) => over(maps.len(), &Self::Add(maps.clone()).b(z)?),
            Self::Concatenate(maps) => {
                let all = maps.iter().map(|map| map.b(z)).collect::<Result<Vec<_>>>()?;
                let rows: Vec<&[f64]> = all.iter().flat_map(|b| (0..b.rows()).map(|r| b.row(r))).collect();
                Matrix::from_rows(&rows)?
            }
            Self::Multiply(maps) => {
                let all = maps.iter().map(|map| map.b(z)).collect::<Result<Vec<_>>>()?;
                let others = others(maps, z)?;
                let entry = |r: usize, c: usize| all.iter().zip(&others).map(|(b, o)| o[r] * b[(r, c)]).sum();
                Matrix::from_fn(all[0].rows(), all[0].cols(), entry)
            }
        })
    }

    /// The Jacobian by its parameters, `A = dz'/dw`.
    ///
    /// # Errors
    ///
    /// As [`Self::g`].
    #[doc(alias = "A_i")]
    pub fn a(&self, z: &[f64]) -> Result<Matrix> {
        let none = |rows: usize| Matrix::from_fn(rows, 0, |_, _| 0.0);
        Ok(match self {
            // z' = sigma(W z^{;1}): weights first, then the biases
            Self::Dense(layer) => {
                let (slopes, z, n) = (layer.sigma_prime(&layer.t(z)?), augment(z), layer.inputs());
                let weights = layer.outputs() * n;
                let entry = |r: usize, c: usize| match c.checked_sub(weights) {
                    None if c / n == r => slopes[r] * z[c % n],
                    Some(bias) if bias == r => slopes[r],
                    _ => 0.0,
                };
                Matrix::from_fn(layer.outputs(), weights + layer.outputs(), entry)
            }
            Self::NoBias(layer) => {
                let with_bias = Self::Dense(layer.clone()).a(z)?;
                with_bias.columns(0..layer.outputs() * layer.inputs())
            }
            Self::Scale { w, .. } => beside(&diagonal(z.to_vec()), &diagonal(vec![1.0; w.len()])),
            Self::Gain { .. } | Self::Parametric { .. } | Self::Waves { .. } => self.numbers_a(z),
            Self::Piecewise { .. } | Self::Grouped { .. } => self.numbers_a(z),
            Self::Prelu { .. } => diagonal(z.iter().map(|z| z.min(0.0)).collect()),
            Self::Bilinear { w, .. } => {
                let (n, outputs) = (z.len(), w.len());
                let entry = |r: usize, c: usize| match c.checked_sub(outputs * n * n) {
                    None if c / (n * n) == r => z[c / n % n] * z[c % n],
                    Some(bias) if bias == r => 1.0,
                    _ => 0.0,
                };
                Matrix::from_fn(outputs, outputs * n * n + outputs, entry)
            }
            // z'_{k width + i} = T_{z_k i}; the table is given as its transpose, width x count
            Self::Table(rows) => {
                let (count, width) = (rows.rows(), rows.cols());
                let entry =
                    |r: usize, c: usize| f64::from(z[r / width] as usize == c % count && r % width == c / count);
                Matrix::from_fn(z.len() * width, count * width, entry)
            }
            Self::Chain(maps) => {
                let (mut z, mut a) = (z.to_vec(), none(z.len()));
                for map in maps {
                    a = beside(&product(&map.b(&z)?, &a), &map.a(&z)?);
                    z = map.g(&z)?;
                }
                a
            }
            Self::Add(maps) => side_by_side(&jacobians_by_parameters(maps, z)?),
            Self::Mean(maps) => over(maps.len(), &side_by_side(&jacobians_by_parameters(maps, z)?)),
            Self::Concatenate(maps) => block_diagonal(&jacobians_by_parameters(maps, z)?),
            Self::Multiply(maps) => {
                let scaled = jacobians_by_parameters(maps, z)?.into_iter().zip(others(maps, z)?);
                let scaled = scaled.map(|(a, o)| Matrix::from_fn(a.rows(), a.cols(), |r, c| o[r] * a[(r, c)]));
                side_by_side(&scaled.collect::<Vec<_>>())
            }
            _ => none(self.g(z)?.len()),
        })
    }
}

/// M / n
fn over(n: usize, m: &Matrix) -> Matrix {
    Matrix::from_fn(m.rows(), m.cols(), |r, c| m[(r, c)] / n as f64)
}

/// A of each of several maps that read the same z.
fn jacobians_by_parameters(maps: &[Map], z: &[f64]) -> Result<Vec<Matrix>> {
    maps.iter().map(|map| map.a(z)).collect()
}

/// (M_1 M_2 ...)
fn side_by_side(all: &[Matrix]) -> Matrix {
    all.iter().skip(1).fold(all[0].clone(), |left, right| beside(&left, right))
}

/// The matrices along the diagonal, zeros elsewhere.
fn block_diagonal(all: &[Matrix]) -> Matrix {
    let rows: usize = all.iter().map(Matrix::rows).sum();
    let (mut joined, mut above) = (Matrix::from_fn(rows, 0, |_, _| 0.0), 0);
    for a in all {
        let inside = above..above + a.rows();
        let entry = |r: usize, c: usize| if inside.contains(&r) { a[(r - inside.start, c)] } else { 0.0 };
        joined = beside(&joined, &Matrix::from_fn(rows, a.cols(), entry));
        above = inside.end;
    }
    joined
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// m, and 1 / sqrt(v + epsilon).
pub(super) fn mean_and_inverse(z: &[f64], epsilon: f64) -> (f64, f64) {
    let n = z.len() as f64;
    let mean = z.iter().sum::<f64>() / n;
    let variance = z.iter().map(|z| (z - mean) * (z - mean)).sum::<f64>() / n;
    (mean, 1.0 / (variance + epsilon).sqrt())
}

/// The index of the largest of the pieces z_j, z_{n+j}, z_{2n+j}, ..., the first of equals, for each j.
pub(super) fn largest(z: &[f64], pieces: usize) -> Vec<usize> {
    let n = z.len() / pieces;
    (0..n).map(|j| (1..pieces).map(|i| i * n + j).fold(j, |best, at| if z[at] > z[best] { at } else { best })).collect()
}

pub(super) fn diagonal(entries: Vec<f64>) -> Matrix {
    Matrix::from_fn(entries.len(), entries.len(), |r, c| if r == c { entries[r] } else { 0.0 })
}

fn product(left: &Matrix, right: &Matrix) -> Matrix {
    let entry = |r: usize, c: usize| (0..left.cols()).map(|k| left[(r, k)] * right[(k, c)]).sum();
    Matrix::from_fn(left.rows(), right.cols(), entry)
}

pub(super) fn beside(left: &Matrix, right: &Matrix) -> Matrix {
    let n = left.cols();
    Matrix::from_fn(left.rows(), n + right.cols(), |r, c| if c < n { left[(r, c)] } else { right[(r, c - n)] })
}

/// The outputs of maps side by side, put together component by component.
fn combine(maps: &[Map], z: &[f64], f: impl Fn(f64, f64) -> f64) -> Result<Vec<f64>> {
    let all = maps.iter().map(|map| map.g(z)).collect::<Result<Vec<_>>>()?;
    all.windows(2).try_for_each(|pair| same_size("outputs of maps side by side", pair[0].len(), pair[1].len()))?;
    Ok((0..all[0].len()).map(|r| all[1..].iter().fold(all[0][r], |value, other| f(value, other[r]))).collect())
}

/// For each map the product of what all others give.
pub(super) fn others(maps: &[Map], z: &[f64]) -> Result<Vec<Vec<f64>>> {
    let all = maps.iter().map(|map| map.g(z)).collect::<Result<Vec<_>>>()?;
    let without = |i: usize, r: usize| (0..all.len()).filter(|&j| j != i).map(|j| all[j][r]).product();
    Ok((0..all.len()).map(|i| (0..all[0].len()).map(|r| without(i, r)).collect()).collect())
}

#[cfg(test)]
mod tests;
