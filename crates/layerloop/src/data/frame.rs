//! Rows of a table as a data set.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::table_split::{FitSample, Part, RowParts, TableSplit};
use super::{Dataset, Inputs};
use crate::preprocess::{Column, Encoded, Entries, Frame, MISSING, Preprocessing, Target, Unseen, Values};
use crate::{Error, Result};

/// A table in parts, each as inputs and targets by what was fitted to the training part.
#[derive(Debug, Clone)]
pub struct TableParts {
    /// The part to learn from.
    pub train: Dataset,
    /// The part to choose by, if there is one.
    pub validation: Option<Dataset>,
    /// The part to evaluate on.
    pub test: Dataset,
    /// The rows of the test part before they became inputs.
    pub test_frame: Frame,
    /// What the user should know, in sentences.
    pub notes: Vec<String>,
}

impl TableParts {
    /// Splits `frame`, fits to the training rows by `fit`, and makes data sets of all parts. Rows without a target are left out, and so are rows
    /// to validate or test on whose class has no training row.
    ///
    /// # Errors
    /// [`Error::Data`] if a part has no rows; those of `fit` and of [`Dataset::of_frame`].
    ///
    /// # Example
    /// ```
    /// use layerloop::data::{TableParts, TableSplit};
    /// use layerloop::preprocess::{Column, Frame, PreprocessOptions, Preprocessing};
    /// let side = Column::numbers("side", (0..50).map(f64::from).collect());
    /// let area = Column::numbers("area", (0..50).map(|i| f64::from(i * i)).collect());
    /// let squares = Frame::new("squares", vec![side, area])?;
    /// let fit = |train: &Frame| Preprocessing::fit(train, &["area"], &PreprocessOptions::default());
    /// let parts = TableParts::new(&squares, None, &["area"], &TableSplit::default(), fit)?;
    /// assert_eq!((parts.train.rows(), parts.test.rows()), (40, 10));
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    pub fn new(
        frame: &Frame,
        test: Option<&Frame>,
        target: &[&str],
        split: &TableSplit,
        fit: impl FnOnce(&Frame) -> Result<Preprocessing>,
    ) -> Result<Self> {
        let RowParts { parts, notes } = RowParts::of(frame, target, split, test.is_none())?;
        let [train, validation, held] = [Part::Train, Part::Validation, Part::Test].map(|part| rows_of(&parts, part));
        let train = frame.select(&train);
        let test = test.cloned().unwrap_or_else(|| frame.select(&held).named(format!("{} test", frame.name())));
        let validation = (!validation.is_empty()).then(|| frame.select(&validation));
        let fitted_to = rows_to_fit(&train, target);
        Self::of_frames(&train, validation, &test, target, notes, || fit(&fitted_to))
    }

    /// Of parts that are known; `notes` is what is to be said already. `train` may be some of the rows to train on, where the others are
    /// elsewhere.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_frames(
        train: &Frame,
        validation: Option<Frame>,
        test: &Frame,
        target: &[&str],
        mut notes: Vec<String>,
        fit: impl FnOnce() -> Result<Preprocessing>,
    ) -> Result<Self> {
        let test = with_targets(test, target, &mut notes)?;
        let again = repeated(train, &test);
        if again > 0 {
            notes.push(format!(
                "{again} of the {} rows to test on are also in the training part, cell by cell",
                test.rows()
            ));
        }
        let by = Arc::new(fit()?);
        let validation = validation_part(validation, &by, &mut notes)?;
        let test_frame = with_known_classes(&test, &by, "test", &mut notes)?;
        let [train, test] = [train, &test_frame].map(|frame| Dataset::of_frame(frame, &by));
        Ok(Self { train: train?, validation, test: test?, test_frame, notes })
    }

    /// As [`Self::new`] with a test part that is elsewhere: the parts to learn from and to choose by, and the notes.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn without_test(
        frame: &Frame,
        target: &[&str],
        split: &TableSplit,
        fit: impl FnOnce(&Frame) -> Result<Preprocessing>,
    ) -> Result<(Dataset, Option<Dataset>, Vec<String>)> {
        let RowParts { parts, mut notes } = RowParts::of(frame, target, split, false)?;
        let [train, validation] = [Part::Train, Part::Validation].map(|part| rows_of(&parts, part));
        let validation = (!validation.is_empty()).then(|| frame.select(&validation));
        let train = frame.select(&train);
        let by = Arc::new(fit(&rows_to_fit(&train, target))?);
        let validation = validation_part(validation, &by, &mut notes)?;
        Ok((Dataset::of_frame(&train, &by)?, validation, notes))
    }
}

