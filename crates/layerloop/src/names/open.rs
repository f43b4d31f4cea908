//! A closed set that user-defined members can be added to.

use std::fmt;
use std::str::FromStr;

use super::{Custom, NamedEnum};
use crate::{Error, names};

/// A choice of the closed set `T`, or a registered part of the kind `C`; at every border it is written by its name.
///
/// # Example
/// ```
/// use layerloop::custom::{Open, register_schedule};
/// use layerloop::train::{FitOptions, Progress, Schedule};
/// register_schedule("sawtooth", |at: Progress| 1.0 - (at.step % 10) as f64 / 10.0)?;
/// let options = FitOptions { schedule: "sawtooth".parse()?, ..FitOptions::default() };
/// assert_eq!(options.schedule.to_string(), "sawtooth");
/// assert_eq!(options.schedule.factor(Progress { step: 5, steps: 100, per_epoch: 20 }), 0.5);
/// let ours = FitOptions { schedule: Schedule::CosLog4.into(), ..FitOptions::default() };
/// assert_eq!(ours.schedule, "coslog4".parse()?);
/// # Ok::<(), layerloop::Error>(())
/// ```
pub enum Open<T, C: ?Sized + 'static> {
    /// One of the closed set.
    Ours(T),
    /// A user-defined one.
    Custom(Custom<C>),
}

/// A kind of part that has names.
pub trait Kind {
    /// The part that was registered by this name.
    fn find(name: &str) -> Option<Custom<Self>>;
}

impl<T: NamedEnum, C: ?Sized> Open<T, C> {
    /// Its name, without numbers.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ours(ours) => ours.name(),
            Self::Custom(custom) => custom.name(),
        }
    }
}

impl<T: NamedEnum, C: ?Sized> From<T> for Open<T, C> {
    fn from(ours: T) -> Self {
        Self::Ours(ours)
    }
}

impl<T: NamedEnum, C: ?Sized> From<Custom<C>> for Open<T, C> {
    fn from(custom: Custom<C>) -> Self {
        Self::Custom(custom)
    }
}

/// The text that [`FromStr`] takes back.
impl<T: NamedEnum, C: ?Sized> fmt::Display for Open<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Ours(ours) => f.write_str(&names::text(ours)),
            Self::Custom(custom) => f.write_str(custom.name()),
        }
    }
}

/// A registered name, or what [`names::parse`] reads.
impl<T: NamedEnum, C: ?Sized + Kind> FromStr for Open<T, C> {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        C::find(text.trim()).map_or_else(|| names::parse(text).map(Self::Ours), |custom| Ok(Self::Custom(custom)))
    }
}

// Not derived, since a derived one would ask the same of `C`.
impl<T: Copy, C: ?Sized> Clone for Open<T, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Copy, C: ?Sized> Copy for Open<T, C> {}

impl<T: PartialEq, C: ?Sized> PartialEq for Open<T, C> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ours(one), Self::Ours(other)) => one == other,
            (Self::Custom(one), Self::Custom(other)) => one == other,
            _ => false,
        }
    }
}

impl<T: fmt::Debug, C: ?Sized> fmt::Debug for Open<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours(ours) => ours.fmt(f),
            Self::Custom(custom) => custom.fmt(f),
        }
    }
}
