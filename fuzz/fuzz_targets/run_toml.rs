//! `run.toml`, the options of `train` in a file.
#![no_main]

#[expect(dead_code, unused_imports, reason = "the command's arguments, of which only those of train are read here")]
#[path = "../../crates/cli/src/args/mod.rs"]
mod args;
#[path = "file.rs"]
mod file;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = file::file("run.toml", bytes);
    let typed = ["layerloop".into(), "train".into(), "--config".into(), path.into_os_string()];
    let _ = args::parse::parse(typed);
});
