//! What the transposes of a map's Jacobians do to a vector, without the Jacobians: the closed forms of `p` and `q`.

use super::ActivationFunction as _;
use super::map::{largest, mean_and_inverse, others};
use super::matrix::same_size;
use super::{Activation, Layer, Map, Matrix};
use crate::Result;

impl Map {
    /// `p = A^T q'` and `q = B^T q'`, where `q'` is the gradient of the loss by `z' = g(w; z)`.
    ///
    /// ```text
    /// dense         delta = sigma'(t) * q'      p = (delta kron z; delta)       q = W^T delta
    /// standardise                               q = r (q' - m(q') - z' m(q' z'))
    /// scale         p = (z q'; q')              q = w q'
    /// bilinear      p_k = q'_k z kron z, q'     q = sum_k q'_k (W_k + W_k^T) z
    /// chain         from its last map to its first
    /// ```
    ///
    /// # Shapes
    ///
    /// `p` has the length and the order of the columns of [`Self::a`], `q` the length of `z`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) where `z` or `q'` has another length than the map reads or gives.
    ///
    /// # Example
    ///
    /// ```
    /// # use layerloop::math::Map;
    /// let scale = Map::Scale { w: vec![2.0, 3.0], b: vec![0.0, 1.0] };
    /// let (p, q) = scale.adjoint(&[5.0, 7.0], &[1.0, -1.0])?;
    /// assert_eq!((p, q), (vec![5.0, -7.0, 1.0, -1.0], vec![2.0, -3.0]));
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    #[doc(alias = "p_i")]
    #[doc(alias = "q_i")]
    pub fn adjoint(&self, z: &[f64], q_next: &[f64]) -> Result<(Vec<f64>, Vec<f64>)> {
        let times = |slope: &dyn Fn(usize) -> f64| q_next.iter().enumerate().map(|(i, q)| slope(i) * q).collect();
        Ok(match self {
            // z' = sigma(W z^{;1})
            Self::Dense(layer) => {
                let (mut p, delta, q) = dense(layer, z, q_next)?;
                p.extend(delta);
                (p, q)
            }
            Self::NoBias(layer) => {
                let (p, _, q) = dense(layer, z, q_next)?;
                (p, q)
            }
            Self::Activation(sigma) => (vec![], times(&|i| sigma.derivative(z[i]))),
            // z' = (z - m) r
            Self::Standardise { epsilon } => {
                let ((_, r), n, out) = (mean_and_inverse(z, *epsilon), z.len() as f64, self.g(z)?);
                let mean = q_next.iter().sum::<f64>() / n;
                let along = q_next.iter().zip(&out).map(|(q, z)| q * z).sum::<f64>() / n;
                (vec![], q_next.iter().zip(&out).map(|(q, z)| r * (q - mean - z * along)).collect())
            }
            Self::Scale { w, .. } => {
                let p: Vec<f64> = times(&|i| z[i]);
                ([p, q_next.to_vec()].concat(), times(&|i| w[i]))
            }
            Self::Gain { .. } | Self::Parametric { .. } | Self::Waves { .. } => self.numbers_adjoint(z, q_next),
            Self::Piecewise { .. } | Self::Columns { .. } | Self::Grouped { .. } => self.numbers_adjoint(z, q_next),
            // z' = max(0, z) + a min(0, z)
            Self::Prelu { a } => (times(&|i| z[i].min(0.0)), times(&|i| if z[i] > 0.0 { 1.0 } else { a[i] })),
            Self::Leak { a } => (vec![], times(&|i| if z[i] > 0.0 { 1.0 } else { a[i] })),
            Self::Mask { kept, scale, .. } => (vec![], times(&|i| if kept[i] { *scale } else { 0.0 })),
            Self::Max { pieces } => {
                let mut q = vec![0.0; z.len()];
                largest(z, *pieces).into_iter().zip(q_next).for_each(|(from, q_next)| q[from] += q_next);
                (vec![], q)
            }
            Self::Bilinear { w, .. } => bilinear(w, z, q_next)?,
            // z'_{k width + i} = T_{z_k i}
            Self::Table(rows) => {
                let (count, width) = (rows.rows(), rows.cols());
                let mut p = vec![0.0; count * width];
                q_next.iter().enumerate().for_each(|(r, q)| p[r % width * count + z[r / width] as usize] += q);
                (p, vec![0.0; z.len()])
            }
            Self::Chain(maps) => chain(maps, z, q_next)?,
            Self::Add(maps) => side_by_side(maps, z, |_| q_next.to_vec())?,
            // z' = (z_1 + z_2 + ...) / n
            Self::Mean(maps) => side_by_side(maps, z, |_| q_next.iter().map(|q| q / maps.len() as f64).collect())?,
            Self::Concatenate(maps) => {
                let widths = maps.iter().map(|map| Ok(map.g(z)?.len())).collect::<Result<Vec<_>>>()?;
                let start = |i: usize| widths[..i].iter().sum::<usize>();
                same_size("length of the gradient of maps side by side", start(maps.len()), q_next.len())?;
                side_by_side(maps, z, |i| q_next[start(i)..start(i + 1)].to_vec())?
            }
            Self::Multiply(maps) => {
                let others = others(maps, z)?;
                side_by_side(maps, z, |i| q_next.iter().zip(&others[i]).map(|(q, o)| q * o).collect())?
            }
        })
    }
}

