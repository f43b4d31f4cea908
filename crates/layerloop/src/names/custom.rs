//! User-defined members of a closed set: the name, the part, the registry of a kind.

use std::fmt;
use std::ops::Deref;
use std::sync::{PoisonError, RwLock};

use crate::{Error, Result};

/// A registered part: its name, and what it does.
pub struct Custom<C: ?Sized + 'static> {
    name: &'static str,
    part: &'static C,
}

impl<C: ?Sized> Custom<C> {
    /// The name it was registered by.
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

/// A name stands for one part as long as the program runs.
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

/// The registered parts of one kind.
pub(crate) struct Registry<C: ?Sized + 'static> {
    what: &'static str,
    parts: RwLock<Vec<Custom<C>>>,
}

impl<C: ?Sized> Registry<C> {
    pub(crate) const fn new(what: &'static str) -> Self {
        Self { what, parts: RwLock::new(Vec::new()) }
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
            return refuse("this name is registered already, and stands for one thing as long as the program runs");
        }
        let part = Custom { name: Box::leak(name.into()), part: Box::leak(part) };
        parts.push(part);
        Ok(part)
    }
}
