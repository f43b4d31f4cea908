//! From columns to inputs of a network, and from its outputs back: fitted to training rows, kept with the model.
//!
//! A [`Frame`] holds columns of numbers and names with gaps. [`Preprocessing::fit`] looks at training rows and nothing else; what it
//! finds (medians, scales, levels, classes) makes inputs of any rows:
//!
//! ```text
//! number                 scaled; the median where it is missing, and an input that says so if one was missing in training
//!   nearly all are one   besides an input for each other value that is repeated
//! boolean, 2 levels      -1 and 1, 0 where it is missing or unseen
//! category               an input for each level (one-hot), one for rare and unseen levels, one for missing ones
//! date                   year, month, day, weekday, hour, days since the earliest: those that differ, each as a number
//! identifier, constant, text    nothing
//! ```

mod category;
mod column;
mod date;
mod entries;
mod frame;
mod number;
mod repeated;
mod target;
pub mod view;

use serde::{Deserialize, Serialize};

use self::category::Names;
use self::column::{Encoding, FittedColumn};
pub use self::date::day;
pub use self::entries::Entries;
pub use self::frame::{Column, Frame, Kind, MISSING, Values, suggestion};
use self::number::Scale;
pub use self::number::Scaling;
pub(crate) use self::number::normal_edges;
pub use self::target::{NumberTarget, Target, TargetTransform};
use crate::{Error, Result};

/// How columns become inputs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PreprocessOptions {
    /// How numbers are scaled.
    pub scaling: Scaling,
    /// How many levels of a category have an input of their own, at most: the most frequent ones.
    pub max_levels: usize,
    /// How many rows a level needs to have an input of its own.
    pub min_rows: usize,
    /// Levels of a category, above which it is meant for a learned embedding. Where this is stated, the inputs are sorted: those of
    /// numbers and dates, then those of categories with few levels, scaled robustly as numbers are, then a block for each other category.
    pub embed_above: Option<usize>,
    /// What is done to numbers to predict.
    pub target_transform: TargetTransform,
    /// Whether predicted numbers stay between the smallest and the largest one of the training rows.
    pub clamp: bool,
}

impl Default for PreprocessOptions {
    fn default() -> Self {
        Self {
            scaling: Scaling::Standard,
            max_levels: 64,
            min_rows: 2,
            embed_above: None,
            target_transform: TargetTransform::Identity,
            clamp: false,
        }
    }
}

/// What makes inputs of columns, fitted to training rows.
///
/// # Example
/// ```
/// use layerloop::preprocess::{Column, Frame, PreprocessOptions, Preprocessing};
/// let people = |ages: [f64; 3], jobs: [&str; 3]| {
///     let pay = Column::numbers("pay", vec![10.0, 20.0, 30.0]);
///     Frame::new("people", vec![Column::numbers("age", ages.into()), Column::categories("job", jobs), pay])
/// };
/// let train = people([20.0, 30.0, f64::NAN], ["cook", "pilot", "cook"])?;
/// let fitted = Preprocessing::fit(&train, &["pay"], &PreprocessOptions::default())?;
/// assert_eq!(fitted.names(), ["age", "age missing", "job=pilot"]);
/// let new = people([25.0, 25.0, 25.0], ["cook", "Pilot", ""])?;
/// let encoded = fitted.inputs(&new)?;
/// assert_eq!(encoded.inputs, [0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
/// assert_eq!(encoded.unseen[0].to_string(), "column `job` has `Pilot` in 1 row, unseen in training; did you mean `pilot`?");
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Preprocessing {
    columns: Vec<FittedColumn>,
    target: Target,
}

/// What is read from a file, before it is checked.
#[derive(Deserialize)]
struct Parts {
    columns: Vec<FittedColumn>,
    target: Target,
}

impl TryFrom<Parts> for Preprocessing {
    type Error = String;

    fn try_from(Parts { columns, target }: Parts) -> std::result::Result<Self, String> {
        for column in &columns {
            let checked = match &column.encoding {
                Encoding::Numbers(numbers) => numbers.check(),
                Encoding::Names(names) => names.check(),
                Encoding::Repeated(repeated) => repeated.check(),
                Encoding::Dates(dates) => dates.check(),
                Encoding::Unused => Ok(()),
            };
            let scaled = column.scales.iter().try_for_each(Scale::check);
            checked.and(scaled).map_err(|reason| format!("column `{}`: {reason}", column.name))?;
        }
        target.check()?;
        Ok(Self { columns, target })
    }
}

/// The inputs, where they are sorted: [`PreprocessOptions::embed_above`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocks {
    /// Inputs of numbers and dates.
    pub numbers: usize,
    /// Inputs of categories with few levels.
    pub levels: usize,
    /// Inputs of each category that is meant for an embedding.
    pub embedded: Vec<usize>,
}

/// Rows as inputs of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// rows x inputs, row-major.
    pub inputs: Vec<f32>,
    /// Levels that the training rows had not.
    pub unseen: Vec<Unseen>,
}

