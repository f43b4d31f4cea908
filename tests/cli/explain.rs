//! What a network computes for a sample, as people and scripts see it.

use serde_json::Value;

use super::faults::with_model;
use super::tmux::Terminal;
use super::{Folder, Said, is_missing};

#[test]
fn the_golden_example_has_the_numbers_of_the_derivation() {
    let folder = Folder::new();
    let said = folder.run(&["explain", "--example", "golden"]).well().out;
    for line in [
        "sample 0, class second: predicted second with probability 0.8119, loss 0.208432",
        "A_1  2 x 8  0.481599       diag(sigma'(t_1)) [e_k (z_1^(;1))^T]_k",
        "q_1      3  0.199204       B_1^T q_2",
    ] {
        assert!(said.contains(line), "`{line}` in\n{said}");
    }
    let steps = folder.run(&["explain", "--example", "golden", "--step"]).well().out;
    assert!(steps.contains("z_2 = sigmoid(t_1)    2\n  0.731059   0.731059\n"), "{steps}");
    assert!(steps.find("== forward layer loop ==") < steps.find("== backward layer loop =="), "{steps}");
    let json = folder.run(&["explain", "--example", "golden", "--json"]).well().last();
    assert!(json["fast"]["ulp"]["loss"].as_f64() < Some(4.0), "{}", json["fast"]["ulp"]);
    assert_eq!(json["fast"]["gradient"].as_array().map(Vec::len), Some(14));
    let slopes = folder.run(&["explain", "--example", "golden", "--differences", "--json"]).well().last();
    let off = |i: usize| {
        slopes["differences"]["gradient"][i].as_f64().expect("a slope")
            - json["gradient"][i].as_f64().expect("a number")
    };
    assert!((0..14).all(|i| off(i).abs() < 1e-8), "{}", slopes["differences"]);
    let rounded = |values: &Value| {
        let rows = values.as_array().expect("rows").iter();
        let round = |v: &Value| format!("{:.4}", v.as_f64().expect("a number") + 0.0);
        rows.map(|row| row.as_array().expect("a row").iter().map(round).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    let p_1 = [["-0.1110", "0.0000", "0.1110", "-0.1110"], ["0.0370", "0.0000", "-0.0370", "0.0370"]];
    assert_eq!(rounded(&json["layers"][0]["p"]), p_1.map(|row| row.to_vec()));
}

/// Nothing said which keys there are, and only the end of the input left it before its last step.
#[test]
fn the_steps_at_a_terminal_show_their_keys_and_can_be_left_at_any_of_them() {
    if is_missing("tmux", "the_steps_at_a_terminal_show_their_keys_and_can_be_left_at_any_of_them") {
        return;
    }
    let folder = Folder::new();
    let terminal = Terminal::open(&folder, "steps", (80, 24));
    let binary = env!("CARGO_BIN_EXE_layerloop");
    let keys = "enter next   ← previous   ↑ ↓ scroll   q or esc leave";
    for (leave, steps, code) in [("q", 0, 0), ("Escape", 3, 0), ("q", 30, 0), ("C-c", 1, 130)] {
        let explain = format!("{binary} explain --example golden --step");
        let run = format!(
            "clear; stty -g > before; {explain}; echo ended with $?; stty -g > after; echo all is over with $?"
        );
        terminal.press(&[&run, "Enter"]);
        let first = terminal.wait_for("step 1 of ");
        assert!(first.contains("forward layer loop") && first.contains("z_1 = x"), "{first}");
        let count: usize =
            first.split("step 1 of ").nth(1).and_then(|rest| rest.lines().next()?.trim().parse().ok()).unwrap();
        for step in 1..=steps {
            terminal.press(&["Enter"]);
            terminal.wait_for(&format!("step {} of {count}", (step + 1).min(count)));
        }
        let last = terminal.screen();
        assert_eq!(last.lines().nth(23), Some(keys), "{last}");
        terminal.press(&[leave]);
        let after = terminal.wait_for("all is over with 0");
        assert!(after.contains(&format!("ended with {code}")) && !after.contains(keys), "{after}");
        let settings = ["before", "after"].map(|name| std::fs::read_to_string(folder.path(name)).expect("settings"));
        assert_eq!(settings[0], settings[1], "left with {leave}");
        folder.files().iter().for_each(|name| std::fs::remove_file(folder.path(name)).expect("a file"));
    }
}

#[test]
fn a_sample_of_a_model_is_shown_and_what_cannot_be_is_named() {
    let (folder, _) = with_model();
    let json = folder.run(&["explain", "m.safetensors", "--sample", "7", "--json"]).well().last();
    let evaluated: Value = folder
        .run(&["outliers", "m.safetensors", "--part", "test", "--top", "360", "--json"])
        .well()
        .json()
        .into_iter()
        .find(|object| object["row"] == 7)
        .expect("row 7");
    let near = |a: &Value, b: &Value| (a.as_f64().expect("a number") - b.as_f64().expect("a number")).abs() < 1e-5;
    assert!(near(&json["loss"], &evaluated["loss"]), "{} {}", json["loss"], evaluated["loss"]);
    assert_eq!(json["gradient"].as_array().map(Vec::len), Some(310));
    assert_eq!(json["layers"][0]["a"].as_array().map(Vec::len), Some(4));
    folder.run(&["train", "--epochs", "1", "--quiet", "--save", "w.safetensors"]).well();
    let wide = folder.run(&["explain", "w.safetensors", "--json"]).well().last();
    assert!(wide["layers"][0]["a"].is_null(), "32 x 2080 entries are past the limit");
    assert_eq!(wide["layers"][0]["a_factors"]["z1"].as_array().map(Vec::len), Some(65));

    let refused = |said: Said, sentence: &str| assert!(said.refusal(2).contains(sentence), "{said:?}");
    refused(
        folder.run(&["explain", "m.safetensors", "--sample", "360"]),
        "sample: 360; digits test has the rows 0 to 359",
    );
    refused(folder.run(&["explain", "--example", "silver"]), "silver");
    folder
        .run(&[
            "train",
            "--network",
            "64 -> skip(64 relu) -> 10",
            "--epochs",
            "1",
            "--quiet",
            "--save",
            "s.safetensors",
        ])
        .well();
    refused(folder.run(&["explain", "s.safetensors"]), "the derivation is of dense layers with a bias");
    let said = folder.run(&["explain", "m.safetensors", "diabetes"]);
    assert!(said.refusal(1).contains("inputs of a sample: expected 64, got 10"), "{said:?}");
    assert_eq!(folder.run(&["explain"]).code, 2);
}

#[test]
fn any_loss_and_numbers_to_give_are_traced_as_the_model_was_trained() {
    let folder = Folder::new();
    let traced = |train: &[&str]| {
        let save = ["train", "--epochs", "2", "--quiet", "--save", "m.safetensors"];
        folder.run(&[&save[..], train].concat()).well();
        folder.run(&["explain", "m.safetensors", "--sample", "3", "--differences", "--json"]).well().last()
    };
    for (train, loss) in [
        (&["diabetes", "--loss", "huber"][..], "huber"),
        (&["diabetes", "--hidden", "8", "--activation", "gelu"], "mse"),
        (&["digits", "--output", "sigmoid", "--loss", "focal"], "focal"),
        (
            &["digits", "--loss", "squared-hinge", "--network", "64 -> 6 tanh dropout=0.1 -> 10 -> identity"],
            "squared-hinge",
        ),
    ] {
        let json = traced(train);
        assert_eq!(json["loss_name"], loss);
        assert_eq!(json["target"].is_null(), train[0] == "diabetes");
        let numbers = |value: &Value| {
            value.as_array().expect("numbers").iter().map(|v| v.as_f64().expect("a number")).collect::<Vec<f64>>()
        };
        let exact = numbers(&json["gradient"]);
        let size = exact.iter().fold(0.0, |size: f64, v| size.max(v.abs()));
        assert!(size > 0.0, "{train:?}");
        for other in [numbers(&json["fast"]["gradient"]), numbers(&json["differences"]["gradient"])] {
            let off = exact.iter().zip(&other).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(other.len() == exact.len() && off < 3e-6 * size, "{train:?}: {off:e} of {size}");
        }
    }
}

#[test]
fn the_curvature_of_a_model_is_told_and_drawn() {
    let (folder, _) = with_model();
    let ask = ["explain", "m.safetensors", "--curvature", "--rows", "60"];
    let json = folder.run(&[&ask[..], &["--json", "--surface", "s.svg"]].concat()).well().last();
    let number = |value: &Value| value.as_f64().expect("a number");
    let top = number(&json["largest_eigenvalue"]["value"]);
    assert!(top > 0.0 && number(&json["largest_eigenvalue"]["residual"]) < 1e-2 * top, "{json}");
    assert!(number(&json["trace"]["value"]) > 0.5 * top && json["rows"] == 60 && json["parameters"] == 310, "{json}");
    let picture = std::fs::read_to_string(folder.path("s.svg")).expect("a picture");
    assert!(
        picture.starts_with("<svg")
            && picture.contains("</svg>\n<!-- layerloop ")
            && picture.matches("class=\"cell\"").count() == 41 * 41
    );
    let text = folder.run(&ask).well().out;
    assert!(text.contains("largest eigenvalue") && text.contains("standard error"), "{text}");
    let none = folder.run(&["explain", "m.safetensors", "--curvature", "--rows", "0"]);
    assert!(none.refusal(2).contains("--rows: 0"), "{none:?}");
    assert_eq!(folder.run(&["explain", "m.safetensors", "--surface", "s.svg"]).code, 2);
}

/// Values of an attribute of the picture, in order.
fn attributes<'a>(svg: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!(" {name}=\"");
    let values = svg.split(start.as_str()).skip(1);
    values.map(|rest| rest.split('"').next().unwrap_or_default()).collect()
}

/// What is written on the picture: the attributes of each text, and its words.
fn texts(svg: &str) -> Vec<(&str, &str)> {
    let all = svg.split("<text").skip(1).filter_map(|rest| rest.split("</text>").next()?.split_once('>'));
    all.collect()
}

/// Contrast of two colours such as #1f2328, by the Web Content Accessibility Guidelines.
fn contrast(one: &str, other: &str) -> f64 {
    let luminance = |colour: &str| {
        let part = |at: usize| f64::from(u8::from_str_radix(&colour[at..at + 2], 16).expect("a colour")) / 255.0;
        let linear = |c: f64| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) };
        [1, 3, 5].map(|at| linear(part(at))).iter().zip([0.2126, 0.7152, 0.0722]).map(|(c, w)| c * w).sum::<f64>()
    };
    let (a, b) = (luminance(one), luminance(other));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// The picture had bare numbers and one sentence: nothing said what the axes and the colours are.
