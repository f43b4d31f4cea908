//! Readers of damaged files: an error or a model, never a panic, a hang or much memory. What is written is read again as it was.

use std::path::Path;

use layerloop::Result;
use layerloop::model_file::Model;
use layerloop::network::Network;
use layerloop::rng::Stream;
use layerloop_formats::torch::Structure;
use layerloop_formats::{onnx, torch};

use self::cases::cases;

mod cases;

/// Bytes that a reader of a small file may hold at once.
const MOST: u64 = 64 << 20;

/// A small file and what reads it.
struct File {
    name: &'static str,
    bytes: Vec<u8>,
    read: fn(&[u8]) -> Result<Model>,
}

fn load(bytes: &[u8]) -> Result<Model> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("m.safetensors");
    std::fs::write(&path, bytes).expect("written");
    Model::load(&path)
}

fn model() -> Model {
    let network = Network::new(&"3 -> 4 tanh -> skip(4 batch-norm relu) -> 2".parse().expect("a network"), 3);
    let data = layerloop::data::Dataset::new("x", vec![0.0; 6].into(), 3, vec![0, 1], ["no", "yes"]).expect("data");
    Model::new(network.expect("a network"), &data, serde_json::json!({"seed": 3}))
}

fn chain() -> Model {
    Model { network: Network::new(&"3 -> 4 relu -> 2".parse().expect("a network"), 3).expect("a network"), ..model() }
}

fn files() -> Vec<File> {
    let network = |name: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/formats/networks");
        std::fs::read(folder.join(name)).expect("a network")
    };
    let own = onnx::export(&model(), &onnx::Export::default()).expect("exported");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("m.safetensors");
    model().save(&path).expect("saved");
    let saved = std::fs::read(path).expect("read");
    let read_onnx: fn(&[u8]) -> Result<Model> = |bytes| onnx::import::from_bytes("x.onnx", bytes);
    let read_torch: fn(&[u8]) -> Result<Model> =
        |bytes| torch::from_bytes("x.safetensors", bytes, &Structure::default());
    vec![
        File { name: "of layerloop", bytes: own, read: read_onnx },
        File { name: "of skl2onnx", bytes: network("sklearn-binary.onnx"), read: read_onnx },
        File { name: "of PyTorch", bytes: network("legacy-gelu.onnx"), read: read_onnx },
        File { name: "a state_dict", bytes: torch::export(&chain()).expect("exported").0, read: read_torch },
        File { name: "a model", bytes: saved, read: load },
    ]
}

/// What a reader says of these bytes, and that it held little memory.
fn read(file: &File, bytes: &[u8], what: &str) -> Result<Model> {
    let mut said = None;
    let held = allocation_counter::measure(|| said = Some((file.read)(bytes)));
    assert!(held.bytes_max < MOST, "{}, {what}: {} bytes held", file.name, held.bytes_max);
    said.expect("measured")
}

#[test]
fn a_file_cut_short_anywhere_is_an_error_or_the_same_model() {
    for file in files() {
        let whole = read(&file, &file.bytes, "whole").expect("a model");
        for len in 0..file.bytes.len() {
            if let Ok(model) = read(&file, &file.bytes[..len], "cut") {
                assert_eq!(model, whole, "{} cut to {len} bytes", file.name);
            }
        }
    }
}

#[test]
fn a_flip_of_any_byte_is_an_error_or_a_sound_model() {
    for file in files() {
        for at in 0..file.bytes.len() {
            for flip in [0xff, 0x80, 0x01] {
                let mut bytes = file.bytes.clone();
                bytes[at] ^= flip;
                if let Ok(model) = read(&file, &bytes, "flipped") {
                    assert!(model.network.is_finite(), "{} at {at}", file.name);
                    model.check().expect("its parts go together");
                }
            }
        }
    }
}

/// Several changes at once: bytes set, parts removed, repeated and moved; `LAYERLOOP_MUTATIONS` says how many files.
#[test]
fn random_damage_is_an_error_or_a_sound_model() {
    let count = std::env::var("LAYERLOOP_MUTATIONS").map_or(4000, |count| count.parse().expect("a number"));
    let files = files();
    let mut stream = Stream::new(0, "damage", 0);
    let mut models = 0;
    for i in 0..count {
        let file = &files[i % files.len()];
        let mut bytes = file.bytes.clone();
        for _ in 0..1 + stream.below(4) {
            let (at, length) = (stream.below(bytes.len()), 1 + stream.below(16));
            let part = at..(at + length).min(bytes.len());
            match stream.below(5) {
                0 => bytes[at] = stream.below(256) as u8,
                1 => drop(bytes.drain(part)),
                2 => bytes[part].fill([0, 0x7f, 0x80, 0xff][stream.below(4)]),
                3 => {
                    let copy = bytes[part].to_vec();
                    let to = stream.below(bytes.len());
                    bytes.splice(to..to, copy);
                }
                _ => bytes[at] = bytes[at].wrapping_add(1),
            }
            if bytes.is_empty() {
                break;
            }
        }
        if let Ok(model) = read(file, &bytes, "damaged") {
            assert!(model.network.is_finite(), "{}: {i}", file.name);
            model.check().expect("its parts go together");
            models += 1;
        }
    }
    println!("{count} damaged files, {models} of them models");
}

/// Empty messages take much more memory than their bytes: a file of them is refused before they are read.
#[test]
fn a_file_that_would_grow_in_memory_is_refused() {
    let nodes = [10_u8, 0].repeat(500_000);
    let mut bytes = vec![58]; // field 7, a graph
    let mut length = nodes.len();
    while length >= 128 {
        bytes.push((length & 127) as u8 | 128);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend(nodes);
    let file = File { name: "nodes", bytes: vec![], read: |bytes| onnx::import::from_bytes("x.onnx", bytes) };
    let said = read(&file, &bytes, "empty nodes").expect_err("refused").to_string();
    assert!(said.contains("no tool writes such an ONNX file"), "{said}");
}

#[test]
fn what_is_written_is_read_again_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("m.safetensors");
    for case in cases(150, 1000) {
        let bytes = onnx::export(&case.model, &onnx::Export::default()).expect("exported");
        assert_eq!(onnx::import::from_bytes("x.onnx", &bytes).expect("imported"), case.model);
        case.model.save(&path).expect("saved");
        let loaded = Model::load(&path).expect("loaded");
        assert_eq!(loaded, case.model);
        let inputs = layerloop::data::Inputs::Floats(case.rows.into());
        let outputs = loaded.predictor(1).expect("a predictor").probabilities(&inputs).expect("outputs");
        assert_eq!(outputs, case.outputs);
    }
}
