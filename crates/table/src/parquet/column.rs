//! The values of a column as cells.

use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::column::page::PageReader;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::DataType;
use parquet::schema::types::{ColumnDescPtr, ColumnDescriptor, Type as Field};

use crate::cells::{Texts, Type};
use crate::missing::Missing;
use crate::written;

/// What the values of a column stand for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Meaning {
    Boolean,
    Integer,
    Unsigned,
    Decimal { scale: i32 },
    Single,
    Double,
    Half,
    Date,
    Timestamp { per_second: i64 },
    Time { per_second: i64 },
    Text,
    Uuid,
}

impl Meaning {
    /// By the physical and the logical type; in the second place what cannot be a cell.
    pub(super) fn of(column: &ColumnDescriptor) -> Result<Self, String> {
        let logical = column.logical_type_ref().cloned().or_else(|| converted(column));
        let per_second = |unit| match unit {
            TimeUnit::MILLIS => 1_000,
            TimeUnit::MICROS => 1_000_000,
            TimeUnit::NANOS => 1_000_000_000,
        };
        Ok(match (column.physical_type(), logical) {
            (Physical::BOOLEAN, _) => Self::Boolean,
            (Physical::INT96, _) => Self::Timestamp { per_second: 1_000_000_000 },
            (Physical::FLOAT, _) => Self::Single,
            (Physical::DOUBLE, _) => Self::Double,
            (Physical::INT32 | Physical::INT64, Some(LogicalType::Integer(int))) if !int.is_signed => Self::Unsigned,
            (Physical::INT32, Some(LogicalType::Date)) => Self::Date,
            (Physical::INT64, Some(LogicalType::Timestamp(of))) => Self::Timestamp { per_second: per_second(of.unit) },
            (Physical::INT32 | Physical::INT64, Some(LogicalType::Time(of))) => {
                Self::Time { per_second: per_second(of.unit) }
            }
            (_, Some(LogicalType::Decimal(decimal))) if decimal.scale.abs() <= 100 => {
                Self::Decimal { scale: decimal.scale }
            }
            (Physical::INT32 | Physical::INT64, _) => Self::Integer,
            (
                Physical::BYTE_ARRAY,
                None | Some(LogicalType::String | LogicalType::Enum | LogicalType::Json | LogicalType::Unknown),
            ) => Self::Text,
            (Physical::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::Float16)) if column.type_length() == 2 => Self::Half,
            (Physical::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::Uuid)) => Self::Uuid,
            (_, None) => return Err("binary data of a fixed length".into()),
            (_, Some(logical)) => return Err(format!("of the type {logical:?}")),
        })
    }

    pub(super) fn values(self) -> Type {
        match self {
            Self::Boolean => Type::Boolean,
            Self::Integer => Type::Integer,
            Self::Single | Self::Half => Type::Single,
            Self::Unsigned | Self::Decimal { .. } | Self::Double => Type::Number,
            Self::Date => Type::Date,
            Self::Timestamp { .. } => Type::Timestamp,
            Self::Time { .. } | Self::Text | Self::Uuid => Type::Text,
        }
    }
}

/// The logical type of older files.
fn converted(column: &ColumnDescriptor) -> Option<LogicalType> {
    Some(match column.converted_type() {
        ConvertedType::UTF8 => LogicalType::String,
        ConvertedType::ENUM => LogicalType::Enum,
        ConvertedType::JSON => LogicalType::Json,
        ConvertedType::BSON => LogicalType::Bson,
        ConvertedType::DECIMAL => LogicalType::decimal(column.type_scale(), column.type_precision()),
        ConvertedType::DATE => LogicalType::Date,
        ConvertedType::TIME_MILLIS => LogicalType::time(true, TimeUnit::MILLIS),
        ConvertedType::TIME_MICROS => LogicalType::time(true, TimeUnit::MICROS),
        ConvertedType::TIMESTAMP_MILLIS => LogicalType::timestamp(true, TimeUnit::MILLIS),
        ConvertedType::TIMESTAMP_MICROS => LogicalType::timestamp(true, TimeUnit::MICROS),
        ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64 => {
            LogicalType::integer(64, false)
        }
        _ => return None,
    })
}

/// What a column of several values a row is.
pub(super) fn nested(field: &Field) -> Option<String> {
    let info = field.get_basic_info();
    let is_repeated = info.has_repetition() && info.repetition() == Repetition::REPEATED;
    let what = match (info.logical_type_ref(), info.converted_type()) {
        (Some(LogicalType::List), _) | (_, ConvertedType::LIST) => "a list",
        (Some(LogicalType::Map), _) | (_, ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE) => "a map",
        _ if is_repeated => "a list",
        _ if field.is_group() => "a struct",
        _ => return None,
    };
    Some(what.to_owned())
}

/// A column of a row group, as far as it was read.
pub(super) struct Column {
    reader: ColumnReader,
    meaning: Meaning,
    is_optional: bool,
}

/// Where cells go.
struct Into<'a> {
    rows: usize,
    is_optional: bool,
    texts: &'a mut Texts,
    missing: &'a Missing,
}

