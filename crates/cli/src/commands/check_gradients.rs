//! `layerloop check-gradients`

use layerloop::Result;

use crate::Outcome;
use crate::args::CheckGradients;

pub(crate) fn run(_args: &CheckGradients) -> Result<Outcome> {
    Ok(Outcome::Done)
}
