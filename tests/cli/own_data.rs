//! Data of one's own: folders of pictures and of IDX files, and how a model finds again what it was trained on.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use layerloop::data::Dataset;
use layerloop_data::LoadOptions;

use super::faults::idx;
use super::{Folder, Said};

/// Writes the built-in digits as PNG files: `place/CLASS/ROW.png`.
pub(super) fn write_digits(folder: &Folder, place: &str, rows: usize, draw: fn(u8) -> u8) {
    let digits = layerloop_data::load("digits", &LoadOptions::default(), &mut |_| {}).expect("they are built in").train;
    for row in 0..rows {
        let name = format!("{place}/{}/{row:04}.png", digits.labels()[row]);
        let pixels: Vec<u8> = bytes(&digits, row).into_iter().map(draw).collect();
        write_png(folder, &name, &pixels);
    }
}

fn bytes(data: &Dataset, row: usize) -> Vec<u8> {
    data.row(row).iter().map(|value| (value * 255.0).round() as u8).collect()
}

fn write_png(folder: &Folder, name: &str, pixels: &[u8]) {
    fs::create_dir_all(folder.path(name).parent().expect("a folder")).expect("a folder");
    let mut encoder = png::Encoder::new(fs::File::create(folder.path(name)).expect("a file"), 8, 8);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().and_then(|mut writer| writer.write_image_data(pixels)).expect("an image");
}

/// Writes the digits as the four IDX files of `place`; `first` is the label of the first row.
fn write_idx(folder: &Folder, place: &str, first: u8) {
    let digits = layerloop_data::load("digits", &LoadOptions::default(), &mut |_| {}).expect("they are built in");
    fs::create_dir_all(folder.path(place)).expect("a folder");
    for (part, data, rows) in [("train", &digits.train, 300), ("t10k", &digits.test, 100)] {
        let pixels: Vec<u8> = (0..rows).flat_map(|row| bytes(data, row)).collect();
        let mut labels: Vec<u8> = data.labels()[..rows].iter().map(|&label| label as u8).collect();
        labels[0] = first;
        let write = |name: &str, bytes: Vec<u8>| fs::write(folder.path(place).join(format!("{part}-{name}")), bytes);
        write("images-idx3-ubyte", idx(3, &[rows as u32, 8, 8], &pixels)).expect("a file");
        write("labels-idx1-ubyte", idx(1, &[rows as u32], &labels)).expect("a file");
    }
}

#[test]
fn a_folder_of_pictures_is_trained_on_evaluated_and_replayed() {
    let folder = Folder::new();
    write_digits(&folder, "pictures", 600, |v| v);
    let said = folder.run(&["train", "pictures", "--epochs", "20", "--lr", "5e-3", "--save", "m.safetensors"]).well();
    assert!(said.err.contains("note: pictures has no test part: 120 of its 600 images are kept back"), "{said:?}");
    assert!(said.out.contains("480 samples to train on, 120 to test on, 10 classes"), "{said:?}");
    let eval = folder.run(&["eval", "m.safetensors", "--json"]).well().last();
    assert!(eval["accuracy"].as_f64().unwrap() > 0.85, "{eval}");
    assert_eq!((&eval["rows"], &eval["data"]), (&120.into(), &"pictures test".into()));
    folder.run(&["replay", "m.safetensors"]).well();
    folder.run(&["outliers", "m.safetensors", "--part", "train"]).well();
    folder.run(&["explain", "m.safetensors", "--sample", "3"]).well();
    folder.run(&["explain", "m.safetensors", "--mistakes"]).well();

    // The same pictures in another size.
    let said = folder.run(&["train", "pictures", "--size", "12x10", "--epochs", "1", "--save", "s.safetensors"]).well();
    assert!(said.out.contains("120 -> 32 sigmoid -> 10"), "{said:?}");
    let summary = folder.run(&["summary", "s.safetensors", "--json"]).well().last();
    assert_eq!(summary["receipt"]["arguments"]["size"][0], "12x10");
    folder.run(&["eval", "s.safetensors"]).well();
    folder.run(&["replay", "s.safetensors"]).well();
    let refused = folder.run(&["train", "digits", "--size", "9"]);
    assert_eq!(
        refused.refusal(2),
        "error: --size: the images of digits are 8 x 8 pixels; only the pictures of a folder are scaled"
    );
    let refused = folder.run(&["train", "pictures", "--size", "0x4"]);
    assert!(
        refused.refusal(2).contains("expected WIDTHxHEIGHT in pixels from 1 to 8192, such as 28x28"),
        "{refused:?}"
    );
}

/// A model whose data was named relative to a folder could not be evaluated elsewhere.
#[test]
fn a_model_finds_its_data_from_any_folder() {
    let folder = Folder::new();
    write_idx(&folder, "own", 3);
    write_digits(&folder, "pictures", 100, |v| v);
    fs::create_dir(folder.path("elsewhere")).expect("a folder");
    for data in ["own", "pictures"] {
        let args = ["train", data, "--epochs", "2", "--batch", "16", "--validation", "0.1", "--limit", "60", "--save"];
        folder.run(&[&args[..], &["m.safetensors"]].concat()).well();
        for args in [
            &["eval", "../m.safetensors"][..],
            &["outliers", "../m.safetensors"],
            &["outliers", "../m.safetensors", "--part", "train"],
            &["explain", "../m.safetensors"],
            &["explain", "../m.safetensors", "--part", "train", "--units"],
            &["explain", "../m.safetensors", "--mistakes", "--json"],
            &["replay", "../m.safetensors"],
        ] {
            let mut command = folder.command(args);
            command.current_dir(folder.path("elsewhere"));
            Said::new(command.output().expect("it starts")).well();
        }
    }
}

