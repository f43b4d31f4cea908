//! What a network makes of the columns of a table: how much worse it is without the values of one, and what it predicts when one varies.

use crate::data::{Dataset, Inputs};
use crate::evaluate::mean_loss;
use crate::network::Predictor;
use crate::objective::Objective;
use crate::preprocess::{Column, Frame, MISSING, Preprocessing, Target, Values};
use crate::rng::Stream;
use crate::{Error, Result};

/// How much worse a network is when the values of a column are exchanged among the rows.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Importance {
    /// The column of the table, or the input where there is none.
    pub column: String,
    /// Mean over the shuffles of the increase of the loss.
    pub mean: f64,
    /// Standard deviation over the shuffles.
    pub deviation: f64,
}

/// The permutation importance of each column of a table on these rows: of a data set without one, of each input.
///
/// I_j = 1/R sum_r (L(f, X with the values of column j in the order of shuffle r) - L(f, X)), L the mean loss over the rows. All inputs that
/// one column has become are exchanged together, so that no row is what the preprocessing cannot give. Every column sees the same
/// shuffles.
///
/// # Shapes    one importance for each column that is used, in the order of the table
/// # Units     those of the loss: nats of classes, squared deviations of the target of numbers
/// # Errors    [`Error::Config`] for no shuffles; those of [`Predictor::evaluate_by`]
/// # Numerics  sums are f64, in row order; the same bits for every number of threads
/// # Source    Breiman 2001, section 10; Fisher, Rudin and Dominici 2019
///
/// # Example
/// ```
/// use layerloop::data::Dataset;
/// use layerloop::explain::permutation_importance;
/// use layerloop::network::{Network, Predictor, Tensor};
/// use layerloop::objective::Objective;
/// // y = 2 a, whatever b is.
/// let line = [Tensor::new("layers.0.weight", [1, 2], [2.0, 0.0]), Tensor::new("layers.0.bias", [1], [0.0])];
/// let predictor = Predictor::new(Network::from_tensors(&"2 -> 1 -> identity".parse()?, line)?, 1)?;
/// let data = Dataset::regression("line", vec![0.0, 5.0, 1.0, 5.0, 2.0, 6.0].into(), 2, vec![0.0, 2.0, 4.0], ["y"])?;
/// let data = data.with_columns(["a", "b"])?;
/// let [a, b] = &permutation_importance(&predictor, &data, &Objective::default(), 5, 0)?[..] else { panic!("two") };
/// assert!(a.column == "a" && a.mean > 1.0 && (b.mean, b.deviation) == (0.0, 0.0));
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn permutation_importance(
    predictor: &Predictor,
    data: &Dataset,
    objective: &Objective,
    shuffles: usize,
    seed: u64,
) -> Result<Vec<Importance>> {
    if shuffles == 0 {
        return Err(Error::config("shuffles", "0; at least 1 is needed"));
    }
    let objective = objective.of_evaluation();
    let loss = |data: &Dataset| mean_loss(data, &predictor.evaluate_by(data, &objective)?.1);
    let (base, rows, width) = (loss(data)?, data.rows(), data.width());
    let inputs: Vec<f32> = (0..rows).flat_map(|row| data.row(row)).collect();
    let orders: Vec<Vec<usize>> = (0..shuffles)
        .map(|shuffle| {
            let mut order: Vec<usize> = (0..rows).collect();
            Stream::new(seed, "importance", shuffle as u64).shuffle(&mut order);
            order
        })
        .collect();
    let mut changed = inputs.clone();
    let of = |(column, places): (String, Vec<usize>)| {
        let mut increases = Vec::with_capacity(shuffles);
        for order in &orders {
            for (row, from) in order.iter().enumerate() {
                copy(&places, &inputs[from * width..], &mut changed[row * width..]);
            }
            increases.push(loss(&data.with_inputs(Inputs::from(changed.as_slice()))?)? - base);
        }
        for (changed, inputs) in changed.chunks_exact_mut(width).zip(inputs.chunks_exact(width)) {
            copy(&places, inputs, changed);
        }
        let mean = increases.iter().sum::<f64>() / shuffles as f64;
        let variance = increases.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / shuffles as f64;
        Ok(Importance { column, mean, deviation: variance.sqrt() })
    };
    columns(data).into_iter().map(of).collect()
}