#[test]
fn the_loss_surface_names_its_axes_and_its_colours() {
    let folder = Folder::new();
    let units = [("digits", "mean loss: cross-entropy, in nats"), ("diabetes", "mean loss: mse, squared error")];
    for (data, title) in units {
        folder.run(&["train", data, "--hidden", "4", "--epochs", "2", "--quiet", "--save", "m.safetensors"]).well();
        let ask = ["explain", "m.safetensors", "--curvature", "--rows", "60", "--surface", "s.svg", "--json"];
        let top = folder.run(&ask).well().last()["largest_eigenvalue"]["value"].as_f64().expect("a number");
        let svg = std::fs::read_to_string(folder.path("s.svg")).expect("a picture");
        let texts = texts(&svg);
        let has = |words: &str| texts.iter().any(|(_, text)| *text == words);
        assert!(has(&format!("α, along u: the eigenvector of the largest eigenvalue, {top:.4}")), "{texts:?}");
        assert!(has("β, along v: the eigenvector of the second largest eigenvalue"), "{texts:?}");
        assert!(has("Mean loss at w + α u + β v, w the parameters of the network") && has(title), "{texts:?}");
        // Numbers: those of alpha in the middle of their ticks, those of beta before theirs, those of the colours behind.
        let numbers = |anchor: &str| {
            let of_anchor = texts.iter().filter(|(attributes, _)| attributes.contains(anchor));
            of_anchor.filter_map(|(_, text)| text.parse::<f64>().ok()).collect::<Vec<f64>>()
        };
        let (alpha, beta, losses) = (numbers("\"middle\""), numbers("\"end\""), numbers("\"start\""));
        assert!([3, 5, 7].contains(&alpha.len()) && alpha == beta && alpha.contains(&0.0), "{alpha:?} {beta:?}");
        assert!(losses.len() == 6 && losses.is_sorted_by(|a, b| a < b), "{losses:?}");
        assert_eq!(svg.matches("class=\"tick\"").count(), alpha.len() + losses.len());
        let sizes = attributes(&svg, "font-size");
        assert!(!sizes.is_empty() && sizes.iter().all(|size| size.parse::<f64>().is_ok_and(|size| size >= 12.0)));
        let (ink, background) = (attributes(&svg, "fill")[0], attributes(&svg, "fill")[1]);
        assert!(contrast(ink, background) >= 4.5, "{ink} on {background}");
    }
}

