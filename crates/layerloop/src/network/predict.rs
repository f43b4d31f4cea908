//! Probabilities, losses and classes from a network that is trained.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use layerloop_kernels::gather::Source;
use layerloop_kernels::norm::Statistics;
use layerloop_kernels::softmax::{self, Logits, Output};
use layerloop_kernels::{Block, Team, rows};

use super::Network;
use super::bound_loss::BoundLoss;
use super::forward::{self, Batch, Mode, Pass};
use super::input_plan::{InputPlan, InputStrategy};
use super::layers;
use super::workspace::{self, Reach, Workspace, block_rows};
use crate::augment::{Augmentation, Augmented, Augmenter};
use crate::data::{Dataset, Inputs, Standardisation};
use crate::objective::Objective;
use crate::{Error, Result, memory, threads};

/// Predictions of a network, which it owns or shares: built once, used for any number of rows, by any number of threads at once.
///
/// [`Self::row`] answers for one row with nothing but a [`Scratch`] of the caller's. The other methods work with a team of threads
/// inside, for which calls of several threads wait.
///
/// # Example
/// ```
/// use std::sync::Arc;
/// use layerloop::data::Inputs;
/// use layerloop::network::{Activation, Network, Predictor, Spec};
/// let network = Arc::new(Network::new(&Spec::new(2).layer(3, Activation::Identity), 0)?);
/// let predictor = Predictor::new(network, 1)?;
/// let thirds = predictor.probabilities(&Inputs::from(vec![0.0; 2]))?;
/// assert!(thirds.iter().all(|p| (p - 1.0 / 3.0).abs() < 1e-6));
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug)]
pub struct Predictor {
    network: Arc<Network>,
    /// Running mean and variance of each batch norm.
    statistics: Vec<Statistics>,
    /// What rows are standardised by before the network sees them.
    standardisation: Option<Standardisation>,
    /// What each image is looked at as, where not only as it is.
    variants: Option<Variants>,
    /// Threads and their memory, for many rows.
    together: Mutex<(Team, Memory)>,
}

/// What [`Predictor::row`] works with: of each thread that calls it its own, from [`Predictor::scratch`].
#[derive(Debug)]
pub struct Scratch {
    /// Whose it is.
    network: Arc<Network>,
    team: Team,
    memory: Memory,
    standardised: Vec<f32>,
    probabilities: Vec<f32>,
}

/// Several variants of each image.
#[derive(Debug)]
struct Variants {
    augmenter: Augmenter,
    count: usize,
}

/// The memory of a pass.
#[derive(Debug)]
struct Memory {
    /// A block of rows for each member of the team.
    workspace: Workspace,
    /// 0, 1, 2, ...
    order: Vec<u32>,
}

/// Rows below which zeros are skipped without a look at how many there are.
const FEW: usize = 8;

impl Predictor {
    /// A predictor whose calls for many rows work with `threads` threads. A network that is given as a reference is copied.
    ///
    /// # Errors
    /// [`Error::Config`] for 0 or more than 1024 threads, if there is no memory for their work, or if `LAYERLOOP_ISA` names an
    /// instruction set that this processor lacks.
    pub fn new(network: impl Into<Arc<Network>>, threads: usize) -> Result<Self> {
        let (network, team) = (network.into(), threads::team(threads)?);
        check_memory(&network, threads)?;
        let memory = Memory::new(&network, threads);
        let statistics = layers::batch_norm::running(&network);
        let together = Mutex::new((team, memory));
        Ok(Self { network, statistics, standardisation: None, variants: None, together })
    }

