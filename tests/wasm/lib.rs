//! Training in a browser: a module of WebAssembly that learns two interleaved spirals and gives its accuracy and its bits.
//!
//! `tests/wasm/run` builds it for wasm32-unknown-unknown and runs it in Node.js. There is one thread, no clock (a run takes 0 s)
//! and no file system: a model comes and goes as its tensors.

use layerloop::Result;
use layerloop::data::Dataset;
use layerloop::evaluate::evaluate;
use layerloop::network::Network;
use layerloop::train::{FitOptions, fit};

/// 200 points on two spirals.
fn spirals() -> Result<Dataset> {
    let point = |i: usize| {
        // A turn in steps of multiplication and addition alone, so that the points have the same bits everywhere.
        let (mut x, mut y) = if i.is_multiple_of(2) { (0.5_f32, 0.0) } else { (-0.5, 0.0) };
        for _ in 0..i / 2 {
            (x, y) = (1.02 * (0.995 * x - 0.1 * y), 1.02 * (0.1 * x + 0.995 * y));
        }
        [x, y]
    };
    let points: Vec<f32> = (0..200).flat_map(point).collect();
    Dataset::new("spirals", points.into(), 2, (0..200).map(|i| i % 2).collect::<Vec<u32>>(), ["one", "other"])
}

/// The network after 200 epochs, and its share of right answers.
///
/// # Errors
/// None.
pub fn learn() -> Result<(Network, f64)> {
    let data = spirals()?;
    let mut network = Network::new(&"2 -> 32 relu -> 32 relu -> 2".parse()?, 0)?;
    let options = FitOptions { epochs: 200, batch: 20, learning_rate: 0.02, threads: Some(1), ..FitOptions::default() };
    fit(&mut network, &data, &options)?;
    let accuracy = evaluate(&network, &data, 1)?.accuracy;
    Ok((network, accuracy))
}

/// The first 32 bits of the digest of the parameters, on every machine.
pub const DIGEST: u32 = 0xde73_d522;

/// [`DIGEST`], for whoever runs the module.
#[unsafe(no_mangle)]
pub extern "C" fn expected() -> u32 {
    DIGEST
}

/// The share of right answers, -1 for an error.
#[unsafe(no_mangle)]
pub extern "C" fn accuracy() -> f64 {
    learn().map_or(-1.0, |(_, accuracy)| accuracy)
}

/// The first 32 bits of the digest of the parameters, 0 for an error.
#[unsafe(no_mangle)]
pub extern "C" fn digest() -> u32 {
    learn().ok().and_then(|(network, _)| u32::from_str_radix(&network.sha256()[..8], 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_spirals_are_learnt_with_these_bits() {
        assert_eq!(format!("{:x}", super::digest()), format!("{:x}", super::DIGEST));
        assert!(super::accuracy() > 0.97, "{}", super::accuracy());
    }
}
