//! Which rows of a table are trained on, chosen by, and tested on; and which ones a preprocessing is fitted to.

use std::collections::{BTreeMap, HashSet};

use super::{split_rows, split_stratified};
use crate::preprocess::{Frame, Values};
use crate::rng::Stream;
use crate::{Error, Result};

/// How the rows of a table become a training, a validation and a test part.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TableSplit {
    /// Share of the rows that is held back for the test part where there is none, stratified by class, the same for every seed.
    pub test: f64,
    /// Share of the other rows that is held back to validate on, stratified by class.
    pub validation: f64,
    /// Train on that many rows only, the first ones, those to validate on included.
    pub limit: Option<usize>,
    /// Seed of the validation part.
    pub seed: u64,
    /// Which rows go together.
    pub by: SplitBy,
}

/// Which rows of a table go together when some are held back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SplitBy {
    /// Any: they are drawn, stratified by class.
    #[default]
    Rows,
    /// The newest ones by this column are held back, as those that are to be predicted will be.
    Time(String),
    /// Those with one value of this column, such as a customer, are on the same side.
    Group(String),
}

impl std::str::FromStr for SplitBy {
    type Err = Error;

    /// `time=COLUMN` or `group=COLUMN`
    fn from_str(text: &str) -> Result<Self> {
        match text.split_once('=') {
            Some(("time", column)) if !column.is_empty() => Ok(Self::Time(column.to_owned())),
            Some(("group", column)) if !column.is_empty() => Ok(Self::Group(column.to_owned())),
            _ => Err(Error::config("split", format!("`{text}`; expected time=COLUMN or group=COLUMN"))),
        }
    }
}

impl Default for TableSplit {
    fn default() -> Self {
        Self { test: 0.2, validation: 0.0, limit: None, seed: 0, by: SplitBy::Rows }
    }
}

/// The seed of the test part: the same rows for everyone.
const TEST_SEED: u64 = 0;

/// Rows that are held back, at most: enough to measure a share to a tenth of a percent.
const MOST_HELD: usize = 100_000;

/// Rows up to which those that are held back are stratified by class; of more, each is drawn by itself.
pub const MOST_STRATIFIED: usize = 1 << 22;

/// Cells that a preprocessing is fitted to, at most.
const MOST_FITTED: usize = 1 << 22;

/// What a row of a table is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// To learn from.
    Train,
    /// To choose by.
    Validation,
    /// To evaluate on.
    Test,
    /// It has no target, or lies behind [`TableSplit::limit`].
    LeftOut,
}

/// What each row of a table is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowParts {
    /// One for each row.
    pub parts: Vec<Part>,
    /// What the user should know, in sentences.
    pub notes: Vec<String>,
}

impl RowParts {
    /// Of a table in memory; `has_test` says whether rows are held back to test on.
    ///
    /// # Errors
    /// [`Error::Data`] if a part has no rows or a target is not there.
    pub fn of(frame: &Frame, target: &[&str], split: &TableSplit, has_test: bool) -> Result<Self> {
        let columns = target.iter().map(|name| frame.target(name)).collect::<Result<Vec<_>>>()?;
        let part = |row| if columns.iter().any(|column| column.is_missing(row)) { Part::LeftOut } else { Part::Train };
        let parts = (0..frame.rows()).map(part).collect();
        Self::of_known(frame.name(), parts, Some(frame), target, split, has_test)
    }

    /// As [`Self::of`], where it is known already which rows have a target: [`Part::Train`], others being [`Part::LeftOut`]. `keys` has the
    /// columns to predict and to split by; beyond [`MOST_STRATIFIED`] rows of [`SplitBy::Rows`] they are not needed.
    ///
    /// # Errors
    /// As [`Self::of`]; [`Error::Config`] for columns that are needed and not given.
    pub fn of_known(
        name: &str,
        parts: Vec<Part>,
        keys: Option<&Frame>,
        target: &[&str],
        split: &TableSplit,
        has_test: bool,
    ) -> Result<Self> {
        let mut all = Self { parts, notes: Vec::new() };
        let (rows, mut known) = (all.parts.len(), all.count(Part::Train));
        let names = target.join("`, `");
        if known == 0 {
            return Err(Error::data(name, format!("every cell of the target `{names}` is empty")));
        }
        if known < rows {
            all.notes.push(format!("{} of the {rows} rows of {name} have no `{names}` and are left out", rows - known));
        }
        if has_test {
            let held = held_back(known, split.test).max(1);
            let held = all.hold_back(name, Part::Test, held, keys, target, (TEST_SEED, &split.by))?;
            all.notes.push(format!(
                "{held} of the {known} rows of {name} are held back to test on, the same for every seed"
            ));
            known -= held;
        }
        if let Some(limit) = split.limit {
            let beyond = all.parts.iter_mut().filter(|part| **part == Part::Train).skip(limit);
            beyond.for_each(|part| *part = Part::LeftOut);
            known = known.min(limit);
        }
        let held = held_back(known, split.validation);
        if held > 0 {
            all.hold_back(name, Part::Validation, held, keys, target, (split.seed, &split.by))?;
        }
        Ok(all)
    }

