//! A recipe as options that were typed: what is typed beside it wins, and the receipt keeps them all.

use layerloop::Result;
use layerloop::data::Dataset;
use layerloop::names::{NamedEnum as _, text};
use layerloop::network::{Init, Norm};
use layerloop::preprocess::Scaling;
use layerloop::recipes::{Plan, Recipe, Structure};
use layerloop::train::{Optimizer, Schedule};

use crate::args::{ExplicitArgs, Train, parse};

/// The options of a plan that are not at their defaults, by name.
pub(crate) fn options(plan: &Plan) -> Vec<(&'static str, String)> {
    let widths: Vec<String> = plan.hidden.iter().map(usize::to_string).collect();
    let always = [
        ("hidden", widths.join(",")),
        ("activation", text(plan.activation)),
        ("epochs", plan.epochs.to_string()),
        ("batch", plan.batch.to_string()),
        ("lr", plan.learning_rate.to_string()),
        ("schedule", text(plan.schedule)),
    ];
    let sometimes = [
        (plan.norm != Norm::Without).then(|| ("norm", text(plan.norm))),
        (plan.dropout > 0.0).then(|| ("dropout", plan.dropout.to_string())),
        (plan.label_smoothing > 0.0).then(|| ("label_smoothing", plan.label_smoothing.to_string())),
        (plan.ensemble > 1).then(|| ("ensemble", plan.ensemble.to_string())),
        (!plan.optimizer.is(Optimizer::ALL[0])).then(|| ("optimizer", text(plan.optimizer))),
        (plan.scaling != Scaling::Standard).then(|| ("scaling", text(plan.scaling))),
        (plan.init != Init::Default).then(|| ("init", text(plan.init))),
        plan.weight_decay.map(|decay| ("weight_decay", decay.to_string())),
        (plan.decay_schedule != Schedule::Constant).then(|| ("decay_schedule", text(plan.decay_schedule))),
        (plan.dropout_schedule != Schedule::Constant).then(|| ("dropout_schedule", text(plan.dropout_schedule))),
        plan.embed_above.map(|levels| ("embed_above", levels.to_string())),
        plan.clamp.then(|| ("clamp", String::new())),
        plan.drop_last.then(|| ("drop_last", String::new())),
        plan.latest.then(|| ("latest", String::new())),
        (plan.validation > 0.0).then(|| ("validation", plan.validation.to_string())),
        plan.patience.map(|_| ("early_stopping", plan.metric.to_owned())),
        plan.patience.map(|patience| ("patience", patience.to_string())),
        (!plan.augment.is_empty()).then(|| ("augment", plan.augment.to_string())),
    ];
    always.into_iter().chain(sometimes.into_iter().flatten()).collect()
}

impl Train {
    /// These options with those of `recipe` for `data` behind them.
    pub(super) fn with_recipe(&self, recipe: Recipe, data: &Dataset) -> Result<Box<Self>> {
        self.with_plan(&recipe.plan(data)?)
    }

    /// These options with those of `plan` behind them.
    pub(super) fn with_plan(&self, plan: &Plan) -> Result<Box<Self>> {
        let options = options(plan).into_iter();
        let all = options.fold(ExplicitArgs::default(), |all, (id, value)| all.and(ExplicitArgs::with(id, &[value])));
        self.with_typed(&parse::over(self.typed.clone(), all))
    }

    /// As [`Self::with_plan`], of a recipe that was chosen for a table: its name is kept.
    pub(super) fn with_recipe_plan(&self, recipe: Recipe, plan: &Plan) -> Result<Box<Self>> {
        let named = ExplicitArgs::with("recipe", &[text(recipe)]);
        self.with_typed(&parse::over(self.typed.clone(), named))?.with_plan(plan)
    }

    /// These options with the network and the rates of its layers, where the recipe has layers of its own: a replay does not depend on what
    /// the recipe means later.
    pub(super) fn with_layers_of_recipe(&self, data: &Dataset) -> Result<Box<Self>> {
        let recipe = self.recipe.filter(|recipe| recipe.is_for_tables() && self.network.is_none());
        let plan = recipe.map(|recipe| recipe.plan_for_table(data.rows(), !data.classes().is_empty())).transpose()?;
        let Some(mut plan) = plan.filter(|plan| plan.structure != Structure::Dense) else {
            return self.with_typed(&self.typed);
        };
        (plan.hidden, plan.activation) = (self.hidden.clone(), self.activation);
        (plan.dropout, plan.init) = (self.dropout, self.init);
        let spec = plan.spec(data);
        let rates = plan.layer_rates(&spec.clone().ensemble(self.ensemble))?;
        let rates: Vec<String> = rates.iter().chain(&self.layer_rate).map(ToString::to_string).collect();
        let rates = if rates.is_empty() { ExplicitArgs::default() } else { ExplicitArgs::with("layer_rate", &rates) };
        self.with_typed(&parse::over(ExplicitArgs::with("network", &[spec]).and(rates), self.typed.clone()))
    }

    /// These options as if `typed` had been typed, shown and resumed as before.
    pub(super) fn with_typed(&self, typed: &ExplicitArgs) -> Result<Box<Self>> {
        let Self { json, quiet, tui, anyway, threads, find_lr, .. } = *self;
        let (run, resume) = (self.run.clone(), self.resume.clone());
        Ok(Box::new(Self { json, quiet, tui, anyway, threads, find_lr, run, resume, ..*parse::train(typed)? }))
    }
}
