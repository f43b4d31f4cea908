//! Labels with gaps, and a test part that lacks a class: what can be computed is printed, the rest is named.

use std::fs;

use super::Folder;

/// A folder of 20 + 20 images of 2 x 2 pixels; of each part the labels, over and over.
fn data(folder: &Folder, train: &[u8], test: &[u8]) {
    let path = folder.path("data");
    fs::create_dir(&path).expect("a new folder");
    for (part, of) in [("train", train), ("t10k", test)] {
        let labels: Vec<u8> = (0..20).map(|row| of[row % of.len()]).collect();
        let pixels = labels.iter().enumerate().flat_map(|(row, &label)| [label * 40, 200 - label * 40, row as u8, 9]);
        let write = |name: &str, header: &[u32], bytes: Vec<u8>| {
            let header: Vec<u8> = header.iter().flat_map(|n| n.to_be_bytes()).collect();
            fs::write(path.join(format!("{part}-{name}")), [header, bytes].concat()).expect("a file");
        };
        write("images-idx3-ubyte", &[0x803, 20, 2, 2], pixels.collect());
        write("labels-idx1-ubyte", &[0x801, 20], labels);
    }
}

/// `eval` printed nothing at all where one metric could not be computed.
#[test]
fn eval_prints_the_rest_and_names_what_cannot_be_computed() {
    // Gaps below, between and above; a class that the test part alone lacks.
    let cases: [(&[u8], &[u8], &str); 4] = [
        (&[1, 2, 3], &[1, 2, 3], "class 0"),
        (&[0, 2], &[0, 2], "class 1"),
        (&[0, 1, 3], &[0, 1], "class 2"),
        (&[0, 1, 2], &[0, 1], "class 2"),
    ];
    for (train, test, missing) in cases {
        let folder = Folder::new();
        data(&folder, train, test);
        folder.run(&["train", "data", "--epochs", "2", "--batch", "4", "--save", "m", "--quiet"]).well();
        let metrics = ["--metrics", "accuracy,roc-auc,f1,average-precision"];
        let said = folder.run(&[&["eval", "m", "data"], &metrics[..]].concat()).well();
        for part in ["Confusion matrix", "accuracy", "f1", "roc-auc cannot be computed: no row is of class"] {
            assert!(said.out.contains(part), "{train:?} {test:?}: {part} is missing in\n{}", said.out);
        }
        let json = folder.run(&[&["eval", "m", "data", "--json"], &metrics[..]].concat()).well().last();
        assert!(json["metrics"]["accuracy"].is_number() && json["metrics"]["f1"].is_number(), "{json}");
        for name in ["roc_auc", "average_precision"] {
            assert!(json["metrics"][name].is_null(), "{json}");
            assert!(json["not_computed"][name].as_str().unwrap().contains(missing), "{json}");
        }
    }
}

/// Early stopping on a metric that was never a number ended the run after `patience` epochs, and nothing was said.
#[test]
fn early_stopping_on_a_metric_that_is_never_a_number_says_so_at_the_first_epoch_and_ends_nothing() {
    let folder = Folder::new();
    data(&folder, &[0, 1, 2], &[0, 1]);
    let typed = ["train", "data", "--epochs", "9", "--batch", "4", "--no-save", "--metrics", "roc-auc"];
    let stop = ["--early-stopping", "test_roc-auc", "--patience", "2", "--json"];
    let said = folder.run(&[&typed[..], &stop[..]].concat()).well();
    let warning = "warning: test_roc_auc cannot be computed: no row is of class 2: there is nothing to rank it against; \
                   --early-stopping waits for the first value";
    assert_eq!(said.err.matches(warning).count(), 1, "{}", said.err);
    assert!(said.err.contains("test_roc-auc was never a finite number"), "{}", said.err);
    assert_eq!(said.out.matches(r#""event":"epoch""#).count(), 9, "{}", said.out);
    // A metric of numbers on classes is still a mistake in what was typed.
    assert_eq!(folder.run(&["train", "data", "--no-save", "--metrics", "mse"]).code, 2);
}
