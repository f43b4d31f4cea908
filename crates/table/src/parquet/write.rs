//! Rows as a Parquet file, in row groups.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use layerloop::{Error, Result};
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{BoolType, ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type as Field, TypePtr};

use crate::cells::{Texts, Type};
use crate::date::First;
use crate::number::Notation;

/// Bytes of the cells of a row group.
const GROUP: usize = 32 << 20;
/// Rows of one, at most.
const GROUP_ROWS: usize = 1 << 20;

/// Makes the bytes of a Parquet file from rows of cells, whose text is read again by the types of the columns.
///
/// # Example
/// ```
/// use layerloop_table::{ParquetWriter, Type};
/// # let folder = tempfile::tempdir().expect("a folder");
/// # let path = folder.path().join("scored.parquet");
/// let mut writer = ParquetWriter::new(&path, vec![("job".into(), Type::Text), ("pay".into(), Type::Number)])?;
/// writer.push(["cook", "12.5"])?;
/// writer.push(["", "7"])?;
/// std::fs::write(&path, writer.finish()?).expect("written");
/// let cells = layerloop_table::open(&path, &Default::default())?.all_rows()?;
/// assert_eq!(cells.columns[1].iter().collect::<Vec<_>>(), ["12.5", "7"]);
/// # Ok::<(), layerloop::Error>(())
/// ```
pub struct ParquetWriter {
    path: PathBuf,
    names: Vec<String>,
    columns: Vec<Texts>,
    writer: SerializedFileWriter<Vec<u8>>,
}

impl std::fmt::Debug for ParquetWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParquetWriter").field("path", &self.path).field("names", &self.names).finish_non_exhaustive()
    }
}

impl ParquetWriter {
    /// Begins a file, which messages call `path`, with these columns.
    ///
    /// # Errors
    /// [`Error::Format`] if two columns have the same name.
    pub fn new(path: &Path, columns: Vec<(String, Type)>) -> Result<Self> {
        let mut seen = HashSet::new();
        if let Some((name, _)) = columns.iter().find(|(name, _)| !seen.insert(name)) {
            let reason = format!(
                "two of its columns would be named `{name}`; rename that of the input, or leave its columns out"
            );
            return Err(Error::format(path, reason));
        }
        let fields: std::result::Result<Vec<TypePtr>, _> =
            columns.iter().map(|(name, values)| field(name, *values).map(Arc::new)).collect();
        let failed = |error: ParquetError| Error::format(path, error.to_string());
        let schema = fields.and_then(|fields| Field::group_type_builder("schema").with_fields(fields).build());
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let schema = Arc::new(schema.map_err(failed)?);
        let writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).map_err(failed)?;
        let (names, types): (Vec<String>, Vec<Type>) = columns.into_iter().unzip();
        Ok(Self { path: path.to_path_buf(), names, columns: types.into_iter().map(Texts::of).collect(), writer })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`Error::Data`] if it has more or fewer cells than there are columns.
    pub fn push<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let mut columns = self.columns.iter_mut();
        let mut count = 0;
        for cell in cells {
            count += 1;
            columns.next().into_iter().for_each(|column| column.push(cell));
        }
        if count == self.columns.len() {
            return Ok(());
        }
        let reason =
            format!("a row of {count} cells for {} columns; all tables need the same columns", self.columns.len());
        Err(Error::data(&self.path, reason))
    }

    /// The bytes that are whole: of all row groups but the last.
    ///
    /// # Errors
    /// [`Error::Data`] with the column and the cell where one is not of its column's type.
    pub fn take(&mut self) -> Result<Vec<u8>> {
        let is_full = self.columns.iter().map(Texts::bytes).sum::<usize>() >= GROUP
            || self.columns.first().is_some_and(|column| column.len() >= GROUP_ROWS);
        if is_full {
            self.write_group()?;
        }
        Ok(std::mem::take(self.writer.inner_mut()))
    }

    /// Ends the file: the bytes that are left.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn finish(mut self) -> Result<Vec<u8>> {
        self.write_group()?;
        let Self { path, writer, .. } = self;
        writer.into_inner().map_err(|error| Error::format(&path, error.to_string()))
    }

    fn write_group(&mut self) -> Result<()> {
        let Self { path, names, columns, writer } = self;
        let failed = |error: ParquetError| Error::format(&*path, error.to_string());
        let mut group = writer.next_row_group().map_err(failed)?;
        for (texts, name) in columns.iter_mut().zip(names) {
            let mut column =
                group.next_column().map_err(failed)?.ok_or_else(|| Error::format(&*path, "no such column"))?;
            write_column(&mut column, texts)
                .map_err(|error| Error::data(&*path, format!("column `{name}`: {error}")))?;
            column.close().map_err(failed)?;
            texts.clear();
        }
        group.close().map_err(failed)?;
        Ok(())
    }
}

/// A column whose values may be missing.
fn field(name: &str, values: Type) -> std::result::Result<Field, ParquetError> {
    let (physical, logical) = match values {
        Type::Integer => (Physical::INT64, None),
        Type::Number => (Physical::DOUBLE, None),
        Type::Single => (Physical::FLOAT, None),
        Type::Boolean => (Physical::BOOLEAN, None),
        Type::Date => (Physical::INT32, Some(LogicalType::Date)),
        Type::Timestamp => (Physical::INT64, Some(LogicalType::timestamp(false, TimeUnit::MICROS))),
        Type::Unknown | Type::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
    };
    let builder = Field::primitive_type_builder(name, physical).with_logical_type(logical);
    builder.with_repetition(Repetition::OPTIONAL).build()
}

fn write_column(column: &mut SerializedColumnWriter<'_>, texts: &Texts) -> std::result::Result<(), ParquetError> {
    let number = |cell: &str| Notation::Plain.parse(cell).or_else(|| Notation::Thousands.parse(cell));
    match texts.values() {
        Type::Integer => write::<Int64Type>(column, texts, |cell| cell.parse().ok()),
        Type::Number => write::<DoubleType>(column, texts, number),
        Type::Single => write::<FloatType>(column, texts, |cell| cell.parse().ok()),
        Type::Boolean => write::<BoolType>(column, texts, |cell| cell.parse().ok()),
        Type::Date => {
            write::<Int32Type>(column, texts, |cell| Some((First::Year.parse(cell)? / 86_400.0).floor() as i32))
        }
        Type::Timestamp => {
            write::<Int64Type>(column, texts, |cell| Some((First::Year.parse(cell)? * 1e6).round() as i64))
        }
        Type::Unknown | Type::Text => write::<ByteArrayType>(column, texts, |cell| Some(cell.into())),
    }
}

fn write<T: DataType>(
    column: &mut SerializedColumnWriter<'_>,
    texts: &Texts,
    parse: impl Fn(&str) -> Option<T::T>,
) -> std::result::Result<(), ParquetError> {
    let levels: Vec<i16> = texts.iter().map(|cell| i16::from(!cell.is_empty())).collect();
    let value = |cell| {
        parse(cell).ok_or_else(|| {
            let what = format!("`{cell}` is not of the type that the column has in the first table");
            ParquetError::General(what)
        })
    };
    let values: Vec<T::T> =
        texts.iter().filter(|cell| !cell.is_empty()).map(value).collect::<std::result::Result<_, _>>()?;
    column.typed::<T>().write_batch(&values, Some(&levels), None).map(drop)
}
