//! Days and moments as text, to seconds since 1970-01-01.

/// Which part of a day comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum First {
    /// `2026-11-27`, `2026/11/27`
    Year,
    /// `27.11.2026`, `27/11/2026`
    Day,
    /// `11/27/2026`
    Month,
}

impl First {
    /// Seconds since 1970-01-01 of a day, perhaps with a time of day after a space or a `T`. A zone is not applied: what counts is the time
    /// that a clock showed.
    pub(crate) fn parse(self, cell: &str) -> Option<f64> {
        let (day, time) = match cell.split_once(['T', ' ']) {
            Some((day, time)) => (day, Some(time.trim())),
            None => (cell, None),
        };
        let separator = day.chars().find(|c| !c.is_ascii_digit()).filter(|c| "-/.".contains(*c))?;
        let mut parts = day.split(separator).map(|part| {
            let is_number = (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| part.parse::<i64>().ok().map(|number| (number, part.len()))).flatten()
        });
        let three = [parts.next()??, parts.next()??, parts.next()??];
        if parts.next().is_some() {
            return None;
        }
        let [(year, digits), (month, _), (day, _)] = match self {
            Self::Year => three,
            Self::Day => [three[2], three[1], three[0]],
            Self::Month if separator == '/' => [three[2], three[0], three[1]],
            Self::Month => return None,
        };
        let is_day = digits == 4 && (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
        let seconds = time.map_or(Some(0.0), seconds_of)?;
        is_day.then(|| days_since_1970(year, month, day) as f64 * 86_400.0 + seconds)
    }
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// By the Gregorian calendar; the year is counted from 1 March, so that a leap day is its last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let month = (month + 9) % 12;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (153 * month + 2) / 5 + day
        - 1
        - 719_468
}

/// `14:30`, `14:30:59.5`, with `Z` or an offset such as `+01:00` after it.
fn seconds_of(time: &str) -> Option<f64> {
    let end = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(end);
    let is_zone =
        zone.is_empty() || zone.eq_ignore_ascii_case("z") || zone[1..].bytes().all(|b| b.is_ascii_digit() || b == b':');
    let mut parts = clock.trim().split(':');
    let whole = |part: &str, below: u32| {
        let digits = (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse::<u32>().ok()).flatten().filter(|number| *number < below)
    };
    let (hour, minute) = (whole(parts.next()?, 24)?, whole(parts.next()?, 60)?);
    let seconds = match parts.next() {
        None => 0.0,
        Some(part) => {
            let is_number = part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            is_number.then(|| part.parse::<f64>().ok()).flatten().filter(|seconds| *seconds < 61.0)?
        }
    };
    (is_zone && parts.next().is_none()).then(|| f64::from(hour * 3600 + minute * 60) + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_in_each_order() {
        const DAY: f64 = 86_400.0;
        for (order, cell, seconds) in [
            (First::Year, "1970-01-01", 0.0),
            (First::Year, "2026-11-27", 20_784.0 * DAY),
            (First::Year, "2026/11/27", 20_784.0 * DAY),
            (First::Year, "1969-12-31T23:59:59", -1.0),
            (First::Year, "2000-02-29 06:30", 11_016.0 * DAY + 6.5 * 3600.0),
            (First::Year, "1970-01-02 00:00:01.25Z", DAY + 1.25),
            (First::Year, "1970-01-02T01:00:00+02:00", DAY + 3600.0),
            (First::Day, "27.11.2026", 20_784.0 * DAY),
            (First::Day, "2/1/1970", DAY),
            (First::Month, "1/2/1970", DAY),
        ] {
            assert_eq!(order.parse(cell), Some(seconds), "{cell}");
        }
    }

    #[test]
    fn what_is_no_day_is_none() {
        for cell in [
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "26-11-27",
            "2026-11",
            "1.5",
            "2026",
            "",
            "10.0.0.1",
            "2026-11-27 25:00",
            "2026-11-27x",
            "1-2-3-4",
        ] {
            assert_eq!(First::Year.parse(cell), None, "{cell}");
        }
        assert_eq!(First::Month.parse("27/11/2026"), None);
        assert_eq!(First::Day.parse("11/27/2026"), None);
    }
}
