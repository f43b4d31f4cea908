//! `layerloop train`

use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

use layerloop_kernels::Isa;
use safetensors::SafeTensors;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Folder, Said, data_dir, is_missing};

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
    let table = said.out.lines().skip_while(|line| !line.starts_with("epoch ")).skip(1);
    let epochs: Vec<_> = table.map_while(|row| row.split_whitespace().next()).collect();
    assert_eq!(epochs, (1..=40).map(|epoch| epoch.to_string()).collect::<Vec<_>>(), "{}", said.out);
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
    assert_eq!(said.err, "", "no bar where stderr is not a terminal");
    assert_eq!(folder.files(), ["digits.safetensors"]);
}

#[test]
fn json_is_one_object_a_line_and_done_is_the_last() {
    let folder = Folder::new();
    let start = Instant::now();
    let said = folder.run(&["train", "--json"]).well();
    let seconds = start.elapsed().as_secs_f64();
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
    assert!(number("train_seconds") <= number("total_seconds") && number("total_seconds") < seconds);
    assert_eq!(done["model"], "digits.safetensors");
}

/// The parameters of a saved model in canonical order, little endian, by the safetensors crate alone.
fn canonical_order(bytes: &[u8]) -> Vec<u8> {
    let tensors = SafeTensors::deserialize(bytes).expect("a safetensors file");
    let names = ["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"];
    names.iter().flat_map(|name| tensors.tensor(name).expect("a tensor").data().to_vec()).collect()
}

#[test]
fn the_model_is_one_safetensors_file_whose_parameters_have_the_printed_digest() {
    let folder = Folder::new();
    let said = folder.run(&["train", "--json", "--epochs", "2", "--seed", "7", "--save", "m.safetensors"]).well();
    let bytes = fs::read(folder.path("m.safetensors")).unwrap();
    let digest: String = Sha256::digest(canonical_order(&bytes)).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, sha256(&said));

    let tensors = SafeTensors::deserialize(&bytes).unwrap().tensors();
    let shapes: BTreeMap<_, _> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.shape())).collect();
    let [weight_0, bias_0, weight_1, bias_1]: [&[usize]; 4] = [&[32, 64], &[32], &[10, 32], &[10]];
    let expected = [
        ("layers.0.bias", bias_0),
        ("layers.0.weight", weight_0),
        ("layers.1.bias", bias_1),
        ("layers.1.weight", weight_1),
    ];
    assert_eq!(shapes, BTreeMap::from(expected), "a weight is n_out x n_in");
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let card: Value = serde_json::from_str(&metadata.metadata().as_ref().unwrap()["layerloop"]).unwrap();
    assert_eq!(card["specification"], "64 -> 32 sigmoid -> 10 -> softmax");
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
fn equal_seeds_give_equal_bits_and_equal_files_whatever_the_threads_and_the_vector_width() {
    let folder = Folder::new();
    let save = |threads: &str, file: &str| {
        folder.run(&["train", "--epochs", "2", "--quiet", "--threads", threads, "--save", file]).well();
        fs::read(folder.path(file)).expect("a model")
    };
    let one = save("1", "one");
    for threads in ["1", "2", "3", "4", "7"] {
        assert!(save(threads, "other") == one, "{threads} threads");
    }
    for isa in Isa::available() {
        let mut command = folder.command(&["train", "--epochs", "2", "--quiet", "--save", "other"]);
        Said::new(command.env("LAYERLOOP_ISA", isa.name()).output().unwrap()).well();
        assert!(fs::read(folder.path("other")).unwrap() == one, "{}", isa.name());
    }
    let [zero, other] = ["0", "1"].map(|seed| sha256(&short(&folder, &["--seed", seed])));
    assert_ne!(zero, other);
}

#[test]
fn an_instruction_set_that_is_not_there_is_refused_with_those_that_are() {
    let folder = Folder::new();
    let said = Said::new(folder.command(&["train", "--no-save"]).env("LAYERLOOP_ISA", "sse9").output().unwrap());
    assert!(said.refusal(2).contains("LAYERLOOP_ISA: `sse9` is not among those of this processor: scalar"), "{said:?}");
}

#[test]
fn every_option_is_taken() {
    let folder = Folder::new();
    let mut seen = BTreeMap::from([(sha256(&short(&folder, &[])), &[][..])]);
    let cases: [(&[&str], u64); 13] = [
        (&["--hidden", "16,8"], 64 * 16 + 16 + 16 * 8 + 8 + 8 * 10 + 10),
        (&["--activation", "relu"], 2410),
        (&["--activation", "tanh"], 2410),
        (&["--output", "reference-softmax"], 2410 - 33),
        (&["--optimizer", "sgd"], 2410),
        (&["--optimizer", "momentum"], 2410),
        (&["--optimizer", "nesterov"], 2410),
        (&["--lr", "1e-4"], 2410),
        (&["--schedule", "cosine"], 2410),
        (&["--warmup", "0.5"], 2410),
        (&["--batch", "100"], 2410),
        (&["--limit", "100"], 2410),
        (&["--last-activation", "sigmoid"], 2410),
    ];
    for (options, parameters) in cases {
        let said = short(&folder, options);
        assert_eq!(said.last()["parameters"], parameters, "{options:?}");
        let other = seen.insert(sha256(&said), options);
        assert_eq!(other, None, "{options:?} came to the same weights");
    }
    assert_eq!(short(&folder, &["--limit", "100", "--batch", "30"]).last()["steps"], 2 * 4);
    let three = folder.run(&["train", "--epochs", "3", "--json", "--no-save"]).well();
    assert_eq!((three.json().len(), &three.last()["steps"]), (3 + 1, &Value::from(3 * 45)));
}

