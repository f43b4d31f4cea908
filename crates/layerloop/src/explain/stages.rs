//! The derivation on a batch: any network as stages that its rows go through together, since a batch norm looks at all of them.

use super::map::Reader;
use super::rounding::Rounding;
use crate::math::ActivationFunction as _;
use crate::math::{Activation, Map};
use crate::network::{Join, Layer, Network, Unit};
use crate::{Error, Result};

/// A row of numbers for each sample.
pub(super) type Rows = Vec<Vec<f64>>;

/// What becomes of the rows of a batch.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// A map of each row.
    Map(Map),
    /// Each column has mean 0 and variance 1, as a row of [`Map::Standardise`] has. Its running statistics are parameters that
    /// no gradient moves.
    BatchStandardise { epsilon: f64, width: usize },
    /// Chains that read the same rows.
    Side(Vec<Vec<Self>>, Join),
}

/// What a stage read, and what it needs to go back.
#[derive(Debug)]
pub(super) enum Tape {
    Rows(Rows),
    /// Of each chain its tape, and what it gave.
    Side(Vec<(Vec<Self>, Rows)>),
}

/// The stages of `network` for a gradient by itself: nothing is dropped, a random slope is its mean.
///
/// # Errors
/// [`Error::Config`] for user-defined layers, which the derivation does not have.
pub(super) fn stages(network: &Network) -> Result<Vec<Stage>> {
    chain(&mut Reader::of(network), &network.spec().layers, network.spec().inputs).map(|(stages, _)| stages)
}

/// The stages of a chain that reads rows of `width` values, and the width of what it gives.
fn chain(reader: &mut Reader, layers: &[Layer], width: usize) -> Result<(Vec<Stage>, usize)> {
    let (mut all, mut width) = (Vec::new(), width);
    for layer in layers {
        match layer {
            Layer::Unit(Unit::BatchNorm { epsilon, .. }) => {
                reader.parameters();
                all.push(Stage::BatchStandardise { epsilon: f64::from(*epsilon), width });
                all.push(Stage::Map(reader.scale()));
            }
            Layer::Skip(layers, join) => {
                let chains = vec![chain(reader, layers, width)?, (vec![], width)];
                width = joined_width(*join, &chains);
                all.push(Stage::Side(chains.into_iter().map(|(stages, _)| stages).collect(), *join));
            }
            Layer::Parallel(chains, join) => {
                let chains = chains.iter().map(|layers| chain(reader, layers, width)).collect::<Result<Vec<_>>>()?;
                width = joined_width(*join, &chains);
                all.push(Stage::Side(chains.into_iter().map(|(stages, _)| stages).collect(), *join));
            }
            other => {
                // A chain of one row's maps, each of which rounds.
                let maps = match reader.layer(other)? {
                    Map::Chain(maps) => maps,
                    map => vec![map],
                };
                for map in maps {
                    width = output_width(&map, width);
                    all.push(Stage::Map(map));
                }
            }
        }
    }
    Ok((all, width))
}

fn joined_width(join: Join, chains: &[(Vec<Stage>, usize)]) -> usize {
    let widths = chains.iter().map(|(_, width)| *width);
    if join == Join::Concatenate { widths.sum() } else { widths.max().unwrap_or(0) }
}

fn output_width(map: &Map, width: usize) -> usize {
    match map {
        Map::Dense(layer) | Map::NoBias(layer) => layer.outputs(),
        Map::Max { pieces } => width / pieces,
        Map::Bilinear { w, .. } => w.len(),
        Map::Waves { w, .. } => w.len(),
        Map::Piecewise { width: each, .. } => width * each,
        Map::Columns { count, .. } => *count,
        Map::Grouped { count, width, .. } => count * width,
        Map::Table(rows) => width * rows.cols(),
        _ => width,
    }
}

/// What the stages make of `z`, and their tapes.
pub(super) fn forward(stages: &[Stage], z: Rows, noise: &mut Rounding) -> Result<(Rows, Vec<Tape>)> {
    let (mut z, mut tapes) = (z, Vec::with_capacity(stages.len()));
    for stage in stages {
        let (next, tape) = stage.forward(z, noise)?;
        tapes.push(tape);
        z = next;
    }
    Ok((z, tapes))
}

/// The gradient of every parameter, summed over the rows, and of what the first stage read; `q` is that of what the last one gave.
pub(super) fn backward(stages: &[Stage], tapes: &[Tape], q: Rows, noise: &mut Rounding) -> Result<(Vec<f64>, Rows)> {
    let (mut q, mut parts) = (q, Vec::with_capacity(stages.len()));
    for (stage, tape) in stages.iter().zip(tapes).rev() {
        let (p, below) = stage.backward(tape, q, noise)?;
        parts.push(p);
        q = below;
    }
    parts.reverse();
    Ok((parts.concat(), q))
}

