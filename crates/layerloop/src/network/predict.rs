//! Probabilities, losses and classes from a network that is trained.

use layerloop_kernels::softmax::{self, Logits};
use layerloop_kernels::{Isa, Team};

use super::Network;
use super::forward::{self, Batch};
use super::live::Live;
use super::workspace::{Reach, Workspace};
use crate::data::{Dataset, Inputs};
use crate::{Error, Result};

/// Rows that are predicted at a time.
const BATCH: usize = 512;

/// What a network needs for predictions: built once, used for any number of data sets.
///
/// # Example
/// ```
/// use layerloop::data::Inputs;
/// use layerloop::network::{Activation, Network, Predictor, Spec};
/// let network = Network::new(&Spec::new(2).layer(3, Activation::Identity), 0)?;
/// let thirds = Predictor::new(&network, 1).probabilities(&Inputs::Floats(vec![0.0; 2].into()))?;
/// assert!(thirds.iter().all(|p| (p - 1.0 / 3.0).abs() < 1e-6));
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug)]
pub struct Predictor<'a> {
    network: &'a Network,
    workspace: Workspace,
    team: Team,
}

impl<'a> Predictor<'a> {
    /// A predictor that works with `threads` threads, at least 1.
    #[must_use]
    pub fn new(network: &'a Network, threads: usize) -> Self {
        let workspace = Workspace::new(network.spec(), BATCH, Reach::Loss, Live::all(network.spec().inputs));
        Self { network, workspace, team: Team::new(threads.max(1), Isa::best()) }
    }

    /// The probabilities of every class for every row: rows x classes.
    ///
    /// # Errors
    /// [`Error::Shape`] if the values do not fill whole rows of the network's input.
    pub fn probabilities(&mut self, inputs: &Inputs) -> Result<Vec<f32>> {
        let (width, classes) = (self.network.spec().inputs, self.network.spec().classes());
        if !inputs.len().is_multiple_of(width) {
            return Err(Error::shape("input values", format!("rows of {width}"), inputs.len()));
        }
        let rows: Vec<u32> = (0..(inputs.len() / width) as u32).collect();
        let mut probabilities = vec![0.0; rows.len() * classes];
        for (rows, out) in rows.chunks(BATCH).zip(probabilities.chunks_mut(BATCH * classes)) {
            self.pass(Batch { inputs, rows, labels: &[] }, out);
        }
        Ok(probabilities)
    }

    /// The probabilities, rows x classes, and the cross-entropy of every row in nats.
    ///
    /// # Errors
    /// [`Error::Shape`] if the data does not fit the network.
    pub fn judge(&mut self, data: &Dataset) -> Result<(Vec<f32>, Vec<f32>)> {
        self.network.check_fits(data)?;
        let classes = self.network.spec().classes();
        let rows: Vec<u32> = (0..data.rows() as u32).collect();
        let (mut probabilities, mut losses) = (vec![0.0; rows.len() * classes], Vec::with_capacity(rows.len()));
        for (rows, out) in rows.chunks(BATCH).zip(probabilities.chunks_mut(BATCH * classes)) {
            self.pass(Batch { inputs: data.inputs(), rows, labels: data.labels() }, out);
            let loss = self.workspace.matrices[self.workspace.places.loss()].head(rows.len());
            losses.extend(loss.values.chunks_exact(loss.stride).map(|row| row[0]));
        }
        Ok((probabilities, losses))
    }

    /// One batch: its losses, where there are labels, stay in the workspace.
    fn pass(&mut self, batch: Batch, out: &mut [f32]) {
        let Self { network, workspace: Workspace { matrices, places, live, block }, team } = self;
        let (isa, spec, places) = (team.isa(), network.spec(), *places);
        team.for_each_block(matrices, batch.rows.len(), *block, |block| {
            forward::forward(isa, network, batch, live, places, block);
            if !batch.labels.is_empty() {
                forward::loss(isa, network, batch, 1.0, places, block);
            }
        });
        let logits = matrices[places.z(spec.layers.len())].head(batch.rows.len());
        softmax::probabilities(isa, Logits { rows: logits, width: spec.logits(), output: spec.output }, out);
    }
}
