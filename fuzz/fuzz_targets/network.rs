//! The text form of networks: what can be read is written and read again as the same.
#![no_main]

use layerloop::network::Spec;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(spec) = text.parse::<Spec>() {
        assert_eq!(spec.to_string().parse::<Spec>().expect("what was written can be read"), spec);
        let _ = spec.check();
    }
});
