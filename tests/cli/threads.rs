//! Threads of a run.
#![cfg(target_os = "linux")]

use super::{Folder, Said, is_missing, not_run};

/// Threads that a training of so many epochs starts; nothing where it may not be traced.
fn started(epochs: &str) -> Option<usize> {
    let folder = Folder::new();
    let mut command = std::process::Command::new("strace");
    let run = folder.command(&["train", "--epochs", epochs, "--threads", "2", "--metrics", "f1,roc-auc", "--quiet"]);
    command.args(["-f", "-e", "trace=clone,clone3", "-o", "calls"]).arg(run.get_program()).args(run.get_args());
    let said = Said::new(command.current_dir(folder.0.path()).output().ok()?);
    let calls = std::fs::read_to_string(folder.path("calls")).ok()?;
    (said.code == 0).then(|| calls.lines().filter(|line| line.contains("clone") && line.contains(" = ")).count())
}

/// What was measured after an epoch started a team of threads of its own, every time.
#[test]
fn the_metrics_of_an_epoch_are_computed_by_the_threads_of_the_run() {
    let test = "the_metrics_of_an_epoch_are_computed_by_the_threads_of_the_run";
    if is_missing("strace", test) {
        return;
    }
    match [started("2"), started("40")] {
        [Some(few), Some(many)] => assert!(few > 0 && few == many, "{few} threads in 2 epochs, {many} in 40"),
        _ => not_run(test, "the right to trace"),
    }
}
