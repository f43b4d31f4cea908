//! Reads tables of every format in chunks.

use std::io::BufRead;
use std::path::Path;

use layerloop::{Error, Result, memory};

use crate::about::{About, Skipped};
use crate::arrow::Arrow;
use crate::cells::Cells;
use crate::csv::Csv;
use crate::parquet::Parquet;
use crate::source::{self, Indexed};

/// Bytes of cells between two looks at the memory that is left.
const LOOK: usize = 64 << 20;

/// How a table is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// What is between two cells of a CSV file; otherwise the comma, semicolon, tab or bar that the line of names has most of.
    pub delimiter: Option<u8>,
    /// Cells that stand for a missing value, beside empty ones; otherwise `NA`, `N/A`, `NaN`, `nan`, `null` and `NULL`.
    pub missing: Option<Vec<String>>,
    /// Leave rows of a CSV file out that have more or fewer cells than there are names, instead of refusing the file.
    pub skip_bad_rows: bool,
}

/// A table that is being read.
pub struct Reader {
    about: About,
    format: Format,
}

enum Format {
    Csv(Csv),
    Parquet(Parquet),
    Arrow(Arrow),
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("path", &self.about.path)
            .field("names", &self.about.names)
            .finish_non_exhaustive()
    }
}

/// Opens a CSV file, plain, gzip or Zstandard, or standard input (`-`), and reads its line of names.
///
/// # Errors
/// [`Error::Io`] if it cannot be read; [`Error::Format`] if it is something else, or its first line has no names or the same name twice.
///
/// # Example
/// ```
/// # let folder = tempfile::tempdir().expect("a folder");
/// # let path = folder.path().join("people.csv");
/// std::fs::write(&path, "age;job\n31;cook\n;pilot\n").expect("written");
/// let mut reader = layerloop_table::open(&path, &Default::default())?;
/// assert_eq!(reader.names(), ["age", "job"]);
/// let cells = reader.next_rows(100)?.expect("rows");
/// assert_eq!(cells.columns[0].iter().collect::<Vec<_>>(), ["31", ""]);
/// assert!(reader.next_rows(100)?.is_none());
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn open(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Reader> {
    let path = path.as_ref();
    let bytes = source::open(path)?;
    let Some((format, file)) = bytes.indexed else { return read(bytes.all, path, options) };
    let mut about = About::new(path, options.missing.clone());
    let format = match format {
        Indexed::Parquet => Format::Parquet(Parquet::open(file, &mut about)?),
        Indexed::Arrow => Format::Arrow(Arrow::open_file(file, &mut about)?),
    };
    Ok(Reader { about, format })
}

/// As [`open`], of bytes that messages call `path`.
///
/// # Errors
/// As [`open`].
pub fn read(bytes: impl BufRead + 'static, path: &Path, options: &ReadOptions) -> Result<Reader> {
    let mut about = About::new(path, options.missing.clone());
    let mut bytes: Box<dyn BufRead> = Box::new(bytes);
    let format = if source::is_arrow(source::fill(&mut *bytes, path)?) {
        Format::Arrow(Arrow::open_stream(bytes, &mut about)?)
    } else {
        Format::Csv(Csv::open(bytes, &mut about, options.delimiter, options.skip_bad_rows)?)
    };
    Ok(Reader { about, format })
}

impl Reader {
    /// The names of the columns.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.about.names
    }

    /// Reads no other columns from here on.
    pub fn retain(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.about.kept = self.about.names.iter().map(|name| is_kept(name)).collect();
    }

    /// What the user should know about how it was read so far, in sentences.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.about.notes
    }

    /// The rows that were left out so far.
    #[must_use]
    pub fn skipped(&self) -> &Skipped {
        &self.about.skipped
    }

    /// Whether commas in numbers are before their decimals rather than between thousands, where both could be: as in files with semicolons
    /// between the cells.
    #[must_use]
    pub fn comma_is_decimal(&self) -> bool {
        match &self.format {
            Format::Csv(csv) => csv.comma_is_decimal(),
            _ => false,
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.about.path
    }

    /// The next rows, at most `rows` of them; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Data`] with the row where one has more or fewer cells than there are names, or a cell is too long or has a NUL byte;
    /// [`Error::Io`] and [`Error::Format`] where the bytes cannot be read or unpacked; [`Error::Config`] if they do not fit into memory.
    pub fn next_rows(&mut self, rows: usize) -> Result<Option<Cells>> {
        let Self { about, format } = self;
        let mut cells = about.cells();
        let (mut taken, mut looked) = (0, 0);
        while taken < rows {
            let added = match format {
                Format::Csv(csv) => csv.add(about, &mut cells, rows - taken)?,
                Format::Parquet(parquet) => parquet.add(about, &mut cells, rows - taken)?,
                Format::Arrow(arrow) => arrow.add(about, &mut cells, rows - taken)?,
            };
            if added == 0 {
                break;
            }
            taken += added;
            if cells.bytes() >= looked + LOOK {
                looked = cells.bytes();
                memory::check(&format!("the table {}", about.path.display()), looked / 2, "fewer rows")?;
            }
        }
        Ok((taken > 0).then_some(cells))
    }

    /// All rows that are left.
    ///
    /// # Errors
    /// As [`Self::next_rows`]; [`Self::no_rows`] if there are none.
    pub fn all_rows(&mut self) -> Result<Cells> {
        self.next_rows(usize::MAX)?.ok_or_else(|| self.no_rows())
    }

    /// That there are no rows.
    #[must_use]
    pub fn no_rows(&self) -> Error {
        let reason = match &self.format {
            Format::Csv(_) => "it has a line of names and no rows",
            _ => "it has columns and no rows",
        };
        Error::format(&self.about.path, reason)
    }
}
