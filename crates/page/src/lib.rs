//! Pages, each one self-contained HTML file: the report of a run, the walk through the layer loops, the worst mistakes.
//!
//! - [`html`]: the report
//! - [`explain`], [`mistakes`]: the walk, the worst mistakes
//! - [`document`], [`figure`], [`table`], [`escape`], [`short`]: what other pages are made of
//! - [`chart`], [`picture`], [`scores`]: lines in SVG, PNG images, how a network does
#![forbid(unsafe_code)]
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod chart;
mod columns;
mod date;
pub mod explain;
pub mod mistakes;
pub mod picture;
pub mod scores;
mod sections;
mod surface;

use std::fmt::Write as _;

use layerloop::Result;
use layerloop::data::Dataset;
use layerloop::logs::Curve;
use layerloop::model_file::Model;
use layerloop::preprocess::Frame;
use layerloop::train::{History, Objective};

pub use self::date::now;
pub use self::sections::{chart as figure, table};
pub use self::surface::Surface;

/// The contents of a report.
#[derive(Debug)]
pub struct Contents<'a> {
    /// The model.
    pub model: &'a Model,
    /// The rows that it was trained on.
    pub train: &'a Dataset,
    /// The rows that it is evaluated on.
    pub test: &'a Dataset,
    /// What was measured in training.
    pub history: &'a History,
    /// The size of the gradient of each layer over the epochs, where it was logged.
    pub norms: &'a [Curve],
    /// What was minimised.
    pub objective: &'a Objective,
    /// Seconds of training.
    pub seconds: f64,
    /// Of a table, rows of the test part before they became inputs.
    pub sample: Option<&'a Frame>,
}

/// The page.
///
/// # Errors
/// Those of evaluating the network on the data.
pub fn html(contents: &Contents) -> Result<String> {
    let sections: Vec<Option<String>> = vec![
        Some(sections::heading(contents)?),
        sections::curves(contents.history, contents.norms),
        columns::scores(&contents.model.receipt),
        sections::evaluation(contents)?,
        columns::columns(contents)?,
        sections::mistakes(contents)?,
        sections::augmented(contents)?,
        sections::first_layer(contents.model)?,
        sections::classes(contents)?,
        sections::units(contents)?,
        sections::histograms(contents)?,
        Some(sections::receipt(&contents.model.receipt)),
    ];
    let body: String = sections.into_iter().flatten().collect();
    Ok(document(contents.train.name(), "", &body))
}

/// A page of sections, which needs no other file; `style` is added to the style of all pages.
#[must_use]
pub fn document(title: &str, style: &str, body: &str) -> String {
    let (title, body) = (escape(title), with_contents(body));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>layerloop: {title}</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>\n{}{style}</style>\n</head>\n\
         <body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        include_str!("style.css")
    )
}

/// The page with a table of its sections, above the first of them.
fn with_contents(body: &str) -> String {
    let mut parts = body.split("<h2>");
    let (mut page, mut links, mut sections) =
        (parts.next().unwrap_or_default().to_owned(), String::new(), String::new());
    for (i, section) in parts.enumerate() {
        let name = section.split("</h2>").next().unwrap_or_default();
        _ = write!(links, "<li><a href=\"#section-{i}\">{name}</a></li>");
        _ = write!(sections, "<h2 id=\"section-{i}\">{section}");
    }
    _ = writeln!(page, "<nav aria-label=\"Contents\"><ol>{links}</ol></nav>");
    page + &sections
}

/// Text that is text in HTML.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        _ = match c {
            '&' => write!(out, "&amp;"),
            '<' => write!(out, "&lt;"),
            '>' => write!(out, "&gt;"),
            '"' => write!(out, "&quot;"),
            _ => write!(out, "{c}"),
        };
    }
    out
}

