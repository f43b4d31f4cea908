//! The diabetes table inside the binary: B. Efron, T. Hastie, I. Johnstone, R. Tibshirani, Least Angle Regression, Annals of
//! Statistics 2004, by way of scikit-learn (BSD-3-Clause). Made by `pack_diabetes.py`.

use layerloop::Result;
use layerloop::data::Dataset;

use crate::table::{Parts, Table};

const ROWS: usize = 442;
/// The inputs: age in years, sex coded 1 and 2, body mass index, mean blood pressure, six measures of the blood serum.
const COLUMNS: [&str; 10] = ["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"];
/// What the packed numbers of a column were multiplied by; the last column is the target.
const FACTORS: [f32; 11] = [1.0, 1.0, 10.0, 100.0, 1.0, 10.0, 10.0, 100.0, 10_000.0, 1.0, 1.0];

/// Rows of the training and of the test part.
const PARTS: [usize; 2] = [353, 89];
/// The same parts for everyone: results can be compared.
const SPLIT_SEED: u64 = 0;

/// All rows, 16 bits a number, little endian.
static PACKED: &[u8; ROWS * FACTORS.len() * 2] = include_bytes!("diabetes.bin");

/// The 442 patients in their original order: ten inputs as they were measured, and how far the disease had gone a year later.
///
/// # Example
/// ```
/// let diabetes = layerloop_data::diabetes();
/// assert_eq!((diabetes.rows(), diabetes.columns.len()), (442, 10));
/// assert_eq!(diabetes.row(0), [59.0, 2.0, 32.1, 101.0, 157.0, 93.2, 38.0, 4.0, 4.8598, 87.0]);
/// assert_eq!(diabetes.targets[0], 151.0);
/// ```
#[must_use]
pub fn diabetes() -> Table {
    let (packed, _) = PACKED.as_chunks::<2>();
    let (mut inputs, mut targets) = (Vec::with_capacity(ROWS * COLUMNS.len()), Vec::with_capacity(ROWS));
    for row in packed.chunks_exact(FACTORS.len()) {
        // A whole number over a power of ten is the f32 nearest to the decimal of the file.
        let cells = row.iter().zip(FACTORS).map(|(&bytes, factor)| f32::from(u16::from_le_bytes(bytes)) / factor);
        inputs.extend(cells.clone().take(COLUMNS.len()));
        targets.extend(cells.skip(COLUMNS.len()));
    }
    Table { name: "diabetes".into(), columns: COLUMNS.map(Into::into).into(), inputs, targets }
}

/// The training and the test part of [`diabetes`], 353 and 89 rows, standardised: the same for everyone.
///
/// # Errors
/// None that the packed data could cause: a test reads them all.
///
/// # Example
/// ```
/// let parts = layerloop_data::diabetes_parts()?;
/// assert_eq!((parts.train.rows(), parts.test.rows()), (353, 89));
/// assert!((parts.standardisation.means()[0] - 48.5).abs() < 1.0); // years
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn diabetes_parts() -> Result<Parts> {
    diabetes().parts(PARTS, SPLIT_SEED)
}

/// [`diabetes_parts`] as data sets.
pub(crate) fn parts() -> Result<[Dataset; 2]> {
    let Parts { train, test, standardisation } = diabetes_parts()?;
    let dataset = |table: Table| table.dataset("progression")?.standardised_by(standardisation.clone());
    Ok([dataset(train)?, dataset(test)?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Write, stderr};

    #[test]
    fn the_packed_table_is_that_of_the_csv() {
        let csv = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/tabular/diabetes.csv");
        let Ok(text) = std::fs::read_to_string(&csv) else {
            let said = format!("NOT RUN: the_packed_table_is_that_of_the_csv: no {}\n", csv.display());
            return stderr().write_all(said.as_bytes()).unwrap(); // past the capture of the test harness
        };
        let diabetes = diabetes();
        assert_eq!(text.lines().next().unwrap(), diabetes.columns.join(",") + ",progression");
        assert_eq!(text.lines().count(), 1 + diabetes.rows());
        for (row, line) in text.lines().skip(1).enumerate() {
            let cells: Vec<f32> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
            assert_eq!((diabetes.row(row), diabetes.targets[row]), (&cells[..10], cells[10]), "row {row}");
        }
    }

    #[test]
    fn the_targets_are_those_that_are_reported() {
        let targets = diabetes().targets;
        let mean = targets.iter().map(|&y| f64::from(y)).sum::<f64>() / ROWS as f64;
        assert!((mean - 152.133).abs() < 1e-3, "{mean}");
        assert_eq!(targets.iter().fold((f32::MAX, f32::MIN), |(a, b), &y| (a.min(y), b.max(y))), (25.0, 346.0));
    }

    #[test]
    fn the_test_part_never_changes() {
        use sha2::{Digest, Sha256};
        let parts = diabetes_parts().unwrap();
        assert_eq!(parts, diabetes_parts().unwrap());
        assert_eq!(parts.test.targets[..6], [101.0, 118.0, 137.0, 59.0, 65.0, 182.0]);
        let bytes: Vec<u8> = parts.test.inputs.iter().flat_map(|x| x.to_le_bytes()).collect();
        let hash: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, "3d2e7d878179076df2def2b32e160bf2d0f85fbe59e3ab0926f3edc58fe3ff67");
    }
}
