//! ONNX files with tensors outside: the last bytes, as many as the first two say, are the file `model.onnx.data` beside it.
#![no_main]

use layerloop_formats::onnx;

#[path = "file.rs"]
mod file;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((size, rest)) = bytes.split_first_chunk::<2>() else { return };
    let outside = usize::from(u16::from_le_bytes(*size)).min(rest.len());
    let (graph, data) = rest.split_at(rest.len() - outside);
    file::file("model.onnx.data", data);
    if let Ok(model) = onnx::import(file::file("model.onnx", graph)) {
        let again = onnx::export(&model, &onnx::Export::default()).expect("what was imported can be exported");
        assert_eq!(onnx::import::from_bytes("again.onnx", &again).expect("and imported again"), model);
    }
});