fn rows_of(parts: &[Part], part: Part) -> Vec<usize> {
    (0..parts.len()).filter(|row| parts[*row] == part).collect()
}

/// The rows that a preprocessing is fitted to, of those to train on.
fn rows_to_fit<'a>(train: &'a Frame, target: &[&str]) -> Cow<'a, Frame> {
    let mut sample = FitSample::new(train.rows(), train.columns().len());
    if sample.is_all() { Cow::Borrowed(train) } else { Cow::Owned(train.select(&sample.of(train, target))) }
}

fn validation_part(rows: Option<Frame>, by: &Arc<Preprocessing>, notes: &mut Vec<String>) -> Result<Option<Dataset>> {
    let known = rows.map(|rows| with_known_classes(&rows, by, "validate", notes)).transpose()?;
    known.map(|rows| Dataset::of_frame(&rows, by)).transpose()
}

/// The rows that have all targets.
fn with_targets(frame: &Frame, target: &[&str], notes: &mut Vec<String>) -> Result<Frame> {
    let columns = target.iter().map(|name| frame.target(name)).collect::<Result<Vec<&Column>>>()?;
    let rows: Vec<usize> =
        (0..frame.rows()).filter(|row| !columns.iter().any(|column| column.is_missing(*row))).collect();
    let (without, all) = (frame.rows() - rows.len(), frame.rows());
    if without == 0 {
        return Ok(frame.clone());
    }
    if rows.is_empty() {
        return Err(Error::data(frame.name(), format!("every cell of the target `{}` is empty", target.join("`, `"))));
    }
    notes.push(format!(
        "{without} of the {all} rows of {} have no `{}` and are left out",
        frame.name(),
        target.join("`, `")
    ));
    Ok(frame.select(&rows))
}

/// The rows whose class the training rows have.
fn with_known_classes(frame: &Frame, by: &Preprocessing, what: &str, notes: &mut Vec<String>) -> Result<Frame> {
    let labels = by.labels(frame)?;
    let unknown = labels.iter().filter(|label| label.is_none()).count();
    if unknown == 0 {
        return Ok(frame.clone());
    }
    let known: Vec<usize> = (0..labels.len()).filter(|row| labels[*row].is_some()).collect();
    if known.is_empty() {
        let classes = by.target().names().join(", ");
        return Err(Error::data(frame.name(), format!("no row has a class of the training part: {classes}")));
    }
    let rows = labels.len();
    notes.push(format!(
        "{unknown} of the {rows} rows to {what} on have a class without a training row and are left out"
    ));
    Ok(frame.select(&known))
}

/// How many rows of `test` are rows of `train`, cell by cell of the columns that are used.
fn repeated(train: &Frame, test: &Frame) -> usize {
    let rows = |frame: &Frame| {
        let used = train.columns().iter().filter(|column| column.kind.is_used());
        let columns: Option<Vec<&Column>> = used.map(|column| frame.column(&column.name).ok()).collect();
        let columns = columns?;
        let cell = |column: &Column, row: usize, hash: &mut DefaultHasher| match &column.values {
            Values::Numbers(values) => values[row].to_bits().hash(hash),
            Values::Levels { codes, .. } if codes[row] == MISSING => MISSING.hash(hash),
            Values::Levels { codes, levels } => levels[codes[row] as usize].hash(hash),
        };
        let hash = |row: usize| {
            let mut hash = DefaultHasher::new();
            columns.iter().for_each(|column| cell(column, row, &mut hash));
            hash.finish()
        };
        Some((0..frame.rows()).map(hash).collect::<Vec<u64>>())
    };
    let Some((train, test)) = rows(train).zip(rows(test)) else { return 0 };
    let train: HashSet<u64> = train.into_iter().collect();
    test.iter().filter(|row| train.contains(row)).count()
}

