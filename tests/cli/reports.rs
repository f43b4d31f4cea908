//! What commands report: the metrics that were asked for, and objects whose keys mean the same in every command.

use serde_json::Value;

use super::Folder;

/// `--metrics` were measured after every epoch, but not shown, and were missing in the summary.
#[test]
fn metrics_that_are_asked_for_are_in_the_table_the_summary_and_the_receipt() {
    let folder = Folder::new();
    let args = ["train", "--epochs", "3", "--metrics", "f1,roc-auc,top-k=3", "--validation", "0.1", "--save", "m"];
    let said = folder.run(&args).well();
    let head = said.out.lines().find(|line| line.starts_with("epoch")).expect("the head of the table");
    let titles =
        ["train loss", "val loss", "val accuracy", "val f1", "val roc-auc", "val top-k=3", "test loss", "test f1"];
    assert!(titles.iter().all(|title| head.contains(title)), "{head}");
    let row = said.out.lines().find(|line| line.starts_with("    3")).expect("a row");
    assert_eq!(row.split_whitespace().count(), 1 + 1 + 5 + 5 + 2, "{row}");
    let summary = said.out.lines().find(|line| line.starts_with("test f1 ")).expect("the metrics at the end");
    assert!(summary.contains("   roc-auc 0.9") && summary.contains("   top-k=3 0.9"), "{summary}");
    let receipt = folder.run(&["summary", "m", "--json"]).well().last()["receipt"].clone();
    assert!(receipt["result"]["test_roc_auc"].as_f64() > Some(0.9), "{receipt}");
}

/// Every key of an object.
fn keys(value: &Value) -> Vec<String> {
    match value {
        Value::Object(object) => {
            object.iter().flat_map(|(key, value)| [vec![key.clone()], keys(value)].concat()).collect()
        }
        Value::Array(values) => values.iter().flat_map(keys).collect(),
        _ => Vec::new(),
    }
}

/// Some keys had hyphens: `val_roc-auc`, `top-k`.
#[test]
fn keys_of_objects_have_underscores() {
    let folder = Folder::new();
    let train =
        ["train", "--epochs", "2", "--run", "r", "--metrics", "roc-auc,log-loss", "--validation", "0.1", "--json"];
    let events = folder.run(&train).well().json();
    assert!(events[0]["val_roc_auc"].is_f64() && events[0]["test_log_loss"].is_f64(), "{}", events[0]);
    assert!(events.last().is_some_and(|done| done["test_roc_auc"].is_f64()), "{events:?}");
    let model = "r/model.safetensors";
    let mut objects = events;
    for args in [
        &["eval", model, "--metrics", "roc-auc,top-k=5,balanced-accuracy"][..],
        &["summary", model],
        &["explain", model],
        &["explain", model, "--mistakes"],
        &["explain", model, "--units"],
        &["outliers", model],
        &["check-gradients", model],
        &["replay", model],
        &["list", "metrics"],
    ] {
        objects.extend(folder.run(&[args, &["--json"]].concat()).well().json());
    }
    let logged = std::fs::read_to_string(folder.path("r/logs/events.jsonl")).expect("the log");
    objects.extend(logged.lines().map(|line| serde_json::from_str(line).expect("an object")));
    let hyphen: Vec<String> = objects.iter().flat_map(keys).filter(|key| key.contains('-')).collect();
    assert!(hyphen.is_empty(), "{hyphen:?}");
}