impl Stage {
    fn forward(&self, mut z: Rows, noise: &mut Rounding) -> Result<(Rows, Tape)> {
        match self {
            Self::Map(map) => {
                let next = z.iter_mut().map(|z| noise.g(map, z)).collect::<Result<Rows>>()?;
                Ok((next, Tape::Rows(z)))
            }
            Self::BatchStandardise { epsilon, .. } => {
                let map = Map::Standardise { epsilon: *epsilon };
                let mut columns = turned(&z);
                let next = columns.iter_mut().map(|column| noise.g(&map, column)).collect::<Result<Rows>>()?;
                Ok((turned(&next), Tape::Rows(columns)))
            }
            Self::Side(chains, join) => {
                let all = chains.iter().map(|chain| forward(chain, z.clone(), noise));
                let sides: Vec<(Vec<Tape>, Rows)> =
                    all.map(|side| side.map(|(rows, tapes)| (tapes, rows))).collect::<Result<_>>()?;
                let row = |r: usize| joined(*join, &sides.iter().map(|(_, rows)| &rows[r][..]).collect::<Vec<_>>());
                let next = (0..z.len()).map(row).collect();
                Ok((next, Tape::Side(sides)))
            }
        }
    }

    fn backward(&self, tape: &Tape, q: Rows, noise: &mut Rounding) -> Result<(Vec<f64>, Rows)> {
        match (self, tape) {
            (Self::Map(map), Tape::Rows(z)) => {
                let (mut p, mut below): (Vec<f64>, Rows) = (Vec::new(), Vec::with_capacity(q.len()));
                for (z, q) in z.iter().zip(&q) {
                    let (of_row, below_row) = noise.adjoint(map, z, q)?;
                    p.resize(of_row.len(), 0.0);
                    p.iter_mut().zip(of_row).for_each(|(p, of_row)| *p += of_row);
                    below.push(below_row);
                }
                noise.shift(&mut p, q.len() as f64, 0.0);
                Ok((p, below))
            }
            (Self::BatchStandardise { epsilon, width }, Tape::Rows(columns)) => {
                let map = Map::Standardise { epsilon: *epsilon };
                let q = turned(&q);
                let below = columns.iter().zip(&q).map(|(z, q)| noise.adjoint(&map, z, q).map(|(_, q)| q));
                Ok((vec![0.0; 2 * width], turned(&below.collect::<Result<Rows>>()?)))
            }
            (Self::Side(chains, join), Tape::Side(sides)) => {
                let (mut all, mut sum): (Vec<f64>, Rows) = (Vec::new(), Vec::new());
                for (i, (chain, (tapes, _))) in chains.iter().zip(sides).enumerate() {
                    let of_row = |(r, q): (usize, &Vec<f64>)| {
                        separated(*join, i, &sides.iter().map(|(_, rows)| &rows[r][..]).collect::<Vec<_>>(), q)
                    };
                    let (p, below) = backward(chain, tapes, q.iter().enumerate().map(of_row).collect(), noise)?;
                    all.extend(p);
                    if sum.is_empty() {
                        sum = below;
                    } else {
                        let values = sum.iter_mut().flatten().zip(below.into_iter().flatten());
                        values.for_each(|(sum, below)| *sum += below);
                    }
                }
                Ok((all, sum))
            }
            _ => Err(Error::config("stages", "the tape is not of these stages")),
        }
    }

    /// The parameter `k` of the stage, in canonical order; none of running statistics, and past the last.
    fn parameter_mut(&mut self, k: usize) -> Option<&mut f64> {
        match self {
            Self::Map(Map::Dense(layer) | Map::NoBias(layer)) => {
                let (inputs, weights) = (layer.inputs(), layer.inputs() * layer.outputs());
                let at = if k < weights {
                    k / inputs * (inputs + 1) + k % inputs
                } else {
                    (k - weights) * (inputs + 1) + inputs
                };
                layer.w_mut().get_mut(at)
            }
            Self::Map(Map::Scale { w, b } | Map::Waves { w, b }) => w.iter_mut().chain(b).nth(k),
            Self::Map(Map::Prelu { a } | Map::Parametric { a, .. }) => a.get_mut(k),
            Self::Map(Map::Gain { w } | Map::Grouped { w, .. } | Map::Piecewise { w, .. }) => w.get_mut(k),
            Self::Map(Map::Bilinear { w, b }) => w.iter_mut().flat_map(|w| w.entries_mut()).chain(b).nth(k),
            Self::Map(Map::Table(rows)) => {
                let (count, width) = (rows.rows(), rows.cols());
                rows.entries_mut().get_mut(k % count * width + k / count)
            }
            Self::Side(chains, _) => chains.iter_mut().flatten().find_in(k),
            Self::Map(_) | Self::BatchStandardise { .. } => None,
        }
    }

