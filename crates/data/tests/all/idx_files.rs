//! Small IDX files for tests.

use std::io::Write;
use std::path::Path;

use flate2::{Compression, write::GzEncoder};

pub(crate) const NAMES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// An image file; the pixels count up from 0.
pub(crate) fn images(rows: u32, height: u32, width: u32) -> Vec<u8> {
    let sizes = [rows, height, width].into_iter().flat_map(u32::to_be_bytes);
    let pixels = (0..rows * height * width).map(|i| i as u8);
    [0, 0, 8, 3].into_iter().chain(sizes).chain(pixels).collect()
}

pub(crate) fn labels(labels: &[u8]) -> Vec<u8> {
    [&[0, 0, 8, 1], &(labels.len() as u32).to_be_bytes()[..], labels].concat()
}

/// The four files of a set of 4 + 2 images of 2 x 3 pixels in three classes.
pub(crate) fn small_set() -> [Vec<u8>; 4] {
    [images(4, 2, 3), labels(&[2, 0, 1, 0]), images(2, 2, 3), labels(&[1, 2])]
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Writes the four files into `folder`, as they are.
pub(crate) fn write(folder: &Path, set: &[Vec<u8>; 4]) {
    std::fs::create_dir_all(folder).unwrap();
    for (name, bytes) in NAMES.iter().zip(set) {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}
