//! Values as the text of a cell, as a program would write them into a CSV file: a table gives the same network from either.

use std::fmt::{Display, Write as _};

use crate::encoding::decoded;

/// Bytes of a cell of text, at most.
pub(crate) const LONGEST_CELL: usize = 1 << 20;

/// `17`, `true`
pub(crate) fn plain(out: &mut String, value: impl Display) {
    // Writing into a string cannot fail.
    let _ = write!(out, "{value}");
}

/// The shortest decimal that is read as the same number; nothing for NaN.
pub(crate) fn float(out: &mut String, value: f64) {
    if !value.is_nan() {
        plain(out, value);
    }
}

/// As [`float`], in single precision: `0.1` of what is 0.10000000149 as a double, for it was read from `0.1`.
pub(crate) fn single(out: &mut String, value: f32) {
    if !value.is_nan() {
        plain(out, value);
    }
}

/// `unscaled` * 10^-`scale`, all digits kept.
pub(crate) fn decimal(out: &mut String, unscaled: i128, scale: i32) {
    let digits = unscaled.unsigned_abs().to_string();
    if unscaled < 0 {
        out.push('-');
    }
    if scale <= 0 {
        out.push_str(&digits);
        (scale..0).filter(|_| unscaled != 0).for_each(|_| out.push('0'));
        return;
    }
    let scale = scale as usize;
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    plain(out, format_args!("{whole}.{fraction}"));
}

/// `2026-11-27`, of days since 1970-01-01.
pub(crate) fn day(out: &mut String, days: i64) {
    // Years from 1 March, so that a leap day is the last of its year; 400 years have 146,097 days.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = year + era * 400 + i64::from(month <= 2);
    plain(out, format_args!("{year:04}-{month:02}-{day:02}"));
}

/// `2026-11-27 14:30:00.25`, of units since 1970-01-01 of which a second has `per_second`.
pub(crate) fn timestamp(out: &mut String, units: i64, per_second: i64) {
    let per_day = per_second * 86_400;
    day(out, units.div_euclid(per_day));
    out.push(' ');
    time(out, units.rem_euclid(per_day), per_second);
}

/// `14:30:00.25`, of units since midnight.
pub(crate) fn time(out: &mut String, units: i64, per_second: i64) {
    let (seconds, fraction) = (units.div_euclid(per_second), units.rem_euclid(per_second));
    plain(out, format_args!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60));
    if fraction > 0 {
        let digits = format!("{:0width$}", fraction, width = per_second.ilog10() as usize);
        plain(out, format_args!(".{}", digits.trim_end_matches('0')));
    }
}

/// Text without spaces around it.
///
/// # Errors
/// If it is too long.
pub(crate) fn text(out: &mut String, bytes: &[u8]) -> Result<(), String> {
    let bytes = bytes.trim_ascii();
    if bytes.len() > LONGEST_CELL {
        return Err(format!("a cell of {} bytes; {LONGEST_CELL} are the most that is read", bytes.len()));
    }
    out.push_str(&decoded(bytes));
    Ok(())
}

/// Half precision as single.
pub(crate) fn half(bits: u16) -> f32 {
    let (sign, exponent, fraction) = (bits >> 15, i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction > 0.0 => f32::NAN,
        31 => f32::INFINITY,
        _ => (1024.0 + fraction) * 2f32.powi(exponent - 25),
    };
    if sign == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::date::First;
    use crate::number::Notation;

    fn written(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn values_are_written_as_in_a_csv_file() {
        for (unscaled, scale, text) in
            [(12345, 2, "123.45"), (-5, 3, "-0.005"), (7, 0, "7"), (7, -2, "700"), (0, 2, "0.00"), (0, -2, "0")]
        {
            assert_eq!(written(|out| decimal(out, unscaled, scale)), text);
        }
        assert_eq!(written(|out| single(out, 0.1)), "0.1");
        assert_eq!(written(|out| float(out, f64::NAN)), "");
        assert_eq!(written(|out| day(out, 20_784)), "2026-11-27");
        assert_eq!(written(|out| timestamp(out, -1, 1000)), "1969-12-31 23:59:59.999");
        assert_eq!(written(|out| timestamp(out, 951_805_800_250_000, 1_000_000)), "2000-02-29 06:30:00.25");
        assert_eq!(written(|out| time(out, 52_200, 1)), "14:30:00");
        assert_eq!(
            text(&mut String::new(), &vec![b'x'; LONGEST_CELL + 1]).unwrap_err(),
            "a cell of 1048577 bytes; 1048576 are the most that is read"
        );
        for (bits, value) in
            [(0x3c00, 1.0), (0xc000, -2.0), (0x3555, 0.333_251_95), (1, 5.960_464_5e-8), (0x7c00, f32::INFINITY)]
        {
            assert_eq!(half(bits), value);
        }
        assert!(half(0x7e00).is_nan());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(days in -719_000_i64..2_900_000, number in any::<f64>().prop_filter("finite", |x| x.is_finite())) {
            prop_assert_eq!(First::Year.parse(&written(|out| day(out, days))), Some(days as f64 * 86_400.0));
            let seconds = days * 86_400 + 4711;
            prop_assert_eq!(First::Year.parse(&written(|out| timestamp(out, seconds * 1000, 1000))), Some(seconds as f64));
            prop_assert_eq!(Notation::Plain.parse(&written(|out| float(out, number))), Some(number));
        }
    }
}
