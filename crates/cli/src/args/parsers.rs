//! How the values of options are read.

use std::ffi::OsStr;
use std::marker::PhantomData;
use std::str::FromStr;

use clap::Arg;
use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use layerloop::Error;
use layerloop::augment::Augmentation;
use layerloop::names::{self, NamedEnum};

/// A parser for a number; `expected` describes the allowed ones: `a whole number, at least 1`. An invalid value that can be read is
/// refused where all options are checked together.
pub(super) fn number<T: FromStr>(expected: &'static str) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let text = text.trim();
        let is_whole = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let what = if is_whole { "it is too large; " } else { "" };
        text.parse().map_err(|_| format!("{what}expected {expected}"))
    }
}

/// A text of distortions, or what is wrong with it.
pub(super) fn augmentation(text: &str) -> Result<Augmentation, String> {
    text.parse().map_err(|error| match error {
        Error::Config { reason, .. } => reason,
        other => other.to_string(),
    })
}

/// A parser for a number of things.
pub(super) fn count() -> impl Fn(&str) -> Result<usize, String> + Clone {
    number("a whole number, at least 1")
}

/// A parser for a number of threads.
pub(super) fn threads() -> impl Fn(&str) -> Result<usize, String> + Clone {
    number("a whole number, 1 to 1024")
}

/// As [`number()`], for a number that is refused at once where it is not between `least` and `most`.
pub(super) fn between<T: FromStr + PartialOrd + Copy>(
    [least, most]: [T; 2],
    expected: &'static str,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    let within = move |number: &T| (least..=most).contains(number);
    move |text| text.trim().parse().ok().filter(within).ok_or_else(|| format!("expected {expected}"))
}

/// A parser for bytes of memory: `500MB`, `2 GB`.
pub(super) fn memory() -> impl Fn(&str) -> Result<usize, String> + Clone {
    |text| {
        let text = text.trim();
        let unit = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let size = match text[unit..].to_ascii_uppercase().as_str() {
            "MB" => Some(1e6),
            "GB" => Some(1e9),
            "MIB" => Some(f64::from(1 << 20)),
            "GIB" => Some(f64::from(1 << 30)),
            _ => None,
        };
        let number = text[..unit].trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number > 0.0);
        let bytes = number.zip(size).map(|(number, size)| (number * size) as usize);
        bytes.ok_or_else(|| "expected a number of MB or GB, such as 500MB".into())
    }
}

/// Width and height of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// A parser for a size in pixels: `32x24` is 32 wide and 24 high, `28` is a square.
pub(super) fn size() -> impl Fn(&str) -> Result<Size, String> + Clone {
    const MOST: usize = 8192;
    |text| {
        let (width, height) = text.trim().split_once(['x', 'X', '\u{d7}']).unwrap_or((text, text));
        let pixels = |text: &str| text.trim().parse().ok().filter(|pixels| (1..=MOST).contains(pixels));
        let size = pixels(width).zip(pixels(height)).map(|(width, height)| Size { width, height });
        size.ok_or_else(|| format!("expected WIDTHxHEIGHT in pixels from 1 to {MOST}, such as 28x28"))
    }
}

/// A parser for a closed set: its names are listed in the help, and a number of a choice may be given.
pub(super) fn named<T: NamedEnum + Send + Sync>() -> impl TypedValueParser<Value = T> {
    Chosen::<T>(PhantomData)
}

/// As [`named()`], for several with commas between them.
pub(super) fn several<T: NamedEnum + Send + Sync>() -> impl TypedValueParser<Value = Several<T>> {
    Chosen::<Several<T>>(PhantomData)
}

/// What was chosen, in the order in which it was named.
#[derive(Debug, Clone)]
pub(crate) struct Several<T>(pub(crate) Vec<T>);

#[derive(Debug, Clone)]
struct Chosen<T>(PhantomData<T>);

impl<T: NamedEnum + Send + Sync> TypedValueParser for Chosen<T> {
    type Value = T;

    fn parse_ref(&self, command: &clap::Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        StringValueParser::new().try_map(|text| names::parse(&text)).parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(names::<T>()))
    }
}

impl<T: NamedEnum + Send + Sync> TypedValueParser for Chosen<Several<T>> {
    type Value = Several<T>;

    fn parse_ref(&self, command: &clap::Command, arg: Option<&Arg>, value: &OsStr) -> Result<Several<T>, clap::Error> {
        StringValueParser::new().try_map(|text| names::parse_all(&text).map(Several)).parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(names::<T>()))
    }
}

/// Each name with its equation, for the help.
fn names<T: NamedEnum>() -> impl Iterator<Item = PossibleValue> {
    T::ALL.iter().map(|choice| PossibleValue::new(choice.name()).help(choice.equation()))
}
