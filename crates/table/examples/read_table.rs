//! Reads a whole table, finds out what its columns are, and says how long it took: for `bench/tables/read`.
#![expect(clippy::print_stdout, reason = "it is a program")]

use std::time::Instant;

use layerloop::Error;

fn main() -> Result<(), Error> {
    for path in std::env::args().skip(1) {
        let start = Instant::now();
        let mut reader = layerloop_table::open(&path, &layerloop_table::ReadOptions::default())?;
        let cells = reader.all_rows()?;
        let mut columns = layerloop_table::detect(&cells, &[], reader.comma_is_decimal(), path.as_ref())?;
        let frame = layerloop_table::typed_as_detected(&cells, &mut columns, path.as_ref())?;
        println!("{} rows in {}", frame.rows(), start.elapsed().as_secs_f64());
    }
    Ok(())
}
