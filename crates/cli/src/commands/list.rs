//! `layerloop list`

use layerloop::augment::Distortion;
use layerloop::data::Fit;
use layerloop::explain::Attribution;
use layerloop::metrics::Metric;
use layerloop::names::{NamedEnum, is_same, nearest};
use layerloop::network::{Activation, Init, Join, Output, Unit};
use layerloop::train::{Loss, Optimizer, Schedule};
use layerloop::{Error, Result};
use serde_json::{Value, json};

use crate::Outcome;
use crate::args::List;
use crate::output::line;
use crate::table::wrapped;

/// Columns of the terminal that a listing is made for.
const WIDTH: usize = 100;

/// A closed set, as it is asked for.
struct Family {
    name: &'static str,
    /// Where its names are written.
    place: &'static str,
    entries: fn() -> Vec<Entry>,
}

/// One choice.
struct Entry {
    name: &'static str,
    aliases: &'static [&'static str],
    equation: &'static str,
    numbers: Vec<Number>,
    source: Option<&'static str>,
}

/// A number of a choice.
struct Number {
    name: &'static str,
    default: String,
    about: &'static str,
    range: &'static str,
}

/// All that can be listed: a line for each closed set.
const FAMILIES: &[Family] = &[
    of::<Unit>("layers", "in --network, beside dense layers, activations, skip(...) and parallel(...)"),
    of::<Activation>("activations", "--activation, --last-activation, in --network after a width"),
    of::<Join>("joins", "in --network, of a skip or parallel: join=NAME"),
    of::<Output>("outputs", "--output, in --network at the end"),
    of::<Init>("initializers", "--init, in --network of a dense layer: init=NAME"),
    of::<Loss>("losses", "--loss"),
    of::<Optimizer>("optimizers", "--optimizer"),
    of::<Schedule>("schedules", "--schedule, --decay-schedule, --dropout-schedule"),
    of::<Metric>("metrics", "--metrics and --early-stopping of `layerloop train`, --metrics of `layerloop eval`"),
    of::<Distortion>(
        "augmentations",
        "--augment, several with spaces between them: \"shift=2 rotate=12 elastic=36,5\"",
    ),
    of::<Fit>("fits", "--fit of `layerloop predict`"),
    of::<Attribution>("attributions", "--attribution of `layerloop predict`"),
];

const fn of<T: NamedEnum>(name: &'static str, place: &'static str) -> Family {
    Family { name, place, entries: entries::<T> }
}

fn entries<T: NamedEnum>() -> Vec<Entry> {
    T::ALL.iter().copied().map(Entry::of).collect()
}

pub(crate) fn run(args: &List) -> Result<Outcome> {
    match &args.what {
        None => families(args.json)?,
        Some(name) => family(name)?.print(args.json)?,
    }
    Ok(Outcome::Done)
}

/// The family of this name.
fn family(name: &str) -> Result<&'static Family> {
    FAMILIES.iter().find(|family| is_same(family.name, name)).ok_or_else(|| {
        let names: Vec<&str> = FAMILIES.iter().map(|family| family.name).collect();
        let meant = nearest(name, &names).map_or(";".into(), |near| format!("; did you mean `{near}`?"));
        Error::config("WHAT", format!("unknown list `{name}`{meant} choose one of {}", names.join(", ")))
    })
}

/// What can be listed, and where it is written.
fn families(as_json: bool) -> Result<()> {
    for Family { name, place, entries } in FAMILIES {
        let count = entries().len();
        if as_json {
            line(json!({"family": name, "count": count, "place": place}))?;
        } else {
            line(format_args!("{name:<14}{count:>3}  {place}"))?;
        }
    }
    Ok(())
}

impl Family {
    fn print(&self, as_json: bool) -> Result<()> {
        let entries = (self.entries)();
        if as_json {
            return entries.iter().try_for_each(|entry| line(entry.as_json(self.name)));
        }
        line(format_args!("{}\n", self.place))?;
        let indent = entries.iter().map(|entry| entry.name.len()).max().unwrap_or(0) + 2;
        entries.iter().try_for_each(|entry| line(entry.as_text(indent)))
    }
}

impl Entry {
    fn of<T: NamedEnum>(choice: T) -> Self {
        let numbers = choice.numbers().into_iter().zip(choice.ranges());
        let numbers =
            numbers.map(|((name, default), &[about, range])| Number { name, default, about, range }).collect();
        Self {
            name: choice.name(),
            aliases: choice.aliases(),
            equation: choice.equation(),
            numbers,
            source: choice.source(),
        }
    }

    /// Its name, and beside it from column `indent` on its equation, its numbers, its source.
    fn as_text(&self, indent: usize) -> String {
        let numbers = self.numbers.iter().map(|Number { name, default, about, range }| {
            format!("  {name}={default}  {} ({range})", about.trim_end_matches('.'))
        });
        let source = self.source.map(|source| format!("  source: {source}"));
        let aliases = (!self.aliases.is_empty()).then(|| format!("  also {}", self.aliases.join(", ")));
        let parts = std::iter::once(self.equation.to_owned()).chain(numbers).chain(aliases).chain(source);
        let lines: Vec<String> = parts.flat_map(|part| wrapped(&part, WIDTH - indent)).collect();
        format!("{:<indent$}{}", self.name, lines.join(&format!("\n{:indent$}", "")))
    }

    fn as_json(&self, family: &str) -> Value {
        let numbers: Vec<Value> = self.numbers.iter().map(Number::as_json).collect();
        json!({
            "family": family, "name": self.name, "aliases": self.aliases, "equation": self.equation, "numbers": numbers, "source": self.source,
        })
    }
}

impl Number {
    fn as_json(&self) -> Value {
        // Some are words, such as `macro`.
        let default: Value = serde_json::from_str(&self.default).unwrap_or_else(|_| json!(self.default));
        json!({"name": self.name, "default": default, "range": self.range, "about": self.about})
    }
}
