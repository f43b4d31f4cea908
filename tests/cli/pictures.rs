//! Pictures that are not framed as MNIST is: digits anywhere on a sheet, in any colours, and strokes of a pen.

use std::fs;
use std::path::Path;

use layerloop_data::idx::{Images, read_images, read_labels};
use png::ColorType;

use super::{Folder, data_dir};

/// A sheet of RGB pixels.
struct Sheet {
    height: usize,
    width: usize,
    pixels: Vec<[u8; 3]>,
}

/// Colours of paper and ink.
type Colours = (&'static str, [[u8; 3]; 2]);

const COLOURS: [Colours; 4] = [
    ("black on white", [[255; 3], [0; 3]]),
    ("blue on cream", [[255, 248, 220], [30, 60, 170]]),
    ("white on black", [[0; 3], [255; 3]]),
    ("grey on grey", [[140; 3], [100; 3]]),
];

impl Sheet {
    /// `ink`, from 0 to 1 for each pixel of height x width, in colours.
    fn new(width: usize, ink: &[f32], [paper, pen]: [[u8; 3]; 2]) -> Self {
        let mix = |ink: f32, c: usize| (f32::from(paper[c]) + ink * (f32::from(pen[c]) - f32::from(paper[c]))).round();
        let pixels = ink.iter().map(|&ink| [0, 1, 2].map(|c| mix(ink, c) as u8)).collect();
        Self { height: ink.len() / width, width, pixels }
    }

    fn write(&self, path: &Path) {
        let mut encoder =
            png::Encoder::new(fs::File::create(path).expect("a file"), self.width as u32, self.height as u32);
        encoder.set_color(ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let bytes: Vec<u8> = self.pixels.iter().flatten().copied().collect();
        encoder.write_header().and_then(|mut writer| writer.write_image_data(&bytes)).expect("an image");
    }
}

/// Numbers that look random, the same each time.
struct Numbers(u64);

impl Numbers {
    /// From 0 to below 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / (1_u64 << 31) as f64
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() * end as f64) as usize
    }
}

/// The ink of an image at a random place of a sheet that is 3 to 7 times as wide; the sheet's side.
fn at_random(images: &Images, row: usize, numbers: &mut Numbers) -> (usize, Vec<f32>) {
    let (height, width) = (images.height, images.width);
    let side = ((3.0 + 4.0 * numbers.next()) * width as f64) as usize;
    let (top, left) = (numbers.below(side - height), numbers.below(side - width));
    let mut ink = vec![0.0; side * side];
    for (y, line) in images.grey(row).pixels.chunks_exact(width).enumerate() {
        ink[(top + y) * side + left..][..width].copy_from_slice(line);
    }
    (side, ink)
}

/// The classes that the model of the folder sees in these pictures.
fn seen(folder: &Folder, names: &[String], options: &[&str]) -> Vec<String> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let args = [&["predict", "mnist.safetensors", "--json", "--top", "1"], options, &names].concat();
    let answers = folder.run(&args).well().json();
    assert_eq!(answers.len(), names.len());
    answers.iter().map(|answer| answer["predicted"].as_str().unwrap_or("?").to_string()).collect()
}

fn right(seen: &[String], labels: &[u32]) -> usize {
    seen.iter().zip(labels).filter(|(seen, label)| **seen == label.to_string()).count()
}

/// Of 100 digits on larger sheets 11 were right, with a model of 0.98. This model: 97 or more.
#[test]
fn digits_anywhere_on_a_sheet_in_any_colours_and_pen_strokes_are_read() {
    let Some(data) = data_dir("digits_anywhere_on_a_sheet_in_any_colours_and_pen_strokes_are_read") else { return };
    let (folder, mnist) = (Folder::new(), data.join("mnist"));
    let place = mnist.display().to_string();
    let train = ["train", "mnist", "--data-dir", &place, "--hidden", "256", "--activation", "relu", "--epochs", "4"];
    let accuracy = folder.run(&[&train[..], &["--json"]].concat()).well().last()["test_accuracy"].as_f64();
    assert!(accuracy >= Some(0.97), "{accuracy:?}");
    let summary = folder.run(&["summary", "mnist.safetensors"]).well().out;
    assert!(summary.contains("fit      centre: "), "{summary}");
    let images = read_images(mnist.join("t10k-images-idx3-ubyte.gz")).expect("images");
    let labels = read_labels(mnist.join("t10k-labels-idx1-ubyte.gz")).expect("labels");
    digits_on_sheets(&folder, &images, &labels);
    colours_make_no_difference(&folder, &images);
    strokes(&folder);
}

