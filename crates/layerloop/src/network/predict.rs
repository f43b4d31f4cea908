//! Probabilities, losses and classes from a network that is trained.

use layerloop_kernels::Team;
use layerloop_kernels::gather::Source;
use layerloop_kernels::norm::Statistics;
use layerloop_kernels::softmax::{self, Logits};

use super::Network;
use super::bound_loss::BoundLoss;
use super::forward::{self, Batch, Mode, Pass};
use super::input_plan::{InputPlan, InputStrategy};
use super::layers;
use super::workspace::{self, Reach, Workspace, block_rows};
use crate::data::{Dataset, Inputs, Standardisation};
use crate::objective::Objective;
use crate::{Error, Result, memory, threads};

/// What a network needs for predictions: built once, used for any number of data sets.
///
/// # Example
/// ```
/// use layerloop::data::Inputs;
/// use layerloop::network::{Activation, Network, Predictor, Spec};
/// let network = Network::new(&Spec::new(2).layer(3, Activation::Identity), 0)?;
/// let thirds = Predictor::new(&network, 1)?.probabilities(&Inputs::Floats(vec![0.0; 2].into()))?;
/// assert!(thirds.iter().all(|p| (p - 1.0 / 3.0).abs() < 1e-6));
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug)]
pub struct Predictor<'a> {
    network: &'a Network,
    /// A block of rows for each member of the team.
    workspace: Workspace,
    /// Running mean and variance of each batch norm.
    statistics: Vec<Statistics>,
    team: OwnedOrBorrowed<'a>,
    /// 0, 1, 2, ...
    order: Vec<u32>,
    /// The probabilities of a single row.
    row: Vec<f32>,
    /// What rows are standardised by before the network sees them, and room for one.
    standardisation: Option<(&'a Standardisation, Vec<f32>)>,
}

/// The threads of a predictor.
#[derive(Debug)]
enum OwnedOrBorrowed<'a> {
    Owned(Team),
    Borrowed(&'a mut Team),
}

/// Rows below which zeros are skipped without a look at how many there are.
const FEW: usize = 8;

impl<'a> Predictor<'a> {
    /// A predictor that works with `threads` threads.
    ///
    /// # Errors
    /// [`Error::Config`] for 0 or more than 1024 threads, if there is no memory for their work, or if `LAYERLOOP_ISA` names an
    /// instruction set that this processor lacks.
    pub fn new(network: &'a Network, threads: usize) -> Result<Self> {
        let team = threads::team(threads)?;
        let rows = threads * block_rows(&network.program);
        let bytes = workspace::bytes(&network.program, rows, Reach::Loss);
        memory::check("a prediction", bytes, "fewer units or threads")?;
        Ok(Self::of(network, threads, OwnedOrBorrowed::Owned(team)))
    }

    /// A predictor that works with the threads of its caller.
    pub(crate) fn with_team(network: &'a Network, team: &'a mut Team) -> Self {
        Self::of(network, team.threads(), OwnedOrBorrowed::Borrowed(team))
    }

    fn of(network: &'a Network, threads: usize, team: OwnedOrBorrowed<'a>) -> Self {
        let (program, input_plan) = (&network.program, InputPlan::all(network.spec().inputs));
        let workspace = Workspace::new(program, threads * block_rows(program), Reach::Loss, input_plan);
        let (statistics, row) = (layers::batch_norm::running(network), vec![0.0; network.classes()]);
        Self { network, workspace, statistics, team, order: vec![0], row, standardisation: None }
    }

    /// The same for rows that are still to be standardised.
    pub(crate) fn with_standardisation(self, by: Option<&'a Standardisation>) -> Result<Self> {
        let width = self.network.spec().inputs;
        by.map_or(Ok(()), |by| by.check_width(width))?;
        Ok(Self { standardisation: by.map(|by| (by, vec![0.0; width])), ..self })
    }

    /// The probabilities of every class for one row: the same bits as among others.
    ///
    /// Nothing is allocated and no other thread is woken.
    ///
    /// # Errors
    /// [`Error::Shape`] if the row does not have the network's number of inputs.
    ///
    /// # Example
    /// ```
    /// use layerloop::network::{Activation, Network, Predictor, Spec};
    /// let network = Network::new(&Spec::new(2).layer(2, Activation::Identity), 0)?;
    /// let mut predictor = Predictor::new(&network, 1)?;
    /// assert_eq!(predictor.row(&[0.0, 0.0])?, [0.5, 0.5]);
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    pub fn row(&mut self, row: &[f32]) -> Result<&[f32]> {
        if row.len() != self.network.spec().inputs {
            return Err(Error::shape("inputs of a row", self.network.spec().inputs, row.len()));
        }
        self.network.check_names("the row", row.iter().copied())?;
        let mut probabilities = std::mem::take(&mut self.row);
        match self.standardisation.take() {
            None => self.pass(Source::Floats(row), None, 1, &mut probabilities, &mut []),
            Some((by, mut values)) => {
                values.copy_from_slice(row);
                by.apply(&mut values, row.len())?;
                self.pass(Source::Floats(&values), None, 1, &mut probabilities, &mut []);
                self.standardisation = Some((by, values));
            }
        }
        self.row = probabilities;
        Ok(&self.row)
    }

