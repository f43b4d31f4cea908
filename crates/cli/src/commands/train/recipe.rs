//! A recipe as options that were typed: what is typed beside it wins, and the receipt keeps them all.

use layerloop::Result;
use layerloop::data::Dataset;
use layerloop::names::text;
use layerloop::recipes::{Plan, Recipe};

use crate::args::{ExplicitArgs, Train, parse};

/// The options of a network that is not given as a whole.
const NETWORK: [&str; 3] = ["hidden", "activation", "dropout"];

/// The options of a plan that are not at their defaults, by name.
pub(crate) fn options(plan: &Plan) -> Vec<(&'static str, String)> {
    let Plan { hidden, activation, dropout, ensemble, epochs, batch, learning_rate, schedule, augment, .. } = plan;
    let widths: Vec<String> = hidden.iter().map(usize::to_string).collect();
    let always = [
        ("hidden", widths.join(",")),
        ("activation", text(*activation)),
        ("epochs", epochs.to_string()),
        ("batch", batch.to_string()),
        ("lr", learning_rate.to_string()),
        ("schedule", text(*schedule)),
    ];
    let dropout = (*dropout > 0.0).then(|| ("dropout", dropout.to_string()));
    let ensemble = (*ensemble > 1).then(|| ("ensemble", ensemble.to_string()));
    let augment = (!augment.is_empty()).then(|| ("augment", augment.to_string()));
    always.into_iter().chain(dropout).chain(ensemble).chain(augment).collect()
}

impl Train {
    /// These options with those of `recipe` for `data` behind them.
    pub(super) fn with_recipe(&self, recipe: Recipe, data: &Dataset) -> Result<Box<Self>> {
        let has_weights = self.typed.has("warm_start");
        let has_network = has_weights || self.typed.has("network");
        let is_given = |id: &str| NETWORK.contains(&id) && has_network || id == "ensemble" && has_weights;
        let options = options(&recipe.plan(data)?).into_iter().filter(|(id, _)| !is_given(id));
        let typed = options.fold(self.typed.clone(), |typed, (id, value)| typed.over(ExplicitArgs::one(id, value)));
        self.with_typed(&typed)
    }

    /// These options as if `typed` had been typed, shown and resumed as before.
    pub(super) fn with_typed(&self, typed: &ExplicitArgs) -> Result<Box<Self>> {
        let Self { json, quiet, tui, anyway, threads, find_lr, .. } = *self;
        let (run, resume) = (self.run.clone(), self.resume.clone());
        Ok(Box::new(Self { json, quiet, tui, anyway, threads, find_lr, run, resume, ..*parse::train(typed)? }))
    }
}
