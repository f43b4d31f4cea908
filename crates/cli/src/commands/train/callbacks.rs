//! All that follows a run.

use std::ops::ControlFlow;

use layerloop::logs::Logs;
use layerloop::train::{Callback, Checkpoint, Checkpoints, EpochEnd, Report, Run, StepEnd};
use layerloop::{Error, Result};
use serde_json::Value;

use super::best_model::Best;
use super::folder::Folder;
use super::job::Job;
use super::outputs::Outputs;
use super::watch::Watch;
use crate::args::Train;
use crate::interrupt::Signal;
use crate::output::message;

/// Steps of a run that are logged, at most.
const LOGGED_STEPS: u64 = 200;

/// The screen, the best model, the logs, the checkpoints.
pub(super) struct Callbacks<'a> {
    watch: Watch<'a>,
    best: Option<Best<'a>>,
    logs: Option<AtStart<'a, Logs>>,
    checkpoints: Option<AtStart<'a, Checkpoints>>,
    begun: Option<Begun<'a>>,
}

impl<'a> Callbacks<'a> {
    /// Of a run with this receipt, which goes on from a checkpoint or begins.
    pub(super) fn new(
        args: &'a Train,
        job: &'a Job,
        outputs: &Outputs,
        folder: Option<&'a Folder>,
        (receipt, from): (&Value, Option<&Checkpoint>),
    ) -> Result<Self> {
        let from = from.map(|from| (from.steps(), from.epochs()));
        let (per_run, goes_on) = (job.steps() / LOGGED_STEPS, folder.and_then(Folder::earlier).is_some());
        let logs = outputs.logs.clone().map(|(path, are_there)| {
            AtStart::new(move || match are_there {
                true => Logs::go_on(path, per_run, from),
                false => Logs::new(path, per_run),
            })
        });
        let sha256 = receipt["data"]["sha256"].as_str().unwrap_or_default().to_owned();
        let checkpoints = folder.map(|folder| {
            let failed =
                |error: &Error| message(format_args!("warning: {error}; no checkpoint this time, the run goes on"));
            let make = move || Checkpoints::new(folder.checkpoints(), args.checkpoint_every, args.keep, failed);
            AtStart::new(move || Ok(make()?.with_sha256(sha256)))
        });
        Ok(Self {
            watch: Watch::new(args, job)?,
            best: folder.map(|folder| Best::new(folder.best(), job, receipt.clone())).transpose()?,
            logs,
            checkpoints,
            begun: folder.map(|folder| Begun { folder, receipt: goes_on.then(|| folder_receipt(args, job, receipt)) }),
        })
    }

    /// The checkpoint comes last: what it stands for is in the logs and among the best then, whenever the run is killed.
    pub(super) fn all(&mut self) -> impl Callback {
        let files = (&mut self.best, (&mut self.logs, &mut self.checkpoints));
        (&mut self.watch, (files, &mut self.begun))
    }

    /// The run's report, the signal that ended it, and what went wrong beside the training.
    pub(super) fn finish(self, fitted: Result<Report>) -> Result<(Report, Option<Signal>, Option<Error>)> {
        if let Some(failure) = self.logs.and_then(|logs| logs.made).as_mut().and_then(Logs::failure) {
            message(format_args!("warning: {failure}; the logs end there"));
        }
        let checkpoints = self.checkpoints.and_then(|checkpoints| checkpoints.made);
        let written = checkpoints.as_ref().map_or(Ok(()), Checkpoints::check);
        let written = written.and_then(|()| self.best.as_ref().map_or(Ok(()), Best::check));
        let (signal, failure) = self.watch.finish();
        Ok((fitted?, signal, written.err().or(failure)))
    }
}

/// What the folder of a run keeps of it.
pub(super) fn folder_receipt(args: &Train, job: &Job, receipt: &Value) -> Value {
    let mut receipt = receipt.clone();
    receipt["network"] = job.network.spec().to_string().into();
    receipt["arguments"] = args.typed.to_json();
    receipt
}

/// A callback that is made when the run begins: one that is refused before that has changed no file.
struct AtStart<'a, C> {
    make: Option<Box<dyn FnOnce() -> Result<C> + 'a>>,
    made: Option<C>,
}

impl<'a, C> AtStart<'a, C> {
    fn new(make: impl FnOnce() -> Result<C> + 'a) -> Self {
        Self { make: Some(Box::new(make)), made: None }
    }
}

impl<C: Callback> Callback for AtStart<'_, C> {
    fn on_start(&mut self, run: &mut Run) -> Result<()> {
        self.made = self.make.take().map(|make| make()).transpose()?;
        self.made.on_start(run)
    }

    fn on_step(&mut self, end: &StepEnd, run: &mut Run) -> ControlFlow<()> {
        self.made.on_step(end, run)
    }

    fn on_epoch(&mut self, end: &EpochEnd, run: &mut Run) -> ControlFlow<()> {
        self.made.on_epoch(end, run)
    }

    fn on_end(&mut self, report: &Report, run: &mut Run) {
        self.made.on_end(report, run);
    }
}

/// Tells the folder of the run that it has begun; a run that goes on gets its new receipt then, and not before.
struct Begun<'a> {
    folder: &'a Folder,
    receipt: Option<Value>,
}

impl Callback for Begun<'_> {
    fn on_start(&mut self, _: &mut Run) -> Result<()> {
        self.receipt.as_ref().map_or(Ok(()), |receipt| self.folder.write_receipt(receipt))?;
        self.folder.has_begun();
        Ok(())
    }
}
