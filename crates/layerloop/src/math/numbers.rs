//! The maps of numbers in tables: gain, parametric activation, waves, bins, columns, groups.

use std::f64::consts::TAU;

use super::ActivationFunction as _;
use super::map::{beside, diagonal, dot};
use super::matrix::same_size;
use super::{Map, Matrix};
use crate::Result;

impl Map {
    /// z'
    pub(super) fn numbers_g(&self, z: &[f64]) -> Result<Vec<f64>> {
        Ok(match self {
            Self::Gain { w } => {
                same_size("length of z where each has a weight", w.len(), z.len())?;
                z.iter().zip(w).map(|(z, w)| w * z).collect()
            }
            Self::Parametric { a, sigma } => {
                same_size("length of z where each has a share", a.len(), z.len())?;
                z.iter().zip(a).map(|(&z, a)| z + a * (sigma.value(z) - z)).collect()
            }
            Self::Waves { w, b } => (0..w.len()).map(|i| turned(w, b, z, i).cos()).collect(),
            Self::Bins { edges } => z.iter().flat_map(|&z| edges.windows(2).map(move |e| share(e, z))).collect(),
            Self::Columns { first, count } => z[*first..first + count].to_vec(),
            Self::Grouped { count, width, w } => {
                let (n, parts) = (z.len() / count, w.chunks_exact(z.len() / count + 1));
                parts.enumerate().map(|(c, w)| dot(&w[..n], &z[c / width * n..]) + w[n]).collect()
            }
            _ => unreachable!("no map of numbers"),
        })
    }

    /// B = dz'/dz
    pub(super) fn numbers_b(&self, z: &[f64]) -> Matrix {
        match self {
            Self::Gain { w } => diagonal(w.clone()),
            Self::Parametric { a, sigma } => {
                diagonal(z.iter().zip(a).map(|(&z, a)| 1.0 + a * (sigma.derivative(z) - 1.0)).collect())
            }
            Self::Waves { w, b } => {
                let count = w.len() / z.len();
                let slope = |r: usize| -TAU * w[r] * turned(w, b, z, r).sin();
                Matrix::from_fn(w.len(), z.len(), |r, c| if r / count == c { slope(r) } else { 0.0 })
            }
            Self::Bins { edges } => {
                let n = edges.len() - 1;
                let entry = |r: usize, c: usize| if r / n == c { share_slope(&edges[r % n..], z[c]) } else { 0.0 };
                Matrix::from_fn(n * z.len(), z.len(), entry)
            }
            Self::Columns { first, count } => Matrix::from_fn(*count, z.len(), |r, c| f64::from(first + r == c)),
            Self::Grouped { count, width, w } => {
                let n = z.len() / count;
                let entry = |r: usize, c: usize| if c / n == r / width { w[r * (n + 1) + c % n] } else { 0.0 };
                Matrix::from_fn(count * width, z.len(), entry)
            }
            _ => unreachable!("no map of numbers"),
        }
    }

    /// A = dz'/dw
    pub(super) fn numbers_a(&self, z: &[f64]) -> Matrix {
        match self {
            Self::Gain { .. } => diagonal(z.to_vec()),
            Self::Parametric { sigma, .. } => diagonal(z.iter().map(|&z| sigma.value(z) - z).collect()),
            Self::Waves { w, b } => {
                let count = w.len() / z.len();
                let slopes: Vec<f64> = (0..w.len()).map(|i| -turned(w, b, z, i).sin()).collect();
                let by_w = slopes.iter().enumerate().map(|(i, slope)| TAU * z[i / count] * slope).collect();
                beside(&diagonal(by_w), &diagonal(slopes))
            }
            Self::Grouped { count, width, .. } => {
                let n = z.len() / count;
                let entry = |r: usize, c: usize| match c.checked_sub(r * (n + 1)) {
                    Some(k) if k < n => z[r / width * n + k],
                    Some(k) if k == n => 1.0,
                    _ => 0.0,
                };
                Matrix::from_fn(count * width, count * width * (n + 1), entry)
            }
            _ => unreachable!("no map of numbers with parameters"),
        }
    }

    /// p = A^T q' and q = B^T q'
    pub(super) fn numbers_adjoint(&self, z: &[f64], q_next: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let times = |slope: &dyn Fn(usize) -> f64| q_next.iter().enumerate().map(|(i, q)| slope(i) * q).collect();
        match self {
            Self::Gain { w } => (times(&|i| z[i]), times(&|i| w[i])),
            // z' = z + a (sigma(z) - z)
            Self::Parametric { a, sigma } => {
                (times(&|i| sigma.value(z[i]) - z[i]), times(&|i| 1.0 + a[i] * (sigma.derivative(z[i]) - 1.0)))
            }
            // z'_i = cos(2 pi w_i z_j + b_i)
            Self::Waves { w, b } => {
                let count = w.len() / z.len();
                let delta: Vec<f64> = times(&|i| -turned(w, b, z, i).sin());
                let p = delta.iter().enumerate().map(|(i, delta)| TAU * z[i / count] * delta);
                let mut q = vec![0.0; z.len()];
                delta.iter().enumerate().for_each(|(i, delta)| q[i / count] += TAU * w[i] * delta);
                (p.chain(delta.iter().copied()).collect(), q)
            }
            // z'_{j n + t} = (z_j - e_t) / (e_{t+1} - e_t), at least 0 and at most 1
            Self::Bins { edges } => {
                let each = z.iter().zip(q_next.chunks_exact(edges.len() - 1));
                let slopes = |z: f64| edges.windows(2).map(move |e| share_slope(e, z));
                (vec![], each.map(|(&z, q)| q.iter().zip(slopes(z)).map(|(q, slope)| q * slope).sum()).collect())
            }
            Self::Columns { first, count } => {
                let mut q = vec![0.0; z.len()];
                q[*first..first + count].copy_from_slice(q_next);
                (vec![], q)
            }
            // z'_c = w_c . z_g + b_c
            Self::Grouped { count, width, w } => {
                let n = z.len() / count;
                let part = |c: usize| c / width * n;
                let of = |(c, q): (usize, &f64)| {
                    z[part(c)..][..n].iter().chain(&[1.0]).map(move |z| q * z).collect::<Vec<_>>()
                };
                let mut q = vec![0.0; z.len()];
                for (c, (w, q_next)) in w.chunks_exact(n + 1).zip(q_next).enumerate() {
                    q[part(c)..][..n].iter_mut().zip(w).for_each(|(q, w)| *q += w * q_next);
                }
                (q_next.iter().enumerate().flat_map(of).collect(), q)
            }
            _ => unreachable!("no map of numbers"),
        }
    }
}

/// How far z has come from the first edge to the second.
fn share(edges: &[f64], z: f64) -> f64 {
    ((z - edges[0]) / (edges[1] - edges[0])).clamp(0.0, 1.0)
}

/// The derivative of [`share`]; at an edge that of the bin on the right.
fn share_slope(edges: &[f64], z: f64) -> f64 {
    if edges[0] <= z && z < edges[1] { 1.0 / (edges[1] - edges[0]) } else { 0.0 }
}

/// 2 pi w_i z_j + b_i of wave i, one of those of z_j.
fn turned(w: &[f64], b: &[f64], z: &[f64], i: usize) -> f64 {
    TAU * w[i] * z[i * z.len() / w.len()] + b[i]
}