    fn count(&self, part: Part) -> usize {
        self.parts.iter().filter(|one| **one == part).count()
    }

    /// About `held` of the rows to train on become another part; how many did.
    fn hold_back(
        &mut self,
        name: &str,
        part: Part,
        held: usize,
        keys: Option<&Frame>,
        target: &[&str],
        (seed, by): (u64, &SplitBy),
    ) -> Result<usize> {
        let known = self.count(Part::Train);
        if held >= known {
            let reason = format!("{known} rows; holding {held} back leaves none to train on");
            return Err(Error::data(name, reason));
        }
        if self.parts.len() > MOST_STRATIFIED && *by == SplitBy::Rows {
            let (mut random, share) = (Stream::new(seed, "split", 0), held as f32 / known as f32);
            let drawn = self.parts.iter_mut().filter(|one| **one == Part::Train).filter(|_| random.uniform() < share);
            return Ok(drawn.map(|one| *one = part).count());
        }
        let keys = keys.ok_or_else(|| {
            Error::config("split", format!("{name} is too large to be split by the values of a column; give --test"))
        })?;
        let rows: Vec<usize> = (0..self.parts.len()).filter(|row| self.parts[*row] == Part::Train).collect();
        let keys = match by {
            SplitBy::Rows => keys.only(|name| target.contains(&name)),
            SplitBy::Time(column) | SplitBy::Group(column) => {
                keys.column(column)?;
                keys.only(|name| target.contains(&name) || name == column)
            }
        };
        let [_, taken] = hold_back(&keys.select(&rows), target, held, seed, by)?;
        taken.iter().for_each(|&at| self.parts[rows[at]] = part);
        Ok(taken.len())
    }
}

fn held_back(rows: usize, share: f64) -> usize {
    if share > 0.0 { ((rows as f64 * share).round() as usize).clamp(1, MOST_HELD) } else { 0 }
}

/// All rows but about `held` of them, and those.
fn hold_back(frame: &Frame, target: &[&str], held: usize, seed: u64, by: &SplitBy) -> Result<[Vec<usize>; 2]> {
    let rows = frame.rows();
    if held >= rows {
        let reason = format!("{rows} rows; holding {held} back leaves none to train on");
        return Err(Error::data(frame.name(), reason));
    }
    match by {
        SplitBy::Rows => {}
        SplitBy::Time(column) => return newest(frame, column, held),
        SplitBy::Group(column) => return groups(frame, column, held, seed),
    }
    match target {
        [name] => match &frame.target(name)?.values {
            Values::Levels { codes, .. } => split_stratified(codes, [rows - held, held], seed),
            Values::Numbers(_) => split_rows(rows, [rows - held, held], seed),
        },
        _ => split_rows(rows, [rows - held, held], seed),
    }
}

/// All rows but the `held` newest, and those; of equally old ones the later are newer, and those without a time are the oldest.
fn newest(frame: &Frame, column: &str, held: usize) -> Result<[Vec<usize>; 2]> {
    let Values::Numbers(times) = &frame.column(column)?.values else {
        let reason = format!("column `{column}` holds names; a time is a date or a number");
        return Err(Error::config("split", reason));
    };
    let age = |row: &usize| if times[*row].is_nan() { f64::NEG_INFINITY } else { times[*row] };
    let mut order: Vec<usize> = (0..frame.rows()).collect();
    order.sort_by(|a, b| age(a).total_cmp(&age(b)));
    let newest = order.split_off(frame.rows() - held);
    Ok([order, newest].map(|mut rows| {
        rows.sort_unstable();
        rows
    }))
}

/// All rows but those of some groups, drawn by `seed` until they have at least `held` rows, and those. Rows without a group are one each.
fn groups(frame: &Frame, column: &str, held: usize, seed: u64) -> Result<[Vec<usize>; 2]> {
    let mut of_group: BTreeMap<(bool, u64), Vec<usize>> = BTreeMap::new();
    let column_of_groups = frame.column(column)?;
    for row in 0..frame.rows() {
        let key = match &column_of_groups.values {
            _ if column_of_groups.is_missing(row) => (true, row as u64),
            Values::Numbers(values) => (false, values[row].to_bits()),
            Values::Levels { codes, .. } => (false, u64::from(codes[row])),
        };
        of_group.entry(key).or_default().push(row);
    }
    let mut order: Vec<Vec<usize>> = of_group.into_values().collect();
    Stream::new(seed, "split", 0).shuffle(&mut order);
    let (mut rest, mut taken) = (Vec::new(), Vec::new());
    for group in order {
        if taken.len() < held { taken.extend(group) } else { rest.extend(group) }
    }
    if rest.is_empty() {
        let reason = format!("the rows have one value of column `{column}`; groups on both sides need two at least");
        return Err(Error::config("split", reason));
    }
    rest.sort_unstable();
    taken.sort_unstable();
    Ok([rest, taken])
}

