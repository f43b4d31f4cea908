//! Clap's errors in one line: the option, the value, what is expected, and what was probably meant.

use std::error::Error as _;
use std::num::{ParseFloatError, ParseIntError};

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use layerloop::Error;
use layerloop::names::{is_same, nearest};

/// Commands of other programs, and what they are called here.
const COMMANDS: &[(&[&str], &str)] = &[
    (&["fit", "learn", "run", "resume"], "train"),
    (&["test", "evaluate", "score", "validate", "judge"], "eval"),
    (&["infer", "inference", "classify", "apply"], "predict"),
    (&["info", "describe", "inspect"], "summary"),
    (&["sheet", "contact-sheet", "draw"], "show"),
    (&["gradcheck", "check"], "check-gradients"),
    (&["benchmark", "measure"], "bench"),
    (&["diff", "runs"], "report"),
    (&["reproduce", "verify"], "replay"),
];

/// Options of other programs, and how to say the same here.
const OPTIONS: &[(&[&str], &str)] = &[
    (&["gpu", "cuda", "device"], "layerloop computes on the CPU; `--threads` says how many threads it uses"),
    (&["jobs", "workers", "num-workers", "n-jobs"], "did you mean `--threads`?"),
    (&["verbose", "progress"], "every epoch is printed unless `--quiet` is given"),
    (&["silent"], "did you mean `--quiet`?"),
    (&["momentum"], "write `--optimizer momentum=0.9`"),
    (&["beta1", "beta2", "betas", "eps", "epsilon"], "write `--optimizer 'adam(beta_1=0.9)'`"),
    (&["batch-norm", "layer-norm"], "write `--network '784 -> 256 relu dropout=0.1 -> 10'`"),
    (&["layers", "units", "hidden-layer-sizes", "width", "depth"], "did you mean `--hidden`?"),
    (&["data", "dataset", "input"], "the data set needs no option: `layerloop train mnist`"),
    (&["model"], "the model needs no option: `layerloop eval model.safetensors`"),
    (&["out", "output-file", "model-file"], "did you mean `--save`?"),
    (&["checkpoint", "checkpoints", "output-dir"], "did you mean `--run`?"),
    (&["tensorboard", "logdir", "log"], "did you mean `--log-dir`?"),
    (&["scheduler", "lr-schedule", "lr-scheduler"], "did you mean `--schedule`?"),
    (&["val", "val-split", "dev"], "did you mean `--validation`?"),
    (&["regularization", "alpha", "penalty"], "did you mean `--l2` or `--weight-decay`?"),
    (&["clip", "grad-clip", "max-grad-norm"], "did you mean `--clip-norm`?"),
    (&["shuffle"], "the rows are shuffled in every epoch, by `--seed`"),
    (&["max-iter", "iterations", "steps"], "did you mean `--epochs`?"),
];

/// A fault of `command`, the part of clap's that was typed.
pub(crate) fn fault(refused: &clap::Error, command: &Command) -> Error {
    let argument = said(refused, ContextKind::InvalidArg);
    let flag =
        argument.as_deref().and_then(|argument| argument.split([' ', '[', '=']).next()).filter(|f| !f.is_empty());
    let value = said(refused, ContextKind::InvalidValue).unwrap_or_default();
    let help = format!("see `{} --help`", command.get_bin_name().unwrap_or("layerloop"));
    let (field, reason) = match refused.kind() {
        ErrorKind::ValueValidation => (flag, invalid(refused, &value)),
        ErrorKind::InvalidValue if value.is_empty() => (flag, format!("a value is missing; {help}")),
        ErrorKind::InvalidValue => (flag, format!("unknown value `{value}`{}", one_of(refused, &value))),
        ErrorKind::UnknownArgument => (flag, unknown(flag.unwrap_or_default(), command, &help)),
        ErrorKind::InvalidSubcommand => {
            let name = said(refused, ContextKind::InvalidSubcommand).unwrap_or_default();
            return Error::config(name.clone(), unknown_command(&name, command));
        }
        ErrorKind::TooManyValues => (flag, format!("it takes no value, and `{value}` was given")),
        ErrorKind::ArgumentConflict => {
            let prior = said(refused, ContextKind::PriorArg).unwrap_or_default();
            (
                flag,
                if flag.is_some_and(|flag| prior.split(' ').next() == Some(flag)) {
                    "it was given twice".into()
                } else {
                    format!("it cannot be used with {prior}")
                },
            )
        }
        ErrorKind::MissingRequiredArgument => {
            (None, format!("missing: {}; {help}", argument.clone().unwrap_or_default()))
        }
        _ => (flag, as_clap_says(refused)),
    };
    Error::config(field.unwrap_or("arguments"), reason)
}