/// Copies the inputs at `places` of one row into another.
fn copy(places: &[usize], from: &[f32], to: &mut [f32]) {
    places.iter().for_each(|&at| to[at] = from[at]);
}

/// The columns of a data set, each with the places of the inputs that it has become.
fn columns(data: &Dataset) -> Vec<(String, Vec<usize>)> {
    match (data.preprocessing(), data.columns()) {
        (Some(by), _) => by.inputs_of_columns().into_iter().map(|(name, places)| (name.to_owned(), places)).collect(),
        (None, Some(names)) => names.iter().enumerate().map(|(i, name)| (name.clone(), vec![i])).collect(),
        (None, None) => (0..data.width()).map(|i| (format!("input {i}"), vec![i])).collect(),
    }
}

/// What a network predicts on the average when a column has one value in all rows.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Dependence {
    /// The values.
    pub at: Column,
    /// The mean predictions at each of them: probabilities of all classes, or numbers in the units of the table.
    pub outputs: Vec<Vec<f64>>,
}

/// The values of a column to look at: up to `points` quantiles of numbers, i / (points - 1), those that are nearest among its values, without
/// repetitions; or the `points` most frequent levels, of equally frequent ones those that come first. Missing values are none of them.
///
/// # Example
/// ```
/// use layerloop::explain::grid;
/// use layerloop::preprocess::{Column, Values};
/// let ages = Column::numbers("age", vec![40.0, 20.0, f64::NAN, 30.0, 20.0]);
/// assert_eq!(grid(&ages, 3).values, Values::Numbers(vec![20.0, 30.0, 40.0]));
/// ```
#[must_use]
pub fn grid(column: &Column, points: usize) -> Column {
    let values = match &column.values {
        Values::Numbers(values) => {
            let mut sorted: Vec<f64> = values.iter().copied().filter(|x| !x.is_nan()).collect();
            sorted.sort_by(f64::total_cmp);
            let quantile = |i: usize| {
                let share = i as f64 / points.saturating_sub(1).max(1) as f64;
                sorted[(share * (sorted.len() - 1) as f64).round() as usize]
            };
            let mut values: Vec<f64> = if sorted.is_empty() { Vec::new() } else { (0..points).map(quantile).collect() };
            values.dedup();
            Values::Numbers(values)
        }
        Values::Levels { codes, levels } => {
            let mut counts: Vec<(usize, usize)> = (0..levels.len()).map(|level| (0, level)).collect();
            codes.iter().filter(|code| **code != MISSING).for_each(|code| counts[*code as usize].0 += 1);
            counts.retain(|(rows, _)| *rows > 0);
            counts.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
            counts.truncate(points);
            let levels: Vec<String> = counts.into_iter().map(|(_, level)| levels[level].clone()).collect();
            Values::Levels { codes: (0..levels.len() as u32).collect(), levels }
        }
    };
    Column { values, ..column.clone() }
}

