//! Checkpoints of a run in a folder, written by a thread of their own while the run goes on.

mod checkpoint;
mod store;

pub use checkpoint::{Checkpoint, Identity};

use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use self::store::Store;
use super::callback::{Callback, EpochEnd, StepEnd};
use super::fit::Report;
use super::run::Run;
use crate::clock::Instant;
use crate::files::Background;
use crate::{Error, Result};

/// How often a checkpoint is made.
///
/// # Example
/// ```
/// use std::time::Duration;
/// use layerloop::train::Every;
/// assert_eq!("100steps".parse::<Every>()?, Every::Steps(100));
/// assert_eq!("5min".parse::<Every>()?, Every::Time(Duration::from_secs(300)));
/// assert_eq!("2 epochs".parse::<Every>()?.to_string(), "2epochs");
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// After so many steps.
    Steps(u64),
    /// After so many epochs.
    Epochs(u64),
    /// After the first step past so much time.
    Time(Duration),
}

impl FromStr for Every {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unit = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = (text[..unit].trim(), text[unit..].trim());
        let every = match unit {
            "step" | "steps" => number.parse().ok().map(Self::Steps),
            "epoch" | "epochs" => number.parse().ok().map(Self::Epochs),
            _ => duration(text).ok().map(Self::Time),
        };
        every.filter(|every| !every.is_never()).ok_or_else(|| {
            Error::config(
                "checkpoint_every",
                format!("`{text}`: expected a number with its unit, such as 100steps, 2epochs, 30s or 5min"),
            )
        })
    }
}

impl Every {
    fn is_never(self) -> bool {
        matches!(self, Self::Steps(0) | Self::Epochs(0) | Self::Time(Duration::ZERO))
    }
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steps(steps) => write!(f, "{steps}steps"),
            Self::Epochs(epochs) => write!(f, "{epochs}epochs"),
            Self::Time(time) => write!(f, "{}s", time.as_secs_f64()),
        }
    }
}

/// A time such as `30s`, `5min`, `1.5h`.
///
/// # Errors
/// [`Error::Config`] for anything else.
///
/// # Example
/// ```
/// use std::time::Duration;
/// assert_eq!(layerloop::train::duration("1.5min")?, Duration::from_secs(90));
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn duration(text: &str) -> Result<Duration> {
    let unit = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let seconds = match text[unit..].trim() {
        "s" => Some(1.0),
        "min" => Some(60.0),
        "h" => Some(3600.0),
        _ => None,
    };
    let time = text[..unit].trim().parse::<f64>().ok().zip(seconds).map(|(number, seconds)| number * seconds);
    time.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).ok_or_else(|| {
        Error::config("time", format!("`{text}`: expected a time with its unit, such as 30s, 5min or 1.5h"))
    })
}

/// A callback that keeps the newest checkpoints of a run in a folder, `step-000001200.safetensors` and so on.
///
/// The run does not wait for the disk: one that is due while another is still being written waits, and if a third comes, that
/// takes its place. One is made at the end of the run in any case, and the run's end waits until it is written.
///
/// # Example
/// ```
/// use layerloop::data::{Dataset, Inputs};
/// use layerloop::network::Network;
/// use layerloop::train::{Checkpoints, Every, FitOptions, FitContext, fit, fit_with};
/// let data = Dataset::new("demo", Inputs::Floats(vec![0., 1., 2., 3.].into()), 1, vec![0, 0, 1, 1], ["a", "b"])?;
/// let options = FitOptions { batch: 2, ..FitOptions::default() };
/// let folder = tempfile::tempdir().unwrap();
/// let mut network = Network::new(&"1 -> 2".parse()?, 0)?;
/// fit_with(&mut network, &data, &options, &mut Checkpoints::new(folder.path(), Every::Epochs(1), 3, |_| {})?)?;
///
/// let (newest, damaged) = Checkpoints::newest(folder.path())?;
/// assert_eq!((newest.as_ref().map(|checkpoint| checkpoint.steps()), damaged.len()), (Some(40), 0));
/// let mut again = Network::new(&"1 -> 2".parse()?, 0)?;
/// fit_with(&mut again, &data, &options, FitContext { from: newest, ..FitContext::default() })?;
/// assert_eq!(again.sha256(), network.sha256());
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug)]
pub struct Checkpoints {
    every: Every,
    last: Instant,
    /// Whether one is due at the end of this epoch.
    at_end_of_epoch: bool,
    sha256: Option<String>,
    store: Arc<Mutex<Store>>,
    writer: Background,
}

impl Checkpoints {
    /// Checkpoints in `folder`, which is made if it is missing; the newest `keep`, at least one, are kept. What cannot be
    /// written is told to `failed`; the run goes on, and the earlier checkpoints stay.
    ///
    /// # Errors
    /// [`Error::Config`] for every 0 steps, epochs or seconds; [`Error::Io`] if the folder cannot be made or read.
    pub fn new(
        folder: impl AsRef<Path>,
        every: Every,
        keep: usize,
        failed: impl Fn(&Error) + Send + 'static,
    ) -> Result<Self> {
        if every.is_never() {
            return Err(Error::config("checkpoint_every", format!("{every}; at least one step, epoch or some time")));
        }
        let store = Arc::new(Mutex::new(Store::open(folder.as_ref(), keep)?));
        Ok(Self {
            every,
            last: Instant::now(),
            at_end_of_epoch: false,
            sha256: None,
            store,
            writer: Background::new("checkpoints", failed)?,
        })
    }

