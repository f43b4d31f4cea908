//! `layerloop list`

use layerloop::augment::Distortion;
use layerloop::data::Fit;
use layerloop::explain::Attribution;
use layerloop::metrics::Metric;
use layerloop::names::{NamedEnum, is_same, nearest};
use layerloop::network::{Activation, Init, Join, Output, Unit};
use layerloop::recipes::{Measured, Plan, Recipe};
use layerloop::train::{Loss, Optimizer, Schedule};
use layerloop::{Error, Result};
use serde_json::{Value, json};

use super::train::recipe::options;
use crate::Outcome;
use crate::args::List;
use crate::output::line;
use crate::shell;
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
    /// What else there is to say, line by line.
    more: Vec<String>,
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
    Family { name: "recipes", place: "--recipe; other options that are given change it", entries: recipes },
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

/// Recipes with their options for 60,000 images of 28 x 28 pixels, and what was measured.
fn recipes() -> Vec<Entry> {
    let of = |recipe: Recipe| {
        let words = |plan: layerloop::Result<Plan>| {
            let options = plan.map(|plan| options(&plan)).unwrap_or_default();
            let words = options
                .iter()
                .map(|(name, value)| format!("--{} {}", name.replace('_', "-"), shell::quoted(value.as_ref())));
            words.collect::<Vec<_>>().join(" ")
        };
        if recipe.is_for_tables() {
            let of = |classes| words(recipe.plan_for_table(10_000, classes));
            let more = match [of(true), of(false)] {
                [one, other] if one == other => vec![format!("10,000 rows: {one}")],
                [one, other] => vec![format!("10,000 rows with classes: {one}"), format!("with numbers: {other}")],
            };
            return Entry { more, ..Entry::of(recipe) };
        }
        let plans = match [true, false].map(|characters| words(recipe.plan_for(60_000, [28, 28], characters))) {
            [one, other] if one == other => vec![format!("60,000 of 28 x 28 pixels: {one}")],
            [one, other] => {
                vec![format!("60,000 characters of 28 x 28 pixels: {one}"), format!("60,000 other images: {other}")]
            }
        };
        let measured = Recipe::MEASURED.iter().filter(|measured| measured.recipe == recipe).map(reached);
        Entry { more: plans.into_iter().chain(measured).collect(), ..Entry::of(recipe) }
    };
    Recipe::ALL.iter().copied().map(of).collect()
}

/// `mnist: accuracy 98.2 % in 0.27 s of training on two cores`
pub(crate) fn reached(measured: &Measured) -> String {
    let Measured { data, accuracy, seconds, .. } = measured;
    let time = if *seconds < 100.0 { format!("{seconds} s") } else { format!("{:.0} min", seconds / 60.0) };
    format!("{data}: accuracy {:.1} % in {time} of training on two cores", 100.0 * accuracy)
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
            more: Vec::new(),
        }
    }

    /// Its name, and beside it from column `indent` on its equation, its numbers, its source.
    fn as_text(&self, indent: usize) -> String {
        let numbers = self.numbers.iter().map(|Number { name, default, about, range }| {
            format!("  {name}={default}  {} ({range})", about.trim_end_matches('.'))
        });
        let source = self.source.map(|source| format!("  source: {source}"));
        let aliases = (!self.aliases.is_empty()).then(|| format!("  also {}", self.aliases.join(", ")));
        let more = self.more.iter().map(|line| format!("  {line}"));
        let parts = std::iter::once(self.equation.to_owned()).chain(numbers).chain(aliases).chain(source).chain(more);
        let lines: Vec<String> = parts.flat_map(|part| wrapped(&part, WIDTH - indent)).collect();
        format!("{:<indent$}{}", self.name, lines.join(&format!("\n{:indent$}", "")))
    }

    fn as_json(&self, family: &str) -> Value {
        let numbers: Vec<Value> = self.numbers.iter().map(Number::as_json).collect();
        json!({
            "family": family, "name": self.name, "aliases": self.aliases, "equation": self.equation, "numbers": numbers, "source": self.source, "more": self.more,
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