    /// The same for images that are looked at several times (test-time augmentation): as they are, and in `count` - 1 variants, moved as
    /// `augmentation` moves images; the logits are the means over all of them. Noise, erased boxes and mixtures play no part.
    ///
    /// The variants are the same for each image, so that no prediction depends on other rows.
    ///
    /// # Errors
    /// [`Error::Config`] if there are 0 variants, or the augmentation does not move pixels; [`Error::Shape`] if the network does not take
    /// images of this height and width.
    ///
    /// # Example
    /// ```
    /// use layerloop::network::{Network, Predictor, Tensor};
    /// let step = [Tensor::new("layers.0.weight", [2, 2], [1.0, 0.0, 0.0, 1.0]), Tensor::new("layers.0.bias", [2], [0.0, 0.0])];
    /// let predictor = Predictor::new(Network::from_tensors(&"2 -> 2".parse()?, step)?, 1)?;
    /// let images = vec![1.0, 0.0].into();
    /// assert_eq!(format!("{:.3?}", predictor.probabilities(&images)?), "[0.731, 0.269]");
    /// let mirrored = predictor.with_variants(&"flip=horizontal".parse()?, (1, 2), 16)?;
    /// assert_eq!(format!("{:.3?}", mirrored.probabilities(&images)?), "[0.622, 0.378]");
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    pub fn with_variants(self, augmentation: &Augmentation, image: (usize, usize), count: usize) -> Result<Self> {
        let (height, width) = image;
        if count == 0 {
            return Err(Error::config("variants", "0; an image is looked at once, at least"));
        }
        if height.checked_mul(width) != Some(self.network.spec().inputs) {
            let what = format!("inputs of a network for images of {height} x {width} pixels");
            return Err(Error::shape(what, format!("{height} x {width}"), self.network.spec().inputs));
        }
        let augmenter = Augmenter::alike(augmentation, [height, width]).ok_or_else(|| {
            Error::config(
                "augment",
                format!("`{augmentation}` moves no pixel, so that all variants of an image are equal"),
            )
        })?;
        Ok(Self { variants: Some(Variants { augmenter, count }), ..self })
    }

