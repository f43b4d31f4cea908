//! MNIST and Fashion-MNIST themselves, where they are: in `$LAYERLOOP_DATA`, or in `shared/data` beside the repository.

use std::io::{Write, stderr};
use std::path::{Path, PathBuf};

use crate::idx_files::{NAMES, small_set, write};
use crate::server::{Reply, Server};
use layerloop::data::Inputs;
use layerloop_data::{LoadOptions, Loaded, load, load_cached, registry};

/// The folder with `mnist` and `fashion-mnist`, or a line that says which test is not run.
fn data(test: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("LAYERLOOP_DATA").map_or_else(beside, PathBuf::from);
    let found = folder.join("mnist").is_dir() && folder.join("fashion-mnist").is_dir();
    if !found {
        let said = format!("NOT RUN: {test}: no mnist and fashion-mnist in {}\n", folder.display());
        stderr().write_all(said.as_bytes()).unwrap(); // past the capture of the test harness
    }
    found.then_some(folder)
}

fn loaded(name: &str, data_dir: &Path) -> Result<Loaded, String> {
    load(name, &LoadOptions { data_dir: Some(data_dir), size: None }, &mut |_| {}).map_err(|error| error.to_string())
}

#[test]
fn mnist_is_read_from_its_folder_or_the_one_above() {
    let Some(data) = data("mnist_is_read_from_its_folder_or_the_one_above") else { return };
    let Loaded { train, test, defaults, .. } = loaded("mnist", &data).unwrap();
    assert_eq!((train.rows(), train.width(), train.image()), (60_000, 784, Some((28, 28))));
    assert_eq!((train.name(), test.name(), test.rows()), ("mnist", "mnist test", 10_000));
    assert_eq!(train.labels()[..5], [5, 0, 4, 1, 9]);
    assert_eq!(test.labels()[..5], [7, 2, 1, 0, 4]);
    assert_eq!((defaults.epochs, defaults.batch), (20, 128));
    let Inputs::Bytes { values, .. } = train.inputs() else { panic!("pixels stay bytes") };
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len() as f64 / 255.0;
    assert!((mean - 0.1307).abs() < 1e-4, "{mean}");
    assert_eq!(loaded("mnist", &data.join("mnist")).unwrap().test, test);
}

#[test]
fn fashion_mnist_has_its_class_names() {
    let Some(data) = data("fashion_mnist_has_its_class_names") else { return };
    let Loaded { train, test, .. } = loaded("fashion-mnist", &data).unwrap();
    assert_eq!((train.rows(), test.rows()), (60_000, 10_000));
    assert_eq!(train.classes()[train.labels()[0] as usize], "Ankle boot");
}

#[test]
fn one_set_is_not_taken_for_another() {
    let Some(data) = data("one_set_is_not_taken_for_another") else { return };
    let said = loaded("mnist", &data.join("fashion-mnist")).unwrap_err();
    for part in [
        "train-images-idx3-ubyte.gz: this is not mnist: the SHA-256 of its unpacked bytes is c59f468a",
        ", expected ba891046",
        "; to train on files of your own, name their folder instead of mnist",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let as_folder = load(data.join("fashion-mnist"), &LoadOptions::default(), &mut |_| {}).unwrap();
    assert_eq!((as_folder.train.rows(), as_folder.train.classes()[9].as_str()), (60_000, "9"));
}

#[test]
fn mnist_is_downloaded_from_loopback() {
    let Some(data) = data("mnist_is_downloaded_from_loopback") else { return };
    let (cache, from) = (tempfile::tempdir().unwrap(), data.join("mnist"));
    let server = Server::start(move |path| Reply::Body(std::fs::read(from.join(&path[1..])).unwrap()));
    let entry = registry::find("mnist").unwrap();
    let here = load_cached(entry, cache.path(), std::slice::from_ref(&server.address), &mut |_| {}).unwrap();
    assert_eq!(here.test, loaded("mnist", &data).unwrap().test);
    assert_eq!(server.requests(), NAMES.map(|name| format!("/{name}.gz")));
}

#[test]
fn a_data_dir_without_the_set_is_refused_with_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let said = loaded("mnist", folder.path()).unwrap_err();
    let expected = "mnist is not in this folder, nor in its sub-folder mnist: missing train-images-idx3-ubyte, \
                    train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte (or .gz)";
    assert_eq!(said, format!("{}: {expected}", folder.path().display()));
    write(&folder.path().join("mnist"), &small_set());
    let said = loaded("mnist", folder.path()).unwrap_err();
    assert!(said.contains("/mnist/train-images-idx3-ubyte: this is not mnist: the SHA-256"), "{said}");
}