/// A level of a column that the training rows had not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseen {
    /// The column.
    pub column: String,
    /// The level.
    pub level: String,
    /// In how many rows it is.
    pub rows: usize,
    /// The level that was probably meant.
    pub nearest: Option<String>,
}

impl std::fmt::Display for Unseen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { column, level, rows, nearest } = self;
        let plural = if *rows == 1 { "" } else { "s" };
        write!(f, "column `{column}` has `{level}` in {rows} row{plural}, unseen in training")?;
        nearest.as_ref().map_or(Ok(()), |nearest| write!(f, "; did you mean `{nearest}`?"))
    }
}

impl Preprocessing {
    /// Of the rows of `train`; the columns called `target` are what is to be predicted.
    ///
    /// # Errors
    /// [`Error::Data`] if a target is missing, has empty cells or one value only, if names and numbers are to be predicted at once, or
    /// no other column can be used.
    pub fn fit(train: &Frame, target: &[&str], options: &PreprocessOptions) -> Result<Self> {
        if train.rows() == 0 {
            return Err(Error::data(train.name(), "it has no rows"));
        }
        let targets = target.iter().map(|name| target_column(train, name)).collect::<Result<Vec<_>>>()?;
        let target = Target::fit(&targets, options, train.name())?;
        let inputs = train.columns().iter().filter(|column| !target.columns().any(|name| name == column.name));
        let mut columns: Vec<FittedColumn> = inputs.flat_map(|column| FittedColumn::fit(column, options)).collect();
        if options.embed_above.is_some() {
            columns.sort_by_key(FittedColumn::block);
        }
        let fitted = Self { columns, target };
        if fitted.width() == 0 {
            let reason = "no column can be used: all are identifiers, constants or text; name their kinds to use them";
            return Err(Error::data(train.name(), reason));
        }
        Ok(fitted)
    }

    /// Number of inputs.
    #[must_use]
    pub fn width(&self) -> usize {
        self.columns.iter().map(FittedColumn::width).sum()
    }

    /// The blocks of the inputs; `None` where they are not sorted.
    #[must_use]
    pub fn blocks(&self) -> Option<Blocks> {
        let of = |block: u8| self.columns.iter().filter(move |column| column.block() == block).map(FittedColumn::width);
        let embedded = || of(2).filter(|width| *width > 0).collect();
        let used = self.columns.iter().filter(|column| column.is_used());
        used.is_sorted_by_key(|column| column.block()).then(|| Blocks {
            numbers: of(0).sum(),
            levels: of(1).sum(),
            embedded: embedded(),
        })
    }

