//! Data sets for the commands, with a progress bar for what has to be downloaded.

use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use layerloop::Result;
use layerloop_data::Loaded;
use layerloop_data::download::Progress;

use crate::output::message;

/// Loads a data set by name or folder; a download shows itself on stderr.
pub(crate) fn load(data: &Path, data_dir: Option<&Path>) -> Result<Loaded> {
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let result = layerloop_data::load(data, data_dir, &mut |progress| match progress {
        Progress::Arrived { file, bytes, total, .. } => {
            bar.set_message(file.to_string());
            total.into_iter().for_each(|total| bar.set_length(total));
            bar.set_position(bytes);
        }
        Progress::Damaged { path, reason } => {
            bar.suspend(|| message(format_args!("warning: {}: {reason}; downloading it again", path.display())));
        }
        Progress::Failed { url, reason } => bar.suspend(|| message(format_args!("warning: {url}: {reason}"))),
    });
    bar.finish_and_clear();
    result
}
