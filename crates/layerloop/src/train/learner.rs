//! A network that learns a little at a time.

use std::ops::ControlFlow;

use super::callback::{Callback, EpochEnd};
use super::checkpoints::Checkpoint;
use super::fit::{FitContext, Report, fit_with};
use super::options::FitOptions;
use super::run::Run;
use crate::Result;
use crate::data::Dataset;
use crate::network::Network;

/// A network and its optimiser's memory: each [`Self::partial_fit`] is one more pass, over whatever data there is by then.
///
/// What [`fit`](super::fit) does in one go is done pass by pass, to the same bits. Schedules go over the epochs of the options;
/// from then on they stay where they end.
///
/// # Example
/// ```
/// use layerloop::data::{Dataset, Inputs};
/// use layerloop::network::Network;
/// use layerloop::train::{FitOptions, Learner, fit};
/// let data = Dataset::new("demo", Inputs::Floats(vec![0., 1., 2., 3.].into()), 1, vec![0, 0, 1, 1], ["a", "b"])?;
/// let (mut network, options) = (Network::new(&"1 -> 2".parse()?, 0)?, FitOptions { epochs: 3, ..FitOptions::default() });
/// let mut learner = Learner::new(network.clone(), options.clone());
/// for _ in 0..3 {
///     learner.partial_fit(&data)?;
/// }
/// fit(&mut network, &data, &options)?;
/// assert_eq!(learner.network().sha256(), network.sha256());
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Learner {
    network: Network,
    options: FitOptions,
    memory: Option<Checkpoint>,
}

impl Learner {
    /// Begins with `network`, to be trained like this.
    #[must_use]
    pub fn new(network: Network, options: FitOptions) -> Self {
        Self { network, options, memory: None }
    }

    /// The network as it is now.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// One more pass, over this data; the report is of all passes so far.
    ///
    /// # Errors
    /// As [`fit`](super::fit); the network then is as it was.
    pub fn partial_fit(&mut self, data: &Dataset) -> Result<Report> {
        let passes = self.memory.as_ref().map_or(0, Checkpoint::epochs);
        let options = FitOptions { epochs: self.options.epochs.max(passes + 1), ..self.options.clone() };
        let (mut network, mut pass) = (self.network.clone(), OnePass(None));
        let with =
            FitContext { callback: Some(&mut pass), from: self.memory.clone(), anyway: true, ..FitContext::default() };
        let report = fit_with(&mut network, data, &options, with)?;
        (self.network, self.memory) = (network, pass.0);
        Ok(report)
    }
}

/// Ends a run after an epoch, and keeps what the next one needs.
struct OnePass(Option<Checkpoint>);

impl Callback for OnePass {
    fn on_epoch(&mut self, _: &EpochEnd, _: &mut Run) -> ControlFlow<()> {
        ControlFlow::Break(())
    }

    fn on_end(&mut self, _: &Report, run: &mut Run) {
        self.0 = Some(run.checkpoint());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Inputs;
    use crate::data::for_tests::three_classes;
    use crate::train::{Optimizer, fit};

    #[test]
    fn pass_by_pass_is_as_in_one_go() {
        let network = Network::new(&"5 -> 18 batch-norm tanh dropout=0.2 -> 3".parse().unwrap(), 3).unwrap();
        for optimizer in [Optimizer::ADAM, Optimizer::Muon { momentum: 0.95, others: 0.05 }] {
            let ema = Some(0.9);
            let options = FitOptions { epochs: 4, batch: 10, optimizer, ema, ..FitOptions::default() };
            let (mut whole, mut learner) = (network.clone(), Learner::new(network.clone(), options.clone()));
            fit(&mut whole, &three_classes(53), &options).unwrap();
            let steps: Vec<u64> = (0..4).map(|_| learner.partial_fit(&three_classes(53)).unwrap().steps).collect();
            assert_eq!(steps, [6, 12, 18, 24]);
            assert_eq!(learner.network().sha256(), whole.sha256());
        }
    }

    #[test]
    fn other_data_may_come_and_what_fails_changes_nothing() {
        let network = Network::new(&"5 -> 8 tanh -> 3".parse().unwrap(), 3).unwrap();
        let mut learner = Learner::new(network, FitOptions { epochs: 1, batch: 10, ..FitOptions::default() });
        learner.partial_fit(&three_classes(53)).unwrap();
        assert_eq!(learner.partial_fit(&three_classes(20)).unwrap().steps, 6 + 2);
        let before = learner.network().sha256();
        let narrow = Dataset::new("narrow", Inputs::Floats(vec![0.0; 4].into()), 1, vec![0; 4], ["a"]).unwrap();
        learner.partial_fit(&narrow).unwrap_err();
        assert_eq!(learner.network().sha256(), before);
        assert_eq!(learner.partial_fit(&three_classes(100)).unwrap().epochs.len(), 3);
    }
}