    /// The names of the inputs.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.columns.iter().flat_map(FittedColumn::names).collect()
    }

    /// The columns that rows need, each with its kind, in their order: all but those that are left out.
    pub fn columns(&self) -> impl Iterator<Item = (&str, Kind)> {
        let used = self.columns.iter().filter(|column| column.is_used() && !column.is_again());
        used.map(|column| (column.name.as_str(), column.kind))
    }

    /// The columns that become inputs, each with the places of its inputs in a row.
    #[must_use]
    pub fn inputs_of_columns(&self) -> Vec<(&str, Vec<usize>)> {
        let mut all: Vec<(&str, Vec<usize>)> = Vec::new();
        let mut from = 0;
        for column in self.columns.iter().filter(|column| column.is_used()) {
            let places = from..from + column.width();
            from = places.end;
            match all.iter_mut().find(|(name, _)| *name == column.name) {
                Some((_, before)) => before.extend(places),
                None => all.push((&column.name, places.collect())),
            }
        }
        all
    }

    /// What a column becomes, in words; `None` if it becomes nothing.
    #[must_use]
    pub fn described(&self, column: &str) -> Option<String> {
        let mut of_column = self.columns.iter().filter(|fitted| fitted.name == column);
        let FittedColumn { encoding, .. } = of_column.next()?;
        let missing = |is: bool| if is { " and an input for missing" } else { "" };
        match encoding {
            Encoding::Numbers(numbers) => {
                let repeated = of_column.find_map(|again| match &again.encoding {
                    Encoding::Repeated(repeated) => Some(format!(", one-hot for {} values", repeated.values.len())),
                    _ => None,
                });
                let scaled = numbers.scale.described();
                Some(format!("{scaled}{}{}", repeated.unwrap_or_default(), missing(numbers.indicator)))
            }
            Encoding::Names(Names::Sign([negative, positive])) => Some(format!("-1 for {negative}, 1 for {positive}")),
            Encoding::Names(Names::OneHot { levels, rare, missing: is_missing }) => {
                let rare = if *rare { " and an input for rare levels" } else { "" };
                Some(format!("one-hot, {} levels{rare}{}", levels.len(), missing(*is_missing)))
            }
            Encoding::Dates(dates) => {
                Some(dates.names("").iter().map(|name| name.trim()).collect::<Vec<_>>().join(", "))
            }
            Encoding::Repeated(_) | Encoding::Unused => None,
        }
    }

    /// What is to be predicted.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// What scales the numbers of a column, where they are used for nothing else, so that it can be done once for rows that become inputs
    /// again and again: [`Self::of_scaled`] takes what it gives.
    #[must_use]
    pub fn scaler(&self, column: &str) -> Option<impl Fn(f64) -> f64> {
        let mut of_column = self.columns.iter().filter(|fitted| fitted.name == column);
        match (of_column.next().map(|fitted| &fitted.encoding), of_column.next()) {
            (Some(Encoding::Numbers(numbers)), None) => Some(|x: f64| f64::from(numbers.scale.apply(x) as f32)),
            _ => None,
        }
    }

    /// What makes the same inputs of rows whose columns went through their [`Self::scaler`], where there is one; missing numbers are missing
    /// still.
    ///
    /// # Example
    /// ```
    /// use layerloop::preprocess::{Column, Frame, PreprocessOptions, Preprocessing};
    /// let rows = |x: Vec<f64>| Frame::new("t", vec![Column::numbers("x", x), Column::categories("y", ["a", "b", "a"])]);
    /// let fitted = Preprocessing::fit(&rows(vec![1.0, f64::NAN, 7.0])?, &["y"], &PreprocessOptions::default())?;
    /// let scale = fitted.scaler("x").expect("numbers");
    /// let scaled = rows(vec![scale(1.0), f64::NAN, scale(7.0)])?;
    /// assert_eq!(fitted.of_scaled().inputs(&scaled)?, fitted.inputs(&rows(vec![1.0, f64::NAN, 7.0])?)?);
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    #[must_use]
    pub fn of_scaled(&self) -> Self {
        let mut same = self.clone();
        for column in &mut same.columns {
            let scaler = self.scaler(&column.name);
            if let (Some(scale), Encoding::Numbers(numbers)) = (scaler, &mut column.encoding) {
                numbers.fill = scale(numbers.fill);
                numbers.scale = Scale::Linear { centre: 0.0, factor: 1.0 };
            }
        }
        same
    }

    /// Inputs of the rows of `frame`: its columns in any order, those that the training rows lacked ignored.
    ///
    /// # Errors
    /// [`Error::Data`] if a column is missing, or holds names where the training rows had numbers or the other way round.
    pub fn inputs(&self, frame: &Frame) -> Result<Encoded> {
        let (rows, width) = (frame.rows(), self.width());
        let mut encoded = Encoded { inputs: vec![0.0; rows * width], unseen: Vec::new() };
        let mut from = 0;
        for column in &self.columns {
            if column.is_used() {
                let cells = frame.column(&column.name)?;
                let places = encoded.inputs.chunks_exact_mut(width).map(|row| &mut row[from..from + column.width()]);
                column.apply(cells, places, &mut encoded.unseen).map_err(|reason| Error::data(frame.name(), reason))?;
            }
            from += column.width();
        }
        Ok(encoded)
    }

    /// The class of each row; `None` where it is none of the training rows' classes. Nothing where numbers are to be predicted.
    ///
    /// # Errors
    /// [`Error::Data`] if the column is missing, or a cell is empty.
    pub fn labels(&self, frame: &Frame) -> Result<Vec<Option<u32>>> {
        let Target::Classes { name, classes } = &self.target else { return Ok(Vec::new()) };
        let Column { values: Values::Levels { codes, levels }, .. } = target_column(frame, name)? else {
            return Err(Error::data(frame.name(), format!("the target `{name}` holds numbers, not names")));
        };
        let label = |level: &String| classes.iter().position(|class| class == level).map(|label| label as u32);
        let labels: Vec<Option<u32>> = levels.iter().map(label).collect();
        Ok(codes.iter().map(|code| labels[*code as usize]).collect())
    }

    /// The numbers to predict, in their own units: rows x outputs. Nothing where classes are to be predicted.
    ///
    /// # Errors
    /// As [`Self::labels`].
    pub fn numbers(&self, frame: &Frame) -> Result<Vec<f64>> {
        let Target::Numbers(targets) = &self.target else { return Ok(Vec::new()) };
        let columns = targets.iter().map(|target| match &target_column(frame, &target.name)?.values {
            Values::Numbers(values) => Ok(values),
            Values::Levels { .. } => {
                Err(Error::data(frame.name(), format!("the target `{}` holds names, not numbers", target.name)))
            }
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok((0..frame.rows()).flat_map(|row| columns.iter().map(move |values| values[row])).collect())
    }
}

/// A column to predict, none of whose cells is empty.
fn target_column<'a>(frame: &'a Frame, name: &str) -> Result<&'a Column> {
    let column = frame.target(name)?;
    match (0..column.rows()).find(|row| column.is_missing(*row)) {
        Some(row) => Err(Error::row(frame.name(), row, format!("the target `{name}` is missing"))),
        None => Ok(column),
    }
}

#[cfg(test)]
mod tests;