/// The partial dependence of the predictions on one column: for each value v in `at`
///
/// F_j(v) = 1/N sum_b f(x_b with column j = v),
///
/// the mean over the rows of `frame`, whose other columns stay as they are. Where columns depend on each other, some of these rows are none
/// that occur.
///
/// # Shapes    as many means as `at` has rows, each of all classes or numbers
/// # Units     probabilities; numbers in the units of the table
/// # Errors    [`Error::Data`] if there are no rows, or the frame lacks a column; [`Error::Shape`] if the network takes other inputs
/// # Numerics  sums are f64, in row order; the same bits for every number of threads
/// # Source    Friedman 2001, section 8.2
///
/// # Example
/// ```
/// use layerloop::explain::{grid, partial_dependence};
/// use layerloop::network::{Network, Predictor, Tensor};
/// use layerloop::preprocess::{Column, Frame, PreprocessOptions, Preprocessing};
/// let side = Column::numbers("side", vec![1.0, 2.0, 3.0]);
/// let table = Frame::new("t", vec![side.clone(), Column::numbers("pay", vec![10.0, 20.0, 30.0])])?;
/// let by = Preprocessing::fit(&table, &["pay"], &PreprocessOptions::default())?;
/// let line = [Tensor::new("layers.0.weight", [1, 1], [1.0]), Tensor::new("layers.0.bias", [1], [0.0])];
/// let predictor = Predictor::new(Network::from_tensors(&"1 -> 1 -> identity".parse()?, line)?, 1)?;
/// let found = partial_dependence(&predictor, &by, &table, &grid(&side, 3))?;
/// assert_eq!(found.outputs.iter().map(|y| format!("{:.3}", y[0])).collect::<Vec<_>>(), ["10.000", "20.000", "30.000"]);
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn partial_dependence(predictor: &Predictor, by: &Preprocessing, frame: &Frame, at: &Column) -> Result<Dependence> {
    if frame.rows() == 0 {
        return Err(Error::data(frame.name(), "there are no rows to average over"));
    }
    frame.column(&at.name)?;
    let names = by.target().names().len();
    let outputs = (0..at.rows()).map(|point| {
        let everywhere = at.select(&vec![point; frame.rows()]);
        let columns = frame.columns().iter().map(|column| if column.name == at.name { &everywhere } else { column });
        let rows = Frame::new(frame.name(), columns.cloned().collect())?;
        let outputs = predictor.probabilities(&Inputs::from(by.inputs(&rows)?.inputs.as_slice()))?;
        let mut sums = vec![0.0; names];
        for row in outputs.chunks_exact(predictor.network().classes()) {
            // Of one sigmoid, which gives two outputs, the second is the number.
            let row = &row[row.len() - names..];
            for (k, (sum, output)) in sums.iter_mut().zip(row).enumerate() {
                *sum += match by.target() {
                    Target::Classes { .. } => f64::from(*output),
                    Target::Numbers(targets) => targets[k].decode(*output),
                };
            }
        }
        Ok(sums.into_iter().map(|sum| sum / frame.rows() as f64).collect())
    });
    Ok(Dependence { at: at.clone(), outputs: outputs.collect::<Result<_>>()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Network;
    use crate::preprocess::PreprocessOptions;
    use std::sync::Arc;

    /// A category of three levels that decides, a number with gaps, a column that says nothing.
    fn table() -> (Frame, Dataset) {
        let rows = 120;
        let level = |i: usize| ["a", "b", "c"][i % 3];
        let columns = vec![
            Column::numbers("x", (0..rows).map(|i| if i % 10 == 0 { f64::NAN } else { (i * 7 % 50) as f64 }).collect()),
            Column::categories("kind", (0..rows).map(level)),
            Column::numbers("noise", (0..rows).map(|i| (i * 11 % 13) as f64).collect()),
            Column::categories("y", (0..rows).map(|i| if i % 3 == 1 { "yes" } else { "no" })),
        ];
        let frame = Frame::new("t", columns).unwrap();
        let by = Arc::new(Preprocessing::fit(&frame, &["y"], &PreprocessOptions::default()).unwrap());
        let data = Dataset::of_frame(&frame, &by).unwrap();
        (frame, data)
    }

    fn predictor(data: &Dataset, threads: usize) -> Predictor {
        let spec = format!("{} -> 12 tanh -> 2", data.width());
        Predictor::new(Network::new(&spec.parse().unwrap(), 4).unwrap(), threads).unwrap()
    }

    #[test]
    fn inputs_of_one_column_are_exchanged_together_as_its_cells_are() {
        let (frame, data) = table();
        let (by, objective) = (data.preprocessing().unwrap(), Objective::default());
        let found = permutation_importance(&predictor(&data, 1), &data, &objective, 3, 9).unwrap();
        assert_eq!(found.iter().map(|one| one.column.as_str()).collect::<Vec<_>>(), ["x", "kind", "noise"]);
        assert_eq!(found, permutation_importance(&predictor(&data, 2), &data, &objective, 3, 9).unwrap());
        assert_ne!(found, permutation_importance(&predictor(&data, 1), &data, &objective, 3, 8).unwrap());
        // By its definition, cells of the table exchanged before they are encoded.
        let of = predictor(&data, 1);
        let loss = |data: &Dataset| {
            let (_, losses) = of.evaluate(data).unwrap();
            losses.iter().map(|loss| f64::from(*loss)).sum::<f64>() / losses.len() as f64
        };
        for one in &found {
            let mut increases = Vec::new();
            for shuffle in 0..3 {
                let mut order: Vec<usize> = (0..frame.rows()).collect();
                Stream::new(9, "importance", shuffle).shuffle(&mut order);
                let moved = frame.column(&one.column).unwrap().select(&order);
                let columns =
                    frame.columns().iter().map(|c| if c.name == one.column { moved.clone() } else { c.clone() });
                let other = Frame::new("t", columns.collect()).unwrap();
                increases.push(loss(&Dataset::of_frame(&other, by).unwrap()) - loss(&data));
            }
            let mean = increases.iter().sum::<f64>() / 3.0;
            assert!((mean - one.mean).abs() < 1e-12, "{one:?} {mean}");
            let variance = increases.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 3.0;
            assert!((variance.sqrt() - one.deviation).abs() < 1e-12, "{one:?}");
        }
        let none = permutation_importance(&of, &data, &objective, 0, 9).unwrap_err().to_string();
        assert_eq!(none, "shuffles: 0; at least 1 is needed");
    }

    #[test]
    fn a_partial_dependence_is_the_mean_over_rows_that_are_predicted_one_by_one() {
        let (frame, data) = table();
        let by = data.preprocessing().unwrap();
        for name in ["x", "kind"] {
            let at = grid(frame.column(name).unwrap(), 5);
            let found = partial_dependence(&predictor(&data, 1), by, &frame, &at).unwrap();
            assert_eq!(found, partial_dependence(&predictor(&data, 2), by, &frame, &at).unwrap());
            assert_eq!(found.outputs.len(), at.rows());
            let one = predictor(&data, 1);
            let places = by.inputs_of_columns().into_iter().find(|(column, _)| *column == name).unwrap().1;
            for (point, outputs) in found.outputs.iter().enumerate() {
                // A row with that value: its inputs are put into all others.
                let columns =
                    frame.columns().iter().map(|c| if c.name == name { at.select(&[point]) } else { c.select(&[0]) });
                let row = by.inputs(&Frame::new("one", columns.collect()).unwrap()).unwrap().inputs;
                let mut sum = 0.0;
                for b in 0..frame.rows() {
                    let mut x = data.row(b);
                    copy(&places, &row, &mut x);
                    sum += f64::from(one.probabilities(&x.into()).unwrap()[1]);
                }
                assert!((sum / frame.rows() as f64 - outputs[1]).abs() < 1e-9, "{name} {point}");
                assert!((outputs[0] + outputs[1] - 1.0).abs() < 1e-6);
            }
        }
        let refused = partial_dependence(&predictor(&data, 1), by, &frame.head(0), &grid(&frame.columns()[0], 3));
        assert_eq!(refused.unwrap_err().to_string(), "t: there are no rows to average over");
    }

    #[test]
    fn a_grid_has_quantiles_or_the_most_frequent_levels() {
        let levels = Column::categories("k", ["b", "a", "", "a", "c", "b"]);
        let Values::Levels { levels, .. } = grid(&levels, 2).values else { panic!("levels") };
        assert_eq!(levels, ["b", "a"]);
        assert_eq!(grid(&Column::numbers("x", vec![f64::NAN]), 5).rows(), 0);
        assert_eq!(grid(&Column::numbers("x", vec![1.0, 1.0, 2.0]), 3).values, Values::Numbers(vec![1.0, 2.0]));
    }
}
