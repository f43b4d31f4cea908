//! Bad input: one clear sentence, the right exit code, no panic, and every earlier file as it was.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

use super::{Folder, Said};

/// A file of the IDX format.
pub(super) fn idx(rank: u8, sizes: &[u32], values: &[u8]) -> Vec<u8> {
    let sizes = sizes.iter().flat_map(|size| size.to_be_bytes());
    [0, 0, 8, rank].into_iter().chain(sizes).chain(values.iter().copied()).collect()
}

/// Every file under `folder`, with its bytes.
pub(super) fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            files.extend(tree(&path));
        } else {
            // Of a link that leads nowhere there is nothing to read.
            files.insert(path.clone(), fs::read(&path).unwrap_or_default());
        }
    }
    files
}

/// The command must refuse with this code in one line that has all `pieces`, print nothing else, and leave
/// every file as it was.
pub(super) fn refuses(folder: &Folder, mut command: Command, code: i32, pieces: &[&str]) {
    let before = tree(folder.0.path());
    let said = Said::new(command.output().expect("the binary starts"));
    let sentence = said.refusal(code);
    for piece in pieces {
        assert!(sentence.contains(piece), "{command:?}: {piece:?} in {sentence}");
    }
    assert_eq!((said.err.lines().count(), said.out.as_str()), (1, ""), "{said:?}");
    assert!(tree(folder.0.path()) == before, "{command:?} changed the files: {:?}", folder.files());
}

/// The command under a shell that first does `setup`.
pub(super) fn after(folder: &Folder, setup: &str, args: &[&str]) -> Command {
    let plain = folder.command(&[]);
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{setup}; exec \"$0\" \"$@\"")]).arg(plain.get_program()).args(args);
    command.current_dir(folder.0.path()).envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("memory does not fail");
    encoder.finish().expect("memory does not fail")
}

pub(super) const FILES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// Twelve images of 2 x 2 pixels to learn from, six to be tested on, of three classes.
pub(super) fn good_files() -> [Vec<u8>; 4] {
    let part = |rows: u8| {
        let pixels: Vec<u8> = (0..4 * rows).map(|i| i.wrapping_mul(37)).collect();
        let labels: Vec<u8> = (0..rows).map(|row| row % 3).collect();
        [idx(3, &[rows.into(), 2, 2], &pixels), idx(1, &[rows.into()], &labels)]
    };
    let [[images, labels], [test_images, test_labels]] = [part(12), part(6)];
    [images, labels, test_images, test_labels]
}

