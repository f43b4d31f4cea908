//! `classes.txt`: the names of the classes, a line for each, by label.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use layerloop::{Error, Result};

/// The file's name, in the folder of a data set.
pub(crate) const FILE: &str = "classes.txt";

/// The names in `folder/classes.txt`, if it is there.
///
/// # Errors
/// [`Error::Format`] if it is not UTF-8; [`Error::Data`] if it has no name, an empty line among the names, or a name twice.
pub(crate) fn read(folder: &Path) -> Result<Option<Vec<String>>> {
    let path = folder.join(FILE);
    if !path.is_file() {
        return Ok(None);
    }
    let text = fs::read(&path).map_err(Error::io(&path))?;
    let text = String::from_utf8(text).map_err(|error| Error::format(&path, error.to_string()))?;
    let text = text.trim_start_matches('\u{feff}').trim_end(); // the mark that some editors put before the text
    let names: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
    if text.is_empty() {
        return Err(Error::data(&path, "it has no names; it needs one line for each class"));
    }
    let mut seen = HashSet::new();
    for (line, name) in (1..).zip(&names) {
        if name.is_empty() {
            return Err(Error::data(&path, format!("line {line} is empty; it needs the name of class {}", line - 1)));
        }
        if !seen.insert(name) {
            return Err(Error::data(&path, format!("line {line} is `{name}`, which an earlier line is too")));
        }
    }
    Ok(Some(names))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_name_and_bad_files_are_refused_with_the_line() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), None);
        let read = |text: &[u8]| {
            fs::write(folder.path().join(FILE), text).unwrap();
            read(folder.path()).map(Option::unwrap_or_default).map_err(|error| error.to_string())
        };
        assert_eq!(read("\u{feff}cat\r\nbig dog \n\n".as_bytes()), Ok(vec!["cat".into(), "big dog".into()]));
        assert!(read(b"cat\n\ndog\n").unwrap_err().ends_with("line 2 is empty; it needs the name of class 1"));
        assert!(read(b"cat\ncat").unwrap_err().ends_with("line 2 is `cat`, which an earlier line is too"));
        assert!(read(b" \n").unwrap_err().contains("no names"));
        assert!(read(b"\xff").is_err());
    }
}
