//! A recipe as options that were typed: what is typed beside it wins, and the receipt keeps them all.

use layerloop::Result;
use layerloop::data::Dataset;
use layerloop::names::text;
use layerloop::recipes::{Plan, Recipe};

use crate::args::{ExplicitArgs, Train, parse};

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
        let options = options(&recipe.plan(data)?).into_iter();
        let all = options.fold(ExplicitArgs::default(), |all, (id, value)| all.and(ExplicitArgs::with(id, &[value])));
        self.with_typed(&parse::over(self.typed.clone(), all))
    }

    /// These options as if `typed` had been typed, shown and resumed as before.
    pub(super) fn with_typed(&self, typed: &ExplicitArgs) -> Result<Box<Self>> {
        let Self { json, quiet, tui, anyway, threads, find_lr, .. } = *self;
        let (run, resume) = (self.run.clone(), self.resume.clone());
        Ok(Box::new(Self { json, quiet, tui, anyway, threads, find_lr, run, resume, ..*parse::train(typed)? }))
    }
}
