//! Networks of PyTorch, Keras and scikit-learn are imported with the numbers that these tools gave: tests/formats/make.py made them.

use std::fs;
use std::path::{Path, PathBuf};

use layerloop::data::{Dataset, Inputs};
use layerloop::model_file::Model;
use layerloop::network::Network;
use layerloop::train::{FitOptions, fit};
use layerloop_formats::onnx;
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/formats/networks")
}

/// Every file with its rows, its tool's outputs, and what else is known of it.
fn cases() -> Vec<(PathBuf, Value)> {
    let files = fs::read_dir(folder()).expect("a folder").flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|end| end == "onnx")).collect();
    files.sort();
    let record = |path: &PathBuf| fs::read_to_string(path.with_extension("json")).expect("its record");
    files.into_iter().map(|path| (path.clone(), serde_json::from_str(&record(&path)).expect("JSON"))).collect()
}

fn numbers(value: &Value) -> Vec<Vec<f32>> {
    serde_json::from_value(value.clone()).expect("rows of numbers")
}

fn outputs(model: &Model, rows: &[Vec<f32>]) -> Vec<f32> {
    let predictor = model.predictor(1).expect("a predictor");
    predictor.probabilities(&Inputs::Floats(rows.concat().into())).expect("outputs")
}

#[test]
fn imported_networks_predict_what_their_tools_predicted() {
    let cases = cases();
    assert_eq!(cases.len(), 24);
    let mut worst: f32 = 0.0;
    for (path, record) in &cases {
        let model = onnx::import(path).unwrap();
        let (rows, want) = (numbers(&record["rows"]), numbers(&record["outputs"]));
        assert_eq!(model.network.spec().inputs, rows[0].len(), "{path:?}");
        let (got, width) = (outputs(&model, &rows), model.network.classes());
        for (got, want) in got.chunks_exact(width).zip(&want) {
            // One sigmoid is a probability there, and two here.
            let got = &got[width - want.len()..];
            for (got, want) in got.iter().zip(want) {
                worst = worst.max((got - want).abs() / want.abs().max(1.0));
                assert!(
                    (got - want).abs() <= 1e-5 * want.abs().max(1.0),
                    "{path:?}: {got} {want} {}",
                    model.network.spec()
                );
            }
        }
        if let Some(classes) = record["classes"].as_array() {
            assert_eq!(model.classes, classes.iter().map(|c| c.as_str().unwrap()).collect::<Vec<_>>(), "{path:?}");
            for (got, predicted) in got.chunks_exact(width).zip(record["predicted"].as_array().unwrap()) {
                assert_eq!(model.classes[model.predicted(got)], predicted.as_str().unwrap(), "{path:?}");
            }
        }
    }
    println!("{} networks, at most {worst:.1e} from their tools", cases.len());
}

/// What is imported is a model like any other: saved, loaded, exported again, trained further.
#[test]
fn imported_networks_are_models_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    for (path, record) in cases() {
        let model = onnx::import(&path).unwrap();
        let file = folder.path().join("model.safetensors");
        model.save(&file).unwrap();
        assert_eq!(Model::load(&file).unwrap(), model, "{path:?}");
        let again = onnx::export(&model, &onnx::Export::default()).unwrap();
        assert_eq!(onnx::import::from_bytes("again.onnx", &again).unwrap(), model, "{path:?}");

        let rows = numbers(&record["rows"]);
        let (width, count) = (rows[0].len(), model.network.classes());
        let mut inputs = rows.concat();
        if let Some(by) = &model.input.standardisation {
            by.apply(&mut inputs, width).unwrap();
        }
        let inputs = Inputs::from(inputs);
        let spec = model.network.spec();
        let data = if spec.output.is_softmax() || spec.output.is_classifier() && spec.logits() == 1 {
            let labels: Vec<u32> = (0..rows.len()).map(|row| (row % count) as u32).collect();
            Dataset::new("rows", inputs, width, labels, model.classes.clone()).unwrap()
        } else {
            let names: Vec<String> = (0..spec.logits()).map(|i| format!("y{i}")).collect();
            let targets: Vec<f32> = (0..rows.len() * names.len()).map(|i| (i % 2) as f32).collect();
            Dataset::regression("rows", inputs, width, targets, names).unwrap()
        };
        let mut network: Network = model.network.clone();
        let options = FitOptions { epochs: 20, batch: 10, learning_rate: 0.003, ..FitOptions::default() };
        let report = fit(&mut network, &data, &options).unwrap();
        let losses: Vec<f64> = report.epochs.iter().map(|epoch| epoch.train_loss).collect();
        assert!(losses[19] < losses[0], "{path:?}: {losses:?}");
    }
}

#[test]
fn what_cannot_be_imported_is_named_with_what_can() {
    let path = folder().join("sklearn-binary.onnx");
    let bytes = fs::read(&path).unwrap();
    let other = |from: &[u8], to: &[u8]| {
        let mut changed = bytes.clone();
        for at in (0..bytes.len() - from.len()).filter(|&at| bytes[at..].starts_with(from)) {
            changed[at..at + from.len()].copy_from_slice(to);
        }
        onnx::import::from_bytes("x.onnx", &changed).unwrap_err().to_string()
    };
    let said = other(b"MatMul", b"MatMal");
    assert!(
        said.starts_with("x.onnx: node `")
            && said.contains("(MatMal): this operator is not supported; those that are: Abs, Add"),
        "{said}"
    );
    let said = onnx::import::from_bytes("x.onnx", b"\x80\x04 a pickle").unwrap_err().to_string();
    assert!(said.contains("not an ONNX file"), "{said}");
}

/// Tensors outside are read from the same folder only.
#[test]
fn external_data_stays_in_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (file, data) = ("torch-relu.onnx", "torch-relu.onnx.data");
    let bytes = fs::read(self::folder().join(file)).unwrap();
    let path = folder.path().join(file);
    let refused = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        onnx::import(&path).unwrap_err().to_string()
    };
    assert!(refused(&bytes).contains("which cannot be read"), "{}", refused(&bytes));
    let whole = fs::read(self::folder().join(data)).unwrap();
    fs::write(folder.path().join(data), &whole[..whole.len() - 1]).unwrap();
    assert!(refused(&bytes).contains("and the file has 383"), "{}", refused(&bytes));
    fs::write(folder.path().join(data), &whole).unwrap();
    assert!(onnx::import(&path).is_ok());
    let elsewhere = |name: &str| {
        let mut changed = bytes.clone();
        for at in (0..bytes.len() - data.len()).filter(|&at| bytes[at..].starts_with(data.as_bytes())) {
            changed[at..at + data.len()].copy_from_slice(name.as_bytes());
        }
        refused(&changed)
    };
    for name in ["/torchrelu.onnx.data", "../orchrelu.onnx.dat", "a/../relu.onnx.data1"] {
        let said = elsewhere(name);
        assert!(said.contains("which is not in the folder of the ONNX file"), "{name}: {said}");
    }
    #[cfg(unix)]
    {
        fs::rename(folder.path().join(data), folder.path().join("other")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("other"), folder.path().join(data)).unwrap();
        assert!(refused(&bytes).contains("is not a regular file"), "{}", refused(&bytes));
    }
}