/// `label` was the answer in `predict` and the truth in `outliers`; `explain --mistakes` called the answer `said`.
#[test]
fn label_is_the_class_in_the_data_and_predicted_that_of_the_answer_by_name() {
    let folder = Folder::new();
    folder.run(&["train", "--epochs", "2", "--save", "m", "--quiet"]).well();
    let names: Vec<String> = (0..10).map(|class| class.to_string()).collect();
    let is_name = |value: &Value| value.as_str().is_some_and(|name| names.iter().any(|known| known == name));
    for (args, keys) in [
        (&["outliers", "m"][..], &["label", "predicted"][..]),
        (&["explain", "m", "--mistakes"], &["label", "predicted"]),
        (&["explain", "m"], &["label", "predicted"]),
    ] {
        let objects = folder.run(&[args, &["--json"]].concat()).well().json();
        assert!(objects.iter().all(|object| keys.iter().all(|key| is_name(&object[*key]))), "{args:?}: {objects:?}");
    }
    let worst = &folder.run(&["explain", "m", "--mistakes", "--top", "1", "--json"]).well().json()[0];
    let row = worst["row"].as_u64().expect("a row").to_string();
    let same = folder.run(&["explain", "m", "--sample", &row, "--json"]).well().last();
    assert_eq!([&same["label"], &same["predicted"]], [&worst["label"], &worst["predicted"]]);
    assert!(is_name(&worst["turned"]["predicted"]) && worst["turned"]["predicted"] != worst["predicted"], "{worst}");
}

/// There was no short answer of `eval`, and no object of `summary`.
#[test]
fn eval_is_short_if_asked_and_summary_is_an_object() {
    let folder = Folder::new();
    folder.run(&["train", "--epochs", "2", "--save", "m", "--quiet"]).well();
    let long = folder.run(&["eval", "m", "--json"]).well().last();
    let said = folder.run(&["eval", "m", "--quiet", "--metrics", "f1"]).well();
    let (loss, accuracy) = (long["loss"].as_f64().unwrap_or(0.0), long["accuracy"].as_f64().unwrap_or(0.0));
    assert!(said.out.starts_with(&format!("loss {loss:.4}   accuracy {accuracy:.4}   f1 0.")), "{said:?}");
    assert_eq!(said.out.lines().count(), 1, "{said:?}");

    let summary = folder.run(&["summary", "m", "--json"]).well().last();
    assert_eq!(
        (&summary["network"], &summary["parameters"]),
        (&"64 -> 32 sigmoid -> 10 -> softmax".into(), &2410.into())
    );
    assert_eq!(
        (&summary["tensors"][0]["name"], &summary["tensors"][0]["parameters"]),
        (&"layers.0.weight".into(), &2048.into())
    );
    let counts = summary["tensors"].as_array().into_iter().flatten().filter_map(|tensor| tensor["parameters"].as_u64());
    assert_eq!(counts.sum::<u64>(), 2410);
    let text = folder.run(&["summary", "m"]).well().out;
    assert!(text.contains(summary["weights_sha256"].as_str().unwrap_or("?")), "{summary}");
}

/// `val_roc-auc` was the only spelling, and `val_acc` was answered with `mcc`.
#[test]
fn early_stopping_takes_a_metric_by_any_of_its_names() {
    let folder = Folder::new();
    let weights = |metric: &str| {
        let args =
            ["train", "--epochs", "8", "--metrics", "roc-auc", "--early-stopping", metric, "--no-save", "--json"];
        folder.run(&args).well().last()["weights_sha256"].clone()
    };
    for [metric, name] in [
        ["val_acc", "val_accuracy"],
        ["VAL_Accuracy", "val_accuracy"],
        ["val_roc-auc", "val_roc_auc"],
        ["val_AUC", "val_roc_auc"],
        ["Val_Loss", "val_loss"],
    ] {
        assert_eq!(weights(metric), weights(name), "{metric}");
    }
    let said = folder.run(&["train", "--early-stopping", "val_acuracy", "--no-save"]);
    assert!(
        said.refusal(2).contains("--early-stopping: unknown metric `acuracy`; did you mean `accuracy`?"),
        "{said:?}"
    );
    let said = folder.run(&["train", "--early-stopping", "val_f1", "--no-save"]);
    assert!(said.refusal(2).contains("`val_f1` is not measured in this run"), "{said:?}");
}
