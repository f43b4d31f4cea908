//! Folders of pictures: classes, parts, sizes, and what is said of bad ones.

use std::fs;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use layerloop::Error;
use layerloop::data::{Dataset, Inputs};
use layerloop_data::{LoadOptions, Loaded, Progress, load};

/// A grey picture, a ramp of all bytes that starts at `first`.
fn ramp(first: u8, width: u32, height: u32) -> Vec<u8> {
    (0..width * height).map(|i| first.wrapping_add(i as u8)).collect()
}

fn png(pixels: &[u8], width: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let height = pixels.len() as u32 / width;
    PngEncoder::new(&mut bytes).write_image(pixels, width, height, ExtendedColorType::L8).unwrap();
    bytes
}

fn jpeg(pixels: &[u8], width: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let height = pixels.len() as u32 / width;
    let encoder = JpegEncoder::new_with_quality(&mut bytes, 100);
    encoder.write_image(pixels, width, height, ExtendedColorType::L8).unwrap();
    bytes
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Ten pictures of 4 x 3 pixels in each class.
fn pictures(folder: &Path, classes: &[&str]) {
    for (label, class) in classes.iter().enumerate() {
        for i in 0..10 {
            write(folder, &format!("{class}/{i}.png"), &png(&ramp((10 * label + i) as u8, 4, 3), 4));
        }
    }
}

fn loaded(folder: &Path, size: Option<(usize, usize)>) -> Result<Loaded, Error> {
    load(folder, &LoadOptions { data_dir: None, size }, &mut |_| {})
}

fn refused(folder: &Path) -> String {
    let said = loaded(folder, None).unwrap_err().to_string();
    said.replace(&folder.display().to_string(), "DIR")
}

fn bytes(data: &Dataset) -> &[u8] {
    let Inputs::Bytes { values, scale } = data.inputs() else { panic!("pictures are bytes") };
    assert_eq!(*scale, 1.0 / 255.0);
    values
}

#[test]
fn a_folder_for_each_class_is_a_data_set_with_a_fifth_of_each_to_test_on() {
    let folder = tempfile::tempdir().unwrap();
    pictures(folder.path(), &["cat", "dog"]);
    let Loaded { train, test, notes, folder: found, .. } = loaded(folder.path(), None).unwrap();
    assert_eq!((train.rows(), train.image(), train.classes()), (16, Some((3, 4)), &["cat".into(), "dog".into()][..]));
    assert_eq!((test.rows(), test.labels().iter().sum::<u32>()), (4, 2));
    assert_eq!(test.name(), format!("{} test", folder.path().display()));
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].ends_with("has no test part: 4 of its 20 images are kept back for it, the same every time"));
    assert_eq!(found.as_deref(), Some(folder.path()));
    // Classes take turns: the first rows have both. A row is the picture that it was read from.
    assert_eq!(train.labels()[..4].iter().sum::<u32>(), 2);
    let of_all: Vec<&[u8]> = bytes(&train).chunks_exact(12).chain(bytes(&test).chunks_exact(12)).collect();
    let labels = train.labels().iter().chain(test.labels());
    for (pixels, label) in of_all.iter().zip(labels) {
        assert_eq!(*pixels, ramp(pixels[0], 4, 3));
        assert_eq!(u32::from(pixels[0] >= 10), *label);
    }
    let again = loaded(folder.path(), None).unwrap();
    assert_eq!((again.train.sha256(), again.test.sha256()), (train.sha256(), test.sha256()));
}

#[test]
fn train_and_test_are_parts_unless_they_are_classes() {
    let folder = tempfile::tempdir().unwrap();
    pictures(&folder.path().join("train"), &["cat", "dog"]);
    pictures(&folder.path().join("test"), &["dog"]);
    let Loaded { train, test, notes, .. } = loaded(folder.path(), None).unwrap();
    assert_eq!((train.rows(), test.rows(), test.labels()[0], notes.len()), (20, 10, 1, 0));
    assert_eq!(test.classes(), train.classes());
    write(folder.path(), "test/cow/1.png", &png(&[0; 4], 2));
    let said = refused(folder.path());
    assert!(said.starts_with("DIR/test/cow: `cow` is none of the classes cat, dog"), "{said}");
    fs::rename(folder.path().join("test/cow"), folder.path().join("valid")).unwrap();
    let said = refused(folder.path());
    assert!(said.contains("it has the parts train and test, and valid beside them"), "{said}");

    let vehicles = tempfile::tempdir().unwrap();
    pictures(vehicles.path(), &["bus", "train"]);
    assert_eq!(loaded(vehicles.path(), None).unwrap().train.classes(), ["bus", "train"]);
}

