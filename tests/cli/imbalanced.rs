//! Classes of which one is rare: the threshold, and the weights of the classes.

use std::fs;

use layerloop::model_file::Model;
use serde_json::Value;

use super::{Folder, Said};

/// Loans, one in eight of which is not paid back, by amount and job with chance.
fn with_loans(rows: u64) -> Folder {
    let folder = Folder::new();
    let row = |i: u64| {
        let chance = (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) % 100;
        let (amount, job) = ((i * 37) % 50, ["cook", "pilot", "clerk"][(i % 3) as usize]);
        let bad = chance < 2 + amount / 3 + if job == "pilot" { 10 } else { 0 };
        format!("{amount},{job},{}\n", if bad { "unpaid" } else { "paid" })
    };
    let rows: String = (0..rows).map(row).collect();
    fs::write(folder.path("loans.csv"), format!("amount,job,outcome\n{rows}")).expect("written");
    folder
}

fn train(folder: &Folder, more: &[&str]) -> Said {
    folder.run(&[&["train", "loans.csv", "--recipe", "plain", "--json", "--quiet", "--epochs", "6"], more].concat())
}

/// Rows that are predicted as the rare class, and its recall, by `eval`.
fn rare(evaluated: &Value) -> (u64, f64) {
    let confusion = &evaluated["confusion"];
    let count = |row: usize| confusion[row][1].as_u64().expect("a count");
    (count(0) + count(1), evaluated["classes"][1]["recall"].as_f64().expect("a number"))
}

#[test]
fn the_threshold_is_found_on_validation_rows_and_used_wherever_a_class_is_predicted() {
    let folder = with_loans(2000);
    let plain = train(&folder, &["--save", "plain.safetensors"]).well().last();
    assert!(plain["threshold"].is_null());
    let without = rare(&folder.run(&["eval", "plain.safetensors", "--json"]).well().last());
    for rule in ["f1", "youden", "0.2"] {
        let done = train(&folder, &["--threshold", rule, "--save", rule]).well().last();
        let threshold = done["threshold"].as_f64().expect("a number");
        assert!(threshold < 0.45 && (rule != "0.2" || threshold == 0.2), "{rule}: {threshold}");
        assert_eq!(done["weights_sha256"], plain["weights_sha256"], "the training is the same");
        let evaluated = folder.run(&["eval", rule, "--json"]).well().last();
        assert_eq!((&evaluated["threshold"], &evaluated["test"]), (&done["threshold"], &done["test"]));
        assert_eq!(evaluated["accuracy"], done["test_accuracy"]);
        let with = rare(&evaluated);
        assert!(with.0 > without.0 + 20 && with.1 > without.1, "{rule}: {with:?} {without:?}");
        let summary = folder.run(&["summary", rule]).well().out;
        let said = format!("threshold {threshold:.4}: `unpaid` is predicted where its probability is above it");
        assert!(summary.contains(&said), "{summary}");
        assert_eq!(folder.run(&["summary", rule, "--json"]).well().last()["threshold"], done["threshold"]);
        let (mut low, mut rows) = (0, 0);
        for line in folder.run(&["predict", rule, "loans.csv", "--json"]).well().out.lines() {
            let object: Value = serde_json::from_str(line).expect("an object");
            let p = object["probabilities"]["unpaid"].as_f64().expect("a number");
            assert_eq!(object["predicted"] == "unpaid", p > threshold, "{line}");
            (low, rows) = (low + u64::from(p > threshold && p < 0.5), rows + 1);
        }
        assert!(rows == 2000 && low > 100, "{rule}: {low}");
        let replayed = folder.run(&["replay", rule, "--json"]).well().last();
        assert_eq!((&replayed["same"], &replayed["threshold"]), (&true.into(), &done["threshold"]));
        assert_eq!(Model::load(folder.path(rule)).expect("a model").threshold, Some(threshold));
    }
    let said = folder
        .run(&["train", "loans.csv", "--recipe", "plain", "--epochs", "2", "--threshold", "f1", "--no-save"])
        .well()
        .out;
    assert!(
        said.contains("`unpaid` is predicted where its probability is above it, by f1 on the validation rows"),
        "{said}"
    );
}

