//! Every metric against scikit-learn's numbers, which `tests/reference/metrics.py` wrote.

use std::collections::HashSet;

use layerloop::choice::{Choice as _, parse};
use layerloop::metrics::{Judged, Metric, Truth};
use serde_json::Value;

fn floats(value: &Value) -> Vec<f32> {
    value.as_array().into_iter().flatten().map(|x| x.as_f64().expect("a number") as f32).collect()
}

#[test]
fn metrics_are_those_of_scikit_learn() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("reference/metrics.json")).expect("JSON");
    let mut seen = HashSet::new();
    for (i, case) in cases.iter().enumerate() {
        let (predicted, targets, weights) =
            (floats(&case["predicted"]), floats(&case["targets"]), floats(&case["weights"]));
        let labels: Vec<u32> = floats(&case["labels"]).iter().map(|&label| label as u32).collect();
        let judged = match case["classes"].as_u64() {
            Some(classes) => Judged::classes(&predicted, &labels, classes as usize),
            None => Judged::numbers(&predicted, &targets, case["outputs"].as_u64().expect("outputs") as usize),
        };
        let judged = Judged { weights: (!weights.is_empty()).then_some(&weights), ..judged };
        for (name, want) in case["scores"].as_object().expect("scores") {
            let metric: Metric = parse(name).expect(name);
            seen.insert(metric.name());
            let Some(want) = want.as_f64() else {
                assert!(metric.of(&judged).is_err(), "case {i}, {name} is no number");
                continue;
            };
            let got = metric.of(&judged).expect(name);
            assert!((got - want).abs() <= 1e-12 * want.abs().max(1.0), "case {i}, {name}: {got}, not {want}");
        }
    }
    let unseen: Vec<&str> = Metric::ALL.iter().map(|m| m.name()).filter(|name| !seen.contains(name)).collect();
    assert_eq!(unseen, [""; 0], "each metric is in a case");
}

#[test]
fn the_calibration_error_is_the_gap_between_confidence_and_accuracy() {
    // Four rows at 0.9, three of them right; two at 0.6, both right.
    let p = [0.9, 0.1, 0.9, 0.1, 0.9, 0.1, 0.9, 0.1, 0.6, 0.4, 0.6, 0.4];
    let judged = Judged::classes(&p, &[0, 0, 0, 1, 0, 0], 2);
    let error = Metric::Ece { bins: 10 }.of(&judged).expect("it can be computed");
    assert!((error - (4.0 * 0.15 + 2.0 * 0.4) / 6.0).abs() < 1e-6, "{error}");
}

#[test]
fn what_cannot_be_judged_is_refused_with_the_reason() {
    let refused = |metric: Metric, judged: Judged| metric.of(&judged).expect_err("refused").to_string();
    let two = Judged::classes(&[0.5, 0.5, 0.1, 0.9], &[0, 0], 2);
    assert_eq!(refused(Metric::Mse, two), "metric: `mse` judges numbers, and these predictions are of classes");
    assert!(
        refused(Metric::F1 { average: layerloop::metrics::Average::Macro }, Judged::numbers(&[1.0], &[1.0], 1))
            .contains("judges classes")
    );
    assert!(refused(Metric::RocAuc, two).contains("no row is of class 1"));
    assert!(
        refused(Metric::AveragePrecision, two).contains("no row is of class 1: there is nothing to rank it against")
    );
    assert!(
        refused(Metric::RocAuc, Judged { truth: Truth::Classes { labels: &[1, 1], classes: 2 }, ..two })
            .contains("every row")
    );
    assert!(refused(Metric::Kappa, Judged::classes(&[0.9, 0.1], &[0], 2)).contains("`kappa` is 0 / 0"));
    assert!(refused(Metric::R2, Judged::numbers(&[1.0], &[1.0], 1)).contains("at least 2 rows"));
    assert!(refused(Metric::Mae, Judged::numbers(&[1.0, 2.0], &[1.0, f32::NAN], 1)).contains("row 1: a target of NaN"));
    assert!(refused(Metric::Accuracy, Judged::classes(&[], &[], 2)).contains("no rows"));
    assert!(refused(Metric::Accuracy, Judged::classes(&[0.5, 0.5], &[2], 2)).contains("row 0: class 2 of 2"));
    assert!(refused(Metric::Accuracy, Judged::classes(&[0.5, f32::NAN], &[1], 2)).contains("a prediction of NaN"));
    assert!(refused(Metric::Accuracy, Judged { weights: Some(&[0.0, 0.0]), ..two }).contains("every weight is 0"));
    assert!(
        refused(Metric::Mae, Judged::numbers(&[1.0, 2.0], &[1.0], 1)).contains("2 predictions are not 1 rows of 1")
    );
}
