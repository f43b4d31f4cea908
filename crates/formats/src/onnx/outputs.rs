//! From logits to what the graph gives: probabilities, labels, numbers.

use layerloop::model_file::Model;
use layerloop::network::Output;
use layerloop::network::view::View;

use super::graph::{Graph, Set, value_info};
use super::proto::{ValueInfoProto, element};

/// The outputs of the map from logits, N x K, under `name`; of members the means of theirs.
pub(super) fn probabilities(graph: &mut Graph, view: &View, logits: &str, name: &str) -> String {
    let (members, logit_count) = (view.members, view.logits());
    let last = if members > 1 { "" } else { name };
    let end = |op: &str, inputs: &[&str], settings: &[(&str, Set)], graph: &mut Graph| {
        if last.is_empty() { graph.node(op, inputs, settings) } else { graph.named(op, inputs, settings, last) }
    };
    let all = match view.output {
        Output::Softmax => end("Softmax", &[logits], &[("axis", Set::Int(-1))], graph),
        Output::ReferenceSoftmax => {
            // The last class has the logit 0.
            let one = graph.ints(&[1]);
            let zero = [graph.ints(&[0]), graph.ints(&[1]), one];
            let first = graph.node("Slice", &[logits, &zero[0], &zero[1], &zero[2]], &[]);
            let reference = graph.node("Sub", &[&first, &first], &[]);
            let whole = graph.node("Concat", &[logits, &reference], &[("axis", Set::Int(1))]);
            end("Softmax", &[&whole], &[("axis", Set::Int(-1))], graph)
        }
        Output::Sigmoid if logit_count == 1 => {
            let minus = graph.node("Neg", &[logits], &[]);
            let both = graph.node("Concat", &[&minus, logits], &[("axis", Set::Int(1))]);
            end("Sigmoid", &[&both], &[], graph)
        }
        Output::Sigmoid => end("Sigmoid", &[logits], &[], graph),
        Output::Exp => end("Exp", &[logits], &[], graph),
        Output::Identity => end("Identity", &[logits], &[], graph),
    };
    if members < 2 {
        return all;
    }
    let apart = graph.reshape(&all, &[members as i64, -1, view.outputs() as i64]);
    let axis = graph.ints(&[0]);
    graph.named("ReduceMean", &[&apart, &axis], &[("keepdims", Set::Int(0))], name)
}

/// The predicted class of each row, called `label`: whole numbers where all classes are some, else texts; zeros and ones where classes do not
/// exclude each other.
pub(super) fn label(graph: &mut Graph, model: &Model, probabilities: &str) -> ValueInfoProto {
    if model.multilabel {
        // A one for each class that is predicted.
        let half = graph.constant_floats(&[0.5]);
        let above = graph.node("Greater", &[probabilities, &half], &[]);
        graph.named("Cast", &[&above], &[("to", Set::Int(i64::from(element::INT64)))], "label");
        return value_info("label", element::INT64, Some(model.classes.len()));
    }
    let place = match model.threshold {
        Some(threshold) => {
            // The second class where its probability is above the threshold.
            let [one, two, axis] = [1, 2, 1].map(|n| graph.ints(&[n]));
            let second = graph.node("Slice", &[probabilities, &one, &two, &axis], &[]);
            let second = graph.cast(&second, element::DOUBLE);
            let threshold = graph.doubles(&[], &[threshold]);
            let above = graph.node("Greater", &[&second, &threshold], &[]);
            let place = graph.cast(&above, element::INT64);
            graph.reshape(&place, &[-1])
        }
        None => graph.node("ArgMax", &[probabilities], &[("axis", Set::Int(1)), ("keepdims", Set::Int(0))]),
    };
    let numbers: Option<Vec<i64>> =
        model.classes.iter().map(|class| class.parse().ok().filter(|n: &i64| n.to_string() == *class)).collect();
    let (classes, kind) = match numbers {
        Some(numbers) => (graph.ints(&numbers), element::INT64),
        None => (graph.strings(&model.classes), element::STRING),
    };
    graph.named("Gather", &[&classes, &place], &[("axis", Set::Int(0))], "label");
    value_info("label", kind, None)
}
