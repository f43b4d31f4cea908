//! This process among those that train together. Rank 0 is the one that speaks and writes files.

use std::cell::Cell;

use layerloop::ranks::{Communicator, agree, broadcast, gather};
use layerloop::{Error, Result};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::output::message;

/// The ranks of this command, one or several.
#[derive(Debug)]
pub(crate) struct Ranks<'a> {
    several: Option<&'a dyn Communicator>,
    /// Whether rank 0 knows of what failed here.
    known: Cell<bool>,
}

impl<'a> Ranks<'a> {
    pub(crate) fn new(communicator: Option<&'a dyn Communicator>) -> Self {
        Self { several: communicator.filter(|communicator| communicator.ranks() > 1), known: Cell::new(false) }
    }

    pub(crate) fn communicator(&self) -> Option<&'a dyn Communicator> {
        self.several
    }

    /// Whether this is the one that speaks.
    pub(crate) fn are_led_from_here(&self) -> bool {
        self.several.is_none_or(|ranks| ranks.rank() == 0)
    }

    /// What came to be on this rank as on all others, so that rank 0 knows of it too.
    pub(crate) fn known<T>(&self, here: Result<T>) -> Result<T> {
        self.known.set(here.is_err());
        here
    }

    /// What this rank has prepared, if it is well on every rank, all of them of the same build.
    pub(crate) fn agree<T>(&self, own: Result<T>) -> Result<T> {
        let Some(ranks) = self.several else { return own };
        let program = std::env::current_exe().and_then(std::fs::read).unwrap_or_default();
        let sha256: String = Sha256::digest(&program).iter().map(|byte| format!("{byte:02x}")).collect();
        self.known(agree(ranks, own, &[("build of layerloop", sha256)]))
    }

    /// What rank 0 has.
    pub(crate) fn share(&self, own: Value) -> Result<Value> {
        let Some(ranks) = self.several else { return Ok(own) };
        let mut bytes = own.to_string().into_bytes();
        broadcast(ranks, &mut bytes)?;
        serde_json::from_slice(&bytes).map_err(|error| Error::config("ranks", error.to_string()))
    }

    /// What each rank has, rank by rank, on every rank.
    pub(crate) fn gather(&self, own: Value) -> Result<Vec<Value>> {
        let Some(ranks) = self.several else { return Ok(vec![own]) };
        let read = |bytes: Vec<u8>| serde_json::from_slice(&bytes);
        let all =
            gather(ranks, own.to_string().into_bytes())?.into_iter().map(read).collect::<std::result::Result<_, _>>();
        all.map_err(|error| Error::config("ranks", error.to_string()))
    }

    /// Says what failed here, unless rank 0 does.
    pub(crate) fn say(&self, error: &Error) {
        match self.several {
            None => message(format_args!("error: {error}")),
            Some(ranks) if ranks.rank() == 0 => message(format_args!("error: {error}")),
            Some(_) if self.known.get() => {}
            Some(ranks) => message(format_args!("error: rank {}: {error}", ranks.rank())),
        }
    }
}
