//! `layerloop explain --mistakes`

use layerloop::data::Dataset;
use layerloop::explain::{Mistake, Near, mistakes};
use layerloop::model_file::Model;
use layerloop::{Error, Result};
use serde_json::json;

use crate::args::{Explain, Part};
use crate::commands::objective_of;
use crate::commands::trained_on::{self, Wanted};
use crate::output::{line, shown};
use crate::places::write_page;
use crate::scores::threads_for;

pub(super) fn show(args: &Explain, model: &Model) -> Result<()> {
    if args.top == 0 {
        return Err(Error::config("--top", "0 mistakes; at least 1 is needed for an explanation"));
    }
    let parts = [Part::Train, args.part];
    let (data, data_dir) = (args.data.as_deref(), args.data_dir.as_deref());
    let loaded = trained_on::load(model, Wanted { data, data_dir, parts: &parts })?;
    let data = if args.part == Part::Train { &loaded.train } else { &loaded.test };
    let threads = threads_for(model.network.spec());
    let worst = mistakes(&model.network, [&loaded.train, data], &objective_of(model)?, args.top, threads)?;
    if let Some(path) = &args.html {
        write_page(path, layerloop_page::mistakes::html(model, [&loaded.train, data], &worst)?)?;
    }
    if args.json {
        return worst.iter().try_for_each(|mistake| {
            let mut object = json!(mistake);
            object["label"] = json!(data.classes()[mistake.label]);
            object["predicted"] = json!(data.classes()[mistake.predicted]);
            if let Some(turned) = &mistake.turned {
                object["turned"]["predicted"] = json!(data.classes()[turned.predicted]);
            }
            line(object)
        });
    }
    if worst.is_empty() {
        return line(format_args!("no mistake in {} rows of {}", data.rows(), shown(data.name())));
    }
    for mistake in &worst {
        line(told(mistake, &loaded.train, data))?;
    }
    args.html.as_ref().map_or(Ok(()), |path| line(format_args!("open {} in a browser", path.display())))
}

/// A mistake in four lines.
fn told(mistake: &Mistake, train: &Dataset, data: &Dataset) -> String {
    let classes: Vec<_> = data.classes().iter().map(|class| shown(class)).collect();
    let rows = |near: &[Near]| {
        let one = |near: &Near| {
            let label = train.labels().get(near.row).map_or("?", |&label| &classes[label as usize]);
            format!("{} ({label}, {:.3})", near.row, near.by)
        };
        near.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let turned =
        mistake.turned.as_ref().map_or("no small change of the input flips the prediction".to_owned(), |turned| {
            format!("a change of length {:.4} flips the prediction to {}", turned.distance, classes[turned.predicted])
        });
    format!(
        "row {}: {}, but predicted as {} with {:.4}; loss {:.4}\n  \
         nearest training rows in the last hidden layer: {}\n  \
         training rows whose gradient is aligned with it: {}\n  {turned}",
        mistake.row,
        classes[mistake.label],
        classes[mistake.predicted],
        mistake.probabilities[mistake.predicted],
        mistake.loss,
        rows(&mistake.nearest),
        rows(&mistake.aligned),
    )
}
