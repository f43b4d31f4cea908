//! The options of `layerloop man`.

use clap::Parser;

#[derive(Debug, Parser)]
#[command(after_help = "Example:
  layerloop man train > layerloop-train.1; man ./layerloop-train.1")]
pub(crate) struct Man {
    /// The command [default: layerloop itself]
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Option<String>,
}
