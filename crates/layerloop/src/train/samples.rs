//! Each row of a data set by itself: its loss, and the size of its gradient.

use super::full_gradient::sum_of_squares;
use super::step::Stepper;
use crate::data::Dataset;
use crate::network::bound_loss::BoundLoss;
use crate::network::forward::{Batch, Mode};
use crate::network::input_plan::InputPlan;
use crate::network::program::Role;
use crate::network::{Network, Predictor};
use crate::objective::Objective;
use crate::{Error, Result, threads};

/// Rows of a pass.
const BATCH: usize = 512;

/// A row of a data set, by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Sample {
    /// Its loss, with its weight.
    pub loss: f32,
    /// The Euclidean norm of the gradient of that loss on all dense layers; NaN with a batch norm, whose rows have none of
    /// their own.
    pub gradient_norm: f32,
}

/// The loss of every row, and the norm of its gradient, in one forward and backward pass.
///
/// |p_i|^2 = |delta_i|^2 (|z_i|^2 + 1) for a dense layer, since p_i = delta_i (z_i^{;1})^T; without the 1 where it has no bias.
/// The norm is the root of the sum over the dense layers; no gradient is ever built. Nothing is dropped.
///
/// # Errors
/// [`Error::Shape`] if the data does not fit the network, [`Error::Data`] if it is empty; [`Error::Config`] if the objective
/// does not fit.
///
/// # Source
/// Goodfellow 2015, Efficient per-example gradient computations.
///
/// # Example
/// ```
/// use layerloop::data::{Dataset, Inputs};
/// use layerloop::network::{Activation, Network, Spec};
/// use layerloop::train::{Objective, samples};
/// let network = Network::from_weights(&Spec::new(1).layer(2, Activation::Identity), &[(vec![0.0; 2], vec![0.0; 2])])?;
/// let data = Dataset::new("demo", Inputs::Floats(vec![3.0].into()), 1, vec![0], ["a", "b"])?;
/// let sample = samples(&network, &data, &Objective::default(), 1)?[0];
/// // delta = (-1/2, 1/2), z = 3: sqrt(1/2 * (9 + 1))
/// assert_eq!((sample.loss, sample.gradient_norm), (std::f32::consts::LN_2, 5.0_f32.sqrt()));
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn samples(network: &Network, data: &Dataset, objective: &Objective, threads: usize) -> Result<Vec<Sample>> {
    // Rows that meet in a batch norm or in members have no such closed form.
    let unknown = network.program.batch_norms().next().is_some() || network.program.members_of_row > 1;
    let mut samples = Vec::with_capacity(data.rows());
    for_each_batch(network, data, objective, threads, |network, stepper, rows| {
        let mut squares = vec![if unknown { f64::NAN } else { 0.0 }; rows];
        let parameters = network.program.parameters.iter().enumerate();
        for (i, parameter) in parameters.filter(|(_, parameter)| parameter.role == Role::Product) {
            let [z, delta] = stepper.operands(network, i);
            for (row, square) in squares.iter_mut().enumerate() {
                let one = if parameter.bias { 1.0 } else { 0.0 };
                let z = sum_of_squares(z.row(row, parameter.inputs)) + one;
                *square += sum_of_squares(delta.row(row, parameter.outputs)) * z;
            }
        }
        let of_row = |(loss, square): (f32, f64)| Sample { loss, gradient_norm: libm::sqrt(square) as f32 };
        samples.extend(stepper.losses(network).into_iter().zip(squares).map(of_row));
    })?;
    Ok(samples)
}

/// Input and gradient of the last dense layer, for every row of a data set: its p_L is delta_L (z_L; 1)^T.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LastLayer {
    /// z_L, row after row.
    pub(crate) z: Vec<f32>,
    /// delta_L, row after row.
    pub(crate) delta: Vec<f32>,
    pub(crate) losses: Vec<f32>,
    /// Length of a z_L, and of a delta_L.
    pub(crate) widths: [usize; 2],
}

/// # Errors
/// Those of [`samples`]; [`Error::Config`] for a network without a dense layer.
pub(crate) fn last_layer(
    network: &Network,
    data: &Dataset,
    objective: &Objective,
    threads: usize,
) -> Result<LastLayer> {
    let mut parameters = network.program.parameters.iter().enumerate();
    let (i, last) = parameters
        .rfind(|(_, parameter)| parameter.role == Role::Product)
        .ok_or_else(|| Error::config("network", format!("{}: there is no dense layer in it", network.spec())))?;
    if network.program.members_of_row > 1 {
        return Err(Error::config("network", "several members look at each row; this is for networks that do so once"));
    }
    let widths = [last.inputs, last.outputs];
    let mut all = LastLayer { z: vec![], delta: vec![], losses: vec![], widths };
    for_each_batch(network, data, objective, threads, |network, stepper, rows| {
        let [z, delta] = stepper.operands(network, i);
        (0..rows).for_each(|row| all.z.extend_from_slice(z.row(row, widths[0])));
        (0..rows).for_each(|row| all.delta.extend_from_slice(delta.row(row, widths[1])));
        all.losses.extend(stepper.losses(network));
    })?;
    Ok(all)
}

