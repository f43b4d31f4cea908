//! The words that stand for a missing value.

/// The words where none are given.
const WORDS: [&str; 6] = ["NA", "N/A", "NaN", "nan", "null", "NULL"];

/// The words for a missing value, and the bytes that they begin with: few cells are compared with all of them.
pub(crate) struct Missing {
    words: Vec<String>,
    starts: [bool; 256],
}

impl Missing {
    /// These words, or the usual ones.
    pub(crate) fn new(words: Option<Vec<String>>) -> Self {
        let words = words.unwrap_or_else(|| WORDS.map(String::from).into());
        let mut starts = [false; 256];
        words.iter().filter_map(|word| word.bytes().next()).for_each(|byte| starts[usize::from(byte)] = true);
        Self { words, starts }
    }

    pub(crate) fn contains(&self, cell: &str) -> bool {
        cell.bytes().next().is_some_and(|byte| self.starts[usize::from(byte)])
            && self.words.iter().any(|word| word == cell)
    }
}
