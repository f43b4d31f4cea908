//! The `layerloop` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(layerloop_cli::main(None))
}