fn digits_on_sheets(folder: &Folder, images: &Images, labels: &[u8]) {
    let mut numbers = Numbers(1);
    let (mut names, mut expected) = (Vec::new(), Vec::new());
    for i in 0..100 {
        let (row, (colours, mix)) = (numbers.below(images.rows), COLOURS[i % COLOURS.len()]);
        let (side, ink) = at_random(images, row, &mut numbers);
        names.push(format!("{i}, {colours}.png"));
        Sheet::new(side, &ink, mix).write(&folder.path(&names[i]));
        expected.push(labels[row].into());
    }
    let centred = right(&seen(folder, &names, &[]), &expected);
    assert!(centred >= 90, "{centred} of 100");
    assert_eq!(centred, right(&seen(folder, &names, &["--fit", "Centre"]), &expected));
    let whole = right(&seen(folder, &names, &["--fit", "whole"]), &expected);
    assert!(whole <= 30, "the whole sheet is another picture: {whole} of 100");
}

/// The ink of an image, `factor` times as large: between four pixels their bilinear mean.
fn enlarged(images: &Images, row: usize, factor: f64) -> (usize, usize, Vec<f32>) {
    let (height, width) = (images.height, images.width);
    let grey = images.grey(row).pixels;
    let [tall, wide] = [height, width].map(|side| (side as f64 * factor) as usize);
    let ink = |y: usize, x: usize| {
        let [(top, below), (left, right)] = [(y, height), (x, width)].map(|(at, side)| {
            let from = ((at as f64 + 0.5) / factor - 0.5).clamp(0.0, (side - 1) as f64);
            (from as usize, (from - from.floor()) as f32)
        });
        let at = |y: usize, x: usize| grey[y.min(height - 1) * width + x.min(width - 1)];
        let row = |y: usize| (1.0 - right) * at(y, left) + right * at(y, left + 1);
        (1.0 - below) * row(top) + below * row(top + 1)
    };
    (tall, wide, (0..tall * wide).map(|i| ink(i / wide, i % wide)).collect())
}

/// Pictures of people: digits of any size at any place of a large canvas. With the whole recipe 99 of 100 are right.
#[test]
fn digits_of_any_size_are_read_after_a_training_with_augmented_images() {
    let Some(data) = data_dir("digits_of_any_size_are_read_after_a_training_with_augmented_images") else { return };
    let (folder, mnist) = (Folder::new(), data.join("mnist"));
    let place = mnist.display().to_string();
    // A network that is trained in seconds; LAYERLOOP_WHOLE_RECIPE=1 trains the recipe's.
    let short: &[&str] =
        if std::env::var_os("LAYERLOOP_WHOLE_RECIPE").is_some() { &[] } else { &["--hidden", "256", "--epochs", "8"] };
    let train =
        ["train", "mnist", "--data-dir", &place, "--recipe", "augmented", "--quiet", "--save", "mnist.safetensors"];
    folder.run(&[&train[..], short].concat()).well();
    let images = read_images(mnist.join("t10k-images-idx3-ubyte.gz")).expect("images");
    let labels = read_labels(mnist.join("t10k-labels-idx1-ubyte.gz")).expect("labels");
    let mut numbers = Numbers(3);
    let (mut names, mut expected) = (Vec::new(), Vec::new());
    for i in 0..100 {
        let (row, (colours, mix)) = (numbers.below(images.rows), COLOURS[i % COLOURS.len()]);
        let (tall, wide, digit) = enlarged(&images, row, 1.0 + 4.0 * numbers.next());
        let side = (tall.max(wide) as f64 * (1.5 + 3.0 * numbers.next())) as usize;
        let (top, left) = (numbers.below(side - tall), numbers.below(side - wide));
        let mut ink = vec![0.0; side * side];
        for (y, line) in digit.chunks_exact(wide).enumerate() {
            ink[(top + y) * side + left..][..wide].copy_from_slice(line);
        }
        names.push(format!("{i}, {colours}.png"));
        Sheet::new(side, &ink, mix).write(&folder.path(&names[i]));
        expected.push(labels[row].into());
    }
    let right = right(&seen(&folder, &names, &["--fit", "centre"]), &expected);
    assert!(right >= 97, "{right} of 100");
}