impl Column {
    pub(super) fn new(column: ColumnDescPtr, pages: Box<dyn PageReader>, meaning: Meaning) -> Self {
        let is_optional = column.max_def_level() > 0;
        Self { reader: get_column_reader(column, pages), meaning, is_optional }
    }

    /// Adds so many cells.
    ///
    /// # Errors
    /// A sentence, if there are fewer or they are damaged.
    pub(super) fn add(&mut self, rows: usize, texts: &mut Texts, missing: &Missing) -> Result<(), String> {
        let into = Into { rows, is_optional: self.is_optional, texts, missing };
        let meaning = self.meaning;
        match &mut self.reader {
            ColumnReader::BoolColumnReader(reader) => into.each(reader, |out, value| written::plain(out, value)),
            ColumnReader::Int32ColumnReader(reader) => into.each(reader, |out, value| {
                let value = if meaning == Meaning::Unsigned { i64::from(*value as u32) } else { i64::from(*value) };
                integer(out, value, meaning);
            }),
            ColumnReader::Int64ColumnReader(reader) => into.each(reader, |out, value| match meaning {
                Meaning::Unsigned => written::plain(out, *value as u64),
                _ => integer(out, *value, meaning),
            }),
            ColumnReader::Int96ColumnReader(reader) => into.each(reader, |out, value| int_96(out, value.data())),
            ColumnReader::FloatColumnReader(reader) => into.each(reader, |out, value| written::single(out, *value)),
            ColumnReader::DoubleColumnReader(reader) => into.each(reader, |out, value| written::float(out, *value)),
            ColumnReader::ByteArrayColumnReader(reader) => {
                into.add(reader, |out, value| bytes(out, value.data(), meaning))
            }
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                into.add(reader, |out, value| bytes(out, value.data(), meaning))
            }
        }
    }
}

impl Into<'_> {
    /// Adds values of which none can be refused.
    fn each<T: DataType>(
        self,
        reader: &mut ColumnReaderImpl<T>,
        write: impl Fn(&mut String, &T::T),
    ) -> Result<(), String> {
        self.add(reader, |out, value| {
            write(out, value);
            Ok(())
        })
    }

    fn add<T: DataType>(
        self,
        reader: &mut ColumnReaderImpl<T>,
        write: impl Fn(&mut String, &T::T) -> Result<(), String>,
    ) -> Result<(), String> {
        let (mut levels, mut values) = (Vec::new(), Vec::new());
        let read = reader.read_records(self.rows, Some(&mut levels), None, &mut values);
        let (rows, ..) = read.map_err(|error| error.to_string())?;
        if rows != self.rows {
            return Err(format!("{rows} values where {} should be", self.rows));
        }
        let mut values = values.iter();
        for row in 0..rows {
            let is_there = !self.is_optional || levels.get(row).is_some_and(|level| *level > 0);
            match is_there.then(|| values.next()).flatten() {
                Some(value) => self.texts.push_written(self.missing, |out| write(out, value))?,
                None => self.texts.push(""),
            }
        }
        Ok(())
    }
}

fn integer(out: &mut String, value: i64, meaning: Meaning) {
    match meaning {
        Meaning::Decimal { scale } => written::decimal(out, value.into(), scale),
        Meaning::Date => written::day(out, value),
        Meaning::Timestamp { per_second } => written::timestamp(out, value, per_second),
        Meaning::Time { per_second } => written::time(out, value, per_second),
        _ => written::plain(out, value),
    }
}

/// Nanoseconds of a day, and the day by the Julian calendar of astronomers.
fn int_96(out: &mut String, value: &[u32]) {
    let [low, high, day] = [value[0], value[1], value[2]];
    written::day(out, i64::from(day) - 2_440_588);
    out.push(' ');
    written::time(out, i64::from(high) << 32 | i64::from(low), 1_000_000_000);
}

fn bytes(out: &mut String, value: &[u8], meaning: Meaning) -> Result<(), String> {
    match meaning {
        Meaning::Decimal { scale } => written::decimal(out, big_endian(value)?, scale),
        Meaning::Half => {
            value.first_chunk().iter().for_each(|bits| written::single(out, written::half(u16::from_le_bytes(**bits))))
        }
        Meaning::Uuid => value.iter().for_each(|byte| written::plain(out, format_args!("{byte:02x}"))),
        _ => written::text(out, value)?,
    }
    Ok(())
}

/// A whole number in two's complement, its highest byte first.
fn big_endian(bytes: &[u8]) -> Result<i128, String> {
    let is_negative = bytes.first().is_some_and(|byte| byte >> 7 == 1);
    let fill = if is_negative { 0xff } else { 0 };
    let start = bytes.len().saturating_sub(16);
    let mut all = [fill; 16];
    all[16 - (bytes.len() - start)..].copy_from_slice(&bytes[start..]);
    let is_whole = bytes[..start].iter().all(|byte| *byte == fill) && (all[0] >> 7 == 1) == is_negative;
    is_whole.then_some(i128::from_be_bytes(all)).ok_or_else(|| "a decimal of more than 38 digits".into())
}