/// p of the weights, delta = sigma'(t) * q', and q.
fn dense(layer: &Layer, z: &[f64], q_next: &[f64]) -> Result<(Vec<f64>, Vec<f64>, Vec<f64>)> {
    let slopes = match layer.activation() {
        Activation::Identity => vec![1.0; layer.outputs()],
        _ => layer.sigma_prime(&layer.t(z)?),
    };
    let delta: Vec<f64> = slopes.iter().zip(q_next).map(|(slope, q)| slope * q).collect();
    let p = delta.iter().flat_map(|delta| z.iter().map(move |z| delta * z)).collect();
    let mut q = layer.w().transpose_times(&delta)?;
    q.truncate(layer.inputs());
    Ok((p, delta, q))
}

/// p and q of z'_k = z^T W_k z + b_k.
fn bilinear(w: &[Matrix], z: &[f64], q_next: &[f64]) -> Result<(Vec<f64>, Vec<f64>)> {
    let mut p: Vec<f64> = Vec::with_capacity(w.len() * (z.len() * z.len() + 1));
    let mut q = vec![0.0; z.len()];
    for (w, q_next) in w.iter().zip(q_next) {
        p.extend(z.iter().flat_map(|zi| z.iter().map(move |zj| q_next * zi * zj)));
        let both = w.times(z)?.into_iter().zip(w.transpose_times(z)?);
        q.iter_mut().zip(both).for_each(|(q, (right, left))| *q += q_next * (left + right));
    }
    p.extend(q_next);
    Ok((p, q))
}

/// p and q of maps one after the other: the backward layer loop.
fn chain(maps: &[Map], z: &[f64], q_next: &[f64]) -> Result<(Vec<f64>, Vec<f64>)> {
    let mut values = vec![z.to_vec()];
    for map in maps {
        values.push(map.g(&values[values.len() - 1])?);
    }
    let (mut parts, mut q) = (Vec::with_capacity(maps.len()), q_next.to_vec());
    for (map, z) in maps.iter().zip(&values).rev() {
        let (p, below) = map.adjoint(z, &q)?;
        parts.push(p);
        q = below;
    }
    parts.reverse();
    Ok((parts.concat(), q))
}

/// The gradients of maps that read the same z: their parameters' one after the other, and the sum of those by z.
fn side_by_side(maps: &[Map], z: &[f64], q_next: impl Fn(usize) -> Vec<f64>) -> Result<(Vec<f64>, Vec<f64>)> {
    let (mut all, mut sum) = (Vec::new(), vec![0.0; z.len()]);
    for (i, map) in maps.iter().enumerate() {
        let (p, q) = map.adjoint(z, &q_next(i))?;
        all.extend(p);
        sum.iter_mut().zip(q).for_each(|(sum, q)| *sum += q);
    }
    Ok((all, sum))
}
