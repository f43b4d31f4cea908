//! Numbers as people and programs write them.

/// How the numbers of a column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notation {
    /// `1234.5`, `-1e-3`
    Plain,
    /// `1,234.5`: commas between thousands
    Thousands,
    /// `1234,5`, also `1.234,5`: a comma before the decimals
    DecimalComma,
}

impl Notation {
    /// The number that a cell stands for; `None` if it is none, or not finite, or a code such as `007`.
    pub(crate) fn parse(self, cell: &str) -> Option<f64> {
        match self {
            Self::Plain => plain(cell),
            Self::Thousands => plain(&without_groups(cell, ',', '.')?),
            Self::DecimalComma => plain(&without_groups(cell, '.', ',')?.replace(',', ".")),
        }
    }
}

fn plain(cell: &str) -> Option<f64> {
    let digits = cell.strip_prefix(['-', '+']).unwrap_or(cell);
    let mut bytes = digits.bytes();
    let first = bytes.next()?;
    let second = bytes.next();
    let is_code = first == b'0' && second.is_some_and(|byte| byte.is_ascii_digit());
    if is_code || !(first.is_ascii_digit() || first == b'.') {
        return None;
    }
    cell.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The cell without the separators of its thousands, each of which has to have three digits before the next or the decimals.
fn without_groups(cell: &str, separator: char, decimal: char) -> Option<String> {
    let (whole, rest) = cell.split_at(cell.find(decimal).unwrap_or(cell.len()));
    let digits = whole.strip_prefix(['-', '+']).unwrap_or(whole);
    let mut groups = digits.split(separator);
    let first = groups.next()?;
    let is_whole = !digits.contains(separator)
        || ((1..=3).contains(&first.len())
            && groups.all(|group| group.len() == 3 && group.bytes().all(|b| b.is_ascii_digit())));
    (is_whole && !rest.contains(separator)).then(|| whole.replace(separator, "") + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_from_codes_and_words() {
        for (cell, number) in
            [("0", 0.0), ("-1.5e3", -1500.0), (".5", 0.5), ("+7", 7.0), ("0.007", 0.007), ("1e3", 1000.0)]
        {
            assert_eq!(Notation::Plain.parse(cell), Some(number), "{cell}");
        }
        for cell in ["007", "00", "inf", "nan", "-", "", "e5", "1_000", "1,5", "0x10", "1e999", "12a"] {
            assert_eq!(Notation::Plain.parse(cell), None, "{cell}");
        }
    }

    #[test]
    fn separators_of_thousands_and_decimal_commas() {
        for (cell, number) in [("1,234", 1234.0), ("-12,345,678.5", -12_345_678.5), ("17", 17.0)] {
            assert_eq!(Notation::Thousands.parse(cell), Some(number), "{cell}");
        }
        for cell in ["1,23", "1,2345", ",123", "1234,567", "1.5,000"] {
            assert_eq!(Notation::Thousands.parse(cell), None, "{cell}");
        }
        for (cell, number) in [("1,5", 1.5), ("-1.234,25", -1234.25), ("17", 17.0), ("0,007", 0.007)] {
            assert_eq!(Notation::DecimalComma.parse(cell), Some(number), "{cell}");
        }
        for cell in ["1,2,3", "1.23,4", "1.5"] {
            assert_eq!(Notation::DecimalComma.parse(cell), None, "{cell}");
        }
    }
}
