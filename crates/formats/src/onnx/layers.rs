//! The operations of a network as ONNX nodes.

use layerloop::network::view::{Operation, Step, View};
use layerloop::network::{Join, Tensor};
use layerloop::{Error, Result};

use super::graph::{Graph, Set};
use super::proto::element;

/// All steps of a network on the rows called `input`; the name of the logits.
///
/// Where members look at each row, the rows of each member stand together from the start on: member 1 on all rows, then member 2, ...
pub(super) fn network(graph: &mut Graph, view: &View, input: &str) -> Result<String> {
    let mut values = vec![input.to_string()];
    if view.members > 1 {
        let members = graph.ints(&[view.members as i64, 1, 1]);
        let copies = graph.node("Expand", &[input, &members], &[]);
        values[0] = graph.reshape(&copies, &[-1, view.inputs() as i64]);
    }
    for (i, step) in view.steps.iter().enumerate() {
        let reads: Vec<&str> = step.reads.iter().map(|&read| values[read].as_str()).collect();
        let (from, to) = (view.widths[step.reads[0]], view.widths[i + 1]);
        let value = operation(graph, step, &reads, [from, to], view.members)?;
        values.push(value);
    }
    Ok(values.pop().unwrap_or_default())
}

fn tensor(graph: &mut Graph, tensor: &Tensor) -> String {
    graph.floats(&tensor.name, &tensor.shape, &tensor.values)
}

fn operation(graph: &mut Graph, step: &Step, reads: &[&str], widths: [usize; 2], members: usize) -> Result<String> {
    let (z, from) = (reads[0], widths[0]);
    Ok(match &step.operation {
        Operation::Dense { weight, bias, activation } => {
            let weight = tensor(graph, weight);
            let bias = bias.as_ref().map(|bias| tensor(graph, bias));
            let inputs: Vec<&str> = [z, &weight].into_iter().chain(bias.as_deref()).collect();
            let t = graph.node("Gemm", &inputs, &[("transB", Set::Int(1))]);
            graph.activation(*activation, &t)
        }
        Operation::Activation(activation) => graph.activation(*activation, z),
        Operation::Join(join) => self::join(graph, *join, reads),
        Operation::Scale { weight, bias } => {
            let weight = tensor(graph, weight);
            let product = graph.node("Mul", &[z, &weight], &[]);
            match bias {
                None => product,
                Some(bias) => {
                    let bias = tensor(graph, bias);
                    graph.node("Add", &[&product, &bias], &[])
                }
            }
        }
        Operation::Prelu { slope } => {
            let slope = tensor(graph, slope);
            graph.node("PRelu", &[z, &slope], &[])
        }
        Operation::Leak { slope } => graph.node("LeakyRelu", &[z], &[("alpha", Set::Float(*slope))]),
        Operation::Waves { count, weight, bias } => waves(graph, z, *count, weight, bias),
        Operation::Maxout { .. } | Operation::Outer | Operation::Columns { .. } => {
            return Ok(rearranged(graph, &step.operation, z, widths));
        }
        Operation::Grouped { .. } | Operation::MemberDense { .. } | Operation::MemberScale { .. } => {
            return Ok(apart(graph, &step.operation, z, widths, members));
        }
        Operation::LayerNorm { .. } | Operation::BatchNorm { .. } => norm(graph, &step.operation, z, from),
        Operation::Piecewise { width, edges, weight } => piecewise(graph, z, [from, *width], edges, weight),
        Operation::Parametric { activation, weight } => {
            let weight = tensor(graph, weight);
            let sigma = graph.activation(*activation, z);
            let left = graph.node("Sub", &[&sigma, z], &[]);
            let share = graph.node("Mul", &[&weight, &left], &[]);
            graph.node("Add", &[z, &share], &[])
        }
        Operation::Embedding { width, table, .. } => {
            let table = tensor(graph, table);
            let rows = graph.node("Transpose", &[&table], &[("perm", Set::Ints(vec![1, 0]))]);
            let numbers = graph.cast(z, element::INT64);
            let found = graph.node("Gather", &[&rows, &numbers], &[("axis", Set::Int(0))]);
            graph.reshape(&found, &[-1, (from * width) as i64])
        }
        Operation::Custom { name } => {
            let reason =
                format!("layer {} is `{name}`, a user-defined layer, for which ONNX has no operator", step.path);
            return Err(Error::config("--to onnx", reason));
        }
    })
}

