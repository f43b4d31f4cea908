//! Standard output. Whoever reads it may stop reading: that is no error. A full disk behind it is one.

use std::fmt::Display;
use std::io::{ErrorKind, Write as _, stdout};

use layerloop::{Error, Result};

/// Prints a line, or several.
pub(crate) fn line(text: impl Display) -> Result<()> {
    match writeln!(stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::io("standard output")(error)),
        _ => Ok(()),
    }
}
