//! The `layerloop` command: train, evaluate, use and check feedforward networks.
//!
//! A library, so that another program can be the same command on several processes: `layerloop-mpi` is.

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
mod ranks;
mod runs;
mod scores;
mod shell;
mod table;

use layerloop::ranks::Communicator;
use layerloop::{Error, Result};

use crate::args::Command;
use crate::interrupt::Signal;
use crate::ranks::Ranks;

/// What a command came to, when nothing failed.
enum Outcome {
    /// All is well.
    Done,
    /// It did its work, and the answer is no: a check that failed.
    Negative,
    /// It was ended by a signal, in order.
    Signal(Signal),
}

/// Does what was typed, and returns the exit code: alone, or as one of several ranks, which train together. Every other command is for rank 0.
#[must_use]
pub fn main(communicator: Option<&dyn Communicator>) -> u8 {
    let ranks = Ranks::new(communicator);
    match ranks.known(args::parse::parse(std::env::args_os())).and_then(|args| run(args.command, &ranks)) {
        Ok(Outcome::Done) => 0,
        Ok(Outcome::Negative) => 1,
        Ok(Outcome::Signal(signal)) => signal.exit_code(),
        Err(error) => {
            ranks.say(&error);
            if matches!(error, Error::Config { .. } | Error::Several(_)) { 2 } else { 1 }
        }
    }
}

fn run(command: Command, ranks: &Ranks) -> Result<Outcome> {
    if !ranks.are_led_from_here() {
        return match command {
            Command::Train(args) => commands::train::run(&args, ranks),
            Command::Bench(args) => commands::bench::run(&args, ranks),
            _ => Ok(Outcome::Done),
        };
    }
    command.places().check()?;
    match command {
        Command::Bench(args) => commands::bench::run(&args, ranks),
        Command::Inspect(args) => commands::inspect::run(&args),
        Command::Train(args) => commands::train::run(&args, ranks),
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