/// Operations without parameters: of pieces, pairs and some of the values.
fn rearranged(graph: &mut Graph, operation: &Operation, z: &str, [from, to]: [usize; 2]) -> String {
    match operation {
        Operation::Maxout { pieces } => {
            let apart = graph.reshape(z, &[-1, *pieces as i64, to as i64]);
            let axis = graph.ints(&[1]);
            graph.node("ReduceMax", &[&apart, &axis], &[("keepdims", Set::Int(0))])
        }
        Operation::Outer => {
            let (down, across) = (graph.reshape(z, &[-1, from as i64, 1]), graph.reshape(z, &[-1, 1, from as i64]));
            let products = graph.node("Mul", &[&down, &across], &[]);
            graph.reshape(&products, &[-1, to as i64])
        }
        Operation::Columns { first } => {
            let [first, end, axis] = [*first, first + to, 1].map(|n| graph.ints(&[n as i64]));
            graph.node("Slice", &[z, &first, &end, &axis], &[])
        }
        _ => unreachable!("it has parameters"),
    }
}

/// A layer norm or a batch norm, without scale and shift.
fn norm(graph: &mut Graph, operation: &Operation, z: &str, from: usize) -> String {
    match operation {
        Operation::LayerNorm { epsilon } => {
            let ones = graph.unnamed(&[from], &vec![1.0; from]);
            let settings = [("axis", Set::Int(-1)), ("epsilon", Set::Float(*epsilon))];
            graph.node("LayerNormalization", &[z, &ones], &settings)
        }
        Operation::BatchNorm { mean, variance, epsilon } => {
            let [mean, variance] = [mean, variance].map(|part| tensor(graph, part));
            let (ones, zeros) = (graph.unnamed(&[from], &vec![1.0; from]), graph.unnamed(&[from], &vec![0.0; from]));
            let inputs = [z, &ones, &zeros, &mean, &variance];
            graph.node("BatchNormalization", &inputs, &[("epsilon", Set::Float(*epsilon))])
        }
        _ => unreachable!("no norm"),
    }
}

/// Operations that treat parts of a row, or the rows of each member, apart.
fn apart(graph: &mut Graph, operation: &Operation, z: &str, [from, to]: [usize; 2], members: usize) -> String {
    match operation {
        Operation::Grouped { groups, inputs, outputs, weight } => {
            // N x G x I, to the batches G x N x I
            let apart = graph.reshape(z, &[-1, *groups as i64, *inputs as i64]);
            let batches = graph.node("Transpose", &[&apart], &[("perm", Set::Ints(vec![1, 0, 2]))]);
            let sums = batched(graph, &batches, [*groups, *inputs, *outputs], weight);
            let apart = graph.node("Transpose", &[&sums], &[("perm", Set::Ints(vec![1, 0, 2]))]);
            graph.reshape(&apart, &[-1, to as i64])
        }
        Operation::MemberDense { inputs, outputs, weight } => {
            let batches = graph.reshape(z, &[members as i64, -1, from as i64]);
            let sums = batched(graph, &batches, [members, *inputs, *outputs], weight);
            graph.reshape(&sums, &[-1, to as i64])
        }
        Operation::MemberScale { weight, bias } => {
            let parts = 1 + usize::from(*bias);
            let all = tensor(graph, weight);
            let all = graph.reshape(&all, &[parts as i64, members as i64, 1, to as i64]);
            let batches = graph.reshape(z, &[members as i64, -1, from as i64]);
            let [zero, one, axis] = [0, 1, 0].map(|n| graph.ints(&[n]));
            let of = |graph: &mut Graph, part: &str| graph.node("Gather", &[&all, part], &[("axis", Set::Int(0))]);
            let w = of(graph, &zero);
            let w = graph.node("Squeeze", &[&w, &axis], &[]);
            let mut scaled = graph.node("Mul", &[&batches, &w], &[]);
            if *bias {
                let b = of(graph, &one);
                let b = graph.node("Squeeze", &[&b, &axis], &[]);
                scaled = graph.node("Add", &[&scaled, &b], &[]);
            }
            graph.reshape(&scaled, &[-1, to as i64])
        }
        _ => unreachable!("no operation on parts"),
    }
}

