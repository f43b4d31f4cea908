//! PNG and JPEG pictures.
#![no_main]

#[path = "file.rs"]
mod file;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = layerloop_data::read_picture(file::file("x.png", bytes));
});
