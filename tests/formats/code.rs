//! Code in C, Rust and JavaScript is compiled, run and compared with `predict`.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use layerloop::data::Dataset;
use layerloop::model_file::Model;
use layerloop::network::Network;
use layerloop::preprocess::view::Encoder;
use layerloop::preprocess::{Column, Frame, Kind, PreprocessOptions, Preprocessing, Scaling, Target, TargetTransform};
use layerloop_formats::code::{Language, Loss, generate, quantised};

use self::cases::{Case, cases};

mod cases;

/// Reads rows from standard input, writes what `predict` makes of each.
const MAIN_C: &str = r#"
#include <stdio.h>
void predict(const FROM *input, TO *output);
int main(void) {
    static FROM input[INPUTS];
    static TO output[OUTPUTS];
    while (fread(input, sizeof input, 1, stdin) == 1) {
        predict(input, output);
        fwrite(output, sizeof output, 1, stdout);
    }
    return 0;
}
"#;

fn bytes_of(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn floats_of(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect()
}

fn run(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("a thread").expect("written");
    assert!(output.status.success());
    output.stdout
}

/// What the code in C gives, compiled with all warnings as errors and these options.
fn in_c(folder: &Path, model: &Model, int8: bool, options: &[&str], input: &[u8], [from, to]: [&str; 2]) -> Vec<u8> {
    let (code, main, program) = (folder.join("model.c"), folder.join("main.c"), folder.join("program"));
    fs::write(&code, generate(model, Language::C, int8).expect("written")).expect("written");
    fs::write(&main, MAIN_C).expect("written");
    let inputs = model.input.preprocessing.as_ref().map_or(model.network.spec().inputs, |by| by.columns().count());
    let defines = [
        format!("-DINPUTS={inputs}"),
        format!("-DOUTPUTS={}", model.classes.len()),
        format!("-DFROM={from}"),
        format!("-DTO={to}"),
    ];
    let mut cc = Command::new("cc");
    cc.args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-O2"]).args(options).args(defines);
    let status = cc.args([&code, &main]).arg("-lm").arg("-o").arg(&program).status().expect("cc is there");
    assert!(status.success(), "{} does not compile", code.display());
    run(&mut Command::new(&program), input)
}

fn has_fma() -> bool {
    cfg!(target_arch = "aarch64") || {
        #[cfg(target_arch = "x86_64")]
        let has = std::arch::is_x86_feature_detected!("fma");
        #[cfg(not(target_arch = "x86_64"))]
        let has = false;
        has
    }
}

fn same_bits(what: &str, case: &Case, got: &[f32]) {
    assert_eq!(got.len(), case.outputs.len(), "{what}: {}", case.model.network.spec());
    for (i, (got, want)) in got.iter().zip(&case.outputs).enumerate() {
        let spec = case.model.network.spec();
        assert_eq!(got.to_bits(), want.to_bits(), "{what}: output {i} is {got:e}, not {want:e}, of {spec}");
    }
}

#[test]
fn c_has_the_bits_of_predict_where_the_target_has_a_fused_multiply_add() {
    let folder = tempfile::tempdir().unwrap();
    let native: &[&str] = if cfg!(target_arch = "x86_64") { &["-march=native"] } else { &[] };
    for (i, case) in cases(24, 0).enumerate() {
        let got = in_c(folder.path(), &case.model, false, native, &bytes_of(&case.rows), ["float"; 2]);
        if has_fma() {
            same_bits("C", &case, &floats_of(&got));
        }
        if cfg!(target_arch = "x86_64") && i % 4 == 0 {
            let got = floats_of(&in_c(folder.path(), &case.model, false, &[], &bytes_of(&case.rows), ["float"; 2]));
            for (got, want) in got.iter().zip(&case.outputs) {
                assert!(
                    (got - want).abs() <= 1e-4 * want.abs().max(1.0),
                    "{}: {got} {want}",
                    case.model.network.spec()
                );
            }
        }
    }
}

#[test]
fn rust_without_std_has_the_bits_of_predict() {
    let folder = tempfile::tempdir().unwrap();
    let all: Vec<Case> = cases(24, 0).collect();
    // One program: a module for each model, and a library without std around all of them.
    let mut library = String::from("#![no_std]\n#![deny(warnings)]\n#![forbid(unsafe_code)]\n");
    let mut main = String::from("use std::io::{Read, Write};\nfn main() {\n    let mut bytes = Vec::new();\n");
    main +=
        "    std::io::stdin().read_to_end(&mut bytes).unwrap();\n    let mut at = 0;\n    let mut out = Vec::new();\n";
    main += "    let mut next = |n: usize| { at += 4 * n; bytes[at - 4 * n..at].chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect::<Vec<_>>() };\n";
    for (i, case) in all.iter().enumerate() {
        fs::write(folder.path().join(format!("m{i}.rs")), generate(&case.model, Language::Rust, false).unwrap())
            .unwrap();
        library += &format!("pub mod m{i};\n");
        let (inputs, outputs) = (case.model.network.spec().inputs, case.model.classes.len());
        main += &format!(
            "    for _ in 0..{} {{ let mut y = [0.0; {outputs}]; models::m{i}::predict(&next({inputs}).try_into().unwrap(), &mut y); ",
            cases::ROWS
        );
        main += "for y in y { out.extend(y.to_le_bytes()); } }\n";
    }
    main += "    std::io::stdout().write_all(&out).unwrap();\n}\n";
    fs::write(folder.path().join("models.rs"), library).unwrap();
    fs::write(folder.path().join("main.rs"), main).unwrap();
    let rustc = |args: &[&str]| {
        let status =
            Command::new("rustc").current_dir(folder.path()).args(["--edition=2021", "-O"]).args(args).status();
        assert!(status.expect("rustc is there").success(), "{args:?}");
    };
    rustc(&["--crate-type=rlib", "models.rs"]);
    rustc(&["main.rs", "--extern", "models=libmodels.rlib", "-o", "program"]);
    let input: Vec<u8> = all.iter().flat_map(|case| bytes_of(&case.rows)).collect();
    let got = floats_of(&run(&mut Command::new(folder.path().join("program")), &input));
    let mut at = 0;
    for case in &all {
        same_bits("Rust", case, &got[at..at + case.outputs.len()]);
        at += case.outputs.len();
    }
}

#[test]
fn javascript_has_the_bits_of_predict() {
    if Command::new("node").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("NOT RUN: JavaScript, which needs node");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut main =
        String::from("import { readFileSync, writeFileSync } from 'node:fs';\nconst out = [];\nlet at = 0;\n");
    main += "const bytes = readFileSync('rows'); const rows = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);\n";
    let all: Vec<Case> = cases(24, 0).collect();
    for (i, case) in all.iter().enumerate() {
        fs::write(folder.path().join(format!("m{i}.mjs")), generate(&case.model, Language::JavaScript, false).unwrap())
            .unwrap();
        let (inputs, outputs) = (case.model.network.spec().inputs, case.model.classes.len());
        main += &format!(
            "{{ const {{ predict }} = await import('./m{i}.mjs'); const y = new Float32Array({outputs});\n\
             for (let row = 0; row < {}; row++, at += {inputs}) {{ predict(rows.subarray(at, at + {inputs}), y); out.push(...y); }} }}\n",
            cases::ROWS
        );
    }
    main += "writeFileSync('out', new Uint8Array(new Float32Array(out).buffer));\n";
    fs::write(folder.path().join("main.mjs"), main).unwrap();
    let rows: Vec<u8> = all.iter().flat_map(|case| bytes_of(&case.rows)).collect();
    fs::write(folder.path().join("rows"), rows).unwrap();
    let status = Command::new("node").current_dir(folder.path()).arg("main.mjs").status().expect("node runs");
    assert!(status.success());
    let got = floats_of(&fs::read(folder.path().join("out")).unwrap());
    let mut at = 0;
    for case in &all {
        same_bits("JavaScript", case, &got[at..at + case.outputs.len()]);
        at += case.outputs.len();
    }
}

/// A model of a table with gaps, names, dates, repeated numbers and a target of numbers; its rows as code takes them, and what is predicted.
fn table(scaling: Scaling, target_transform: TargetTransform) -> (Model, Vec<f64>, Vec<f64>) {
    const ROWS: usize = 1200;
    let number = |i: usize| ((i * 7919 + 13) % 1009) as f64 / 10.0;
    let age: Vec<f64> = (0..ROWS).map(|i| if i % 9 == 4 { f64::NAN } else { number(i) }).collect();
    let gain: Vec<f64> = (0..ROWS).map(|i| if i % 12 == 0 { (i / 12 % 9 + 1) as f64 * 0.7 } else { 0.0 }).collect();
    let when: Vec<f64> = (0..ROWS).map(|i| if i % 50 == 7 { f64::NAN } else { i as f64 * 3.1e6 - 1.2e9 }).collect();
    let names = ["cook", "pilot", "clerk", "", "cook"];
    let jobs: Vec<&str> = (0..ROWS).map(|i| names[i * i % 5]).collect();
    let smokes: Vec<&str> = (0..ROWS).map(|i| ["yes", "no"][i % 2]).collect();
    let pay: Vec<f64> = (0..ROWS).map(|i| number(i) * 3.0 + 1.0).collect();
    let columns = vec![
        Column::numbers("age", age.clone()),
        Column::categories("job", jobs.iter().copied()),
        Column::categories("smokes", smokes.iter().copied()),
        Column::numbers("gain", gain.clone()),
        Column { kind: Kind::Date, ..Column::numbers("when", when.clone()) },
        Column::numbers("pay", pay),
    ];
    let frame = Frame::new("people", columns).expect("a frame");
    let options = {
        let mut options = PreprocessOptions::default();
        (options.scaling, options.target_transform, options.clamp) = (scaling, target_transform, true);
        options
    };
    let by = Arc::new(Preprocessing::fit(&frame, &["pay"], &options).expect("fitted"));
    let data = Dataset::of_frame(&frame, &by).expect("a data set");
    let text = format!("{} -> 9 gelu -> 1 -> identity", by.width());
    let network = Network::new(&text.parse().expect("a network"), 3).expect("a network");
    let model = Model::new(network, &data, serde_json::Value::Null);
    let encoded = by.inputs(&frame).expect("inputs");
    let outputs = model.predictor(1).expect("a predictor").probabilities(&encoded.inputs.into()).expect("outputs");
    let Target::Numbers(targets) = by.target() else { unreachable!("a number is predicted") };
    let want = outputs.iter().map(|t| targets[0].decode(*t)).collect();
    let view = by.view();
    let level = |column: usize, name: &str| {
        let Encoder::Levels { levels, .. } = &view[column].encoder else { unreachable!("names") };
        levels.iter().position(|level| level == name).unwrap_or(levels.len() + 1) as f64
    };
    assert!(matches!(view[4].encoder, Encoder::Repeated { .. }));
    let rows = (0..ROWS).flat_map(|i| [age[i], level(1, jobs[i]), level(2, smokes[i]), gain[i], when[i]]).collect();
    (model, rows, want)
}

/// What the code in Rust gives for rows of f64.
fn in_rust(folder: &Path, model: &Model, inputs: usize, input: &[u8]) -> Vec<u8> {
    let code = generate(model, Language::Rust, false).expect("written");
    fs::write(folder.join("table.rs"), format!("#![no_std]\n#![deny(warnings)]\n{code}")).expect("written");
    let main = format!(
        "use std::io::{{Read, Write}};\nfn main() {{ let mut bytes = Vec::new(); std::io::stdin().read_to_end(&mut bytes).unwrap(); \
         for row in bytes.chunks({}) {{ let mut y = [0.0; 1]; \
         let x: Vec<f64> = row.chunks(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect(); \
         table::predict(&x.try_into().unwrap(), &mut y); std::io::stdout().write_all(&y[0].to_le_bytes()).unwrap(); }} }}",
        8 * inputs
    );
    fs::write(folder.join("main.rs"), main).expect("written");
    for args in [&["--crate-type=rlib", "table.rs"][..], &["main.rs", "--extern", "table=libtable.rlib", "-o", "table"]]
    {
        let status = Command::new("rustc").current_dir(folder).args(["--edition=2021", "-O"]).args(args).status();
        assert!(status.expect("rustc is there").success(), "{args:?}");
    }
    run(&mut Command::new(folder.join("table")), input)
}

/// What the code in JavaScript gives for rows of f64.
fn in_javascript(folder: &Path, model: &Model, inputs: usize, input: &[u8]) -> Vec<u8> {
    fs::write(folder.join("table.mjs"), generate(model, Language::JavaScript, false).expect("written"))
        .expect("written");
    let main = format!(
        "import {{ readFileSync, writeFileSync }} from 'node:fs';\nimport {{ predict }} from './table.mjs';\n\
         const bytes = readFileSync(0), x = new Float64Array(new Uint8Array(bytes).buffer), out = [], y = new Float64Array(1);\n\
         for (let at = 0; at < x.length; at += {inputs}) {{ predict(x.subarray(at, at + {inputs}), y); out.push(y[0]); }}\n\
         writeFileSync(1, new Uint8Array(new Float64Array(out).buffer));\n"
    );
    fs::write(folder.join("main.mjs"), main).expect("written");
    run(Command::new("node").current_dir(folder).arg("main.mjs"), input)
}

#[test]
fn tables_are_preprocessed_in_code() {
    let folder = tempfile::tempdir().unwrap();
    let native: &[&str] = if cfg!(target_arch = "x86_64") { &["-march=native"] } else { &[] };
    let has_node = Command::new("node").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !has_node {
        println!("NOT RUN: JavaScript, which needs node");
    }
    for scaling in [Scaling::Standard, Scaling::Robust, Scaling::Quantile] {
        for transform in [TargetTransform::Identity, TargetTransform::Log] {
            let (model, rows, want) = table(scaling, transform);
            let inputs = rows.len() / want.len();
            let input: Vec<u8> = rows.iter().flat_map(|x| x.to_le_bytes()).collect();
            let mut all = vec![
                ("C", in_c(folder.path(), &model, false, native, &input, ["double"; 2])),
                ("Rust", in_rust(folder.path(), &model, inputs, &input)),
            ];
            if has_node {
                all.push(("JavaScript", in_javascript(folder.path(), &model, inputs, &input)));
            }
            for (language, got) in all {
                let got: Vec<f64> = got.as_chunks::<8>().0.iter().map(|&b| f64::from_le_bytes(b)).collect();
                assert_eq!(got.len(), want.len());
                for (got, want) in got.iter().zip(&want) {
                    // A quantile may be another f32; e^y - 1 another f64.
                    let bound = if scaling == Scaling::Quantile { 1e-6 } else { 1e-12 };
                    let fits = (got - want).abs() <= bound * want.abs() || language == "C" && !has_fma();
                    assert!(fits, "{language}, {scaling:?}, {transform:?}: {got} {want}");
                }
            }
        }
    }
}

/// Bytes are a quarter of the size, and the code computes the model that `quantised` gives.
#[test]
fn code_with_bytes_computes_the_quantised_model() {
    let folder = tempfile::tempdir().unwrap();
    for text in [
        "6 -> 40 relu -> 3",
        "6 -> 33 tanh -> 17 gelu no-bias -> 2 -> sigmoid",
        "6 -> skip(6 mish) layer-norm -> 4 -> identity",
    ] {
        let network = Network::new(&text.parse().unwrap(), 5).unwrap();
        let rows: Vec<f32> = (0..cases::ROWS * 6).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
        let classes: Vec<String> = (0..network.classes()).map(|i| format!("c{i}")).collect();
        let data = Dataset::new("rows", rows.clone().into(), 6, vec![0; cases::ROWS], classes).unwrap();
        let model = Model::new(network, &data, serde_json::Value::Null);
        let inputs = layerloop::data::Inputs::Floats(rows.clone().into());
        let want = quantised(&model).unwrap().predictor(1).unwrap().probabilities(&inputs).unwrap();
        let got = floats_of(&in_c(folder.path(), &model, true, &[], &bytes_of(&rows), ["float"; 2]));
        assert_eq!(got.len(), want.len());
        for (got, want) in got.iter().zip(&want) {
            assert!((got - want).abs() <= 1e-5 * want.abs().max(1.0), "{text}: {got} {want}");
        }
        let loss = Loss::of(&model, &inputs).unwrap();
        assert_eq!(loss.rows, cases::ROWS);
    }
}
