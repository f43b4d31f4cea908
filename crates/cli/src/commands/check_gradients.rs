//! `layerloop check-gradients`

use std::path::Path;

use layerloop::Result;
use layerloop::data::{Dataset, Inputs};
use layerloop::explain::{GradientCheck, check_gradients, specimen};
use layerloop::model_file::Model;
use layerloop::network::Network;
use layerloop::train::rng::Stream;
use serde_json::json;

use super::threads_for;
use crate::Outcome;
use crate::args::CheckGradients;
use crate::output::line;
use crate::table::table;

/// Random rows that a model is checked on.
const ROWS: usize = 8;

pub(crate) fn run(args: &CheckGradients) -> Result<Outcome> {
    let (network, data) = args.model.as_deref().map_or_else(|| specimen(0), of_model)?;
    let check = check_gradients(&network, &data, threads_for(network.spec()))?;
    if args.json {
        line(as_json(&network, &check))?;
    } else {
        line(as_text(&network, &check))?;
    }
    Ok(if check.passed() { Outcome::Done } else { Outcome::Negative })
}

/// The model's network and random rows for it: inputs from 0 to 1, the classes in turn.
fn of_model(path: &Path) -> Result<(Network, Dataset)> {
    let Model { network, classes, .. } = Model::load(path)?;
    let width = network.spec().inputs;
    let mut stream = Stream::new(0, "check-gradients", 0);
    let inputs = Inputs::Floats((0..ROWS * width).map(|_| stream.uniform()).collect());
    let labels: Vec<u32> = (0..ROWS).map(|row| (row % classes.len()) as u32).collect();
    Ok((network, Dataset::new("random rows", inputs, width, labels, classes)?))
}

fn as_json(network: &Network, check: &GradientCheck) -> serde_json::Value {
    json!({"network": network.spec().to_string(), "passed": check.passed(), "check": check})
}

fn as_text(network: &Network, check: &GradientCheck) -> String {
    let header = ["layer", "shape", "fast vs math", "compared", "math vs differences", "measured", "at a kink"];
    let rows: Vec<Vec<String>> = (check.layers.iter())
        .map(|l| {
            let [layer, compared, measured, at_kinks] =
                [l.layer, l.parameters, l.measured, l.at_kinks].map(|n| n.to_string());
            let [fast, math] = [l.fast_vs_math, l.math_vs_differences].map(|error| format!("{error:.1e}"));
            vec![layer, l.shape.clone(), fast, compared, math, measured, at_kinks]
        })
        .collect();
    let verdict = if check.passed() { "passed" } else { "FAILED" };
    format!(
        "{}, mean loss of {} random rows\nLargest error in each layer, relative to the layer's largest derivative\n\n{}\n\
         {verdict}: at most {:.0e} and {:.0e} are allowed",
        network.spec(),
        check.rows,
        table(&header, &rows),
        check.fast_vs_math_tolerance,
        check.math_vs_differences_tolerance
    )
}