fn colours_make_no_difference(folder: &Folder, images: &Images) {
    let mut numbers = Numbers(2);
    for i in 0..10 {
        let (side, ink) = at_random(images, numbers.below(images.rows), &mut numbers);
        let names: Vec<String> = COLOURS.iter().map(|(colours, _)| format!("same {i}, {colours}.png")).collect();
        for (name, (_, mix)) in names.iter().zip(COLOURS) {
            Sheet::new(side, &ink, mix).write(&folder.path(name));
        }
        let seen = seen(folder, &names, &[]);
        assert!(seen.iter().all(|class| *class == seen[0]), "{i}: {seen:?}");
    }
}

type Point = [f32; 2];

/// Points of an arc around (x, y) with two radii, by angles in degrees; clockwise, as y points down.
fn arc([x, y]: Point, [across, down]: Point, [from, to]: Point) -> Vec<Point> {
    const PIECES: usize = 16;
    let angle = |i: usize| (from + (to - from) * i as f32 / PIECES as f32).to_radians();
    (0..=PIECES).map(|i| [x + across * angle(i).cos(), y + down * angle(i).sin()]).collect()
}

/// A digit as a hand draws it: lines from point to point, in a square from 0 to 1.
fn lines(digit: u32) -> Vec<Vec<Point>> {
    let full = [0.0, 360.0];
    match digit {
        0 => vec![arc([0.5, 0.5], [0.3, 0.45], full)],
        1 => vec![vec![[0.5, 0.05], [0.5, 0.95]]],
        2 => vec![[arc([0.5, 0.3], [0.28, 0.25], [190.0, 380.0]), vec![[0.2, 0.95], [0.8, 0.95]]].concat()],
        3 => {
            let below = arc([0.45, 0.72], [0.3, 0.23], [270.0, 520.0]);
            vec![[arc([0.45, 0.28], [0.27, 0.23], [200.0, 450.0]), below].concat()]
        }
        4 => vec![vec![[0.3, 0.05], [0.2, 0.55], [0.8, 0.55]], vec![[0.7, 0.05], [0.7, 0.95]]],
        5 => {
            let bowl = arc([0.48, 0.68], [0.27, 0.27], [235.0, 510.0]);
            vec![[vec![[0.75, 0.05], [0.3, 0.05], [0.27, 0.45]], bowl].concat()]
        }
        6 => {
            let bowl = arc([0.5, 0.7], [0.25, 0.25], [180.0, 540.0]);
            vec![[vec![[0.65, 0.05], [0.4, 0.3], [0.27, 0.6]], bowl].concat()]
        }
        7 => vec![vec![[0.2, 0.07], [0.8, 0.07], [0.4, 0.95]]],
        8 => vec![arc([0.5, 0.28], [0.22, 0.22], full), arc([0.5, 0.73], [0.27, 0.23], full)],
        _ => vec![[arc([0.5, 0.3], [0.25, 0.25], full), vec![[0.75, 0.3], [0.72, 0.6], [0.62, 0.95]]].concat()],
    }
}

/// How a digit is drawn.
struct Stroke {
    name: &'static str,
    /// Thickness of the pen, in pixels.
    pen: f32,
    /// Width and height of the square, in pixels.
    size: Point,
    /// The middle of the square.
    middle: Point,
}

/// Side of the sheet that is drawn on.
const SIDE: usize = 140;

