//! Where tests find MNIST and Fashion-MNIST: in the folder that `LAYERLOOP_DATA` names, or in `../shared/data` beside the
//! checkout.

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The folder; where there is none, says which test does not run.
pub(crate) fn data_dir(test: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("LAYERLOOP_DATA").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    // Straight to the stream: the test harness swallows what a passing test prints.
    let _ = writeln!(std::io::stderr(), "NOT RUN: {test}, which needs the data sets in {}", folder.display());
    None
}
