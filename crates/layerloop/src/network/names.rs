//! The names that closed sets have at the borders: command line, model file, messages.

use layerloop_kernels::Activation;
use layerloop_kernels::softmax::Output;
use serde::{Deserialize, Deserializer, Serializer};

use crate::{Error, Result};

/// A closed set of named choices.
pub trait Named: Copy + 'static {
    /// What is chosen, for messages: `activation`.
    const FIELD: &'static str;
    /// Every choice.
    const ALL: &'static [Self];

    /// The name of this choice.
    fn name(self) -> &'static str;

    /// The choice called `name`.
    ///
    /// # Errors
    /// [`Error::Config`] with the names that there are.
    fn parse(name: &str) -> Result<Self> {
        let found = Self::ALL.iter().copied().find(|choice| choice.name() == name);
        let names = || Self::ALL.iter().map(|choice| choice.name()).collect::<Vec<_>>().join(", ");
        found.ok_or_else(|| Error::config(Self::FIELD, format!("there is no `{name}`; choose one of {}", names())))
    }
}

impl Named for Activation {
    const FIELD: &'static str = "activation";
    const ALL: &'static [Self] = &Self::ALL;
    fn name(self) -> &'static str {
        self.name()
    }
}

impl Named for Output {
    const FIELD: &'static str = "output";
    const ALL: &'static [Self] = &Self::ALL;
    fn name(self) -> &'static str {
        self.name()
    }
}

/// For `#[serde(with = "names")]`: a choice is written as its name.
pub(crate) fn serialize<T: Named, S: Serializer>(choice: &T, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(choice.name())
}

/// For `#[serde(with = "names")]`: a choice is read by its name.
pub(crate) fn deserialize<'de, T: Named, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<T, D::Error> {
    T::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}