const STROKES: [Stroke; 7] = [
    Stroke { name: "hairline", pen: 1.0, size: [100.0, 100.0], middle: [70.0, 70.0] },
    Stroke { name: "thin", pen: 2.0, size: [100.0, 100.0], middle: [70.0, 70.0] },
    Stroke { name: "usual", pen: 8.0, size: [100.0, 100.0], middle: [70.0, 70.0] },
    Stroke { name: "thick", pen: 18.0, size: [100.0, 100.0], middle: [70.0, 70.0] },
    Stroke { name: "in a corner", pen: 3.0, size: [30.0, 30.0], middle: [118.0, 22.0] },
    Stroke { name: "wide", pen: 7.0, size: [112.0, 75.0], middle: [70.0, 70.0] },
    Stroke { name: "tall", pen: 7.0, size: [75.0, 112.0], middle: [70.0, 70.0] },
];

const TURNS: [f32; 5] = [-20.0, -10.0, 0.0, 10.0, 20.0];

impl Stroke {
    /// The ink of each pixel of the sheet: the part of it that the pen covers.
    fn draw(&self, digit: u32, degrees: f32) -> Vec<f32> {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let place = |[x, y]: Point| {
            let (x, y) = ((x - 0.5) * self.size[0], (y - 0.5) * self.size[1]);
            [self.middle[0] + cos * x - sin * y, self.middle[1] + sin * x + cos * y]
        };
        let lines: Vec<Vec<Point>> =
            lines(digit).into_iter().map(|line| line.into_iter().map(place).collect()).collect();
        let pieces: Vec<[Point; 2]> =
            lines.iter().flat_map(|line| line.windows(2).map(|ends| [ends[0], ends[1]])).collect();
        let ink = |i: usize| {
            let pixel = [(i % SIDE) as f32 + 0.5, (i / SIDE) as f32 + 0.5];
            let near = pieces.iter().map(|piece| distance(pixel, *piece)).fold(f32::INFINITY, f32::min);
            (self.pen / 2.0 - near + 0.5).clamp(0.0, 1.0)
        };
        (0..SIDE * SIDE).map(ink).collect()
    }
}

/// From a point to a piece of a line.
fn distance([x, y]: Point, [a, b]: [Point; 2]) -> f32 {
    let along = [b[0] - a[0], b[1] - a[1]];
    let length = along[0] * along[0] + along[1] * along[1];
    let share = if length > 0.0 { ((x - a[0]) * along[0] + (y - a[1]) * along[1]) / length } else { 0.0 };
    let share = share.clamp(0.0, 1.0);
    (x - a[0] - share * along[0]).hypot(y - a[1] - share * along[1])
}

/// Each digit, turned by up to 20 degrees: 50 pictures of each kind of stroke.
fn strokes(folder: &Folder) {
    for stroke in &STROKES {
        let (mut names, mut labels) = (Vec::new(), Vec::new());
        for (digit, degrees) in (0..10).flat_map(|digit| TURNS.map(|degrees| (digit, degrees))) {
            let name = format!("{} {digit} {degrees}.png", stroke.name);
            Sheet::new(SIDE, &stroke.draw(digit, degrees), COLOURS[0].1).write(&folder.path(&name));
            names.push(name);
            labels.push(digit);
        }
        let right = right(&seen(folder, &names, &[]), &labels);
        assert!(right >= 45, "{}: {right} of 50", stroke.name);
    }
}

/// `--fit centre` on a model of the digits framed pictures as MNIST does, not as the digits are.
#[test]
fn centre_as_it_is_typed_has_the_numbers_of_the_model() {
    let folder = Folder::new();
    folder.run(&["train", "digits", "--epochs", "5", "--save", "mnist.safetensors"]).well();
    let summary = folder.run(&["summary", "mnist.safetensors"]).well().out;
    assert!(summary.contains("fit      centre(share=1, offset=0): "), "{summary}");
    Sheet::new(SIDE, &STROKES[4].draw(5, 0.0), COLOURS[1].1).write(&folder.path("5.png"));
    let said = |options: &[&str]| {
        folder.run(&[&["predict", "mnist.safetensors", "5.png", "--json"], options].concat()).well().out
    };
    assert_eq!(said(&["--fit", "centre"]), said(&[]));
    assert_eq!(said(&["--fit", "Center(Share=1, Offset=0)"]), said(&[]));
    assert_ne!(said(&["--fit", "centre(share=0.5)"]), said(&[]));
}