#[test]
fn the_worst_mistakes_come_with_what_stands_behind_them() {
    let (folder, _) = with_model();
    let ask = ["explain", "m.safetensors", "--mistakes", "--top", "3"];
    let worst = folder.run(&[&ask[..], &["--json", "--html", "w.html"]].concat()).well().json();
    assert_eq!(worst.len(), 3);
    for mistake in &worst {
        assert_ne!(mistake["label"], mistake["predicted"]);
        assert_eq!(mistake["nearest"].as_array().map(Vec::len), Some(5));
        assert_eq!(mistake["aligned"].as_array().map(Vec::len), Some(5));
        assert!(mistake["turned"]["distance"].as_f64() > Some(0.0), "{mistake}");
        assert_eq!(mistake["turned"]["x"].as_array().map(Vec::len), Some(64));
    }
    let page = std::fs::read_to_string(folder.path("w.html")).expect("a page");
    assert_eq!(page.matches("<section class=\"mistake\">").count(), 3);
    assert!(!page.contains("http:") && !page.contains("https:"), "it asks nobody for anything");
    let text = folder.run(&ask).well().out;
    assert_eq!(text.matches("flips the prediction").count(), 3, "{text}");
    let none = folder.run(&["explain", "m.safetensors", "--mistakes", "--top", "0"]);
    assert!(none.refusal(2).contains("--top: 0 mistakes"), "{none:?}");
    folder.run(&["train", "diabetes", "--epochs", "1", "--quiet", "--save", "d.safetensors"]).well();
    let numbers = folder.run(&["explain", "d.safetensors", "--mistakes"]);
    assert!(numbers.refusal(1).contains("there are no classes in it"), "{numbers:?}");
}

#[test]
fn units_are_counted_layer_by_layer() {
    let (folder, _) = with_model();
    let layers = folder.run(&["explain", "m.safetensors", "--units", "--json"]).well().json();
    assert_eq!(layers.iter().map(|layer| layer["units"].as_u64()).collect::<Vec<_>>(), [Some(4), Some(10)]);
    assert!(layers.iter().all(|layer| layer["mean_gradient"].as_f64() > Some(0.0)), "{layers:?}");
    let text = folder.run(&["explain", "m.safetensors", "--units", "--rows", "50"]).well().out;
    assert!(text.starts_with("layer  units  dead  saturated"), "{text}");
    let none = folder.run(&["explain", "m.safetensors", "--units", "--rows", "0"]);
    assert!(none.refusal(1).contains("there are no rows"), "{none:?}");
}
