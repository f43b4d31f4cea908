//! The options of `layerloop show`.

use std::path::PathBuf;

use clap::Parser;
use layerloop::augment::Augmentation;

use super::Part;
use super::parsers::{Size, augmentation, count, number, size};

#[derive(Debug, Parser)]
pub(crate) struct Show {
    /// digits, mnist, fashion-mnist, a folder with a folder of PNG or JPEG pictures for each class, or a folder of IDX files
    #[arg(value_name = "DATA", default_value = "digits")]
    pub(crate) data: PathBuf,
    /// Folder that has the data set's files; nothing is downloaded then [default: the one in LAYERLOOP_DATA]
    #[arg(long, short = 'd', value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Scale the pictures of a folder to this size [default: the most frequent size]
    #[arg(long, value_parser = size(), value_name = "WIDTHxHEIGHT")]
    pub(crate) size: Option<Size>,
    /// Part of the data to show
    #[arg(long, ignore_case = true, value_enum, default_value = "train")]
    pub(crate) part: Part,
    /// Show each image as it is and, behind it, as `train --augment TEXT` sees it in the first seven epochs
    #[arg(long, visible_alias = "augmentation", value_parser = augmentation, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) augment: Augmentation,
    /// Seed of the training
    #[arg(long, short = 's', value_parser = number::<u64>("a whole number, 0 to 18446744073709551615"), value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// How many images, the first ones [default: 64, or 8 with --augment]
    #[arg(long, value_parser = count(), value_name = "N")]
    pub(crate) count: Option<usize>,
    /// PNG file to draw
    #[arg(long, short = 'o', value_name = "FILE", default_value = "sheet.png")]
    pub(crate) out: PathBuf,
}