#[test]
fn pictures_are_scaled_to_the_most_frequent_size_or_to_the_one_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    pictures(folder.path(), &["cat", "dog"]);
    write(folder.path(), "cat/large.png", &png(&[200; 400 * 300], 400)); // too large to be kept while sizes are counted
    write(folder.path(), "dog/small.jpg", &jpeg(&[100; 6], 3));
    let Loaded { train, test, .. } = loaded(folder.path(), None).unwrap();
    assert_eq!(train.image(), Some((3, 4)));
    let has = |value: u8| {
        let rows = bytes(&train).chunks_exact(12).chain(bytes(&test).chunks_exact(12));
        rows.filter(|row| row.iter().all(|pixel| pixel.abs_diff(value) <= 1)).count()
    };
    assert_eq!((has(200), has(100)), (1, 1));
    let mut heard = Vec::new();
    let size = Some((6, 8));
    let scaled = load(folder.path(), &LoadOptions { data_dir: None, size }, &mut |progress| {
        let Progress::Pictures { done, total } = progress else { panic!("{progress:?}") };
        heard.push((done, total));
    });
    let train = scaled.unwrap().train;
    assert_eq!((train.image(), train.width(), heard.last()), (Some((6, 8)), 48, Some(&(22, 22))));
    let first = &bytes(&train)[..8];
    assert!(first.chunks_exact(2).all(|pair| pair[0] == pair[1]), "each pixel twice: {first:?}");
}

#[test]
fn classes_are_named_and_ordered_by_classes_txt() {
    let folder = tempfile::tempdir().unwrap();
    pictures(folder.path(), &["cat", "dog"]);
    write(folder.path(), "classes.txt", b"dog\ncow\ncat\n");
    let train = loaded(folder.path(), None).unwrap().train;
    assert_eq!((train.classes(), train.labels()[0]), (&["dog".into(), "cow".into(), "cat".into()][..], 0));
    write(folder.path(), "classes.txt", b"dog\n");
    assert!(refused(folder.path()).starts_with("DIR/cat: `cat` is none of the classes dog"));
}

#[test]
fn files_that_are_no_pictures_are_left_out_and_said_and_damaged_ones_refused() {
    let folder = tempfile::tempdir().unwrap();
    pictures(folder.path(), &["cat", "dog"]);
    for hidden in ["cat/.DS_Store", "cat/Thumbs.db", ".git/x.png"] {
        write(folder.path(), hidden, b"x");
    }
    assert_eq!(loaded(folder.path(), None).unwrap().notes.len(), 1);
    write(folder.path(), "cat/notes.txt", b"x");
    let notes = loaded(folder.path(), None).unwrap().notes;
    assert!(notes[0].ends_with("cat/notes.txt is not a PNG or JPEG file and is skipped"), "{notes:?}");
    write(folder.path(), "dog/animation.gif", b"GIF89a\0");
    let notes = loaded(folder.path(), None).unwrap().notes;
    assert!(notes[0].starts_with("2 files that are not PNG or JPEG files are skipped; the first is"), "{notes:?}");
    write(folder.path(), "dog/renamed.png", b"GIF89a\0");
    let said = refused(folder.path());
    assert_eq!(
        said,
        "DIR/dog/renamed.png: this is a GIF picture: convert it to PNG or JPEG; a PNG or JPEG picture is needed"
    );
    write(folder.path(), "dog/renamed.png", &png(&[0; 64], 8)[..50]);
    assert!(refused(folder.path()).starts_with("DIR/dog/renamed.png: this PNG file cannot be read: "));
}

#[test]
fn folders_without_data_are_told_what_they_lack() {
    let folder = tempfile::tempdir().unwrap();
    let said = refused(folder.path());
    assert!(said.starts_with("DIR: this folder has no data: neither a folder of PNG or JPEG pictures for"), "{said}");
    write(folder.path(), "1.png", &png(&[0; 4], 2));
    let said = refused(folder.path());
    assert!(said.starts_with("DIR: 1 pictures are in this folder itself; put those of each class into"), "{said}");
    fs::create_dir(folder.path().join("cat")).unwrap();
    assert_eq!(refused(folder.path()), "DIR: none of its folders has a PNG or JPEG picture");
    write(folder.path(), "cat/1.png", &png(&[0; 4], 2));
    assert!(refused(folder.path()).contains("1 image without a test part"));
}

#[test]
fn a_file_instead_of_a_folder_is_told_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let say = |name: &str, bytes: &[u8]| {
        write(folder.path(), name, bytes);
        refused(&folder.path().join(name))
    };
    for (name, bytes, is) in [
        ("x.npy", &b"\x93NUMPY\x01\0"[..], "a NumPy array: write its rows as CSV, or its images as PNG files"),
        ("x.pkl", b"\x80\x04\x95", "a Python pickle: write its rows as CSV"),
        ("x.zip", b"PK\x03\x04\x14\0\0\0", "a ZIP file (as .npz, .xlsx, .pt and .keras are): unpack it first"),
        ("x.gz", b"<!DOCTYPE html><p>Sign in</p>", "a web page (HTML): the download went to a web page"),
        (
            "x.jpg",
            b"\xff\xd8\xff\xe0\0\x10JFIF",
            "a JPEG picture; a table is needed: CSV (plain, gzip or Zstandard), Parquet or Arrow; or name the folder that it is in",
        ),
    ] {
        let said = say(name, bytes);
        assert!(said.contains(&format!("this is {is}")), "{said}");
    }
}
