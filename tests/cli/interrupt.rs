//! Ctrl-C.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Folder;

#[test]
fn ctrl_c_or_a_request_to_end_ends_a_run_after_its_step_saves_what_there_is_and_says_so() {
    ["-INT", "-TERM"].into_iter().for_each(ends_in_order);
}

fn ends_in_order(signal: &str) {
    let folder = Folder::new();
    let mut command = folder.command(&["train", "--epochs", "1000000", "--json", "--save", "m.safetensors"]);
    let mut run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let mut lines = BufReader::new(run.stdout.take().expect("a pipe")).lines();
    let first = lines.next().expect("a line").expect("text");
    assert!(first.contains(r#""epoch":1,"#), "{first}");

    let asked = Instant::now();
    Command::new("kill").args([signal, &run.id().to_string()]).status().expect("kill is there");
    let last = lines.map_while(Result::ok).last().expect("a last line");
    let mut said = String::new();
    run.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
    let code = run.wait().expect("an end").code();
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("stopped as asked after step "), "{said}");
    assert!(said.contains("what was learnt is saved as m.safetensors"), "{said}");

    let done: serde_json::Value = serde_json::from_str(&last).expect("an object");
    assert_eq!((&done["event"], &done["interrupted"]), (&"done".into(), &true.into()));
    let judged = folder.run(&["eval", "m.safetensors", "--json"]).well().last();
    assert_eq!(judged["accuracy"], done["test_accuracy"]);
}