    fn parameters(&self) -> usize {
        match self {
            Self::Map(Map::Dense(layer)) => (layer.inputs() + 1) * layer.outputs(),
            Self::Map(Map::NoBias(layer)) => layer.inputs() * layer.outputs(),
            Self::Map(Map::Scale { w, .. } | Map::Waves { w, .. }) => 2 * w.len(),
            Self::Map(Map::Prelu { a } | Map::Parametric { a, .. }) => a.len(),
            Self::Map(Map::Gain { w } | Map::Grouped { w, .. } | Map::Piecewise { w, .. }) => w.len(),
            Self::Map(Map::Bilinear { w, b }) => w.iter().map(|w| w.entries().len()).sum::<usize>() + b.len(),
            Self::Map(Map::Table(rows)) => rows.entries().len(),
            Self::Map(_) => 0,
            Self::BatchStandardise { width, .. } => 2 * width,
            Self::Side(chains, _) => chains.iter().flatten().map(Self::parameters).sum(),
        }
    }
}

/// The parameter `k` of all stages, in canonical order.
pub(super) fn parameter_mut(stages: &mut [Stage], k: usize) -> Option<&mut f64> {
    stages.iter_mut().find_in(k)
}

trait FindIn<'a>: Iterator<Item = &'a mut Stage> + Sized {
    /// The parameter `k` of all of them.
    fn find_in(mut self, mut k: usize) -> Option<&'a mut f64> {
        self.find_map(|stage| {
            let count = stage.parameters();
            if k < count {
                return Some(stage.parameter_mut(k));
            }
            k -= count;
            None
        })?
    }
}

impl<'a, I: Iterator<Item = &'a mut Stage>> FindIn<'a> for I {}

/// On which side of each of its kinks every value of a pass was: a difference across a kink is no derivative.
pub(super) fn sides(stages: &[Stage], tapes: &[Tape]) -> Result<Vec<usize>> {
    let mut all = Vec::new();
    for (stage, tape) in stages.iter().zip(tapes) {
        match (stage, tape) {
            (Stage::Map(map), Tape::Rows(rows)) => {
                rows.iter().try_for_each(|z| sides_of(map, z).map(|sides| all.extend(sides)))?;
            }
            (Stage::Side(chains, _), Tape::Side(tapes)) => {
                for (chain, (tapes, _)) in chains.iter().zip(tapes) {
                    all.extend(sides(chain, tapes)?);
                }
            }
            _ => {}
        }
    }
    Ok(all)
}

fn sides_of(map: &Map, z: &[f64]) -> Result<Vec<usize>> {
    let past = |sigma: Activation, t: &[f64]| {
        let joints = sigma.joints();
        t.iter().map(|t| joints.iter().filter(|joint| t > joint).count()).collect()
    };
    Ok(match map {
        Map::Dense(layer) | Map::NoBias(layer) if !layer.activation().joints().is_empty() => {
            past(layer.activation(), &layer.t(z)?)
        }
        Map::Activation(sigma) | Map::Parametric { sigma, .. } => past(*sigma, z),
        Map::Prelu { .. } | Map::Leak { .. } => z.iter().map(|&z| usize::from(z > 0.0)).collect(),
        Map::Max { pieces } => {
            let n = z.len() / pieces;
            let of = |j: usize, i: usize| z[i * n + j];
            (0..n).map(|j| (1..*pieces).fold(0, |best, i| if of(j, i) > of(j, best) { i } else { best })).collect()
        }
        _ => vec![],
    })
}

fn turned(rows: &Rows) -> Rows {
    let width = rows.first().map_or(0, Vec::len);
    (0..width).map(|column| rows.iter().map(|row| row[column]).collect()).collect()
}

/// What several rows give together.
fn joined(join: Join, rows: &[&[f64]]) -> Vec<f64> {
    let by = |f: fn(f64, f64) -> f64| {
        let columns = 0..rows[0].len();
        columns.map(|c| rows[1..].iter().fold(rows[0][c], |value, row| f(value, row[c]))).collect()
    };
    match join {
        Join::Add => by(|a, b| a + b),
        Join::Mean => by(|a, b| a + b).into_iter().map(|sum| sum / rows.len() as f64).collect(),
        Join::Multiply => by(|a, b| a * b),
        Join::Concatenate => rows.concat(),
    }
}

/// The gradient of the `i`-th of several rows, from that of what they give together.
fn separated(join: Join, i: usize, rows: &[&[f64]], q: &[f64]) -> Vec<f64> {
    let others = |c: usize| (0..rows.len()).filter(|&j| j != i).map(|j| rows[j][c]).product::<f64>();
    match join {
        Join::Add => q.to_vec(),
        Join::Mean => q.iter().map(|q| q / rows.len() as f64).collect(),
        Join::Multiply => q.iter().enumerate().map(|(c, q)| q * others(c)).collect(),
        Join::Concatenate => {
            let start: usize = rows[..i].iter().map(|row| row.len()).sum();
            q[start..start + rows[i].len()].to_vec()
        }
    }
}