/// Calls `f` with the stepper after it went through some rows, until it went through all of them. Nothing is dropped, every row's
/// gradient is that of its own loss.
fn for_each_batch(
    network: &Network,
    data: &Dataset,
    objective: &Objective,
    threads: usize,
    mut f: impl FnMut(&Network, &Stepper, usize),
) -> Result<()> {
    network.check_fits(data)?;
    if data.rows() == 0 {
        return Err(Error::data(data.name(), "there are no rows to look at"));
    }
    let bound_loss = BoundLoss::new(network, data, objective)?;
    let mut network = network.clone(); // batch norms take note of what they see
    let rows: Vec<u32> = (0..data.rows() as u32).collect();
    let batch = BATCH.min(rows.len());
    let team = threads::team(threads)?;
    let mut stepper = Stepper::new(team, &mut network, InputPlan::all(data.width()), [batch; 2], 0);
    for rows in rows.chunks(BATCH) {
        let batch =
            Batch { source: data.inputs().source(), rows, next: &[], bound_loss: Some(&bound_loss), augmented: None };
        stepper.backpropagate(&mut network, batch, 1.0, Mode::Gradient);
        f(&network, &stepper, rows.len());
    }
    Ok(())
}

/// What the fast path computes for one row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FastSample {
    /// What each dense layer reads, then the logits.
    pub(crate) z: Vec<Vec<f32>>,
    pub(crate) probabilities: Vec<f32>,
    pub(crate) loss: f32,
    /// In canonical order.
    pub(crate) gradient: Vec<f32>,
}

/// The only row of `data`, forward and backward; of a network of dense layers.
///
/// # Errors
/// [`Error::Shape`] if the data does not fit the network; [`Error::Config`] if the objective does not.
pub(crate) fn fast_sample(network: &Network, data: &Dataset, objective: &Objective) -> Result<FastSample> {
    let bound_loss = BoundLoss::new(network, data, objective)?;
    let mut network = network.clone();
    let mut stepper = Stepper::new(threads::team(1)?, &mut network, InputPlan::all(data.width()), [1; 2], 0);
    let batch =
        Batch { source: data.inputs().source(), rows: &[0], next: &[], bound_loss: Some(&bound_loss), augmented: None };
    stepper.backpropagate(&mut network, batch, 1.0, Mode::Gradient);
    let parameters = network.program.parameters.iter().enumerate();
    let mut z: Vec<Vec<f32>> =
        parameters.map(|(i, p)| stepper.operands(&network, i)[0].row(0, p.inputs).to_vec()).collect();
    z.push(stepper.logits(&network).row(0, network.program.logits().width).to_vec());
    let probabilities = Predictor::new(&network, 1)?.probabilities(data.inputs())?;
    let loss = stepper.losses(&network).into_iter().sum();
    Ok(FastSample { z, probabilities, loss, gradient: stepper.gradient(&network) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Inputs;
    use crate::train::loss_and_gradient_of;

    fn data(rows: usize) -> Dataset {
        let values: Vec<f32> = crate::data::for_tests::values(rows * 37);
        let labels = (0..rows).map(|i| i as u32 * 7 % 3).collect::<Vec<u32>>();
        Dataset::new("test", Inputs::Floats(values.into()), 37, labels, ["a", "b", "c"]).unwrap()
    }

    #[test]
    fn they_are_the_losses_and_the_norms_of_gradients_of_single_rows() {
        let data = data(20);
        let networks = [
            "37 -> 3",
            "37 -> 18 tanh -> 33 relu -> 3",
            "37 -> 18 no-bias tanh dropout=0.5 -> 3 -> sigmoid",
            "37 -> skip(37 gelu) -> parallel(8 relu | 5 tanh, join=concatenate) -> 2 -> reference-softmax",
        ];
        for text in networks {
            let network = Network::new(&text.parse().unwrap(), 3).unwrap();
            // Nothing is dropped: the same network without its dropout.
            let still = Network::new(&text.replace(" dropout=0.5", "").parse().unwrap(), 3).unwrap();
            let all = samples(&network, &data, &Objective::default(), 1).unwrap();
            for (row, sample) in all.iter().enumerate() {
                let one = data.select(&[row]);
                let (loss, gradient) = loss_and_gradient_of(&Objective::default(), &still, &one, 1).unwrap();
                let norm = gradient.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
                assert!(
                    (f64::from(sample.loss) - loss).abs() < 1e-6 * loss.abs().max(1.0),
                    "{text}: {sample:?} {loss}"
                );
                assert!((f64::from(sample.gradient_norm) - norm).abs() < 1e-5 * norm, "{text}: {sample:?} {norm}");
            }
        }
    }

    #[test]
    fn bits_do_not_depend_on_threads_nor_on_other_rows() {
        let (data, network) = (data(1100), Network::new(&"37 -> 40 relu -> 3".parse().unwrap(), 3).unwrap());
        let all = samples(&network, &data, &Objective::default(), 1).unwrap();
        assert_eq!(samples(&network, &data, &Objective::default(), 3).unwrap(), all);
        let one = samples(&network, &data.select(&[700]), &Objective::default(), 1).unwrap();
        assert_eq!(one, [all[700]]);
        let normed = Network::new(&"37 -> 4 batch-norm -> 3".parse().unwrap(), 3).unwrap();
        let normed = samples(&normed, &data, &Objective::default(), 1).unwrap();
        assert!(normed.iter().all(|sample| sample.gradient_norm.is_nan() && sample.loss > 0.0));
    }
}
