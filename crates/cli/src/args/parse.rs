//! Options are checked before anything is done, together: every wrong one is named in one answer, not one a run.

use std::ffi::OsString;
use std::path::Path;

use clap::error::{ContextKind, ErrorKind};
use clap::{Arg, CommandFactory as _, FromArgMatches as _};
use layerloop::names::is_same;
use layerloop::{Error, Result};

use super::refused::{fault, said};
use super::{Args, Command, ExplicitArgs, OFTEN, Train, config};

/// What was typed, if all of it makes sense; help and the like are printed, and end the program.
///
/// # Errors
/// [`Error::Several`] or, for one fault, [`Error::Config`]. Each names the option, the value and what is allowed.
pub(crate) fn parse(typed: impl IntoIterator<Item = OsString>) -> Result<Args> {
    let command = command();
    let mut typed = spelt(typed.into_iter().collect(), &command);
    let mut faults = Vec::new();
    // What is refused is taken out, so that what stands behind it is looked at too.
    loop {
        match read(&typed) {
            Ok(args) => {
                faults.extend(args.command.faults());
                return Error::of_several(faults).map_or(Ok(args), Err);
            }
            Err(refused) if is_help(&refused) => return Err(help(&refused)),
            Err(refused) => {
                let of = of(&typed, &command);
                faults.push(fault(&refused, of));
                match without(&typed, &refused, of) {
                    Some(left) => typed = left,
                    None => return Err(Error::of_several(faults).unwrap_or_else(|| fault(&refused, of))),
                }
            }
        }
    }
}

/// What can be typed, with all commands ready to be asked for their options.
pub(crate) fn command() -> clap::Command {
    // A negative number is a value of its option, so that it is refused as what it is.
    let takes = |arg: &Arg| !arg.is_positional() && arg.get_action().takes_values();
    let number = |arg: Arg| if takes(&arg) { arg.allow_negative_numbers(true) } else { arg };
    let mut command = Args::command().mut_subcommands(|command| command.mut_args(number));
    command.build();
    command
}

/// The command that was typed.
fn of<'a>(typed: &[OsString], command: &'a clap::Command) -> &'a clap::Command {
    let name = typed.iter().skip(1).find(|word| !word.to_string_lossy().starts_with('-'));
    name.and_then(|name| command.find_subcommand(name)).unwrap_or(command)
}

/// The typed words with the names of commands and options as they are spelt: case, `-` and `_` make no difference, and an alias
/// becomes what it stands for.
fn spelt(mut typed: Vec<OsString>, command: &clap::Command) -> Vec<OsString> {
    let first = typed.iter().skip(1).position(|word| !word.to_string_lossy().starts_with('-')).map(|at| at + 1);
    let name = first.and_then(|first| typed[first].to_str());
    let name = name.and_then(|name| command.get_subcommands().find(|c| is_same(c.get_name(), name)));
    if let (Some(first), Some(name)) = (first, name) {
        typed[first] = name.get_name().into();
    }
    let of = of(&typed, command);
    for word in typed.iter_mut().skip(1) {
        if word == "--" {
            break;
        }
        let Some(option) = word.to_str().and_then(|word| word.strip_prefix("--")) else { continue };
        let (name, value) = option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
        let named = |arg: &&Arg| {
            let aliases = arg.get_all_aliases().unwrap_or_default();
            arg.get_long().into_iter().chain(aliases).any(|long| is_same(long, name))
        };
        if let Some(long) = of.get_arguments().find(named).and_then(Arg::get_long) {
            *word = value.map_or_else(|| format!("--{long}"), |value| format!("--{long}={value}")).into();
        }
    }
    typed
}

fn is_help(refused: &clap::Error) -> bool {
    !refused.use_stderr() || refused.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
}

/// Ends the program with the help that was asked for; the error is that of writing it on standard output.
fn help(asked: &clap::Error) -> Error {
    match asked.print() {
        Err(error) if !asked.use_stderr() && error.kind() != std::io::ErrorKind::BrokenPipe => {
            Error::io("standard output")(error)
        }
        _ => std::process::exit(asked.exit_code()),
    }
}

