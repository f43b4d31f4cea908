//! `layerloop report`: runs beside each other.

use std::fs;

use super::{Folder, Said};

/// Two runs that differ in network, epochs and metrics.
fn two_runs(folder: &Folder) {
    let common = ["train", "digits", "--validation", "0.1", "--quiet"];
    let run = |more: &[&str]| folder.run(&[&common[..], more].concat()).well();
    run(&["--epochs", "4", "--run", "runs/narrow"]);
    run(&["--epochs", "3", "--run", "runs/wide", "--hidden", "128", "--activation", "relu", "--metrics", "f1"]);
}

/// The cells of the line that starts with `name`.
fn row(said: &Said, name: &str) -> Vec<String> {
    let line = said.out.lines().find(|line| line.starts_with(name));
    let rest = line.and_then(|line| line.strip_prefix(name)).unwrap_or_default();
    assert!(!rest.is_empty(), "no line `{name}` in {said:?}");
    rest.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
}

/// Nothing compared runs.
#[test]
fn runs_are_compared_by_options_best_and_last_values() {
    let folder = Folder::new();
    two_runs(&folder);
    let said = folder.run(&["report", "runs/narrow", "runs/wide", "--html", "both.html"]).well();
    assert!(said.out.starts_with("option ") && said.out.contains("\nmeasured "), "{said:?}");
    assert_eq!(row(&said, "network"), ["64 -> 32 sigmoid -> 10 -> softmax", "64 -> 128 relu -> 10 -> softmax"]);
    assert_eq!(row(&said, "epochs"), ["4", "3"]);
    assert_eq!(row(&said, "metrics"), ["none", "f1"]);
    assert!(said.out.contains(" other options are equal\n") && !said.out.contains("\nbatch "), "{said:?}");
    assert_eq!(row(&said, "parameters"), ["2410", "9610"]);

    let compared = folder.run(&["compare", "runs/narrow", "runs/wide", "--json"]).well().last();
    assert_eq!(compared["differing"], serde_json::json!(["network", "epochs", "metrics"]));
    for (i, name) in ["narrow", "wide"].into_iter().enumerate() {
        let run = &compared["runs"][i];
        assert_eq!((run["name"].as_str(), run["options"]["batch"].as_u64()), (Some(name), Some(32)), "{run}");
        let history = fs::read_to_string(folder.path("runs").join(name).join("logs/history.csv")).expect("a history");
        let mut lines = history.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let at = lines.next().expect("names").iter().position(|column| *column == "val_loss").expect("a column");
        let values: Vec<f64> = lines.map(|line| line[at].parse().expect("a number")).collect();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let epoch = values.iter().position(|value| *value == least).map(|row| row + 1);
        let measures = &run["measures"];
        assert_eq!(measures["val_loss_best"], serde_json::json!({ "value": least, "epoch": epoch }));
        assert_eq!(measures["val_loss_last"].as_f64(), values.last().copied());
        let receipt = folder.run(&["summary", &format!("runs/{name}/model.safetensors"), "--json"]).well().last();
        assert_eq!(measures["test_loss_model"], receipt["receipt"]["result"]["test_loss"]);
        assert_eq!(run["weights_sha256"], receipt["weights_sha256"]);
        assert!(measures["test_loss_best"].is_null(), "no epoch is chosen by the test part: {measures}");
    }
    let losses = row(&said, "val_loss, last");
    assert!(losses[1].ends_with('*') && !losses[0].ends_with('*'), "the wide one is better: {losses:?}");

    let page = fs::read_to_string(folder.path("both.html")).expect("a page");
    for said in ["Options that differ</h2>", "Results</h2>", "Curves</h2>", "<figcaption>val loss</figcaption>"] {
        assert!(page.contains(said), "{said}");
    }
    let chart = page.split("<figcaption>val loss</figcaption>").nth(1).expect("a chart").split("</svg>").next();
    assert_eq!(chart.map(|svg| svg.matches("<polyline").count()), Some(2));
}

/// A run on its way has no model, and the last line of its history may be half there; a model has no history, logs no options.
#[test]
fn runs_on_their_way_models_and_logs_are_compared_too() {
    let folder = Folder::new();
    two_runs(&folder);
    fs::remove_file(folder.path("runs/wide/model.safetensors")).expect("a model");
    let history = folder.path("runs/wide/logs/history.csv");
    let text = fs::read_to_string(&history).expect("a history");
    fs::write(&history, &text[..text.len() - 9]).expect("a history");
    let said = folder.run(&["report", "runs/narrow", "runs/wide"]).well();
    assert_eq!(row(&said, "network")[1], "64 -> 128 relu -> 10 -> softmax");
    assert_eq!(row(&said, "test_loss, model")[1], "-");
    let epochs: Vec<&str> = said.out.lines().filter(|line| line.starts_with("epochs ")).collect();
    assert!(epochs.len() == 2 && epochs[1].ends_with(" 2"), "two whole lines are left: {epochs:?}");

    let mixed = folder.run(&["report", "runs/narrow/model.safetensors", "runs/narrow/logs"]).well();
    assert!(mixed.out.contains("options are equal"), "{mixed:?}");
    assert_eq!(row(&mixed, "test_loss, last")[0], "-");
    let alone = folder.run(&["report", "runs/narrow"]).well();
    assert!(alone.out.starts_with("measured ") && !alone.out.contains('*'), "{alone:?}");
}

#[test]
fn what_holds_no_run_is_refused_and_nothing_of_a_run_is_replaced() {
    let folder = Folder::new();
    two_runs(&folder);
    fs::create_dir(folder.path("empty")).expect("a folder");
    fs::write(folder.path("notes.txt"), "mine").expect("a file");
    let cases = [
        ("report runs/narrow empty", 1, "empty: no run: there is neither run.json nor history.csv in it"),
        ("report runs/narrow missing", 1, "missing"),
        ("report runs/narrow notes.txt", 1, "notes.txt"),
        ("report", 2, "RUN"),
        ("report runs/narrow --html runs/narrow/report.html", 2, "is also the report of a run; name another file"),
        ("report runs/narrow/model.safetensors --html runs/narrow/../narrow/model.safetensors", 2, "is also RUN"),
        ("report runs/narrow --html notes.txt", 2, "notes.txt is a text file, not a page"),
    ];
    let page = fs::read(folder.path("runs/narrow/report.html")).expect("a page");
    for (args, code, sentence) in cases {
        let said = folder.run(&args.split(' ').collect::<Vec<_>>());
        assert!(said.refusal(code).contains(sentence), "{args}: {said:?}");
    }
    assert_eq!(fs::read(folder.path("runs/narrow/report.html")).expect("a page"), page);
    assert_eq!(fs::read_to_string(folder.path("notes.txt")).expect("a file"), "mine");
}
