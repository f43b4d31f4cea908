//! What the outputs are measured by: a loss, and the truth of every row.

use layerloop_kernels::loss::{self, Loss, Truth};
use layerloop_kernels::softmax::{self, Logits, Output};
use layerloop_kernels::{Block, RowsMut, gather::Source};

use super::Network;
use super::forward::{Batch, Mode, Pass};
use super::program::Value;
use super::spec::Spec;
use crate::augment::Augmented;
use crate::data::{Dataset, Targets};
use crate::names::OrCustom;
use crate::names::text;
use crate::objective::{self, Objective, Reduction};
use crate::{Error, Result};

/// How far the outputs for the rows of a data set are from what they should be.
#[derive(Debug)]
pub(crate) struct BoundLoss<'a> {
    loss: OrCustom<Loss, dyn objective::custom::Loss>,
    targets: &'a Targets,
    /// What of a label's 1 all classes share.
    smoothing: f32,
    /// How much a row of each class counts; empty where all count the same.
    class_weights: Vec<f32>,
    /// How much each row counts, where they do not count the same.
    weights: Option<&'a [f32]>,
    sum: bool,
    each_member: bool,
}

impl<'a> BoundLoss<'a> {
    /// What `objective` asks of the rows of `data`.
    ///
    /// # Errors
    /// [`Error::Config`] where loss, output map and targets do not go together, [`Error::Data`] for a target that the loss
    /// cannot measure.
    pub(crate) fn new(network: &Network, data: &'a Dataset, objective: &Objective) -> Result<Self> {
        let output = network.spec().output;
        if let Some(fault) = Error::of_several(objective.check()) {
            return Err(fault);
        }
        let bound_loss = Self {
            loss: objective.loss.unwrap_or(default_loss(output, data.targets()).into()),
            targets: data.targets(),
            smoothing: objective.label_smoothing,
            class_weights: objective.weights(data.labels(), network.classes())?,
            weights: data.weights(),
            sum: objective.reduction == Reduction::Sum,
            each_member: objective.each_member,
        };
        if bound_loss.each_member && network.program.members().is_none() {
            let reason =
                format!("`{}` is not an ensemble: it does not end in parallel(..., join=mean)", network.spec());
            return Err(Error::config("each_member", reason));
        }
        bound_loss.check(network.spec(), data)?;
        Ok(bound_loss)
    }

    /// Refuses weights of which none is above 0: such a training would change nothing.
    ///
    /// # Errors
    /// [`Error::Config`] for class weights, also times the weights of the rows; [`Error::Data`] for the latter alone.
    pub(crate) fn check_weights(&self, data: &Dataset) -> Result<()> {
        let of_class = |row: usize| data.labels().get(row).and_then(|&label| self.class_weights.get(label as usize));
        let weight = |row: usize| self.weights.map_or(1.0, |weights| weights[row]) * of_class(row).unwrap_or(&1.0);
        if (0..data.rows()).any(|row| weight(row) > 0.0) {
            return Ok(());
        }
        let reason = "every weight is 0; no row would count";
        Err(if self.class_weights.is_empty() {
            Error::data(data.name(), reason)
        } else {
            Error::config("class_weights", reason)
        })
    }

