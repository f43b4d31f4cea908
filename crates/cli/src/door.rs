//! Options are checked at the door, together: every wrong one is named in one answer, not one a run.

use std::error::Error as _;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, FromArgMatches as _};
use layerloop::{Error, Result};

use crate::args::{Args, Command, Train};
use crate::output::message;
use crate::typed::Typed;

/// What was typed, if all of it makes sense; help and the like are printed, and end the program.
///
/// # Errors
/// [`Error::Several`] or, for one fault, [`Error::Config`]. Each names the option, the value and what is allowed.
pub(crate) fn parse(typed: impl IntoIterator<Item = OsString>) -> Result<Args> {
    let mut typed: Vec<OsString> = typed.into_iter().collect();
    let mut faults = Vec::new();
    // What is refused is taken out, so that what stands behind it is looked at too.
    loop {
        match read(&typed) {
            Ok(args) => {
                faults.extend(args.command.faults());
                return Error::of_several(faults).map_or(Ok(args), Err);
            }
            Err(refused) => {
                let left = without(&typed, &refused);
                if faults.is_empty() && left.is_none() {
                    return Err(end(&refused));
                }
                faults.push(fault(&refused));
                match left {
                    Some(left) => typed = left,
                    None => return Err(Error::of_several(faults).unwrap_or_else(|| fault(&refused))),
                }
            }
        }
    }
}

/// Ends the program with the help that was asked for, or with what clap says in several lines; the error is that of writing it.
fn end(refused: &clap::Error) -> Error {
    if refused.use_stderr() {
        message(refused.render().to_string().trim_end());
    } else if let Err(error) = refused.print()
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        return Error::io("standard output")(error);
    }
    std::process::exit(refused.exit_code())
}

/// As clap reads it; of `train` with all that was typed.
fn read(typed: &[OsString]) -> std::result::Result<Args, clap::Error> {
    let command = Args::command();
    let mut found = command.clone().try_get_matches_from(typed)?;
    let of_train = found.subcommand_matches("train").zip(command.find_subcommand("train"));
    let typed = of_train.map(|(found, command)| Typed::of(command, found));
    let mut args = Args::from_arg_matches_mut(&mut found).map_err(|error| error.format(&mut Args::command()))?;
    if let (Command::Train(train), Some(typed)) = (&mut args.command, typed) {
        train.typed = typed;
    }
    Ok(args)
}

/// `train`, as if this had been typed.
///
/// # Errors
/// As [`parse`].
pub(crate) fn train(typed: &Typed) -> Result<Box<Train>> {
    let command = Args::command();
    let words = command.find_subcommand("train").map(|train| typed.words(train)).unwrap_or_default();
    let before = ["layerloop", "train"].map(OsString::from);
    match read(&[&before[..], &words].concat()) {
        Ok(Args { command: Command::Train(train) }) => Error::of_several(train.faults()).map_or(Ok(train), Err),
        Ok(_) => Err(Error::config("arguments", "they are no training's")),
        Err(refused) => Err(fault(&refused)),
    }
}

impl Command {
    /// What is wrong about options that each could be read.
    fn faults(&self) -> Vec<Error> {
        match self {
            Self::Train(train) => train.faults(),
            _ => Vec::new(),
        }
    }
}

/// What the library says of its options, under the names that they have on the command line.
pub(crate) fn flags(said: Error) -> Vec<Error> {
    match said {
        Error::Several(all) => all.into_iter().flat_map(flags).collect(),
        Error::Config { field, reason } => {
            let name = if field == "learning_rate" { "lr".into() } else { field.replace('_', "-") };
            vec![Error::config(format!("--{name}"), reason)]
        }
        other => vec![other],
    }
}

/// The typed words without the option that was refused; none where the fault is no single option's.
fn without(typed: &[OsString], refused: &clap::Error) -> Option<Vec<OsString>> {
    let kinds = [ErrorKind::InvalidValue, ErrorKind::ValueValidation, ErrorKind::UnknownArgument];
    let flag = said(refused, ContextKind::InvalidArg)?.split([' ', '=']).next()?.to_owned();
    if !kinds.contains(&refused.kind()) || !flag.starts_with("--") {
        return None;
    }
    let is_flag = |word: &OsString| word.to_string_lossy().split('=').next() == Some(&flag);
    let at = typed.iter().position(is_flag)?;
    let has_value = !typed[at].to_string_lossy().contains('=')
        && typed.get(at + 1).is_some_and(|next| !next.to_string_lossy().starts_with("--"));
    let end = at + 1 + usize::from(has_value);
    Some([&typed[..at], &typed[end..]].concat())
}

/// One line of what clap says in several.
fn fault(refused: &clap::Error) -> Error {
    let flag = said(refused, ContextKind::InvalidArg).and_then(|arg| arg.split(' ').next().map(str::to_owned));
    let reason = match (
        refused.source().map(|source| (source, source.downcast_ref())),
        said(refused, ContextKind::InvalidValue),
    ) {
        (Some((_, Some(Error::Config { reason, .. }))), _) => reason.clone(),
        (Some((source, _)), Some(value)) => format!("`{value}`: {source}"),
        _ => {
            let text = refused.to_string();
            let ends = |line: &&str| !line.starts_with("Usage") && !line.starts_with("For more");
            let parts = text.lines().map(str::trim).take_while(ends).filter(|line| !line.is_empty());
            parts.collect::<Vec<_>>().join("; ").replacen("error: ", "", 1).replace("tip: ", "")
        }
    };
    Error::config(flag.unwrap_or_else(|| "options".into()), reason)
}

fn said(refused: &clap::Error, kind: ContextKind) -> Option<&str> {
    match refused.get(kind)? {
        ContextValue::String(text) => Some(text),
        _ => None,
    }
}
