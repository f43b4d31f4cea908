//! Names as inputs of a network.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::frame::MISSING;

/// A column of names, fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Names {
    /// One input: -1 and 1 for the two names, 0 for a missing or an unseen one.
    Sign([String; 2]),
    /// An input for each name, 1 for that of the row and 0 for all others; one more for rare and unseen names where some were
    /// rare, and one for missing names where some were missing.
    OneHot { levels: Vec<String>, rare: bool, missing: bool },
}

/// Where the name of a row leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Level(usize),
    Unseen,
    Missing,
}

/// How many names get an input of their own, and how often they have to occur.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) levels: usize,
    pub(super) rows: usize,
}

impl Names {
    /// Of the training rows' names; `None` where there are none.
    pub(super) fn fit(codes: &[u32], levels: &[String], limits: Limits) -> Option<Self> {
        let mut counts = vec![0_usize; levels.len()];
        let mut missing = 0;
        for &code in codes {
            if code == MISSING { missing += 1 } else { counts[code as usize] += 1 }
        }
        let mut seen: Vec<(&String, usize)> = levels.iter().zip(counts).filter(|(_, count)| *count > 0).collect();
        seen.sort_by(|a, b| compare(a.0, b.0));
        match seen.as_slice() {
            [] => None,
            [(a, _), (b, _)] => Some(Self::Sign([(*a).clone(), (*b).clone()])),
            _ => {
                let all = seen.len();
                let mut frequent: Vec<(&String, usize)> =
                    seen.into_iter().filter(|(_, count)| *count >= limits.rows).collect();
                if frequent.len() > limits.levels {
                    frequent.sort_by_key(|(_, count)| std::cmp::Reverse(*count)); // stable: of equals the first by name
                    frequent.truncate(limits.levels);
                    frequent.sort_by(|a, b| compare(a.0, b.0));
                }
                let rare = frequent.len() < all;
                let levels = frequent.into_iter().map(|(level, _)| level.clone()).collect();
                Some(Self::OneHot { levels, rare, missing: missing > 0 })
            }
        }
    }

    pub(super) fn levels(&self) -> &[String] {
        match self {
            Self::Sign(levels) => levels,
            Self::OneHot { levels, .. } => levels,
        }
    }

    /// Whether names that are none of the levels were among the training rows.
    pub(super) fn knows_rare(&self) -> bool {
        matches!(self, Self::OneHot { rare: true, .. })
    }

    /// Where each of `levels` leads.
    pub(super) fn places(&self, levels: &[String]) -> Vec<Place> {
        let own: HashMap<&str, usize> =
            self.levels().iter().enumerate().map(|(i, level)| (level.as_str(), i)).collect();
        levels.iter().map(|level| own.get(level.as_str()).map_or(Place::Unseen, |i| Place::Level(*i))).collect()
    }

    pub(super) fn width(&self) -> usize {
        match self {
            Self::Sign(_) => 1,
            Self::OneHot { levels, rare, missing } => levels.len() + usize::from(*rare) + usize::from(*missing),
        }
    }

    pub(super) fn names(&self, column: &str) -> Vec<String> {
        match self {
            Self::Sign([_, positive]) => vec![format!("{column}={positive}")],
            Self::OneHot { levels, rare, missing } => {
                let rare = rare.then(|| format!("{column} rare"));
                let missing = missing.then(|| format!("{column} missing"));
                levels.iter().map(|level| format!("{column}={level}")).chain(rare).chain(missing).collect()
            }
        }
    }

    /// The inputs for a row, which are 0 so far.
    pub(super) fn apply(&self, place: Place, inputs: &mut [f32]) {
        match (self, place) {
            (Self::Sign(_), Place::Level(level)) => inputs[0] = [-1.0, 1.0][level],
            (Self::Sign(_), Place::Unseen | Place::Missing) => {}
            (Self::OneHot { .. }, Place::Level(level)) => inputs[level] = 1.0,
            (Self::OneHot { levels, rare: true, .. }, Place::Unseen) => inputs[levels.len()] = 1.0,
            (Self::OneHot { levels, rare, missing: true }, Place::Missing) => {
                inputs[levels.len() + usize::from(*rare)] = 1.0
            }
            (Self::OneHot { .. }, _) => {}
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let levels = self.levels();
        let differ = levels.iter().collect::<std::collections::HashSet<_>>().len() == levels.len();
        if differ && !levels.iter().any(String::is_empty) {
            Ok(())
        } else {
            Err("two equal levels, or an empty one".into())
        }
    }
}

/// Numbers by their size, before all other names by their letters.
pub(super) fn compare(a: &str, b: &str) -> std::cmp::Ordering {
    let number = |text: &str| text.parse::<f64>().ok().filter(|x| x.is_finite());
    match (number(a), number(b)) {
        (Some(x), Some(y)) => x.total_cmp(&y).then_with(|| a.cmp(b)),
        (Some(_), None) => std::cmp::Ordering::Less,
        (None, Some(_)) => std::cmp::Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Limits = Limits { levels: 100, rows: 1 };

    fn inputs(names: &Names, level: &str) -> Vec<f32> {
        let mut inputs = vec![0.0; names.width()];
        let place = if level.is_empty() { Place::Missing } else { names.places(&[level.to_owned()])[0] };
        names.apply(place, &mut inputs);
        inputs
    }

    #[test]
    fn two_names_are_one_sign_and_more_are_one_hot() {
        let levels = ["no".to_owned(), "maybe".to_owned(), "yes".to_owned()];
        let sign = Names::fit(&[2, 0, MISSING, 2], &levels, ALL).unwrap();
        assert_eq!(["no", "yes", "maybe", ""].map(|level| inputs(&sign, level)[0]), [-1.0, 1.0, 0.0, 0.0]);
        assert_eq!(sign.names("paid"), ["paid=yes"]);
        let all = Names::fit(&[2, 0, 1, MISSING], &levels, ALL).unwrap();
        assert_eq!(all.names("paid"), ["paid=maybe", "paid=no", "paid=yes", "paid missing"]);
        assert_eq!(inputs(&all, "no"), [0.0, 1.0, 0.0, 0.0]);
        assert_eq!((inputs(&all, ""), inputs(&all, "No")), (vec![0.0, 0.0, 0.0, 1.0], vec![0.0; 4]));
        assert_eq!(Names::fit(&[MISSING], &levels, ALL), None);
    }

    #[test]
    fn rare_names_share_an_input_with_unseen_ones() {
        let levels: Vec<String> = ["10", "9", "x", "8"].map(String::from).into();
        let codes = [0, 0, 1, 1, 1, 2, 3, 3];
        let names = Names::fit(&codes, &levels, Limits { levels: 2, rows: 2 }).unwrap();
        assert_eq!(names.names("n"), ["n=8", "n=9", "n rare"]); // 8 and 10 are as frequent: the first of them stays
        assert_eq!([inputs(&names, "x"), inputs(&names, "new")], [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]);
    }
}