    /// The probabilities of every class for every row: rows x classes.
    ///
    /// # Errors
    /// [`Error::Shape`] if the values do not fill whole rows of the network's input.
    pub fn probabilities(&mut self, inputs: &Inputs) -> Result<Vec<f32>> {
        let (rows, classes) = (self.network.check_rows(inputs)?, self.network.classes());
        let standardised = self.standardisation.as_ref().map(|(by, _)| inputs.standardised(by)).transpose()?;
        let inputs = standardised.as_ref().unwrap_or(inputs);
        self.check_outputs(rows)?;
        let mut probabilities = vec![0.0; rows * classes];
        self.pass(inputs.source(), None, rows, &mut probabilities, &mut []);
        Ok(probabilities)
    }

    /// The probabilities, rows x classes, or other outputs, and the loss of every row: of the kind that the output map is made
    /// for (the cross-entropy in nats, of softmax).
    ///
    /// # Errors
    /// [`Error::Shape`] if the data does not fit the network.
    pub fn evaluate(&mut self, data: &Dataset) -> Result<(Vec<f32>, Vec<f32>)> {
        self.evaluate_by(data, &Objective::default())
    }

    /// As [`Self::evaluate`], by what was minimised.
    ///
    /// # Errors
    /// [`Error::Shape`] if the data does not fit the network; [`Error::Config`] if the loss does not fit them.
    pub fn evaluate_by(&mut self, data: &Dataset, objective: &Objective) -> Result<(Vec<f32>, Vec<f32>)> {
        self.network.check_fits(data)?;
        let standardised = match (&self.standardisation, data.standardisation()) {
            (Some((by, _)), None) => Some(data.standardise(by)?),
            (Some((by, _)), Some(other)) if other != *by => {
                let reason =
                    format!("the rows of {} are standardised, but not as those that were trained on", data.name());
                return Err(Error::config("standardisation", reason));
            }
            _ => None,
        };
        let data = standardised.as_ref().unwrap_or(data);
        let bound_loss = BoundLoss::new(self.network, data, objective)?;
        let rows = data.rows();
        self.check_outputs(rows)?;
        let (mut probabilities, mut losses) = (vec![0.0; rows * self.network.classes()], vec![0.0; rows]);
        self.pass(data.inputs().source(), Some(&bound_loss), rows, &mut probabilities, &mut losses);
        Ok((probabilities, losses))
    }

    /// Refuses outputs of so many rows that memory cannot hold.
    fn check_outputs(&self, rows: usize) -> Result<()> {
        let bytes = rows.saturating_mul(self.network.classes()).saturating_mul(size_of::<f32>());
        memory::check("the outputs of all rows", bytes, "fewer rows at once")
    }

    /// Rows 0..`rows` of `source`: their outputs and, where they are measured by something, their losses.
    fn pass(
        &mut self,
        source: Source,
        bound_loss: Option<&BoundLoss>,
        rows: usize,
        probabilities: &mut [f32],
        losses: &mut [f32],
    ) {
        let Self { network, workspace, statistics, team, order, .. } = self;
        let team = match team {
            OwnedOrBorrowed::Owned(team) => team,
            OwnedOrBorrowed::Borrowed(team) => team,
        };
        let Workspace { matrices, places, input_plan, block } = workspace;
        let (isa, spec, places) = (team.isa(), network.spec(), *places);
        input_plan.strategy = match source {
            Source::Bytes(..) | Source::Floats(_) if rows < FEW => InputStrategy::RowsWithoutZeros,
            _ if network.program.only_multiplies_its_input() => InputStrategy::of(source, spec.inputs),
            _ => InputStrategy::Rows,
        };
        let pass = Pass { isa, network, input_plan, places, mode: Mode::Use, statistics };
        order.extend(order.len() as u32..rows as u32);
        let batch = Batch { source, rows: &order[..rows], next: &[], bound_loss };
        let outs = [(probabilities, network.classes()), (losses, usize::from(bound_loss.is_some()))];
        team.for_each_range(matrices, rows, *block, outs, |range, block, [probabilities, losses]| {
            let batch = batch.part(range);
            forward::forward(pass, batch, 0, block);
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