#[test]
fn a_broken_idx_file_is_named_with_the_value_and_the_place() {
    let [images, labels, test_images, test_labels] = good_files();
    let with = |bytes: &[u8], at: usize, value: u8| {
        let mut bytes = bytes.to_vec();
        bytes[at] = value;
        bytes
    };
    let huge = |sizes: [u32; 3]| idx(3, &sizes, &[0; 48]);
    let gzip = packed(&images);
    let cases: [(&str, usize, Vec<u8>, &str); 18] = [
        ("labels for images", 0, labels.clone(), "the magic number at byte 0 is 0x00000801, expected 0x00000803"),
        ("foreign magic", 1, b"GIF89a...".to_vec(), "the magic number at byte 0 is 0x47494638, expected 0x00000801"),
        ("values of floats", 0, with(&images, 2, 13), "its values are not bytes"),
        ("empty", 0, vec![], "the file ends at byte 0, inside the 16-byte header"),
        ("cut in the header", 2, test_images[..10].to_vec(), "the file ends at byte 10, inside the 16-byte header"),
        ("short", 0, images[..63].to_vec(), "the file ends at byte 63; with the 12 x 2 x 2 = 48 values"),
        ("trailing", 3, [&test_labels[..], &[0]].concat(), "the file goes on after byte 14"),
        ("fewer labels", 1, idx(1, &[11], &[0; 11]), "11 labels, but data/train-images-idx3-ubyte has 12 images"),
        ("more labels", 3, idx(1, &[7], &[0; 7]), "7 labels, but data/t10k-images-idx3-ubyte has 6 images"),
        ("label", 3, with(&test_labels, 12, 9), "row 4: label 9 is out of range: the classes are 0..3"),
        ("size 0", 0, huge([12, 0, 2]), "size 2 of 3 in the header, at byte 8, is 0"),
        ("overflow", 0, huge([u32::MAX; 3]), "claims 4294967295 x 4294967295 x 4294967295 bytes of values, at byte 4"),
        ("terabytes", 0, huge([1 << 20, 1 << 10, 1 << 10]), "at most 17179869184 can be read"),
        ("16 GiB", 0, huge([1 << 14, 1 << 10, 1 << 10]), "the file ends at byte 64; with the 16384 x 1024 x 1024"),
        ("16 GiB, packed", 0, packed(&huge([1 << 14, 1 << 10, 1 << 10])), "bytes of gzip unpack to"),
        ("cut gzip", 0, gzip[..gzip.len() - 9].to_vec(), "damaged gzip data after"),
        ("gzip checksum", 0, with(&gzip, gzip.len() - 8, !gzip[gzip.len() - 8]), "damaged gzip data after 64 unpacked"),
        ("other size", 2, idx(3, &[6, 1, 4], &[0; 24]), "images of 1 x 4 pixels, but those of the training part are"),
    ];
    for (_, broken, bytes, reason) in cases {
        let folder = Folder::new();
        fs::create_dir(folder.path("data")).unwrap();
        for (name, good) in FILES.iter().zip(good_files()) {
            fs::write(folder.path("data").join(name), good).unwrap();
        }
        let train = ["train", "data", "--epochs", "1", "--quiet", "--save", "m.safetensors"];
        folder.run(&train).well();
        fs::write(folder.path("data").join(FILES[broken]), bytes).unwrap();
        // Two gigabytes of addresses: what a header claims must not even be reserved.
        let command = after(&folder, "ulimit -v 2000000 2>/dev/null", &train);
        refuses(&folder, command, 1, &[&format!("data/{}", FILES[broken]), reason]);
        fs::remove_file(folder.path("data").join(FILES[broken])).unwrap();
        refuses(&folder, folder.command(&train), 1, &[&format!("data: this folder has no {}", FILES[broken])]);
    }
}

/// Options, and what is said of them.
const INVALID: [(&str, &str); 41] = [
    ("--hidden 0", "hidden: a layer of 0 units"),
    ("--hidden 32,0", "hidden: a layer of 0 units"),
    ("--hidden 32,", "--hidden: ``: expected whole numbers"),
    ("--hidden x", "--hidden: `x`: expected whole numbers with commas between them"),
    ("--hidden 1000000000000", "64 -> 1000000000000 sigmoid"),
    ("--lr 0", "lr: 0; it must be a finite number above 0"),
    ("--lr -1", "lr: -1; it must be"),
    ("--lr nan", "lr: NaN; it must be"),
    ("--lr inf", "lr: inf; it must be"),
    ("--lr fast", "--lr: `fast`: expected a number above 0, such as 0.001"),
    ("--epochs 0", "epochs: 0; at least 1"),
    ("--batch 0", "batch: 0; a step needs at least 1 row"),
    ("--threads 0", "threads: 0; between 1 and 1024"),
    ("--threads 1025", "threads: 1025; between 1 and 1024"),
    ("--limit 0", "--limit: 0 rows; at least 1"),
    ("--seed x", "--seed: `x`: expected a whole number"),
    ("--activation foo", "activation: unknown activation `foo`; choose one of identity, sigmoid, tanh, relu"),
    ("--last-activation foo", "activation: unknown activation `foo`; choose one of identity, sigmoid, tanh, relu"),
    ("--optimizer foo", "optimizer: unknown optimizer `foo`; choose one of adam, sgd, momentum, nesterov"),
    ("--activation rellu", "unknown activation `rellu`; did you mean `relu`?"),
    ("--optimizer momentum=2", "momentum: 2; it is at least 0 and below 1"),
    ("--output foo", "output: unknown output `foo`; choose one of softmax, reference-softmax, sigmoid, identity, exp"),
    ("--learning 1", "--learning: unknown option; did you mean"),
    ("--loss mse", "loss: mse measures numbers, but digits has classes: choose cross-entropy"),
    (
        "--loss mse --output softmax",
        "loss: mse does not go with the output map softmax: it measures what identity gives",
    ),
    ("--loss crossentropi", "--loss: unknown loss `crossentropi`; did you mean `cross-entropy`?"),
    ("--label-smoothing 1", "--label-smoothing: 1; it is at least 0 and below 1"),
    ("--class-weights 1,2", "class_weights: 2 weights for 10 classes"),
    ("--class-weights 0,0,0,0,0,0,0,0,0,0", "class_weights: every weight is 0; no row would count"),
    ("--class-weights balancd", "--class-weights: `balancd`: expected `balanced`, or a number for each class"),
    ("--network 64->9->batch-norm->10 --batch 1", "batch: 1; a batch norm has the mean and the variance of a batch"),
    ("--clip-norm 0 --ema 1", "--clip-norm: 0; it must be a finite number above 0"),
    ("--swa-from-epoch 41", "--swa-from-epoch: 41; of 40 epochs, the first that is averaged is 1 to 40"),
    ("--early-stopping val_loss --start-epoch 41", "--start-epoch: 41; of 40 epochs, the first that counts is 1 to 40"),
    ("--metrics f1,f1", "--metrics: `f1` is named twice"),
    ("--schedule cosin", "--schedule: unknown schedule `cosin`; did you mean `cosine`?"),
    ("--optimizer lion --weight-decay 2000", "--weight-decay: 2000; times the learning rate it is 10"),
    ("--no-save", "--save: it cannot be used with --no-save"),
    ("--data-dir . digits", "--data-dir: digits is built in and needs no folder"),
    (
        "--data-dir . .",
        "--data-dir: . is where to look for a data set by name (digits, mnist, fashion-mnist, diabetes, penguins)",
    ),
    (
        "numbers",
        "numbers is neither a data set (digits, mnist, fashion-mnist, diabetes, penguins) nor a table, nor a folder of pictures or IDX files",
    ),
];

