//! How long 60,000 PNG files take to be read as a data set, beside decoding them alone on all processors:
//! `cargo run --release -p layerloop-data --example pictures -- FOLDER_OF_MNIST`.
#![expect(clippy::print_stdout, reason = "an example prints what it finds")]

use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Instant;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use layerloop::Result;
use layerloop_data::{LoadOptions, load};

const ROUNDS: usize = 15;

fn main() -> Result<()> {
    let mnist = std::env::args().nth(1).expect("the folder of MNIST's files");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = write(Path::new(&mnist), folder.path())?;
    let mut seconds = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        let start = Instant::now();
        decode_alone(&files);
        seconds[0].push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        let loaded = load(folder.path(), &LoadOptions::default(), &mut |_| {})?;
        seconds[1].push(start.elapsed().as_secs_f64());
        assert_eq!(loaded.train.rows(), files.len());
    }
    let [alone, whole] = seconds.map(|mut seconds| {
        seconds.sort_by(f64::total_cmp);
        seconds[ROUNDS / 2]
    });
    let rows = files.len();
    println!(
        "{rows} PNG files, medians of {ROUNDS}: decoding alone {alone:.3} s, as a data set {whole:.3} s, ratio {:.2}",
        whole / alone
    );
    Ok(())
}

/// Writes the training images as `train/CLASS/ROW.png`, and one image to test on.
fn write(mnist: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    let images = layerloop_data::idx::read_images(mnist.join("train-images-idx3-ubyte.gz"))?;
    let labels = layerloop_data::idx::read_labels(mnist.join("train-labels-idx1-ubyte.gz"))?;
    let pixels = images.pixels.chunks_exact(images.height * images.width);
    let mut files = Vec::new();
    let mut test = vec![folder.join("test/0/0.png")];
    for (row, (pixels, label)) in pixels.zip(labels.iter()).enumerate() {
        files.push(folder.join(format!("train/{label}/{row:05}.png")));
        for path in files.last().into_iter().chain(test.pop().as_ref()) {
            let mut bytes = Vec::new();
            let encoder = PngEncoder::new(&mut bytes);
            let size = (images.width as u32, images.height as u32);
            encoder.write_image(pixels, size.0, size.1, ExtendedColorType::L8).expect("an image");
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, bytes).expect("a file");
        }
    }
    Ok(files)
}

/// Each thread reads and decodes its share.
fn decode_alone(files: &[PathBuf]) {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for share in files.chunks(files.len().div_ceil(threads)) {
            scope.spawn(move || {
                for path in share {
                    let image = image::load_from_memory(&fs::read(path).expect("a file")).expect("a picture");
                    assert_eq!(image.into_luma8().len(), 784);
                }
            });
        }
    });
}
