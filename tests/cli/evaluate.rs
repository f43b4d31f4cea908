//! `layerloop eval`, `summary` and `check-gradients`.

use std::fs::{self, File};
use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use super::faults::{idx, with_model};
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
    let evaluated = folder.run(&["eval", "m.safetensors", "--json"]).well().last();
    assert_eq!(evaluated["rows"], 360);
    assert_eq!((&evaluated["accuracy"], &evaluated["loss"]), (&done["test_accuracy"], &done["test_loss"]));
    let counts: Vec<Vec<u64>> = serde_json::from_value(evaluated["confusion"].clone()).unwrap();
    let right: u64 = (0..10).map(|class| counts[class][class]).sum();
    assert_eq!(right as f64 / 360.0, evaluated["accuracy"].as_f64().unwrap());
    assert!(evaluated["top_2_accuracy"].as_f64() > evaluated["accuracy"].as_f64());
    for (class, (row, scores)) in counts.iter().zip(evaluated["classes"].as_array().unwrap()).enumerate() {
        let taken: u64 = counts.iter().map(|row| row[class]).sum();
        assert_eq!(scores["support"].as_u64(), Some(row.iter().sum()));
        let recall = row[class] as f64 / row.iter().sum::<u64>() as f64;
        let precision = row[class] as f64 / taken as f64;
        assert_eq!(scores["recall"].as_f64().unwrap(), recall);
        assert_eq!(scores["precision"].as_f64().unwrap(), precision);
        let f1 = 2.0 * precision * recall / (precision + recall);
        assert!((scores["f1"].as_f64().unwrap() - f1).abs() < 1e-12, "class {class}: {scores}, F1 {f1}");
    }
    assert_eq!((counts.len(), evaluated["classes"].as_array().unwrap().len()), (10, 10));
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
fn eval_gives_the_metrics_that_are_asked_for() {
    let (folder, _) = trained();
    let asked = "f1,f1=micro,roc-auc,top-k=2,top-k=10,ece,log-loss";
    let evaluated = folder.run(&["eval", "m.safetensors", "--json", "--metrics", asked]).well().last();
    let names: Vec<&str> = evaluated["metrics"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["f1", "f1=micro", "roc_auc", "top_k", "top_k=10", "ece", "log_loss"]);
    let value = |name: &str| evaluated["metrics"][name].as_f64().unwrap();
    let classes = evaluated["classes"].as_array().unwrap();
    let f1 = classes.iter().map(|class| class["f1"].as_f64().unwrap()).sum::<f64>() / 10.0;
    assert!((value("f1") - f1).abs() < 1e-12);
    assert_eq!((value("f1=micro"), value("top_k=10")), (evaluated["accuracy"].as_f64().unwrap(), 1.0));
    assert_eq!(value("top_k"), evaluated["top_2_accuracy"].as_f64().unwrap());
    assert!((value("log_loss") - evaluated["loss"].as_f64().unwrap()).abs() < 1e-6);
    assert!(value("roc_auc") > 0.9 && value("ece") < 0.5, "{}", evaluated["metrics"]);

    let plain = folder.run(&["eval", "m.safetensors"]).well().out;
    let more = folder.run(&["eval", "m.safetensors", "--metrics", "accuracy,top-k=10"]).well().out;
    let accuracy = evaluated["accuracy"].as_f64().unwrap();
    assert_eq!(more, format!("{plain}\nmetric     value\naccuracy  {accuracy:.4}\ntop-k=10  1.0000\n"));
    assert!(folder.run(&["eval", "m.safetensors", "--json"]).well().last().get("metrics").is_none());
}

#[test]
fn metrics_that_are_not_there_are_refused_all_at_once() {
    let folder = Folder::new();
    let said = folder.run(&["eval", "none.safetensors", "--metrics", "f2,accuracy,roauc,top-k=0"]);
    let refusal = said.refusal(2);
    for part in ["metric `f2`; did you mean `f1`?", "metric `roauc`; did you mean `roc-auc`?", "k: 0; it is at least 1"]
    {
        assert!(refusal.contains(part), "{part} is missing in {refusal}");
    }
    let (folder, _) = trained();
    let said = folder.run(&["eval", "m.safetensors", "--metrics", "mse"]);
    assert!(said.refusal(2).contains("`mse` is a metric of numbers, and these predictions are of classes"), "{said:?}");
}

#[test]
fn data_of_another_width_is_refused_with_both_widths() {
    let Some(data) = data_dir("data_of_another_width_is_refused_with_both_widths") else { return };
    let (folder, _) = trained();
    let said = folder.run(&["eval", "m.safetensors", "mnist", "--data-dir", &data.to_string_lossy()]);
    assert!(said.refusal(1).ends_with("mnist test: inputs of a sample: expected 64, got 784"), "{said:?}");
}

#[test]
fn a_folder_of_images_of_another_size_is_refused_with_both_widths() {
    let (folder, _) = trained();
    fs::create_dir(folder.path("small")).unwrap();
    for part in ["train", "t10k"] {
        let images = format!("small/{part}-images-idx3-ubyte");
        fs::write(folder.path(&images), idx(3, &[10, 2, 3], &[7; 60])).unwrap();
        let labels: Vec<u8> = (0..10).collect();
        fs::write(folder.path(&images.replace("images-idx3", "labels-idx1")), idx(1, &[10], &labels)).unwrap();
    }
    let said = folder.run(&["eval", "m.safetensors", "small"]);
    assert!(said.refusal(1).ends_with("inputs of a sample: expected 64, got 6"), "{said:?}");
    assert_eq!(said.out, "");
}