#[test]
fn an_invalid_value_is_refused_with_the_option_and_the_value() {
    let (folder, good) = with_model();
    for (options, piece) in INVALID {
        let args: Vec<&str> = "train --save m.safetensors".split(' ').chain(options.split(' ')).collect();
        let said = folder.run(&args);
        said.refusal(2);
        assert!(said.err.contains(piece) && said.out.is_empty(), "{options}: {said:?}");
        assert_eq!(folder.files(), ["m.safetensors"], "{options}");
        assert_eq!(fs::read(folder.path("m.safetensors")).unwrap(), good, "{options}");
    }
}

#[test]
fn everything_that_is_wrong_with_the_options_is_said_at_once() {
    let typed = "train --hidden 4,x --optimizer adamm --lr=0 --batch 0 --epochs three --learning 3 --limit 0 --no-save";
    let folder = Folder::new();
    let said = folder.run(&typed.split(' ').collect::<Vec<_>>());
    said.refusal(2);
    let lines = [
        "error: 7 invalid options:",
        "  --hidden: `x`: expected whole numbers with commas between them",
        "  --optimizer: unknown optimizer `adamm`; did you mean `adam`? choose one of",
        "  --learning: unknown option; did you mean",
        "  --epochs: `three`: expected a whole number, at least 1",
        "  --batch: 0; a step needs at least 1 row",
        "  --lr: 0; it must be a finite number above 0",
        "  --limit: 0 rows; at least 1 is needed to train on",
    ];
    for (line, start) in said.err.lines().zip(lines) {
        assert!(line.starts_with(start), "{start}: {said:?}");
    }
    assert_eq!(said.err.lines().count(), lines.len(), "{said:?}");
}

#[test]
fn a_network_can_be_written_whole() {
    let folder = Folder::new();
    let train = |network| folder.run(&["train", "--epochs", "3", "--save", "m.safetensors", "--network", network]);
    let said = train("64 -> 32 relu dropout=0.1 -> skip(32 batch-norm gelu) -> 10").well();
    assert!(
        said.out.contains("64 -> 32 relu dropout=0.1 -> skip(32 batch-norm gelu) -> 10 -> softmax, 3530 parameters")
    );
    folder.run(&["eval", "m.safetensors"]).well();
    for (network, piece) in [
        ("64 -> 32 rellu -> 10", "character 10: activation: unknown activation `rellu`; did you mean `relu`?"),
        ("64 -> 10 -> skip(5)", "--network: layer 2: join: chains that give 5 and 10 values"),
        ("60 -> 9", "`60 -> 9 -> softmax` takes 60 inputs to 9 outputs; digits has 64 inputs and 10 classes"),
    ] {
        let said = train(network);
        said.refusal(2);
        assert!(said.err.contains(piece) && said.err.contains("--network"), "{network}: {said:?}");
    }
}