/// As clap reads it; of `train` with all that was typed.
fn read(typed: &[OsString]) -> std::result::Result<Args, clap::Error> {
    let often = |arg: Arg| {
        let is_rare = OFTEN.split(' ').all(|often| often != arg.get_id().as_str());
        arg.hide_short_help(is_rare)
    };
    let command = command().mut_subcommand("train", |train| train.mut_args(often));
    let mut found = command.clone().try_get_matches_from(typed)?;
    let of_train = found.subcommand_matches("train").zip(command.find_subcommand("train"));
    let typed = of_train.map(|(found, command)| ExplicitArgs::of(command, found));
    let mut args = Args::from_arg_matches_mut(&mut found).map_err(|error| error.format(&mut command.clone()))?;
    if let (Command::Train(train), Some(typed)) = (&mut args.command, typed) {
        train.typed = typed;
    }
    Ok(args)
}

/// These options of `train`, and behind them those of `earlier` that go together with them.
pub(crate) fn over(typed: ExplicitArgs, earlier: ExplicitArgs) -> ExplicitArgs {
    let command = command();
    match command.find_subcommand("train") {
        Some(train) => typed.over(earlier, train),
        None => typed,
    }
}

/// The options of `train` that a TOML file names.
///
/// # Errors
/// Those of [`config::read`].
pub(crate) fn config(path: &Path) -> Result<ExplicitArgs> {
    let command = command();
    command.find_subcommand("train").map_or(Ok(ExplicitArgs::default()), |train| config::read(path, train))
}

/// `train`, as if this had been typed.
///
/// # Errors
/// As [`parse`].
pub(crate) fn train(typed: &ExplicitArgs) -> Result<Box<Train>> {
    let command = command();
    let words = command.find_subcommand("train").map(|train| typed.words(train)).unwrap_or_default();
    let before = ["layerloop", "train"].map(OsString::from);
    match read(&[&before[..], &words].concat()) {
        Ok(Args { command: Command::Train(train) }) => Error::of_several(train.faults()).map_or(Ok(train), Err),
        Ok(_) => Err(Error::config("arguments", "they are no training's")),
        Err(refused) => Err(fault(&refused, command.find_subcommand("train").unwrap_or(&command))),
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

/// The typed words without the option that was refused; none where the fault is not a single option's.
fn without(typed: &[OsString], refused: &clap::Error, command: &clap::Command) -> Option<Vec<OsString>> {
    let kinds =
        [ErrorKind::InvalidValue, ErrorKind::ValueValidation, ErrorKind::UnknownArgument, ErrorKind::TooManyValues];
    let flag = said(refused, ContextKind::InvalidArg)?.split([' ', '=', '[']).next()?.to_owned();
    if !kinds.contains(&refused.kind()) || !flag.starts_with("--") {
        return None;
    }
    let known = command.get_arguments().find(|arg| arg.get_long() == flag.strip_prefix("--"));
    let short = known.and_then(Arg::get_short).map(|short| format!("-{short}"));
    let is_flag = |word: &OsString| {
        let word = word.to_string_lossy();
        word.split('=').next() == Some(&flag)
            || !word.starts_with("--") && short.as_ref().is_some_and(|short| word.starts_with(short))
    };
    let at = typed.iter().position(is_flag)?;
    let has_value = match typed[at].to_string_lossy() {
        word if word.starts_with("--") => !word.contains('='),
        word => word.len() == 2,
    };
    let takes_value = known.is_none_or(|arg| arg.get_action().takes_values()) && has_value;
    let next = typed.get(at + 1).map(|next| next.to_string_lossy().into_owned());
    let is_value = |next: &String| !next.starts_with('-') || next.parse::<f64>().is_ok();
    let end = at + 1 + usize::from(takes_value && next.as_ref().is_some_and(is_value));
    Some([&typed[..at], &typed[end..]].concat())
}
