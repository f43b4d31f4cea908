//! `layerloop man`

use layerloop::names::{is_same, nearest};
use layerloop::{Error, Result};

use crate::args::Man;
use crate::args::parse;
use crate::{Outcome, output};

pub(crate) fn run(args: &Man) -> Result<Outcome> {
    let all = parse::command();
    let command = match &args.command {
        None => all,
        Some(name) => of_command(&all, name)?,
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).map_err(Error::io("the manual page"))?;
    output::raw(&page)?;
    Ok(Outcome::Done)
}

fn of_command(all: &clap::Command, name: &str) -> Result<clap::Command> {
    let found = all.get_subcommands().find(|command| is_same(command.get_name(), name));
    found.cloned().ok_or_else(|| {
        let names: Vec<&str> = all.get_subcommands().map(clap::Command::get_name).collect();
        let meant = nearest(name, &names).map_or(";".into(), |near| format!("; did you mean `{near}`?"));
        Error::config("COMMAND", format!("unknown command `{name}`{meant} the commands are {}", names.join(", ")))
    })
}
