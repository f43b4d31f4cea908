//! The sections of a report; one that has nothing to say is left out.

use std::fmt::Write as _;

use layerloop::Result;
use layerloop::augment::Augmentation;
use layerloop::data::{Dataset, Targets, onecold};
use layerloop::explain::{LayerUnits, class_views};
use layerloop::logs::Curve;
use layerloop::metrics::{Metric, Predictions};
use layerloop::model_file::Model;
use layerloop::network::{Predictor, Tensor};
use layerloop::train::{History, loss_and_gradient_of};
use serde_json::Value;

use super::chart::{Log, histogram, lines, reliability, scatter};
use super::columns::{calibrated, in_units, threshold};
use super::{Contents, date, escape, picture, short};
use crate::scores::{Scores, evenly, outputs, threads_for};

/// Mistakes that are shown, at most.
const MISTAKES: usize = 24;
/// Pictures behind a cell of the confusion matrix, at most.
const TAKEN: usize = 12;
/// Augmented images that are shown, at most.
const AUGMENTED: usize = 32;
/// Points of a chart, at most.
const POINTS: usize = 2_000;
/// Units of the first layer that are shown, at most.
const UNITS: usize = 64;
/// Bins of confidence.
const BINS: usize = 10;
/// Classes of a confusion matrix that a person can read.
const CLASSES: usize = 26;
/// Rows whose gradient is looked at.
const GRADIENT_ROWS: usize = 1000;

/// What it is, and how good.
pub(super) fn heading(contents: &Contents) -> Result<String> {
    let Contents { model, train, test, seconds, .. } = contents;
    let loss = contents.objective.loss.and_then(|loss| layerloop::names::parse(&loss.to_string()).ok());
    let predictor = Predictor::new(&model.network, threads_for(model.network.spec()))?;
    let scores = Scores::of_outputs(&outputs(&predictor, test, loss)?.with_threshold(model.threshold), test)?;
    let ((name, score), spec) = (scores.headline(), model.network.spec());
    let facts = [
        (format!("test {name}"), format!("{score:.4}")),
        ("test loss".to_owned(), short(scores.loss())),
        ("training".to_owned(), format!("{} s", short(*seconds))),
        ("epochs".to_owned(), contents.history.rows().len().to_string()),
        ("parameters".to_owned(), spec.parameters().to_string()),
        ("rows to train on".to_owned(), train.rows().to_string()),
    ];
    let facts: String =
        facts.iter().map(|(name, value)| format!("<div><dt>{name}</dt><dd>{value}</dd></div>\n")).collect();
    let (date, version) = (date::now(), env!("CARGO_PKG_VERSION"));
    let (title, network, sha256) = (escape(train.name()), escape(&spec.to_string()), model.network.sha256());
    Ok(format!(
        "<h1>{title}</h1>\n<p><code>{network}</code></p>\n<p class=\"soft\">{date}, layerloop {version}; weights sha256 <code>{sha256}</code></p>\n\
         <dl class=\"facts\">\n{facts}</dl>\n"
    ))
}

/// Losses, scores and the learning rate over the epochs.
pub(super) fn curves(history: &History, norms: &[Curve]) -> Option<String> {
    let over_epochs = |wanted: &dyn Fn(&str) -> bool| -> Vec<(String, Vec<(f64, f64)>)> {
        let names = history.names().iter().filter(|name| wanted(name));
        let points = |name: &String| {
            let epochs = history.column("epoch").into_iter().flatten();
            epochs.zip(history.column(name).into_iter().flatten()).collect()
        };
        names.map(|name| (name.replace("_loss", "").replace('_', " "), points(name))).collect()
    };
    let known = ["epoch", "steps", "seconds", "learning_rate"];
    let charts = [
        ("loss", over_epochs(&|name| name.ends_with("_loss"))),
        ("scores", over_epochs(&|name| !name.ends_with("_loss") && !known.contains(&name))),
        ("learning rate", over_epochs(&|name| name == "learning_rate")),
    ];
    let changes = |points: &[(f64, f64)]| points.windows(2).any(|pair| pair[0].1 != pair[1].1);
    let drawn = charts.iter().filter(|(name, curves)| *name != "learning rate" || curves.iter().any(|c| changes(&c.1)));
    let mut figures: Vec<String> = drawn
        .filter_map(|(name, curves)| {
            Some(chart(name, &lines(&format!("{name} over epochs"), "epoch", curves, [Log::Never, Log::OverDecades])?))
        })
        .collect();
    // Layers differ by powers of ten where a gradient vanishes or explodes; a norm of 0 has no place on such an axis.
    let above_0 = |points: &[(f64, f64)]| points.iter().copied().filter(|(_, norm)| *norm > 0.0).collect();
    let norms: Vec<Curve> = norms.iter().map(|(layer, points)| (format!("layer {layer}"), above_0(points))).collect();
    let caption = "size of the gradient, layer by layer";
    let norms = lines("gradient norms over epochs", "epoch", &norms, [Log::Never, Log::Always]);
    figures.extend(norms.map(|svg| chart(caption, &svg)));
    if figures.is_empty() {
        return None;
    }
    let head: Vec<&str> = history.names().iter().map(String::as_str).collect();
    let row = |row: &Vec<f64>| row.iter().map(|&v| if v.is_nan() { String::new() } else { short(v) }).collect();
    let rows: Vec<Vec<String>> = history.rows().iter().map(row).collect();
    let table = format!("<details><summary>all numbers</summary>{}</details>\n", table("list", &head, &rows));
    Some(format!("<h2>Curves</h2>\n<div class=\"pair\">\n{}</div>\n{table}", figures.concat()))
}

