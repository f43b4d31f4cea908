//! Training: [`fit`] is a loop of steps over shuffled batches; read `fit`, `step`, `options`, `optimizer`, `schedule`,
//! `whole`, `average`, `callback`, `history`, `finder`, `rng`.

mod average;
mod callback;
mod finder;
mod fit;
mod history;
mod lbfgs;
mod muon;
mod objective;
mod optimizer;
mod options;
mod pace;
mod plateau;
pub mod rng;
mod schedule;
mod step;
mod whole;

pub use callback::{Callback, EpochEnd, StepEnd};
pub use finder::{Finding, find_learning_rate};
pub use fit::{Report, check, default_threads, fit, fit_with};
pub use history::History;
pub use objective::{ClassWeights, Loss, Objective, Reduction};
pub use optimizer::Optimizer;
pub use options::{FitOptions, LayerRate};
pub use plateau::Plateau;
pub use schedule::{Milestones, Progress, Schedule, warm_up};
pub use step::{loss_and_gradient, loss_and_gradient_of};
