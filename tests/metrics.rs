//! Every metric against scikit-learn's numbers, which `tests/reference/metrics.py` wrote.

use std::collections::HashSet;

use layerloop::metrics::{Metric, Predictions, Truth};
use layerloop::names::{NamedEnum as _, parse};
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
        let evaluated = match case["classes"].as_u64() {
            Some(classes) => Predictions::classes(&predicted, &labels, classes as usize),
            None => Predictions::numbers(&predicted, &targets, case["outputs"].as_u64().expect("outputs") as usize),
        };
        let evaluated = Predictions { weights: (!weights.is_empty()).then_some(&weights), ..evaluated };
        for (name, want) in case["scores"].as_object().expect("scores") {
            let metric: Metric = parse(name).expect(name);
            seen.insert(metric.name());
            let Some(want) = want.as_f64() else {
                assert!(metric.of(&evaluated).is_err(), "case {i}, {name} is not a number");
                continue;
            };
            let got = metric.of(&evaluated).expect(name);
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
    let evaluated = Predictions::classes(&p, &[0, 0, 0, 1, 0, 0], 2);
    let error = Metric::Ece { bins: 10 }.of(&evaluated).expect("it can be computed");
    assert!((error - (4.0 * 0.15 + 2.0 * 0.4) / 6.0).abs() < 1e-6, "{error}");
}

#[test]
fn what_cannot_be_measured_is_refused_with_the_reason() {
    let refused = |metric: Metric, evaluated: Predictions| metric.of(&evaluated).expect_err("refused").to_string();
    let two = Predictions::classes(&[0.5, 0.5, 0.1, 0.9], &[0, 0], 2);
    assert_eq!(refused(Metric::Mse, two), "metric: `mse` is a metric of numbers, and these predictions are of classes");
    assert!(
        refused(Metric::F1 { average: layerloop::metrics::Average::Macro }, Predictions::numbers(&[1.0], &[1.0], 1))
            .contains("is a metric of classes")
    );
    assert!(refused(Metric::RocAuc, two).contains("no row is of class 1"));
    assert!(
        refused(Metric::AveragePrecision, two).contains("no row is of class 1: there is nothing to rank it against")
    );
    assert!(
        refused(Metric::RocAuc, Predictions { truth: Truth::Classes { labels: &[1, 1], classes: 2 }, ..two })
            .contains("every row")
    );
    assert!(refused(Metric::Kappa, Predictions::classes(&[0.9, 0.1], &[0], 2)).contains("`kappa` is 0 / 0"));
    assert!(refused(Metric::R2, Predictions::numbers(&[1.0], &[1.0], 1)).contains("at least 2 rows"));
    assert!(
        refused(Metric::Mae, Predictions::numbers(&[1.0, 2.0], &[1.0, f32::NAN], 1)).contains("row 1: a target of NaN")
    );
    assert!(refused(Metric::Accuracy, Predictions::classes(&[], &[], 2)).contains("no rows"));
    assert!(refused(Metric::Accuracy, Predictions::classes(&[0.5, 0.5], &[2], 2)).contains("row 0: class 2 of 2"));
    assert!(refused(Metric::Accuracy, Predictions::classes(&[0.5, f32::NAN], &[1], 2)).contains("a prediction of NaN"));
    assert!(refused(Metric::Accuracy, Predictions { weights: Some(&[0.0, 0.0]), ..two }).contains("every weight is 0"));
    assert!(
        refused(Metric::Mae, Predictions::numbers(&[1.0, 2.0], &[1.0], 1))
            .contains("2 predictions are not 1 rows of 1")
    );
}

/// With weights the rounded mean of constant targets differed from them by a rounding error, so R2 was -5e29 and kappa was 1.
#[test]
fn constants_have_no_variance_whatever_the_weights() {
    for constant in [14.62_f32, 0.1, -3.3, 1e20, 1e-20, 0.0, 7.0] {
        for (rows, outputs) in [(2, 1), (10, 1), (9, 3), (37, 2)] {
            let targets = vec![constant; rows * outputs];
            let weights: Vec<f32> = (0..rows).map(|i| 0.1 + 0.37 * i as f32).collect();
            let of = |metric: Metric, predicted: &[f32], weights: Option<&[f32]>| {
                metric
                    .of(&Predictions { weights, ..Predictions::numbers(predicted, &targets, outputs) })
                    .expect("a number")
            };
            let other: Vec<f32> =
                (0..rows * outputs).map(|i| constant + constant.abs().max(1.0) * (1 + i % 3) as f32).collect();
            let offset = vec![constant + constant.abs().max(1.0); rows * outputs];
            for weights in [None, Some(&weights[..])] {
                let case = format!("{constant}, {rows} x {outputs}, {weights:?}");
                for metric in [Metric::R2, Metric::ExplainedVariance] {
                    assert_eq!(of(metric, &targets, weights), 1.0, "{metric:?} of no errors, {case}");
                }
                assert_eq!(of(Metric::R2, &other, weights), 0.0, "{case}");
                assert_eq!(of(Metric::R2, &offset, weights), 0.0, "{case}");
                assert_eq!(of(Metric::ExplainedVariance, &offset, weights), 1.0, "a constant offset, {case}");
                // Of two rows in one output the errors may be the same number.
                if (rows * outputs) % 3 != 0 || outputs == 1 && rows > 2 {
                    assert_eq!(of(Metric::ExplainedVariance, &other, weights), 0.0, "{case}");
                }
            }
        }
    }
}

/// Where rows of weight 0 are the only ones that differ, the targets are constant too.
#[test]
fn rows_of_weight_0_do_not_count() {
    let evaluated = Predictions::numbers(&[1.0, 2.0, 9.0], &[0.3, 0.3, 5.0], 1);
    for metric in [Metric::R2, Metric::ExplainedVariance] {
        assert_eq!(metric.of(&Predictions { weights: Some(&[0.1, 0.7, 0.0]), ..evaluated }).expect("a number"), 0.0);
    }
}

/// It was refused without weights, and 1 for 9, 37, 47 and 49 weighted rows.
#[test]
fn the_kappa_of_a_single_class_is_refused_whatever_the_weights() {
    for rows in 1..60 {
        let weights: Vec<f32> = (0..rows).map(|i| 0.1 + 0.37 * i as f32).collect();
        for class in 0..2 {
            let predicted = if class == 0 { [0.9_f32, 0.1] } else { [0.1, 0.9] }.repeat(rows);
            let labels = vec![class; rows];
            let evaluated = Predictions { weights: Some(&weights), ..Predictions::classes(&predicted, &labels, 2) };
            let said = Metric::Kappa.of(&evaluated).expect_err("0 / 0").to_string();
            assert!(said.contains("`kappa` is 0 / 0"), "{said}");
            assert_eq!(Metric::Mcc.of(&evaluated).expect("0 by definition"), 0.0);
        }
    }
    // A row that hardly counts is answered otherwise: the factor under the root was rounded to below 0.
    let evaluated = Predictions::classes(&[0.9, 0.1, 0.9, 0.1, 0.1, 0.9], &[0, 1, 0], 2);
    let mcc = Metric::Mcc.of(&Predictions { weights: Some(&[1.0, 1.0, 1e-20]), ..evaluated }).expect("a number");
    assert!(mcc.is_finite(), "{mcc}");
}
