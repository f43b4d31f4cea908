//! CSV: a line of names, then a line for each row.

use std::borrow::Cow;
use std::io::BufRead;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use csv::ByteRecord;
use layerloop::{Error, Result};

use crate::about::{About, MOST_COLUMNS};
use crate::cells::{Cells, Type};
use crate::encoding::{decoded, to_utf8};
use crate::number::Notation;
use crate::source::{self, Bounded};
use crate::written::LONGEST_CELL;

/// Skipped rows that are described.
const DESCRIBED: usize = 5;
/// Rows that are read at once.
const BATCH: usize = 1024;

/// The rows of a CSV file.
pub(crate) struct Csv {
    csv: csv::Reader<Bounded>,
    /// Bytes since the last row.
    count: Arc<AtomicUsize>,
    skip_bad_rows: bool,
    is_latin_1: bool,
    comma_is_decimal: bool,
    record: ByteRecord,
}

/// The delimiter of which the first line has most, outside of quotes; a comma where it has none.
fn most_frequent_delimiter(start: &[u8]) -> u8 {
    let mut quoted = false;
    let line: Vec<u8> = start
        .iter()
        .copied()
        .take_while(|byte| {
            quoted ^= *byte == b'"';
            quoted || !b"\r\n".contains(byte)
        })
        .collect();
    let mut quoted = false;
    let mut counts = [0; 4];
    for byte in line {
        quoted ^= byte == b'"';
        if let (false, Some(i)) = (quoted, DELIMITERS.iter().position(|delimiter| *delimiter == byte)) {
            counts[i] += 1;
        }
    }
    let most = counts.iter().max().copied().unwrap_or(0);
    counts.iter().position(|count| *count == most).map_or(b',', |i| DELIMITERS[i])
}

const DELIMITERS: [u8; 4] = *b",;\t|";

impl Csv {
    /// Reads the line of names.
    pub(crate) fn open(
        bytes: Box<dyn BufRead>,
        about: &mut About,
        delimiter: Option<u8>,
        skip_bad_rows: bool,
    ) -> Result<Self> {
        let mut bytes = to_utf8(bytes).map_err(Error::io(&about.path))?;
        let start = source::fill(&mut *bytes, &about.path)?;
        source::check_is_text(start, &about.path)?;
        let delimiter = delimiter.unwrap_or_else(|| most_frequent_delimiter(start));
        let count = Arc::new(AtomicUsize::new(0));
        let bytes = Bounded { bytes, count: Arc::clone(&count) };
        let mut builder = csv::ReaderBuilder::new();
        builder.has_headers(false).flexible(true).delimiter(delimiter).buffer_capacity(1 << 16);
        let mut csv = Self {
            csv: builder.from_reader(bytes),
            count,
            comma_is_decimal: delimiter == b';',
            skip_bad_rows,
            is_latin_1: false,
            record: ByteRecord::new(),
        };
        csv.read_names(about)?;
        Ok(csv)
    }

    /// Whether commas in numbers are before their decimals.
    pub(crate) fn comma_is_decimal(&self) -> bool {
        self.comma_is_decimal
    }

    /// Adds the next rows, at most so many; none at the end.
    pub(crate) fn add(&mut self, about: &mut About, cells: &mut Cells, rows: usize) -> Result<usize> {
        let mut taken = 0;
        while taken < rows.min(BATCH) && self.read_record(about)? {
            about.rows += 1;
            let Some(reason) = self.misfit(about) else {
                self.take(about, cells)?;
                taken += 1;
                continue;
            };
            if !self.skip_bad_rows {
                let advice = "write each cell with a delimiter or a line break in it in quotes, or leave such rows out (--skip-bad-rows)";
                return Err(Error::data(&about.path, format!("row {}: {reason}; {advice}", about.rows)));
            }
            about.skipped.rows += 1;
            if about.skipped.described.len() < DESCRIBED {
                about.skipped.described.push(format!("row {}: {reason}", about.rows));
            }
        }
        Ok(taken)
    }

    fn read_record(&mut self, about: &About) -> Result<bool> {
        loop {
            let read = self.csv.read_byte_record(&mut self.record);
            self.count.store(0, Ordering::Relaxed);
            let more = read.map_err(|error| match error.into_kind() {
                csv::ErrorKind::Io(cause) => Error::io(&about.path)(cause),
                other => Error::format(&about.path, format!("row {}: {other:?}", about.rows + 1)),
            })?;
            // A line that is empty but for spaces is none.
            let is_empty = self.record.len() == 1 && self.record[0].trim_ascii().is_empty() && about.names.len() != 1;
            if !(more && is_empty) {
                return Ok(more);
            }
        }
    }

