//! Predictions with the notebook's network, in process.

use std::time::Instant;

use layerloop::Result;
use layerloop::network::{Activation, Network, Output, Predictor, Spec};
use serde_json::json;

use super::jobs::mnist;
use super::{Measured, Setting, median};

/// Calls with one row, over a thousand different ones.
const CALLS: usize = 3_000;
const ROWS: usize = 1_000;

/// Passes over all test rows.
const PASSES: usize = 15;

pub(super) fn measure(setting: &Setting) -> Result<Measured> {
    let (_, test) = mnist(setting.args.data_dir.as_deref())?;
    let spec = Spec::classifier(test.width(), &[32], Activation::Sigmoid, 10, Output::Softmax);
    let network = Network::new(&spec, 0)?;

    let predictor = Predictor::new(&network, 1)?;
    let mut scratch = predictor.scratch()?;
    let rows: Vec<Vec<f32>> = (0..ROWS.min(test.rows())).map(|i| test.row(i)).collect();
    let one = 1e6
        * median_seconds(CALLS, |call| {
            std::hint::black_box(predictor.row(&rows[call % rows.len()], &mut scratch)?);
            Ok(())
        })?;

    let predictor = Predictor::new(&network, setting.threads)?;
    let all = 1e3
        * median_seconds(PASSES, |_| {
            std::hint::black_box(predictor.probabilities(test.inputs())?);
            Ok(())
        })?;
    let count = test.rows();
    Ok(Measured {
        object: json!({
            "job": "predict", "network": spec.to_string(), "threads": setting.threads, "isa": setting.isa.name(),
            "one_row_us": one, "rows": count, "rows_10000_ms": all * 10_000.0 / count as f64,
        }),
        text: format!("predict   {spec}: one row {one:.2} us, {count} rows {all:.2} ms"),
    })
}

/// The median time of some calls, after a tenth as many to warm up.
pub(super) fn median_seconds(calls: usize, mut call: impl FnMut(usize) -> Result<()>) -> Result<f64> {
    for i in 0..calls / 10 + 1 {
        call(i)?;
    }
    let mut seconds = Vec::with_capacity(calls);
    for i in 0..calls {
        let start = Instant::now();
        call(i)?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    Ok(median(&seconds))
}
