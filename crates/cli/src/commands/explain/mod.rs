//! `layerloop explain`

mod curvature;
mod mistakes;
mod own_input;
mod step;

use std::path::Path;

use layerloop::data::Dataset;
use layerloop::explain::{Comparison, LARGEST_A, LayerUnits, Trace, TracedLayer, differences, golden, units};
use layerloop::math::Matrix;
use layerloop::model_file::Model;
use layerloop::network::Network;
use layerloop::train::Objective;
use layerloop::{Error, Result};
use layerloop_data::registry;
use serde_json::json;

use super::objective_of;
use super::trained_on::load_part;
use crate::Outcome;
use crate::args::Explain;
use crate::output::line;
use crate::places::write_page;
use crate::table::table;

/// Numbers of a row that are printed, at most.
const NUMBERS: usize = 8;
/// Rows of a matrix that are printed, at most.
const ROWS: usize = 6;

pub(crate) fn run(args: &Explain) -> Result<Outcome> {
    if args.mistakes {
        mistakes::show(args, &model_of(args)?)?;
        return Ok(Outcome::Done);
    }
    let (network, data, objective) = if args.example.is_some() {
        let (network, data) = golden()?;
        (network, data, Objective::default())
    } else {
        of_model(args)?
    };
    if args.curvature {
        curvature::show(args, &network, &data, &objective)?;
        return Ok(Outcome::Done);
    }
    if args.units {
        show_units(args, &network, &data)?;
        return Ok(Outcome::Done);
    }
    let trace = Trace::of(&network, &data, args.sample, &objective)?;
    if let Some(path) = &args.html {
        write_page(path, layerloop_page::explain::html(&trace, &data)?)?;
    }
    let comparison = Comparison::of(&trace, &network, &data)?;
    let slopes = args.differences.then(|| differences(&trace, &network)).transpose()?;
    if args.json {
        let mut object = json!(trace);
        if let Some(label) = trace.target {
            object["label"] = json!(trace.classes[label]);
            object["predicted"] = json!(trace.classes[answer(&trace)]);
        }
        object["fast"] = json!(comparison);
        if let Some(slopes) = slopes {
            object["differences"] = json!({ "gradient": slopes });
        }
        line(object)?;
    } else if args.step {
        return step::show(&trace);
    } else if let Some(path) = &args.html {
        line(format_args!("{}open {} in a browser", headline(&trace), path.display()))?;
    } else {
        line(passes(&trace, &comparison))?;
        if let Some(slopes) = slopes {
            let off = slopes.iter().zip(&trace.gradient).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            line(format_args!(
                "the gradient is within {off:.1e} of central differences, in every one of {} parameters",
                slopes.len()
            ))?;
        }
    }
    Ok(Outcome::Done)
}

/// Whether it is not the name of a data set, which a file of that name does not hide.
fn is_no_name(data: &Path) -> bool {
    data.to_str().is_none_or(|name| registry::find(name).is_none())
}

fn model_of(args: &Explain) -> Result<Model> {
    let path = args.model.as_ref().ok_or_else(|| {
        Error::config("MODEL", "a model is needed, or --example golden for the example of the derivation")
    })?;
    Model::load(path)
}

/// The model that was named, the data of the sample, and what it is measured by.
fn of_model(args: &Explain) -> Result<(Network, Dataset, Objective)> {
    let model = model_of(args)?;
    let data = match args.data.as_deref().filter(|data| data.is_file() && is_no_name(data)) {
        Some(file) => own_input::dataset(args, &model, file)?,
        None if args.label.is_some() => {
            return Err(Error::config(
                "--label",
                "it is for a picture or a row of your own; a data set has its labels",
            ));
        }
        None => load_part(&model, args.data.as_deref(), args.data_dir.as_deref(), args.part)?,
    };
    let objective = objective_of(&model)?;
    Ok((model.network, data, objective))
}

/// What the units of each layer do on the first rows of the data.
fn show_units(args: &Explain, network: &Network, data: &Dataset) -> Result<()> {
    let layers = units(network, &data.head(args.rows))?;
    if args.json {
        return layers.iter().try_for_each(|layer| line(json!(layer)));
    }
    let row = |layer: &LayerUnits| {
        let LayerUnits { layer, units, dead, saturated, mean_slope, mean_gradient, .. } = layer;
        let counts = [layer, units, dead, saturated].map(ToString::to_string);
        counts.into_iter().chain([format!("{mean_slope:.6}"), format!("{mean_gradient:.3e}")]).collect()
    };
    let rows: Vec<Vec<String>> = layers.iter().map(row).collect();
    line(table(&["layer", "units", "dead", "saturated", "mean slope", "mean gradient"], &rows))
}