    /// Why the record is no row of this table.
    fn misfit(&self, about: &About) -> Option<String> {
        let (is, names) = (self.record.len(), about.names.len());
        (is != names).then(|| {
            let plural = |n: usize| if n == 1 { "" } else { "s" };
            format!("{is} cell{} for {names} column{}", plural(is), plural(names))
        })
    }

    /// Adds the record to the columns. What is checked of every cell is looked for in all of them at once.
    fn take(&mut self, about: &mut About, cells: &mut Cells) -> Result<()> {
        let all = self.record.as_slice();
        if all.len() > LONGEST_CELL || all.contains(&0) {
            self.check_cells(about)?;
        }
        let is_utf_8 = std::str::from_utf8(all).is_ok();
        let kept = self.record.iter().zip(&about.kept).filter(|(_, is_kept)| **is_kept);
        for ((cell, _), column) in kept.zip(&mut cells.columns) {
            let cell = cell.trim_ascii();
            let text = match std::str::from_utf8(cell) {
                Ok(text) if is_utf_8 => Cow::Borrowed(text),
                _ => decoded(cell),
            };
            column.push(if about.missing.contains(&text) { "" } else { &text });
        }
        if !is_utf_8 && !self.is_latin_1 {
            self.is_latin_1 = true;
            about.notes.push(format!("row {} is not UTF-8; such cells are read as Latin-1", about.rows));
        }
        Ok(())
    }

    /// Refuses cells that are too long, or no text.
    fn check_cells(&self, about: &About) -> Result<()> {
        for (cell, name) in self.record.iter().zip(&about.names) {
            let reason = match () {
                () if cell.len() > LONGEST_CELL => {
                    format!("a cell of {} bytes; a quote may be missing before it", cell.len())
                }
                () if cell.contains(&0) => "a NUL byte; the file is damaged, or no text".to_owned(),
                () => continue,
            };
            return Err(Error::data(&about.path, format!("row {}, column `{name}`: {reason}", about.rows)));
        }
        Ok(())
    }

