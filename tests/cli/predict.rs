//! What images show: PNG in its kinds, IDX, polarity, and what is said to files that are not images.

use std::fs;
use std::io::Write as _;

use layerloop::data::Dataset;
use png::ColorType;
use serde_json::Value;

use super::faults::{idx, refuses};
use super::{Folder, data_dir};

/// A folder with `m.safetensors`, trained on the digits, and the digits that it has not seen.
fn trained() -> (Folder, Dataset) {
    let folder = Folder::new();
    folder.run(&["train", "digits", "--epochs", "15", "--save", "m.safetensors"]).well();
    let digits = layerloop_data::load("digits", &layerloop_data::LoadOptions::default(), &mut |_| {})
        .expect("they are built in");
    (folder, digits.test)
}

/// An image of the data as bytes: white on black.
fn pixels(data: &Dataset, row: usize) -> Vec<u8> {
    data.row(row).iter().map(|value| (value * 255.0).round() as u8).collect()
}

fn write_png(folder: &Folder, name: &str, side: u32, color: ColorType, data: &[u8]) {
    let file = fs::File::create(folder.path(name)).expect("a file");
    let mut encoder = png::Encoder::new(file, side, side);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().and_then(|mut writer| writer.write_image_data(data)).expect("an image");
}

/// Writes `rows` images of the data as `images`.
fn write_idx(folder: &Folder, data: &Dataset, rows: usize) {
    let values: Vec<u8> = (0..rows).flat_map(|row| pixels(data, row)).collect();
    fs::write(folder.path("images"), idx(3, &[rows as u32, 8, 8], &values)).expect("a file");
}

/// The answers to these inputs, with options, all classes each.
fn answers(folder: &Folder, args: &[&str]) -> Vec<Value> {
    folder.run(&[&["predict", "m.safetensors", "--json", "--top", "10"], args].concat()).well().json()
}

/// The probabilities of an answer, by class.
fn probabilities(answer: &Value) -> Vec<f64> {
    let mut pairs: Vec<(&str, f64)> = (answer["probabilities"].as_array().into_iter().flatten())
        .map(|p| (p["class"].as_str().unwrap_or("?"), p["probability"].as_f64().unwrap_or(f64::NAN)))
        .collect();
    pairs.sort_by_key(|pair| pair.0);
    pairs.into_iter().map(|pair| pair.1).collect()
}

