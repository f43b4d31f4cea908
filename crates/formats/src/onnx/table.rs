//! The preprocessing of a table inside the graph: an input for each column, of N x 1 numbers (f64 where they are scaled by quantiles or are
//! dates, in seconds since 1970-01-01) or names.

use layerloop::preprocess::view::{Encoder, NORMAL_QUANTILE, NumberView, ScalingView};
use layerloop::preprocess::{Preprocessing, Target, TargetTransform};

use super::date;
use super::graph::{Graph, Set, value_info};
use super::proto::{ValueInfoProto, element};

/// The inputs of the network as one value, made of those of the graph; and these.
pub(super) fn inputs(graph: &mut Graph, by: &Preprocessing) -> (String, Vec<ValueInfoProto>) {
    let (mut infos, mut parts) = (Vec::new(), Vec::new());
    for column in by.view() {
        match &column.encoder {
            Encoder::Numbers(by) => {
                // Between two quantiles next to each other f32 has too few numbers.
                let is_double = matches!(by.scaling, ScalingView::Normal { .. });
                let kind = if is_double { element::DOUBLE } else { element::FLOAT };
                infos.push(value_info(&column.name, kind, Some(1)));
                number(graph, &column.name, by, &mut parts);
            }
            Encoder::Dates { earliest, parts: of_date } => {
                infos.push(value_info(&column.name, element::DOUBLE, Some(1)));
                let all = date::parts(graph, &column.name, *earliest);
                for (part, by) in of_date {
                    number(graph, &all[*part as usize], by, &mut parts);
                }
            }
            Encoder::Repeated { values, table } => {
                parts.push(repeated(graph, &column.name, values, table));
            }
            Encoder::Levels { levels, table } => {
                infos.push(value_info(&column.name, element::STRING, Some(1)));
                let numbers: Vec<i64> = (0..levels.len() as i64).chain([levels.len() as i64 + 1]).collect();
                let settings = [
                    ("keys_strings", Set::Strings(levels.iter().cloned().chain([String::new()]).collect())),
                    ("values_int64s", Set::Ints(numbers)),
                    ("default_int64", Set::Int(levels.len() as i64)),
                ];
                let row = graph.node("LabelEncoder", &[&column.name], &settings);
                let rows = graph.unnamed(&[levels.len() + 2, column.width], table);
                let found = graph.node("Gather", &[&rows, &row], &[("axis", Set::Int(0))]);
                parts.push(graph.reshape(&found, &[-1, column.width as i64]));
            }
        }
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    (graph.node("Concat", &parts, &[("axis", Set::Int(1))]), infos)
}

/// A number as inputs: scaled, and perhaps whether it is missing.
fn number(graph: &mut Graph, name: &str, by: &NumberView, parts: &mut Vec<String>) {
    parts.push(scaled(graph, name, by.fill, &by.scaling));
    if by.indicator {
        let missing = graph.node("IsNaN", &[name], &[]);
        parts.push(graph.cast(&missing, element::FLOAT));
    }
}

/// The row of the table that belongs to the number among `values`, or the last one: the product of a 1 among zeros with the table.
fn repeated(graph: &mut Graph, name: &str, values: &[f64], table: &[f32]) -> String {
    let count = values.len();
    // In f32, which numbers may have come as.
    let x = graph.cast(name, element::FLOAT);
    let singles: Vec<f32> = values.iter().map(|x| *x as f32).collect();
    let all = graph.unnamed(&[1, count], &singles);
    let is = graph.node("Equal", &[&x, &all], &[]);
    let is = graph.cast(&is, element::FLOAT);
    let [axis, one] = [graph.ints(&[1]), graph.unnamed(&[], &[1.0])];
    let sum = graph.node("ReduceSum", &[&is, &axis], &[("keepdims", Set::Int(1))]);
    let none = graph.node("Sub", &[&one, &sum], &[]);
    let places = graph.node("Concat", &[&is, &none], &[("axis", Set::Int(1))]);
    let table = graph.unnamed(&[count + 1, count], table);
    graph.node("MatMul", &[&places, &table], &[])
}

/// A column of numbers, filled and scaled: in f64, as at home.
fn scaled(graph: &mut Graph, name: &str, fill: f64, scaling: &ScalingView) -> String {
    let missing = graph.node("IsNaN", &[name], &[]);
    let x = graph.cast(name, element::DOUBLE);
    let fill = graph.doubles(&[], &[fill]);
    let x = graph.node("Where", &[&missing, &fill, &x], &[]);
    let scaled = match scaling {
        ScalingView::Linear { centre, factor } => linear(graph, &x, *centre, *factor),
        ScalingView::Clipped { centre, factor } => {
            let r = linear(graph, &x, *centre, *factor);
            let [least, most, three, one] = [-1e100, 1e100, 3.0, 1.0].map(|n| graph.doubles(&[], &[n]));
            let r = graph.node("Clip", &[&r, &least, &most], &[]);
            let third = graph.node("Div", &[&r, &three], &[]);
            let square = graph.node("Mul", &[&third, &third], &[]);
            let sum = graph.node("Add", &[&square, &one], &[]);
            let root = graph.node("Sqrt", &[&sum], &[]);
            graph.node("Div", &[&r, &root], &[])
        }
        ScalingView::Normal { quantiles } => normal(graph, &x, quantiles),
    };
    graph.cast(&scaled, element::FLOAT)
}

fn linear(graph: &mut Graph, x: &str, centre: f64, factor: f64) -> String {
    let [centre, factor] = [centre, factor].map(|n| graph.doubles(&[], &[n]));
    let left = graph.node("Sub", &[x, &centre], &[]);
    graph.node("Mul", &[&left, &factor], &[])
}

/// The normal quantile of the share of the training rows below x.
fn normal(graph: &mut Graph, x: &str, quantiles: &[f64]) -> String {
    let count = quantiles.len();
    let all = graph.doubles(&[1, count], quantiles);
    let axis = graph.ints(&[1]);
    let mut number_of = |op: &str| {
        let is = graph.node(op, &[&all, x], &[]);
        let is = graph.cast(&is, element::DOUBLE);
        graph.node("ReduceSum", &[&is, &axis], &[("keepdims", Set::Int(1))])
    };
    let (from, to) = (number_of("Less"), number_of("LessOrEqual"));
    let [half, one, zero, last] = [0.5, 1.0, 0.0, (count - 1) as f64].map(|n| graph.doubles(&[], &[n]));
    // Among those that equal x: half way. Else between its neighbours, in proportion.
    let sum = graph.node("Add", &[&from, &to], &[]);
    let sum = graph.node("Sub", &[&sum, &one], &[]);
    let middle = graph.node("Mul", &[&sum, &half], &[]);
    let before = graph.node("Sub", &[&from, &one], &[]);
    let low = graph.node("Clip", &[&before, &zero, &last], &[]);
    let high = graph.node("Clip", &[&from, &zero, &last], &[]);
    let row = graph.doubles(&[count], quantiles);
    let mut at = |place: &str| {
        let place = graph.cast(place, element::INT64);
        graph.node("Gather", &[&row, &place], &[("axis", Set::Int(0))])
    };
    let [low, high] = [at(&low), at(&high)];
    let [left, range] = [[x, &low], [&high, &low]].map(|pair| graph.node("Sub", &pair, &[]));
    let flat = graph.node("Equal", &[&range, &zero], &[]);
    let range = graph.node("Where", &[&flat, &one, &range], &[]);
    let part = graph.node("Div", &[&left, &range], &[]);
    let part = graph.node("Clip", &[&part, &zero, &one], &[]);
    let between = graph.node("Add", &[&before, &part], &[]);
    let equal = graph.node("Less", &[&from, &to], &[]);
    let place = graph.node("Where", &[&equal, &middle, &between], &[]);
    let share = graph.node("Div", &[&place, &last], &[]);
    let [least, most] = [1e-7, 1.0 - 1e-7].map(|n| graph.doubles(&[], &[n]));
    let share = graph.node("Clip", &[&share, &least, &most], &[]);
    normal_quantile(graph, &share)
}

/// [`NORMAL_QUANTILE`], whose error f32 does not show.
fn normal_quantile(graph: &mut Graph, p: &str) -> String {
    let [half, one, edge, far] = [0.5, 1.0, 0.02425, 1.0 - 0.02425].map(|n| graph.doubles(&[], &[n]));
    let q = graph.node("Sub", &[p, &half], &[]);
    let r = graph.node("Mul", &[&q, &q], &[]);
    let (above, below) = (polynomial(graph, 0, &r), polynomial(graph, 1, &r));
    let above = graph.node("Mul", &[&above, &q], &[]);
    let centre = graph.node("Div", &[&above, &below], &[]);
    let left = tail(graph, p);
    let rest = graph.node("Sub", &[&one, p], &[]);
    let right = tail(graph, &rest);
    let right = graph.node("Neg", &[&right], &[]);
    let [is_left, is_right] = [("Less", &edge), ("Greater", &far)].map(|(op, end)| graph.node(op, &[p, end], &[]));
    let ends = graph.node("Where", &[&is_left, &left, &centre], &[]);
    graph.node("Where", &[&is_right, &right, &ends], &[])
}

/// Its ends: of the smaller share.
fn tail(graph: &mut Graph, p: &str) -> String {
    let minus_two = graph.doubles(&[], &[-2.0]);
    let log = graph.node("Log", &[p], &[]);
    let log = graph.node("Mul", &[&log, &minus_two], &[]);
    let q = graph.node("Sqrt", &[&log], &[]);
    let (above, below) = (polynomial(graph, 2, &q), polynomial(graph, 3, &q));
    graph.node("Div", &[&above, &below], &[])
}

fn polynomial(graph: &mut Graph, of: usize, x: &str) -> String {
    let mut all = NORMAL_QUANTILE[of].iter();
    let first = all.next().copied().unwrap_or_default();
    let first = graph.doubles(&[], &[first]);
    all.fold(first, |sum, c| {
        let c = graph.doubles(&[], &[*c]);
        let product = graph.node("Mul", &[&sum, x], &[]);
        graph.node("Add", &[&product, &c], &[])
    })
}

/// What the network gives, N x outputs, as the numbers to predict, called `name`.
pub(super) fn targets(graph: &mut Graph, target: &Target, outputs: &str, name: &str) -> String {
    let Target::Numbers(targets) = target else {
        return graph.named("Identity", &[outputs], &[], name);
    };
    let parts: Vec<String> = (0..targets.len())
        .map(|i| {
            let target = &targets[i];
            let [first, end, axis] = [i, i + 1, 1].map(|n| graph.ints(&[n as i64]));
            let t = graph.node("Slice", &[outputs, &first, &end, &axis], &[]);
            let t = graph.cast(&t, element::DOUBLE);
            let [scale, centre, one] = [target.scale, target.centre, 1.0].map(|n| graph.doubles(&[], &[n]));
            let t = graph.node("Mul", &[&t, &scale], &[]);
            let mut y = graph.node("Add", &[&t, &centre], &[]);
            if target.transform == TargetTransform::Log {
                let e = graph.node("Exp", &[&y], &[]);
                y = graph.node("Sub", &[&e, &one], &[]);
            }
            if let Some([least, most]) = target.range {
                let [least, most] = [least, most].map(|n| graph.doubles(&[], &[n]));
                y = graph.node("Clip", &[&y, &least, &most], &[]);
            }
            graph.cast(&y, element::FLOAT)
        })
        .collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    graph.named("Concat", &parts, &[("axis", Set::Int(1))], name)
}