    fn read_names(&mut self, about: &mut About) -> Result<()> {
        if !self.read_record(about)? {
            return Err(Error::format(&about.path, "this is an empty file; a table with a line of names is needed"));
        }
        if self.record.len() > MOST_COLUMNS {
            let reason =
                format!("{} columns in its first line; {MOST_COLUMNS} are the most that is read", self.record.len());
            return Err(Error::format(&about.path, reason));
        }
        let names: Vec<String> = self.record.iter().map(|cell| decoded(cell.trim_ascii()).into_owned()).collect();
        if let Some(name) = names.iter().find(|name| name.contains('\0')) {
            let reason = format!(
                "a NUL byte in its first line, in `{}`; the file is damaged, or no text",
                name.replace('\0', "")
            );
            return Err(Error::format(&about.path, reason));
        }
        if names.iter().all(|name| Notation::Plain.parse(name).is_some()) {
            let some: Vec<&str> = names.iter().take(3).map(String::as_str).collect();
            let reason = format!(
                "its first line has numbers ({}, ...) where the names of the columns should be; write a line of names above it",
                some.join(", ")
            );
            return Err(Error::format(&about.path, reason));
        }
        about.set_columns(names.into_iter().map(|name| (name, Type::Unknown)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::{ReadOptions, Skipped, open};

    fn read_with(bytes: &[u8], options: &ReadOptions) -> std::result::Result<(Vec<String>, Vec<Vec<String>>), String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let all = || {
            let mut reader = open(file.path(), options)?;
            let cells = reader.all_rows()?;
            let columns = cells.columns.iter().map(|column| column.iter().map(str::to_owned).collect()).collect();
            Ok((cells.names, columns))
        };
        all().map_err(|error: Error| error.to_string().replace(&format!("{}: ", file.path().display()), ""))
    }

    fn read(bytes: &[u8]) -> std::result::Result<(Vec<String>, Vec<Vec<String>>), String> {
        read_with(bytes, &ReadOptions::default())
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn one_table_in_many_forms() {
        let table = (
            vec!["a".to_owned(), "b c".to_owned()],
            vec![vec!["1".to_owned(), String::new()], vec!["x, y".to_owned(), "z".to_owned()]],
        );
        let zstd = b"\x28\xb5\x2f\xfd\x04\x58\x99\x00\x00a,b c\n1,\"x, y\"\n,z\n";
        let utf_16: Vec<u8> = "\u{feff}a,b c\n1,\"x, y\"\n,z\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [
            &b"a,b c\n1,\"x, y\"\n,z\n"[..],
            b"\xef\xbb\xbfa,b c\r\n1,\"x, y\"\r\n,z",
            b"a;b c\n1;x, y\n;z\n",
            b"a\tb c\n 1\tx, y\n\tz \n",
            b"a|b c\n1|x, y\nNA|z\n\n  \n",
            b"a,b c\n1,\"x, y\"\nnull,z\n",
            &gzip(b"a,b c\n1,\"x, y\"\n,z\n"),
            &utf_16,
        ] {
            assert_eq!(read(bytes).as_ref(), Ok(&table), "{:?}", String::from_utf8_lossy(bytes));
        }
        assert!(read(zstd).is_err_and(|said| said.contains("damaged Zstandard data")), "a checksum that is missing");
    }

    #[test]
    fn quotes_hold_delimiters_quotes_and_line_breaks() {
        let (_, columns) = read(b"a,b\n\"x\ny\",\"he said \"\"no\"\"\"\n").unwrap();
        assert_eq!(columns, [["x\ny"], ["he said \"no\""]]);
    }

    #[test]
    fn words_for_missing_values_can_be_given() {
        let options = ReadOptions { missing: Some(vec!["?".into()]), ..Default::default() };
        assert_eq!(read_with(b"a,b\n?,NA\n", &options).unwrap().1, [[""], ["NA"]]);
    }

    #[test]
    fn what_is_no_table_is_refused_in_one_sentence() {
        for (bytes, said) in [
            (&b""[..], "this is an empty file; a table with a line of names is needed"),
            (b"a,b\n", "it has a line of names and no rows"),
            (b"a,b,a\n1,2,3\n", "columns 1 and 3 are both named `a`; rename one of them"),
            (
                b"1.5,2\n3,4\n",
                "its first line has numbers (1.5, 2, ...) where the names of the columns should be; write a line of names above it",
            ),
            (
                b"a,b\n1,2\n3\n",
                "row 2: 1 cell for 2 columns; write each cell with a delimiter or a line break in it in quotes, or leave such rows out (--skip-bad-rows)",
            ),
            (
                b"a,b\n1,2\n3,4,5\n",
                "row 2: 3 cells for 2 columns; write each cell with a delimiter or a line break in it in quotes, or leave such rows out (--skip-bad-rows)",
            ),
            (b"a,b\n1,x\0y\n", "row 1, column `b`: a NUL byte; the file is damaged, or no text"),
            (
                b"\x89PNG\r\n\x1a\n\0\0",
                "this is a PNG picture; a table is needed: CSV (plain, gzip or Zstandard), Parquet or Arrow; or name the folder that it is in",
            ),
        ] {
            assert_eq!(read(bytes).unwrap_err(), said);
        }
        let cut = gzip(&b"a,b\n1,2\n".repeat(100));
        assert!(read(&cut[..cut.len() - 12]).unwrap_err().contains("damaged gzip data"));
        let long = [&b"a,b\n1,"[..], &vec![b'x'; LONGEST_CELL + 1]].concat();
        let said = format!("row 1, column `b`: a cell of {} bytes; a quote may be missing before it", LONGEST_CELL + 1);
        assert_eq!(read(&long).unwrap_err(), said);
    }

    #[test]
    fn bad_rows_are_skipped_and_counted_if_asked() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"a,b\n1,2\n3\n4,5,6\n7,8\n").unwrap();
        let mut reader = open(file.path(), &ReadOptions { skip_bad_rows: true, ..Default::default() }).unwrap();
        assert_eq!(reader.all_rows().unwrap().columns[0].iter().collect::<Vec<_>>(), ["1", "7"]);
        let described = ["row 2: 1 cell for 2 columns", "row 3: 3 cells for 2 columns"].map(String::from).into();
        assert_eq!(*reader.skipped(), Skipped { rows: 2, described });
    }

    #[test]
    fn what_is_unusual_is_said() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b",b\n1,Z\xfcrich\n").unwrap();
        let mut reader = open(file.path(), &ReadOptions::default()).unwrap();
        assert_eq!(reader.all_rows().unwrap().columns[1].iter().collect::<Vec<_>>(), ["Zürich"]);
        let said =
            ["column 1 has no name and is called `column 1`", "row 1 is not UTF-8; such cells are read as Latin-1"];
        assert_eq!(reader.notes(), said);
    }

    #[test]
    fn chunks_are_the_rows_of_the_whole_in_their_order() {
        let text: String =
            std::iter::once("n,m\n".into()).chain((0..1000).map(|i| format!("{i},{}\n", i * i))).collect();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let mut reader = open(file.path(), &ReadOptions::default()).unwrap();
        let mut seen = Vec::new();
        while let Some(cells) = reader.next_rows(300).unwrap() {
            assert_eq!(cells.first_row, seen.len() + 1);
            seen.extend(cells.columns[0].iter().map(|cell| cell.parse::<usize>().unwrap()));
        }
        assert_eq!(seen, (0..1000).collect::<Vec<_>>());
    }
}