/// How far the fast path is off where it has the same object: the largest difference in ULP.
fn fast_path(name: &str, trace: &Trace, comparison: &Comparison) -> String {
    let largest = |ulps: &[f64]| format!("{:.1}", ulps.iter().copied().fold(0.0, f64::max));
    let l = trace.layers.len();
    let Some((letter, i)) = name.split_once('_').and_then(|(letter, i)| Some((letter, i.parse::<usize>().ok()?)))
    else {
        return String::new();
    };
    match letter {
        "z" if i <= l + 1 => largest(&comparison.ulp.z[i - 1]),
        "z" if i == l + 2 => largest(&comparison.ulp.probabilities),
        "z" => largest(&[comparison.ulp.loss]),
        "p" => {
            let len = |layer: &TracedLayer| layer.p.entries().len();
            let start = trace.layers[..i - 1].iter().map(len).sum::<usize>();
            largest(&comparison.ulp.gradient[start..start + len(&trace.layers[i - 1])])
        }
        _ => String::new(),
    }
}

/// An object of the derivation as it is shown: name, shape, formula, numbers.
struct Object<'a> {
    name: String,
    formula: String,
    numbers: Numbers<'a>,
}

enum Numbers<'a> {
    Vector(&'a [f64]),
    Matrix(&'a Matrix),
    /// A_i, past the limit: its factors.
    Factors(&'a TracedLayer),
    Number(f64),
}

impl Numbers<'_> {
    fn shape(&self) -> String {
        match self {
            Self::Vector(vector) => vector.len().to_string(),
            Self::Matrix(matrix) => format!("{} x {}", matrix.rows(), matrix.cols()),
            Self::Factors(layer) => {
                let (n, columns) = (layer.t.len(), layer.a_factors.z1.len());
                format!("{n} x {}", n * columns)
            }
            Self::Number(_) => "1".into(),
        }
    }

    /// Frobenius' norm.
    fn norm(&self) -> f64 {
        let of = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>().sqrt();
        match self {
            Self::Vector(vector) => of(vector),
            Self::Matrix(matrix) => of(matrix.entries()),
            // The blocks are orthogonal.
            Self::Factors(layer) => of(&layer.a_factors.sigma_prime) * of(&layer.a_factors.z1),
            Self::Number(number) => number.abs(),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Vector(vector) => row(vector),
            Self::Number(number) => format!("{number:.6}"),
            Self::Matrix(matrix) => {
                let rows: Vec<String> = (0..matrix.rows().min(ROWS)).map(|r| row(matrix.row(r))).collect();
                let left = matrix.rows().saturating_sub(ROWS);
                rows.join("\n") + &if left > 0 { format!("\n... and {left} more rows") } else { String::new() }
            }
            Self::Factors(layer) => {
                let (slopes, z1) = (row(&layer.a_factors.sigma_prime), row(&layer.a_factors.z1));
                format!(
                    "block k is e_k (z^(;1))^T times sigma'(t_k); more than {LARGEST_A} entries, so here are its factors\n\
                     sigma'(t)  {slopes}\nz^(;1)     {z1}"
                )
            }
        }
    }
}

fn row(values: &[f64]) -> String {
    let mut cells: Vec<String> = values.iter().take(NUMBERS).map(|v| format!("{:>10.6}", v + 0.0)).collect();
    if values.len() > NUMBERS {
        cells.push(format!("... ({} more)", values.len() - NUMBERS));
    }
    cells.join(" ")
}

/// The objects in the order of the derivation, each with the loop that it belongs to.
fn objects(trace: &Trace) -> Vec<(&'static str, Object<'_>)> {
    let (l, mut all) = (trace.layers.len(), Vec::new());
    let mut add = |part, name: String, formula: String, numbers| all.push((part, Object { name, formula, numbers }));
    let forward = "forward layer loop";
    add(forward, "z_1".into(), "x".into(), Numbers::Vector(&trace.x));
    for layer in &trace.layers {
        let i = layer.i;
        add(forward, format!("W_{i}"), "weights, the bias in the last column".into(), Numbers::Matrix(&layer.w));
        add(forward, format!("t_{i}"), format!("W_{i} z_{i}^(;1)"), Numbers::Vector(&layer.t));
        add(forward, format!("z_{}", i + 1), format!("{}(t_{i})", layer.activation), Numbers::Vector(&layer.z_next));
        let a = layer.a.as_ref().map_or(Numbers::Factors(layer), Numbers::Matrix);
        add(forward, format!("A_{i}"), format!("diag(sigma'(t_{i})) [e_k (z_{i}^(;1))^T]_k"), a);
        add(forward, format!("B_{i}"), format!("diag(sigma'(t_{i})) W_{i}[:, :n_{i}]"), Numbers::Matrix(&layer.b));
    }
    let output = &trace.output;
    add(
        forward,
        format!("z_{}", l + 2),
        format!("{}(z_{})", output.kind, l + 1),
        Numbers::Vector(&output.probabilities),
    );
    add(forward, "C_K".into(), format!("Jacobian of {}", output.kind), Numbers::Matrix(&output.c));
    add("loss", "y".into(), "what z is measured against".into(), Numbers::Vector(&trace.y));
    let of_y = format!("{}(y, z_{})", trace.loss_name, l + 2);
    add("loss", format!("z_{}", l + 3), of_y, Numbers::Number(trace.loss));
    let by_z = format!("gradient of it by z_{}", l + 2);
    add("loss", format!("q_{}", l + 2), by_z, Numbers::Vector(&trace.q_loss));
    let backward = "backward layer loop";
    add(backward, format!("q_{}", l + 1), format!("C_K^T q_{}", l + 2), Numbers::Vector(&output.q_logits));
    for layer in trace.layers.iter().rev() {
        let i = layer.i;
        add(backward, format!("p_{i}"), format!("A_{i}^T q_{}", i + 1), Numbers::Matrix(&layer.p));
        add(backward, format!("q_{i}"), format!("B_{i}^T q_{}", i + 1), Numbers::Vector(&layer.q));
    }
    all
}

/// Every object with its shape, its norm and its formula.
fn passes(trace: &Trace, comparison: &Comparison) -> String {
    let all = objects(trace);
    // Of one width, so that they stand flush left.
    let widest = all.iter().map(|(_, object)| object.formula.chars().count()).max().unwrap_or(0);
    let mut text = headline(trace);
    let mut part = "";
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut flush = |part: &str, rows: &mut Vec<Vec<String>>| {
        if !rows.is_empty() {
            text +=
                &format!("\n{part}\n{}", table(&["", "shape", "norm", "ULP", &format!("{:widest$}", "formula")], rows));
            rows.clear();
        }
    };
    for (of, Object { name, formula, numbers }) in all {
        if of != part {
            flush(part, &mut rows);
            part = of;
        }
        let fast = fast_path(&name, trace, comparison);
        rows.push(vec![name, numbers.shape(), format!("{:.6}", numbers.norm()), fast, format!("{formula:widest$}")]);
    }
    flush(part, &mut rows);
    text + "\nULP: the largest difference of the fast path in f32, in units in the last place\n--step shows the numbers, object by object; --json has them all"
}

/// The class that the network gives.
fn answer(trace: &Trace) -> usize {
    layerloop::data::onecold(&trace.output.probabilities.iter().map(|&p| p as f32).collect::<Vec<f32>>())
}

fn headline(trace: &Trace) -> String {
    let (p, classes) = (&trace.output.probabilities, &trace.classes);
    let Some(target) = trace.target else {
        let each = classes.iter().zip(p).zip(&trace.y).map(|((name, p), y)| format!("{name} {p:.4}, not {y:.4}"));
        let said = each.collect::<Vec<_>>().join("; ");
        return format!("sample {}: predicted {said}; loss {:.6}\n", trace.sample, trace.loss);
    };
    let said = answer(trace);
    let what = if matches!(trace.output.kind.as_str(), "identity" | "exp") { "output" } else { "probability" };
    format!(
        "sample {}, class {}: predicted {} with {what} {:.4}, loss {:.6}\n",
        trace.sample, classes[target], classes[said], p[said], trace.loss
    )
}
