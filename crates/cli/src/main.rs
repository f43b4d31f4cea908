//! The `layerloop` command: train, evaluate, use and check feedforward networks.

mod args;
mod commands;
mod comparison_page;
mod data;
mod fullscreen;
mod interrupt;
mod live;
mod output;
mod places;
mod progress;
mod runs;
mod scores;
mod shell;
mod table;

use std::process::ExitCode;

use layerloop::Error;

use crate::args::Command;
use crate::interrupt::Signal;
use crate::output::message;

/// What a command came to, when nothing failed.
enum Outcome {
    /// All is well.
    Done,
    /// It did its work, and the answer is no: a check that failed.
    Negative,
    /// It was ended by a signal, in order.
    Signal(Signal),
}

fn main() -> ExitCode {
    match args::parse::parse(std::env::args_os()).and_then(|args| run(args.command)) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Negative) => ExitCode::from(1),
        Ok(Outcome::Signal(signal)) => ExitCode::from(signal.exit_code()),
        Err(error) => {
            message(format_args!("error: {error}"));
            ExitCode::from(if matches!(error, Error::Config { .. } | Error::Several(_)) { 2 } else { 1 })
        }
    }
}

fn run(command: Command) -> layerloop::Result<Outcome> {
    command.places().check()?;
    match command {
        Command::Bench(args) => commands::bench::run(&args),
        Command::Inspect(args) => commands::inspect::run(&args),
        Command::Train(args) => commands::train::run(&args),
        Command::Replay(args) => commands::replay::run(&args),
        Command::Eval(args) => commands::eval::run(&args),
        Command::Predict(args) => commands::predict::run(&args),
        Command::Explain(args) => commands::explain::run(&args),
        Command::Outliers(args) => commands::outliers::run(&args),
        Command::Report(args) => commands::report::run(&args),
        Command::Show(args) => commands::show::run(&args),
        Command::Summary(args) => commands::summary::run(&args),
        Command::Export(args) => commands::export::run(&args),
        Command::Import(args) => commands::import::run(&args),
        Command::List(args) => commands::list::run(&args),
        Command::CheckGradients(args) => commands::check_gradients::run(&args),
        Command::Completions(args) => commands::completions::run(&args),
        Command::Man(args) => commands::man::run(&args),
    }
}
