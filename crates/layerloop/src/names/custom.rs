//! User-defined members of a closed set: the name, the part, the registry of a kind.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock};

use super::{name_and_rest, takes, text_of};
use crate::{Error, Result};

/// A registered part: its name, and what it does.
pub struct Custom<C: ?Sized + 'static> {
    name: &'static str,
    part: &'static C,
}

impl<C: ?Sized> Custom<C> {
    /// The name it was registered by, with those of its numbers that are not at their default values.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }
}

impl<C: ?Sized> Clone for Custom<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: ?Sized> Copy for Custom<C> {}

/// A name means one part as long as the program runs.
impl<C: ?Sized> PartialEq for Custom<C> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl<C: ?Sized> fmt::Debug for Custom<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Custom({})", self.name)
    }
}

impl<C: ?Sized> Deref for Custom<C> {
    type Target = C;

    fn deref(&self) -> &C {
        self.part
    }
}

/// Parts of one name that differ by their numbers.
struct Family<C: ?Sized> {
    name: &'static str,
    /// The numbers by name, with their default values.
    numbers: Vec<(&'static str, f32)>,
    build: Arc<Build<C>>,
}

/// The part with these numbers, or why there is none.
type Build<C> = dyn Fn(&[f32]) -> Result<Box<C>> + Send + Sync;

/// The registered parts of one kind.
pub(crate) struct Registry<C: ?Sized + 'static> {
    what: &'static str,
    parts: RwLock<Vec<Custom<C>>>,
    families: RwLock<Vec<Family<C>>>,
}

impl<C: ?Sized> Registry<C> {
    pub(crate) const fn new(what: &'static str) -> Self {
        Self { what, parts: RwLock::new(Vec::new()), families: RwLock::new(Vec::new()) }
    }

    /// The part of this name.
    pub(crate) fn find(&self, name: &str) -> Option<Custom<C>> {
        self.parts.read().unwrap_or_else(PoisonError::into_inner).iter().find(|part| part.name == name).copied()
    }

    /// Takes a part that lives as long as the program does, unless a built-in one has this name.
    pub(crate) fn add(&self, name: &str, part: Box<C>, is_built_in: bool) -> Result<Custom<C>> {
        let refuse = |reason: &str| Err(Error::config(self.what, format!("`{name}`: {reason}")));
        let letters = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !letters || name.ends_with('-') {
            return refuse("a name is made of a-z, 0-9 and -, the first a letter, the last no -");
        }
        if is_built_in {
            return refuse("there is a built-in one of this name");
        }
        let mut parts = self.parts.write().unwrap_or_else(PoisonError::into_inner);
        if parts.iter().any(|part| part.name == name) {
            return refuse("this name is registered already; a name cannot be registered twice");
        }
        let part = Custom { name: Box::leak(name.into()), part: Box::leak(part) };
        parts.push(part);
        Ok(part)
    }

    /// Takes parts that numbers make, and gives the one with the default values.
    pub(crate) fn add_with<const N: usize>(
        &self,
        name: &str,
        numbers: [(&'static str, f32); N],
        is_built_in: bool,
        build: impl Fn([f32; N]) -> Result<Box<C>> + Send + Sync + 'static,
    ) -> Result<Custom<C>> {
        let default = self.add(name, build(numbers.map(|(_, value)| value))?, is_built_in)?;
        let build = move |values: &[f32]| build(std::array::from_fn(|i| values[i]));
        let family = Family { name: default.name, numbers: numbers.into(), build: Arc::new(build) };
        self.families.write().unwrap_or_else(PoisonError::into_inner).push(family);
        Ok(default)
    }

    /// The part that `text` names, `name`, `name=value` or `name(number=value, ...)`; built where these numbers are new.
    pub(crate) fn read(&self, text: &str) -> Result<Custom<C>> {
        let refuse = |reason: String| Error::config(self.what, reason);
        let (name, _) = name_and_rest(text);
        // Copied, so that no lock is held while `build` runs: it may read names itself.
        let families = self.families.read().unwrap_or_else(PoisonError::into_inner);
        let found = families.iter().find(|family| family.name == name);
        let (known, build) = found.map(|family| (family.numbers.clone(), Arc::clone(&family.build))).unzip();
        drop(families);
        let written = |(name, value): (&'static str, f32)| (name, value.to_string());
        let default: Vec<_> = known.unwrap_or_default().into_iter().map(written).collect();
        let mut numbers = default.clone();
        for (number, value) in super::numbers(text, &default).map_err(refuse)? {
            let wrong = |reason: String| refuse(format!("`{text}`: {reason}; `{name}` takes {}", takes(&default)));
            let known = numbers.iter_mut().find(|(known, _)| *known == number);
            let known = known.ok_or_else(|| wrong(format!("`{name}` has no `{number}`")))?;
            let value = value.parse::<f32>().ok().filter(|value| value.is_finite());
            known.1 = value.ok_or_else(|| wrong(format!("{number} is not a finite number")))?.to_string();
        }
        let canonical = text_of(name, &numbers, &default);
        if let Some(part) = self.find(&canonical) {
            return Ok(part);
        }
        let build = build.ok_or_else(|| refuse(format!("`{name}` is not registered")))?;
        let values: Vec<f32> = numbers.iter().filter_map(|(_, value)| value.parse().ok()).collect();
        let part = build(&values).map_err(|error| refuse(format!("`{canonical}`: {error}")))?;
        let mut parts = self.parts.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(part) = parts.iter().find(|part| part.name == canonical) {
            return Ok(*part); // another thread was faster
        }
        parts.push(Custom { name: Box::leak(canonical.into()), part: Box::leak(part) });
        Ok(parts[parts.len() - 1])
    }
}
