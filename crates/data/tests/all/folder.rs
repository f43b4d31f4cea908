//! Folders of IDX files, and what is said of bad ones.

use std::path::Path;

use crate::idx_files::{NAMES, gzip, images, labels, small_set, write};
use layerloop::Error;
use layerloop_data::{LoadOptions, Loaded, load};

fn loaded(folder: &Path) -> Result<Loaded, Error> {
    load(folder, &LoadOptions::default(), &mut |event| panic!("nothing is to be downloaded: {event:?}"))
}

/// What is said of the small set with file `which` replaced.
fn refused(which: usize, bytes: Vec<u8>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut set = small_set();
    set[which] = bytes;
    write(folder.path(), &set);
    let said = loaded(folder.path()).unwrap_err().to_string();
    for (name, bytes) in NAMES.iter().zip(set) {
        assert_eq!(std::fs::read(folder.path().join(name)).unwrap(), bytes, "{name} was touched");
    }
    said.replace(&folder.path().display().to_string(), "DIR")
}

#[test]
fn a_folder_of_idx_files_is_a_data_set() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &small_set());
    let Loaded { train, test, .. } = loaded(folder.path()).unwrap();
    assert_eq!((train.rows(), train.width(), train.image()), (4, 6, Some((2, 3))));
    assert_eq!(train.name(), folder.path().display().to_string());
    assert_eq!(train.classes(), ["0", "1", "2"]);
    assert_eq!(train.labels(), [2, 0, 1, 0]);
    assert_eq!(train.row(1), [6.0, 7.0, 8.0, 9.0, 10.0, 11.0].map(|v| v * (1.0 / 255.0)));
    assert_eq!((test.rows(), test.labels(), test.classes()), (2, &[1, 2][..], train.classes()));
    assert_eq!(test.name(), format!("{} test", folder.path().display()));
}

#[test]
fn every_spelling_of_the_names_is_found() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &small_set());
    let plain = loaded(folder.path()).unwrap();
    let at = |name: &str| folder.path().join(name);
    let spellings = [".gz", "", ".gz", ""];
    for (i, (name, end)) in NAMES.iter().zip(spellings).enumerate() {
        let bytes = std::fs::read(at(name)).unwrap();
        std::fs::remove_file(at(name)).unwrap();
        let name = if i > 1 { name.replace("-idx", ".idx") } else { name.to_string() } + end;
        std::fs::write(at(&name), if end.is_empty() { bytes } else { gzip(&bytes) }).unwrap();
    }
    let mixed = loaded(folder.path()).unwrap();
    assert_eq!((mixed.train, mixed.test), (plain.train, plain.test));
}

#[test]
fn missing_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &small_set());
    std::fs::remove_file(folder.path().join(NAMES[1])).unwrap();
    std::fs::remove_file(folder.path().join(NAMES[2])).unwrap();
    let said = loaded(folder.path()).unwrap_err().to_string();
    let expected = "this folder has no train-labels-idx1-ubyte, no t10k-images-idx3-ubyte (plain or .gz)";
    assert_eq!(said, format!("{}: {expected}", folder.path().display()));
}

#[test]
fn images_and_labels_must_agree() {
    assert_eq!(
        refused(1, labels(&[0, 1, 2])),
        "DIR/train-labels-idx1-ubyte: 3 labels, but DIR/train-images-idx3-ubyte has 4 images"
    );
    assert_eq!(
        refused(3, labels(&[1, 3])),
        "DIR/t10k-labels-idx1-ubyte, row 1: label 3 is out of range: the classes are 0..3"
    );
    assert_eq!(
        refused(2, images(2, 3, 3)),
        "DIR/t10k-images-idx3-ubyte: images of 3 x 3 pixels, but those of the training part are 2 x 3"
    );
}

#[test]
fn a_bad_file_is_named_and_left_alone() {
    let short = images(4, 2, 3)[..39].to_vec();
    assert_eq!(
        refused(0, short),
        "DIR/train-images-idx3-ubyte: the file ends at byte 39; \
         with the 4 x 2 x 3 = 24 values that its header claims it has 40"
    );
    let mut damaged = gzip(&labels(&[0, 1]));
    damaged[12] ^= 0xff;
    let said = refused(3, damaged);
    assert!(said.starts_with("DIR/t10k-labels-idx1-ubyte: damaged gzip data after "), "{said}");
}

#[test]
fn a_word_that_is_no_data_set_is_met_with_the_names() {
    let said = loaded(Path::new("mnits")).unwrap_err().to_string();
    assert_eq!(
        said,
        "DATA: mnits is neither a data set (digits, mnist, fashion-mnist, diabetes, penguins) nor a table, nor a folder of pictures or IDX files"
    );
}

#[test]
fn a_data_dir_beside_a_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &small_set());
    let said = load(folder.path(), &LoadOptions { data_dir: Some(Path::new("elsewhere")), size: None }, &mut |_| {})
        .unwrap_err()
        .to_string();
    assert!(said.starts_with("--data-dir: elsewhere is where to look for a data set by name"), "{said}");
}

#[test]
fn a_folder_without_a_test_part_gets_one_and_classes_txt_names_the_classes() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["apple", "pear", "plum"];
    std::fs::write(folder.path().join("classes.txt"), names.join("\n")).unwrap();
    let rows: Vec<u8> = (0..30).map(|row| row % 3).collect();
    std::fs::write(folder.path().join(NAMES[0]), images(30, 2, 3)).unwrap();
    std::fs::write(folder.path().join(NAMES[1]), labels(&rows)).unwrap();
    let Loaded { train, test, notes, .. } = loaded(folder.path()).unwrap();
    assert_eq!((train.rows(), test.rows(), train.classes()), (24, 6, &names.map(String::from)[..]));
    assert_eq!(test.classes(), train.classes());
    assert!([0, 1, 2].iter().all(|class| test.labels().iter().filter(|label| *label == class).count() == 2));
    assert_eq!(notes.len(), 1);
    // One of the two files of the test part is a mistake.
    std::fs::write(folder.path().join(NAMES[2]), images(30, 2, 3)).unwrap();
    assert!(loaded(folder.path()).unwrap_err().to_string().contains("this folder has no t10k-labels-idx1-ubyte"));
    // Too few names for the labels.
    std::fs::remove_file(folder.path().join(NAMES[2])).unwrap();
    std::fs::write(folder.path().join("classes.txt"), "apple\npear\n").unwrap();
    let said = loaded(folder.path()).unwrap_err().to_string();
    assert!(said.ends_with("row 2: label 2 is out of range: the classes are 0..2"), "{said}");
}