/// A folder of the same name with other data in it was evaluated without a word.
#[test]
fn other_data_in_the_place_of_a_model_s_own_is_refused() {
    let folder = Folder::new();
    write_idx(&folder, "own", 3);
    folder.run(&["train", "own", "--epochs", "2", "--batch", "16", "--save", "m.safetensors"]).well();
    write_idx(&folder, "own", 4);
    for (args, part) in [
        (&["eval", "m.safetensors"][..], "test"),
        (&["outliers", "m.safetensors", "--part", "train"], "training"),
        (&["explain", "m.safetensors"], "test"),
        (&["explain", "m.safetensors", "--mistakes"], "training"),
    ] {
        let said = folder.run(args);
        let sentence = format!("own: the {part} rows are not those that the model was trained with: their SHA-256 is ");
        assert!(said.refusal(1).contains(&sentence) && said.err.contains("name the data"), "{said:?}");
        // Data that is named explicitly is not checked.
        folder.run(&[&args[..2], &["own"], &args[2..]].concat()).well();
    }
    fs::remove_dir_all(folder.path("own")).expect("it is there");
    let said = folder.run(&["eval", "m.safetensors"]);
    assert!(said.refusal(2).contains("the model was trained on it: name the data to use instead"), "{said:?}");
}

/// What a data set's name stood for was looked for in the cache, or downloaded, where `LAYERLOOP_DATA` was not set again.
#[test]
fn the_folder_that_layerloop_data_named_is_found_again() {
    let Some(data) = super::data_dir("the_folder_that_layerloop_data_named_is_found_again") else { return };
    let folder = Folder::new();
    let mut train = folder.command(&["train", "mnist", "--limit", "100", "--epochs", "1", "--run", "r", "--quiet"]);
    Said::new(train.env("LAYERLOOP_DATA", &data).output().expect("it starts")).well();
    folder.run(&["eval", "r/model.safetensors"]).well();
    folder.run(&["replay", "r/model.safetensors"]).well();
    folder.run(&["train", "--resume", "r", "--epochs", "2", "--anyway", "--quiet"]).well();
}

/// A receipt is JSON and keeps no path that is not UTF-8: it says so.
#[test]
fn a_receipt_says_that_it_could_not_keep_a_path() {
    let folder = Folder::new();
    write_idx(&folder, "own", 3);
    let name = OsStr::from_bytes(b"own-\xe9");
    fs::rename(folder.path("own"), folder.0.path().join(name)).expect("a folder");
    let mut train = folder.command(&["train", "--epochs", "1", "--save", "m.safetensors"]);
    Said::new(train.arg(name).output().expect("it starts")).well();
    let said = folder.run(&["eval", "m.safetensors"]);
    assert!(said.refusal(2).contains("its path was not UTF-8, which a receipt cannot have"), "{said:?}");
    let mut eval = folder.command(&["eval", "m.safetensors"]);
    Said::new(eval.arg(name).output().expect("it starts")).well();
}

#[test]
fn a_picture_file_is_explained() {
    let folder = Folder::new();
    write_digits(&folder, "pictures", 40, |v| v);
    folder.run(&["train", "digits", "--epochs", "10", "--hidden", "4", "--save", "m.safetensors"]).well();
    let picture = std::fs::read_dir(folder.path("pictures/3")).expect("a folder").flatten().next().expect("a picture");
    let picture = picture.path().display().to_string();
    let predicted = folder.run(&["predict", "m.safetensors", &picture, "--json"]).well().last();
    let said = folder.run(&["explain", "m.safetensors", &picture, "--json"]).well();
    assert!(said.err.contains("note: the true class is unknown"), "{said:?}");
    assert_eq!((&said.last()["predicted"], &said.last()["label"]), (&predicted["predicted"], &predicted["predicted"]));
    let right = folder.run(&["explain", "m.safetensors", &picture, "--label", "3", "--html", "walk.html"]).well();
    assert!(right.out.contains("class 3") && right.err.is_empty() && folder.path("walk.html").exists(), "{right:?}");
    let refused = folder.run(&["explain", "m.safetensors", &picture, "--label", "three"]);
    assert!(refused.refusal(2).contains("--label: `three` is none of the classes 0, 1, 2"), "{refused:?}");
    let refused = folder.run(&["explain", "m.safetensors", "--label", "3"]);
    assert!(refused.refusal(2).contains("a data set has its labels"), "{refused:?}");
    std::fs::write(folder.path("x.npy"), b"\x93NUMPY\x01\0").expect("a file");
    let refused = folder.run(&["explain", "m.safetensors", "x.npy"]);
    assert!(refused.refusal(1).contains("x.npy: this is a NumPy array"), "{refused:?}");
}
