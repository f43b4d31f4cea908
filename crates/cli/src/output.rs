//! Standard output and standard error.
//!
//! Writing never panics, and what is shown cannot control the terminal. The reader of standard output may stop reading: that is
//! no error. A full disk is one. What cannot be written to standard error is dropped: the command goes on, and its exit
//! code is the result.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{ErrorKind, Write as _, stderr, stdout};

use layerloop::{Error, Result};

/// Prints a line, or several, on standard output.
///
/// # Errors
/// [`Error::Io`] if it cannot be written, unless the reader has stopped reading.
pub(crate) fn line(text: impl Display) -> Result<()> {
    raw(lines(&text.to_string()).as_bytes())
}

/// Prints bytes of ours as they are, such as a script.
///
/// # Errors
/// As [`line`].
pub(crate) fn raw(bytes: &[u8]) -> Result<()> {
    match stdout().write_all(bytes) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::io("standard output")(error)),
        _ => Ok(()),
    }
}

/// Prints a message on standard error, if that can be written.
pub(crate) fn message(text: impl Display) {
    _ = stderr().write_all(lines(&text.to_string()).as_bytes());
}

/// A name from elsewhere, such as a class or a path, as it is shown: every control character is escaped, the end of a line too.
pub(crate) fn shown(name: &str) -> Cow<'_, str> {
    escaped(name, is_control)
}

/// Lines of ours, as they are shown: the ends of lines stay.
fn lines(text: &str) -> String {
    let mut lines = escaped(text, |c| c != '\n' && is_control(c)).into_owned();
    lines.push('\n');
    lines
}

/// Controls of the terminal (ASCII, DEL and C1), and those that change the direction of text or end a line.
pub(crate) fn is_control(c: char) -> bool {
    let direction = ['\u{61c}', '\u{200e}', '\u{200f}'];
    c.is_control() || direction.contains(&c) || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// With the escapes of JSON, so that an object stays what it was.
fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let escape = |c: char| match c {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        c => format!("\\u{:04x}", u32::from(c)),
    };
    Cow::Owned(text.chars().map(|c| if is_escaped(c) { escape(c) } else { c.to_string() }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_everything_else_stays() {
        let cases = [
            ("\u{1b}]0;x\u{7}zero", "\\u001b]0;x\\u0007zero"),
            ("one\r\u{1b}[2Kfake\ttwo\n", "one\\r\\u001b[2Kfake\\ttwo\\n"),
            ("\u{7f}\u{9b}31m\0", "\\u007f\\u009b31m\\u0000"),
            ("\u{202e}exe.\u{2066}\u{200f}\u{2028}", "\\u202eexe.\\u2066\\u200f\\u2028"),
            ("Kühlschrank 冷蔵庫 👩\u{200d}🔬 a\\b", "Kühlschrank 冷蔵庫 👩\u{200d}🔬 a\\b"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected);
            // As a text in an object it is what it was.
            let json = serde_json::to_string(text).unwrap();
            assert_eq!(serde_json::from_str::<String>(&shown(&json)).unwrap(), text);
        }
        assert_eq!(lines("a\nb\u{1b}"), "a\nb\\u001b\n");
    }
}
