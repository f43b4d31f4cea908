//! Data sets for the commands, with a progress bar for what takes long.

use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use layerloop::Result;
use layerloop_data::{LoadOptions, Loaded, Progress};

use crate::output::message;

/// How the progress of a download is shown, and that of reading pictures.
const BYTES: &str = "{msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left";
const PICTURES: &str = "reading pictures {bar:30} {pos}/{len} {per_sec}, {eta} left";

/// Loads a data set by name or folder; what takes long shows itself on stderr.
pub(crate) fn load(data: &Path, options: &LoadOptions<'_>) -> Result<Loaded> {
    let style = |template| ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(0).with_style(style(BYTES));
    let result = layerloop_data::load(data, options, &mut |progress| match progress {
        Progress::Arrived { file, bytes, total, .. } => {
            bar.set_message(file.to_string());
            total.into_iter().for_each(|total| bar.set_length(total));
            bar.set_position(bytes);
        }
        Progress::Damaged { path, reason } => {
            bar.suspend(|| message(format_args!("warning: {}: {reason}; downloading it again", path.display())));
        }
        Progress::Failed { url, reason } => bar.suspend(|| message(format_args!("warning: {url}: {reason}"))),
        Progress::Pictures { done, total } => {
            if bar.length() != Some(total as u64) {
                bar.set_style(style(PICTURES));
                bar.set_length(total as u64);
            }
            bar.set_position(done as u64);
        }
    });
    bar.finish_and_clear();
    result
}
