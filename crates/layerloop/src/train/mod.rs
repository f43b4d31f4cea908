//! Training: [`fit`] is a loop of steps over shuffled batches; read `fit`, `step`, `optimizer`, `decay`, `callback`, `rng`.

mod callback;
mod decay;
mod fit;
mod optimizer;
mod pace;
pub mod rng;
mod step;

pub use callback::{Callback, EpochEnd, StepEnd};
pub use fit::{FitOptions, Report, default_threads, fit, fit_with};
pub use optimizer::Optimizer;
pub use step::loss_and_gradient;
