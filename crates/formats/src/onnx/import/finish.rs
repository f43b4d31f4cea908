//! What was found in a graph as a model.

use std::rc::Rc;

use layerloop::data::Standardisation;
use layerloop::model_file::{Input, Model, has_labels};
use layerloop::network::{Activation, Layer, Network, Output, Spec, Unit};

use super::expression::Expression;
use super::interpreter::Found;
use super::rows::{Piece, Rows, build};

/// The model; its receipt says where it is from.
pub(super) fn model(found: Found, receipt: serde_json::Value) -> Result<Model, String> {
    let Found { rows, inputs, columns, classes } = found;
    let (output, rows) = ends(rows)?;
    let mut chain = rows.chain;
    let standardisation = standardisation(&mut chain, inputs);
    if let Some(Piece::Layer(Layer::Unit(Unit::Columns { first: 0, count }), _)) = chain.first().map(Rc::as_ref)
        && *count == inputs
    {
        chain.remove(0); // all inputs
    }
    let mut tensors = Vec::new();
    let mut layers = build(&chain, "layers", &mut tensors);
    if layers.is_empty() {
        layers.push(Layer::Activation(Activation::Identity));
    }
    drop(chain);
    let spec = Spec { inputs, layers, output };
    // Nothing is allocated for parameters that were not in the file.
    let held: usize = tensors.iter().map(|tensor| tensor.values.len()).sum();
    if spec.parameters() > held {
        return Err(format!("{held} numbers for `{spec}`"));
    }
    let network = Network::from_tensors(&spec, tensors).map_err(|e| e.to_string())?;
    let count = network.classes();
    let classes = classes.filter(|classes| output.is_classifier() && classes.len() == count).unwrap_or_else(|| {
        let first = if output.is_classifier() { 0 } else { 1 };
        let name = |i: usize| if output.is_classifier() { i.to_string() } else { format!("y{i}") };
        (first..first + count).map(name).collect()
    });
    let input =
        Input { scale: 1.0, image: None, fit: None, columns: Some(columns), standardisation, preprocessing: None };
    let multilabel = has_labels(network.spec());
    let model = Model { network, classes, input, receipt, threshold: None, multilabel };
    model.check().map_err(|e| e.to_string())?;
    Ok(model)
}

/// The output map, and the rows of logits.
fn ends(rows: Rows) -> Result<(Output, Rows), String> {
    if rows.is_softmax {
        return Ok((Output::Softmax, Rows { is_softmax: false, ..rows }));
    }
    if rows.is_pair {
        return Ok((Output::Sigmoid, Rows { is_pair: false, ..rows }));
    }
    if let Expression::Activation(Activation::Sigmoid, logit) = &*rows.then {
        return Ok((Output::Sigmoid, Rows { then: logit.clone(), ..rows }.settled()?));
    }
    Ok((Output::Identity, rows.settled()?))
}

/// The scaling of the inputs, where that is how the network begins: what is left over is taken out of the chain.
fn standardisation(chain: &mut Vec<Rc<Piece>>, inputs: usize) -> Option<Standardisation> {
    let Piece::Affine(a, b) = &**chain.first()? else { return None };
    if a.len() != inputs || !a.iter().all(|a| *a > 0.0) {
        return None;
    }
    let means = a.iter().zip(b).map(|(a, b)| -b / a).collect();
    let by = Standardisation::new(means, a.iter().map(|a| 1.0 / a).collect()).ok()?;
    chain.remove(0);
    Some(by)
}
