//! Ctrl-C.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{Folder, Running, send};

#[test]
fn ctrl_c_or_a_request_to_end_ends_a_run_after_its_step_saves_what_there_is_and_says_so() {
    // The exit codes of shells; it was 1 once, as if the run had failed.
    [("HUP", 129), ("INT", 130), ("TERM", 143)].into_iter().for_each(|(signal, code)| ends_in_order(signal, code));
}

fn ends_in_order(signal: &str, expected: i32) {
    let folder = Folder::new();
    let mut command = folder.command(&["train", "--epochs", "1000000", "--json", "--save", "m.safetensors"]);
    let mut run = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut lines = BufReader::new(run.stdout.take().expect("a pipe")).lines();
    let first = lines.next().expect("a line").expect("text");
    assert!(first.contains(r#""epoch":1,"#), "{first}");

    let asked = Instant::now();
    assert!(send(signal, run.id()));
    let last = lines.map_while(Result::ok).last().expect("a last line");
    let mut said = String::new();
    run.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
    let code = run.wait().expect("an end").code();
    assert!(asked.elapsed() < Duration::from_secs(120), "{:?}", asked.elapsed());
    assert_eq!(code, Some(expected), "{said}");
    assert!(said.contains("stopped on request after step "), "{said}");
    assert!(said.contains("the weights are saved as m.safetensors"), "{said}");

    let done: serde_json::Value = serde_json::from_str(&last).expect("an object");
    assert_eq!((&done["event"], &done["interrupted"]), (&"done".into(), &true.into()));
    let evaluated = folder.run(&["eval", "m.safetensors", "--json"]).well().last();
    assert_eq!((&evaluated["accuracy"], &evaluated["loss"]), (&done["test_accuracy"], &done["test_loss"]));
    assert_eq!(folder.files(), ["m.safetensors"]);
}

/// A mask of signals of the process, as Linux tells.
#[cfg(target_os = "linux")]
fn mask(id: u32, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("the process is there");
    let mask = status.lines().find_map(|text| text.strip_prefix(line)).expect("a mask");
    u64::from_str_radix(mask.trim(), 16).expect("a number")
}

#[cfg(target_os = "linux")]
fn catches_ctrl_c(id: u32) -> bool {
    mask(id, "SigCgt:") & 0b10 != 0
}

/// The state of a process or a thread: R where it works or wants to, S where it waits, Z where it has ended.
#[cfg(target_os = "linux")]
fn state(of: &std::path::Path) -> Option<char> {
    let stat = std::fs::read_to_string(of.join("stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

/// Whether all its threads have been waiting for a while: nobody takes what it writes. One that only wants a processor does not.
#[cfg(target_os = "linux")]
fn waits(id: u32) -> bool {
    (0..20).all(|_| {
        std::thread::sleep(Duration::from_millis(10));
        let threads = std::fs::read_dir(format!("/proc/{id}/task"));
        threads.is_ok_and(|threads| threads.flatten().all(|thread| state(&thread.path()) == Some('S')))
    })
}

#[cfg(target_os = "linux")]
fn has_ended(id: u32) -> bool {
    state(format!("/proc/{id}").as_ref()).is_none_or(|state| state == 'Z')
}

#[cfg(target_os = "linux")]
#[test]
fn a_second_ctrl_c_ends_at_once_a_run_that_cannot_end_in_order() {
    use std::io::Write as _;

    let folder = Folder::new();
    // Nobody reads this pipe and it is kept full: the run hangs at its first line, and the first Ctrl-C cannot help.
    let (reader, mut filler) = std::io::pipe().unwrap();
    let stdout = filler.try_clone().unwrap();
    let filling = std::thread::spawn(move || while filler.write_all(&[0; 512]).is_ok() {});
    let mut command = folder.command(&["train", "--epochs", "1000000", "--json", "--save", "m.safetensors"]);
    let mut run = Running::start(command.stdout(stdout).stderr(Stdio::piped()));
    drop(command); // and with it its end of the pipe
    let interrupt = || send("INT", run.id());
    let wait_until = |what: &dyn Fn() -> bool| {
        let patience = Instant::now();
        while !what() {
            assert!(patience.elapsed() < Duration::from_secs(120), "{run:?} does not get there");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    wait_until(&|| catches_ctrl_c(run.id()) && waits(run.id()));
    assert!(interrupt());
    // The first one is no longer pending, and has changed nothing.
    wait_until(&|| mask(run.id(), "ShdPnd:") & 0b10 == 0 && waits(run.id()));
    assert!(interrupt());
    wait_until(&|| has_ended(run.id()));
    drop(reader); // frees a run that still hangs
    let code = run.wait().unwrap().code();
    filling.join().unwrap();
    assert_eq!(code, Some(130));
    assert_eq!(folder.files(), [""; 0], "half a model");
}
