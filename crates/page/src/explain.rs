//! The walk through the layer loops: one self-contained HTML file, with the network and the sample in it.
//!
//! The page computes what it shows by itself, in f64 (`explain/engine.js`), so that a reader can change a number and see what
//! follows; the tests of the page compare it with the trace.

use layerloop::Result;
use layerloop::data::Dataset;
use layerloop::explain::{LARGEST_A, Trace};
use layerloop::names::{NamedEnum, parse};
use layerloop::network::Activation;
use layerloop::train::Loss;
use serde_json::{Map, Value, json};

use super::escape;
use super::picture::base64;

const PAGE: &str = include_str!("explain/page.html");

/// The contents of the page's placeholders, besides what depends on the sample.
const PARTS: [(&str, &str); 11] = [
    ("{{katex.css}}", include_str!("explain/katex/katex.css")),
    ("{{style.css}}", include_str!("style.css")),
    ("{{page.css}}", include_str!("explain/page.css")),
    ("{{katex.min.js}}", include_str!("explain/katex/katex.min.js")),
    ("{{engine.js}}", include_str!("explain/engine.js")),
    ("{{state.js}}", include_str!("explain/state.js")),
    ("{{steps.js}}", include_str!("explain/steps.js")),
    ("{{views.js}}", include_str!("explain/views.js")),
    ("{{edit.js}}", include_str!("explain/edit.js")),
    ("{{network.js}}", include_str!("explain/network.js")),
    ("{{walk.js}}", include_str!("explain/walk.js")),
];

/// The page of a trace of a row of `data`.
///
/// # Errors
/// None.
pub fn html(trace: &Trace, data: &Dataset) -> Result<String> {
    let layers: Vec<String> = trace.layers.iter().map(|layer| layer.activation.clone()).collect();
    let widths: Vec<String> = std::iter::once(trace.x.len())
        .chain(trace.layers.iter().map(|layer| layer.t.len()))
        .map(|width| width.to_string())
        .collect();
    let introduction =
        format!("A network {} ({}, {}), one sample.", widths.join(" \u{2192} "), layers.join(", "), trace.output.kind);
    let title = match trace.target {
        Some(target) => format!("{}, sample {}: {}", data.name(), trace.sample, trace.classes[target]),
        None => format!("{}, sample {}", data.name(), trace.sample),
    };
    let numbers = of_page(trace, data)?.to_string().replace('<', "\\u003c");
    let of_sample = [("{{title}}", escape(&title)), ("{{introduction}}", escape(&introduction)), ("{{data}}", numbers)];
    let all = of_sample.iter().map(|(place, text)| (*place, text.as_str())).chain(PARTS);
    Ok(filled(&all.collect::<Vec<_>>()))
}

/// The page with a text in each of its places.
fn filled(texts: &[(&str, &str)]) -> String {
    let mut page = String::new();
    let mut rest = PAGE;
    while let Some(at) = rest.find("{{") {
        let end = rest[at..].find("}}").map_or(rest.len(), |end| at + end + 2);
        let text = texts.iter().find(|(place, _)| *place == &rest[at..end]).map_or("", |(_, text)| text);
        page += &rest[..at];
        page += text;
        rest = &rest[end..];
    }
    page + rest
}

/// The numbers that the page starts from.
fn of_page(trace: &Trace, data: &Dataset) -> Result<Value> {
    let layer = |layer: &layerloop::explain::TracedLayer| {
        Ok(json!({
            "activation": choice(parse::<Activation>(&layer.activation)?),
            "rows": layer.w.rows(),
            "cols": layer.w.cols(),
            "w": floats(layer.w.entries()),
        }))
    };
    Ok(json!({
        "sample": trace.sample,
        "target": trace.target,
        "classes": trace.classes,
        "image": data.image().map(|(height, width)| [height, width]),
        "largest": LARGEST_A,
        "output": trace.output.kind,
        "loss": choice(parse::<Loss>(&trace.loss_name)?),
        "layers": trace.layers.iter().map(layer).collect::<Result<Vec<_>>>()?,
        "x": floats(&trace.x),
        "y": trace.y,
    }))
}

/// A choice, its numbers as the f32 that they are.
fn choice<T: NamedEnum>(choice: T) -> Value {
    let numbers = choice.numbers().into_iter().map(|(name, value)| {
        let number = value.parse::<f32>().map_or(Value::Null, |value| json!(f64::from(value)));
        (name.to_owned(), number)
    });
    json!({ "name": choice.name(), "numbers": numbers.collect::<Map<_, _>>() })
}

/// What were f32, as their bytes.
fn floats(values: &[f64]) -> String {
    base64(&values.iter().flat_map(|&value| (value as f32).to_le_bytes()).collect::<Vec<u8>>())
}

#[cfg(test)]
mod tests {
    use layerloop::explain::golden;
    use layerloop::train::Objective;

    use super::*;

    #[test]
    fn every_place_is_filled_and_the_page_asks_nobody_for_anything() {
        let (network, data) = golden().unwrap();
        let trace = Trace::of(&network, &data, 0, &Objective::default()).unwrap();
        let page = html(&trace, &data).unwrap();
        let places = PAGE.matches("{{").count();
        assert_eq!(places, PARTS.len() + 4, "the title stands there twice");
        assert!(!page.contains("{{title}}") && !page.contains("{{data}}") && page.contains("golden, sample 0: second"));
        assert!(!page.contains("src=\"http") && !page.contains("@import") && !page.contains("url(fonts"));
        let numbers = of_page(&trace, &data).unwrap();
        assert_eq!(numbers["layers"][0]["activation"], json!({ "name": "sigmoid", "numbers": {} }));
        assert_eq!(numbers["x"], "AACAPwAAAAAAAIC/");
    }

    /// What they compute, `tests/browser/run` compares.
    #[test]
    fn the_engine_has_every_activation_and_every_loss() {
        let engine = include_str!("explain/engine.js");
        let has =
            |name: &str| engine.contains(&format!("\n  {name}: (")) || engine.contains(&format!("\n  \"{name}\": ("));
        let names = Activation::ALL.iter().map(|a| a.name()).chain(Loss::ALL.iter().map(|loss| loss.name()));
        let left: Vec<&str> = names.filter(|name| !has(name)).collect();
        assert!(left.is_empty(), "engine.js has no {left:?}");
    }
}
