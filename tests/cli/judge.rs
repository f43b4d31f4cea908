//! `layerloop eval`, `summary` and `check-gradients`.

use std::process::Command;

use serde_json::Value;

use super::{Folder, Said, data_dir};

/// A folder with `m.safetensors`, trained for some epochs, and what the training said last.
fn trained() -> (Folder, Value) {
    let folder = Folder::new();
    let done = folder.run(&["train", "--epochs", "10", "--json", "--save", "m.safetensors"]).well().last();
    (folder, done)
}

#[test]
fn eval_agrees_with_train_and_its_confusion_matrix_with_its_accuracy() {
    let (folder, done) = trained();
    let judged = folder.run(&["eval", "m.safetensors", "--json"]).well().last();
    assert_eq!(judged["rows"], 360);
    assert_eq!((&judged["accuracy"], &judged["loss"]), (&done["test_accuracy"], &done["test_loss"]));
    let counts: Vec<Vec<u64>> = serde_json::from_value(judged["confusion"].clone()).unwrap();
    let right: u64 = (0..10).map(|class| counts[class][class]).sum();
    assert_eq!(right as f64 / 360.0, judged["accuracy"].as_f64().unwrap());
    assert!(judged["top_2_accuracy"].as_f64() > judged["accuracy"].as_f64());
    for (class, (row, scores)) in counts.iter().zip(judged["classes"].as_array().unwrap()).enumerate() {
        let taken: u64 = counts.iter().map(|row| row[class]).sum();
        assert_eq!(scores["support"].as_u64(), Some(row.iter().sum()));
        assert_eq!(scores["recall"].as_f64().unwrap(), row[class] as f64 / row.iter().sum::<u64>() as f64);
        assert_eq!(scores["precision"].as_f64().unwrap(), row[class] as f64 / taken as f64);
    }
}

#[test]
fn eval_prints_loss_accuracies_matrix_and_scores_by_class() {
    let (folder, _) = trained();
    let said = folder.run(&["eval", "m.safetensors", "digits"]).well();
    for part in [
        "digits test, 360 rows\n",
        "loss 0.",
        "accuracy 0.",
        "top-2 accuracy 0.",
        "Confusion matrix",
        "precision  recall      F1  rows",
    ] {
        assert!(said.out.contains(part), "{part} is missing in\n{}", said.out);
    }
}

#[test]
fn data_of_another_width_is_refused_with_both_widths() {
    let Some(data) = data_dir("data_of_another_width_is_refused_with_both_widths") else { return };
    let (folder, _) = trained();
    let said = folder.run(&["eval", "m.safetensors", "mnist", "--data-dir", &data.to_string_lossy()]);
    assert!(said.refusal(1).ends_with("mnist test: inputs of a sample: expected 64, got 784"), "{said:?}");
}

#[test]
fn summary_prints_layers_parameters_and_receipt() {
    let (folder, done) = trained();
    let said = folder.run(&["summary", "m.safetensors"]).well();
    let digest = done["weights_sha256"].as_str().unwrap();
    for part in [
        "64 -> 32 sigmoid -> 10 -> softmax",
        "1       64 -> 32  sigmoid",
        "2,410",
        "8 x 8 pixels",
        digest,
        "\"seed\": 0",
    ] {
        assert!(said.out.contains(part), "{part} is missing in\n{}", said.out);
    }
}

#[test]
fn check_gradients_passes_and_shows_the_largest_error_of_each_layer() {
    let (folder, _) = trained();
    for model in [&[][..], &["m.safetensors"]] {
        let said = folder.run(&[&["check-gradients"], model].concat()).well();
        assert!(said.out.contains("fast vs math") && said.out.contains("\npassed: "), "{}", said.out);
        let check = folder.run(&[&["check-gradients", "--json"], model].concat()).well().last();
        assert_eq!(check["passed"], true);
        for layer in check["check"]["layers"].as_array().unwrap() {
            assert!(layer["fast_vs_math"].as_f64() < check["check"]["fast_vs_math_tolerance"].as_f64(), "{layer}");
            assert!(layer["math_vs_differences"].as_f64().unwrap() < 1e-6, "{layer}");
        }
    }
}

#[test]
fn a_model_that_is_not_there_is_named() {
    let folder = Folder::new();
    for command in ["eval", "summary", "check-gradients"] {
        let said = folder.run(&[command, "none.safetensors"]);
        assert!(said.refusal(1).contains("none.safetensors: No such file"), "{said:?}");
    }
}

#[test]
fn a_reader_who_leaves_is_no_error_and_a_full_disk_behind_stdout_is_one() {
    let (folder, _) = trained();
    let through_sh = |line: &str| {
        let mut sh = Command::new("sh");
        sh.args(["-c", line, env!("CARGO_BIN_EXE_layerloop")]).current_dir(folder.path("."));
        Said::new(sh.output().expect("sh starts"))
    };
    let left = through_sh("\"$0\" eval m.safetensors | head -c 1");
    assert_eq!((left.code, left.err.as_str()), (0, ""), "{left:?}");
    let full = through_sh("\"$0\" eval m.safetensors > /dev/full");
    assert!(full.refusal(1).contains("standard output: No space left"), "{full:?}");
}
