//! One of the short training jobs whose instructions `bench/instructions/run` counts: KIND WIDTH, on one thread.
#![expect(clippy::print_stdout, reason = "the hash of what was trained")]

use layerloop::data::{Csr, Dataset, Inputs};
use layerloop::network::{Activation, Network, Spec};
use layerloop::rng::Stream;
use layerloop::train::{FitOptions, fit};
use layerloop::{Error, Result};

const ROWS: usize = 256;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, width] = &arguments[..] else { return Err(Error::config("arguments", "KIND WIDTH are needed")) };
    let hidden = width.parse().map_err(|_| Error::config("WIDTH", format!("{width} is not a number")))?;
    let (inputs, columns) = inputs(kind)?;
    let labels: Vec<u32> = (0..ROWS as u32).map(|row| row % 10).collect();
    let data = Dataset::new(kind, inputs, columns, labels, (0..10).map(|class| class.to_string()))?;
    let spec = Spec::new(columns).layer(hidden, Activation::Relu).layer(hidden, Activation::Sigmoid);
    let mut network = Network::new(&spec.layer(10, Activation::Identity), 0)?;
    let options = FitOptions { epochs: 4, batch: 60, threads: Some(1), ..FitOptions::default() };
    fit(&mut network, &data, &options)?;
    println!("{}", network.sha256());
    Ok(())
}

/// Numbers; bytes like those of pictures, zero in every column of the border and in stretches inside; a few entries.
fn inputs(kind: &str) -> Result<(Inputs, usize)> {
    let mut stream = Stream::new(0, "instructions", 0);
    Ok(match kind {
        "floats" => (Inputs::Floats((0..ROWS * 100).map(|_| stream.uniform() - 0.5).collect()), 100),
        "bytes" => {
            let lit = |row: usize, column: usize| column % 20 > 2 && (column / 20 + row).is_multiple_of(4);
            let byte = |i: usize| (255.0 * stream.uniform()) as u8 * u8::from(lit(i / 400, i % 400));
            (Inputs::Bytes { values: (0..ROWS * 400).map(byte).collect(), scale: 1.0 / 255.0 }, 400)
        }
        "entries" => {
            let columns = (0..4 * ROWS).map(|i| (i % 4 * 1000 + stream.below(1000)) as u32).collect();
            let rows = Csr::new(4000, (0..=ROWS).map(|row| 4 * row).collect(), columns, vec![1.0; 4 * ROWS]);
            (rows?.into(), 4000)
        }
        other => return Err(Error::config("KIND", format!("{other} is none of floats, bytes, entries"))),
    })
}
