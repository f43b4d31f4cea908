//! What is left after a power failure: the disk has a file before it gets its name, and the name before it counts.
#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Folder, Said, not_run};

/// A system call that has succeeded: when it began, its name, its paths.
#[derive(Debug)]
struct Call {
    at: f64,
    name: String,
    paths: Vec<PathBuf>,
}

/// The calls of a command, in the order in which they ended; nothing where they cannot be traced.
fn traced(folder: &Folder, args: &[&str]) -> Option<Vec<Call>> {
    let plain = folder.command(args);
    let mut command = Command::new("strace");
    command.args(["-f", "-ttt", "-y", "-s", "4096", "-e", "trace=fsync,fdatasync,rename,renameat,renameat2"]);
    command.args(["-o", "trace", "--"]).arg(plain.get_program()).args(args).current_dir(folder.0.path());
    let said = Said::new(command.output().ok()?);
    if said.code != 0 && said.err.contains("ptrace") {
        return None;
    }
    said.well();
    let trace = std::fs::read_to_string(folder.path("trace")).expect("a trace");
    let root = folder.0.path().canonicalize().expect("a folder");
    let mut unfinished = BTreeMap::new();
    Some(trace.lines().filter_map(|line| call(line, &root, &mut unfinished)).collect())
}

/// `1234 17.25 rename("a", "b") = 0`, or such a line in two parts, if another thread did something meanwhile.
fn call<'a>(line: &'a str, root: &Path, unfinished: &mut BTreeMap<&'a str, (f64, String)>) -> Option<Call> {
    let (thread, rest) = line.split_once(' ')?;
    let (at, text) = rest.trim_start().split_once(' ')?;
    if let Some(start) = text.strip_suffix(" <unfinished ...>") {
        unfinished.insert(thread, (at.parse().expect("a time"), start.to_owned()));
        return None;
    }
    let (at, text) = match text.strip_prefix("<... ").and_then(|text| text.split_once(" resumed>")) {
        Some((_, end)) => unfinished.remove(thread).map(|(at, start)| (at, start + end))?,
        None => (at.parse().ok()?, text.to_owned()),
    };
    let (name, arguments) = text.rsplit_once(" = 0").map_or(text.as_str(), |(call, _)| call).split_once('(')?;
    if !text.contains(" = 0") {
        return None;
    }
    let paths = arguments.split(['"', '<', '>']).skip(1).step_by(2);
    // Of `renameat` the folder is told too; what is relative is so to where the command runs.
    let paths = paths.filter(|path| !name.starts_with("renameat") || !Path::new(path).is_dir());
    Some(Call { at, name: name.into(), paths: paths.map(|path| root.join(path.trim_start_matches("./"))).collect() })
}

/// The names of the newest checkpoints were in the memory of the system only: after a power failure a checkpoint that counted as
/// confirmed could have its temporary name, under which it is deleted.
#[test]
fn a_checkpoint_is_confirmed_when_the_disk_has_it_and_its_name() {
    // A slow disk needs more time for as many checkpoints.
    for limit in ["3s", "30s", "300s"] {
        let folder = Folder::new();
        let train = ["train", "--hidden", "16", "--epochs", "1000000", "--quiet", "--run", "r"];
        let often = ["--checkpoint-every", "1steps", "--keep", "2", "--time-limit", limit];
        let Some(calls) = traced(&folder, &[&train[..], &often].concat()) else {
            return not_run(
                "a_checkpoint_is_confirmed_when_the_disk_has_it_and_its_name",
                "strace, and the right to trace",
            );
        };
        if are_confirmed(&folder, &calls) {
            return;
        }
    }
    panic!("too few checkpoints in 300 s");
}

/// Whether there are enough calls to tell that checkpoints are confirmed as they should be, which is asserted.
fn are_confirmed(folder: &Folder, calls: &[Call]) -> bool {
    let root = folder.0.path().canonicalize().expect("a folder");
    let (checkpoints, spare) = (root.join("r/checkpoints"), root.join("r/checkpoints/.layerloop-spare.tmp"));
    let (mut flushed, mut named, mut confirmed) = (false, None, BTreeSet::new());
    let (mut newest, mut flushes) = (None, Vec::new());
    for call in calls {
        match (call.name.as_str(), &call.paths[..]) {
            ("fsync", [file]) if *file == spare => flushed = true,
            ("fsync", [at]) if *at == checkpoints => {
                flushes.push(call.at);
                confirmed.extend(named.take());
            }
            ("rename", [from, to]) if *from == spare => {
                named = flushed.then(|| to.clone());
                (flushed, newest) = (false, Some(to.clone()));
            }
            // An old one is written anew: never the only one that is confirmed.
            ("rename", [from, to]) if *to == spare => {
                confirmed.remove(from);
                assert!(!confirmed.is_empty(), "{call:?}: {calls:#?}");
            }
            _ => {}
        }
    }
    assert!(confirmed.contains(&newest.expect("a checkpoint")), "the last one: {confirmed:?}");
    // The disk is waited for at most once a second, but for the end.
    let waits: Vec<f64> = flushes.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let before_the_end = &waits[..waits.len().saturating_sub(1)];
    assert!(before_the_end.iter().all(|wait| *wait >= 1.0), "{waits:?}");
    !before_the_end.is_empty()
}

/// What else is written: flushed, then renamed, then its folder is flushed.
#[test]
fn every_file_is_flushed_before_it_gets_its_name_and_its_folder_after() {
    let folder = Folder::new();
    let commands = [
        (
            "train --epochs 2 --quiet --run runs/r",
            vec!["runs/r/run.json", "runs/r/best.safetensors", "runs/r/model.safetensors", "runs/r/report.html"],
        ),
        ("train --epochs 1 --quiet --save m --report page.html", vec!["m", "page.html"]),
        ("train --epochs 1 --quiet", vec!["digits.safetensors"]),
        ("explain m --html walk.html", vec!["walk.html"]),
        ("explain m --curvature --surface s.svg", vec!["s.svg"]),
    ];
    let root = folder.0.path().canonicalize().expect("a folder");
    for (command, files) in commands {
        let Some(calls) = traced(&folder, &command.split(' ').collect::<Vec<_>>()) else {
            return not_run(
                "every_file_is_flushed_before_it_gets_its_name_and_its_folder_after",
                "strace, and the right to trace",
            );
        };
        for file in files.iter().map(|file| root.join(file)) {
            let renamed =
                calls.iter().position(|call| call.name.starts_with("rename") && call.paths.get(1) == Some(&file));
            let renamed = renamed.unwrap_or_else(|| panic!("{command}: {} is not renamed: {calls:#?}", file.display()));
            let flushes =
                |calls: &[Call], path: &Path| calls.iter().any(|call| call.name == "fsync" && call.paths == [path]);
            assert!(flushes(&calls[..renamed], &calls[renamed].paths[0]), "{command}: {}: {calls:#?}", file.display());
            assert!(flushes(&calls[renamed..], file.parent().expect("a folder")), "{command}: {calls:#?}");
        }
        // The folders that were made have names too.
        let made: &[&str] = if command.contains("runs/r") { &["", "runs", "runs/r"] } else { &[] };
        for made in made {
            let at = root.join(made);
            let at = at.components().as_path();
            assert!(
                calls.iter().any(|call| call.name == "fsync" && call.paths == [at]),
                "{}: {calls:#?}",
                at.display()
            );
        }
    }
}
