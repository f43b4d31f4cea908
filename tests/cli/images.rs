//! Images: recipes, augmentation, variants, ensembles, contact sheets.

use std::fs;

use super::{Folder, Said, data_dir};

fn sha256(said: &Said) -> String {
    said.last()["weights_sha256"].as_str().expect("weights").to_owned()
}

#[test]
fn a_recipe_sets_all_that_is_not_typed_and_the_receipt_keeps_it() {
    let folder = Folder::new();
    let said = folder.run(&["train", "digits", "--recipe", "fast", "--save", "fast.safetensors"]).well();
    assert!(said.out.contains("64 -> 48 relu -> 10 -> softmax"), "{said:?}");
    assert!(said.out.contains("--epochs 19 --batch 16 --optimizer adam --lr 0.01 "));
    assert!(said.out.contains("train digits --recipe accurate "), "the next one: {said:?}");
    let replayed = folder.run(&["replay", "fast.safetensors", "--json"]).well();
    assert_eq!(replayed.last()["same"], true);
    let summary = folder.run(&["summary", "fast.safetensors", "--json"]).well().last();
    assert_eq!(summary["receipt"]["arguments"]["recipe"][0], "fast");
    assert_eq!(summary["receipt"]["arguments"]["schedule"][0], "one-cycle");
    // Each option by itself, and the whole network.
    let changed = ["train", "digits", "--recipe", "augmented", "--no-save", "--hidden", "20", "--epochs", "1"];
    let said = folder.run(&[&changed[..], &["--augment", ""]].concat()).well();
    assert!(said.out.contains("64 -> 20 relu -> 10") && said.out.contains("--epochs 1 "), "{said:?}");
    assert!(!said.out.contains("--augment") && said.out.contains("train digits --recipe best "), "{said:?}");
    let network =
        ["train", "digits", "--recipe", "best", "--no-save", "--epochs", "1", "--network", "64 -> 9 tanh -> 10"];
    let said = folder.run(&[&network[..], &["--ensemble", "2"]].concat()).well();
    assert!(said.out.contains("64 -> parallel(9 tanh -> 10 | 9 tanh -> 10, join=mean) -> softmax"), "{said:?}");
    assert!(!said.out.contains("Next:"), "there is no better recipe: {said:?}");
    let warm = ["train", "--recipe", "best", "--warm-start", "fast.safetensors", "--no-save", "--epochs", "1"];
    assert!(folder.run(&warm).well().out.contains("64 -> 48 relu -> 10 -> softmax"));
}

#[test]
fn recipes_are_listed_with_their_options_and_refuse_tables() {
    let folder = Folder::new();
    let list = folder.run(&["list", "recipes"]).well().out;
    for said in [
        "fast",
        "accurate",
        "augmented",
        "best",
        "plain",
        "--hidden 192 --activation relu --epochs 3",
        "elastic=36,5",
        "--label-smoothing 0.1",
    ] {
        assert!(list.contains(said), "{said} in {list}");
    }
    let said = folder.run(&["train", "diabetes", "--recipe", "fast"]).refusal(2).to_owned();
    assert!(said.contains("recipe: `fast` is for images; diabetes has rows of numbers"), "{said}");
    let said = folder.run(&["train", "--recipe", "fsat"]).refusal(2).to_owned();
    assert!(said.contains("did you mean `fast`?"), "{said}");
}

#[test]
fn an_augmented_ensemble_resumes_inside_an_epoch_to_the_bit_and_is_replayed() {
    let folder = Folder::new();
    let augment = "shift=1 rotate=10 elastic=5,2 noise=0.05 mixup=0.3";
    let options = ["--hidden", "24", "--epochs", "8", "--augment", augment, "--ensemble", "3", "--dropout", "0.1"];
    let all = |more: &[&str]| folder.run(&[&["train", "--json"], &options[..], more].concat()).well();
    let whole = sha256(&all(&["--threads", "2", "--save", "whole.safetensors"]));
    all(&["--run", "r", "--time-limit", "0.03s", "--checkpoint-every", "7steps"]);
    let resumed = folder.run(&["train", "--resume", "r", "--time-limit", "600s", "--json", "--threads", "1"]).well();
    assert_eq!(sha256(&resumed), whole);
    assert_eq!(folder.run(&["replay", "r/model.safetensors", "--json"]).well().last()["same"], true);
    let page = fs::read_to_string(folder.path("r/report.html")).expect("a report");
    assert!(page.contains("Augmented images</h2>") && page.contains(augment));
    assert_eq!(page.matches("alt=\"augmented row").count(), 32);
    assert!(folder.run(&["check-gradients", "whole.safetensors"]).well().out.contains("passed"));
}

