//! `train --max-memory`: rows that are read from a disk give the network that rows in memory give.

use std::fs;
use std::process::Stdio;

use super::runs::same_bits_after_kills;
use super::tables::{people, with_people};
use super::{Folder, Running, data_dir};

#[path = "../../bench/streaming/table.rs"]
mod table;

/// The weights of a run, and all that is said of it but seconds.
fn trained(folder: &Folder, args: &[&str], more: &[&str]) -> (String, String) {
    let save = ["--micro-batches", "4", "--json", "--save", "m.safetensors"];
    let said = folder.run(&[&["train"], args, &save[..], more].concat()).well();
    let done = said.last();
    let summary = folder.run(&["summary", "m.safetensors"]).well().out;
    let hash = summary.lines().find_map(|line| line.strip_prefix("sha256 ")).expect("a hash").trim().to_owned();
    (hash, format!("{} {} {}", done["test"], done["baseline"], done["steps"]))
}

#[test]
fn the_network_is_that_of_rows_in_memory() {
    let folder = with_people(3000);
    fs::write(folder.path("test.csv"), people(500)).expect("written");
    let cases: [&[&str]; 7] = [
        &["people.csv", "--target", "income", "--recipe", "plain"],
        &["people.csv", "--target", "income", "--recipe", "realmlp", "--epochs", "3", "--test", "test.csv"],
        &["people.csv", "--target", "income", "--recipe", "tabm-mini", "--epochs", "2", "--limit", "1000"],
        &["people.csv", "--target", "age", "--recipe", "realmlp", "--epochs", "2"],
        &[
            "people.csv",
            "--target",
            "income",
            "--recipe",
            "plain",
            "--split",
            "time=since",
            "--class-weights",
            "balanced",
        ],
        &["people.csv", "--target", "income", "--recipe", "plain", "--split", "group=job", "--threshold", "f1"],
        &["people.csv", "--target", "income", "--recipe", "plain", "--optimizer", "muon", "--threads", "2"],
    ];
    for case in cases {
        let whole = trained(&folder, case, &[]);
        assert_eq!(trained(&folder, case, &["--max-memory", "300MB"]), whole, "{case:?}");
    }
    // The model that is there now was trained on rows that were read.
    let again = folder.run(&["replay", "m.safetensors", "--json"]).well().last();
    assert_eq!(again["same"], true);
    let own = folder.run(&["eval", "m.safetensors", "--json"]).well().last();
    assert_eq!(own["rows"], 600);
}

#[test]
fn images_too() {
    let Some(data) = data_dir("images_too") else { return };
    let (folder, data) = (Folder::new(), data.display().to_string());
    for more in [&["--epochs", "1"][..], &["--epochs", "2", "--limit", "9000", "--validation", "0.1", "--hidden", "16"]]
    {
        let args = [&["mnist", "--data-dir", &data], more].concat();
        let whole = trained(&folder, &args, &[]);
        assert_eq!(trained(&folder, &args, &["--max-memory", "600MB"]), whole, "{more:?}");
    }
}

#[test]
fn a_run_that_is_killed_inside_a_stream_goes_on() {
    let folder = with_people(20_000);
    let begin = |run: &str| {
        let train = ["train", "people.csv", "--target", "income", "--recipe", "realmlp", "--epochs", "4", "--json"];
        let streamed = ["--max-memory", "300MB", "--micro-batches", "4", "--checkpoint-every", "20steps", "--run", run];
        folder.command(&[&train[..], &streamed].concat())
    };
    assert_eq!(same_bits_after_kills(&folder, 3, begin), 4);
}

