//! Text in other encodings as UTF-8: UTF-16 by its byte order mark, Latin-1 where bytes are not UTF-8.

use std::borrow::Cow;
use std::io::{self, BufRead, Read};

/// What a file begins with in each encoding.
const UTF_8_MARK: &[u8] = b"\xef\xbb\xbf";
const UTF_16_MARKS: [[u8; 2]; 2] = [[0xff, 0xfe], [0xfe, 0xff]];

/// The bytes as UTF-8, without a byte order mark.
pub(crate) fn to_utf8(mut bytes: Box<dyn BufRead>) -> io::Result<Box<dyn BufRead>> {
    let start = bytes.fill_buf()?;
    if start.starts_with(UTF_8_MARK) {
        bytes.consume(UTF_8_MARK.len());
    } else if let Some(order) = UTF_16_MARKS.iter().position(|mark| start.starts_with(mark)) {
        bytes.consume(2);
        let unit = if order == 0 { u16::from_le_bytes } else { u16::from_be_bytes };
        return Ok(Box::new(Utf16 { bytes, unit, odd: None, high: None, text: String::new(), at: 0 }));
    }
    Ok(bytes)
}

/// UTF-16 as UTF-8.
struct Utf16 {
    bytes: Box<dyn BufRead>,
    unit: fn([u8; 2]) -> u16,
    /// The first byte of a unit, where a chunk ended after it.
    odd: Option<u8>,
    /// The first half of a pair, where a chunk ended after it.
    high: Option<u16>,
    /// What is decoded, and how much of it was read.
    text: String,
    at: usize,
}

impl Utf16 {
    /// Decodes the next bytes; nothing at their end.
    fn decode(&mut self) -> io::Result<()> {
        (self.at, self.text) = (0, String::new());
        while self.text.is_empty() {
            let chunk = self.bytes.fill_buf()?;
            let (length, is_end) = (chunk.len(), chunk.is_empty());
            let bytes: Vec<u8> = self.odd.take().into_iter().chain(chunk.iter().copied()).collect();
            self.bytes.consume(length);
            let (pairs, rest) = bytes.as_chunks::<2>();
            let mut units: Vec<u16> =
                self.high.take().into_iter().chain(pairs.iter().map(|pair| (self.unit)(*pair))).collect();
            self.odd = rest.first().copied();
            if is_end {
                self.text.extend(self.odd.take().map(|_| char::REPLACEMENT_CHARACTER));
            } else {
                self.high = units.pop_if(|unit| (0xd800..0xdc00).contains(unit));
            }
            let decoded = char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER));
            self.text = decoded.chain(self.text.chars()).collect();
            if is_end {
                break;
            }
        }
        Ok(())
    }
}

impl BufRead for Utf16 {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.text.len() {
            self.decode()?;
        }
        Ok(&self.text.as_bytes()[self.at..])
    }

    fn consume(&mut self, count: usize) {
        self.at += count;
    }
}

impl Read for Utf16 {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

/// A cell as text: bytes that are not UTF-8 are taken for Latin-1, as Windows writes it.
pub(crate) fn decoded(cell: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(cell) {
        Ok(text) => text.into(),
        Err(_) => cell.iter().map(|&byte| latin_1(byte)).collect::<String>().into(),
    }
}

/// Windows-1252: Latin-1 with letters and quotation marks where that has control characters.
fn latin_1(byte: u8) -> char {
    const MORE: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";
    match byte {
        0x80..0xa0 => MORE.chars().nth(usize::from(byte - 0x80)).unwrap_or(char::REPLACEMENT_CHARACTER),
        _ => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: Vec<u8>) -> String {
        let mut text = String::new();
        to_utf8(Box::new(io::Cursor::new(bytes))).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    proptest! {
        #[test]
        fn utf_16_is_read_in_both_orders(text in "\\PC{0,40}") {
            let bytes = |unit: fn(u16) -> [u8; 2]| {
                std::iter::once('\u{feff}').chain(text.chars()).collect::<String>().encode_utf16().flat_map(unit).collect::<Vec<u8>>()
            };
            prop_assert_eq!(read(bytes(u16::to_le_bytes)), text.clone());
            prop_assert_eq!(read(bytes(u16::to_be_bytes)), text.clone());
            prop_assert_eq!(read([UTF_8_MARK, text.as_bytes()].concat()), text);
        }

        #[test]
        fn any_bytes_after_a_mark_are_read_to_their_end(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let text = read([&[0xff, 0xfe][..], &bytes].concat());
            prop_assert!(text.chars().count() <= bytes.len().div_ceil(2));
        }
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_latin_1() {
        assert_eq!(decoded("Zürich".as_bytes()), "Zürich");
        assert_eq!(decoded(b"Z\xfcrich \x80 5"), "Zürich € 5");
    }
}
