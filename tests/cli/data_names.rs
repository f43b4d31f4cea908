//! Data sets, and how they are named: by a name, or by a path of whatever bytes.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use super::Folder;

/// The receipt kept the path of the file that happened to have the name of the set: replay and resume looked for a folder of images
/// there, for ever.
#[test]
fn a_file_or_a_folder_does_not_hide_the_built_in_set_of_its_name() {
    let folder = Folder::new();
    fs::write(folder.path("digits"), "").expect("a file");
    fs::create_dir(folder.path("diabetes")).expect("a folder");
    for name in ["digits", "diabetes"] {
        let run = format!("run-{name}");
        folder.run(&["train", name, "--epochs", "2", "--run", &run, "--quiet"]).well();
        folder.run(&["replay", &format!("{run}/model.safetensors")]).well();
        folder.run(&["train", "--resume", &run, "--quiet"]).well();
    }
    let refused = folder.run(&["train", "./digits"]);
    assert!(
        refused.refusal(1).contains("./digits: this is an empty file; a table with a line of names"),
        "{refused:?}"
    );
}

/// Each of these panicked in the JSON of a path, the first after the training.
#[test]
fn paths_that_are_not_utf_8_work() {
    let folder = Folder::new();
    let name = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
    let with = |args: &[&str], more: &[&OsStr]| {
        let said = super::Said::new(folder.command(args).args(more).output().expect("the binary starts"));
        assert_eq!(said.code, 0, "{args:?} {said:?}");
    };
    let train = ["train", "digits", "--epochs", "1"];
    with(&[&train[..], &["--json", "--save"]].concat(), &[&name(b"m-\xe9.safetensors")]);
    with(&[&train[..], &["--quiet", "--run"]].concat(), &[&name(b"r-\xe9")]);
    with(
        &[&train[..], &["--quiet", "--save", "w.safetensors", "--warm-start"]].concat(),
        &[&name(b"m-\xe9.safetensors")],
    );
    with(&["eval"], &[&name(b"m-\xe9.safetensors")]);
    with(&["train", "--resume"], &[&name(b"r-\xe9")]);
}