/// The rows that a preprocessing is fitted to: all of them, or of a large table a sample of 4,194,304 cells, and beside it the first row of each
/// class. A quantile of the sample differs from that of all rows by less than 0.5 % of the rows, with probability 1 - 10^-4 for 200,000 rows
/// (Dvoretzky, Kiefer and Wolfowitz); a level that has fewer than one in 20,000 rows may be taken for a rare one.
#[derive(Debug)]
pub struct FitSample {
    random: Stream,
    share: f32,
    seen: HashSet<String>,
}

impl FitSample {
    /// Of so many rows to train on.
    #[must_use]
    pub fn new(rows: usize, columns: usize) -> Self {
        let wanted = MOST_FITTED / columns.max(1);
        let share = if rows <= wanted { 1.0 } else { wanted as f32 / rows as f32 };
        Self { random: Stream::new(0, "rows to fit", 0), share, seen: HashSet::new() }
    }

    /// Whether all rows are fitted to.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.share >= 1.0
    }

    /// Those of the next rows to train on.
    #[must_use]
    pub fn of(&mut self, rows: &Frame, target: &[&str]) -> Vec<usize> {
        let classes = rows.columns().iter().find(|column| target.contains(&column.name.as_str()));
        let mut is_first = |row: usize| match classes.map(|column| &column.values) {
            Some(Values::Levels { codes, levels }) => levels
                .get(codes[row] as usize)
                .is_some_and(|level| !self.seen.contains(level) && self.seen.insert(level.clone())),
            _ => false,
        };
        let random = &mut self.random;
        (0..rows.rows())
            .filter(|&row| {
                let (drawn, first) = (random.uniform() < self.share, is_first(row));
                drawn || first || self.share >= 1.0
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::Column;

    #[test]
    fn of_many_rows_each_is_drawn_by_itself() {
        let rows = MOST_STRATIFIED + 1000;
        let split = TableSplit { validation: 0.2, limit: Some(rows - 200_000), seed: 3, ..TableSplit::default() };
        let known: Vec<Part> = (0..rows).map(|row| if row % 1000 == 7 { Part::LeftOut } else { Part::Train }).collect();
        let all = RowParts::of_known("t", known.clone(), None, &["y"], &split, true).unwrap();
        let (test, validation) = (all.count(Part::Test), all.count(Part::Validation));
        assert!(test.abs_diff(MOST_HELD) < 2000 && validation.abs_diff(MOST_HELD) < 2000, "{test} {validation}");
        assert_eq!(all.count(Part::Train) + validation, rows - 200_000);
        let same_test = RowParts::of_known("t", known, None, &["y"], &TableSplit { seed: 4, ..split }, true).unwrap();
        let tests = |all: &RowParts| all.parts.iter().map(|part| *part == Part::Test).collect::<Vec<_>>();
        assert_eq!(tests(&all), tests(&same_test));
    }

    #[test]
    fn a_sample_does_not_depend_on_how_the_rows_arrive_and_has_every_class() {
        let rows = 300_000;
        let x = Column::numbers("x", (0..rows).map(f64::from).collect());
        let y = Column::categories("y", (0..rows).map(|row| if row == 123_456 { "rare" } else { "often" }));
        let more = (0..18).map(|i| Column::numbers(format!("c{i}"), vec![0.0; rows as usize]));
        let frame = Frame::new("t", [x, y].into_iter().chain(more).collect()).unwrap();
        let mut sample = FitSample::new(frame.rows(), 20);
        assert!(!sample.is_all());
        let whole = sample.of(&frame, &["y"]);
        assert!(whole.contains(&123_456) && whole.len().abs_diff(MOST_FITTED / 20) < 2000, "{}", whole.len());
        let (mut sample, mut pieces) = (FitSample::new(frame.rows(), 20), Vec::new());
        for start in (0..frame.rows()).step_by(70_000) {
            let block: Vec<usize> = (start..frame.rows().min(start + 70_000)).collect();
            pieces.extend(sample.of(&frame.select(&block), &["y"]).into_iter().map(|row| start + row));
        }
        assert_eq!(pieces, whole);
        assert!(FitSample::new(1000, 20).is_all());
    }
}
