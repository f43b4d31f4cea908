//! How parameters move: the rules of the optimisers, learning rates over a run, averages of the weights.

pub(crate) mod average;
pub(crate) mod custom;
pub(crate) mod lbfgs;
pub(crate) mod moments;
pub(crate) mod muon;
mod optimizer;
mod plateau;
mod schedule;

pub use optimizer::Optimizer;
pub use plateau::Plateau;
pub use schedule::{Milestones, Progress, Schedule, warm_up};
