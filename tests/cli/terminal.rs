//! What is written on the terminal: no control characters from data, and no panic where it cannot be written.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use safetensors::tensor::{SafeTensors, serialize};

use super::{Folder, Said, faults};

/// A folder with the model `m` of three classes, the data `data` it was trained on, and the picture `p.png`.
fn with_model() -> Folder {
    let folder = Folder::new();
    fs::create_dir(folder.path("data")).expect("a folder");
    for (name, bytes) in faults::FILES.iter().zip(faults::good_files()) {
        fs::write(folder.path("data").join(name), bytes).expect("a file");
    }
    let mut encoder = png::Encoder::new(fs::File::create(folder.path("p.png")).expect("a file"), 2, 2);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().and_then(|mut file| file.write_image_data(&[0, 90, 200, 0])).expect("a picture");
    folder.run(&["train", "data", "--epochs", "2", "--batch", "4", "--save", "m", "--quiet"]).well();
    folder
}

/// Gives the model other names of its classes and of its data.
fn rename(model: &Path, classes: &[&str], data: &str) {
    let bytes = fs::read(model).expect("a model");
    let (_, metadata) = SafeTensors::read_metadata(&bytes).expect("a header");
    let tensors = SafeTensors::deserialize(&bytes).expect("tensors");
    let entries = metadata.metadata().as_ref().expect("metadata");
    let mut card: serde_json::Value = serde_json::from_str(&entries["layerloop"]).expect("a card");
    card["classes"] = serde_json::json!(classes);
    card["receipt"]["note"] = serde_json::json!(data);
    let entries = [("layerloop".to_owned(), card.to_string())];
    fs::write(model, serialize(tensors.tensors(), Some(entries.into())).expect("a file")).expect("a file");
}

/// Characters that a terminal acts upon, other than the end of a line.
fn controls(text: &str) -> Vec<char> {
    let bidi =
        |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|&c| c != '\n' && (c.is_control() || bidi(c))).collect()
}

/// The names in a model file are written by whoever made it; they went to the terminal as they are, and it obeyed them.
#[test]
fn control_characters_in_names_are_shown_escaped() {
    let folder = with_model();
    let evil = ["\u{1b}]0;x\u{7}zero", "one\r\u{1b}[2Kfake\nline", "\u{9b}31m\u{202e}two"];
    rename(&folder.path("m"), &evil, "\u{1b}[2J\u{85}");
    let commands = [
        "summary m",
        "eval m",
        "eval m --json",
        "eval m --metrics f1",
        "predict m p.png",
        "predict m p.png --json",
        "predict m p.png --attribution saliency",
        "predict m p.png --attribution saliency --class missing",
        "outliers m --top 3",
        "outliers m --top 3 --json",
        "explain m",
        "explain m --json",
        "explain m --step",
        "explain m --mistakes",
        "explain m --mistakes --json",
        "explain m --units",
        "explain m --curvature",
        "replay m",
        "check-gradients m",
    ];
    for command in commands {
        let said = folder.run(&command.split(' ').collect::<Vec<_>>());
        assert_eq!(controls(&(said.out.clone() + &said.err)), [], "{command}: {said:?}");
        assert!(!said.out.lines().any(|text| text.starts_with("line")), "{command}: {said:?}");
    }
    let said = folder.run(&["predict", "m", "p.png", "--json"]).well();
    assert!(
        evil.contains(&said.last()["predicted"].as_str().expect("a text")),
        "an object holds the name itself: {said:?}"
    );
}

/// So do the paths in messages, ours and those about the options.
#[test]
fn control_characters_in_what_was_typed_are_shown_escaped() {
    let folder = with_model();
    let evil = "no\u{1b}[31m\u{9b}such\r\u{202e}";
    let cases: [&[&str]; 9] = [
        &["predict", "m", evil],
        &["eval", evil],
        &["train", evil],
        &["train", "--run", evil, "--epochs", "1"],
        &["train", "--resume", evil],
        &["train", "--activation", evil],
        &["train", "digits", evil],
        &["train", "--save", "missing/\u{1b}[31m"],
        &[evil],
    ];
    for args in cases {
        let said = folder.run(args);
        assert_eq!(controls(&(said.out.clone() + &said.err)), [], "{args:?}: {said:?}");
    }
    // Of data: the folder's name.
    let data = format!("{evil}-data");
    fs::rename(folder.path("data"), folder.path(&data)).expect("a folder");
    for more in [&["--quiet"][..], &["--json"], &[]] {
        let said = folder.run(&[&["train", &data, "--epochs", "1", "--save", "n"], more].concat()).well();
        assert_eq!(controls(&(said.out.clone() + &said.err)), [], "{said:?}");
    }
}

/// A message that could not be written was a panic: exit code 101 here, and for ever a wait for the writer of checkpoints, which
/// had panicked too.
#[cfg(target_os = "linux")]
#[test]
fn an_unwritable_standard_error_changes_neither_the_end_nor_the_exit_code() {
    let folder = with_model();
    fs::create_dir(folder.path("r")).expect("a folder");
    let cases: [(&[&str], i32); 6] = [
        (&["eval", "missing"], 1),
        (&["train", "--lr", "x"], 2),
        (&["train", "--epochs", "40", "--lr", "1", "--early-stopping", "test_loss", "--patience", "1", "--no-save"], 0),
        (&["train", "data", "--last-activation", "sigmoid", "--epochs", "1", "--no-save"], 0),
        (&["frobnicate"], 2),
        (&[], 2),
    ];
    for (args, code) in cases {
        let full = fs::File::options().write(true).open("/dev/full").expect("a device");
        let (reader, nobody_reads) = std::io::pipe().expect("a pipe");
        drop(reader);
        for stderr in [Stdio::from(full), Stdio::from(nobody_reads)] {
            let mut command = folder.command(args);
            let said = Said::new(command.stderr(stderr).output().expect("the binary starts"));
            assert_eq!(said.code, code, "{args:?}: {said:?}");
        }
    }
}

/// Standard output on a full disk is a failure, of help too; one that nobody reads is none.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_standard_output_is_an_error_and_a_closed_pipe_is_none() {
    let folder = with_model();
    for args in [&["summary", "m"][..], &["--help"], &["train", "--help"], &["list"], &["eval", "m", "--json"]] {
        let full = fs::File::options().write(true).open("/dev/full").expect("a device");
        let said = Said::new(folder.command(args).stdout(full).output().expect("the binary starts"));
        assert!(said.refusal(1).contains("standard output: No space left on device"), "{args:?}: {said:?}");
        let (reader, nobody_reads) = std::io::pipe().expect("a pipe");
        drop(reader);
        Said::new(folder.command(args).stdout(nobody_reads).output().expect("the binary starts")).well();
    }
}
