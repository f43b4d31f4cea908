//! The options of `layerloop completions`.

use clap::Parser;
use clap_complete::Shell;

#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  layerloop completions bash > ~/.local/share/bash-completion/completions/layerloop
  layerloop completions zsh > ~/.zfunc/_layerloop        # with ~/.zfunc in $fpath
  layerloop completions fish > ~/.config/fish/completions/layerloop.fish")]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL", ignore_case = true)]
    pub(crate) shell: Shell,
}
