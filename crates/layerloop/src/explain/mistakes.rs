//! The worst mistakes of a network, and the training rows behind each.

use serde::Serialize;

use crate::data::{Dataset, Inputs, onecold};
use crate::network::{InputGradients, Network, Of, Predictor, Scratch};
use crate::train::{LastLayer, Objective, last_layer};
use crate::{Error, Result};

/// Training rows that are named for each mistake.
const NEAR: usize = 5;

/// Steps after which no change of the input is found that flips the prediction.
const MOST_STEPS: usize = 100;

/// How far a step goes beyond where the answer should turn.
const BEYOND: f32 = 1.02;

/// A row that the network is wrong about.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Mistake {
    /// The row of the data set.
    pub row: usize,
    /// Its class, by index.
    pub label: usize,
    /// The prediction of the network.
    pub predicted: usize,
    /// Its loss.
    pub loss: f32,
    /// Of every class.
    pub probabilities: Vec<f32>,
    /// The training rows nearest to it in the last hidden layer, by `|z_L - z'_L|`; the nearest first.
    pub nearest: Vec<Near>,
    /// The training rows whose gradient p_L points most along this row's: `<p_L, p'_L> / |p_L|`, the largest first. A step on one of
    /// them makes this row's loss smaller.
    pub aligned: Vec<Near>,
    /// A small change of the input that flips the prediction; none where none was found.
    pub turned: Option<Turned>,
}

/// A training row, and how near it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Near {
    /// The row.
    pub row: usize,
    /// Its distance, or the length of its gradient along another.
    pub by: f32,
}

/// An input that was changed until the answer turned.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Turned {
    /// The changed input.
    pub x: Vec<f32>,
    /// The prediction of the network.
    pub predicted: usize,
    /// Euclidean length of the change.
    pub distance: f32,
}

/// The `count` rows of `data` with the largest loss of those whose class the network does not say, and what `train` has to do with
/// them.
///
/// # Errors
/// [`Error::Data`] where there are no classes; [`Error::Config`] for a network without a dense layer or whose inputs are names;
/// [`Error::Shape`] if the data does not fit it.
///
/// # Example
/// ```
/// use layerloop::explain::{mistakes, specimen};
/// use layerloop::train::Objective;
/// let (network, data) = specimen(0)?;
/// let worst = mistakes(&network, [&data, &data], &Objective::default(), 2, 1)?;
/// assert!(worst[0].loss >= worst[1].loss && worst[0].predicted != worst[0].label);
/// // Among its own rows it is the nearest to itself.
/// assert_eq!((worst[0].nearest[0].row, worst[0].nearest[0].by), (worst[0].row, 0.0));
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn mistakes(
    network: &Network,
    [train, data]: [&Dataset; 2],
    objective: &Objective,
    count: usize,
    threads: usize,
) -> Result<Vec<Mistake>> {
    if data.labels().is_empty() {
        return Err(Error::data(data.name(), "there are no classes in it, so no answer is a mistake"));
    }
    let [of_train, of_data] =
        [last_layer(network, train, objective, threads)?, last_layer(network, data, objective, threads)?];
    let classes = network.classes();
    let predictor = Predictor::new(network, threads)?;
    let probabilities = predictor.probabilities(data.inputs())?;
    let said: Vec<usize> = probabilities.chunks_exact(classes).map(onecold).collect();
    let mut wrong: Vec<usize> = (0..data.rows()).filter(|&row| said[row] != data.labels()[row] as usize).collect();
    wrong.sort_by(|&a, &b| of_data.losses[b].total_cmp(&of_data.losses[a])); // stable: of equals the first stays first
    let gradients = InputGradients::new(network, 1)?;
    let bytes = matches!(data.inputs(), Inputs::Bytes { .. });
    wrong
        .into_iter()
        .take(count)
        .map(|row| {
            let range = bytes.then_some([0.0, 255.0 * data.scale()]);
            Ok(Mistake {
                row,
                label: data.labels()[row] as usize,
                predicted: said[row],
                loss: of_data.losses[row],
                probabilities: probabilities[row * classes..][..classes].to_vec(),
                nearest: first(train.rows(), |i| -distance(&of_train, i, &of_data, row))
                    .map(|near| Near { by: -near.by, ..near })
                    .collect(),
                aligned: first(train.rows(), |i| along(&of_train, i, &of_data, row)).collect(),
                turned: turn(&gradients, &predictor, &data.row(row), range)?,
            })
        })
        .collect()
}

