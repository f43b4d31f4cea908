//! The network of the best epoch so far, as a model in the folder of the run.

use std::ops::ControlFlow;
use std::path::PathBuf;

use layerloop::files::Background;
use layerloop::model_file::Model;
use layerloop::train::{Better, Callback, EpochEnd, Report, Run};
use layerloop::{Error, Result};
use serde_json::{Value, json};

use super::job::Job;
use crate::output::message;

/// Saves a model after every epoch that is better than all before it.
pub(super) struct Best<'a> {
    path: PathBuf,
    job: &'a Job,
    receipt: Value,
    /// The column of the history that is monitored.
    column: String,
    better: Better,
    writer: Background,
}

impl<'a> Best<'a> {
    /// By what early stopping looks at, or the loss of the validation part, or that of the training part.
    pub(super) fn new(path: PathBuf, job: &'a Job, receipt: Value) -> Result<Self> {
        let (column, better) = match (&job.options.early_stopping, &job.validation) {
            (Some(rule), _) => (rule.column()?, rule.direction()?),
            (None, Some(_)) => ("val_loss".into(), Better::Lower),
            (None, None) => ("train_loss".into(), Better::Lower),
        };
        let failed =
            |error: &Error| message(format_args!("warning: {error}; the best model is not saved, the run goes on"));
        Ok(Self { path, job, receipt, column, better, writer: Background::new("best model", failed)? })
    }
}

impl Best<'_> {
    /// Whether the writer is well.
    ///
    /// # Errors
    /// Those of [`Background::panicked`].
    pub(super) fn check(&self) -> Result<()> {
        self.writer.panicked()
    }
}

impl Callback for Best<'_> {
    fn on_epoch(&mut self, end: &EpochEnd, run: &mut Run) -> ControlFlow<()> {
        let Some(value) = run.history().last(&self.column).filter(|value| value.is_finite()) else {
            return ControlFlow::Continue(());
        };
        let is_better = |earlier: f64| match self.better {
            Better::Lower => value < earlier,
            Better::Higher => value > earlier,
        };
        let before = run.history().rows().len() - 1;
        let mut earlier = run.history().column(&self.column).into_iter().flatten().take(before);
        if earlier.all(|earlier| !earlier.is_finite() || is_better(earlier)) {
            let mut receipt = self.receipt.clone();
            receipt["result"] = json!({ "epochs": end.epoch, "steps": end.steps });
            receipt["result"][&self.column] = json!(value);
            let network = run.outcome();
            let threshold = self.job.threshold(&network).unwrap_or_else(|error| {
                message(format_args!("warning: {error}; the best model has no threshold"));
                None
            });
            let model = Model::new(network, &self.job.loaded.train, receipt).with_threshold(threshold);
            let path = self.path.clone();
            self.writer.put(move || model.save(path));
        }
        if self.check().is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn on_end(&mut self, _: &Report, _: &mut Run) {
        self.writer.finish();
    }
}