#[test]
fn the_receipt_has_the_options_that_were_typed() {
    let folder = Folder::new();
    let args = "train --limit 100 --batch 30 --epochs 3 --optimizer nesterov --lr 0.25 --seed 9 --quiet --save m";
    folder.run(&args.split(' ').collect::<Vec<_>>()).well();
    let (_, metadata) = SafeTensors::read_metadata(&fs::read(folder.path("m")).unwrap()).unwrap();
    let card: Value = serde_json::from_str(&metadata.metadata().as_ref().unwrap()["layerloop"]).unwrap();
    let cases = [
        ("/seed", Value::from(9)),
        ("/options/epochs", 3.into()),
        ("/options/batch", 30.into()),
        ("/options/optimizer", "nesterov".into()),
        ("/options/learning_rate", 0.25.into()),
        ("/options/limit", 100.into()),
        ("/data/name", "digits".into()),
        ("/data/rows", 100.into()),
        ("/result/epochs", 3.into()),
        ("/result/steps", (3 * 4).into()),
        ("/result/interrupted", false.into()),
    ];
    for (place, value) in cases {
        assert_eq!(card["receipt"].pointer(place), Some(&value), "{place}");
    }
}

#[test]
fn a_sigmoid_last_layer_is_warned_about_and_shows() {
    let folder = Folder::new();
    let accuracy = |said: &Said| said.last()["test_accuracy"].as_f64().expect("a number");
    let never = "the last of the 10 classes can never win";
    for (output, cannot_win, loss) in [("softmax", false, 0.0), ("reference-softmax", true, 0.05)] {
        let train =
            |more: &[&str]| folder.run(&[&["train", "--json", "--no-save", "--output", output], more].concat()).well();
        let (plain, crippled) = (train(&[]), train(&["--last-activation", "sigmoid"]));
        assert_eq!(plain.err, "", "{output}");
        assert!(crippled.err.starts_with("warning: "), "{output}: {}", crippled.err);
        assert!(crippled.err.contains("e / (e + 9) = 0.232"), "{output}: {}", crippled.err);
        assert_eq!(crippled.err.contains(never), cannot_win, "{output}: {}", crippled.err);
        let accuracies = (accuracy(&crippled), accuracy(&plain));
        assert!(accuracies.0 < accuracies.1 - loss, "{output}: {accuracies:?}");
    }
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
    if is_missing("script", "a_terminal_gets_a_bar_with_epoch_step_speed_loss_and_time_left") {
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

#[test]
fn a_learning_rate_is_found_drawn_and_proposed_and_nothing_is_saved() {
    let folder = Folder::new();
    let said = folder.run(&["train", "--find-lr", "--hidden", "16"]).well();
    assert!(said.out.contains("layerloop train --hidden 16 --lr ") && said.out.contains("1e-7"), "{}", said.out);
    assert!(said.out.lines().all(|line| line.chars().count() <= 100), "{}", said.out);
    let numbers = |threads| folder.run(&["train", "--find-lr", "--json", "--threads", threads]).well().last();
    let found = numbers("1");
    assert_eq!(found, numbers("2"));
    assert!(found["proposed"].as_f64().is_some_and(|rate| (1e-3..1.0).contains(&rate)), "{}", found["proposed"]);
    assert_eq!(found["rates"].as_array().map(Vec::len), found["losses"].as_array().map(Vec::len));
    assert_eq!(folder.files(), [""; 0]);
    folder.run(&["train", "--find-lr", "--save", "m.safetensors"]).refusal(2);
}

#[test]
fn regressions_are_trained_evaluated_and_saved_with_their_standardisation() {
    let folder = Folder::new();
    let said = folder.run(&["train", "diabetes", "--json", "--save", "m.safetensors"]).well();
    let r2 = said.last()["test_r2"].as_f64().unwrap();
    assert!(r2 > 0.35, "a line gives 0.35 here, this network {r2}");
    let evaluated = folder.run(&["eval", "m.safetensors", "--json", "--metrics", "r2,rmse"]).well();
    let evaluated: Value = serde_json::from_str(&evaluated.out).unwrap();
    assert_eq!((&evaluated["r2"], &evaluated["metrics"]["r2"]), (&Value::from(r2), &Value::from(r2)));
    let bytes = fs::read(folder.path("m.safetensors")).unwrap();
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let card: Value = serde_json::from_str(&metadata.metadata().as_ref().unwrap()["layerloop"]).unwrap();
    assert_eq!(card["input"]["standardisation"]["means"].as_array().map(Vec::len), Some(10));
    assert_eq!(card["classes"][0], "progression");
    let counts = ["train", "diabetes", "--loss", "poisson", "--epochs", "5", "--save", "m.safetensors"];
    assert!(folder.run(&counts).well().out.contains("10 -> 32 sigmoid -> 1 -> exp"));
}

#[test]
fn networks_of_every_part_have_the_same_bits_whatever_the_threads_and_the_vector_width_and_a_right_gradient() {
    let folder = Folder::new();
    let cases = [
        "--network;64 -> 20 relu dropout=0.2 -> 20 batch-norm gelu -> skip(20 mish) layer-norm -> 10;--optimizer;adamw;--ema;0.9",
        "--network;64 -> 24 maxout scale -> parallel(8 selu alpha-dropout | 9 prelu, join=concatenate) -> 10;--optimizer;lion",
        "--network;64 -> 12 rrelu -> 10 -> sigmoid;--loss;focal;--optimizer;radam;--clip-norm;0.5",
        "--network;64 -> 8 tanh -> bilinear=6 logsigmoid -> 10 -> identity;--loss;squared-hinge;--accumulate;3;--schedule;cosine",
        "--hidden;20;--augment;shift=1 rotate=20 scale=0.2 shear=0.3 elastic=9,2 flip=both noise=0.1 erase=0.3 mixup=0.5;--ema;0.9",
        "--hidden;20;--output;reference-softmax;--label-smoothing;0.1;--class-weights;balanced;--optimizer;amsgrad;--l1;1e-4",
    ];
    for case in cases {
        let mut digests = Vec::new();
        for (isa, threads) in [("scalar", "1"), ("avx2", "3"), ("avx512", "2")] {
            let mut args =
                vec!["train", "--epochs", "2", "--quiet", "--json", "--save", "m.safetensors", "--threads", threads];
            args.extend(case.split(';'));
            let mut command = folder.command(&args);
            command.env("LAYERLOOP_ISA", isa);
            let said = Said::new(command.output().unwrap());
            if said.err.contains("LAYERLOOP_ISA") {
                continue; // not on this processor
            }
            digests.push(sha256(&said.well()));
        }
        assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "{case}: {digests:?}");
        if !digests.is_empty() {
            let said = folder.run(&["check-gradients", "m.safetensors"]).well();
            assert!(said.out.contains("passed: no error is above its bound"), "{case}: {said:?}");
        }
    }
}

/// `run.toml` and the like.
#[test]
fn options_come_from_a_file_and_those_that_are_typed_win() {
    let folder = Folder::new();
    let write = |text: &str| fs::write(folder.path("run.toml"), text).expect("a file");
    write(
        "data = \"digits\"\nhidden = [20, 12]\nactivation = \"relu\"\nepochs = 3\naugment = \"shift=1 rotate=8\"\nLR = 0.004\n\
         metrics = [\"f1\", \"ece\"]\nlayer-rate = [\"1=0.5\", \"2=0.25\"]\nno_save = false\n",
    );
    let said = folder.run(&["train", "--config", "run.toml", "--epochs", "2", "--save", "m.safetensors"]).well();
    let shown =
        ["64 -> 20 relu -> 12 relu -> 10", "--epochs 2 ", "--lr 0.004", "--augment \"shift=1 rotate=8\"", "ece "];
    assert!(shown.iter().all(|shown| said.out.contains(shown)), "{said:?}");
    assert_eq!(folder.run(&["replay", "m.safetensors", "--json"]).well().last()["same"], true);
    let network = ["train", "--config", "run.toml", "--network", "64 -> 9 -> 10", "--no-save", "--layer-rate", "1=1"];
    assert!(folder.run(&network).well().out.contains("64 -> 9 -> 10 -> softmax"), "hidden does not go with it");
    for (text, why) in [
        ("epoch = 3", "run.toml: unknown option `epoch`; did you mean `epochs`?"),
        ("epochs = [", "run.toml: "),
        ("epochs = { a = 1 }", "run.toml: epochs: expected a text, a number, true, false or a list of them"),
        ("no_save = 3", "run.toml: no_save: expected"),
    ] {
        write(text);
        let said = folder.run(&["train", "--config", "run.toml"]);
        assert!(said.code == 1 && said.err.contains(why), "{text}: {said:?}");
    }
    write("epochs = 0");
    assert!(folder.run(&["train", "--config", "run.toml"]).refusal(2).contains("--epochs: 0; at least 1 is needed"));
    assert!(folder.run(&["train", "--config", "none.toml"]).err.contains("none.toml"));
}
