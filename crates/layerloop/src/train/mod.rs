//! Training: [`fit`] is a loop of steps over shuffled batches; read `fit`, `step`, `optimizer`, `decay`, `schedule`,
//! `callback`, `rng`.

mod callback;
mod decay;
mod fit;
mod optimizer;
mod pace;
mod plateau;
pub mod rng;
mod schedule;
mod step;

pub use callback::{Callback, EpochEnd, StepEnd};
pub use fit::{FitOptions, Report, default_threads, fit, fit_with};
pub use optimizer::Optimizer;
pub use plateau::Plateau;
pub use schedule::{Milestones, Progress, Schedule, warm_up};
pub use step::loss_and_gradient;