    /// Whether labels need not be made numbers: cross-entropy has a shorter way.
    fn labels(&self) -> Option<&'a [u32]> {
        match self.targets {
            Targets::Labels { labels, .. }
                if self.loss == Loss::CrossEntropy.into()
                    && self.smoothing == 0.0
                    && self.class_weights.is_empty()
                    && self.weights.is_none() =>
            {
                Some(labels)
            }
            _ => None,
        }
    }

    /// The same of the rows of another part of the data.
    ///
    /// # Errors
    /// [`Error::Data`] for a target that the loss cannot measure.
    #[cfg(feature = "train")]
    pub(crate) fn of<'b>(&self, network: &Network, data: &'b Dataset) -> Result<BoundLoss<'b>> {
        let class_weights = self.class_weights.clone();
        let bound_loss = BoundLoss { targets: data.targets(), weights: data.weights(), class_weights, ..*self };
        bound_loss.check(network.spec(), data)?;
        Ok(bound_loss)
    }

    /// Refuses a loss, an output map and targets that do not go together.
    fn check(&self, spec: &Spec, data: &Dataset) -> Result<()> {
        // A user-defined loss measures whatever it is given.
        let (OrCustom::BuiltIn(loss), output) = (self.loss, spec.output) else { return Ok(()) };
        if !loss.output_allowed(output) {
            let outputs: Vec<String> = loss.outputs().iter().map(|&output| text(output)).collect();
            let reason = format!(
                "{} does not go with the output map {}: it measures what {} gives",
                text(loss),
                text(output),
                outputs.join(" or ")
            );
            return Err(Error::config("loss", reason));
        }
        let hinge = matches!(loss, Loss::Hinge | Loss::SquaredHinge);
        match self.targets {
            Targets::Labels { .. } if output.is_classifier() || hinge => Ok(()),
            Targets::Labels { .. } => {
                let reason = format!(
                    "{} measures numbers, but {} has classes: choose cross-entropy and softmax, or hinge and identity",
                    text(loss),
                    data.name()
                );
                Err(Error::config("loss", reason))
            }
            Targets::Numbers { .. } if self.smoothing > 0.0 => {
                Err(Error::config("label_smoothing", format!("{}; {} has no labels", self.smoothing, data.name())))
            }
            Targets::Numbers { .. } if !self.class_weights.is_empty() => {
                Err(Error::config("class_weights", format!("{} has no classes", data.name())))
            }
            Targets::Numbers { values, names } => {
                if let Some((range, fits)) = range_of_targets(loss, output)
                    && let Some(at) = values.iter().position(|&value| !fits(value))
                {
                    let (row, name) = (at / names.len(), &names[at % names.len()]);
                    let reason = format!("`{name}` is {}; {} takes targets {range}", values[at], text(loss));
                    return Err(Error::row(data.name(), row, reason));
                }
                if output.is_softmax() {
                    let sums = values.chunks_exact(names.len()).map(|row| row.iter().sum::<f32>());
                    if let Some((row, sum)) = sums.enumerate().find(|(_, sum)| (sum - 1.0).abs() > 1e-3) {
                        let reason = format!(
                            "its targets sum to {sum}; under {} they are one distribution, of sum 1: classes that do not \
                             exclude each other are for the output map sigmoid",
                            text(output)
                        );
                        return Err(Error::row(data.name(), row, reason));
                    }
                }
                Ok(())
            }
        }
    }

    /// What every gradient is multiplied by, for a step of so many rows.
    pub(crate) fn scale(&self, rows: usize) -> f32 {
        if self.sum { 1.0 } else { 1.0 / rows as f32 }
    }

    /// Whether each member of an ensemble has a loss of its own.
    pub(crate) fn of_members(&self) -> bool {
        self.each_member
    }

    /// The loss of each row of a block, and its gradient on the logits where the last delta will be; `scale` is 1 / B where
    /// the loss of a batch is a mean.
    pub(crate) fn evaluate(&self, pass: Pass, batch: Batch, scale: f32, block: &mut Block) {
        let program = &pass.network.program;
        let last = program.logits();
        let Some(members) = program.members().filter(|_| self.each_member && pass.mode != Mode::Use) else {
            return self.evaluate_logits(pass, batch, scale, last, block);
        };
        let (places, n) = (pass.places, members.len() as f32);
        for (i, &member) in members.iter().enumerate() {
            self.evaluate_logits(pass, batch, scale / n, program.values[member], block);
            // The gradient of the mean is not needed: the sum of the losses stands in its place.
            let ([mut sum], [loss]) = block.write([places.delta(last)], [places.loss()]);
            for row in 0..loss.count() {
                let before = if i == 0 { 0.0 } else { sum.row(row, 1)[0] };
                sum.row(row, 1)[0] = before + loss.row(row, 1)[0] / n;
            }
        }
        let ([mut loss], [sum]) = block.write([places.loss()], [places.delta(last)]);
        (0..sum.count()).for_each(|row| loss.row(row, 1)[0] = sum.row(row, 1)[0]);
    }

    /// The loss of each row and its gradient on the logits `last`.
    fn evaluate_logits(&self, pass: Pass, batch: Batch, scale: f32, last: Value, block: &mut Block) {
        let Pass { isa, network, places, .. } = pass;
        let output = network.spec().output;
        let mixed = batch.augmented.filter(|augmented| augmented.augmenter.mixes());
        if let (Some(labels), None) = (self.labels(), mixed) {
            // l = log S - z_y
            let ([delta, loss], [z]) = block.write([places.delta(last), places.loss()], [places.z(last)]);
            let logits = Logits { rows: z, width: last.width, output };
            let labels = batch.rows.iter().map(|&row| labels[row as usize]);
            return softmax::cross_entropy(isa, logits, labels, scale, delta, loss);
        }
        let ([mut targets, mut weights], []) = block.write([places.targets(), places.weights()], []);
        self.truth(batch, network.spec(), last.width, targets.again(), weights.again());
        if let Some(augmented) = mixed {
            self.mix(augmented, batch, network.spec(), last.width, [targets, weights]);
        }
        let reads = [places.z(last), places.targets(), places.weights()];
        let ([delta, loss], [z, targets, weights]) = block.write([places.delta(last), places.loss()], reads);
        let logits = Logits { rows: z, width: last.width, output };
        match self.loss {
            OrCustom::BuiltIn(built_in) => {
                loss::evaluate(isa, built_in, logits, Truth { targets, weights, scale }, delta, loss)
            }
            OrCustom::Custom(own) => evaluate_own(&*own, logits, Truth { targets, weights, scale }, delta, loss),
        }
    }

    /// The loss, and what it measures the outputs for `row` against.
    ///
    /// # Errors
    /// [`Error::Config`] for a user-defined loss, which has a value and a gradient but no equation.
    pub(crate) fn of_row(&self, network: &Network, row: u32) -> Result<(Loss, Vec<f32>)> {
        let OrCustom::BuiltIn(loss) = self.loss else {
            let reason = format!("{:?} is not in the derivation; choose one of `layerloop list losses`", self.loss);
            return Err(Error::config("loss", reason));
        };
        let (spec, logits) = (network.spec(), network.program.logits().width);
        let (mut y, mut weight) = (vec![0.0; spec.output.targets(logits)], [0.0]);
        let batch = Batch { source: Source::Floats(&[]), rows: &[row], next: &[], bound_loss: None, augmented: None };
        let stride = y.len();
        self.truth(batch, spec, logits, RowsMut { values: &mut y, stride }, RowsMut { values: &mut weight, stride: 1 });
        Ok((loss, y))
    }

    /// l y + (1 - l) y' of each row that is mixed with another one, and the same of their weights.
    fn mix(&self, of: Augmented, batch: Batch, spec: &Spec, logits: usize, [mut targets, mut weights]: [RowsMut; 2]) {
        let width = spec.output.targets(logits);
        let mut other = vec![0.0; width + 1];
        let (target, weight) = other.split_at_mut(width);
        for (r, &row) in batch.rows.iter().enumerate() {
            let Some((partner, share)) = of.augmenter.mixed(of.epoch, row) else { continue };
            let to = [(&mut *target, width), (&mut *weight, 1)].map(|(values, stride)| RowsMut { values, stride });
            let [to_target, to_weight] = to;
            self.truth(Batch { rows: &[partner], ..batch }, spec, logits, to_target, to_weight);
            let own = targets.row(r, width).iter_mut().chain(weights.row(r, 1));
            own.zip(target.iter().chain(&*weight)).for_each(|(own, other)| *own = share * *own + (1.0 - share) * other);
        }
    }

    /// Targets and weight of each row of a block.
    fn truth(&self, batch: Batch, spec: &Spec, logits: usize, targets: RowsMut, mut weights: RowsMut) {
        let of_row = |row: u32| self.weights.map_or(1.0, |weights| weights[row as usize]);
        match self.targets {
            Targets::Labels { labels, .. } => {
                let labels = batch.rows.iter().map(|&row| labels[row as usize]);
                for (i, (&row, label)) in batch.rows.iter().zip(labels.clone()).enumerate() {
                    weights.row(i, 1)[0] = of_row(row) * self.class_weights.get(label as usize).unwrap_or(&1.0);
                }
                let classes = spec.output.classes(logits);
                let loss = if let OrCustom::BuiltIn(loss) = self.loss { loss } else { Loss::Mse };
                loss::targets_of_labels(labels, classes, self.smoothing, loss, spec.output, targets);
            }
            Targets::Numbers { values, names } => {
                let (width, stride) = (names.len(), targets.stride);
                let rows = batch.rows.iter().zip(targets.values.chunks_exact_mut(stride));
                for ((&row, target), weight) in rows.zip(weights.values.chunks_exact_mut(weights.stride)) {
                    weight[0] = of_row(row);
                    let of_row = &values[row as usize * width..][..width];
                    target.iter_mut().zip(of_row).for_each(|(target, &value)| *target = value); // short: no call
                }
            }
        }
    }
}