    /// The same for rows that are still to be standardised.
    pub(crate) fn with_standardisation(self, by: Option<&Standardisation>) -> Result<Self> {
        by.map_or(Ok(()), |by| by.check_width(self.network.spec().inputs))?;
        Ok(Self { standardisation: by.cloned(), ..self })
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// Memory for [`Self::row`].
    ///
    /// # Errors
    /// [`Error::Config`] if `LAYERLOOP_ISA` names an instruction set that this processor lacks.
    pub fn scratch(&self) -> Result<Scratch> {
        let network = &self.network;
        Ok(Scratch {
            network: Arc::clone(network),
            team: threads::team(1)?,
            memory: Memory::new(network, 1),
            standardised: vec![0.0; network.spec().inputs],
            probabilities: vec![0.0; network.classes()],
        })
    }

    /// The probabilities of every class for one row: the same bits as among others.
    ///
    /// Nothing is allocated, no other thread is woken or waited for. A scratch of another predictor is made anew.
    ///
    /// # Errors
    /// [`Error::Shape`] if the row does not have the network's number of inputs.
    ///
    /// # Example
    /// ```
    /// use layerloop::network::{Activation, Network, Predictor, Spec};
    /// let predictor = Predictor::new(Network::new(&Spec::new(2).layer(2, Activation::Identity), 0)?, 1)?;
    /// let answer = || predictor.row(&[0.0, 0.0], &mut predictor.scratch()?).map(<[f32]>::to_vec);
    /// std::thread::scope(|scope| {
    ///     for thread in [scope.spawn(answer), scope.spawn(answer)] {
    ///         assert_eq!(thread.join().expect("a thread")?, [0.5, 0.5]);
    ///     }
    ///     Ok::<(), layerloop::Error>(())
    /// })?;
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    pub fn row<'s>(&self, row: &[f32], scratch: &'s mut Scratch) -> Result<&'s [f32]> {
        if row.len() != self.network.spec().inputs {
            return Err(Error::shape("inputs of a row", self.network.spec().inputs, row.len()));
        }
        self.network.check_names("the row", row.iter().copied())?;
        if !Arc::ptr_eq(&scratch.network, &self.network) {
            *scratch = self.scratch()?;
        }
        let Scratch { team, memory, standardised, probabilities, .. } = scratch;
        let row = match &self.standardisation {
            None => row,
            Some(by) => {
                standardised.copy_from_slice(row);
                by.apply(standardised, row.len())?;
                standardised
            }
        };
        let rows = self.rows(Source::Floats(row), 1);
        rows.pass(team, memory, None, probabilities, &mut []);
        Ok(probabilities)
    }

    /// The probabilities of every class for every row: rows x classes.
    ///
    /// # Errors
    /// [`Error::Shape`] if the values do not fill whole rows of the network's input.
    ///
    /// # Example
    /// ```
    /// use layerloop::network::{Network, Predictor, Tensor};
    /// let line = [Tensor::new("layers.0.weight", [2, 1], [-1.0, 1.0]), Tensor::new("layers.0.bias", [2], [0.0, 0.0])];
    /// let predictor = Predictor::new(Network::from_tensors(&"1 -> 2".parse()?, line)?, 1)?;
    /// let p = predictor.probabilities(&vec![0.0, 1.0].into())?;
    /// assert_eq!(format!("{p:.4?}"), "[0.5000, 0.5000, 0.1192, 0.8808]");
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    pub fn probabilities(&self, inputs: &Inputs) -> Result<Vec<f32>> {
        let rows = self.network.check_rows(inputs)?;
        check_outputs(&self.network, rows)?;
        let mut probabilities = vec![0.0; rows * self.network.classes()];
        self.fill(inputs, &mut probabilities)?;
        Ok(probabilities)
    }

    /// As [`Self::probabilities`], of rows that stay where they are, into rows x classes.
    ///
    /// # Errors
    /// As [`Self::probabilities`]; [`Error::Shape`] for another number of outputs.
    ///
    /// # Example
    /// ```
    /// let network = layerloop::network::Network::new(&"1 -> 2 init=zero".parse()?, 0)?;
    /// let (predictor, mut p) = (layerloop::network::Predictor::new(network, 1)?, [0.0; 4]);
    /// assert!(predictor.probabilities_into(&[0.0, 1.0], &mut p).is_ok() && p == [0.5; 4]);
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    pub fn probabilities_into(&self, inputs: &[f32], probabilities: &mut [f32]) -> Result<()> {
        let width = self.network.spec().inputs;
        if self.standardisation.is_some() {
            return self.fill(&inputs.into(), probabilities);
        }
        if !inputs.len().is_multiple_of(width) {
            return Err(Error::shape("input values", format!("rows of {width}"), inputs.len()));
        }
        self.network.check_names("the inputs", inputs.iter().copied())?;
        self.pass(Source::Floats(inputs), inputs.len() / width, probabilities)
    }

    fn fill(&self, inputs: &Inputs, probabilities: &mut [f32]) -> Result<()> {
        let rows = self.network.check_rows(inputs)?;
        let standardised = self.standardisation.as_ref().map(|by| inputs.standardised(by)).transpose()?;
        self.pass(standardised.as_ref().unwrap_or(inputs).source(), rows, probabilities)
    }

    fn pass(&self, source: Source, rows: usize, probabilities: &mut [f32]) -> Result<()> {
        check_outputs(&self.network, rows)?;
        let places = rows * self.network.classes();
        if probabilities.len() != places {
            return Err(Error::shape("places of the outputs", places, probabilities.len()));
        }
        let rows = self.rows(source, rows);
        let mut together = self.together.lock().unwrap_or_else(PoisonError::into_inner);
        let (team, memory) = &mut *together;
        rows.pass(team, memory, None, probabilities, &mut []);
        Ok(())
    }

    /// The probabilities, rows x classes, or other outputs, and the loss of every row: of the kind that the output map is made
    /// for (the cross-entropy in nats, of softmax).
    ///
    /// # Errors
    /// [`Error::Shape`] if the data does not fit the network.
    pub fn evaluate(&self, data: &Dataset) -> Result<(Vec<f32>, Vec<f32>)> {
        self.evaluate_by(data, &Objective::default())
    }

    /// As [`Self::evaluate`], by what was minimised.
    ///
    /// # Errors
    /// [`Error::Shape`] if the data does not fit the network; [`Error::Config`] if the loss does not fit them.
    pub fn evaluate_by(&self, data: &Dataset, objective: &Objective) -> Result<(Vec<f32>, Vec<f32>)> {
        self.network.check_fits(data)?;
        let standardised = match (&self.standardisation, data.standardisation()) {
            (Some(by), None) => Some(data.standardise(by)?),
            (Some(by), Some(other)) if other != by => {
                let reason =
                    format!("the rows of {} are standardised, but not as those that were trained on", data.name());
                return Err(Error::config("standardisation", reason));
            }
            _ => None,
        };
        let data = standardised.as_ref().unwrap_or(data);
        let mut together = self.together.lock().unwrap_or_else(PoisonError::into_inner);
        let (team, memory) = &mut *together;
        evaluate(self.rows(data.inputs().source(), data.rows()), team, memory, data, objective)
    }

    fn rows<'a>(&'a self, source: Source<'a>, rows: usize) -> Rows<'a> {
        let Self { network, statistics, variants, .. } = self;
        Rows { network, statistics, variants: variants.as_ref(), source, rows: 0..rows }
    }
}

/// Refuses a pass on so many threads that memory cannot hold.
pub(crate) fn check_memory(network: &Network, threads: usize) -> Result<()> {
    let rows = threads * block_rows(&network.program);
    memory::check("a prediction", workspace::bytes(&network.program, rows, Reach::Loss), "fewer units or threads")
}

