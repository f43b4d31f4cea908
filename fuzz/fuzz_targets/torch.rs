//! PyTorch state_dicts in safetensors files.
#![no_main]

use layerloop_formats::torch::{Structure, from_bytes};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = from_bytes("x.safetensors", bytes, &Structure::default());
});
