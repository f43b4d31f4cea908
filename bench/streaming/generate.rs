//! `generate FILE BYTES [sorted]`: a table for measurements.
#![expect(clippy::print_stdout, reason = "it says how many rows it wrote")]

mod table;

fn main() -> std::io::Result<()> {
    let mut args = std::env::args().skip(1);
    let (Some(path), Some(bytes)) = (args.next(), args.next().and_then(|bytes| bytes.parse().ok())) else {
        return Err(std::io::Error::other("usage: generate FILE BYTES [sorted]"));
    };
    let rows = table::write(path.as_ref(), bytes, args.next().as_deref() == Some("sorted"))?;
    println!("{rows} rows");
    Ok(())
}