#[test]
fn summary_prints_layers_parameters_and_receipt() {
    let (folder, done) = trained();
    let said = folder.run(&["summary", "m.safetensors"]).well();
    let digest = done["weights_sha256"].as_str().unwrap();
    for part in [
        "64 -> 32 sigmoid -> 10 -> softmax",
        "1       64 -> 32  sigmoid     glorot-uniform       2,080\n",
        "2       32 -> 10  identity    glorot-uniform         330\n",
        "  2,410\n",
        "8 x 8 pixels",
        digest,
        "\"seed\": 0",
        "\"epochs\": 10",
        "\"rows\": 1437",
    ] {
        assert!(said.out.contains(part), "{part} is missing in\n{}", said.out);
    }
}

#[test]
fn check_gradients_passes_and_shows_the_largest_error_of_each_layer() {
    let (folder, _) = trained();
    for (model, depth) in [(&[][..], 5), (&["m.safetensors"], 2)] {
        let said = folder.run(&[&["check-gradients"], model].concat()).well();
        assert!(said.out.contains("fast vs math") && said.out.contains("\npassed: "), "{}", said.out);
        let check = folder.run(&[&["check-gradients", "--json"], model].concat()).well().last();
        assert_eq!(check["passed"], true);
        let layers = check["check"]["layers"].as_array().unwrap();
        assert_eq!(layers.len(), depth, "{model:?}");
        for layer in layers {
            assert!(layer["fast_vs_math"].as_f64().unwrap() < 1e-5, "{layer}");
            assert!(layer["math_vs_differences"].as_f64().unwrap() < 1e-6, "{layer}");
            assert!(layer["measured"].as_u64().unwrap() > 0, "{layer}");
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

/// Each command that prints a result, for the model `m.safetensors`.
const TALKERS: [&str; 6] = [
    "eval m.safetensors",
    "eval m.safetensors --json",
    "summary m.safetensors",
    "check-gradients",
    "check-gradients m.safetensors --json",
    "train --epochs 1 --no-save",
];

/// Runs the command with this behind its stdout.
fn printing_to(folder: &Folder, args: &str, stdout: impl Into<Stdio>) -> Said {
    let mut command = folder.command(&args.split(' ').collect::<Vec<_>>());
    Said::new(command.stdout(stdout).stderr(Stdio::piped()).output().expect("the binary starts"))
}

#[test]
fn a_reader_who_leaves_is_no_error() {
    let (folder, _) = trained();
    for args in TALKERS {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let said = printing_to(&folder, args, writer);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{args}");
    }
}

#[test]
fn a_full_disk_behind_stdout_is_an_error() {
    let Ok(full) = File::options().write(true).open("/dev/full") else {
        let _ = writeln!(std::io::stderr(), "NOT RUN: a_full_disk_behind_stdout_is_an_error: there is no /dev/full");
        return;
    };
    let (folder, _) = trained();
    for args in TALKERS {
        let said = printing_to(&folder, args, full.try_clone().unwrap());
        assert!(said.refusal(1).contains("standard output: No space left"), "{args}: {said:?}");
    }
}

#[test]
fn outliers_are_listed_the_most_suspicious_first() {
    let (folder, _) = with_model();
    let listed = folder.run(&["outliers", "m.safetensors", "--top", "7", "--json"]).well().json();
    let losses: Vec<f64> = listed.iter().map(|object| object["loss"].as_f64().expect("a number")).collect();
    assert_eq!((losses.len(), &listed[6]["rank"]), (7, &7.into()));
    assert!(losses.is_sorted_by(|a, b| a >= b) && losses[6] > 0.0, "{losses:?}");
    let by = |by: &str, key: &str| {
        let listed = folder.run(&["outliers", "m.safetensors", "--share", "0.01", "--by", by, "--json"]).well().json();
        assert_eq!(listed.len(), 14, "1 % of 1,437");
        listed.iter().map(|object| object[key].as_f64().expect("a number")).collect::<Vec<f64>>()
    };
    assert!(by("gradient", "gradient_norm").is_sorted_by(|a, b| a >= b));
    assert!(by("margin", "margin").is_sorted());
    let text = folder.run(&["outliers", "m.safetensors", "--part", "test"]).well().out;
    assert!(
        text.starts_with("digits test, 360 rows, the most suspicious first\n\nrank  row  label  predicted"),
        "{text}"
    );
    assert_eq!(text.trim_end().lines().count(), 3 + 20, "{text}");

    let refused = |args: &[&str], code, sentence: &str| {
        let said = folder.run(&[&["outliers", "m.safetensors"], args].concat());
        assert!(said.refusal(code).contains(sentence), "{said:?}");
    };
    refused(&["--top", "0"], 2, "--top");
    refused(&["--share", "2"], 2, "`2`: expected a number above 0 and at most 1, such as 0.01");
    refused(&["--part", "all"], 2, "all");
    refused(&["diabetes"], 1, "inputs of a sample: expected 64, got 10");
    let numbers = ["train", "diabetes", "--network", "10 -> 8 batch-norm tanh -> 1 -> identity", "--quiet"];
    folder.run(&[&numbers[..], &["--save", "d.safetensors"]].concat()).well();
    let listed = folder.run(&["outliers", "d.safetensors", "--json"]).well().json();
    assert!(listed[0]["target"].is_array() && listed[0]["gradient_norm"].is_null(), "{:?}", listed[0]);
    for (by, sentence) in [("margin", "there are no classes"), ("gradient", "with a batch norm a row has no gradient")]
    {
        let said = folder.run(&["outliers", "d.safetensors", "--by", by]);
        assert!(said.refusal(2).contains(sentence), "{said:?}");
    }
}
