//! One file a command: what was typed becomes what is done.

pub(crate) mod bench;
pub(crate) mod check_gradients;
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod list;
pub(crate) mod outliers;
pub(crate) mod predict;
pub(crate) mod replay;
pub(crate) mod summary;
pub(crate) mod train;

use layerloop::network::Spec;
use layerloop::train::default_threads;

/// Threads for judging and predicting: as many as a batch of 512 rows keeps busy.
pub(crate) fn threads_for(spec: &Spec) -> usize {
    default_threads(spec, 512)
}
