//! Models in other forms: `export`, `import`, `summary --graph`.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Folder, Said};

fn network(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/formats/networks").join(name)
}

/// The message of a command that ended with this code.
fn refused(said: Said, code: i32) -> String {
    assert_eq!(said.code, code, "{said:?}");
    said.err
}

fn with_model() -> Folder {
    let folder = Folder::new();
    folder.run(&["train", "digits", "--hidden", "12", "--epochs", "2", "--quiet", "--save", "m.safetensors"]).well();
    folder
}

#[test]
fn a_model_is_exported_and_only_an_export_is_replaced() {
    let folder = with_model();
    for (to, file) in
        [("onnx", "m.onnx"), ("c", "m.c"), ("rust", "m.rs"), ("js", "m.mjs"), ("torch", "m.torch.safetensors")]
    {
        let said = folder.run(&["export", "m.safetensors", "--to", to]).well().out;
        assert!(said.starts_with(&format!("{file}: ")), "{said}");
        assert!(folder.path(file).is_file());
    }
    let said = folder.run(&["export", "m.safetensors", "--to", "torch", "--out", "t.safetensors"]).well().out;
    assert!(said.contains("net = nn.Sequential(nn.Linear(64, 12), nn.Sigmoid(), nn.Linear(12, 10))"), "{said}");
    for to in ["onnx", "c", "rust", "js"] {
        folder.run(&["export", "m.safetensors", "--to", to]).well();
    }
    fs::write(folder.path("mine.c"), "int main(void) { return 0; }\n").expect("written");
    let said = folder.run(&["export", "m.safetensors", "--to", "c", "--out", "mine.c"]);
    let said = refused(said, 2);
    assert!(said.contains("mine.c is a text file, not a file that layerloop exported"), "{said}");
    let said = folder.run(&["export", "m.safetensors", "--to", "onnx", "--out", "m.safetensors"]);
    let said = refused(said, 2);
    assert!(said.contains("is also MODEL"), "{said}");
    let said = folder.run(&["export", "m.safetensors", "--to", "c", "--output", "label"]);
    let said = refused(said, 2);
    assert!(said.contains("--output: this is for --to onnx"), "{said}");
    let said = folder.run(&["export", "m.safetensors", "--to", "onnx", "--quantize", "int8"]);
    let said = refused(said, 2);
    assert!(said.contains("--quantize: this is for --to c, rust or js"), "{said}");
}

#[test]
fn bytes_are_a_quarter_of_the_size_and_what_they_change_is_printed() {
    let folder = with_model();
    let said =
        folder.run(&["export", "m.safetensors", "--to", "c", "--quantize", "int8", "--data", "digits"]).well().out;
    assert!(said.contains("int8, 360 rows of digits test: another class for"), "{said}");
    let said = folder.run(&["export", "m.safetensors", "--to", "c", "--quantize", "int8"]).well().out;
    assert!(said.contains("int8, 1000 random rows: another class for"), "{said}");
}

#[test]
fn an_imported_network_predicts_the_rows_of_a_table_and_trains_on() {
    let folder = Folder::new();
    let said = folder
        .run(&["import", network("sklearn-binary-names.onnx").to_str().expect("text"), "--save", "i.safetensors"])
        .well()
        .out;
    assert_eq!(said, "4 -> 8 tanh -> 5 tanh -> 1 -> sigmoid\n91 parameters, saved to i.safetensors\n");
    fs::write(folder.path("rows.csv"), "x1,x2,x3,x4\n1,50,1,-2\n-1,40,1,3\n").expect("written");
    let rows = folder.run(&["predict", "i.safetensors", "rows.csv", "--json"]).well().json();
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row["predicted"] == "yes" || row["predicted"] == "no"), "{rows:?}");
    let said = folder.run(&["import", "rows.csv", "--save", "j.safetensors"]);
    let said = refused(said, 1);
    assert!(said.contains("rows.csv: not an ONNX file"), "{said}");
    let said = folder.run(&["import", network("legacy-relu.onnx").to_str().expect("text"), "--save", "rows.csv"]);
    let said = refused(said, 2);
    assert!(said.contains("rows.csv is a text file, not a model that layerloop saved"), "{said}");
}

#[test]
fn a_network_is_drawn() {
    let folder = with_model();
    folder.run(&["summary", "m.safetensors", "--graph", "net.svg"]).well();
    let svg = fs::read_to_string(folder.path("net.svg")).expect("a picture");
    assert!(svg.starts_with("<svg ") && svg.contains("dense 64 → 12, sigmoid") && svg.contains("softmax"), "{svg}");
}