#[test]
fn variants_of_images_are_averaged_where_something_says_how_they_vary() {
    let folder = Folder::new();
    let train = ["train", "--epochs", "10", "--activation", "relu", "--quiet", "--save"];
    folder.run(&[&train[..], &["augmented.safetensors", "--augment", "shift=0.5 rotate=5 noise=0.1"]].concat()).well();
    folder.run(&[&train[..], &["plain.safetensors"]].concat()).well();
    let eval = |args: &[&str]| folder.run(&[&["eval", "--json"], args].concat());
    let accuracy = |args: &[&str]| eval(args).well().last()["accuracy"].as_f64().expect("a number");
    let [one, same, eight] = ["1", "1", "8"].map(|n| accuracy(&["augmented.safetensors", "--tta", n]));
    assert_eq!(one, same);
    assert_eq!(one, accuracy(&["augmented.safetensors"]));
    assert!(
        eight >= one - 0.01
            && eval(&["augmented.safetensors", "--tta", "8"]).out != eval(&["augmented.safetensors"]).out
    );
    assert!(accuracy(&["plain.safetensors", "--tta", "4", "--augment", "shift=0.3"]) > 0.9);
    let said = eval(&["plain.safetensors", "--tta", "4"]).refusal(2).to_owned();
    assert!(said.contains("--tta: the model was trained without --augment; say how images vary"), "{said}");
    folder.run(&["train", "diabetes", "--quiet", "--save", "table.safetensors"]).well();
    let said = eval(&["table.safetensors", "--tta", "4", "--augment", "shift=1"]).refusal(2).to_owned();
    assert!(said.contains("--tta: the inputs of this network are not images"), "{said}");
    assert!(eval(&["plain.safetensors", "--augment", "shift=1"]).refusal(2).contains("--tta"));
    assert!(
        eval(&["plain.safetensors", "--tta", "0", "--augment", "shift=1"])
            .refusal(2)
            .contains("--tta: 0; an image is looked at once, at least")
    );
    folder.run(&["show", "--count", "1", "--out", "one.png"]).well();
    let predict = ["predict", "augmented.safetensors", "one.png", "--json"];
    let [plain, moved] =
        [&[][..], &["--tta", "16"]].map(|more| folder.run(&[&predict[..], more].concat()).well().last());
    assert_ne!(plain["probabilities"], moved["probabilities"]);
}

#[test]
fn wrong_augmentations_are_refused_in_one_sentence_and_odd_ones_are_warned_of() {
    let folder = Folder::new();
    let refused = |data: &str, augment: &str| {
        folder.run(&["train", data, "--no-save", "--augment", augment]).refusal(2).to_owned()
    };
    for (data, augment, why) in [
        ("digits", "rotate=400", "degrees: 400; it is from 0 to 180"),
        ("digits", "spin=4", "unknown distortion `spin`"),
        ("digits", "rotate", ""),
        ("digits", "shift=1 shift=2", "`shift` is named twice"),
        ("diabetes", "shift=1", "has rows of numbers, not images; only images can be augmented"),
    ] {
        if why.is_empty() {
            folder.run(&["train", data, "--no-save", "--epochs", "1", "--augment", augment]).well(); // its default
            continue;
        }
        let said = refused(data, augment);
        assert!(said.contains(why) && said.contains("augment") && said.lines().count() == 1, "{said}");
    }
    let flipped = ["train", "--no-save", "--epochs", "1", "--augment", "flip=horizontal"];
    let said = folder.run(&flipped).well();
    assert!(said.err.contains("warning: a mirrored character may be of another class"), "{said:?}");
}

/// Width and height of a PNG file.
fn size(folder: &Folder, name: &str) -> (u32, u32) {
    let bytes = fs::read(folder.path(name)).expect("a file");
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
    (number(16), number(20))
}

#[test]
fn a_contact_sheet_shows_images_as_they_are_or_as_epochs_see_them() {
    let folder = Folder::new();
    folder.run(&["show"]).well();
    // Eight in a row, eleven times as large, three pixels between them.
    let side = 8 * (8 * 11 + 3) + 3;
    assert_eq!(size(&folder, "sheet.png"), (side, side));
    let augmented = ["show", "digits", "--augment", "shift=1 mixup=0.5", "--count", "2", "--part", "test"];
    let said = folder.run(&augmented).well();
    assert_eq!(said.out, "2 images of 8 x 8 pixels drawn as sheet.png\n", "its own file may be replaced");
    assert_eq!(size(&folder, "sheet.png"), (side, 2 * 91 + 3));
    let first = fs::read(folder.path("sheet.png")).expect("a file");
    folder.run(&[&augmented[..], &["--seed", "1"]].concat()).well();
    assert_ne!(fs::read(folder.path("sheet.png")).expect("a file"), first);
    fs::write(folder.path("notes.txt"), "mine").expect("a file");
    assert!(folder.run(&["show", "--out", "notes.txt"]).refusal(2).contains("notes.txt is a text file"));
    assert!(folder.run(&["show", "diabetes"]).refusal(2).contains("diabetes has rows of numbers, not images"));
    assert!(folder.run(&["show", "--count", "0"]).refusal(2).contains("--count: 0 images"));
    assert!(folder.run(&["show", "--augment", "spin=1"]).refusal(2).contains("unknown distortion `spin`"));
}

#[test]
fn the_time_to_an_accuracy_counts_from_the_start_of_a_process() {
    let Some(data) = data_dir("the time to an accuracy") else { return };
    let folder = Folder::new();
    let mnist = data.join("mnist");
    let bench = ["bench", "--job", "time-to-accuracy", "--target", "0.9", "--json", "--svg", "chart.svg", "--data-dir"];
    let said = folder.run(&[&bench[..], &[mnist.to_str().expect("a path")]].concat()).well().last();
    let seconds = |name: &str| said[name].as_f64().expect("a number");
    assert!(seconds("reached_s") < seconds("process_s") && seconds("train_s") < seconds("process_s"), "{said}");
    assert!(seconds("accuracy") > 0.975, "{said}");
    assert_eq!(said["all_s"].as_array().map(Vec::len), Some(5));
    let chart = fs::read_to_string(folder.path("chart.svg")).expect("a chart");
    assert!(chart.starts_with("<svg xmlns=") && chart.contains("seed 4") && chart.contains("</style>"));
    let said = folder.run(&["bench", "--job", "time-to-accuracy", "--target", "2"]).refusal(2).to_owned();
    assert!(said.contains("--target: 2; it is an accuracy"), "{said}");
}
