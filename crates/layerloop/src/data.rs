//! Samples and labels in memory: data sets, seeded batches, stratified splits, one-hot. No input or output.

mod batches;
mod bytes;
mod fit;
#[cfg(test)]
pub(crate) mod for_tests;
mod frame;
mod inputs;
mod split;
mod standardisation;
mod stored;
mod streams;
mod table_split;
mod targets;

use std::sync::Arc;

pub use layerloop_kernels::{Csr, InvalidCsr, shared_numbers, zeroed_bytes};
use sha2::{Digest, Sha256};

pub use self::batches::{Batches, onecold, onehot};
pub(crate) use self::bytes::{hexadecimal, little_endian};
pub use self::fit::Fit;
pub use self::frame::TableParts;
pub use self::inputs::Inputs;
pub(crate) use self::inputs::all_finite;
pub use self::split::{folds, split_rows, split_stratified};
pub use self::standardisation::Standardisation;
pub use self::stored::StoredRows;
pub use self::streams::micro_batches;
#[cfg(feature = "train")]
pub(crate) use self::streams::{Streams, Window, share};
pub use self::table_split::{FitSample, MOST_STRATIFIED, Part, RowParts, SplitBy, TableSplit};
pub use self::targets::Targets;
use crate::preprocess::Preprocessing;
use crate::{Error, Result};

/// Samples: inputs, what the network should give for each, and perhaps how much each counts.
///
/// # Shapes
/// `rows()` x `width()` inputs; `rows()` labels below `classes().len()`, or `rows()` x outputs numbers; `rows()` weights.
///
/// # Example
/// ```
/// use layerloop::data::Dataset;
/// let flowers = Dataset::new("flowers", vec![5.1, 3.5, 6.2, 2.9, 4.9, 3.0].into(), 2, vec![0, 1, 0], ["setosa", "versicolor"])?;
/// assert_eq!((flowers.rows(), flowers.width(), flowers.classes().len()), (3, 2, 2));
/// assert_eq!(flowers.row(1), [6.2, 2.9]);
/// let [train, held_out] = flowers.split([2, 1], 0)?;
/// assert_eq!((train.rows(), held_out.rows()), (2, 1));
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    name: String,
    inputs: Inputs,
    width: usize,
    targets: Targets,
    weights: Option<Arc<[f32]>>,
    image: Option<(usize, usize)>,
    fit: Option<Fit>,
    columns: Option<Arc<[String]>>,
    standardisation: Option<Arc<Standardisation>>,
    preprocessing: Option<Arc<Preprocessing>>,
}

