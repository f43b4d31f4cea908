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
