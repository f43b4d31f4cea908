//! The options of test-time augmentation, of `layerloop eval` and `layerloop predict`.

use clap::Args;
use layerloop::augment::Augmentation;

use super::parsers::{augmentation, count};

/// What each image is looked at as.
#[derive(Debug, Args)]
pub(crate) struct Variants {
    /// Average over N variants of each image: the image itself, and N - 1 that are moved as in the training
    #[arg(long, visible_alias = "variants", value_parser = count(), value_name = "N")]
    pub(crate) tta: Option<usize>,
    /// How the variants of --tta are moved, such as "shift=1 rotate=5" [default: as the model was trained]
    #[arg(long, visible_alias = "augmentation", value_parser = augmentation, value_name = "TEXT", requires = "tta")]
    pub(crate) augment: Option<Augmentation>,
}
