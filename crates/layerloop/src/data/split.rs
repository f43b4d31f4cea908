//! Rows split into parts, with the classes in proportion where there are classes.

use super::Dataset;
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

/// The rows of each of `folds` parts, as nearly equal in size as whole rows allow: with `labels` each part has every class in proportion. Each
/// part is ascending.
///
/// # Errors
/// [`Error::Config`] for fewer than two folds, or more than there are rows.
///
/// # Example
/// ```
/// use layerloop::data::folds;
/// let parts = folds(10, Some(&[0, 1, 0, 1, 0, 1, 0, 1, 0, 1]), 5, 0)?;
/// assert!(parts.iter().all(|rows| rows.len() == 2 && (rows[0] + rows[1]) % 2 == 1));
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn folds(rows: usize, labels: Option<&[u32]>, folds: usize, seed: u64) -> Result<Vec<Vec<usize>>> {
    if !(2..=rows).contains(&folds) {
        return Err(Error::config("folds", format!("{folds}; {rows} rows can be cut into 2 to {rows} folds")));
    }
    let order = match labels {
        Some(labels) => stratified_order(labels, seed),
        None => {
            let mut order: Vec<usize> = (0..rows).collect();
            Stream::new(seed, "split", 0).shuffle(&mut order);
            order
        }
    };
    let start = |fold: usize| fold * rows / folds;
    Ok((0..folds)
        .map(|fold| {
            let mut part = order[start(fold)..start(fold + 1)].to_vec();
            part.sort_unstable();
            part
        })
        .collect())
}

impl Dataset {
    /// Stratified parts of the given sizes: each part has every class in the proportion of the whole, as nearly as
    /// whole rows allow. What the sizes leave over goes to no part.
    ///
    /// Rows are shuffled within their class by the stream `split` of `seed`, the classes are interleaved in
    /// proportion, and the parts are cut off one after the other.
    ///
    /// # Errors
    /// [`Error::Config`] if the sizes sum to more than there are rows, or one is 0.
    ///
    /// # Example
    /// ```
    /// use layerloop::data::{Dataset, Inputs};
    /// let labels: Vec<u32> = (0..100).map(|i| u32::from(i % 4 == 0)).collect();
    /// let data = Dataset::new("demo", Inputs::Floats(vec![0.0; 100].into()), 1, labels, ["a", "b"])?;
    /// let [train, validation, test] = data.split([60, 20, 20], 0)?;
    /// let ones = |part: &Dataset| part.labels().iter().sum::<u32>();
    /// assert_eq!([ones(&train), ones(&validation), ones(&test)], [15, 5, 5]);
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    pub fn split<const N: usize>(&self, sizes: [usize; N], seed: u64) -> Result<[Self; N]> {
        let one_class = || vec![0; self.rows()];
        let labels = if self.labels().is_empty() { one_class() } else { self.labels().to_vec() };
        Ok(split_stratified(&labels, sizes, seed)?.map(|rows| self.select(&rows)))
    }
}

/// As [`split_rows`], with the classes in proportion: `labels` has the class of each row.
///
/// # Errors
/// [`Error::Config`] if the sizes sum to more than there are rows, or one is 0.
///
/// # Example
/// ```
/// use layerloop::data::split_stratified;
/// let [train, test] = split_stratified(&[0, 0, 1, 1, 0, 0], [4, 2], 0)?;
/// assert_eq!(train.iter().filter(|row| [2, 3].contains(*row)).count(), 1);
/// assert_eq!(test.len(), 2);
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn split_stratified<const N: usize>(labels: &[u32], sizes: [usize; N], seed: u64) -> Result<[Vec<usize>; N]> {
    check_sizes(labels.len(), &sizes)?;
    let order = stratified_order(labels, seed);
    let mut from = 0;
    Ok(sizes.map(|size| {
        let mut rows = order[from..from + size].to_vec();
        rows.sort_unstable();
        from += size;
        rows
    }))
}

/// All rows, so ordered that every range of them has the classes in proportion.
fn stratified_order(labels: &[u32], seed: u64) -> Vec<usize> {
    let mut by_class = vec![Vec::new(); labels.iter().max().map_or(1, |most| *most as usize + 1)];
    for (row, label) in labels.iter().enumerate() {
        by_class[*label as usize].push(row);
    }
    let mut placed = Vec::with_capacity(labels.len());
    for (class, rows) in by_class.iter_mut().enumerate() {
        Stream::new(seed, "split", class as u64).shuffle(rows);
        let count = rows.len() as f64;
        placed.extend(rows.iter().enumerate().map(|(rank, &row)| ((rank as f64 + 0.5) / count, class, row)));
    }
    placed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    placed.into_iter().map(|(_, _, row)| row).collect()
}

/// Refuses parts that are empty, or more than there is.
fn check_sizes(rows: usize, sizes: &[usize]) -> Result<()> {
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
    use crate::data::Inputs;

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

    #[test]
    fn a_split_is_disjoint_stratified_and_seeded() {
        let labels: Vec<u32> = (0..1000).map(|i| [0, 0, 0, 1, 2][i % 5]).collect();
        let data = Dataset::new("letters", vec![0.0; 1000].into(), 1, labels, ["a", "b", "c"]).unwrap();
        let order = stratified_order(data.labels(), 7);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<_>>());
        let [train, test] = data.split([800, 200], 7).unwrap();
        let count = |d: &Dataset, class| d.labels().iter().filter(|&&l| l == class).count();
        assert_eq!([0, 1, 2].map(|c| count(&test, c)), [120, 40, 40]);
        assert_eq!([0, 1, 2].map(|c| count(&train, c)), [480, 160, 160]);
        assert_eq!(order, stratified_order(data.labels(), 7));
        assert_ne!(order, stratified_order(data.labels(), 8));
        assert!(data.split([800, 201], 7).is_err());
    }
}
