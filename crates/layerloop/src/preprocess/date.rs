//! Moments as numbers: seconds since 1970-01-01 into year, month, day, weekday and hour, by the Gregorian calendar.

use layerloop_kernels::{NamedEnum as _, named_enum};
use serde::{Deserialize, Serialize};

use super::number::{Numbers, Scaling};
use crate::names::serialised::serde_as_text;

named_enum! {
    /// A number that a moment has.
    pub enum Part: "part of a date" {
        /// year, such as 2026
        Year = "year",
        /// month, 1 to 12
        Month = "month",
        /// day of the month, 1 to 31
        Day = "day",
        /// day of the week, 1 (Monday) to 7
        Weekday = "weekday",
        /// hour, 0 to 23, with minutes as its fraction
        Hour = "hour",
        /// days since the earliest moment of the training rows
        Elapsed = "days since the earliest",
    }
}

serde_as_text!(Part);

const DAY: f64 = 86_400.0;

impl Part {
    fn of(self, seconds: f64, earliest: f64) -> f64 {
        if seconds.is_nan() {
            return seconds;
        }
        let days = (seconds / DAY).floor();
        let (year, month, day) = civil(days as i64);
        match self {
            Self::Year => year as f64,
            Self::Month => month as f64,
            Self::Day => day as f64,
            Self::Weekday => (days as i64 + 3).rem_euclid(7) as f64 + 1.0, // 1970-01-01 was a Thursday
            Self::Hour => (seconds - days * DAY) / 3_600.0,
            Self::Elapsed => (seconds - earliest) / DAY,
        }
    }
}

/// The day of a moment, `2026-11-27`, of seconds since 1970-01-01.
///
/// # Example
/// ```
/// assert_eq!(layerloop::preprocess::day(951_782_400.0), "2000-02-29");
/// ```
#[must_use]
pub fn day(seconds: f64) -> String {
    let (year, month, day) = civil((seconds / DAY).floor() as i64);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Year, month and day of a number of days since 1970-01-01.
///
/// The year is counted from 1 March, so that a leap day is its last; five months from there have 153 days.
fn civil(days: i64) -> (i64, i64, i64) {
    const ERA: i64 = 146_097; // days of 400 years
    let days = days + 719_468; // since 0000-03-01
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let year = year + era * 400 + i64::from(month >= 10);
    (year, if month < 10 { month + 3 } else { month - 9 }, day - (153 * month + 2) / 5 + 1)
}

/// A column of moments, fitted: those of its parts that differ among the training rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Dates {
    pub(super) earliest: f64,
    pub(super) parts: Vec<(Part, Numbers)>,
}

impl Dates {
    /// Of the training rows' moments, NaN where one is missing; `None` if none of their parts differs.
    pub(super) fn fit(seconds: &[f64], scaling: Scaling) -> Option<Self> {
        let earliest = seconds.iter().copied().fold(f64::INFINITY, f64::min);
        let part = |part: &Part| {
            let values: Vec<f64> = seconds.iter().map(|s| part.of(*s, earliest)).collect();
            let mut known = values.iter().filter(|x| !x.is_nan());
            let first = *known.next()?;
            known.any(|x| *x != first).then(|| Numbers::fit(&values, scaling).map(|fitted| (*part, fitted)))?
        };
        let mut parts: Vec<(Part, Numbers)> = Part::ALL.iter().filter_map(part).collect();
        parts.iter_mut().skip(1).for_each(|(_, part)| part.indicator = false); // one says it for all
        (!parts.is_empty()).then_some(Self { earliest, parts })
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if !self.earliest.is_finite() {
            return Err("a date that is not a finite number".into());
        }
        self.parts.iter().try_for_each(|(_, numbers)| numbers.check())
    }

    pub(super) fn width(&self) -> usize {
        self.parts.iter().map(|(_, numbers)| numbers.width()).sum()
    }

    pub(super) fn names(&self, column: &str) -> Vec<String> {
        let names = |(part, numbers): &(Part, Numbers)| {
            let name = format!("{column} {}", part.name());
            let missing = numbers.indicator.then(|| format!("{column} missing"));
            std::iter::once(name).chain(missing).collect::<Vec<_>>()
        };
        self.parts.iter().flat_map(names).collect()
    }

    pub(super) fn apply(&self, seconds: f64, inputs: &mut [f32]) {
        let mut at = 0;
        for (part, numbers) in &self.parts {
            numbers.apply(part.of(seconds, self.earliest), &mut inputs[at..]);
            at += numbers.width();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_date() {
        for (days, date) in [
            (0, (1970, 1, 1)),
            (-1, (1969, 12, 31)),
            (11_016, (2000, 2, 29)),
            (20_784, (2026, 11, 27)),
            (-719_468, (0, 3, 1)),
        ] {
            assert_eq!(civil(days), date);
        }
        // Every day of 800 years follows the one before it.
        let length = |year: i64, month: i64| match month {
            2 if (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let mut last = civil(-146_097);
        for days in -146_096..146_097 {
            let (year, month, day) = last;
            last = match (day < length(year, month), month < 12) {
                (true, _) => (year, month, day + 1),
                (false, true) => (year, month + 1, 1),
                (false, false) => (year + 1, 1, 1),
            };
            assert_eq!(civil(days), last);
        }
    }

    #[test]
    fn only_parts_that_differ_become_inputs() {
        let at = |day: f64, hour: f64| day * DAY + hour * 3_600.0;
        let dates = Dates::fit(&[at(0.0, 6.0), at(1.0, 6.0), f64::NAN], Scaling::Unscaled).unwrap();
        let names = ["when day", "when missing", "when weekday", "when days since the earliest"];
        assert_eq!(dates.names("when"), names);
        let mut inputs = [0.0; 4];
        dates.apply(at(9.0, 0.0), &mut inputs); // a Saturday
        assert_eq!(inputs, [10.0, 0.0, 6.0, 8.75]);
        dates.apply(f64::NAN, &mut inputs);
        assert_eq!(inputs, [1.5, 1.0, 4.5, 0.5]);
        assert_eq!(Dates::fit(&[at(3.0, 1.0); 4], Scaling::Standard), None);
        assert_eq!(Dates::fit(&[f64::NAN], Scaling::Standard), None);
    }
}
