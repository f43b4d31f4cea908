//! IDX files of images and labels, plain or gzip.
#![no_main]

#[path = "file.rs"]
mod file;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = file::file("x-idx3-ubyte", bytes);
    let _ = layerloop_data::idx::read_images(&path);
    let _ = layerloop_data::idx::read_labels(&path);
});
