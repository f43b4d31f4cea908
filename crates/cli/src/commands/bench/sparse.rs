//! Rows of 10,000 columns of which one in a hundred is 1, against rows in which none is 0.

use layerloop::Result;
use layerloop::data::{Csr, Dataset, Inputs};
use layerloop::network::{Activation, Network, Predictor, Spec};
use layerloop::rng::Stream;
use layerloop::train::FitOptions;
use serde_json::json;

use super::predict::median_seconds;
use super::sweep::seconds_of_a_step;
use super::{Measured, Setting};

const COLUMNS: usize = 10_000;
const ENTRIES: usize = COLUMNS / 100;
const ROWS: usize = 1_024;

/// Passes over all rows.
const PASSES: usize = 9;

pub(super) fn measure(setting: &Setting) -> Result<Measured> {
    let spec = Spec::new(COLUMNS).layer(128, Activation::Relu).layer(10, Activation::Identity);
    let network = Network::new(&spec, 0)?;
    let mut stream = Stream::new(0, "bench", 2);
    let full = Inputs::Floats((0..ROWS * COLUMNS).map(|_| stream.uniform() + 0.5).collect());
    let entries = one_hot(&mut stream)?;
    let mut figures = Vec::new();
    for inputs in [full, entries] {
        let predictor = Predictor::new(&network, setting.threads)?;
        let forward = median_seconds(PASSES, |_| {
            std::hint::black_box(predictor.probabilities(&inputs)?);
            Ok(())
        })?;
        let labels: Vec<u32> = (0..ROWS as u32).map(|row| row % 10).collect();
        let data = Dataset::new("sparse", inputs, COLUMNS, labels, (0..10).map(|class| class.to_string()))?;
        let options = FitOptions { threads: Some(setting.threads), ..FitOptions::default() };
        figures.push([forward, seconds_of_a_step(&spec, &data, options)?]);
    }
    let [forward, step] = [0, 1].map(|i| figures[0][i] / figures[1][i]);
    let [dense_ms, entries_ms] = [0, 1].map(|i| 1e3 * figures[i][1]);
    Ok(Measured {
        object: json!({
            "job": "sparse", "network": spec.to_string(), "threads": setting.threads, "isa": setting.isa.name(),
            "density": 0.01, "forward_ratio": forward, "step_ratio": step, "step_dense_ms": dense_ms,
            "step_entries_ms": entries_ms,
        }),
        text: format!(
            "sparse    {spec}, 1 % of entries: forward {forward:.1} times as fast as dense rows, a step {step:.1} times \
             ({entries_ms:.2} ms, not {dense_ms:.2})"
        ),
    })
}

/// In every row a one in each range of a hundred columns.
fn one_hot(stream: &mut Stream) -> Result<Inputs> {
    let range = COLUMNS / ENTRIES;
    let columns = (0..ROWS * ENTRIES).map(|i| (i % ENTRIES * range + stream.below(range)) as u32).collect();
    let starts = (0..=ROWS).map(|row| row * ENTRIES).collect();
    let csr = Csr::new(COLUMNS, starts, columns, vec![1.0; ROWS * ENTRIES]);
    Ok(csr?.into())
}
