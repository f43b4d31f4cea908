//! Training: [`fit`] is a loop of steps over shuffled batches; read `fit`, `run`, `step`, `options`, `optimizer`, `schedule`,
//! `whole`, `average`, `callback`, `history`, `early_stopping`, `state`, `learner`, `checkpoint`, `checkpoints`, `store`, `samples`,
//! `finder`.

mod adaptive_threads;
mod callback;
mod check;
mod checkpoints;
mod clock;
mod described;
mod early_stopping;
mod finder;
mod fit;
mod full_gradient;
mod history;
mod learner;
mod line_search;
mod monitored;
mod on_ranks;
mod options;
mod rates;
mod run;
mod samples;
mod state;
mod step;
mod streamed;

pub use callback::{Callback, EpochEnd, StepEnd, on_epoch, on_step, throttled};
pub use checkpoints::{Checkpoint, Checkpoints, Every, Identity, duration};
pub use early_stopping::{Better, EarlyStopping};
pub use finder::{Finding, find_learning_rate};
pub use fit::{
    FitContext, Report, bytes_of_training, check, check_memory, default_threads, fit, fit_with, rows_in_memory,
};
pub use history::History;
pub use learner::Learner;
pub use options::FitOptions;
pub use rates::LayerRate;
pub use run::Run;
#[cfg(feature = "explain")]
pub(crate) use samples::{FastSample, LastLayer, fast_sample, last_layer};
pub use samples::{Sample, samples};
pub use state::Stopped;

pub use crate::error::GradientNorms;
pub use crate::objective::{ClassWeights, Loss, Objective, Reduction};
pub use crate::optim::{Milestones, Optimizer, Plateau, Progress, Schedule, warm_up};
pub use step::{loss_and_gradient, loss_and_gradient_of};
