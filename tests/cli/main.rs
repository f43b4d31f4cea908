//! The command as a person uses it: in a fresh folder, with what it prints, writes and answers.

#[path = "../data_dir.rs"]
mod data_dir;

mod bench;
mod combinations;
mod compare;
mod data_names;
mod disks;
mod downloads;
mod evaluate;
mod explain;
mod faults;
mod fixtures;
mod formats;
mod help;
mod images;
mod imbalanced;
mod interrupt;
mod list;
mod live;
mod memory;
mod missing_classes;
mod names;
mod outputs;
mod own_data;
mod parquet;
mod paste;
mod pictures;
mod power;
mod predict;
mod readme;
mod reports;
mod runs;
mod signals;
mod streamed;
mod tables;
mod terminal;
mod threads;
mod tmux;
mod train;
mod trials;

use std::fmt::Display;
use std::io::{Read as _, Write as _};
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::process::{Child, Command, Output};

use tempfile::TempDir;

use self::data_dir::data_dir;

/// Whether no folder of the PATH has `tool`; then says that `test` does not run. `./test` installs the tools, as root.
fn is_missing(tool: &str, test: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let missing = !std::env::split_paths(&folders).any(|folder| folder.join(tool).is_file());
    if missing {
        not_run(test, tool);
    }
    missing
}

/// Straight to the stream: the test harness swallows what a passing test prints.
fn not_run(test: &str, needs: &str) {
    let _ = writeln!(std::io::stderr(), "NOT RUN: {test}, which needs {needs}");
}

/// Sends a process a signal, such as `INT`, or none, `0`; whether there is such a process. By the shell: not every system has a
/// program `kill`.
fn send(signal: &str, id: impl Display) -> bool {
    let kill = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", signal, &id.to_string()]).output();
    kill.expect("sh is there").status.success()
}

/// A fresh folder to run the command in.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The command, about to run in this folder, with a cache of its own and no mirrors.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_layerloop"));
        command.args(args).current_dir(self.0.path());
        command.env("LAYERLOOP_CACHE", self.path("cache")).env("LAYERLOOP_MIRRORS", "http://127.0.0.1:1/");
        command.env_remove("LAYERLOOP_DATA");
        command
    }

    fn run(&self, args: &[&str]) -> Said {
        Said::new(self.command(args).output().expect("the binary starts"))
    }

    /// Names of what lies in the folder, sorted.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).expect("the folder is there");
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// A command that runs beside the test, and is killed when the test ends, however that is.
#[derive(Debug)]
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.spawn().expect("the binary starts"))
    }

    /// What it says on standard output, a pipe, to its end.
    fn said(mut self) -> Said {
        let mut out = Vec::new();
        self.stdout.take().expect("a pipe").read_to_end(&mut out).expect("bytes");
        let status = self.wait().expect("an end");
        Said::new(Output { status, stdout: out, stderr: Vec::new() })
    }
}

impl Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// What a run said, and its exit code.
#[derive(Debug)]
struct Said {
    out: String,
    err: String,
    code: i32,
}

impl Said {
    fn new(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { out: text(&output.stdout), err: text(&output.stderr), code: output.status.code().unwrap_or(-1) }
    }

    /// The run, which must have succeeded.
    fn well(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// The objects of a run with `--json`, one a line.
    fn json(&self) -> Vec<serde_json::Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect()
    }

    /// The last of them.
    fn last(&self) -> serde_json::Value {
        self.json().pop().unwrap_or_default()
    }

    /// The one sentence of a refusal with this exit code: no panic, one line, starting with `error: `.
    fn refusal(&self, code: i32) -> &str {
        assert_eq!(self.code, code, "{self:?}");
        assert!(!self.err.contains("panicked"), "{self:?}");
        let line = self.err.lines().find(|line| line.starts_with("error: "));
        line.expect("a line that starts with `error: `")
    }
}