/// b + sum_t s_t v_t of each value: the shares s are D x N x bins, the v D x bins x width.
fn piecewise(graph: &mut Graph, z: &str, [from, width]: [usize; 2], edges: &[f32], weight: &Tensor) -> String {
    let bins = edges.len() - 1;
    let each = graph.reshape(z, &[-1, from as i64, 1]);
    let sizes: Vec<f32> = edges.windows(2).map(|edges| edges[1] - edges[0]).collect();
    let (low, size) = (graph.unnamed(&[bins], &edges[..bins]), graph.unnamed(&[bins], &sizes));
    let above = graph.node("Sub", &[&each, &low], &[]);
    let share = graph.node("Div", &[&above, &size], &[]);
    let (zero, one) = (graph.scalar(0.0), graph.scalar(1.0));
    let share = graph.node("Clip", &[&share, &zero, &one], &[]);
    let share = graph.node("Transpose", &[&share], &[("perm", Set::Ints(vec![1, 0, 2]))]);
    let all = tensor(graph, weight);
    let all = graph.reshape(&all, &[from as i64, bins as i64 + 1, width as i64]);
    let [start, first, end, axis] = [0, 1, bins + 1, 1].map(|n| graph.ints(&[n as i64]));
    let b = graph.node("Slice", &[&all, &start, &first, &axis], &[]);
    let v = graph.node("Slice", &[&all, &first, &end, &axis], &[]);
    let products = graph.node("MatMul", &[&share, &v], &[]);
    let sums = graph.node("Add", &[&products, &b], &[]);
    let apart = graph.node("Transpose", &[&sums], &[("perm", Set::Ints(vec![1, 0, 2]))]);
    graph.reshape(&apart, &[-1, (from * width) as i64])
}

fn join(graph: &mut Graph, join: Join, reads: &[&str]) -> String {
    match join {
        Join::Concatenate => graph.node("Concat", reads, &[("axis", Set::Int(1))]),
        Join::Add => graph.node("Sum", reads, &[]),
        Join::Mean => graph.node("Mean", reads, &[]),
        Join::Multiply => {
            let first = reads[0].to_string();
            reads[1..].iter().fold(first, |product, next| graph.node("Mul", &[&product, next], &[]))
        }
    }
}

fn waves(graph: &mut Graph, z: &str, count: usize, weight: &Tensor, bias: &Tensor) -> String {
    let columns: Vec<i64> = (0..weight.values.len()).map(|i| (i / count) as i64).collect();
    let columns = graph.ints(&columns);
    let spread = graph.node("Gather", &[z, &columns], &[("axis", Set::Int(1))]);
    let [weight, bias] = [weight, bias].map(|part| tensor(graph, part));
    let turns = graph.node("Mul", &[&spread, &weight], &[]);
    // Whole turns are taken away where they are exact: the angle stays small.
    let whole = graph.node("Round", &[&turns], &[]);
    let part = graph.node("Sub", &[&turns, &whole], &[]);
    let tau = graph.scalar(std::f32::consts::TAU);
    let angle = graph.node("Mul", &[&part, &tau], &[]);
    let sum = graph.node("Add", &[&angle, &bias], &[]);
    graph.node("Cos", &[&sum], &[])
}

/// G x N x I times G x I x O, plus G x 1 x O, of weights each of which stands before its bias.
fn batched(graph: &mut Graph, z: &str, [groups, inputs, outputs]: [usize; 3], weight: &Tensor) -> String {
    let all = tensor(graph, weight);
    let all = graph.reshape(&all, &[groups as i64, outputs as i64, inputs as i64 + 1]);
    let across = graph.node("Transpose", &[&all], &[("perm", Set::Ints(vec![0, 2, 1]))]);
    let [zero, middle, end, axis] = [0, inputs, inputs + 1, 1].map(|n| graph.ints(&[n as i64]));
    let w = graph.node("Slice", &[&across, &zero, &middle, &axis], &[]);
    let b = graph.node("Slice", &[&across, &middle, &end, &axis], &[]);
    let products = graph.node("MatMul", &[z, &w], &[]);
    graph.node("Add", &[&products, &b], &[])
}
