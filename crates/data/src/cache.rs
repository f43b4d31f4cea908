//! The folders where data sets are looked for: the one that the user keeps them in, and the cache of what was downloaded.

use std::ffi::OsString;
use std::path::PathBuf;

use etcetera::{BaseStrategy, choose_base_strategy};
use layerloop::{Error, Result};

/// The user's folder of data sets, `$LAYERLOOP_DATA`; none where that is not set.
#[must_use]
pub fn own() -> Option<PathBuf> {
    std::env::var_os("LAYERLOOP_DATA").filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

/// The folder for the data set `name`: in `$LAYERLOOP_CACHE` if that is set, else in `layerloop` in the user's cache
/// folder, `$XDG_CACHE_HOME` or `~/.cache`. It may not exist yet.
///
/// # Errors
/// [`Error::Config`] if there is neither the variable nor a home folder.
pub fn folder(name: &str) -> Result<PathBuf> {
    Ok(base(std::env::var_os("LAYERLOOP_CACHE"))?.join(name))
}

fn base(wanted: Option<OsString>) -> Result<PathBuf> {
    if let Some(cache) = wanted.filter(|folder| !folder.is_empty()) {
        return Ok(cache.into());
    }
    let strategy = choose_base_strategy().map_err(|error| {
        let reason = format!("there is no cache folder ({error}): name one with this variable, or pass --data-dir");
        Error::config("LAYERLOOP_CACHE", reason)
    })?;
    Ok(strategy.cache_dir().join("layerloop"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_wins_over_the_users_cache_folder() {
        assert_eq!(base(Some("/elsewhere".into())).unwrap(), PathBuf::from("/elsewhere"));
        let own = base(None).unwrap();
        assert!(own.is_absolute() && own.ends_with("layerloop"), "{}", own.display());
        assert_eq!(base(Some(OsString::new())).unwrap(), own);
    }
}
