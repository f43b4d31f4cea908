//! Explanations with the notebook's network, in process.

use layerloop::Result;
use layerloop::explain::Trace;
use layerloop::network::{Activation, InputGradients, Network, Of, Output, Spec};
use layerloop::train::{FitOptions, Objective, fit};
use serde_json::json;

use super::jobs::mnist;
use super::predict::median_seconds;
use super::{Measured, Setting};

const PASSES: usize = 9;

pub(super) fn measure(setting: &Setting) -> Result<Measured> {
    let (_, test) = mnist(setting.args.data_dir.as_deref())?;
    let spec = Spec::classifier(test.width(), &[32], Activation::Sigmoid, 10, Output::Softmax);
    let network = Network::new(&spec, 0)?;
    let threads = setting.threads;
    let milliseconds = |call: &mut dyn FnMut() -> Result<()>| median_seconds(PASSES, |_| call()).map(|s| 1e3 * s);

    let objective = Objective::default();
    let trace = milliseconds(&mut || Trace::of(&network, &test, 7, &objective).map(drop))?;
    // An epoch: forward, backward and a step for each row.
    let options = FitOptions { epochs: 1, batch: 128, threads: Some(threads), ..FitOptions::default() };
    let passes = milliseconds(&mut || fit(&mut network.clone(), &test, &options).map(drop))?;
    let gradients = InputGradients::new(&network, threads)?;
    let one = milliseconds(&mut || gradients.of(test.inputs(), Of::Largest).map(drop))?;
    let whole = milliseconds(&mut || gradients.jacobian(test.inputs()).map(drop))?;
    let factors = InputGradients::by_first_layer(&network, threads)?;
    let factor = milliseconds(&mut || factors.jacobian(test.inputs()).map(drop))?;
    let rows = test.rows();
    Ok(Measured {
        object: json!({
            "job": "explain", "network": spec.to_string(), "threads": threads, "isa": setting.isa.name(), "rows": rows,
            "trace_ms": trace, "forward_and_backward_ms": passes, "input_gradient_ms": one, "input_jacobian_ms": whole,
            "input_jacobian_factor_ms": factor,
        }),
        text: format!(
            "explain   {spec}: trace of one row {trace:.2} ms; {rows} rows forward and backward {passes:.2} ms, gradient of an \
             output by the inputs {one:.2} ms ({:.2}x); Jacobian of all 10 as a factor of W_1 {factor:.2} ms ({:.2}x), written out, \
             {} MB, {whole:.1} ms ({:.2}x)",
            one / passes,
            factor / passes,
            rows * 10 * test.width() * 4 / 1_000_000,
            whole / passes
        ),
    })
}