/// A value that could not be read.
fn invalid(refused: &clap::Error, value: &str) -> String {
    let Some(source) = refused.source() else { return format!("`{value}` is not valid") };
    if let Some(Error::Config { reason, .. }) = source.downcast_ref() {
        return reason.clone();
    }
    if source.is::<ParseIntError>() {
        return format!("`{value}`: expected a whole number");
    }
    if source.is::<ParseFloatError>() {
        return format!("`{value}`: expected a number");
    }
    format!("`{value}`: {source}")
}

/// `; did you mean ...? choose one of ...`
fn one_of(refused: &clap::Error, value: &str) -> String {
    let Some(ContextValue::Strings(all)) = refused.get(ContextKind::ValidValue) else { return String::new() };
    let names: Vec<&str> = all.iter().map(String::as_str).collect();
    format!("{} choose one of {}", did_you_mean(nearest(value, &names)), names.join(", "))
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map_or(";".into(), |near| format!("; did you mean `{near}`?"))
}

/// An option or a word that `command` does not have.
fn unknown(flag: &str, command: &Command, help: &str) -> String {
    let Some(name) = flag.strip_prefix("--") else {
        let what = if flag.starts_with('-') { "unknown option" } else { "unexpected argument" };
        return format!("{what}; {help}");
    };
    let known = OPTIONS.iter().find(|(names, _)| names.iter().any(|known| is_same(known, name)));
    let options: Vec<&str> =
        command.get_arguments().filter_map(clap::Arg::get_long_and_visible_aliases).flatten().collect();
    let near = nearest(name, &options).or_else(|| begins(name, &options));
    // Its hints about options of `train` are of no use elsewhere.
    let is_train = command.get_name() == "train";
    match (near, known) {
        (_, Some((_, meant))) if is_train => format!("unknown option; {meant}"),
        (Some(near), _) => format!("unknown option; did you mean `--{near}`?"),
        _ => format!("unknown option; {help}"),
    }
}

/// A command that there is not.
fn unknown_command(name: &str, command: &Command) -> String {
    let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
    let known = COMMANDS.iter().find(|(others, _)| others.iter().any(|other| is_same(other, name)));
    let near = known.map(|(_, meant)| *meant).or_else(|| nearest(name, &names)).or_else(|| begins(name, &names));
    format!("unknown command{} the commands are {}", did_you_mean(near), names.join(", "))
}

/// One of `names` that begins with `name`, or the other way round: `train-model` is `train`.
fn begins<'a>(name: &str, names: &[&'a str]) -> Option<&'a str> {
    let is_begin = |short: &str, long: &str| short.len() > 2 && long.to_lowercase().starts_with(short);
    names.iter().copied().find(|known| is_begin(name, known) || is_begin(known, name))
}

/// The first line of clap's message.
fn as_clap_says(refused: &clap::Error) -> String {
    let text = refused.to_string();
    let ends = |line: &&str| !line.starts_with("Usage") && !line.starts_with("For more");
    let parts = text.lines().map(str::trim).take_while(ends).filter(|line| !line.is_empty());
    parts.collect::<Vec<_>>().join("; ").replacen("error: ", "", 1).replace("tip: ", "")
}

/// Clap's values of this kind; several with `and` between them.
pub(crate) fn said(refused: &clap::Error, kind: ContextKind) -> Option<String> {
    match refused.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => Some(texts.join(" and ")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::args::parse;

    /// Rust's own errors were shown for a number that is none.
    #[test]
    fn no_option_answers_with_an_error_of_rust_or_clap() {
        let rust = [
            "invalid value",
            "invalid digit",
            "invalid float",
            "digit",
            "literal",
            "target type",
            "out of range",
            "empty string",
            "provided string",
        ];
        for command in parse::command().get_subcommands() {
            for long in
                command.get_arguments().filter(|arg| arg.get_action().takes_values()).filter_map(clap::Arg::get_long)
            {
                for value in ["-", "", "\u{a7}", "99999999999999999999999999999", "-1e999"] {
                    let words = ["layerloop", command.get_name(), &format!("--{long}={value}")].map(Into::into);
                    let Err(error) = parse::parse(words) else { continue };
                    let said = error.to_string();
                    assert!(!rust.iter().any(|piece| said.contains(piece)), "{words:?}: {said}", words = [long, value]);
                }
            }
        }
    }

    #[test]
    fn what_is_meant_exists() {
        let command = parse::command();
        assert!(super::COMMANDS.iter().all(|(_, meant)| command.find_subcommand(meant).is_some()));
        let train = command.find_subcommand("train").expect("a command");
        for (names, meant) in super::OPTIONS {
            let options = meant.split('`').filter_map(|part| part.split(' ').next()?.strip_prefix("--"));
            options.for_each(|option| assert!(train.get_arguments().any(|a| a.get_long() == Some(option)), "{meant}"));
            assert!(names.iter().all(|name| train.get_arguments().all(|a| a.get_long() != Some(name))), "{names:?}");
        }
    }
}