    /// With the hash of the data, which is compared when a run goes on.
    #[must_use]
    pub fn with_sha256(mut self, sha256: impl Into<String>) -> Self {
        self.sha256 = Some(sha256.into());
        self
    }

    /// The newest whole checkpoint in `folder`, and what is wrong with those that are newer.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be read.
    pub fn newest(folder: impl AsRef<Path>) -> Result<(Option<Checkpoint>, Vec<Error>)> {
        let mut wrong = Vec::new();
        for path in store::files(folder.as_ref())?.iter().rev() {
            match Checkpoint::load(path) {
                Ok(checkpoint) => return Ok((Some(checkpoint), wrong)),
                Err(error) => wrong.push(error),
            }
        }
        Ok((None, wrong))
    }

    /// Whether the writer is well; if it has panicked, that has ended the run.
    ///
    /// # Errors
    /// [`Error::Io`] with the message of the panic.
    pub fn check(&self) -> Result<()> {
        self.writer.panicked()
    }

    fn put(&mut self, run: &Run, must_wait: bool) {
        let mut checkpoint = run.checkpoint();
        checkpoint.data.sha256.clone_from(&self.sha256);
        let store = Arc::clone(&self.store);
        self.writer.put(move || lock(&store).add(&checkpoint, must_wait));
        self.last = Instant::now();
    }

    /// Writes one if it is due; a writer that has panicked ends the run.
    fn put_if(&mut self, due: bool, run: &Run) -> ControlFlow<()> {
        if !due {
            return ControlFlow::Continue(());
        }
        self.put(run, false);
        if self.writer.panicked().is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

fn lock(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Callback for Checkpoints {
    fn on_step(&mut self, end: &StepEnd, run: &mut Run) -> ControlFlow<()> {
        let due = match self.every {
            Every::Steps(steps) => end.step.is_multiple_of(steps),
            Every::Epochs(_) => false,
            Every::Time(time) => self.last.elapsed() >= time,
        };
        // After the last step of an epoch it waits for the epoch's end, whose logs need the gradient of that step.
        self.at_end_of_epoch = due && run.epoch_is_over();
        self.put_if(due && !self.at_end_of_epoch, run)
    }

    fn on_epoch(&mut self, end: &EpochEnd, run: &mut Run) -> ControlFlow<()> {
        let due = matches!(self.every, Every::Epochs(epochs) if (end.epoch as u64).is_multiple_of(epochs));
        let waited = std::mem::take(&mut self.at_end_of_epoch);
        self.put_if(due || waited, run)
    }

    fn on_end(&mut self, _: &Report, run: &mut Run) {
        self.put(run, true);
        self.writer.finish();
        lock(&self.store).close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Dataset, Inputs};
    use crate::network::Network;
    use crate::train::{FitOptions, Stopped, fit_with, on_step};

    /// A run that was killed after the checkpoint of an epoch's last step had no gradient for the logs of that epoch.
    #[test]
    fn a_checkpoint_of_the_last_step_of_an_epoch_waits_for_the_end_of_the_epoch() {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpoints = Checkpoints::new(folder.path(), Every::Steps(1), 9, |error| panic!("{error}")).unwrap();
        let data = Dataset::new("demo", Inputs::Floats(vec![0., 1.].into()), 1, vec![0, 1], ["a", "b"]).unwrap();
        let options = FitOptions { epochs: 2, batch: 1, ..FitOptions::default() };
        let mut network = Network::new(&"1 -> 2".parse().unwrap(), 0).unwrap();
        let mut epochs = Vec::new();
        let slowly = on_step(|_, _| {
            std::thread::sleep(Duration::from_millis(50)); // so that most of them are written
            ControlFlow::Continue(())
        });
        fit_with(&mut network, &data, &options, &mut (slowly, &mut checkpoints)).unwrap();
        for path in store::files(folder.path()).unwrap() {
            let checkpoint = Checkpoint::load(path).unwrap();
            epochs.push((checkpoint.steps(), checkpoint.epochs()));
        }
        assert!(epochs.iter().all(|&(steps, epochs)| epochs == steps as usize / 2), "{epochs:?}");
    }

    /// The run waited for ever for its last checkpoint.
    #[test]
    fn a_writer_that_panics_ends_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoints");
        let mut checkpoints = Checkpoints::new(&path, Every::Steps(1), 3, |error| panic!("{error}")).unwrap();
        std::fs::remove_dir(&path).unwrap();
        std::fs::write(&path, "").unwrap();
        let data = Dataset::new("demo", Inputs::Floats(vec![0., 1.].into()), 1, vec![0, 1], ["a", "b"]).unwrap();
        let options = FitOptions { epochs: usize::MAX, batch: 1, ..FitOptions::default() };
        let mut network = Network::new(&"1 -> 2".parse().unwrap(), 0).unwrap();
        let report = fit_with(&mut network, &data, &options, &mut checkpoints).unwrap();
        assert_eq!(report.stopped, Some(Stopped::Callback));
        let error = checkpoints.check().unwrap_err().to_string();
        assert!(error.starts_with("checkpoints: the thread that writes it panicked: "), "{error}");
    }
}
