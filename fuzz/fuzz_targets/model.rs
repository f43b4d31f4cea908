//! Model files: what is loaded is saved and loaded again as the same model.
#![no_main]

use layerloop::model_file::Model;

#[path = "file.rs"]
mod file;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(model) = Model::load(file::file("m.safetensors", bytes)) {
        let again = file::file("again.safetensors", b"");
        model.save(&again).expect("what was loaded can be saved");
        assert_eq!(Model::load(&again).expect("what was saved can be loaded"), model);
    }
});