#[test]
fn what_later_rows_say_about_columns_is_said() {
    let folder = Folder::new();
    let row = |i: usize| {
        let late = if i < 80_000 { "EU" } else { "US" };
        format!("{},{late},{}\n", i % 89, ["no", "yes"][usize::from(i % 7 > 3)])
    };
    let text: String = std::iter::once("x,region,y\n".into()).chain((0..90_000).map(row)).collect();
    fs::write(folder.path("t.csv"), &text).expect("written");
    let train = ["train", "t.csv", "--recipe", "plain", "--epochs", "1", "--max-memory", "300MB", "--no-save"];
    let said = folder.run(&train).well().err;
    assert!(
        said.contains("column `region` has one value in the first rows, by which it is left out, and others later; --column region=number or region=category uses it"),
        "{said}"
    );
    let wrong = text + "eighty,EU,no\n";
    fs::write(folder.path("t.csv"), wrong).expect("written");
    let said = folder.run(&train);
    assert!(said.refusal(1).starts_with("error: t.csv: row 90001, column `x`: `eighty` is not a number"), "{said:?}");
}

#[test]
fn what_cannot_be_streamed_is_refused() {
    let folder = with_people(1000);
    let of = |args: &[&str]| folder.run(&[&["train"], args, &["--no-save"]].concat());
    let said = of(&["people.csv", "--target", "income", "--recipe", "plain", "--max-memory", "70MB"]);
    let refused = said.refusal(2);
    assert!(
        refused.starts_with("error: --max-memory: 70 MB; this training takes about ")
            && refused.contains(" MB for rows that are shuffled together, "),
        "{said:?}"
    );
    for (args, message) in [
        (&["people.csv", "--max-memory", "5"][..], "expected a number of MB or GB, such as 500MB"),
        (&["digits", "--max-memory", "1GB"], "--max-memory: this is for tables and IDX files, and digits is neither"),
        (&["people.csv", "--max-memory", "1GB", "--folds", "3"], "cannot be used with"),
    ] {
        let said = of(args);
        assert!(said.code != 0 && said.err.contains(message), "{said:?}");
    }
}

/// Of 200 MB in a file; in memory they take 3 GB.
#[cfg(target_os = "linux")]
#[test]
fn a_large_table_takes_less_than_500_megabytes() {
    let folder = Folder::new();
    let rows = table::write(&folder.path("large.csv"), 200_000_000, false).expect("written");
    let train = ["train", "large.csv", "--recipe", "plain", "--epochs", "1", "--batch", "1024", "--micro-batches", "8"];
    let more = ["--max-memory", "500MB", "--quiet", "--save", "m.safetensors"];
    let mut child = Running::start(folder.command(&[&train[..], &more].concat()).stdout(Stdio::null()));
    let peak = super::runs::peak(&mut child);
    assert!(child.wait().expect("an end").success());
    assert!((100_000..500_000).contains(&peak), "{peak} kB");
    let mut child = Running::start(folder.command(&["eval", "m.safetensors", "large.csv"]).stdout(Stdio::piped()));
    let peak = super::runs::peak(&mut child);
    let said = child.said();
    assert!(said.out.contains(&format!("{rows} rows")) && peak < 500_000, "{peak} kB, {said:?}");
}

/// The rows of one label come before those of the other: a shuffle that is too local would see it.
#[test]
fn a_table_that_is_sorted_by_label_is_learned_as_well_as_a_shuffled_one() {
    let folder = Folder::new();
    table::write(&folder.path("sorted.csv"), 15_000_000, true).expect("written");
    let accuracies = |more: &[&str]| {
        let of = |seed: &str| {
            let train = ["train", "sorted.csv", "--recipe", "plain", "--epochs", "2", "--batch", "256", "--seed", seed];
            let done = folder.run(&[&train[..], &["--json", "--no-save"], more].concat()).well().last();
            done["test"]["accuracy"].as_f64().expect("a number")
        };
        ["0", "1", "2"].map(of)
    };
    let spread = |of: [f64; 3]| [of.iter().copied().fold(1.0, f64::min), of.iter().copied().fold(0.0, f64::max)];
    let [least, most] = spread(accuracies(&[]));
    for micro_batches in ["1", "4"] {
        let streamed = accuracies(&["--max-memory", "500MB", "--micro-batches", micro_batches]);
        let slack = 0.003; // 0.5 % of 30,000 rows is a standard deviation of 0.0027
        assert!(
            streamed.iter().all(|of| (least - slack..=most + slack).contains(of)),
            "{micro_batches}: {streamed:?}, shuffled {least} to {most}"
        );
    }
}