/// As [`Predictor::evaluate_by`], for some rows of the data, with the threads of the caller and without a copy of the network.
pub(crate) fn evaluate_with(
    network: &Network,
    team: &mut Team,
    data: &Dataset,
    rows: Range<usize>,
    objective: &Objective,
) -> Result<(Vec<f32>, Vec<f32>)> {
    network.check_fits(data)?;
    let mut memory = Memory::new(network, team.threads());
    let statistics = &layers::batch_norm::running(network);
    let rows = Rows { network, statistics, variants: None, source: data.inputs().source(), rows };
    evaluate(rows, team, &mut memory, data, objective)
}

fn evaluate(
    rows: Rows,
    team: &mut Team,
    memory: &mut Memory,
    data: &Dataset,
    objective: &Objective,
) -> Result<(Vec<f32>, Vec<f32>)> {
    let network = rows.network;
    let bound_loss = BoundLoss::new(network, data, objective)?;
    check_outputs(network, rows.rows.len())?;
    let (mut probabilities, mut losses) = (vec![0.0; rows.rows.len() * network.classes()], vec![0.0; rows.rows.len()]);
    rows.pass(team, memory, Some(&bound_loss), &mut probabilities, &mut losses);
    Ok((probabilities, losses))
}

/// Refuses outputs of so many rows that memory cannot hold.
fn check_outputs(network: &Network, rows: usize) -> Result<()> {
    let bytes = rows.saturating_mul(network.classes()).saturating_mul(size_of::<f32>());
    memory::check("the outputs of all rows", bytes, "fewer rows at once")
}

impl Memory {
    fn new(network: &Network, threads: usize) -> Self {
        let (program, input_plan) = (&network.program, InputPlan::all(network.spec().inputs));
        let workspace = Workspace::new(program, threads * block_rows(program), Reach::Loss, input_plan);
        Self { workspace, order: vec![0] }
    }
}

/// Some rows of a source, for a network in use.
struct Rows<'a> {
    network: &'a Network,
    statistics: &'a [Statistics],
    variants: Option<&'a Variants>,
    source: Source<'a>,
    rows: Range<usize>,
}

impl Rows<'_> {
    /// Their outputs and, where they are measured by something, their losses.
    fn pass(
        self,
        team: &mut Team,
        memory: &mut Memory,
        bound_loss: Option<&BoundLoss>,
        probabilities: &mut [f32],
        losses: &mut [f32],
    ) {
        if self.network.program.members_of_row > 1 {
            return self.pass_members(team, memory, bound_loss, probabilities, losses);
        }
        let Self { network, statistics, variants, source, rows } = self;
        let Memory { workspace: Workspace { matrices, places, input_plan, block }, order } = memory;
        let (isa, spec, places) = (team.isa(), network.spec(), *places);
        input_plan.strategy = match source {
            Source::Bytes(..) | Source::Floats(_) if rows.len() < FEW => InputStrategy::RowsWithoutZeros,
            _ if network.program.only_multiplies_its_input && variants.is_none() => {
                InputStrategy::of(source, spec.inputs)
            }
            _ => InputStrategy::Rows,
        };
        let pass = Pass { isa, network, input_plan, places, mode: Mode::Use, statistics };
        order.extend(order.len() as u32..rows.end as u32);
        let batch = Batch { source, rows: &order[rows.clone()], next: &[], bound_loss, augmented: None };
        let outs = [(probabilities, network.classes()), (losses, usize::from(bound_loss.is_some()))];
        team.for_each_range(matrices, rows.len(), *block, outs, |range, block, [probabilities, losses]| {
            let batch = batch.part(range);
            match variants {
                None => forward::forward(pass, batch, 0, block),
                Some(variants) => variants.forward(pass, batch, block),
            }
            if let Some(bound_loss) = bound_loss {
                bound_loss.evaluate(pass, batch, 1.0, block);
                let loss = block.read(places.loss());
                losses.iter_mut().zip(loss.values.chunks_exact(loss.stride)).for_each(|(to, row)| *to = row[0]);
            }
            let logits = block.read(places.z(network.program.logits()));
            softmax::probabilities(
                isa,
                Logits { rows: logits, width: network.program.logits().width, output: spec.output },
                probabilities,
            );
        });
    }
}