/// How good the predictions for the test part are.
pub(super) fn evaluation(contents: &Contents) -> Result<Option<String>> {
    let Contents { model, test, .. } = contents;
    if test.rows() == 0 {
        return Ok(None);
    }
    let outputs = Predictor::new(&model.network, threads_for(model.network.spec()))?.probabilities(test.inputs())?;
    match test.targets() {
        Targets::Labels { labels, .. } => {
            let predictions = Predictions::classes(&outputs, labels, model.network.classes());
            let calibration = match test.preprocessing() {
                Some(_) => calibrated(&model.classes, &predictions)?,
                None => calibration(model, labels, &outputs, &predictions),
            };
            Ok(Some(confusion(model, test, labels, &outputs)? + &calibration))
        }
        Targets::Numbers { values, names } => {
            Ok(Some(predicted_and_true(&in_units(test, values), names, &in_units(test, &outputs))))
        }
    }
}

fn confusion(model: &Model, test: &Dataset, labels: &[u32], outputs: &[f32]) -> Result<String> {
    let classes = &model.classes;
    let mut counts = vec![vec![0_usize; classes.len()]; classes.len()];
    for (p, &label) in outputs.chunks_exact(classes.len()).zip(labels) {
        counts[label as usize][model.predicted(p)] += 1;
    }
    let pairs = if classes.len() <= CLASSES {
        let pictures = taken(model, test, labels, outputs, &counts)?;
        confusion_matrix(classes, &counts, test.image().is_some()) + &pictures
    } else {
        most_confused(classes, &counts)
    };
    let threshold = threshold(model);
    Ok(format!("<h2>Confusion</h2>\n{threshold}{pairs}{}", scores_by_class(classes, &counts)))
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// `counts` by true and by predicted class; a mistake leads to its pictures, where there are some.
fn confusion_matrix(classes: &[String], counts: &[Vec<usize>], has_pictures: bool) -> String {
    let head: String = classes.iter().map(|name| format!("<th scope=\"col\">{}</th>", escape(name))).collect();
    let row = |(truth, row): (usize, &Vec<usize>)| {
        let all = row.iter().sum();
        let cell = |(said, &count): (usize, &usize)| match (count, said == truth) {
            (0, _) => "<td class=\"none\">·</td>".to_owned(),
            (_, right) => {
                let (class, of_row) = (if right { "right" } else { "wrong" }, share(count, all));
                // A mistake is rare: a tenth of a row is as dark as it gets.
                let dark = if right { of_row } else { (10.0 * of_row).min(1.0) };
                let shown = if right || !has_pictures {
                    count.to_string()
                } else {
                    format!("<a href=\"#taken-{truth}-{said}\">{count}</a>")
                };
                format!("<td class=\"{class}\" style=\"--share:{dark:.3}\">{shown}</td>")
            }
        };
        let cells: String = row.iter().enumerate().map(cell).collect();
        format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", escape(&classes[truth]))
    };
    let rows: String = counts.iter().enumerate().map(row).collect();
    format!(
        "<div class=\"wide\" tabindex=\"0\"><table class=\"confusion\"><caption>rows: true class, columns: predicted class</caption>\n\
         <thead><tr><td></td>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n"
    )
}

/// The twenty most frequent mistakes, where there are too many classes for a matrix.
fn most_confused(classes: &[String], counts: &[Vec<usize>]) -> String {
    let pairs = (0..classes.len()).flat_map(|truth| (0..classes.len()).map(move |said| (truth, said)));
    let mistakes = pairs.filter(|&(truth, said)| truth != said && counts[truth][said] > 0);
    let mut mistakes: Vec<_> = mistakes.map(|(truth, said)| (counts[truth][said], truth, said)).collect();
    mistakes.sort_by(|a, b| b.0.cmp(&a.0).then(a.cmp(b)));
    let row = |&(count, truth, said): &(usize, usize, usize)| {
        vec![classes[truth].clone(), classes[said].clone(), count.to_string()]
    };
    let rows: Vec<Vec<String>> = mistakes.iter().take(20).map(row).collect();
    table("list", &["true class", "predicted class", "rows"], &rows)
}

fn scores_by_class(classes: &[String], counts: &[Vec<usize>]) -> String {
    let by_class = |class: usize| {
        let (right, support) = (counts[class][class], counts[class].iter().sum::<usize>());
        let taken = counts.iter().map(|row| row[class]).sum();
        let scores = [share(right, taken), share(right, support), share(2 * right, support + taken)];
        let scores = scores.map(|score| format!("{score:.4}"));
        std::iter::once(classes[class].clone()).chain(scores).chain([support.to_string()]).collect()
    };
    let rows: Vec<Vec<String>> = (0..classes.len()).map(by_class).collect();
    let scores = table("list", &["class", "precision", "recall", "F1", "rows"], &rows);
    format!("<details><summary>precision and recall of each class</summary>{scores}</details>\n")
}

/// The pictures behind each wrong cell of a confusion matrix: those that were meant when the cell was followed.
fn taken(model: &Model, test: &Dataset, labels: &[u32], outputs: &[f32], counts: &[Vec<usize>]) -> Result<String> {
    let Some((_, width)) = test.image() else { return Ok(String::new()) };
    let said: Vec<usize> = outputs.chunks_exact(model.classes.len()).map(|p| model.predicted(p)).collect();
    let mut page = String::from("<p class=\"soft\">A number that is wrong leads to its pictures.</p>\n");
    for (truth, row) in counts.iter().enumerate() {
        for (answer, &count) in row.iter().enumerate().filter(|(answer, count)| *answer != truth && **count > 0) {
            let [what, taken_for] = [truth, answer].map(|class| escape(&model.classes[class]));
            _ = write!(
                page,
                "<div class=\"taken\" id=\"taken-{truth}-{answer}\"><p><b>{what}</b>, predicted as <b>{taken_for}</b>: {count}</p>\
                 <div class=\"samples\">"
            );
            let rows = (0..test.rows()).filter(|&row| labels[row] as usize == truth && said[row] == answer);
            for row in rows.take(TAKEN) {
                let source = picture::grey(&test.row(row), width)?;
                _ = write!(
                    page,
                    "<figure><img src=\"{source}\" alt=\"row {row}\"><figcaption>row {row}</figcaption></figure>"
                );
            }
            page.push_str("</div></div>\n");
        }
    }
    Ok(page)
}

/// Images of the training as it saw them in its first epoch.
pub(super) fn augmented(contents: &Contents) -> Result<Option<String>> {
    let Contents { model, train, .. } = contents;
    let options = &model.receipt["options"];
    let (Some((_, width)), Some(augment)) = (train.image(), options["augment"].as_str()) else { return Ok(None) };
    let (augmentation, seed) = (augment.parse::<Augmentation>()?, model.receipt["seed"].as_u64().unwrap_or(0));
    let images = augmentation.apply_to_head(train, seed, 1, AUGMENTED)?;
    let mut figures = String::new();
    for row in 0..images.rows() {
        let source = picture::grey(&images.row(row), width)?;
        _ = writeln!(figures, "<figure><img src=\"{source}\" alt=\"augmented row {row}\"></figure>");
    }
    Ok(Some(format!(
        "<h2>Augmented images</h2>\n<p class=\"soft\">The first {} rows as the first epoch saw them: <code>{}</code></p>\n\
         <div class=\"samples\">\n{figures}</div>\n",
        images.rows(),
        escape(augment)
    )))
}

/// What each class looks for, as images.
pub(super) fn classes(contents: &Contents) -> Result<Option<String>> {
    let Contents { model, test, .. } = contents;
    let (Some((_, width)), Targets::Labels { .. }) = (test.image(), test.targets()) else { return Ok(None) };
    if test.rows() == 0 || model.network.spec().logits() != model.classes.len() {
        return Ok(None);
    }
    let Ok(views) = class_views(&model.network, &test.head(GRADIENT_ROWS), threads_for(model.network.spec())) else {
        return Ok(None); // row numbers of a table have no gradient
    };
    let mut figures = String::new();
    for (view, class) in views.iter().zip(&model.classes) {
        let most = view.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
        let (source, class) = (picture::diverging(view, width, most)?, escape(class));
        _ = writeln!(
            figures,
            "<figure><img src=\"{source}\" alt=\"class {class}\"><figcaption>{class}</figcaption></figure>"
        );
    }
    Ok(Some(format!(
        "<h2>What each class looks for</h2>\n<p class=\"soft\">The gradient of its logit by the pixels, in the mean over test rows of \
         the class: more there makes the class more likely where it is red, less likely where it is blue.</p>\n\
         <div class=\"units named\">\n{figures}</div>\n"
    )))
}

/// Dead and saturated units, layer by layer, of a network of dense layers.
pub(super) fn units(contents: &Contents) -> Result<Option<String>> {
    let Contents { model, test, .. } = contents;
    let Ok(layers) = layerloop::explain::units(&model.network, &test.head(GRADIENT_ROWS)) else { return Ok(None) };
    let row = |layer: &LayerUnits| {
        let LayerUnits { layer, units, dead, saturated, mean_slope, mean_gradient, .. } = layer;
        let counts = [layer, units, dead, saturated].map(ToString::to_string);
        counts.into_iter().chain([short(*mean_slope), short(*mean_gradient)]).collect()
    };
    let rows: Vec<Vec<String>> = layers.iter().map(row).collect();
    let head = ["layer", "units", "dead", "saturated", "mean slope", "mean gradient"];
    Ok(Some(format!(
        "<h2>Units</h2>\n<p class=\"soft\">Dead: the slope of the activation is 0 in every row. Saturated: it is below 5 % of the \
         steepest in 95 % of the rows. The gradient is that of the loss by what the layer gives.</p>\n{}",
        table("list", &head, &rows)
    )))
}

/// Whether probabilities are what they say.
fn calibration(model: &Model, labels: &[u32], outputs: &[f32], predictions: &Predictions) -> String {
    let mut bins = [(0.0, 0.0, 0_usize); BINS];
    for (p, &label) in outputs.chunks_exact(model.classes.len().max(1)).zip(labels) {
        let best = onecold(p);
        let confidence = f64::from(p[best]);
        let bin = &mut bins[((confidence * BINS as f64).ceil() as usize).clamp(1, BINS) - 1];
        *bin = (bin.0 + confidence, bin.1 + f64::from(u8::from(best == label as usize)), bin.2 + 1);
    }
    let mean = |(confidence, right, count): (f64, f64, usize)| {
        let n = count.max(1) as f64;
        (confidence / n, right / n, count)
    };
    let svg = reliability("accuracy by confidence", &bins.map(mean));
    let error = Metric::Ece { bins: BINS }.of(predictions).map_or(String::new(), |error| {
        format!(
            "expected calibration error {}: how far confidence and accuracy are apart, on average over the rows",
            short(error)
        )
    });
    let shown = chart("accuracy of the rows by the confidence of the network; above a bar its number of rows", &svg);
    format!("<h2>Reliability</h2>\n<p>{error}</p>\n<div class=\"pair\">{shown}</div>\n")
}

fn predicted_and_true(values: &[f32], names: &[String], outputs: &[f32]) -> String {
    let of = |(i, name): (usize, &String)| {
        let pairs = values.chunks_exact(names.len()).zip(outputs.chunks_exact(names.len()));
        let points: Vec<(f64, f64)> = pairs.map(|(t, y)| (f64::from(t[i]), f64::from(y[i]))).collect();
        let residuals: Vec<f32> = points.iter().map(|(t, y)| (y - t) as f32).collect();
        let drawn: Vec<(f64, f64)> = evenly(points.len(), POINTS).into_iter().map(|row| points[row]).collect();
        let scatter = scatter(&format!("predicted over true {name}"), "true", &drawn);
        let residuals = histogram(&format!("residuals of {name}"), &residuals, 1);
        let scatter = scatter.map(|svg| chart(&format!("{}: predicted over true", escape(name)), &svg));
        let residuals =
            residuals.map(|svg| format!("<div class=\"narrow\">{}</div>", figure("residuals: predicted - true", &svg)));
        [scatter, residuals].into_iter().flatten().collect::<String>()
    };
    let figures: String = names.iter().enumerate().map(of).collect();
    format!("<h2>Predicted and true</h2>\n<div class=\"pair\">\n{figures}</div>\n")
}

/// The test rows with the largest losses.
pub(super) fn mistakes(contents: &Contents) -> Result<Option<String>> {
    let Contents { model, test, objective, .. } = contents;
    if test.rows() == 0 {
        return Ok(None);
    }
    let predictor = Predictor::new(&model.network, threads_for(model.network.spec()))?;
    let (outputs, losses) = predictor.evaluate_by(test, objective)?;
    let outputs: Vec<&[f32]> = outputs.chunks_exact(model.network.classes().max(1)).collect();
    let wrong = |row: &usize| match test.targets() {
        Targets::Labels { labels, .. } => model.predicted(outputs[*row]) != labels[*row] as usize,
        Targets::Numbers { .. } => true,
    };
    let mut rows: Vec<usize> = (0..test.rows()).filter(wrong).collect();
    rows.sort_by(|&a, &b| losses[b].total_cmp(&losses[a]));
    rows.truncate(MISTAKES);
    if rows.is_empty() {
        return Ok(None);
    }
    let body = match (test.image(), test.targets()) {
        (Some((_, width)), Targets::Labels { labels, .. }) => {
            let mut figures = String::from("<div class=\"samples\">\n");
            for &row in &rows {
                let said = model.predicted(outputs[row]);
                let [truth, name] = [labels[row] as usize, said].map(|class| escape(&model.classes[class]));
                let source = picture::grey(&test.row(row), width)?;
                _ = writeln!(
                    figures,
                    "<figure><img src=\"{source}\" alt=\"row {row}: {truth}\"><figcaption><b>{truth}</b>, predicted as <b>{name}</b> \
                     ({:.3})<br>row {row}, loss {}</figcaption></figure>",
                    outputs[row][said],
                    short(losses[row].into())
                );
            }
            figures + "</div>\n"
        }
        _ => rows_as_table(test, model, &rows, &outputs, &losses),
    };
    Ok(Some(format!(
        "<h2>Worst mistakes</h2>\n<p class=\"soft\">The {} test rows with the largest losses.</p>\n{body}",
        rows.len()
    )))
}

fn rows_as_table(test: &Dataset, model: &Model, rows: &[usize], outputs: &[&[f32]], losses: &[f32]) -> String {
    let numbers = |values: &[f32]| values.iter().map(|&v| short(v.into())).collect::<Vec<_>>().join(", ");
    let row = |&row: &usize| {
        let (truth, said) = match test.targets() {
            Targets::Labels { labels, .. } => {
                let said = model.predicted(outputs[row]);
                (
                    model.classes[labels[row] as usize].clone(),
                    format!("{} ({:.3})", model.classes[said], outputs[row][said]),
                )
            }
            Targets::Numbers { values, names } => {
                let truth = &values[row * names.len()..][..names.len()];
                (numbers(&in_units(test, truth)), numbers(&in_units(test, outputs[row])))
            }
        };
        let inputs = test.row(row);
        let first = match test.columns() {
            Some(names) => {
                let named = names.iter().zip(&inputs).map(|(name, &x)| format!("{name} {}", short(x.into())));
                named.collect::<Vec<_>>().join(", ")
            }
            None => numbers(&inputs[..inputs.len().min(6)]) + if inputs.len() > 6 { ", ..." } else { "" },
        };
        vec![row.to_string(), truth, said, short(losses[row].into()), first]
    };
    table("list", &["row", "true", "predicted", "loss", "inputs"], &rows.iter().map(row).collect::<Vec<_>>())
}

/// The weights of each unit of the first dense layer as a picture.
pub(super) fn first_layer(model: &Model) -> Result<Option<String>> {
    let inputs = model.network.spec().inputs;
    let Some((_, width)) = model.input.image else { return Ok(None) };
    let Some(Tensor { name, values: weights, .. }) = model.network.tensors().next() else { return Ok(None) };
    if !name.ends_with("weight") || weights.len() % inputs != 0 || weights.len() < inputs {
        return Ok(None);
    }
    let most = weights.iter().fold(0.0_f32, |most, w| most.max(w.abs()));
    let mut units = String::new();
    for (unit, weights) in weights.chunks_exact(inputs).take(UNITS).enumerate() {
        let source = picture::diverging(weights, width, most)?;
        _ = writeln!(units, "<img src=\"{source}\" alt=\"unit {}\" title=\"unit {}\">", unit + 1, unit + 1);
    }
    let (shown, all, most) = ((weights.len() / inputs).min(UNITS), weights.len() / inputs, short(most.into()));
    Ok(Some(format!(
        "<h2>First layer</h2>\n<p class=\"soft\">The weights of {shown} of {all} units: negative ones blue, positive ones red, \
         the strongest {most}.</p>\n<div class=\"units\">\n{units}</div>\n"
    )))
}

/// How weights and gradients are spread, tensor by tensor.
pub(super) fn histograms(contents: &Contents) -> Result<Option<String>> {
    let Contents { model, train, objective, .. } = contents;
    let rows = train.rows().min(GRADIENT_ROWS);
    if rows < 2 {
        return Ok(None); // a batch norm takes two
    }
    let threads = threads_for(model.network.spec());
    let (_, gradient) = loss_and_gradient_of(objective, &model.network, &train.head(rows), threads)?;
    let (mut start, mut figures) = (0, String::new());
    for Tensor { name, values: weights, .. } in model.network.tensors() {
        let end = start + weights.len();
        for (what, values, class) in [("weights", &weights[..], 0), ("gradient", &gradient[start..end], 1)] {
            let title = format!("{name}: {what}");
            figures += &histogram(&title, values, class).map_or(String::new(), |svg| figure(&escape(&title), &svg));
        }
        start = end;
    }
    Ok(Some(format!(
        "<h2>Weights and gradients</h2>\n<p class=\"soft\">At the end of the run; the gradient is that of the first {rows} \
         training rows.</p>\n<div class=\"small\">\n{figures}</div>\n"
    )))
}

/// What it takes to make it again.
pub(super) fn receipt(receipt: &Value) -> String {
    let mut rows = String::new();
    flat("", receipt, &mut |name, value| {
        _ = writeln!(rows, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escape(name), escape(value));
    });
    format!(
        "<h2>Receipt</h2>\n<div class=\"wide\" tabindex=\"0\"><table class=\"receipt\"><tbody>\n{rows}</tbody></table></div>\n"
    )
}

/// Every value with its path.
fn flat(path: &str, value: &Value, each: &mut dyn FnMut(&str, &str)) {
    match value {
        Value::Object(object) => {
            let inside = |name: &String| if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            object.iter().for_each(|(name, value)| flat(&inside(name), value, each));
        }
        Value::String(text) => each(path, text),
        Value::Array(items) => {
            let item = |item: &Value| item.as_str().map_or_else(|| item.to_string(), str::to_owned);
            each(path, &items.iter().map(item).collect::<Vec<_>>().join(", "));
        }
        other => each(path, &other.to_string()),
    }
}

fn figure(caption: &str, svg: &str) -> String {
    format!("<figure><figcaption>{caption}</figcaption>{svg}</figure>\n")
}

/// A chart, which scrolls where the window is narrow, by the keyboard too.
pub fn chart(caption: &str, svg: &str) -> String {
    format!("<figure tabindex=\"0\"><figcaption>{caption}</figcaption>{svg}</figure>\n")
}

/// The first column is text.
pub fn table(class: &str, head: &[&str], rows: &[Vec<String>]) -> String {
    let head: String = head.iter().map(|name| format!("<th scope=\"col\">{}</th>", escape(name))).collect();
    let row = |row: &Vec<String>| {
        let cells: String = row[1..].iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
        format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", escape(&row[0]))
    };
    let rows: String = rows.iter().map(row).collect();
    format!(
        "<div class=\"wide\" tabindex=\"0\"><table class=\"{class}\"><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>"
    )
}
