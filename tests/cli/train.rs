//! `layerloop train`

use std::fs;
use std::io::Write as _;
use std::path::Path;

use safetensors::SafeTensors;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Folder, Said, data_dir};

/// A short run: two epochs on the built-in digits.
fn short(folder: &Folder, more: &[&str]) -> Said {
    folder.run(&[&["train", "--epochs", "2", "--json", "--no-save"], more].concat()).well()
}

fn sha256(said: &Said) -> String {
    said.last()["weights_sha256"].as_str().expect("a digest").to_string()
}

#[test]
fn without_an_argument_it_trains_the_digits_and_says_what_to_do_next() {
    let folder = Folder::new();
    let said = folder.run(&["train"]).well();
    let table = |line: &&str| line.trim_start().starts_with(|c: char| c.is_ascii_digit()) && line.contains("0.");
    let epochs = said.out.lines().skip_while(|line| !line.starts_with("epoch ")).filter(table).count();
    assert_eq!(epochs, 40, "{}", said.out);
    for part in [
        "E. Alpaydin and C. Kaynak",
        "1437 samples to train on, 360 to test on, 10 classes",
        "64 -> 32 sigmoid -> 10 -> softmax, 2410 parameters",
        "--epochs 40 --batch 32 --optimizer adam --lr 0.005 --seed 0",
        "\ntest accuracy 0.9",
        "\nsaved as digits.safetensors\n",
        " eval digits.safetensors",
        " predict digits.safetensors IMAGE.png",
        " summary digits.safetensors",
        " check-gradients digits.safetensors",
    ] {
        assert!(said.out.contains(part), "{part} is missing in\n{}", said.out);
    }
    assert_eq!(said.err, "", "no bar where stderr is no terminal");
    assert_eq!(folder.files(), ["digits.safetensors"]);
}

