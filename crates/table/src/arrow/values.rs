//! Values of an Arrow array as cells.

use arrow_array::Array;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DurationMicrosecondType,
    DurationMillisecondType, DurationNanosecondType, DurationSecondType, Float16Type, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_schema::{DataType, TimeUnit};

use crate::cells::Type;
use crate::written;

/// What the values of a column are; in the second place what cannot be a cell.
pub(super) fn type_of(array: &DataType) -> Result<Type, String> {
    Ok(match array {
        DataType::Null => Type::Unknown,
        DataType::Boolean => Type::Boolean,
        DataType::UInt64 => Type::Number,
        integer if integer.is_integer() => Type::Integer,
        DataType::Duration(_) => Type::Integer,
        DataType::Float16 | DataType::Float32 => Type::Single,
        number if number.is_numeric() => Type::Number,
        DataType::Date32 | DataType::Date64 => Type::Date,
        DataType::Timestamp(..) => Type::Timestamp,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Type::Text,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Type::Text,
        DataType::Time32(_) | DataType::Time64(_) => Type::Text,
        DataType::Dictionary(_, values) if !matches!(**values, DataType::Dictionary(..)) => type_of(values)?,
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => return Err("a list".into()),
        DataType::ListView(_) | DataType::LargeListView(_) => return Err("a list".into()),
        DataType::Struct(_) => return Err("a struct".into()),
        DataType::Map(..) => return Err("a map".into()),
        other => return Err(format!("of the type {other}")),
    })
}

/// Adds the value in a row; nothing if it is missing.
pub(super) fn write(out: &mut String, array: &dyn Array, row: usize) -> Result<(), String> {
    if array.is_null(row) || array.data_type().is_null() {
        return Ok(());
    }
    if let Some(dictionary) = array.as_any_dictionary_opt() {
        let values = dictionary.values();
        let key = usize::try_from(integer(dictionary.keys(), row)?).ok().filter(|key| *key < values.len());
        return write(out, values, key.ok_or("a key that is not in its dictionary")?);
    }
    if let Some(bytes) = text(array, row) {
        return written::text(out, bytes);
    }
    match array.data_type() {
        DataType::Boolean => written::plain(out, array.as_boolean().value(row)),
        DataType::Float16 => {
            written::single(out, written::half(array.as_primitive::<Float16Type>().value(row).to_bits()))
        }
        DataType::Float32 => written::single(out, array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => written::float(out, array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal32(_, scale) => decimal(out, array.as_primitive::<Decimal32Type>().value(row).into(), *scale),
        DataType::Decimal64(_, scale) => decimal(out, array.as_primitive::<Decimal64Type>().value(row).into(), *scale),
        DataType::Decimal128(_, scale) => decimal(out, array.as_primitive::<Decimal128Type>().value(row), *scale),
        DataType::Decimal256(_, scale) => {
            let unscaled = array.as_primitive::<Decimal256Type>().value(row).to_i128();
            decimal(out, unscaled.ok_or("a decimal of more than 38 digits")?, *scale);
        }
        DataType::Date32 => written::day(out, array.as_primitive::<Date32Type>().value(row).into()),
        DataType::Date64 => written::day(out, array.as_primitive::<Date64Type>().value(row).div_euclid(86_400_000)),
        DataType::UInt64 => written::plain(out, array.as_primitive::<UInt64Type>().value(row)),
        DataType::Timestamp(unit, _) => written::timestamp(out, integer(array, row)?, per_second(*unit)),
        DataType::Time32(unit) | DataType::Time64(unit) => written::time(out, integer(array, row)?, per_second(*unit)),
        _ => written::plain(out, integer(array, row)?),
    }
    Ok(())
}

fn decimal(out: &mut String, unscaled: i128, scale: i8) {
    written::decimal(out, unscaled, scale.into());
}

fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

fn text(array: &dyn Array, row: usize) -> Option<&[u8]> {
    Some(match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).as_bytes(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).as_bytes(),
        DataType::Utf8View => array.as_string_view().value(row).as_bytes(),
        DataType::Binary => array.as_binary::<i32>().value(row),
        DataType::LargeBinary => array.as_binary::<i64>().value(row),
        DataType::BinaryView => array.as_binary_view().value(row),
        _ => return None,
    })
}

/// What is an integer in the file: also a time.
fn integer(array: &dyn Array, row: usize) -> Result<i64, String> {
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    Ok(match array.data_type() {
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).into(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(row).into(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(row).into(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).into(),
        DataType::Timestamp(Second, _) => array.as_primitive::<TimestampSecondType>().value(row),
        DataType::Timestamp(Millisecond, _) => array.as_primitive::<TimestampMillisecondType>().value(row),
        DataType::Timestamp(Microsecond, _) => array.as_primitive::<TimestampMicrosecondType>().value(row),
        DataType::Timestamp(Nanosecond, _) => array.as_primitive::<TimestampNanosecondType>().value(row),
        DataType::Time32(Second) => array.as_primitive::<Time32SecondType>().value(row).into(),
        DataType::Time32(Millisecond) => array.as_primitive::<Time32MillisecondType>().value(row).into(),
        DataType::Time64(Microsecond) => array.as_primitive::<Time64MicrosecondType>().value(row),
        DataType::Time64(Nanosecond) => array.as_primitive::<Time64NanosecondType>().value(row),
        DataType::Duration(Second) => array.as_primitive::<DurationSecondType>().value(row),
        DataType::Duration(Millisecond) => array.as_primitive::<DurationMillisecondType>().value(row),
        DataType::Duration(Microsecond) => array.as_primitive::<DurationMicrosecondType>().value(row),
        DataType::Duration(Nanosecond) => array.as_primitive::<DurationNanosecondType>().value(row),
        other => return Err(format!("a value of the type {other}")),
    })
}