impl Dataset {
    /// Inputs of `width` numbers a row, a label for each row, and the names of the classes.
    ///
    /// # Errors
    /// [`Error::Shape`] if the inputs do not fill as many rows as there are labels;
    /// [`Error::Data`] if a label has no class, a class has no name or that of another one, an input is not finite, or bytes have
    /// a scale that is not a finite number above 0.
    pub fn new(
        name: impl Into<String>,
        inputs: Inputs,
        width: usize,
        labels: impl Into<Arc<[u32]>>,
        classes: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self> {
        let (labels, classes) = (labels.into(), classes.into_iter().map(Into::into).collect());
        Self::with_targets(name, inputs, width, Targets::Labels { labels, classes })
    }

    /// Inputs of `width` numbers a row, and for each row the numbers that `outputs` names: regression, or classes that do
    /// not exclude each other, as 0 and 1.
    ///
    /// # Errors
    /// As [`Self::new`]; [`Error::Data`] if a number is not finite.
    ///
    /// # Example
    /// ```
    /// use layerloop::data::{Dataset, Inputs};
    /// let x = Inputs::Floats(vec![0.0, 1.0, 2.0].into());
    /// let line = Dataset::regression("line", x, 1, vec![1.0, 3.0, 5.0], ["y"])?;
    /// assert_eq!((line.rows(), line.numbers()), (3, &[1.0, 3.0, 5.0][..]));
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    pub fn regression(
        name: impl Into<String>,
        inputs: Inputs,
        width: usize,
        numbers: impl Into<Arc<[f32]>>,
        outputs: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self> {
        let (values, names) = (numbers.into(), outputs.into_iter().map(Into::into).collect());
        Self::with_targets(name, inputs, width, Targets::Numbers { values, names })
    }

    fn with_targets(name: impl Into<String>, inputs: Inputs, width: usize, targets: Targets) -> Result<Self> {
        let name = name.into();
        if width == 0 {
            return Err(Error::shape(format!("{name}: inputs per row"), "at least 1", 0));
        }
        if let Inputs::Sparse(matrix) = &inputs
            && matrix.width() != width
        {
            return Err(Error::shape(format!("{name}: columns of the sparse inputs"), width, matrix.width()));
        }
        let rows = targets.rows(&name)?;
        if u32::try_from(rows).is_err() {
            return Err(Error::shape(format!("{name}: rows"), "fewer than 2^32", rows));
        }
        if Some(inputs.len()) != rows.checked_mul(width) {
            let expected = format!("{rows} rows x {width}");
            return Err(Error::shape(format!("{name}: input values"), expected, inputs.len()));
        }
        targets.check(&name)?;
        inputs.check(&name, width)?;
        Ok(Self {
            name,
            inputs,
            width,
            targets,
            weights: None,
            image: None,
            fit: None,
            columns: None,
            standardisation: None,
            preprocessing: None,
        })
    }

    /// The same rows, each with its weight, in the training and in all metrics.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there is one for each row, [`Error::Data`] if one is negative or not finite, or all are 0.
    pub fn with_weights(mut self, weights: impl Into<Arc<[f32]>>) -> Result<Self> {
        let weights = weights.into();
        if weights.len() != self.rows() {
            return Err(Error::shape(format!("{}: weights of samples", self.name), self.rows(), weights.len()));
        }
        if let Some(row) = weights.iter().position(|weight| !(*weight >= 0.0 && weight.is_finite())) {
            let reason = format!("weight {}; it must be a finite number, at least 0", weights[row]);
            return Err(Error::row(self.name, row, reason));
        }
        if self.rows() > 0 && weights.iter().all(|&weight| weight == 0.0) {
            return Err(Error::data(self.name, "every weight is 0; no row would count"));
        }
        self.weights = Some(weights);
        Ok(self)
    }

    /// The same rows, known to be grey images of `height` x `width` pixels.
    ///
    /// # Errors
    /// [`Error::Shape`] if that is not the number of inputs.
    pub fn with_image(mut self, height: usize, width: usize) -> Result<Self> {
        if height.checked_mul(width) != Some(self.width) {
            let what = format!("{}: pixels of an image", self.name);
            return Err(Error::shape(what, self.width, format!("{height} x {width}")));
        }
        self.image = Some((height, width));
        Ok(self)
    }

    /// The same images, with how other pictures are to be brought to their kind: a model that is trained on them keeps it.
    #[must_use]
    pub fn with_fit(mut self, fit: Fit) -> Self {
        self.fit = Some(fit);
        self
    }

    /// How other pictures are brought to the kind of these images, if that is known.
    #[must_use]
    pub fn fit(&self) -> Option<Fit> {
        self.fit
    }

    /// The same rows, with the names of their inputs: a model that is trained on them keeps them.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is not one name for each input.
    pub fn with_columns(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Result<Self> {
        let names: Arc<[String]> = names.into_iter().map(Into::into).collect();
        if names.len() != self.width {
            return Err(Error::shape(format!("{}: names of the inputs", self.name), self.width, names.len()));
        }
        self.columns = Some(names);
        Ok(self)
    }

    /// The names of the inputs, if they have names.
    #[must_use]
    pub fn columns(&self) -> Option<&[String]> {
        self.columns.as_deref()
    }

    /// The same rows, standardised: a model that is trained on them keeps it for what it will be shown.
    ///
    /// # Errors
    /// [`Error::Shape`] for the standardisation of another width; [`Error::Config`] if the rows are standardised already.
    ///
    /// # Example
    /// ```
    /// use layerloop::data::{Dataset, Inputs, Standardisation};
    /// let x = Inputs::Floats(vec![1.0, 5.0].into());
    /// let raw = Dataset::regression("line", x, 1, vec![1.0, 3.0], ["y"])?;
    /// let standardised = raw.standardise(&Standardisation::new(vec![3.0], vec![2.0])?)?;
    /// assert_eq!((standardised.row(0), standardised.row(1)), (vec![-1.0], vec![1.0]));
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    pub fn standardise(&self, by: &Standardisation) -> Result<Self> {
        if self.standardisation.is_some() {
            return Err(Error::config(
                "standardisation",
                format!("the rows of {} are standardised already", self.name),
            ));
        }
        by.check_width(self.width)?;
        let same = Self { inputs: self.inputs.standardised(by)?, ..self.clone() };
        same.standardised_by(by.clone())
    }

    /// The same rows, known to have been standardised like this: a model keeps it for what it will be shown.
    ///
    /// # Errors
    /// [`Error::Shape`] for the standardisation of another width.
    pub fn standardised_by(mut self, standardisation: Standardisation) -> Result<Self> {
        standardisation.check_width(self.width)?;
        self.standardisation = Some(standardisation.into());
        Ok(self)
    }

    /// What the inputs were standardised by, if they were.
    #[must_use]
    pub fn standardisation(&self) -> Option<&Standardisation> {
        self.standardisation.as_deref()
    }

    /// What the inputs were made of columns by, if they were.
    #[must_use]
    pub fn preprocessing(&self) -> Option<&Arc<Preprocessing>> {
        self.preprocessing.as_ref()
    }

    /// The same rows under another name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// SHA-256 of width, scale, inputs, targets and weights, in hexadecimal: equal for equal data.
    #[must_use]
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        hash.update((self.width as u64).to_le_bytes());
        hash.update(self.scale().to_le_bytes());
        match &self.inputs {
            Inputs::Bytes { values, .. } => hash.update(values),
            Inputs::Floats(values) => values.iter().for_each(|value| hash.update(value.to_le_bytes())),
            Inputs::Sparse(matrix) => {
                (0..matrix.rows())
                    .flat_map(|row| matrix.dense_row(row))
                    .for_each(|value| hash.update(value.to_le_bytes()));
            }
        }
        match &self.targets {
            Targets::Labels { labels, .. } => labels.iter().for_each(|label| hash.update(label.to_le_bytes())),
            Targets::Numbers { values, .. } => values.iter().for_each(|value| hash.update(value.to_le_bytes())),
        }
        self.weights.iter().flat_map(|weights| weights.iter()).for_each(|weight| hash.update(weight.to_le_bytes()));
        hexadecimal(&hash.finalize())
    }

    /// What the data is called in messages and receipts.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of samples.
    #[must_use]
    pub fn rows(&self) -> usize {
        match &self.targets {
            Targets::Labels { labels, .. } => labels.len(),
            Targets::Numbers { values, names } => values.len() / names.len(),
        }
    }

    /// Number of inputs of a sample.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The input values as stored.
    #[must_use]
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// What the network should give for each row.
    #[must_use]
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// How much each row counts, where they do not count the same.
    #[must_use]
    pub fn weights(&self) -> Option<&[f32]> {
        self.weights.as_deref()
    }

    /// The class index of each row; none where the targets are numbers.
    #[must_use]
    pub fn labels(&self) -> &[u32] {
        match &self.targets {
            Targets::Labels { labels, .. } => labels,
            Targets::Numbers { .. } => &[],
        }
    }

    /// The names of the classes, by index; none where the targets are numbers.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        match &self.targets {
            Targets::Labels { classes, .. } => classes,
            Targets::Numbers { .. } => &[],
        }
    }

