//! User-defined parts: what the closed sets do not have, by a trait and a name.
//!
//! A registered name is allowed wherever the built-in ones are: in the text form of a network, in a model file, in the options
//! of a run. Derivatives are compared with differences before a name is registered ([`check_layer`]). A program that reads a
//! model with such a name registers it first; otherwise the model is refused, with the name.
//!
//! # Numerics
//! What a custom part computes is its own affair: the same bits on every machine need a part that sees to them (no `exp` or
//! `ln` of the platform, for instance).

pub use crate::metrics::custom::{Metric, register_metric};
pub use crate::names::{Custom, Kind, OrCustom};
pub use crate::network::custom::{Activation, Layer, check_layer};
pub use crate::network::custom::{register_activation, register_activation_with, register_layer, register_layer_with};
pub use crate::objective::custom::{Loss, check_loss, register_loss};
#[cfg(feature = "train")]
pub use crate::optim::custom::{Schedule, register_schedule};
