//! What a file is, by how it begins: for messages about files that cannot be used.

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// With its article: `a NumPy array`.
    pub name: &'static str,
    /// What to do with it where data is expected; may be empty.
    pub advice: &'static str,
}

const TO_CSV: &str = "write its rows as CSV, or its images as PNG files in a folder for each class";
const TO_PNG: &str = "convert it to PNG or JPEG";
const UNPACK: &str = "unpack it first";
const WEB_PAGE: &str =
    "the download went to a web page instead of the file: open the address in a browser and save the file itself";

/// Where the bytes are, the bytes, and what they say. The first that fits counts.
const KINDS: [(usize, &[u8], Kind); 34] = [
    (0, b"\x89PNG\r\n\x1a\n", Kind::of("a PNG picture")),
    (0, b"\xff\xd8\xff", Kind::of("a JPEG picture")),
    (0, b"GIF8", Kind::new("a GIF picture", TO_PNG)),
    (0, b"BM", Kind::new("a BMP picture", TO_PNG)),
    (8, b"WEBP", Kind::new("a WebP picture", TO_PNG)),
    (0, b"II*\0", Kind::new("a TIFF picture", TO_PNG)),
    (0, b"MM\0*", Kind::new("a TIFF picture", TO_PNG)),
    (4, b"ftypavif", Kind::new("an AVIF picture", TO_PNG)),
    (4, b"ftyphei", Kind::new("a HEIC picture", TO_PNG)),
    (0, b"\x93NUMPY", Kind::new("a NumPy array", TO_CSV)),
    (0, b"\x80\x02", Kind::new("a Python pickle", TO_CSV)),
    (0, b"\x80\x03", Kind::new("a Python pickle", TO_CSV)),
    (0, b"\x80\x04", Kind::new("a Python pickle", TO_CSV)),
    (0, b"\x80\x05", Kind::new("a Python pickle", TO_CSV)),
    (0, b"PK\x03\x04", Kind::new("a ZIP file (as .npz, .xlsx, .pt and .keras are)", UNPACK)),
    (0, b"PK\x05\x06", Kind::new("an empty ZIP file", "")),
    (0, b"\x1f\x8b", Kind::of("a gzip file")),
    (0, b"BZh", Kind::new("a bzip2 file", UNPACK)),
    (0, b"\xfd7zXZ", Kind::new("an xz file", UNPACK)),
    (0, b"\x28\xb5\x2f\xfd", Kind::new("a Zstandard file", UNPACK)),
    (0, b"7z\xbc\xaf\x27\x1c", Kind::new("a 7-Zip file", UNPACK)),
    (257, b"ustar", Kind::new("a tar file", UNPACK)),
    (0, b"\x89HDF", Kind::new("an HDF5 file", TO_CSV)),
    (0, b"PAR1", Kind::new("a Parquet file", TO_CSV)),
    (0, b"ARROW1", Kind::new("an Arrow file", TO_CSV)),
    (0, b"SQLite format 3", Kind::new("an SQLite database", TO_CSV)),
    (8, b"{\"", Kind::new("a safetensors file", "")),
    (0, b"%PDF", Kind::new("a PDF file", "")),
    (0, b"\x7fELF", Kind::new("a program", "")),
    (0, b"\0\0\x08", Kind::of("an IDX file")),
    (0, b"<!DOCTYPE html", Kind::new("a web page (HTML)", WEB_PAGE)),
    (0, b"<html", Kind::new("a web page (HTML)", WEB_PAGE)),
    (0, b"<", Kind::new("an HTML or XML file", "")),
    (0, b"{", Kind::new("a JSON file", "")),
];

impl Kind {
    /// Bytes from the start of a file that are enough to tell.
    pub const ENOUGH: u64 = 512;

    const fn new(name: &'static str, advice: &'static str) -> Self {
        Self { name, advice }
    }

    /// A kind that can be used somewhere, so that the advice depends on the place.
    const fn of(name: &'static str) -> Self {
        Self { name, advice: "" }
    }

    /// What the file is that begins with `start`.
    ///
    /// # Example
    /// ```
    /// use layerloop::files::Kind;
    /// assert_eq!(Kind::of_bytes(b"\x93NUMPY\x01\0").name, "a NumPy array");
    /// assert_eq!(Kind::of_bytes(b"1,2,3\n").name, "a text file");
    /// assert_eq!(Kind::of_bytes(b"").name, "an empty file");
    /// ```
    #[must_use]
    pub fn of_bytes(start: &[u8]) -> Self {
        let is_text = is_text(start);
        let fits = |(at, magic, _): &&(usize, &[u8], Self)| {
            let is_markup = matches!(magic[0], b'<' | b'{' | b'%');
            (is_markup || !is_text) // a table whose first column is called BMI is no BMP picture
                && start.get(*at..*at + magic.len()).is_some_and(|bytes| bytes.eq_ignore_ascii_case(magic))
        };
        match KINDS.iter().find(fits) {
            Some((_, _, kind)) => *kind,
            None if start.is_empty() => Self::of("an empty file"),
            None if start[0] == b'[' && is_text => Self::of("a JSON file"),
            None if is_text => Self::of("a text file"),
            None => Self::of("a file of another program"),
        }
    }

    /// `this is a NumPy array: write its rows as CSV ...`, what the file is and what to do with it.
    #[must_use]
    pub fn told(&self) -> String {
        let separator = if self.advice.is_empty() { "" } else { ": " };
        format!("this is {}{separator}{}", self.name, self.advice)
    }
}

/// Whether all of it is UTF-8 without control characters; the last character may be cut.
fn is_text(start: &[u8]) -> bool {
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or(""),
        Err(_) => return false,
    };
    !text.is_empty() && text.chars().all(|c| !c.is_control() || "\t\n\r\x0c\x1b".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_by_its_own_bytes() {
        for (at, magic, kind) in KINDS {
            let mut start = vec![b'\x01'; at];
            start.extend(magic);
            start.extend([b'\xff'; 300]);
            assert_eq!(Kind::of_bytes(&start), kind, "{magic:?}");
        }
        assert_eq!(Kind::of_bytes(b"<!doctype HTML>").name, "a web page (HTML)");
        assert_eq!(Kind::of_bytes(b"BMI,age\n").name, "a text file");
        assert_eq!(Kind::of_bytes(b"[1, 2]").name, "a JSON file");
        assert_eq!(Kind::of_bytes("Zürich".as_bytes().split_at(2).0).name, "a text file");
        assert_eq!(Kind::of_bytes(b"\x01\x02\0\0").name, "a file of another program");
    }
}