    /// The target numbers, rows x outputs; none where the targets are labels.
    #[must_use]
    pub fn numbers(&self) -> &[f32] {
        match &self.targets {
            Targets::Labels { .. } => &[],
            Targets::Numbers { values, .. } => values,
        }
    }

    /// The names of the classes, or of the numbers.
    #[must_use]
    pub fn target_names(&self) -> &[String] {
        match &self.targets {
            Targets::Labels { classes: names, .. } | Targets::Numbers { names, .. } => names,
        }
    }

    /// Height and width, if the rows are images.
    #[must_use]
    pub fn image(&self) -> Option<(usize, usize)> {
        self.image
    }

    /// The factor between a stored byte and what the network sees; 1 for numbers.
    #[must_use]
    pub fn scale(&self) -> f32 {
        match self.inputs {
            Inputs::Bytes { scale, .. } => scale,
            Inputs::Floats(_) | Inputs::Sparse(_) => 1.0,
        }
    }

    /// Sample `row` as the network sees it.
    ///
    /// # Panics
    /// If `row >= rows()`.
    #[must_use]
    pub fn row(&self, row: usize) -> Vec<f32> {
        let range = row * self.width..(row + 1) * self.width;
        match &self.inputs {
            Inputs::Bytes { values, scale } => values[range].iter().map(|&b| f32::from(b) * scale).collect(),
            Inputs::Floats(values) => values[range].to_vec(),
            Inputs::Sparse(matrix) => matrix.dense_row(row),
        }
    }

