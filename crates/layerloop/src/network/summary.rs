//! A network as a table of its layers.

use std::fmt::Write as _;

use super::Network;
use super::program::{Initial, Kind, Role};
use crate::names::text;

/// The text of [`Network::summary`].
pub(crate) fn summary(network: &Network) -> String {
    let spec = network.spec();
    let mut rows = vec![["layer", "shape", "activation", "start", "parameters"].map(String::from)];
    for (i, parameter) in network.program.parameters.iter().enumerate() {
        let [activation, start] = match (network.program.owner(i).kind, parameter.start) {
            (Kind::Dense(dense), Initial::Drawn(init)) => [text(dense.activation), text(init)],
            (_, Initial::Drawn(init)) => [String::new(), text(init)],
            (_, Initial::Constant(weight, _)) => [String::new(), weight.to_string()],
            (_, Initial::Signs) => [String::new(), "1 or -1".into()],
            (_, Initial::Ones(_)) => [String::new(), "1".into()],
            (_, Initial::Uniform(range)) => [String::new(), format!("uniform {range}")],
            (_, Initial::Waves(deviation)) => [String::new(), format!("normal {deviation}")],
            (_, Initial::Custom(layer, _)) => [layer.name().into(), String::new()],
        };
        let shape = match parameter.role {
            Role::Product | Role::Table => format!("{} -> {}", parameter.inputs, parameter.outputs),
            Role::PerColumn(_)
            | Role::Parametric
            | Role::Grouped(_)
            | Role::Piecewise { .. }
            | Role::Members(_)
            | Role::Custom(_) => {
                format!("{} each", parameter.outputs)
            }
            Role::Statistics => continue,
        };
        rows.push([parameter.path.clone(), shape, activation, start, thousands(parameter.count())]);
    }
    let last =
        ["output".into(), format!("{} -> {}", spec.logits(), spec.classes()), text(spec.output), "".into(), "0".into()];
    rows.push(last);
    rows.push(["total".into(), "".into(), "".into(), "".into(), thousands(spec.parameters())]);
    table(&rows)
}

/// Columns as wide as their longest cell, the last one flush right.
fn table(rows: &[[String; 5]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; 5] = std::array::from_fn(width);
    let mut text = String::new();
    for [a, b, c, d, e] in rows {
        let [wa, wb, wc, wd, we] = widths;
        let _ = writeln!(text, "{a:wa$}  {b:wb$}  {c:wc$}  {d:wd$}  {e:>we$}"); // writing to a String cannot fail
    }
    text
}

/// 25450 as `25,450`.
fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|g| std::str::from_utf8(g).ok()).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Activation, Spec};

    #[test]
    fn the_notebooks_network_has_25450_parameters() {
        let spec = Spec::new(784).layer(32, Activation::Sigmoid).layer(10, Activation::Identity);
        let text = summary(&Network::new(&spec, 0).unwrap());
        let want = "\
layer   shape      activation  start           parameters
1       784 -> 32  sigmoid     glorot-uniform      25,120
2       32 -> 10   identity    glorot-uniform         330
output  10 -> 10   softmax                              0
total                                              25,450
";
        assert_eq!(text, want);
    }
}
