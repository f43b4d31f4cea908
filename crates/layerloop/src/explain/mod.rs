//! Where the fast path and the derivation are compared: a network as the derivation writes it, its loss and gradient in f64, and the check that
//! the fast path, the derivation and central differences agree.
//!
//! Read in this order: `conversion`, `map`, `check`, `differences`, `trace`, `comparison`; then
//! `attribution`, which asks why an output is what it is, and `columns`, which asks what the columns of a table do.

mod attribution;
mod check;
mod columns;
mod comparison;
mod conversion;
mod curvature;
mod differences;
mod map;
mod mistakes;
mod rounding;
mod second_order;
mod stages;
mod trace;
mod units;

pub use attribution::{Attributed, Attribution, Attributor};
pub use check::{GradientCheck, LayerCheck, check_gradients, has_derivation, specimen};
pub use columns::{Dependence, Importance, grid, partial_dependence, permutation_importance};
pub use comparison::{Comparison, Ulps, differences, ulps};
pub use conversion::{in_math, loss_and_gradient, matrices};
pub use curvature::{Eigen, Estimate, Hessian, surface};
pub use differences::{DifferenceCheck, DifferenceLayer, check_differences};
pub use map::in_map;
pub use mistakes::{Mistake, Near, Turned, mistakes, turn};
pub use trace::{Factors, LARGEST_A, Trace, TracedLayer, TracedOutput, golden};
pub use units::{LayerUnits, class_views, units};
