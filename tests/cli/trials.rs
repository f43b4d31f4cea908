//! `train --folds` and `--search`: several trainings for one answer.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::tables::with_people;
use super::{Folder, Running, Said};

fn events(said: &Said) -> Vec<Value> {
    assert_eq!(said.code, 0, "{said:?}");
    said.out.lines().map(|line| serde_json::from_str(line).expect("an event")).collect()
}

#[test]
fn each_fold_is_tested_once_by_a_network_that_any_number_of_threads_trains() {
    let folder = with_people(300);
    let train = ["train", "people.csv", "--target", "income", "--recipe", "plain", "--folds", "4", "--json"];
    let one = events(&folder.run(&[&train[..], &["--threads", "1"]].concat()));
    let [folds @ .., done] = &one[..] else { panic!("{one:?}") };
    assert_eq!((folds.len(), folds.iter().map(|fold| fold["rows"].as_u64().unwrap()).sum::<u64>()), (4, 300));
    let accuracies: Vec<f64> = folds.iter().map(|fold| fold["test"]["accuracy"].as_f64().unwrap()).collect();
    let mean = accuracies.iter().sum::<f64>() / 4.0;
    assert!(
        (done["mean"]["accuracy"].as_f64().unwrap() - mean).abs() < 1e-12 && done["deviation"]["accuracy"].is_number()
    );
    assert_eq!(events(&folder.run(&[&train[..], &["--threads", "3"]].concat())), one);
    assert_eq!(folder.files(), ["people.csv"], "nothing is saved");
}

#[test]
fn folds_of_images_and_what_does_not_go_together() {
    let folder = Folder::new();
    let said = folder.run(&["train", "digits", "--folds", "3", "--epochs", "2"]);
    assert!(said.code == 0 && said.out.starts_with("fold       rows  epochs  accuracy"), "{said:?}");
    for (args, message) in [
        (&["--folds", "1"][..], "folds: 1; 1437 rows can be cut into 2 to 1437 folds"),
        (&["--folds", "2", "--save", "m"], "cannot be used with"),
        (&["--folds", "2", "--search", "3"], "cannot be used with"),
        (&["--folds", "0"], "folds: 0; 1437 rows can be cut into"),
        (&["--search", "0"], "--search: 0; a search has at least 1 trial"),
    ] {
        let said = folder.run(&[&["train", "digits"][..], args].concat());
        assert!(said.code != 0 && said.err.contains(message), "{said:?}");
    }
}

const SEARCH: [&str; 10] =
    ["train", "digits", "--search", "9", "--epochs", "9", "--json", "--seed", "5", "--activation=relu"];

/// Of every trial but its number of threads.
fn trials(said: &Said) -> (Vec<Value>, String) {
    let events = events(said);
    let trials = events.iter().filter(|event| event["event"] == "trial").cloned().collect();
    let hash = events.last().expect("the end")["weights_sha256"].as_str().expect("a hash").to_owned();
    (trials, hash)
}

#[test]
fn a_search_finds_the_same_trials_whatever_the_threads_and_trains_by_the_best() {
    let folder = Folder::new();
    let of = |threads| trials(&folder.run(&[&SEARCH[..], &["--no-save", "--threads", threads]].concat()));
    let (found, hash) = of("1");
    assert_eq!((found.clone(), hash.clone()), of("2"));
    assert_eq!(found.len(), 9);
    assert!(
        found.iter().all(|trial| trial["options"].get("activation").is_none() && trial["options"]["lr"].is_string())
    );
    let rungs: Vec<u64> = found.iter().map(|trial| trial["rung"].as_u64().unwrap()).collect();
    assert_eq!(rungs, [3, 2, 2, 1, 1, 1, 1, 1, 1]);
    // The best one, typed.
    let options = found[0]["options"].as_object().unwrap();
    let typed: Vec<String> = options
        .iter()
        .flat_map(|(name, value)| [format!("--{}", name.replace('_', "-")), value.as_str().unwrap().to_owned()])
        .collect();
    let typed: Vec<&str> = typed.iter().map(String::as_str).collect();
    let command = ["train", "digits", "--epochs", "9", "--seed", "5", "--activation", "relu", "--validation", "0.2"];
    let said = folder.run(&[&command[..], &["--no-save", "--json"], &typed].concat());
    assert_eq!(trials(&said).1, hash);
}

#[test]
fn a_search_that_is_killed_goes_on_to_the_same_end() {
    let folder = Folder::new();
    let search = |run| [&SEARCH[..], &["--threads", "1", "--hidden", "256,256", "--run", run]].concat();
    let whole = trials(&folder.run(&search("whole")));
    let mut command = folder.command(&search("killed"));
    let mut killed = Running::start(command.stdout(Stdio::null()));
    let path = folder.path("killed").join("trials-0.jsonl");
    let lines = || fs::read_to_string(&path).map_or(0, |text| text.lines().count());
    let since = Instant::now();
    while lines() < 3 && since.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(2));
    }
    killed.kill().expect("a process");
    killed.wait().expect("an end");
    let known = lines();
    assert!(known >= 3);
    assert_eq!(trials(&folder.run(&search("killed"))), whole);
    assert!(lines() >= known);
    for file in ["trials.csv", "trials.svg", "best/model.safetensors"] {
        assert!(folder.path("killed").join(file).exists(), "{file}");
    }
    let table = fs::read_to_string(folder.path("killed").join("trials.csv")).expect("a table");
    assert!(
        table.starts_with("trial,epochs,val_loss,lr,batch,dropout,weight_decay\n") && table.lines().count() == 10,
        "{table}"
    );
    let other = folder.run(&["train", "digits", "--search", "4", "--run", "killed"]);
    assert!(
        other.code != 0 && other.err.contains("killed has a search with other arguments; name another folder"),
        "{other:?}"
    );
}
