//! One column of a table, fitted: what makes inputs of its cells.

use serde::{Deserialize, Serialize};

use super::category::{Limits, Names, Place};
use super::date::Dates;
use super::frame::{Column, Kind, Values, nearest};
use super::number::{Numbers, Scale, Scaling};
use super::repeated::Repeated;
use super::{PreprocessOptions, Unseen};

/// A column with how it becomes inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct FittedColumn {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) encoding: Encoding,
    /// What is done to each input of a category, where they are scaled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) scales: Vec<Scale>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Encoding {
    Numbers(Numbers),
    Names(Names),
    /// Of the column of numbers before it, once more.
    Repeated(Repeated),
    Dates(Dates),
    /// No inputs: left out by its kind, or the training rows have nothing to tell apart.
    Unused,
}

impl FittedColumn {
    /// One, or two where a column of numbers has values that are repeated.
    pub(super) fn fit(column: &Column, options: &PreprocessOptions) -> Vec<Self> {
        let Column { name, kind, values } = column;
        let limits = Limits { levels: options.max_levels, rows: options.min_rows };
        let mut repeated = None;
        let encoding = match (kind, values) {
            (kind, _) if !kind.is_used() => None,
            (kind, Values::Numbers(values)) if kind.is_date() => {
                Dates::fit(values, options.scaling).map(Encoding::Dates)
            }
            (_, Values::Numbers(values)) => {
                repeated = Repeated::fit(values, options.max_levels).map(Encoding::Repeated);
                Numbers::fit(values, options.scaling).filter(|_| differ(values)).map(Encoding::Numbers)
            }
            (_, Values::Levels { codes, levels }) => Names::fit(codes, levels, limits).map(Encoding::Names),
        };
        let fitted = |encoding| {
            let mut fitted = Self { name: name.clone(), kind: *kind, encoding, scales: Vec::new() };
            if options.embed_above.is_some_and(|most| fitted.levels().is_some_and(|levels| levels <= most)) {
                fitted.scales = fitted.fit_scales(column);
            }
            fitted
        };
        [encoding.or(Some(Encoding::Unused)), repeated].into_iter().flatten().map(fitted).collect()
    }

    pub(super) fn is_used(&self) -> bool {
        self.encoding != Encoding::Unused
    }

    /// Whether it stands for a column that another one stands for already.
    pub(super) fn is_again(&self) -> bool {
        matches!(self.encoding, Encoding::Repeated(_))
    }

    /// Number of levels, or of values that are inputs as levels are.
    pub(super) fn levels(&self) -> Option<usize> {
        match &self.encoding {
            Encoding::Names(names) => Some(names.levels().len()),
            Encoding::Repeated(repeated) => Some(repeated.values.len()),
            _ => None,
        }
    }

    /// The robust scale of each input of a category, over the training rows.
    fn fit_scales(&self, column: &Column) -> Vec<Scale> {
        let width = self.width();
        let mut inputs = vec![0.0; column.rows() * width];
        if self.apply(column, inputs.chunks_exact_mut(width), &mut Vec::new()).is_err() {
            return Vec::new();
        }
        let of = |at: usize| inputs.iter().skip(at).step_by(width).map(|x| f64::from(*x)).collect::<Vec<_>>();
        (0..width).filter_map(|at| Numbers::fit(&of(at), Scaling::Robust)).map(|numbers| numbers.scale).collect()
    }

    /// In which block its inputs are, where they are sorted.
    pub(super) fn block(&self) -> u8 {
        match self.encoding {
            Encoding::Names(_) | Encoding::Repeated(_) if self.scales.is_empty() => 2,
            Encoding::Names(_) | Encoding::Repeated(_) => 1,
            _ => 0,
        }
    }

    pub(super) fn width(&self) -> usize {
        match &self.encoding {
            Encoding::Numbers(numbers) => numbers.width(),
            Encoding::Names(names) => names.width(),
            Encoding::Repeated(repeated) => repeated.values.len(),
            Encoding::Dates(dates) => dates.width(),
            Encoding::Unused => 0,
        }
    }

    pub(super) fn names(&self) -> Vec<String> {
        let missing = |is: bool| is.then(|| format!("{} missing", self.name));
        match &self.encoding {
            Encoding::Numbers(numbers) => {
                std::iter::once(self.name.clone()).chain(missing(numbers.indicator)).collect()
            }
            Encoding::Names(names) => names.names(&self.name),
            Encoding::Repeated(repeated) => {
                repeated.values.iter().map(|value| format!("{}={value}", self.name)).collect()
            }
            Encoding::Dates(dates) => dates.names(&self.name),
            Encoding::Unused => Vec::new(),
        }
    }

    /// Scales the inputs of a category, where they are scaled.
    pub(super) fn scale(&self, inputs: &mut [f32]) {
        inputs.iter_mut().zip(&self.scales).for_each(|(x, scale)| *x = scale.apply(f64::from(*x)) as f32);
    }

    /// Fills the inputs of each row, which are 0 so far.
    pub(super) fn apply<'a>(
        &self,
        column: &Column,
        rows: impl Iterator<Item = &'a mut [f32]>,
        unseen: &mut Vec<Unseen>,
    ) -> std::result::Result<(), String> {
        match (&self.encoding, &column.values) {
            (Encoding::Numbers(numbers), Values::Numbers(values)) => {
                rows.zip(values).for_each(|(inputs, x)| numbers.apply(*x, inputs));
            }
            (Encoding::Repeated(repeated), Values::Numbers(values)) => {
                rows.zip(values).for_each(|(inputs, x)| {
                    repeated.apply(*x, inputs);
                    self.scale(inputs);
                });
            }
            (Encoding::Dates(dates), Values::Numbers(values)) => {
                rows.zip(values).for_each(|(inputs, x)| dates.apply(*x, inputs));
            }
            (Encoding::Names(names), Values::Levels { codes, levels }) => {
                let places = names.places(levels);
                let mut counts = vec![0; levels.len()];
                for (inputs, &code) in rows.zip(codes) {
                    let place = places.get(code as usize).copied().unwrap_or(Place::Missing);
                    if place == Place::Unseen {
                        counts[code as usize] += 1;
                    }
                    names.apply(place, inputs);
                    self.scale(inputs);
                }
                if !names.knows_rare() {
                    let counted = levels.iter().zip(counts).filter(|(_, rows)| *rows > 0);
                    unseen.extend(counted.map(|(level, rows)| {
                        let own = names.levels().iter().map(String::as_str);
                        let nearest = nearest(level, own).map(str::to_owned);
                        Unseen { column: self.name.clone(), level: level.clone(), rows, nearest }
                    }));
                }
            }
            (Encoding::Unused, _) => {}
            (_, values) => {
                let [is, was] = match values {
                    Values::Numbers(_) => ["numbers", "names"],
                    Values::Levels { .. } => ["names", "numbers"],
                };
                return Err(format!("column `{}` holds {is}; in training it held {was}", self.name));
            }
        }
        Ok(())
    }
}

/// Whether there is something to tell apart: two values, or one and a gap.
fn differ(values: &[f64]) -> bool {
    let first = values.iter().find(|x| !x.is_nan());
    first.is_some_and(|first| values.iter().any(|x| x != first))
}
