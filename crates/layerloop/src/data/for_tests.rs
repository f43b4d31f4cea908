//! Data of the unit tests.

use super::{Dataset, Inputs};

/// Numbers from -0.4 to 0.6 in no order.
pub(crate) fn values(count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 37 + 11) % 97) as f32 / 97.0 - 0.4).collect()
}

/// Rows of five such numbers, of three classes.
pub(crate) fn three_classes(rows: usize) -> Dataset {
    let labels: Vec<u32> = (0..rows as u32).map(|i| i * 7 % 3).collect();
    Dataset::new("test", Inputs::Floats(values(5 * rows).into()), 5, labels, ["a", "b", "c"]).expect("a data set")
}