/// A number in four digits that matter, without zeros at its end.
#[must_use]
pub fn short(value: f64) -> String {
    let size = value.abs();
    if value != 0.0 && !(1e-4..1e6).contains(&size) {
        return format!("{value:.1e}");
    }
    let digits = if value == 0.0 { 0 } else { (3 - size.log10().floor() as i32).clamp(0, 7) as usize };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use layerloop::data::Inputs;
    use layerloop::network::Network;
    use layerloop::train::{FitContext, FitOptions, fit_with};
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_short() {
        let said = [0.0, 0.1, 1.0, 1234.5, 0.012345, 1e-6, 2.5e7, -3.25].map(short);
        assert_eq!(said, ["0", "0.1", "1", "1234", "0.01235", "1.0e-6", "2.5e7", "-3.25"]);
    }

    fn page(train: &Dataset, test: &Dataset, sample: Option<&Frame>, network: &str) -> String {
        let mut network = Network::new(&network.parse().unwrap(), 0).unwrap();
        let options = FitOptions { epochs: 3, ..FitOptions::default() };
        let with = FitContext { watch: vec![("test", test)], ..FitContext::default() };
        let fitted = fit_with(&mut network, train, &options, with).unwrap();
        let receipt = json!({ "version": "0", "options": { "batch": 128, "layer_rates": ["1=<0>"] } });
        let model = Model::new(network, train, receipt);
        let objective = &options.objective;
        html(&Contents {
            model: &model,
            train,
            test,
            history: &fitted.history,
            norms: &[],
            objective,
            seconds: 0.5,
            sample,
        })
        .unwrap()
    }

    /// Every element that is opened is closed, in order.
    fn is_well_formed(page: &str) {
        let mut open = Vec::new();
        let body = page.replace(include_str!("style.css"), "");
        for tag in body.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
            let name = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap_or_default();
            match tag {
                _ if tag.starts_with('!') || ["meta", "link", "img", "br"].contains(&name) || tag.ends_with('/') => {}
                _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(name), "in {page:.3000}"),
                _ => open.push(name),
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }

    #[test]
    fn a_page_of_pictures_has_every_section_and_asks_for_nothing() {
        let digits = layerloop_data::load("digits", &layerloop_data::LoadOptions::default(), &mut |_| {}).unwrap();
        let page = page(&digits.train, &digits.test, None, "64 -> 16 sigmoid -> 10");
        is_well_formed(&page);
        assert!(!page.contains("http") && !page.contains("<script"), "no request to anybody");
        let headings = [
            "Curves",
            "Confusion",
            "Reliability",
            "Worst mistakes",
            "First layer",
            "What each class looks for",
            "Units",
        ];
        for heading in headings.into_iter().chain(["Weights and gradients", "Receipt"]) {
            assert!(
                page.contains(&format!(">{heading}</h2>")) && page.contains(&format!(">{heading}</a></li>")),
                "{heading}"
            );
        }
        // Mistakes, units, classes; and those behind the cells of the confusion matrix.
        let behind = page.matches("alt=\"row ").count() - 24;
        assert_eq!(page.matches("data:image/png").count(), 24 + 16 + 10 + behind);
        let taken =
            page.split(" predicted as <b>").skip(1).filter_map(|rest| rest.split(": ").nth(1)?.split('<').next());
        let wrong: Vec<usize> = taken.filter_map(|count| count.parse().ok()).collect();
        assert!(behind == wrong.iter().map(|&count| count.min(12)).sum::<usize>() && behind > 10, "{wrong:?}");
        assert_eq!(page.matches("href=\"#taken-").count(), page.matches("id=\"taken-").count());
        assert!(page.contains("1=&lt;0&gt;") && !page.contains("NaN"));
        let cells = page.split("class=\"confusion").nth(1).unwrap().split("</table>").next().unwrap();
        let counts = cells.split("<td").skip(1).map(|cell| {
            let texts = cell.split('>').skip(1).map(|rest| rest.split('<').next().unwrap());
            texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default()
        });
        assert_eq!(counts.map(|count| count.parse().unwrap_or(0)).sum::<usize>(), digits.test.rows());
    }

    #[test]
    fn a_page_of_a_table_says_what_its_columns_do() {
        let penguins = layerloop_data::load("penguins", &layerloop_data::LoadOptions::default(), &mut |_| {}).unwrap();
        let spec = format!("{} -> 8 relu -> 3", penguins.train.width());
        let page = page(&penguins.train, &penguins.test, penguins.test_frame.as_ref(), &spec);
        is_well_formed(&page);
        for heading in ["Confusion", "Calibration", "Importance of the columns", "Partial dependence"] {
            assert!(page.contains(&format!(">{heading}</h2>")), "{heading}");
        }
        assert!(!page.contains(">Reliability</h2>") && !page.contains(">Scores</h2>") && !page.contains("NaN"));
        assert_eq!(page.matches("<figcaption>mean probabilities by ").count(), 4);
        assert!(
            page.contains(">bill_length_mm</text>") || page.contains(">bill_length_mm<title>"),
            "a bar for a column"
        );
        let receipt = json!({ "result": {
            "test": { "roc_auc": 0.9 }, "intervals": { "roc_auc": [0.8, 0.95] }, "baseline": { "trivial": { "roc_auc": 0.5 }, "linear": {} }
        } });
        let scores = columns::scores(&receipt).unwrap();
        assert!(
            scores.contains("<th scope=\"col\">roc auc</th>") && scores.contains("<td>0.8 to 0.95</td>"),
            "{scores}"
        );
        assert!(scores.contains("<th scope=\"row\">linear</th><td>-</td>"), "{scores}");
        is_well_formed(&scores);
    }

    #[test]
    fn numbers_many_classes_and_few_rows_have_their_page_too() {
        let diabetes = layerloop_data::load("diabetes", &layerloop_data::LoadOptions::default(), &mut |_| {}).unwrap();
        let numbers = page(&diabetes.train, &diabetes.test, None, "10 -> 8 tanh -> 1 -> identity");
        is_well_formed(&numbers);
        assert!(numbers.contains(">Predicted and true</h2>") && numbers.contains(">Worst mistakes</h2>"));
        let names: Vec<String> = (0..40).map(|class| format!("class <{class}>")).collect();
        let inputs = Inputs::Floats((0..160).map(|i| (i * 37 % 11) as f32).collect());
        let labels: Vec<u32> = (0..80).map(|i| i * 7 % 40).collect();
        let many = Dataset::new("many", inputs, 2, labels, names).unwrap();
        let many = page(&many, &many.head(1), None, "2 -> 40");
        is_well_formed(&many);
        assert!(many.contains("class &lt;"), "{many:.3000}");
    }
}
