//! Tables: CSV, Parquet and Arrow, which are told apart by their first bytes.
#![no_main]

use std::io::Cursor;
use std::path::Path;

use layerloop_table::{ReadOptions, detect, read};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = Path::new("x");
    let Ok(mut reader) = read(Cursor::new(bytes.to_vec()), path, &ReadOptions::default()) else { return };
    let Ok(cells) = reader.all_rows() else { return };
    let _ = detect(&cells, &[], reader.comma_is_decimal(), path);
});
