//! Names as people know them from elsewhere: whatever their case, `-` and `_`, and by their aliases.

use super::Folder;

/// `silu` was refused, and `selu` was named as what was meant; `ReLU` and `cross_entropy` were refused too.
#[test]
fn choices_are_known_by_their_aliases_whatever_the_spelling() {
    let folder = Folder::new();
    for [option, alias, name] in [
        ["activation", "SiLU", "swish"],
        ["activation", "leaky_relu", "leakyrelu"],
        ["init", "xavier", "glorot-uniform"],
        ["init", "He", "kaiming-normal"],
        ["loss", "bce", "binary-cross-entropy"],
        ["loss", "Cross_Entropy", "cross-entropy"],
        ["optimizer", "AdamW", "adamw"],
        ["schedule", "cosine_annealing", "cosine"],
        ["metrics", "AUC", "roc-auc"],
    ] {
        let weights = |value: &str| {
            let option = format!("--{option}={value}");
            let args = ["train", "--epochs", "1", "--no-save", "--json", &option];
            folder.run(&args).well().last()["weights_sha256"].clone()
        };
        assert_eq!(weights(alias), weights(name), "--{option} {alias}");
    }
}

#[test]
fn the_lists_show_the_aliases() {
    let folder = Folder::new();
    let text = folder.run(&["list", "Activations"]).well().out;
    assert!(text.contains("also silu\n"), "{text}");
    let entries = folder.run(&["list", "losses", "--json"]).well().json();
    let entry = entries.iter().find(|entry| entry["name"] == "binary-cross-entropy").expect("the loss");
    assert_eq!(entry["aliases"][0], "bce");
}

/// `--batch-size`, `--learning-rate` and `--validation-split` were unknown, and so was `--batch_size`.
#[test]
fn options_and_commands_are_known_by_their_aliases_whatever_the_spelling() {
    let folder = Folder::new();
    let trained = |words: &str| {
        let args: Vec<&str> = words.split(' ').chain(["--no-save", "--json"]).collect();
        folder.run(&args).well().last()["weights_sha256"].clone()
    };
    let default = trained("train digits --epochs 2 --batch 64 --lr 0.01 --validation 0.1 --hidden 16 --seed 3");
    for same in [
        "train digits --epochs 2 --batch-size 64 --learning-rate 0.01 --validation-split 0.1 --hidden 16 --seed 3",
        "Train digits --Epochs=2 --batch_size=64 --LEARNING_RATE=0.01 --validation_split 0.1 --hidden 16 --seed=3",
        "train digits -e 2 -b 64 -l 0.01 --validation 0.1 -H 16 -s 3",
        "train digits -e2 -b64 -l0.01 --validation 0.1 -H16 -s3",
    ] {
        assert_eq!(trained(same), default, "{same}");
    }
    assert!(folder.run(&["CHECK_GRADIENTS"]).well().out.contains("passed"));
}

/// What was typed by an alias is kept under the option's own name: it was so before there were aliases.
#[test]
fn a_model_trained_with_aliases_is_replayed() {
    let folder = Folder::new();
    folder.run(&["train", "-e", "2", "--batch_size=64", "--activation", "SiLU", "-o", "m.safetensors"]).well();
    let receipt = folder.run(&["summary", "m.safetensors"]).well().out;
    assert!(receipt.contains("\"batch\": [") && !receipt.contains("batch_size"), "{receipt}");
    assert!(folder.run(&["replay", "m.safetensors"]).well().out.contains("the same to the bit"));
}

/// `--learning` was taken for `--layer-rate`, `fit` for `list`, `--gpu` for a value, `val_acc` for `mcc`.
#[test]
fn what_is_unknown_is_met_with_what_was_meant() {
    let folder = Folder::new();
    for (words, piece) in [
        ("fit", "fit: unknown command; did you mean `train`?"),
        ("evaluate m", "did you mean `eval`?"),
        ("trian", "did you mean `train`?"),
        ("train-model", "did you mean `train`?"),
        ("frobnicate", "frobnicate: unknown command; the commands are inspect, train, "),
        ("train --gpu", "--gpu: unknown option; layerloop computes on the CPU"),
        ("train --epoch 3", "--epoch: unknown option; did you mean `--epochs`?"),
        ("train --hiden 3", "did you mean `--hidden`?"),
        ("train --hidden-layers 3", "did you mean `--hidden`?"),
        ("train --momentum 0.9", "write `--optimizer momentum=0.9`"),
        ("train --dataset mnist", "`layerloop train mnist`"),
        ("train --zzzzzz", "--zzzzzz: unknown option; see `layerloop train --help`"),
        ("train -x", "-x: unknown option"),
        ("train digits mnist", "mnist: unexpected argument"),
        ("train --activation silv", "did you mean `silu`?"),
        ("train --quiet=3", "--quiet: it takes no value, and `3` was given"),
        ("train --find-lr --lr 1", "--find-lr: it cannot be used with --lr"),
        ("train --last-weights", "missing: --early-stopping"),
        ("train --epochs", "--epochs: a value is missing"),
        ("predict", "missing: <MODEL> and <INPUT>"),
        ("eval m --metric", "--metrics: a value is missing"),
        ("list optimisers", "did you mean `optimizers`?"),
        ("bench --job tiney", "unknown value `tiney`; did you mean `tiny`?"),
    ] {
        let said = folder.run(&words.split(' ').collect::<Vec<_>>());
        assert!(said.refusal(2).contains(piece), "{words}: {said:?}");
        assert!(!said.err.contains("Usage"), "{words}: {said:?}");
    }
}

/// Rust's own errors were printed: `invalid digit found in string`.
#[test]
fn a_number_that_is_none_is_refused_with_what_is_expected() {
    let folder = Folder::new();
    for (words, piece) in [
        ("train --seed abc", "--seed: `abc`: expected a whole number, 0 to 18446744073709551615"),
        ("train --seed -1", "--seed: `-1`: expected a whole number"),
        ("train --epochs -3", "--epochs: `-3`: expected a whole number, at least 1"),
        ("train --epochs 1.5", "--epochs: `1.5`: expected a whole number, at least 1"),
        ("train --epochs 99999999999999999999", "--epochs: `99999999999999999999`: it is too large; expected"),
        ("train --lr fast", "--lr: `fast`: expected a number above 0, such as 0.001"),
        ("train --l2 x", "--l2: `x`: expected a number, at least 0"),
        ("train --layer-rate x", "--layer-rate: `x`: expected LAYER=FACTOR, such as 2=0.1"),
        ("train --time-limit 5", "--time-limit: `5`: expected a time with its unit, such as 30s, 5min or 1.5h"),
        ("bench --threads 0", "--threads: `0`: expected a whole number, 1 to 1024"),
        ("outliers m --share 2", "--share: `2`: expected a number above 0 and at most 1"),
    ] {
        let said = folder.run(&words.split(' ').collect::<Vec<_>>());
        assert!(said.refusal(2).contains(piece), "{words}: {said:?}");
    }
}
