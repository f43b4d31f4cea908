//! What was typed, in a form that can be kept and typed again.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use serde_json::{Map, Value, json};

/// How a run is shown, and where it goes on: no part of what it is.
pub(super) const NOT_KEPT: [&str; 11] =
    ["json", "quiet", "run", "resume", "anyway", "find_lr", "folds", "search", "tui", "threads", "config"];
/// Options that are paths: kept as seen from the root.
const PATHS: [&str; 7] = ["data", "test", "data_dir", "warm_start", "save", "log_dir", "report"];

/// Where things are put: kept with a run that may go on, but not in a model.
const PLACES: [&str; 6] = ["save", "no_save", "log_dir", "report", "checkpoint_every", "keep"];

/// Whether this names a data set, and no folder: a file of the same name does not hide the set.
fn is_name(data: &std::ffi::OsStr) -> bool {
    data.to_str().is_some_and(|name| layerloop_data::registry::find(name).is_some())
}

/// A value of an option as it is kept: paths as seen from the root.
pub(super) fn kept_value(id: &str, value: &std::ffi::OsStr) -> String {
    match std::path::absolute(value) {
        Ok(path) if PATHS.contains(&id) && value != "-" && !(id == "data" && is_name(value)) => {
            path.display().to_string()
        }
        _ => value.to_string_lossy().into_owned(),
    }
}

/// The options that were typed, with their values as texts.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ExplicitArgs(Map<String, Value>);

impl ExplicitArgs {
    /// Those of `command` that were found.
    pub(crate) fn of(command: &Command, found: &ArgMatches) -> Self {
        let typed = |arg: &&Arg| found.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
        let kept = |arg: &&Arg| !NOT_KEPT.contains(&arg.get_id().as_str());
        let values = |arg: &Arg| {
            let id = arg.get_id().as_str();
            let values: Vec<String> =
                found.get_raw(id).into_iter().flatten().map(|value| kept_value(id, value)).collect();
            (id.to_owned(), json!(values))
        };
        Self(command.get_arguments().filter(typed).filter(kept).map(values).collect())
    }

    /// What a receipt has kept.
    pub(crate) fn from_json(kept: &Value) -> Option<Self> {
        kept.as_object().map(|kept| Self(kept.clone()))
    }

    pub(crate) fn to_json(&self) -> Value {
        Value::Object(self.0.clone())
    }

    /// These, and of `earlier` what is not among them and goes together with them: `--network` leaves no `--hidden`.
    pub(crate) fn over(mut self, earlier: Self, command: &Command) -> Self {
        let excludes = |one: &str, other: &str| {
            let arg = command.get_arguments().find(|arg| arg.get_id() == one);
            arg.is_some_and(|arg| command.get_arg_conflicts_with(arg).iter().any(|arg| arg.get_id() == other))
        };
        let fits = |id: &String| !self.0.keys().any(|typed| excludes(typed, id) || excludes(id, typed));
        let fitting: Vec<(String, Value)> = earlier.0.into_iter().filter(|(id, _)| fits(id)).collect();
        for (id, values) in fitting {
            self.0.entry(id).or_insert(values);
        }
        self
    }

    /// Whether this option was typed.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// These and others.
    pub(crate) fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// One option with its values.
    pub(crate) fn with(id: &str, values: &[impl ToString]) -> Self {
        let values: Vec<String> = values.iter().map(ToString::to_string).collect();
        Self(Map::from_iter([(id.to_owned(), json!(values))]))
    }

    /// Without where things are put.
    pub(crate) fn without_places(mut self) -> Self {
        self.0.retain(|id, _| !PLACES.contains(&id.as_str()));
        self
    }

    /// The words that are typed to say this to `command`.
    pub(crate) fn words(&self, command: &Command) -> Vec<OsString> {
        let words = |arg: &Arg| -> Vec<OsString> {
            let values = self.0.get(arg.get_id().as_str()).and_then(Value::as_array);
            let texts = values.into_iter().flatten().filter_map(Value::as_str);
            match arg.get_long() {
                None => texts.map(OsString::from).collect(),
                Some(long) if arg.get_action().takes_values() => {
                    texts.map(|text| format!("--{long}={text}").into()).collect()
                }
                Some(long) => texts.take(1).map(|_| format!("--{long}").into()).collect(),
            }
        };
        command.get_arguments().flat_map(words).collect()
    }
}