#[test]
fn a_run_that_goes_on_and_a_file_of_options_keep_the_threshold() {
    let folder = with_loans(1500);
    let whole = train(&folder, &["--threshold", "f1", "--schedule", "constant", "--save", "whole"]).well().last();
    fs::write(folder.path("run.toml"), "recipe = \"plain\"\nthreshold = \"f1\"\nepochs = 3\nschedule = \"constant\"\n")
        .expect("written");
    folder.run(&["train", "loans.csv", "--config", "run.toml", "--run", "run", "--quiet"]).well();
    for model in ["run/best.safetensors", "run/model.safetensors"] {
        assert!(Model::load(folder.path(model)).expect("a model").threshold.is_some(), "{model}");
    }
    let resumed =
        folder.run(&["train", "--resume", "run", "--epochs", "6", "--anyway", "--json", "--quiet"]).well().last();
    assert_eq!(resumed["weights_sha256"], whole["weights_sha256"]);
    assert_eq!(resumed["threshold"], whole["threshold"]);
    fs::write(folder.path("given.toml"), "threshold = 0.3\n").expect("written");
    let given = train(&folder, &["--config", "given.toml", "--no-save"]).well().last();
    assert_eq!(given["threshold"], 0.3);
}

#[test]
fn a_threshold_that_cannot_be_found_is_refused_before_the_training() {
    let folder = with_loans(300);
    let few: String = (0..40).map(|i| format!("{},{}\n", i * i, if i % 20 == 7 { "b" } else { "a" })).collect();
    fs::write(folder.path("few.csv"), format!("x,y\n{few}")).expect("written");
    let refused = |data: &str, more: &[&str]| {
        let said = folder.run(&[&["train", data, "--no-save", "--quiet"], more].concat());
        said.refusal(2).to_owned()
    };
    for (data, more, piece) in [
        ("penguins", &["--threshold", "f1"][..], "--threshold: it is between two classes, and penguins has 3"),
        (
            "loans.csv",
            &["--target", "amount", "--threshold", "0.3"],
            "--threshold: it is between two classes, and amount is a number",
        ),
        (
            "loans.csv",
            &["--threshold", "youden", "--validation", "0"],
            "--threshold: `youden` is found on validation rows, and none are held back; --validation 0.1",
        ),
        (
            "few.csv",
            &["--threshold", "f1"],
            "--threshold: `f1` needs both classes, and none of the 6 validation rows is `b`; a larger --validation",
        ),
        ("loans.csv", &["--threshold", "1.5"], "--threshold: 1.5; expected a number between 0 and 1, such as 0.3"),
        ("loans.csv", &["--threshold", "f2"], "--threshold: `f2`; expected f1, youden or a number such as 0.3"),
    ] {
        let said = refused(data, more);
        assert!(said.contains(piece), "{more:?}: {said}");
    }
    // A network without an image or a table has one too.
    let digits = folder.run(&["train", "digits", "--threshold", "0.3", "--no-save", "--quiet"]);
    assert!(digits.refusal(2).contains("and digits has 10"), "{digits:?}");
}

#[test]
fn weights_of_the_classes_make_a_rare_one_less_rare_in_the_predictions_of_a_table() {
    let folder = with_loans(2000);
    let mut found = Vec::new();
    for (weights, model) in
        [(&[][..], "none"), (&["--class-weights", "balanced"], "balanced"), (&["--class-weights", "1,6"], "given")]
    {
        let done = train(&folder, &[weights, &["--save", model]].concat()).well().last();
        assert!(done["test"]["roc_auc"].as_f64().expect("a number") > 0.55, "{done}");
        found.push(rare(&folder.run(&["eval", model, "--json"]).well().last()));
        assert_eq!(folder.run(&["replay", model, "--json"]).well().last()["same"], true, "{model}");
    }
    assert!(found[1].1 > found[0].1 + 0.3 && found[2].1 > found[0].1 + 0.2, "{found:?}");
    let said = train(&folder, &["--class-weights", "1,2,3", "--no-save"]);
    assert!(said.refusal(2).contains("class_weights: 3 weights for 2 classes"), "{said:?}");
    let said = train(&folder, &["--target", "amount", "--class-weights", "balanced", "--no-save"]);
    assert!(said.refusal(2).contains("class"), "{said:?}");
}
