//! Checkpoints of trainings.
#![no_main]

use layerloop::train::Checkpoint;

#[path = "file.rs"]
mod file;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(checkpoint) = Checkpoint::load(file::file("step-1.ckpt", bytes)) {
        let _ = checkpoint.network();
    }
});