/// Logits of which the output map makes these outputs.
fn logits_of(output: Output, outputs: &[f32], logits: &mut [f32]) {
    let ln = |p: f32| libm::logf(p.max(f32::MIN_POSITIVE));
    let (last, one) = (outputs.last().copied().unwrap_or(1.0), logits.len() == 1);
    for (i, z) in logits.iter_mut().enumerate() {
        *z = match output {
            Output::Identity => outputs[i],
            Output::Softmax | Output::Exp => ln(outputs[i]),
            Output::ReferenceSoftmax => ln(outputs[i]) - ln(last),
            Output::Sigmoid if one => ln(last) - ln(1.0 - last),
            Output::Sigmoid => ln(outputs[i]) - ln(1.0 - outputs[i]),
        };
    }
}

/// Rows whose members' outputs are in memory at once.
const ROWS_OF_MEMBERS: usize = 1024;

impl Rows<'_> {
    /// As [`Self::pass`], where several members look at each row: its outputs are the means of theirs.
    fn pass_members(
        self,
        team: &mut Team,
        memory: &mut Memory,
        bound_loss: Option<&BoundLoss>,
        probabilities: &mut [f32],
        losses: &mut [f32],
    ) {
        let Self { network, statistics, source, rows, .. } = self;
        let Workspace { matrices, places, input_plan, block } = &mut memory.workspace;
        let (isa, output, places) = (team.isa(), network.spec().output, *places);
        let (last, classes, members) = (network.program.logits(), network.classes(), network.program.members_of_row);
        input_plan.strategy = InputStrategy::Rows;
        let pass = Pass { isa, network, input_plan, places, mode: Mode::Use, statistics };
        for first in (0..rows.len()).step_by(ROWS_OF_MEMBERS) {
            let end = rows.len().min(first + ROWS_OF_MEMBERS);
            let all: Vec<u32> = (first..end).map(|row| (rows.start + row) as u32).collect();
            let each: Vec<u32> = all.iter().flat_map(|row| std::iter::repeat_n(*row, members)).collect();
            let mut outputs = vec![0.0; each.len() * classes];
            let batch = Batch { source, rows: &each, next: &[], bound_loss, augmented: None };
            team.for_each_range(matrices, each.len(), *block, [(&mut outputs, classes)], |range, block, [outputs]| {
                forward::forward(pass, batch.part(range), 0, block);
                let logits = Logits { rows: block.read(places.z(last)), width: last.width, output };
                softmax::probabilities(isa, logits, outputs);
            });
            let means = &mut probabilities[first * classes..][..all.len() * classes];
            for (mean, outputs) in means.chunks_exact_mut(classes).zip(outputs.chunks_exact(classes * members)) {
                for (class, mean) in mean.iter_mut().enumerate() {
                    *mean = outputs.iter().skip(class).step_by(classes).sum::<f32>() / members as f32;
                }
            }
            let Some(bound_loss) = bound_loss else { continue };
            // Logits that give these means.
            let batch = Batch { rows: &all, ..batch };
            let outs = [(means, classes), (&mut losses[first..][..all.len()], 1)];
            team.for_each_range(matrices, all.len(), *block, outs, |range, block, [means, losses]| {
                let ([mut z], []) = block.write([places.z(last)], []);
                for (row, means) in means.chunks_exact(classes).enumerate() {
                    logits_of(output, means, z.row(row, last.width));
                }
                bound_loss.evaluate(pass, batch.part(range), 1.0, block);
                let loss = block.read(places.loss());
                losses.iter_mut().zip(loss.values.chunks_exact(loss.stride)).for_each(|(to, row)| *to = row[0]);
            });
        }
    }
}

impl Variants {
    /// The means of the logits over all variants.
    fn forward(&self, pass: Pass, batch: Batch, block: &mut Block) {
        let Pass { isa, network, places, .. } = pass;
        let last = network.program.logits();
        for epoch in 0..self.count as u64 {
            let augmented = (epoch > 0).then_some(Augmented { augmenter: &self.augmenter, epoch });
            forward::forward(pass, Batch { augmented, ..batch }, 0, block);
            // The gradient of the logits is not needed yet: their sums stand in its place.
            let ([sum], [z]) = block.write([places.delta(last)], [places.z(last)]);
            if epoch == 0 { rows::copy(z, 0, sum, 0, last.width) } else { rows::add(isa, z, last.width, sum) }
        }
        let ([mut z], [sum]) = block.write([places.z(last)], [places.delta(last)]);
        for row in 0..sum.count() {
            let means = sum.row(row, last.width).iter().map(|sum| sum / self.count as f32);
            z.row(row, last.width).iter_mut().zip(means).for_each(|(z, mean)| *z = mean);
        }
    }
}
