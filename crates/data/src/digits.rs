//! The digits inside the binary: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine
//! Learning Repository, CC BY 4.0 (its test part), by way of scikit-learn (BSD-3-Clause). Made by `pack_digits.py`.

use layerloop::Result;
use layerloop::data::{Dataset, Inputs};

use crate::registry;

const ROWS: usize = 1797;
const SIDE: usize = 8;
const PIXELS: usize = SIDE * SIDE;

/// Rows of the training and of the test part.
const PARTS: [usize; 2] = [1437, 360];
/// The same parts for everyone: results can be compared.
const SPLIT_SEED: u64 = 0;

/// Pixels of all rows, 0 to 16, then the labels.
static PACKED: &[u8; ROWS * PIXELS + ROWS] = include_bytes!("digits.bin");

/// The 1,797 handwritten digits of 8 x 8 pixels, in their original order.
///
/// # Errors
/// None that the packed data could cause: a test reads them all.
///
/// # Example
/// ```
/// let digits = layerloop_data::digits()?;
/// assert_eq!((digits.rows(), digits.width(), digits.classes().len()), (1797, 64, 10));
/// assert_eq!(digits.row(0)[..4], [0.0, 0.0, 0.3125, 0.8125]);
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn digits() -> Result<Dataset> {
    let (pixels, labels) = PACKED.split_at(ROWS * PIXELS);
    named("digits", Inputs::Bytes { values: pixels.into(), scale: 1.0 / 16.0 }, labels.iter().map(|&l| l.into()))
}

/// The training and the test part.
pub(crate) fn parts() -> Result<[Dataset; 2]> {
    let [train, test] = digits()?.split(PARTS, SPLIT_SEED)?;
    let test = named("digits test", test.inputs().clone(), test.labels().iter().copied())?;
    Ok([train, test])
}

fn named(name: &str, inputs: Inputs, labels: impl Iterator<Item = u32>) -> Result<Dataset> {
    let labels: Vec<u32> = labels.collect();
    let classes = registry::find("digits").map_or(&[][..], |entry| entry.classes);
    Dataset::new(name, inputs, PIXELS, labels, classes.iter().copied())?.with_image(SIDE, SIDE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Write, stderr};

    #[test]
    fn the_packed_digits_are_those_of_the_csv() {
        let csv = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/tabular/digits.csv");
        let Ok(text) = std::fs::read_to_string(&csv) else {
            let said = format!("NOT RUN: the_packed_digits_are_those_of_the_csv: no {}\n", csv.display());
            return stderr().write_all(said.as_bytes()).unwrap(); // past the capture of the test harness
        };
        let digits = digits().unwrap();
        assert_eq!(text.lines().count(), 1 + digits.rows());
        for (row, line) in text.lines().skip(1).enumerate() {
            let cells: Vec<f32> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
            assert_eq!(digits.row(row), cells[..64].iter().map(|v| v / 16.0).collect::<Vec<_>>(), "row {row}");
            assert_eq!(digits.labels()[row] as f32, cells[64], "row {row}");
        }
    }

    #[test]
    fn the_parts_are_stratified_and_the_same_every_time() {
        let whole = digits().unwrap();
        let [train, test] = parts().unwrap();
        assert_eq!((train.rows(), train.name()), (1437, "digits"));
        assert_eq!((test.rows(), test.name(), test.image()), (360, "digits test", Some((8, 8))));
        let count = |part: &Dataset, class| part.labels().iter().filter(|&&label| label == class).count();
        for class in 0..10 {
            let share = count(&whole, class) as f64 * 360.0 / 1797.0;
            assert!((count(&test, class) as f64 - share).abs() <= 1.0, "class {class}: {}", count(&test, class));
            assert_eq!(count(&train, class) + count(&test, class), count(&whole, class));
        }
        assert_eq!([train, test], parts().unwrap());
    }

    #[test]
    fn the_test_part_never_changes() {
        use sha2::{Digest, Sha256};
        let [_, test] = parts().unwrap();
        assert_eq!(test.labels()[..12], [1, 2, 6, 8, 6, 9, 8, 0, 2, 2, 2, 3]);
        let Inputs::Bytes { values, .. } = test.inputs() else { panic!("the digits are bytes") };
        let hash: String = Sha256::digest(values).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, "f80ce299f024772f974635b0f3743fd4490eadf0811a7df8f1666c5ba0a0ddde");
    }
}