/// The largest difference between the probabilities of two lists of answers of one length.
fn difference(a: &[Value], b: &[Value]) -> f64 {
    assert_eq!(a.len(), b.len());
    let apart = |(a, b): (&Value, &Value)| {
        let (a, b) = (probabilities(a), probabilities(b));
        assert_eq!((a.len(), b.len()), (10, 10));
        a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    a.iter().zip(b).map(apart).fold(0.0, f64::max)
}

#[test]
fn every_kind_of_png_is_seen_as_the_same_digit() {
    const ROWS: usize = 10;
    type Kind = (&'static str, ColorType, u32, fn(&[u8]) -> Vec<u8>, &'static [&'static str]);
    fn dark(p: &[u8]) -> Vec<u8> {
        p.iter().map(|v| 255 - v).collect()
    }
    /// Every pixel four times as wide and as high.
    fn large(p: &[u8]) -> Vec<u8> {
        (0..32 * 32).map(|i| p[i / 32 / 4 * 8 + i % 32 / 4]).collect()
    }
    let kinds: [Kind; 9] = [
        ("grey", ColorType::Grayscale, 8, <[u8]>::to_vec, &[]),
        ("grey, said to be light on dark", ColorType::Grayscale, 8, <[u8]>::to_vec, &["--invert=false"]),
        ("rgb, four times as large", ColorType::Rgb, 32, |p| large(p).iter().flat_map(|&v| [v; 3]).collect(), &[]),
        ("rgba, opaque", ColorType::Rgba, 8, |p| p.iter().flat_map(|&v| [v, v, v, 255]).collect(), &[]),
        ("rgba, black ink on nothing", ColorType::Rgba, 8, |p| p.iter().flat_map(|&v| [0, 0, 0, v]).collect(), &[]),
        ("black on white", ColorType::Grayscale, 8, dark, &[]),
        ("black on white, as said", ColorType::Grayscale, 8, dark, &["--invert"]),
        ("black on white, spelt out", ColorType::Grayscale, 8, dark, &["--invert=true"]),
        ("black on white, large", ColorType::Grayscale, 32, |p| dark(&large(p)), &[]),
    ];
    let (folder, data) = trained();
    write_idx(&folder, &data, ROWS);
    let expected = answers(&folder, &["images"]);
    assert_eq!(expected.len(), ROWS);
    let names: Vec<String> = (0..ROWS).map(|row| format!("{row}.png")).collect();
    let inputs: Vec<&str> = names.iter().map(String::as_str).collect();
    for (kind, color, side, draw, options) in kinds {
        for (row, name) in inputs.iter().enumerate() {
            write_png(&folder, name, side, color, &draw(&pixels(&data, row)));
        }
        let seen = answers(&folder, &[&inputs, options, &["--fit", "whole"]].concat());
        let told: Vec<&Value> = seen.iter().map(|answer| &answer["input"]).collect();
        assert_eq!(told, inputs, "{kind}: one answer an input, in their order");
        assert!(difference(&seen, &expected) < 1e-4, "{kind}: {}", difference(&seen, &expected));
    }
}

#[test]
fn the_polarity_of_an_image_can_be_given() {
    let (folder, data) = trained();
    let light = pixels(&data, 0);
    let dark: Vec<u8> = light.iter().map(|v| 255 - v).collect();
    write_png(&folder, "light.png", 8, ColorType::Grayscale, &light);
    write_png(&folder, "dark.png", 8, ColorType::Grayscale, &dark);
    let detected = answers(&folder, &["dark.png"]);
    let taken_as_it_is = answers(&folder, &["dark.png", "--invert=false"]);
    assert!(difference(&detected, &taken_as_it_is) > 0.01, "{taken_as_it_is:?}");
    let turned = answers(&folder, &["light.png", "--invert"]);
    assert!(difference(&turned, &taken_as_it_is) < 1e-4, "{turned:?}");
    // An IDX file is taken as it is, even where its images look light.
    fs::write(folder.path("images"), idx(3, &[1, 8, 8], &dark)).unwrap();
    assert!(difference(&answers(&folder, &["images"]), &taken_as_it_is) < 1e-4);
    assert!(difference(&answers(&folder, &["images", "--invert"]), &detected) < 1e-4);
}

#[test]
fn an_idx_file_plain_or_gzip_gives_a_line_an_image_and_the_labels() {
    let (folder, data) = trained();
    write_idx(&folder, &data, data.rows());
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&fs::read(folder.path("images")).unwrap()).unwrap();
    fs::write(folder.path("packed.gz"), packed.finish().unwrap()).unwrap();

    let said = folder.run(&["predict", "m.safetensors", "images", "packed.gz"]).well();
    assert_eq!(said.err, "");
    let lines: Vec<&str> = said.out.lines().collect();
    let (plain, packed) = lines.split_at(data.rows());
    let starts_with = |row: usize| format!("images[{row}]: {}   (", data.labels()[row]);
    let right = (0..data.rows()).filter(|&row| plain[row].starts_with(&starts_with(row))).count();
    assert!(right * 10 >= data.rows() * 9, "{right} of {}: {}", data.rows(), said.out);
    for (plain, packed) in plain.iter().zip(packed) {
        assert_eq!(plain.replace("images[", "packed.gz["), **packed);
        assert_eq!(plain.split(", ").count(), 3, "the three most probable classes: {plain}");
    }
    assert_eq!(lines.len(), 2 * data.rows());
}

#[test]
fn json_has_input_row_label_and_as_many_probabilities_as_asked_the_largest_first() {
    let (folder, data) = trained();
    write_idx(&folder, &data, 12);
    for (options, count) in [(&[][..], 3), (&["--top", "1"], 1), (&["--top", "10"], 10), (&["--top", "999"], 10)] {
        let args = [&["predict", "m.safetensors", "images", "--json"], options].concat();
        let answers = folder.run(&args).well().json();
        assert_eq!(answers.len(), 12);
        for (row, answer) in answers.iter().enumerate() {
            let names: Vec<&str> = answer.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(names, ["input", "row", "predicted", "probabilities"]);
            assert_eq!((&answer["input"], &answer["row"]), (&"images".into(), &row.into()));
            let top = answer["probabilities"].as_array().unwrap();
            assert_eq!((top.len(), &top[0]["class"]), (count, &answer["predicted"]), "{options:?}: {answer}");
            let values: Vec<f64> = top.iter().map(|p| p["probability"].as_f64().unwrap()).collect();
            assert!(values.is_sorted_by(|a, b| a >= b) && values.iter().all(|p| (0.0..=1.0).contains(p)), "{answer}");
            let sum: f64 = values.iter().sum();
            assert!(sum < 1.0 + 1e-5 && (count < 10 || sum > 1.0 - 1e-5), "{sum}: {answer}");
        }
    }
}

#[test]
fn an_input_that_is_no_image_is_refused_by_name() {
    let (folder, data) = trained();
    write_png(&folder, "good.png", 8, ColorType::Grayscale, &pixels(&data, 0));
    let good = fs::read(folder.path("good.png")).unwrap();
    let mut flipped = good.clone();
    flipped[50] ^= 1;
    let mut huge = good.clone();
    huge[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
    let inputs: [(&str, Vec<u8>, &str); 11] = [
        ("photo.jpg", b"\xff\xd8\xff\xe0JFIF".to_vec(), "this JPEG file cannot be read: it is cut short"),
        ("empty.png", vec![], "this is an empty file; a picture (PNG, JPEG), an IDX file or CSV is needed"),
        ("x.npy", b"\x93NUMPY\x01\0".to_vec(), "this is a NumPy array: write its rows as CSV"),
        ("x.csv", b"1,2\n".to_vec(), "2 columns, but the network takes 64 inputs"),
        ("cut.png", good[..good.len() / 2].to_vec(), "this PNG file cannot be read"),
        ("flipped.png", flipped, "this PNG file cannot be read"),
        ("huge.png", huge, "this PNG file"),
        ("labels", idx(1, &[3], &[1, 2, 3]), "this is a file of labels, not of images"),
        ("short", idx(3, &[2, 8, 8], &[0; 127]), "the file ends at byte 143"),
        ("many", idx(3, &[1 << 20, 1 << 20, 1 << 20], &[]), "1048576 x 1048576 x 1048576"),
        ("packed.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\0\x01\x02".to_vec(), "damaged gzip data after 0 unpacked bytes"),
    ];
    for (name, bytes, reason) in &inputs {
        fs::write(folder.path(name), bytes).unwrap();
        refuses(&folder, folder.command(&["predict", "m.safetensors", name]), 1, &[&format!("{name}: "), reason]);
    }
    fs::create_dir(folder.path("none")).unwrap();
    for (name, reason) in
        [("nothing.png", "No such file or directory"), ("none", "this folder has no PNG or JPEG pictures")]
    {
        refuses(&folder, folder.command(&["predict", "m.safetensors", name]), 1, &[&format!("{name}: {reason}")]);
    }
    // What stands before the bad input is answered, and the exit code still says that something failed.
    let said = folder.run(&["predict", "m.safetensors", "good.png", "cut.png"]);
    assert!(said.refusal(1).contains("cut.png: ") && said.out.starts_with("good.png[0]: "), "{said:?}");
    refuses(&folder, folder.command(&["predict", "m.safetensors", "good.png", "--top", "0"]), 2, &["--top: 0"]);
}

#[test]
fn mnists_test_file_is_predicted_as_well_as_the_training_said() {
    let Some(data) = data_dir("mnists_test_file_is_predicted_as_well_as_the_training_said") else { return };
    let (folder, mnist) = (Folder::new(), data.join("mnist").display().to_string());
    let train = ["train", "mnist", "--data-dir", &mnist, "--epochs", "1", "--limit", "10000", "--json"];
    let evaluated = folder.run(&train).well().last()["test_accuracy"].as_f64().unwrap();
    let labels = layerloop_data::idx::read_labels(data.join("mnist").join("t10k-labels-idx1-ubyte.gz")).unwrap();
    let images = data.join("mnist").join("t10k-images-idx3-ubyte.gz").display().to_string();
    let answers = folder.run(&["predict", "mnist.safetensors", "--json", "--top", "1", &images]).well().json();
    assert_eq!(answers.len(), 10_000);
    let right = answers.iter().zip(labels.iter()).filter(|(answer, label)| answer["predicted"] == label.to_string());
    let right = right.count() as f64 / 1e4;
    assert!(right > 0.5 && (right - evaluated).abs() < 1e-3, "{right}, but training ended with {evaluated}");
}

#[test]
fn an_attribution_says_what_each_pixel_had_to_do_with_the_answer_and_is_drawn() {
    let (folder, data) = trained();
    write_idx(&folder, &data, 3);
    let ask = ["images", "--attribution"];
    for by in ["saliency", "input-times-gradient", "integrated-gradients", "integrated-gradients=8", "occlusion=2"] {
        let said = answers(&folder, &[&ask[..], &[by]].concat());
        assert_eq!(said.len(), 3);
        for answer in &said {
            let why = &answer["attribution"];
            assert_eq!((&why["by"], &why["class"]), (&by.into(), &answer["predicted"]), "{why}");
            let values: Vec<f64> =
                why["values"].as_array().expect("values").iter().map(|v| v.as_f64().expect("a number")).collect();
            assert!(values.len() == 64 && values.iter().any(|v| *v != 0.0), "{by}");
            let moved = why["value"].as_f64().expect("f(x)") - why["baseline"].as_f64().expect("f(x')");
            let sum: f64 = values.iter().sum();
            let complete = (sum - moved).abs() < 2e-3 * moved.abs() + 1e-6;
            assert!(complete || !by.starts_with("integrated"), "{by}: {sum} {moved}");
        }
    }
    let of_other = answers(&folder, &[&ask[..], &["saliency", "--class", "3", "--pictures", "why"]].concat());
    assert!(of_other.iter().all(|answer| answer["attribution"]["class"] == "3"));
    let picture = layerloop_data::read_picture(folder.path("why/images-2.png")).expect("a picture");
    assert_eq!((picture.height, picture.width), (8 * 8, (2 * 8 + 1) * 8));
    let text = folder.run(&["predict", "m.safetensors", "images", "--attribution", "occlusion"]).well().out;
    assert!(text.lines().all(|line| line.contains(": row ") && line.contains(" column ")), "{text}");
    let of_ten = ["predict", "m.safetensors", "images", "--attribution", "saliency", "--class", "ten"];
    let refused = folder.run(&of_ten);
    assert!(refused.refusal(2).contains("--class: `ten` is none of 0, 1, 2"), "{refused:?}");
    assert_eq!(folder.run(&["predict", "m.safetensors", "images", "--pictures", "why"]).code, 2);
    assert_eq!(folder.run(&["predict", "m.safetensors", "images", "--attribution", "salience"]).code, 2);
}

#[test]
fn a_folder_and_standard_input_are_predicted_from() {
    let (folder, data) = trained();
    fs::create_dir_all(folder.path("some/more")).unwrap();
    for (row, name) in [(0, "some/b.png"), (1, "some/a.png"), (2, "some/more/c.png")] {
        write_png(&folder, name, 8, ColorType::Grayscale, &pixels(&data, row));
    }
    fs::write(folder.path("some/notes.txt"), "none of them").unwrap();
    let seen = answers(&folder, &["some"]);
    let names: Vec<&str> = seen.iter().filter_map(|answer| answer["input"].as_str()).collect();
    assert_eq!(names, ["some/a.png", "some/b.png", "some/more/c.png"]);
    write_idx(&folder, &data, 3);
    let from = |file: &str, args: &[&str]| {
        let mut command = folder.command(&[&["predict", "m.safetensors", "-", "--json", "--top", "10"], args].concat());
        command.stdin(fs::File::open(folder.path(file)).unwrap());
        super::Said::new(command.output().unwrap())
    };
    assert!(difference(&from("some/b.png", &[]).well().json(), &answers(&folder, &["some/b.png"])) < 1e-9);
    let piped = from("images", &[]).well().json();
    assert!(difference(&piped, &answers(&folder, &["images"])) < 1e-9);
    assert_eq!(piped[2]["input"], "-");
    assert!(from("m.safetensors", &[]).refusal(1).starts_with("error: -: this is a safetensors file; a picture"));
}

/// A regression could not be asked for anything.
#[test]
fn rows_of_a_csv_file_are_predicted_with_the_model_s_own_columns_and_standardisation() {
    let folder = Folder::new();
    folder.run(&["train", "diabetes", "--epochs", "30", "--hidden", "8", "--quiet"]).well();
    let diabetes = layerloop_data::diabetes();
    let parts = layerloop_data::diabetes_parts().expect("it is built in");
    let text = |order: &[usize], header: bool| {
        let line = |cells: Vec<String>| cells.join(",") + "\n";
        let names = || line(order.iter().map(|&i| diabetes.columns[i].clone()).collect());
        let row = |row| line(order.iter().map(|&i| diabetes.row(row)[i].to_string()).collect());
        (if header { names() } else { String::new() }) + &(0..5).map(row).collect::<String>()
    };
    let (forward, backward): (Vec<usize>, Vec<usize>) = ((0..10).collect(), (0..10).rev().collect());
    fs::write(folder.path("plain.csv"), text(&forward, false)).unwrap();
    fs::write(folder.path("named.csv"), text(&backward, true)).unwrap();
    let plain = folder.run(&["predict", "diabetes.safetensors", "plain.csv", "--json"]).well().json();
    let named = folder.run(&["predict", "diabetes.safetensors", "named.csv", "--json"]).well().json();
    let model = layerloop::model_file::Model::load(folder.path("diabetes.safetensors")).expect("a model");
    let predictor = model.predictor(1).expect("a predictor");
    let mut scratch = predictor.scratch().expect("a scratch");
    assert_eq!((plain.len(), parts.train.columns.len()), (5, 10));
    for (row, (plain, named)) in plain.iter().zip(&named).enumerate() {
        let expected = predictor.row(diabetes.row(row), &mut scratch).expect("a row")[0];
        for answer in [plain, named] {
            let said = answer["predicted"][0].as_f64().expect("a number");
            assert!((said - f64::from(expected)).abs() < 1e-3, "row {row}: {answer}, expected {expected}");
        }
    }
    let said = folder.run(&["predict", "diabetes.safetensors", "named.csv", "--attribution", "saliency"]).well();
    assert!(said.out.starts_with("named.csv[0]: progression ") && said.out.contains("bmi "), "{said:?}");
    let (digits, data) = trained();
    write_png(&digits, "x.png", 8, ColorType::Grayscale, &pixels(&data, 0));
    let picture = digits.path("x.png").display().to_string();
    let refused = folder.run(&["predict", "diabetes.safetensors", &picture]);
    assert!(refused.refusal(1).contains("this network's inputs are not images; give it rows of numbers, as CSV"));
}

#[test]
fn a_blank_picture_is_warned_of() {
    let (folder, _) = trained();
    write_png(&folder, "blank.png", 16, ColorType::Grayscale, &[250; 256]);
    for fit in ["centre", "whole", "plain"] {
        let said = folder.run(&["predict", "m.safetensors", "blank.png", "--fit", fit]).well();
        assert!(said.err.contains("warning: blank.png is blank, so its prediction means nothing"), "{said:?}");
    }
    let said = folder.run(&["predict", "m.safetensors", "blank.png", "--fit", "middle"]);
    assert!(said.refusal(2).contains("--fit"), "{said:?}");
}