/// A small change of `x` that makes the network say something else: steps along the exact gradient to the nearest class that another
/// logit would win at, then back along the line while the answer stays turned. No number leaves `range`, where there is one.
///
/// # Errors
/// [`Error::Shape`] for a row of another width; [`Error::Config`] for a range whose ends are not ascending numbers.
///
/// # Source
/// Moosavi-Dezfooli, Fawzi and Frossard 2016, DeepFool.
pub fn turn(
    gradients: &InputGradients,
    predictor: &Predictor,
    x: &[f32],
    range: Option<[f32; 2]>,
) -> Result<Option<Turned>> {
    if let Some([low, high]) = range.filter(|range| !range.is_sorted()) {
        return Err(Error::config("range", format!("{low} to {high}; expected two ascending numbers")));
    }
    let mut scratch = predictor.scratch()?;
    let was = onecold(predictor.row(x, &mut scratch)?);
    let mut moved = x.to_vec();
    for _ in 0..MOST_STEPS {
        let p = predictor.row(&moved, &mut scratch)?.to_vec();
        if onecold(&p) != was {
            return nearer(predictor, &mut scratch, x, moved, was).map(Some);
        }
        let Some(step) = step(gradients, &moved, &p, was)? else { return Ok(None) };
        moved.iter_mut().zip(&step).for_each(|(x, step)| *x += step);
        if let Some([low, high]) = range {
            moved.iter_mut().for_each(|x| *x = x.clamp(low, high));
        }
    }
    Ok(None)
}

/// The shortest step to where some other class would be as probable, were the log probabilities linear; none where they are flat.
fn step(gradients: &InputGradients, x: &[f32], p: &[f32], was: usize) -> Result<Option<Vec<f32>>> {
    let row = Inputs::Floats(x.into());
    let mut shortest: Option<(f32, Vec<f32>)> = None;
    for k in (0..p.len()).filter(|&k| k != was) {
        // log p_k - log p_was, whose gradient is (e_k / p_k - e_was / p_was)^T dp/dx
        let gap = p[was].max(f32::MIN_POSITIVE).ln() - p[k].max(f32::MIN_POSITIVE).ln();
        let weights: Vec<f32> = (0..p.len())
            .map(|j| f32::from(u8::from(j == k)) / p[k].max(1e-30) - f32::from(u8::from(j == was)) / p[was].max(1e-30))
            .collect();
        let slope = gradients.of(&row, Of::Outputs(&weights))?;
        let steepness: f32 = slope.iter().map(|s| s * s).sum();
        let length = gap / steepness.sqrt();
        if steepness > 0.0 && length.is_finite() && shortest.as_ref().is_none_or(|(shortest, _)| length < *shortest) {
            let by = BEYOND * gap.max(1e-6) / steepness;
            shortest = Some((length, slope.iter().map(|s| by * s).collect()));
        }
    }
    Ok(shortest.map(|(_, step)| step))
}

/// The point nearest to `x` on the way to `moved` at which the answer is still another one, by halving.
fn nearer(predictor: &Predictor, scratch: &mut Scratch, x: &[f32], moved: Vec<f32>, was: usize) -> Result<Turned> {
    let between = |share: f32| -> Vec<f32> { x.iter().zip(&moved).map(|(x, moved)| x + share * (moved - x)).collect() };
    let (mut stays, mut turns) = (0.0, 1.0);
    for _ in 0..20 {
        let middle = f32::midpoint(stays, turns);
        if onecold(predictor.row(&between(middle), scratch)?) == was { stays = middle } else { turns = middle }
    }
    let turned = between(turns);
    let distance = x.iter().zip(&turned).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
    Ok(Turned { predicted: onecold(predictor.row(&turned, scratch)?), x: turned, distance })
}

/// The rows with the largest values; of equals the first stays first.
fn first(rows: usize, value: impl Fn(usize) -> f32) -> impl Iterator<Item = Near> {
    let mut all: Vec<Near> = (0..rows).map(|row| Near { row, by: value(row) }).collect();
    all.sort_by(|a, b| b.by.total_cmp(&a.by));
    all.into_iter().take(NEAR)
}

