//! Options of `train` from a TOML file: what is typed beside it wins.

use std::fs;
use std::path::Path;

use clap::{Arg, ArgAction, Command};
use layerloop::names::{is_same, nearest};
use layerloop::{Error, Result};
use toml::{Table, Value};

use super::ExplicitArgs;
use super::explicit::{NOT_KEPT, kept_value};

/// The options that a file names, each by the name that it has on the command line: `lr = 0.01`, `hidden = [256, 128]`,
/// `augment = "shift=2"`; `data` is the data set.
///
/// # Errors
/// [`Error::Io`] for a file that cannot be read; [`Error::Format`] for one that is not TOML, for an unknown option, and for a value
/// that no option has.
pub(super) fn read(path: &Path, command: &Command) -> Result<ExplicitArgs> {
    let text = fs::read_to_string(path).map_err(Error::io(path))?;
    let table: Table =
        text.parse().map_err(|error: toml::de::Error| Error::format(path, error.message().to_owned()))?;
    let known = || command.get_arguments().filter(|arg| !NOT_KEPT.contains(&arg.get_id().as_str()));
    let name = |arg: &Arg| arg.get_long().unwrap_or(arg.get_id().as_str()).to_owned();
    let mut all = ExplicitArgs::default();
    for (key, value) in &table {
        let called = |arg: &&Arg| {
            is_same(&name(arg), key)
                || arg.get_all_aliases().unwrap_or_default().iter().any(|alias| is_same(alias, key))
        };
        let arg = known().find(called).ok_or_else(|| {
            let names: Vec<String> = known().map(name).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let meant = nearest(key, &names).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            Error::format(path, format!("unknown option `{key}`{meant}"))
        })?;
        let refused =
            || Error::format(path, format!("{key}: expected a text, a number, true, false or a list of them"));
        let texts = texts(value, arg).ok_or_else(refused)?;
        if !texts.is_empty() {
            let id = arg.get_id().as_str();
            let values: Vec<String> = texts.iter().map(|text| kept_value(id, text.as_ref())).collect();
            all = all.and(ExplicitArgs::with(id, &values));
        }
    }
    Ok(all)
}

/// The values as they would be typed; none for a flag that is `false`.
fn texts(value: &Value, arg: &Arg) -> Option<Vec<String>> {
    let scalar = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    };
    let is_flag = !arg.get_action().takes_values();
    match value {
        Value::Boolean(flag) if is_flag => Some(flag.then(|| "true".into()).into_iter().collect()),
        _ if is_flag => None,
        Value::Array(values) => {
            let texts = values.iter().map(scalar).collect::<Option<Vec<_>>>()?;
            let is_repeated = matches!(arg.get_action(), ArgAction::Append) && arg.get_value_delimiter().is_none();
            Some(if is_repeated { texts } else { vec![texts.join(",")] })
        }
        one => scalar(one).map(|text| vec![text]),
    }
}
