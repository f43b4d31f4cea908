//! Commands that are printed to be copied: quoted so that sh reads back what is meant.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::output::is_control;

/// A command: this program as it was called, then `words`, each quoted where it needs to be.
pub(crate) fn command<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> String {
    let program = std::env::args_os().next().filter(|name| !name.is_empty()).unwrap_or_else(|| "layerloop".into());
    let words = words.into_iter().map(|word| quoted(word.as_ref()));
    std::iter::once(first(&program)).chain(words).collect::<Vec<_>>().join(" ")
}

/// A path as an argument: one that begins with `-` would be read as an option, so that it is written `./-`.
pub(crate) fn path(path: &Path) -> String {
    let is_option = path.as_os_str().as_bytes().starts_with(b"-");
    quoted(if is_option { Path::new(".").join(path) } else { path.to_path_buf() }.as_os_str())
}

/// A word as sh reads it: as it is, or in single quotes, or, where the terminal could not show it, by printf.
pub(crate) fn quoted(word: &OsStr) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,=:+@%".contains(c);
    match word.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(plain) => text.into(),
        Some(text) if !text.contains(is_control) => single(text),
        _ => by_printf(word.as_bytes()),
    }
}

/// The name of a program: with a `=` that is not quoted it would set a variable.
fn first(program: &OsStr) -> String {
    match program.to_str() {
        Some(text) if text.contains('=') && !text.contains(is_control) => single(text),
        _ => quoted(program),
    }
}

fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// `"$(printf 'a\012b')"`. A substitution drops the line ends at its end: those are written as they are.
fn by_printf(bytes: &[u8]) -> String {
    let inside = bytes.iter().rposition(|&byte| byte != b'\n').map_or(0, |last| last + 1);
    let (inside, line_ends) = bytes.split_at(inside);
    let mut text = "\"$(printf '".to_owned();
    for (at, &byte) in inside.iter().enumerate() {
        let written = match byte {
            b'%' => write!(text, "%%"),
            b'-' if at == 0 => write!(text, "\\055"), // no option of printf
            b' '..=b'~' if !b"\\'".contains(&byte) => write!(text, "{}", char::from(byte)),
            _ => write!(text, "\\{byte:03o}"),
        };
        debug_assert!(written.is_ok(), "a string takes everything");
    }
    text += "')\"";
    if !line_ends.is_empty() {
        text += &single(&"\n".repeat(line_ends.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// What sh makes of it.
    fn read_back(word: &str) -> Vec<u8> {
        Command::new("sh").args(["-c", &format!("printf %s {word}")]).output().unwrap().stdout
    }

    /// Paths were printed as they are: a space made two words of them, `$(...)` and `;` ran commands.
    #[test]
    fn sh_reads_back_every_word() {
        let words: &[&[u8]] = &[
            b"digits.safetensors",
            b"",
            b"my model",
            b"it's",
            b"a\"b",
            b"$(touch x)`touch y`",
            b"a;b|c&d>e<f",
            b"~/x",
            b"*?[a]{b,c}!#",
            b"two\nlines",
            b"ends\n\n",
            b"\n",
            b"\x1b]0;title\x07 100%\\ it's",
            b"\xff no UTF-8",
            "K\u{fc}hlschrank \u{202e}".as_bytes(),
            b"--lr=0.1",
            b"-\x1b",
        ];
        for word in words {
            let quoted = quoted(OsStr::from_bytes(word));
            assert_eq!(read_back(&quoted), *word, "{quoted}");
            assert!(!quoted.contains(|c| c != '\n' && is_control(c)), "{quoted:?}");
        }
        assert_eq!(quoted("--lr=0.1".as_ref()), "--lr=0.1");
        assert_eq!(quoted("my run".as_ref()), "'my run'");
    }

    #[test]
    fn a_path_is_no_option_and_a_program_sets_no_variable() {
        assert_eq!(path(Path::new("-m.safetensors")), "./-m.safetensors");
        assert_eq!(path(Path::new("-")), "./-");
        assert_eq!(path(Path::new("runs/a b")), "'runs/a b'");
        assert_eq!(first("A=b/layerloop".as_ref()), "'A=b/layerloop'");
    }
}