#[test]
fn json_is_one_object_a_line_and_done_is_the_last() {
    let folder = Folder::new();
    let said = folder.run(&["train", "--json"]).well();
    let events = said.json();
    let keys = |event: &Value| event.as_object().map(|o| o.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    for (i, event) in events[..40].iter().enumerate() {
        assert_eq!(keys(event), ["event", "epoch", "train_loss", "test_loss", "test_accuracy", "seconds"]);
        assert_eq!((&event["event"], event["epoch"].as_u64()), (&Value::from("epoch"), Some(i as u64 + 1)));
    }
    let done = &events[40];
    assert_eq!(events.len(), 41);
    assert_eq!(
        keys(done),
        [
            "event",
            "parameters",
            "steps",
            "train_seconds",
            "total_seconds",
            "test_loss",
            "test_accuracy",
            "weights_sha256",
            "model",
            "interrupted"
        ]
    );
    let number = |key: &str| done[key].as_f64().expect("a number");
    assert_eq!((number("parameters"), number("steps")), (2410.0, 1800.0));
    assert!(number("test_accuracy") >= 0.97 && number("test_accuracy") == events[39]["test_accuracy"]);
    assert!(number("train_seconds") <= number("total_seconds") && number("total_seconds") < 1.0);
    assert_eq!(done["model"], "digits.safetensors");
}

/// The parameters of a saved model in border order, little endian, by the safetensors crate alone.
fn border_order(bytes: &[u8]) -> Vec<u8> {
    let tensors = SafeTensors::deserialize(bytes).expect("a safetensors file");
    let names = ["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"];
    names.iter().flat_map(|name| tensors.tensor(name).expect("a tensor").data().to_vec()).collect()
}

#[test]
fn the_model_is_one_safetensors_file_whose_parameters_have_the_printed_digest() {
    let folder = Folder::new();
    let said = folder.run(&["train", "--json", "--epochs", "2", "--seed", "7", "--save", "m.safetensors"]).well();
    let bytes = fs::read(folder.path("m.safetensors")).unwrap();
    let digest: String = Sha256::digest(border_order(&bytes)).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, sha256(&said));

    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("layers.0.weight").unwrap().shape(), [32, 64]);
    assert_eq!(tensors.tensor("layers.1.bias").unwrap().shape(), [10]);
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let card: Value = serde_json::from_str(&metadata.metadata().as_ref().unwrap()["layerloop"]).unwrap();
    assert_eq!(card["specification"]["inputs"], 64);
    assert_eq!(card["classes"][9], "9");
    assert_eq!(card["input"]["scale"], 0.0625);
    let receipt = &card["receipt"];
    assert_eq!((&receipt["seed"], &receipt["options"]["epochs"]), (&Value::from(7), &Value::from(2)));
    assert_eq!((&receipt["data"]["name"], &receipt["data"]["rows"]), (&Value::from("digits"), &Value::from(1437)));
    assert_eq!(receipt["data"]["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(receipt["result"]["test_accuracy"], said.last()["test_accuracy"]);
    assert!(receipt["version"].is_string());
}

#[test]
fn equal_seeds_give_equal_bits_and_equal_files_whatever_the_threads() {
    let folder = Folder::new();
    let save = |threads: &str, file: &str| {
        folder.run(&["train", "--epochs", "2", "--quiet", "--threads", threads, "--save", file]).well();
        fs::read(folder.path(file)).expect("a model")
    };
    let one = save("1", "one");
    for threads in ["1", "2", "3", "4", "7"] {
        assert!(save(threads, "other") == one, "{threads} threads");
    }
    let [zero, other] = ["0", "1"].map(|seed| sha256(&short(&folder, &["--seed", seed])));
    assert_ne!(zero, other);
}

#[test]
fn every_option_is_taken() {
    let folder = Folder::new();
    let plain = sha256(&short(&folder, &[]));
    let cases: [(&[&str], u64); 11] = [
        (&["--hidden", "16,8"], 64 * 16 + 16 + 16 * 8 + 8 + 8 * 10 + 10),
        (&["--activation", "relu"], 2410),
        (&["--activation", "tanh"], 2410),
        (&["--output", "reference-softmax"], 2410 - 33),
        (&["--optimizer", "sgd"], 2410),
        (&["--optimizer", "momentum"], 2410),
        (&["--optimizer", "nesterov"], 2410),
        (&["--lr", "1e-4"], 2410),
        (&["--batch", "100"], 2410),
        (&["--limit", "100"], 2410),
        (&["--last-activation", "sigmoid"], 2410),
    ];
    for (options, parameters) in cases {
        let said = short(&folder, options);
        assert_eq!(said.last()["parameters"], parameters, "{options:?}");
        assert_ne!(sha256(&said), plain, "{options:?} changed nothing");
    }
    assert_eq!(short(&folder, &["--limit", "100", "--batch", "30"]).last()["steps"], 2 * 4);
}

#[test]
fn a_sigmoid_last_layer_is_warned_about_and_shows() {
    let folder = Folder::new();
    let accuracy = |said: &Said| said.last()["test_accuracy"].as_f64().expect("a number");
    let plain = folder.run(&["train", "--json", "--no-save", "--output", "reference-softmax"]).well();
    let crippled = ["train", "--json", "--no-save", "--output", "reference-softmax", "--last-activation", "sigmoid"];
    let crippled = folder.run(&crippled).well();
    assert_eq!(plain.err, "");
    assert!(crippled.err.contains("e / (e + 9) = 0.232"), "{}", crippled.err);
    assert!(crippled.err.contains("the last of the 10 classes can never win"), "{}", crippled.err);
    assert!(accuracy(&crippled) < accuracy(&plain) - 0.05, "{} {}", accuracy(&crippled), accuracy(&plain));
}

#[test]
fn quiet_says_nothing_and_no_save_leaves_nothing() {
    let folder = Folder::new();
    let said = folder.run(&["train", "--quiet", "--no-save"]).well();
    assert_eq!((said.out.as_str(), said.err.as_str()), ("", ""));
    assert!(folder.files().is_empty());
    assert_eq!(folder.run(&["train", "--quiet", "--json", "--no-save", "--epochs", "3"]).well().json().len(), 4);
}

#[test]
fn an_earlier_model_is_overwritten_only_if_its_name_is_given() {
    let folder = Folder::new();
    let train = |more: &[&str]| folder.run(&[&["train", "--epochs", "1", "--quiet"], more].concat()).well();
    train(&[]);
    let first = fs::read(folder.path("digits.safetensors")).unwrap();
    train(&["--seed", "1"]);
    assert_eq!(folder.files(), ["digits-2.safetensors", "digits.safetensors"]);
    assert!(fs::read(folder.path("digits.safetensors")).unwrap() == first);
    train(&["--seed", "1", "--save", "digits.safetensors"]);
    assert_eq!(folder.files(), ["digits-2.safetensors", "digits.safetensors"]);
    assert!(fs::read(folder.path("digits.safetensors")).unwrap() != first);
}

#[test]
fn mnist_from_a_folder_has_the_notebooks_parameters_and_steps() {
    let Some(data) = data_dir("mnist_from_a_folder_has_the_notebooks_parameters_and_steps") else { return };
    let (folder, data) = (Folder::new(), data.to_string_lossy().into_owned());
    let train = |output: &str| {
        let args = ["train", "mnist", "--data-dir", &data, "--epochs", "1", "--json", "--no-save", "--output", output];
        folder.run(&args).well().last()
    };
    let (softmax, reference) = (train("softmax"), train("reference-softmax"));
    assert_eq!((&softmax["parameters"], &softmax["steps"]), (&Value::from(25_450), &Value::from(469)));
    assert_eq!(reference["parameters"], 25_417);
    assert!(softmax["test_accuracy"].as_f64().unwrap() > 0.85);
}

#[test]
fn a_terminal_gets_a_bar_with_epoch_step_speed_loss_and_time_left() {
    if !Path::new("/usr/bin/script").exists() {
        let _ =
            writeln!(std::io::stderr(), "NOT RUN: a_terminal_gets_a_bar_...: there is no `script` to make a terminal");
        return;
    }
    let folder = Folder::new();
    let binary = env!("CARGO_BIN_EXE_layerloop");
    let command = format!("{binary} train --epochs 3000 --no-save > /dev/null");
    let mut script = std::process::Command::new("script");
    script.args(["-qec", &command, "/dev/null"]).current_dir(folder.path("."));
    let said = Said::new(script.output().unwrap()).well();
    for part in ["step ", "epoch ", "/3000", "samples/s", "loss 0.", "test accuracy 0.9", " left"] {
        assert!(said.out.contains(part), "{part} is missing in {}", said.out);
    }
}
