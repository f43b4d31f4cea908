//! `layerloop show`

use layerloop::data::Dataset;
use layerloop::files::write_atomically;
use layerloop::{Error, Result};
use layerloop_data::LoadOptions;

use crate::Outcome;
use crate::args::{Part, Show, Size};
use crate::data;
use crate::output::{line, shown};
use layerloop_page::picture::sheet;

/// Images side by side.
const COLUMNS: usize = 8;

pub(crate) fn run(args: &Show) -> Result<Outcome> {
    if args.count == Some(0) {
        return Err(Error::config("--count", "0 images; at least 1 is needed to draw"));
    }
    let size = args.size.map(|Size { width, height }| (height, width));
    let loaded = data::load(&args.data, &LoadOptions { data_dir: args.data_dir.as_deref(), size })?;
    let part = if args.part == Part::Train { loaded.train } else { loaded.test };
    let Some((height, width)) = part.image() else {
        let reason = format!("{} has rows of numbers, not images; there is nothing to draw", part.name());
        return Err(Error::config("DATA", reason));
    };
    let count = args.count.unwrap_or(if args.augment.is_empty() { COLUMNS * COLUMNS } else { COLUMNS });
    let images = part.head(count);
    let rows = |data: &Dataset| (0..data.rows()).map(|row| data.row(row)).collect::<Vec<_>>();
    let mut all = vec![rows(&images)];
    if !args.augment.is_empty() {
        for epoch in 1..COLUMNS as u64 {
            // Of the whole part: which images are mixed depends on how many there are.
            all.push(rows(&args.augment.apply_to_head(&part, args.seed, epoch, images.rows())?));
        }
    }
    let in_order: Vec<&[f32]> =
        (0..images.rows()).flat_map(|row| all.iter().map(move |epoch| &epoch[row][..])).collect();
    write_atomically(&args.out, &sheet(&in_order, [height, width], COLUMNS)?)?;
    let (drawn, out) = (images.rows(), args.out.display().to_string());
    line(format_args!("{drawn} images of {width} x {height} pixels drawn as {}", shown(&out)))?;
    Ok(Outcome::Done)
}