/// A folder with the model file `m.safetensors`, and its bytes.
pub(super) fn with_model() -> (Folder, Vec<u8>) {
    let folder = Folder::new();
    folder.run(&["train", "--hidden", "4", "--epochs", "1", "--save", "m.safetensors"]).well();
    let bytes = fs::read(folder.path("m.safetensors")).expect("it was saved");
    (folder, bytes)
}

#[test]
fn a_damaged_model_is_refused_by_every_command_that_reads_one() {
    let (folder, good) = with_model();
    fs::write(folder.path("images"), idx(3, &[1, 8, 8], &[0; 64])).unwrap();
    let edited = |from: &str, to: &str| {
        let at = good.windows(from.len()).position(|part| part == from.as_bytes()).unwrap();
        let mut bytes = good.clone();
        bytes[at..at + from.len()].copy_from_slice(format!("{to:from$}", from = from.len()).as_bytes());
        bytes
    };
    let ending = |value: f32| [&good[..good.len() - 4], &value.to_le_bytes()].concat();
    let foreign = |metadata| {
        let tensor = TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap();
        serialize([("x", tensor)], metadata).unwrap()
    };
    let fewer = {
        let (_, header) = SafeTensors::read_metadata(&good).unwrap();
        let all = SafeTensors::deserialize(&good).unwrap().tensors();
        serialize(all.into_iter().skip(1), header.metadata().clone()).unwrap()
    };
    let cut = |length: usize| (good[..length].to_vec(), "not a complete safetensors file");
    let cases = [
        cut(0),
        cut(7),
        cut(8),
        cut(300),
        cut(good.len() / 2),
        cut(good.len() - 1),
        ([&[0xff; 8][..], &good[8..]].concat(), "not a complete safetensors file"),
        ([&good[..], &[0]].concat(), "not a complete safetensors file"),
        (vec![b'x'; 5000], "this is a text file, not a model"),
        (b"\x89PNG\r\n\x1a\n".to_vec(), "this is a PNG picture, not a model"),
        (ending(f32::NAN), "weights that are not finite numbers"),
        (ending(f32::NEG_INFINITY), "weights that are not finite numbers"),
        (edited("[4,64]", "[64,4]"), "`layers.0.weight` is F32 [64, 4], but the specification needs F32 [4, 64]"),
        (edited("[10,4]", "[4,10]"), "`layers.1.weight` is F32 [4, 10], but the specification needs F32 [10, 4]"),
        (edited("\"F32\"", "\"I32\""), "is I32 ["),
        (edited("layers.1.bias", "layers.9.bias"), "there is no tensor `layers.1.bias`"),
        (edited("64 -> 4", "63 -> 4"), "images of 8 x 8 pixels for 63 inputs"),
        (edited("\\\"9\\\"]", "]"), "the `layerloop` entry of the metadata: "),
        (edited("sigmoid", "sigmoit"), "sigmoit"),
        (foreign(None), "another program made it"),
        (fewer, "3 tensors, but `64 -> 4 sigmoid -> 10"),
    ];
    for (bytes, reason) in cases {
        fs::write(folder.path("m.safetensors"), bytes).unwrap();
        for command in ["eval m.safetensors", "predict m.safetensors images", "summary m.safetensors"] {
            let args: Vec<&str> = command.split(' ').collect();
            refuses(&folder, folder.command(&args), 1, &["m.safetensors: ", reason]);
        }
        refuses(&folder, folder.command(&["check-gradients", "m.safetensors"]), 1, &["m.safetensors: ", reason]);
    }
    refuses(&folder, folder.command(&["eval", "none"]), 1, &["none: No such file"]);
    refuses(&folder, folder.command(&["summary", "."]), 1, &[".: is a directory"]);
}

#[test]
fn a_training_that_diverges_says_where_and_leaves_the_earlier_model() {
    let (folder, _) = with_model();
    // As many epochs as can be typed: nothing may be reserved for them.
    for epochs in ["1", "1000000000000", "18446744073709551615"] {
        let args = "--hidden 32,32 --activation relu --optimizer sgd --lr 1e30 --quiet --save m.safetensors --epochs";
        let args: Vec<&str> = ["train"].into_iter().chain(args.split(' ')).chain([epochs]).collect();
        let pieces = ["training diverged at step ", " is in layer ", " -> ", ", sample ", "learning rate"];
        refuses(&folder, folder.command(&args), 1, &pieces);
    }
}
