//! Rows cut into parts where there are no classes to keep in proportion.

use crate::rng::Stream;
use crate::{Error, Result};

/// Parts of the given sizes of the rows `0..rows`, each in ascending order. What the sizes leave over goes to no part.
///
/// All rows are shuffled by the stream `split` of `seed`, and the parts are cut off one after the other: what
/// [`Dataset::split`](super::Dataset::split) does with one class.
///
/// # Errors
/// [`Error::Config`] if the sizes sum to more than there are rows, or one is 0.
///
/// # Example
/// ```
/// use layerloop::data::split_rows;
/// let [train, test] = split_rows(5, [3, 2], 0)?;
/// assert_eq!((train.len(), test.len()), (3, 2));
/// assert!(train.iter().all(|row| !test.contains(row)));
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn split_rows<const N: usize>(rows: usize, sizes: [usize; N], seed: u64) -> Result<[Vec<usize>; N]> {
    check_sizes(rows, &sizes)?;
    let mut order: Vec<usize> = (0..rows).collect();
    Stream::new(seed, "split", 0).shuffle(&mut order);
    let mut rest = order.as_slice();
    Ok(sizes.map(|size| {
        let (part, after) = rest.split_at(size);
        rest = after;
        let mut part = part.to_vec();
        part.sort_unstable();
        part
    }))
}

/// Refuses parts that are empty, or more than there is.
pub(super) fn check_sizes(rows: usize, sizes: &[usize]) -> Result<()> {
    let sum = sizes.iter().try_fold(0_usize, |sum, &size| sum.checked_add(size));
    if sum.is_none_or(|sum| sum > rows) || sizes.contains(&0) {
        let reason = format!("{sizes:?} of {rows} rows: each part needs at least 1 row, all together no more");
        return Err(Error::config("split", reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Dataset, Inputs};

    #[test]
    fn it_is_the_stratified_split_of_one_class() {
        let values: Vec<f32> = (0..50).map(|row| row as f32).collect();
        let data = Dataset::new("demo", Inputs::Floats(values.into()), 1, vec![0; 50], ["all"]).unwrap();
        for seed in 0..3 {
            let parts = split_rows(50, [30, 15], seed).unwrap();
            assert_eq!(parts.map(|rows| data.select(&rows)), data.split([30, 15], seed).unwrap());
        }
    }

    #[test]
    fn parts_that_are_empty_or_too_large_are_refused() {
        for sizes in [[3, 3], [5, 0], [usize::MAX, 2]] {
            let said = split_rows(5, sizes, 0).unwrap_err().to_string();
            assert!(said.ends_with("of 5 rows: each part needs at least 1 row, all together no more"), "{said}");
        }
    }
}
