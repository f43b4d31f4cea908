//! What is to be predicted: classes, or numbers and how they are brought to about 1.

use layerloop_kernels::named_enum;
use serde::{Deserialize, Serialize};

use super::PreprocessOptions;
use super::category::compare;
use super::frame::{Column, Kind, MISSING, Values};
use crate::names::serialised::serde_as_text;
use crate::{Error, Result};

named_enum! {
    /// What is done to the numbers to predict before they are standardised; predictions are brought back.
    pub enum TargetTransform: "target transform" {
        /// y
        Identity = "none",
        /// ln(1 + y), of numbers that are at least 0
        Log = "log",
    }
}

serde_as_text!(TargetTransform);

/// What is to be predicted, fitted to the training rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// One of these classes, in this order.
    Classes {
        /// Name of the column.
        name: String,
        /// The names of the classes.
        classes: Vec<String>,
    },
    /// Numbers.
    Numbers(Vec<NumberTarget>),
}

/// A number to predict: the network is trained on t = (f(y) - centre) / scale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NumberTarget {
    /// Name of the column.
    pub name: String,
    /// How its cells are written.
    pub kind: Kind,
    /// f.
    pub transform: TargetTransform,
    /// Mean of f(y) over the training rows.
    pub centre: f64,
    /// Its standard deviation there.
    pub scale: f64,
    /// The smallest and the largest y there, where predictions stay between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<[f64; 2]>,
}

impl NumberTarget {
    fn fit(column: &Column, options: &PreprocessOptions, frame: &str) -> Result<Self> {
        let transform = options.target_transform;
        let name = &column.name;
        let Values::Numbers(values) = &column.values else {
            return Err(Error::data(frame, format!("the target `{name}` holds names, not numbers")));
        };
        if transform == TargetTransform::Log
            && let Some(row) = values.iter().position(|y| *y < 0.0)
        {
            let reason =
                format!("the target `{name}` is {}, and the logarithm needs numbers that are at least 0", values[row]);
            return Err(Error::row(frame, row, reason));
        }
        let n = values.len() as f64;
        let transformed = || values.iter().map(|y| forward(transform, *y));
        let centre = transformed().sum::<f64>() / n;
        let scale = (transformed().map(|t| (t - centre) * (t - centre)).sum::<f64>() / n).sqrt();
        if !(scale > 0.0 && scale.is_finite()) {
            let reason =
                format!("the target `{name}` is {} in every training row; there is nothing to learn", values[0]);
            return Err(Error::data(frame, reason));
        }
        let range = options.clamp.then(|| [f64::min, f64::max].map(|f| values.iter().copied().fold(values[0], f)));
        Ok(Self { name: name.clone(), kind: column.kind, transform, centre, scale, range })
    }

    /// What the network is trained on, of a number.
    #[must_use]
    pub fn encode(&self, y: f64) -> f32 {
        ((forward(self.transform, y) - self.centre) / self.scale) as f32
    }

    /// The number, of what the network gives.
    #[must_use]
    pub fn decode(&self, t: f32) -> f64 {
        let f = f64::from(t) * self.scale + self.centre;
        let y = match self.transform {
            TargetTransform::Identity => f,
            TargetTransform::Log => libm::expm1(f),
        };
        self.range.map_or(y, |[least, most]| y.clamp(least, most))
    }
}

fn forward(transform: TargetTransform, y: f64) -> f64 {
    match transform {
        TargetTransform::Identity => y,
        TargetTransform::Log => libm::log1p(y),
    }
}

impl Target {
    /// Of the training rows' columns, none of whose cells is empty.
    pub(super) fn fit(columns: &[&Column], options: &PreprocessOptions, frame: &str) -> Result<Self> {
        if let [Column { name, kind: Kind::Category | Kind::Boolean, values: Values::Levels { codes, levels } }] =
            columns
        {
            let mut seen = vec![false; levels.len()];
            codes.iter().filter(|code| **code != MISSING).for_each(|code| seen[*code as usize] = true);
            let mut classes: Vec<String> =
                levels.iter().zip(seen).filter(|(_, seen)| *seen).map(|(level, _)| level.clone()).collect();
            classes.sort_by(|a, b| compare(a, b));
            if let [only] = classes.as_slice() {
                let reason =
                    format!("the target `{name}` is `{only}` in every training row; there is nothing to learn");
                return Err(Error::data(frame, reason));
            }
            return Ok(Self::Classes { name: name.clone(), classes });
        }
        let numbers = columns.iter().map(|column| NumberTarget::fit(column, options, frame));
        Ok(Self::Numbers(numbers.collect::<Result<_>>()?))
    }

    /// The names of the columns.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let (class, numbers): (Option<&str>, &[NumberTarget]) = match self {
            Self::Classes { name, .. } => (Some(name), &[]),
            Self::Numbers(numbers) => (None, numbers),
        };
        class.into_iter().chain(numbers.iter().map(|number| number.name.as_str()))
    }

    /// The names of the columns, each with its kind.
    pub fn kinds(&self) -> impl Iterator<Item = (&str, Kind)> {
        let kind = move |at: usize| match self {
            Self::Classes { .. } => Kind::Category,
            Self::Numbers(numbers) => numbers[at].kind,
        };
        self.columns().enumerate().map(move |(at, name)| (name, kind(at)))
    }

    /// The names of the classes, or of the numbers.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Classes { classes, .. } => classes.clone(),
            Self::Numbers(numbers) => numbers.iter().map(|number| number.name.clone()).collect(),
        }
    }

    pub(super) fn check(&self) -> std::result::Result<(), String> {
        let Self::Numbers(numbers) = self else { return Ok(()) };
        let ordered = |n: &NumberTarget| n.range.is_none_or(|[least, most]| least <= most);
        let finite = |n: &NumberTarget| n.centre.is_finite() && n.scale.is_finite() && n.scale > 0.0 && ordered(n);
        if numbers.iter().all(finite) {
            Ok(())
        } else {
            Err("a target's centre or scale is not a finite number".into())
        }
    }
}
