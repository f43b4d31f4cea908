//! How a run ends that is told to: in order, with the exit code of what ended it.
#![cfg(target_os = "linux")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::{Folder, Running, faults};

/// However busy the machine is, a step is over by then.
const PATIENCE: Duration = Duration::from_secs(120);

/// A run without an end, begun under a shell after `setup`, when its first epoch is over.
fn endless(folder: &Folder, setup: &str) -> Running {
    let train = ["train", "--epochs", "1000000", "--json", "--save", "m.safetensors"];
    let mut command = faults::after(folder, setup, &train);
    let mut run = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::null()));
    let mut out = BufReader::new(run.stdout.take().expect("a pipe"));
    let mut first = String::new();
    out.read_line(&mut first).expect("a line");
    assert!(first.contains(r#""epoch":1,"#), "{first}");
    std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
    run
}

fn send(run: &Child, signal: &str) {
    assert!(super::send(signal, run.id()));
}

/// How it ended, or nothing if it has not within this time.
fn end(run: &mut Child, within: Duration) -> Option<ExitStatus> {
    let since = Instant::now();
    while since.elapsed() < within {
        if let Some(status) = run.try_wait().expect("a child") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}

/// The mask of a line in `/proc/ID/status`.
fn mask(run: &Child, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", run.id())).expect("the process is there");
    let mask = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':')).expect("a mask");
    u64::from_str_radix(mask.trim(), 16).expect("a number")
}

const SIGNALS: [(&str, i32); 3] = [("HUP", 1), ("INT", 2), ("TERM", 15)];

/// nohup starts a program with SIGHUP ignored, and a shell its background jobs with SIGINT ignored: the run listened anyway, and
/// ended.
#[test]
fn a_signal_that_is_ignored_at_the_start_stays_ignored() {
    for (signal, number) in SIGNALS {
        let folder = Folder::new();
        let mut run = endless(&folder, &format!("trap '' {signal}"));
        let (ignored, caught) = (mask(&run, "SigIgn"), mask(&run, "SigCgt"));
        for (other, of) in SIGNALS {
            let bit = 1 << (of - 1);
            assert_eq!((ignored & bit != 0, caught & bit != 0), (of == number, of != number), "{signal}: {other}");
        }
        // What is ignored is not even pending, so that nothing has to be waited for.
        send(&run, signal);
        assert!(run.try_wait().expect("a child").is_none(), "{signal}");
        let other = if signal == "TERM" { "INT" } else { "TERM" };
        send(&run, other);
        let code = if signal == "TERM" { 130 } else { 143 };
        assert_eq!(end(&mut run, PATIENCE).and_then(|status| status.code()), Some(code), "{signal}");
    }
}

/// When a terminal is closed, the shell and the system send this signal: the second one ended the run before it had saved.
#[test]
fn a_second_sighup_does_not_hinder_the_orderly_end() {
    let folder = Folder::new();
    let mut run = endless(&folder, ":");
    let twice = format!("kill -s HUP {0}; kill -s HUP {0}", run.id());
    assert!(Command::new("sh").args(["-c", &twice]).status().expect("a shell").success());
    assert_eq!(end(&mut run, PATIENCE).and_then(|status| status.code()), Some(129));
    assert_eq!(folder.files(), ["m.safetensors"]);
}

/// An end that is part of the plan is not a failure: of time, of early stopping, of all epochs.
#[test]
fn an_end_that_was_planned_has_the_exit_code_0() {
    let early = ["--early-stopping", "val_loss", "--patience", "1", "--lr", "1"];
    for more in [&["--time-limit", "0.05s"][..], &early, &["--epochs", "1"]] {
        let folder = Folder::new();
        folder.run(&[&["train", "--epochs", "1000000", "--quiet"], more].concat()).well();
        assert_eq!(folder.files(), ["digits.safetensors"], "{more:?}");
    }
}

/// They are in the help, so that nobody has to try.
#[test]
fn the_exit_codes_are_documented() {
    let help = Folder::new().run(&["train", "--help"]).well().out;
    for code in ["0 ", "1 ", "2 ", "129", "130", "143"] {
        assert!(help.split("Exit codes").nth(1).is_some_and(|codes| codes.contains(code)), "{code}: {help}");
    }
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).expect("a file");
    assert!(readme.contains("130") && readme.contains("143"));
}

/// The message that no checkpoint could be written was a panic of the writer where that could not be written either, and the run
/// waited for it for ever; a signal changed nothing.
#[test]
fn a_run_ends_though_neither_its_checkpoints_nor_a_message_can_be_written() {
    let full = || std::fs::File::options().write(true).open("/dev/full").expect("a device");
    for stderr in [Stdio::from(full()), Stdio::null()] {
        let folder = Folder::new();
        let mut command = folder.command(&["train", "--epochs", "1000000", "--json", "--run", "r"]);
        let mut run = Running::start(command.stdout(Stdio::piped()).stderr(stderr));
        let mut epochs = BufReader::new(run.stdout.take().expect("a pipe")).lines();
        epochs.next().expect("an epoch").expect("text");
        std::fs::rename(folder.path("r/checkpoints"), folder.path("r/old")).expect("a folder");
        std::fs::write(folder.path("r/checkpoints"), "").expect("a file");
        // One of the checkpoints of these is tried at least.
        let tried = epochs.by_ref().take(100).filter(Result::is_ok).count();
        assert_eq!(tried, 100);
        send(&run, "TERM");
        std::thread::spawn(move || epochs.for_each(drop));
        let code = end(&mut run, PATIENCE).map(|status| status.code());
        if code.is_none() {
            run.kill().expect("a process");
        }
        assert_eq!(code, Some(Some(143)));
        assert!(folder.path("r/model.safetensors").exists());
    }
}