    /// The named rows, in the order given, as a data set of their own.
    ///
    /// # Panics
    /// If a row is out of range.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self {
            inputs: self.inputs.select(rows, self.width),
            targets: self.targets.select(rows),
            weights: self.weights.as_ref().map(|weights| rows.iter().map(|&r| weights[r]).collect()),
            ..self.clone()
        }
    }

    /// The same samples with other values of as many inputs.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn with_inputs(&self, inputs: Inputs) -> Result<Self> {
        inputs.check(&self.name, self.width)?;
        Ok(Self { inputs, ..self.clone() })
    }

    /// The same samples, each of weight 1.
    pub(crate) fn unweighted(self) -> Self {
        Self { weights: None, ..self }
    }

    /// The first `rows` samples, or all if there are fewer.
    #[must_use]
    pub fn head(&self, rows: usize) -> Self {
        if rows >= self.rows() { self.clone() } else { self.select(&(0..rows).collect::<Vec<_>>()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(labels: Vec<u32>) -> Dataset {
        let inputs = Inputs::Bytes { values: (0..labels.len() * 2).map(|i| i as u8).collect(), scale: 0.5 };
        Dataset::new("letters", inputs, 2, labels, ["a", "b", "c"]).unwrap()
    }

    #[test]
    fn a_row_is_scaled_and_bytes_stay_bytes() {
        let data = letters(vec![0, 1, 2]);
        assert_eq!(data.row(1), [1.0, 1.5]);
        assert_ne!(data.sha256(), data.head(2).sha256());
        assert_eq!(data.sha256(), data.clone().named("other").sha256());
        assert!(matches!(data.select(&[2]).inputs(), Inputs::Bytes { values, .. } if values[..] == [4, 5]));
    }

    #[test]
    fn wrong_data_is_refused_with_value_and_place() {
        let floats = |v: &[f32]| Inputs::Floats(v.into());
        let refused = |inputs, width, labels: Vec<u32>| {
            Dataset::new("d", inputs, width, labels, ["a", "b"]).unwrap_err().to_string()
        };
        assert_eq!(refused(floats(&[0.0; 5]), 2, vec![0, 1]), "d: input values: expected 2 rows x 2, got 5");
        assert_eq!(
            refused(floats(&[0.0; 2]), 1, vec![0, 2]),
            "d, row 1: label 2 is out of range: the classes are 0..2"
        );
        let nan = refused(floats(&[0.0, 0.0, 0.0, f32::NAN]), 2, vec![0, 1]);
        assert_eq!(nan, "d, row 1: input 1 is NaN, not a finite number");
    }

    #[test]
    fn wrong_entries_are_refused_with_value_and_place() {
        let refused = |width, values: Vec<f32>| {
            let csr = Csr::new(3, vec![0, 1, 2], vec![2, 1], values).unwrap();
            Dataset::new("d", Inputs::Sparse(csr.into()), width, vec![0, 1], ["a", "b"]).unwrap_err().to_string()
        };
        assert_eq!(refused(4, vec![1.0, 2.0]), "d: columns of the sparse inputs: expected 4, got 3");
        assert_eq!(refused(3, vec![1.0, f32::INFINITY]), "d, row 1: input 1 is inf, not a finite number");
    }
}
