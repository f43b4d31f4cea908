//! The maps of numbers in tables: gain, parametric activation, waves, piecewise-linear functions, columns, groups.

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
            Self::Piecewise { edges, width, w } => {
                let parts = w.chunks_exact(edges.len() * width);
                z.iter()
                    .zip(parts)
                    .flat_map(|(&z, w)| (0..*width).map(move |i| dot(&shares(edges, z), &of(w, i, *width))))
                    .collect()
            }
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
            Self::Piecewise { edges, width, w } => {
                let parts: Vec<_> = w.chunks_exact(edges.len() * width).collect();
                let slope = |r: usize| dot(&slopes(edges, z[r / width]), &of(parts[r / width], r % width, *width));
                Matrix::from_fn(width * z.len(), z.len(), |r, c| if r / width == c { slope(r) } else { 0.0 })
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
            Self::Piecewise { edges, width, w } => {
                let shares: Vec<_> = z.iter().map(|&z| shares(edges, z)).collect();
                let entry = |r: usize, c: usize| {
                    let (row, i) = (c / width, c % width);
                    let own = row / edges.len() == r / width && i == r % width;
                    if own { shares[r / width][row % edges.len()] } else { 0.0 }
                };
                Matrix::from_fn(width * z.len(), w.len(), entry)
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
            // z'_j = b_j + sum_t s_t v_{jt}
            Self::Piecewise { edges, width, w } => {
                let each = z.iter().zip(q_next.chunks_exact(*width));
                let p = each.clone().flat_map(|(&z, q)| {
                    shares(edges, z).into_iter().flat_map(move |share| q.iter().map(move |q| q * share))
                });
                let slope = |((&z, q), w): ((&f64, &[f64]), &[f64])| {
                    (0..*width).map(|i| q[i] * dot(&slopes(edges, z), &of(w, i, *width))).sum()
                };
                (p.collect(), each.clone().zip(w.chunks_exact(edges.len() * width)).map(slope).collect())
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

/// 1, and the share of each bin that z has come through.
fn shares(edges: &[f64], z: f64) -> Vec<f64> {
    let share = |e: &[f64]| ((z - e[0]) / (e[1] - e[0])).clamp(0.0, 1.0);
    std::iter::once(1.0).chain(edges.windows(2).map(share)).collect()
}

/// The derivatives of [`shares`]; at an edge that of the bin on the right.
fn slopes(edges: &[f64], z: f64) -> Vec<f64> {
    let slope = |e: &[f64]| if e[0] <= z && z < e[1] { 1.0 / (e[1] - e[0]) } else { 0.0 };
    std::iter::once(0.0).chain(edges.windows(2).map(slope)).collect()
}

/// The parameters of the i-th of the functions of a value.
fn of(w: &[f64], i: usize, width: usize) -> Vec<f64> {
    w.iter().skip(i).step_by(width).copied().collect()
}

/// 2 pi w_i z_j + b_i of wave i, one of those of z_j.
fn turned(w: &[f64], b: &[f64], z: &[f64], i: usize) -> f64 {
    TAU * w[i] * z[i * z.len() / w.len()] + b[i]
}
