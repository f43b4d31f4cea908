//! Files of earlier versions: `tests/fixtures`.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::Folder;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a fixture").map(|entry| entry.expect("an entry").path()) {
        let to = to.join(entry.file_name().expect("a name"));
        if entry.is_dir() {
            copy(&entry, &to);
        } else {
            fs::copy(&entry, &to).expect("a copy");
        }
    }
}

/// A model is evaluated and trained again from its receipt; the run that was killed ends with the weights of that model.
#[test]
fn what_earlier_versions_wrote_is_loaded_replayed_and_resumed_to_the_bit() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    let mut count = 0;
    for day in fs::read_dir(fixtures).expect("fixtures").map(|entry| entry.expect("an entry").path()) {
        if !day.is_dir() {
            continue;
        }
        count += 1;
        let folder = Folder::new();
        copy(&day, &folder.path("old"));
        let model = folder.run(&["summary", "old/model.safetensors", "--json"]).well().json().remove(0);
        let accuracy =
            folder.run(&["eval", "old/model.safetensors", "--json"]).well().json().remove(0)["accuracy"].clone();
        assert!(accuracy.as_f64().is_some_and(|accuracy| accuracy > 0.8), "{day:?}: {accuracy}");
        folder.run(&["replay", "old/model.safetensors"]).well();
        let resumed = folder.run(&["train", "--resume", "old/run", "--json"]).well();
        assert_eq!(resumed.last()["weights_sha256"], model["weights_sha256"], "{day:?}");
    }
    assert!(count > 0);
}

/// A file of schema 3: any number of its classes is predicted.
#[test]
fn classes_that_do_not_exclude_each_other_are_predicted_each_by_itself() {
    let folder = Folder::new();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/labels.safetensors");
    fs::copy(fixture, folder.path("m.safetensors")).expect("a copy");
    fs::write(folder.path("rows.csv"), "x1,x2,x3\n1,1,0\n-1,1,0\n").expect("written");
    let said = folder.run(&["predict", "m.safetensors", "rows.csv", "--json"]).well().json();
    assert_eq!((said[0]["predicted"].clone(), said[1]["predicted"].clone()), (json!(["0", "1"]), json!(["1"])));
}