impl Dataset {
    /// The rows of a table: inputs by what was fitted to the training rows, and what is to be predicted. Models that are trained on them keep
    /// it.
    ///
    /// # Errors
    /// Those of [`Preprocessing::inputs`]; [`Error::Data`] for a row whose class is none of the training rows' classes.
    ///
    /// # Example
    /// ```
    /// use layerloop::data::Dataset;
    /// use layerloop::preprocess::{Column, Frame, PreprocessOptions, Preprocessing};
    /// let size = Column::numbers("size", vec![1.0, 2.0, 3.0]);
    /// let animals = Frame::new("animals", vec![size, Column::categories("kind", ["cat", "dog", "dog"])])?;
    /// let fitted = Preprocessing::fit(&animals, &["kind"], &PreprocessOptions::default())?;
    /// let data = Dataset::of_frame(&animals, &fitted.into())?;
    /// assert_eq!((data.labels(), data.classes()), (&[0, 1, 1][..], &["cat".to_owned(), "dog".to_owned()][..]));
    /// assert_eq!(data.row(1), [0.0]);
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    pub fn of_frame(frame: &Frame, by: &Arc<Preprocessing>) -> Result<Self> {
        Self::of_encoded(frame, by, by.inputs(frame)?.inputs.into())
    }

    /// As [`Self::of_frame`], with the inputs by their entries.
    ///
    /// # Errors
    /// As [`Self::of_frame`].
    pub fn of_frame_by_entries(frame: &Frame, entries: &mut Entries) -> Result<Self> {
        let inputs = Inputs::from(entries.of(frame)?);
        Self::of_encoded(frame, entries.by(), inputs)
    }

    fn of_encoded(frame: &Frame, by: &Arc<Preprocessing>, inputs: Inputs) -> Result<Self> {
        let data = match by.target() {
            Target::Classes { name, classes } => {
                let labels = by.labels(frame)?;
                let label = |(row, label): (usize, &Option<u32>)| {
                    label.ok_or_else(|| {
                        let reason =
                            format!("its `{name}` is none of the classes of the training rows: {}", classes.join(", "));
                        Error::row(frame.name(), row, reason)
                    })
                };
                let labels = labels.iter().enumerate().map(label).collect::<Result<Vec<u32>>>()?;
                Self::new(frame.name(), inputs, by.width(), labels, classes.iter().cloned())?
            }
            Target::Numbers(targets) => {
                let numbers = by.numbers(frame)?;
                let encoded: Vec<f32> =
                    numbers.iter().zip(targets.iter().cycle()).map(|(y, target)| target.encode(*y)).collect();
                Self::regression(
                    frame.name(),
                    inputs,
                    by.width(),
                    encoded,
                    targets.iter().map(|target| target.name.clone()),
                )?
            }
        };
        let mut data = data.with_columns(by.names())?;
        if let Some(weights) = frame.weights() {
            data = data.with_weights(weights)?;
        }
        Ok(Self { preprocessing: Some(Arc::clone(by)), ..data })
    }

    /// As [`Self::of_frame`], of the rows that have a target, one that the training rows had if it is a class; `notes` says how many have not.
    /// With the levels that the training rows had not.
    ///
    /// # Errors
    /// Those of [`Self::of_frame`]; [`Error::Data`] if no row is left.
    pub fn of_known_rows(
        frame: &Frame,
        by: &Arc<Preprocessing>,
        notes: &mut Vec<String>,
    ) -> Result<(Self, Vec<Unseen>)> {
        let target: Vec<&str> = by.target().columns().collect();
        let frame = with_targets(frame, &target, notes)?;
        let frame = with_known_classes(&frame, by, "evaluate", notes)?;
        let Encoded { inputs, unseen } = by.inputs(&frame)?;
        Ok((Self::of_encoded(&frame, by, inputs.into())?, unseen))
    }
}

#[cfg(test)]
mod tests {
    use super::super::SplitBy;
    use super::*;
    use crate::preprocess::PreprocessOptions;

    fn table(rows: usize) -> Frame {
        let x = Column::numbers("x", (0..rows).map(|row| row as f64).collect());
        let classes = Column::categories("class", (0..rows).map(|row| ["a", "b", "b", "b", ""][row % 5]));
        Frame::new("t", vec![x, classes]).unwrap()
    }

    fn parts(frame: &Frame, test: Option<&Frame>, split: &TableSplit) -> Result<TableParts> {
        let fit = |train: &Frame| Preprocessing::fit(train, &["class"], &PreprocessOptions::default());
        TableParts::new(frame, test, &["class"], split, fit)
    }