fn of_row(values: &[f32], width: usize, row: usize) -> &[f32] {
    &values[row * width..][..width]
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn distance(a: &LastLayer, i: usize, b: &LastLayer, j: usize) -> f32 {
    let [n, _] = a.widths;
    let pairs = of_row(&a.z, n, i).iter().zip(of_row(&b.z, n, j));
    pairs.map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt()
}

/// `<p, p'> / |p'|`, p of row i of `a`, p' of row j of `b`: `<delta (z; 1)^T, delta' (z'; 1)^T> = (delta . delta') (z . z' + 1)`.
fn along(a: &LastLayer, i: usize, b: &LastLayer, j: usize) -> f32 {
    let [n, k] = a.widths;
    let (z, delta) = (of_row(&b.z, n, j), of_row(&b.delta, k, j));
    let length = (dot(delta, delta) * (dot(z, z) + 1.0)).sqrt().max(f32::MIN_POSITIVE);
    dot(of_row(&a.delta, k, i), delta) * (dot(of_row(&a.z, n, i), z) + 1.0) / length
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::specimen;

    fn all() -> (Network, Dataset, Vec<Mistake>) {
        let (network, data) = specimen(3).unwrap();
        let worst = mistakes(&network, [&data, &data], &Objective::default(), 99, 2).unwrap();
        (network, data, worst)
    }

    #[test]
    fn all_mistakes_are_there_the_worst_first() {
        let (network, data, worst) = all();
        let said = Predictor::new(&network, 1).unwrap().probabilities(data.inputs()).unwrap();
        let wrong = said.chunks_exact(4).zip(data.labels()).filter(|(p, label)| onecold(p) != **label as usize).count();
        assert!(worst.len() == wrong && wrong > 2 && worst.is_sorted_by(|a, b| a.loss >= b.loss));
        assert!(worst.iter().all(|m| m.predicted != m.label && (m.loss + m.probabilities[m.label].ln()).abs() < 1e-5));
    }

    /// A step on the aligned row changes the loss of the mistake by what the projection predicts.
    #[test]
    fn a_gradient_points_along_another_as_their_matrices_do() {
        let (network, data, worst) = all();
        let last = |row: usize| {
            let trace = crate::explain::Trace::of(&network, &data, row, &Objective::default()).unwrap();
            trace.layers.last().unwrap().p.entries().to_vec()
        };
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        for mistake in &worst {
            let p = last(mistake.row);
            for near in &mistake.aligned {
                let exact = dot(&last(near.row), &p) / dot(&p, &p).sqrt();
                assert!((f64::from(near.by) - exact).abs() < 1e-5, "{near:?} {exact}");
            }
            assert!(mistake.aligned.is_sorted_by(|a, b| a.by >= b.by) && mistake.nearest[0].by == 0.0);
        }
    }

    #[test]
    fn the_answer_turns_by_a_small_change_and_not_by_a_smaller_one_on_its_way() {
        let (_, data) = specimen(3).unwrap();
        let network = Network::new(&"5 -> 8 tanh -> 4".parse().unwrap(), 2).unwrap();
        let worst = mistakes(&network, [&data, &data], &Objective::default(), 99, 1).unwrap();
        assert!(worst.len() > 2);
        let predictor = Predictor::new(&network, 1).unwrap();
        let mut scratch = predictor.scratch().unwrap();
        for mistake in &worst {
            let x = data.row(mistake.row);
            let turned = mistake.turned.as_ref().expect("a change");
            assert!(
                onecold(predictor.row(&turned.x, &mut scratch).unwrap()) == turned.predicted
                    && turned.predicted != mistake.predicted
            );
            let less: Vec<f32> = x.iter().zip(&turned.x).map(|(x, t)| x + 0.99 * (t - x)).collect();
            assert_eq!(onecold(predictor.row(&less, &mut scratch).unwrap()), mistake.predicted);
        }
        // Of a linear network the shortest way is at right angles to the border: |z_1 - z_0| / |w_1 - w_0|.
        let linear = Network::new(&"5 -> 2".parse().unwrap(), 1).unwrap();
        let (w, x) = (linear.weight(0), data.row(0));
        let across: Vec<f32> = (0..5).map(|i| w[5 + i] - w[i]).collect();
        let exact = dot(&across, &x).abs() / dot(&across, &across).sqrt();
        let gradients = InputGradients::new(&linear, 1).unwrap();
        let turned = turn(&gradients, &Predictor::new(&linear, 1).unwrap(), &x, None).unwrap().unwrap();
        assert!((turned.distance - exact).abs() < 0.01 * exact, "{} {exact}", turned.distance);
    }

    #[test]
    fn without_classes_there_are_no_mistakes() {
        let numbers = Dataset::regression("n", Inputs::Floats(vec![0.0; 4].into()), 2, vec![1.0, 2.0], ["y"]).unwrap();
        let network = Network::new(&"2 -> 1 -> identity".parse().unwrap(), 1).unwrap();
        let said = mistakes(&network, [&numbers, &numbers], &Objective::default(), 1, 1).unwrap_err().to_string();
        assert_eq!(said, "n: there are no classes in it, so no answer is a mistake");
    }
}