/// What [`loss::evaluate`] does, row by row.
fn evaluate_own(own: &dyn objective::custom::Loss, logits: Logits, truth: Truth, mut delta: RowsMut, mut out: RowsMut) {
    let columns = logits.output.targets(logits.width);
    for row in 0..logits.rows.count() {
        let z = &logits.rows.values[row * logits.rows.stride..][..logits.width];
        let t = &truth.targets.values[row * truth.targets.stride..][..columns];
        let (weight, delta) = (truth.weights.values[row * truth.weights.stride], delta.row(row, logits.width));
        own.gradient(z, t, delta);
        delta.iter_mut().for_each(|delta| *delta *= truth.scale * weight);
        out.row(row, 1)[0] = weight * own.value(z, t);
    }
}

/// The default loss of an output map. Labels without probabilities have a margin.
fn default_loss(output: Output, targets: &Targets) -> Loss {
    match (output, targets) {
        (Output::Softmax | Output::ReferenceSoftmax, _) => Loss::CrossEntropy,
        (Output::Sigmoid, _) => Loss::BinaryCrossEntropy,
        (Output::Identity, Targets::Labels { .. }) => Loss::Hinge,
        (Output::Identity, Targets::Numbers { .. }) => Loss::Mse,
        (Output::Exp, _) => Loss::Poisson,
    }
}

/// Some numbers, in words and as a test.
type Range = (&'static str, fn(f32) -> bool);

/// Which numbers a loss can measure, where not all.
fn range_of_targets(loss: Loss, output: Output) -> Option<Range> {
    match (loss, output) {
        (_, Output::Softmax | Output::ReferenceSoftmax) => Some(("of at least 0", |t| t >= 0.0)),
        (_, Output::Sigmoid) => Some(("from 0 to 1", |t| (0.0..=1.0).contains(&t))),
        (Loss::Poisson, _) => Some(("of at least 0", |t| t >= 0.0)),
        (Loss::Msle, _) => Some(("above -1", |t| t > -1.0)),
        (Loss::Hinge | Loss::SquaredHinge, _) => Some(("of -1 or 1", |t| t.abs() == 1.0)),
        _ => None,
    }
}