    #[test]
    fn parts_are_disjoint_and_have_the_classes_in_proportion() {
        let split = TableSplit { validation: 0.25, seed: 3, ..TableSplit::default() };
        let TableParts { train, validation, test, notes, .. } = parts(&table(500), None, &split).unwrap();
        let validation = validation.unwrap();
        let share = |part: &Dataset| part.labels().iter().filter(|label| **label == 0).count() * 4;
        for (part, rows) in [(&train, 240), (&validation, 80), (&test, 80)] {
            assert_eq!((part.rows(), share(part)), (rows, rows));
        }
        let said = [
            "100 of the 500 rows of t have no `class` and are left out",
            "80 of the 400 rows of t are held back to test on, the same for every seed",
        ];
        assert_eq!(notes, said);
        let other = parts(&table(500), None, &TableSplit { seed: 4, ..split }).unwrap();
        assert_eq!(other.test.labels(), test.labels());
        assert_ne!(other.validation.unwrap().row(0), validation.row(0));
    }

    #[test]
    fn a_test_part_that_is_elsewhere_changes_no_other_part() {
        let split = TableSplit { validation: 0.25, seed: 3, limit: Some(70), ..TableSplit::default() };
        let with = parts(&table(100), Some(&table(10)), &split).unwrap();
        let fit = |train: &Frame| Preprocessing::fit(train, &["class"], &PreprocessOptions::default());
        let (train, validation, notes) = TableParts::without_test(&table(100), &["class"], &split, fit).unwrap();
        assert_eq!((train, validation), (with.train, with.validation));
        assert_eq!(notes, with.notes[..1]);
    }

    #[test]
    fn rows_that_are_in_both_parts_are_counted_and_unknown_classes_left_out() {
        let x = Column::numbers("x", vec![1.0, 5.5, 7.0]);
        let test = Frame::new("new", vec![x, Column::categories("class", ["b", "a", "c"])]).unwrap();
        let TableParts { test, notes, .. } = parts(&table(50), Some(&test), &TableSplit::default()).unwrap();
        assert_eq!(test.labels(), [1, 0]);
        let said = [
            "1 of the 3 rows to test on are also in the training part, cell by cell",
            "1 of the 3 rows to test on have a class without a training row and are left out",
        ];
        assert_eq!(notes[1..], said);
    }

    #[test]
    fn the_newest_rows_or_whole_groups_are_held_back() {
        let split = |by: &str| TableSplit { by: by.parse().unwrap(), validation: 0.25, ..TableSplit::default() };
        let values = |part: &Dataset, column: &str| {
            let at = part.columns().unwrap().iter().position(|name| name == column).unwrap();
            (0..part.rows()).map(|row| part.row(row)[at]).collect::<Vec<f32>>()
        };
        let parts = parts(&table(100), None, &split("time=x")).unwrap();
        let [train, validation, test] =
            [&parts.train, parts.validation.as_ref().unwrap(), &parts.test].map(|part| values(part, "x"));
        let largest = |values: &[f32]| values.iter().copied().fold(f32::MIN, f32::max);
        let least = |values: &[f32]| values.iter().copied().fold(f32::MAX, f32::min);
        assert!(largest(&train) < least(&validation) && largest(&validation) < least(&test));
        assert_eq!((train.len(), validation.len(), test.len()), (48, 16, 16));

        let group = Column::numbers("g", (0..100).map(|row| f64::from(row % 20)).collect());
        let columns = [table(100).columns().to_vec(), vec![group]].concat();
        let frame = Frame::new("t", columns).unwrap();
        let parts = super::tests::parts(&frame, None, &split("group=g")).unwrap();
        let [train, validation, test] =
            [&parts.train, parts.validation.as_ref().unwrap(), &parts.test].map(|part| values(part, "g"));
        assert!(test.iter().all(|g| !train.contains(g) && !validation.contains(g)));
        assert!(validation.iter().all(|g| !train.contains(g)) && !validation.is_empty());
        for (by, said) in [
            ("time=class", "split: column `class` holds names; a time is a date or a number"),
            ("group=y", "t: no column `y`; there are x, class"),
        ] {
            let refused = super::tests::parts(&table(100), None, &split(by)).unwrap_err().to_string();
            assert_eq!(refused, said);
        }
        assert!("tim=x".parse::<SplitBy>().is_err() && "time=".parse::<SplitBy>().is_err());
    }

    #[test]
    fn too_few_rows_are_refused() {
        let refused = |rows, split| parts(&table(rows), None, &split).unwrap_err().to_string();
        assert_eq!(refused(1, TableSplit::default()), "t: 1 rows; holding 1 back leaves none to train on");
        let split = TableSplit { validation: 0.99, ..TableSplit::default() };
        assert_eq!(refused(10, split), "t: 6 rows; holding 6 back leaves none to train on");
    }
}
