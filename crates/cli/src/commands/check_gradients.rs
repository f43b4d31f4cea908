//! `layerloop check-gradients`

use std::path::Path;

use layerloop::Result;
use layerloop::data::{Dataset, Inputs};
use layerloop::explain::{
    DifferenceCheck, GradientCheck, check_differences, check_gradients, has_derivation, specimen,
};
use layerloop::model_file::Model;
use layerloop::network::{Layer, Network, Unit};
use layerloop::rng::Stream;
use serde_json::json;

use crate::Outcome;
use crate::args::CheckGradients;
use crate::output::line;
use crate::scores::threads_for;
use crate::table::table;

/// Random rows that a model is checked on.
const ROWS: usize = 8;

pub(crate) fn run(args: &CheckGradients) -> Result<Outcome> {
    let (network, data) = args.model.as_deref().map_or_else(|| specimen(0), of_model)?;
    let threads = threads_for(network.spec());
    if !has_derivation(&network) {
        return by_differences(args, &network, &check_differences(&network, &data, threads)?);
    }
    let check = check_gradients(&network, &data, threads)?;
    if args.json {
        line(as_json(&network, &check))?;
    } else {
        line(as_text(&network, &check))?;
    }
    Ok(if check.passed() { Outcome::Done } else { Outcome::Negative })
}

/// Of a network with user-defined layers, of which there is no derivation.
fn by_differences(args: &CheckGradients, network: &Network, check: &DifferenceCheck) -> Result<Outcome> {
    if args.json {
        line(json!({"network": network.spec().to_string(), "passed": check.passed(), "check": check}))?;
    } else {
        let rows: Vec<Vec<String>> = (check.layers.iter())
            .map(|l| {
                let [parameters, measured, at_kinks] = [l.parameters, l.measured, l.at_kinks].map(|n| n.to_string());
                vec![l.layer.clone(), format!("{:.1e}", l.error), parameters, measured, at_kinks]
            })
            .collect();
        let verdict = if check.passed() { "passed" } else { "FAILED" };
        line(format_args!(
            "{}, mean loss of {} random rows\nLargest error in each layer, relative to the layer's largest derivative\n\n{}\n\
             {verdict}: at most {:.0e} is allowed, as far as f32 sees a difference",
            network.spec(),
            check.rows,
            table(&["layer", "fast vs differences", "parameters", "measured", "at a kink"], &rows),
            check.tolerance
        ))?;
    }
    Ok(if check.passed() { Outcome::Done } else { Outcome::Negative })
}

/// The model's network and random rows for it: inputs from 0 to 1, or names of a table's rows; the classes in turn, or numbers.
fn of_model(path: &Path) -> Result<(Network, Dataset)> {
    let Model { network, classes, .. } = Model::load(path)?;
    let width = network.spec().inputs;
    let mut stream = Stream::new(0, "check-gradients", 0);
    let value = |u: f32| match network.spec().layers.first() {
        Some(Layer::Unit(Unit::Embedding { count, .. })) => (u * *count as f32).floor(),
        _ => u,
    };
    let inputs = Inputs::Floats((0..ROWS * width).map(|_| value(stream.uniform())).collect());
    let data = if network.spec().output.is_classifier() {
        let labels: Vec<u32> = (0..ROWS).map(|row| (row % classes.len()) as u32).collect();
        Dataset::new("random rows", inputs, width, labels, classes)?
    } else {
        let numbers: Vec<f32> = (0..ROWS * classes.len()).map(|_| stream.uniform()).collect();
        Dataset::regression("random rows", inputs, width, numbers, classes)?
    };
    Ok((network, data))
}

fn as_json(network: &Network, check: &GradientCheck) -> serde_json::Value {
    json!({"network": network.spec().to_string(), "passed": check.passed(), "check": check})
}

fn as_text(network: &Network, check: &GradientCheck) -> String {
    let header = [
        "layer",
        "shape",
        "fast vs math",
        "bound",
        "compared",
        "math vs differences",
        "bound",
        "measured",
        "at a kink",
    ];
    let rows: Vec<Vec<String>> = (check.layers.iter())
        .map(|l| {
            let [compared, measured, at_kinks] = [l.parameters, l.measured, l.at_kinks].map(|n| n.to_string());
            let [fast, fast_bound, math, math_bound] =
                [l.fast_vs_math, l.fast_vs_math_bound, l.math_vs_differences, l.math_vs_differences_bound]
                    .map(|error| format!("{error:.1e}"));
            vec![l.layer.clone(), l.shape.clone(), fast, fast_bound, compared, math, math_bound, measured, at_kinks]
        })
        .collect();
    let verdict =
        if check.passed() { "passed: no error is above its bound" } else { "FAILED: an error is above its bound" };
    let out_of_range = check.layers.iter().any(|layer| layer.fast_vs_math_bound.is_infinite());
    let note = if out_of_range {
        "note: values of this network, or its gradient, are too large for f32, so the fast path has nothing to compare\n"
    } else {
        ""
    };
    format!(
        "{}, mean loss of {} random rows\nLargest error in each layer, relative to the layer's largest derivative, and how far \
         rounding can take it\n\n{}\n{note}{verdict}",
        network.spec(),
        check.rows,
        table(&header, &rows),
    )
}
