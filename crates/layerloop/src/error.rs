//! The one error type of the libraries: what happened, with values, and what to do.

use std::path::{Path, PathBuf};

use layerloop_kernels::InvalidCsr;
use serde::{Deserialize, Serialize};

/// Everything that can go wrong here. A panic, by contrast, is always a bug of ours.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two sizes that must agree do not.
    #[error("{what}: expected {expected}, got {got}")]
    Shape {
        /// The thing that was measured, for instance `rows of labels`.
        what: String,
        /// The size it must have.
        expected: String,
        /// The size it has.
        got: String,
    },
    /// An option has an invalid value.
    #[error("{field}: {reason}")]
    Config {
        /// The option's name, as the user writes it.
        field: String,
        /// The value, why it is refused, what is allowed.
        reason: String,
    },
    /// Several options have invalid values.
    #[error("{} invalid options:\n{}", .0.len(), .0.iter().map(|e| format!("  {e}")).collect::<Vec<_>>().join("\n"))]
    Several(Vec<Error>),
    /// The content of some data is wrong.
    #[error("{}{}: {reason}", path.display(), row.map(|r| format!(", row {r}")).unwrap_or_default())]
    Data {
        /// File, folder or name of the data.
        path: PathBuf,
        /// Row in question, counted from 0.
        row: Option<usize>,
        /// The value, why it is refused, what to do.
        reason: String,
    },
    /// A file is not in the format it should have.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        reason: String,
    },
    /// The operating system refused.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The message of the system; a part of this one, and so not its [`source`](std::error::Error::source).
        cause: std::io::Error,
    },
    /// The loss stopped being a finite number.
    #[error(
        "training diverged at step {step}: the first value that is not finite is in {layer}{}; {}",
        sample.map(|sample| format!(", sample {sample}")).unwrap_or_default(),
        advice(layer, *learning_rate, last_good.as_deref())
    )]
    Diverged {
        /// Optimiser step, counted from 1.
        step: u64,
        /// Where the first bad value is, for instance `layer 2 (32 -> 10)`.
        layer: String,
        /// Row of the data set, counted from 0, if the bad value belongs to one.
        sample: Option<usize>,
        /// The learning rate of that step.
        learning_rate: f64,
        /// The newest norms of the gradient that were looked at, all finite.
        last_good: Option<Box<GradientNorms>>,
    },
}

/// The norms of the gradient of a batch, layer by layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GradientNorms {
    /// The step that they belong to, counted from 1.
    pub step: u64,
    /// The layer, as `2` or `2.1`, and the Euclidean norm of its part of the gradient.
    pub layers: Vec<(String, f64)>,
}

impl GradientNorms {
    /// The norm of the whole gradient.
    #[must_use]
    pub fn whole(&self) -> f64 {
        libm::sqrt(self.layers.iter().map(|(_, norm)| norm * norm).sum())
    }
}

/// What to change after a run that diverged, by what is known of its last good gradients.
fn advice(layer: &str, rate: f64, last_good: Option<&GradientNorms>) -> String {
    if layer == "the inputs" {
        return "look at that row of the data: every input must be a finite number".into();
    }
    let slower = format!("a learning rate of {:.0e}", (rate / 10.0).min(0.1));
    let Some(good) = last_good else {
        return format!("no step before it was finite; {slower}, inputs scaled to about 1, or another seed may help");
    };
    let norms: Vec<String> = good.layers.iter().map(|(layer, norm)| format!("{norm:.2e} in layer {layer}")).collect();
    format!(
        "the gradient of step {} had a norm of {:.2e}: {}; {slower}, clipping to a norm of {:.0e}, or inputs scaled to \
         about 1 may help",
        good.step,
        good.whole(),
        norms.join(", "),
        good.whole()
    )
}

/// A result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl From<InvalidCsr> for Error {
    fn from(error: InvalidCsr) -> Self {
        Self::data("the sparse rows", error.to_string())
    }
}

impl Error {
    /// An [`Error::Config`] for each rule that is broken: whether it is, the field, and the reason.
    pub(crate) fn of_rules<const N: usize>(rules: [(bool, &str, String); N]) -> Vec<Self> {
        let broken = rules.into_iter().filter(|(broken, ..)| *broken);
        broken.map(|(_, field, reason)| Self::config(field, reason)).collect()
    }

    /// An [`Error::Shape`].
    pub fn shape(what: impl Into<String>, expected: impl ToString, got: impl ToString) -> Self {
        Self::Shape { what: what.into(), expected: expected.to_string(), got: got.to_string() }
    }

    /// An [`Error::Config`].
    pub fn config(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Config { field: field.into(), reason: reason.into() }
    }

    /// What is wrong about some options, if anything is: all of it at once.
    #[must_use]
    pub fn of_several(mut faults: Vec<Self>) -> Option<Self> {
        if faults.len() > 1 { Some(Self::Several(faults)) } else { faults.pop() }
    }

    /// An [`Error::Data`] about the whole of `path`.
    pub fn data(path: impl AsRef<Path>, reason: impl Into<String>) -> Self {
        Self::Data { path: path.as_ref().to_path_buf(), row: None, reason: reason.into() }
    }

    /// An [`Error::Data`] about one row.
    pub fn row(path: impl AsRef<Path>, row: usize, reason: impl Into<String>) -> Self {
        Self::Data { path: path.as_ref().to_path_buf(), row: Some(row), reason: reason.into() }
    }

    /// An [`Error::Format`].
    pub fn format(path: impl AsRef<Path>, reason: impl Into<String>) -> Self {
        Self::Format { path: path.as_ref().to_path_buf(), reason: reason.into() }
    }

    /// An [`Error::Io`], for `map_err`: `File::open(p).map_err(Error::io(p))`.
    pub fn io(path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |cause| Self::Io { path, cause }
    }
}
