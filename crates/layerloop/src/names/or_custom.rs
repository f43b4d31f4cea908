//! A closed set that user-defined members can be added to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Custom, NamedEnum};
use crate::{Error, names};

/// A choice of the closed set `T`, or a registered part of the kind `C`; wherever it is text it is written by its name.
///
/// # Example
/// ```
/// use layerloop::custom::{OrCustom, register_schedule};
/// use layerloop::train::{FitOptions, Progress, Schedule};
/// register_schedule("sawtooth", |at: Progress| 1.0 - (at.step % 10) as f64 / 10.0)?;
/// let options = FitOptions { schedule: "sawtooth".parse()?, ..FitOptions::default() };
/// assert_eq!(options.schedule.to_string(), "sawtooth");
/// assert_eq!(options.schedule.factor(Progress { step: 5, steps: 100, per_epoch: 20 }), 0.5);
/// let built_in = FitOptions { schedule: Schedule::CosLog4.into(), ..FitOptions::default() };
/// assert_eq!(built_in.schedule, "coslog4".parse()?);
/// # Ok::<(), layerloop::Error>(())
/// ```
pub enum OrCustom<T, C: ?Sized + 'static> {
    /// One of the closed set.
    BuiltIn(T),
    /// A user-defined one.
    Custom(Custom<C>),
}

/// A kind of part that has names.
pub trait Kind {
    /// The part that was registered by this name.
    fn find(name: &str) -> Option<Custom<Self>>;
}

impl<T: NamedEnum, C: ?Sized> OrCustom<T, C> {
    /// Its name, without numbers.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::BuiltIn(built_in) => built_in.name(),
            Self::Custom(custom) => custom.name(),
        }
    }
}

impl<T: NamedEnum, C: ?Sized> From<T> for OrCustom<T, C> {
    fn from(built_in: T) -> Self {
        Self::BuiltIn(built_in)
    }
}

impl<T: NamedEnum, C: ?Sized> From<Custom<C>> for OrCustom<T, C> {
    fn from(custom: Custom<C>) -> Self {
        Self::Custom(custom)
    }
}

/// The text that [`FromStr`] takes back.
impl<T: NamedEnum, C: ?Sized> fmt::Display for OrCustom<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::BuiltIn(built_in) => f.write_str(&names::text(built_in)),
            Self::Custom(custom) => f.write_str(custom.name()),
        }
    }
}

/// A registered name, or what [`names::parse`] reads.
impl<T: NamedEnum, C: ?Sized + Kind> FromStr for OrCustom<T, C> {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        C::find(text.trim()).map_or_else(|| names::parse(text).map(Self::BuiltIn), |custom| Ok(Self::Custom(custom)))
    }
}

/// As its text.
impl<T: NamedEnum, C: ?Sized> Serialize for OrCustom<T, C> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, T: NamedEnum, C: ?Sized + Kind> Deserialize<'de> for OrCustom<T, C> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

// Not derived, since a derived one would ask the same of `C`.
impl<T: Copy, C: ?Sized> Clone for OrCustom<T, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Copy, C: ?Sized> Copy for OrCustom<T, C> {}

impl<T: PartialEq, C: ?Sized> PartialEq for OrCustom<T, C> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::BuiltIn(one), Self::BuiltIn(other)) => one == other,
            (Self::Custom(one), Self::Custom(other)) => one == other,
            _ => false,
        }
    }
}

impl<T: fmt::Debug, C: ?Sized> fmt::Debug for OrCustom<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(built_in) => built_in.fmt(f),
            Self::Custom(custom) => custom.fmt(f),
        }
    }
}
