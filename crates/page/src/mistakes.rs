//! The worst mistakes of a model, each with its picture and the training rows behind it: one self-contained HTML file.

use std::fmt::Write as _;

use layerloop::Result;
use layerloop::data::Dataset;
use layerloop::explain::{Mistake, Near};
use layerloop::model_file::Model;

use super::{document, escape, picture, short};

/// The page.
///
/// # Errors
/// None.
pub fn html(model: &Model, [train, data]: [&Dataset; 2], worst: &[Mistake]) -> Result<String> {
    let title = format!("{}: the worst mistakes of {}", data.name(), model.network.spec());
    let mut page = format!(
        "<h1>{}</h1>\n\
         <p class=\"soft\">The rows with the largest loss of those that it is wrong about. Beside each: the training rows that lie \
         nearest in the last hidden layer; those whose gradient is aligned with its own, so that a step on them makes this loss \
         smaller; and the smallest change of the input that was found to flip the prediction.</p>\n",
        escape(&title),
    );
    if worst.is_empty() {
        page += "<p>There is no mistake.</p>\n";
    }
    for mistake in worst {
        section(&mut page, mistake, train, data)?;
    }
    Ok(document(&title, include_str!("mistakes.css"), &page))
}

fn section(page: &mut String, mistake: &Mistake, train: &Dataset, data: &Dataset) -> Result<()> {
    let classes = data.classes();
    let (label, said) = (&classes[mistake.label], &classes[mistake.predicted]);
    _ = writeln!(
        page,
        "<section class=\"mistake\"><h2>Row {}: {}, predicted as {}</h2>\n<div class=\"parts\">",
        mistake.row,
        escape(label),
        escape(said)
    );
    let x = data.row(mistake.row);
    figure(page, "it", data, &x, &format!("loss {}", short(mistake.loss.into())))?;
    page.push_str("<div class=\"bars\">");
    for (class, &p) in classes.iter().zip(&mistake.probabilities) {
        let which = if class == label { " class=\"wanted\"" } else { "" };
        let (width, p) = (100.0 * p, short(p.into()));
        _ = write!(
            page,
            "<div{which}><span>{}</span><i><b style=\"width:{width:.1}%\"></b></i><span>{p}</span></div>",
            escape(class)
        );
    }
    page.push_str("</div>\n");
    if let Some(turned) = &mistake.turned {
        let caption =
            format!("{} after a change of length {}", classes[turned.predicted], short(turned.distance.into()));
        figure(page, "turned", data, &turned.x, &caption)?;
        if let Some((_, width)) = data.image() {
            let change: Vec<f32> = turned.x.iter().zip(&x).map(|(turned, x)| turned - x).collect();
            let most = change.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
            let picture = picture::diverging(&change, width, most)?;
            _ = writeln!(
                page,
                "<figure class=\"change\"><img alt=\"the change\" src=\"{picture}\"><figcaption>the change, at most {}</figcaption></figure>",
                short(most.into())
            );
        }
    }
    page.push_str("</div>\n");
    rows(page, "Nearest in the last hidden layer", "distance", &mistake.nearest, train)?;
    rows(page, "Training rows whose gradient is aligned with it", "along", &mistake.aligned, train)?;
    page.push_str("</section>\n");
    Ok(())
}

fn rows(page: &mut String, title: &str, what: &str, near: &[Near], train: &Dataset) -> Result<()> {
    _ = writeln!(page, "<h3>{title}</h3>\n<div class=\"samples\">");
    for near in near {
        let label = train.labels().get(near.row).map_or("?", |&label| &train.classes()[label as usize]);
        let caption = format!("{label}, row {}, {what} {}", near.row, short(near.by.into()));
        figure(page, "near", train, &train.row(near.row), &caption)?;
    }
    page.push_str("</div>\n");
    Ok(())
}

fn figure(page: &mut String, class: &str, data: &Dataset, x: &[f32], caption: &str) -> Result<()> {
    _ = write!(page, "<figure class=\"{class}\">");
    match data.image() {
        Some((_, width)) => {
            _ = write!(page, "<img alt=\"{}\" src=\"{}\">", escape(caption), picture::grey(x, width)?);
        }
        None => {
            let numbers: Vec<String> = x.iter().take(12).map(|&x| short(x.into())).collect();
            let more = if x.len() > 12 { ", ..." } else { "" };
            _ = write!(page, "<p><code>{}{more}</code></p>", numbers.join(", "));
        }
    }
    _ = writeln!(page, "<figcaption>{}</figcaption></figure>", escape(caption));
    Ok(())
}
