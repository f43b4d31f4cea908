//! One case: a network, data, options, all from one seed.

use std::fmt;

use layerloop::network::Spec;
use layerloop::train::{FitOptions, Loss};

use super::data::{self, Data};
use super::random::Random;
use super::{networks, options};

/// A network, data to train and to measure it on, and how it is trained.
pub(crate) struct Case {
    pub(crate) seed: u64,
    pub(crate) spec: Spec,
    pub(crate) data: Data,
    pub(crate) options: FitOptions,
    /// Whether the validation data is measured after every epoch.
    pub(crate) validates: bool,
}

impl Case {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed, "problem");
        let loss: Loss = random.choice();
        let output = random.one_of(loss.outputs());
        let outputs = if output.is_softmax() { 2 + random.below(3) } else { 1 + random.below(4) };
        // A hinge of one class against the rest, and one logit under sigmoid, are two classes.
        let outputs = if output.is_classifier() { outputs.max(2) } else { outputs };
        let data = data::data(&mut Random::new(seed, "data"), loss, output, outputs).expect("data of one shape");
        let inputs = data.train.width();
        let spec =
            networks::spec(&mut Random::new(seed, "network"), inputs, output.logits(outputs), output, data.whole);
        let classes = (!data.train.labels().is_empty()).then_some(outputs);
        let validates = random.percent(50);
        let options = options::options(&mut Random::new(seed, "options"), loss, classes, validates);
        Self { seed, spec, data, options, validates }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { spec, data, options, .. } = self;
        let validated = if self.validates { ", validated" } else { "" };
        write!(f, "{spec}\n  {}{validated}\n  {}", data.description, options.described_shortly())?;
        for rate in &options.layer_rates {
            write!(f, ", layer {} at {}", rate.layer, rate.factor)?;
        }
        Ok(())
    }
}
