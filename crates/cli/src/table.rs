//! Plain tables for the terminal.

/// Rows under a header; the first column flush left, the others flush right.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let header: Vec<String> = header.iter().map(ToString::to_string).collect();
    let all = || std::iter::once(&header).chain(rows);
    let width = |column: usize| all().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate();
        let cells: Vec<String> =
            cells.map(|(i, (cell, &w))| if i == 0 { format!("{cell:w$}") } else { format!("{cell:>w$}") }).collect();
        cells.join("  ").trim_end().to_string() + "\n"
    };
    all().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_longest_cell() {
        let rows = [vec!["T-shirt".into(), "9".into()], vec!["Bag".into(), "1,000".into()]];
        assert_eq!(table(&["class", "rows"], &rows), "class     rows\nT-shirt      9\nBag      1,000\n");
    }
}
