//! Predictions with the notebook's network, in process.

use std::time::Instant;

use layerloop::Result;
use layerloop::network::{Activation, Network, Output, Predictor, Spec};
use serde_json::json;

use super::jobs::mnist;
use super::{Measured, Setting, median};

/// Calls with one row.
const CALLS: usize = 3_000;

/// Passes over all test rows.
const PASSES: usize = 15;

pub(super) fn measure(setting: &Setting) -> Result<Measured> {
    let (_, test) = mnist(setting.args.data_dir.as_deref())?;
    let spec = Spec::classifier(test.width(), &[32], Activation::Sigmoid, 10, Output::Softmax);
    let network = Network::new(&spec, 0)?;

    let mut predictor = Predictor::new(&network, 1);
    let rows: Vec<Vec<f32>> = (0..CALLS).map(|i| test.row(i % test.rows())).collect();
    let mut calls = Vec::with_capacity(CALLS);
    for row in &rows {
        let start = Instant::now();
        std::hint::black_box(predictor.row(row)?);
        calls.push(start.elapsed().as_secs_f64() * 1e6);
    }

    let mut predictor = Predictor::new(&network, setting.threads);
    let mut passes = Vec::with_capacity(PASSES);
    for _ in 0..PASSES {
        let start = Instant::now();
        std::hint::black_box(predictor.probabilities(test.inputs())?);
        passes.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let (one, all, count) = (median(&calls), median(&passes), test.rows());
    Ok(Measured {
        object: json!({
            "job": "predict", "network": spec.to_string(), "threads": setting.threads, "isa": setting.isa.name(),
            "one_row_us": one, "rows": count, "rows_10000_ms": all * 10_000.0 / count as f64,
        }),
        text: format!("predict   {spec}: one row {one:.2} us, {count} rows {all:.2} ms"),
    })
}
