//! Every object of a trace against JAX: `tests/reference/jacobians.py` wrote the numbers.

use layerloop::Result;
use layerloop::explain::Trace;
use layerloop::math::{Activation, Layer, Matrix, Network, Output};
use serde_json::Value;

/// A vector, or the rows of a matrix one after the other.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(all) => all.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().expect("a number")],
    }
}

fn network(case: &Value) -> Result<Network> {
    let layer = |layer: &Value| {
        let activation = match layer["activation"].as_str() {
            Some("sigmoid") => Activation::Sigmoid,
            Some("tanh") => Activation::Tanh,
            Some("gelu") => Activation::Gelu,
            Some("softplus") => Activation::Softplus,
            _ => Activation::Identity,
        };
        let (rows, w) = (layer["w"].as_array().expect("rows").len(), numbers(&layer["w"]));
        Layer::new(Matrix::new(rows, w.len() / rows, w)?, activation)
    };
    let layers = case["layers"].as_array().expect("layers").iter().map(layer).collect::<Result<_>>()?;
    Network::new(layers, if case["output"] == "softmax" { Output::Softmax } else { Output::ReferenceSoftmax })
}

#[test]
fn jax_gives_the_same_a_b_c_p_and_q_for_ten_random_networks() -> Result<()> {
    let cases: Vec<Value> = serde_json::from_str(include_str!("reference/jacobians.json")).expect("JSON");
    assert_eq!(cases.len(), 10);
    for (k, case) in cases.iter().enumerate() {
        let near = |name: &str, built_in: &[f64], jax: &Value| {
            let jax = numbers(jax);
            assert_eq!(built_in.len(), jax.len(), "case {k}: {name}");
            let size = jax.iter().fold(1e-3, |size: f64, v| size.max(v.abs()));
            let off = built_in.iter().zip(&jax).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off <= 1e-13 * size, "case {k}: {name} is {off:e} off");
        };
        let target = case["target"].as_u64().expect("a class") as usize;
        let classes = case["probabilities"].as_array().expect("numbers").len();
        let y: Vec<f64> = (0..classes).map(|class| f64::from(class == target)).collect();
        let trace = Trace::through(&network(case)?, &numbers(&case["x"]), &y)?;
        for (layer, jax) in trace.layers.iter().zip(case["layers"].as_array().expect("layers")) {
            near("A", layer.a.as_ref().expect("a small layer").entries(), &jax["a"]);
            near("B", layer.b.entries(), &jax["b"]);
            near("p", layer.p.entries(), &jax["p"]);
            near("q", &layer.q, &jax["q"]);
        }
        near("probabilities", &trace.output.probabilities, &case["probabilities"]);
        near("C", trace.output.c.entries(), &case["c"]);
        near("q_{L+1}", &trace.output.q_logits, &case["q_logits"]);
        near("q_{L+2}", &trace.q_loss, &case["q_loss"]);
        near("loss", &[trace.loss], &case["loss"]);
    }
    Ok(())
}
