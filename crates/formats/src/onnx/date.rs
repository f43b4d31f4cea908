//! The parts of a moment inside the graph, by the equations of the library in f64.

use super::graph::Graph;

/// Year, month, day, weekday, hour and days since the earliest of the seconds since 1970-01-01 that `seconds` has, N x 1 of f64; NaN where
/// these are missing.
///
/// The year is counted from 1 March, so that a leap day is its last; five months from there have 153 days.
pub(super) fn parts(graph: &mut Graph, seconds: &str, earliest: f64) -> [String; 6] {
    let mut on = Doubles(graph);
    let days = on.whole_quotient(seconds, 86_400.0);
    let since = on.with("Add", &days, 719_468.0); // since 0000-03-01
    let era = on.whole_quotient(&since, 146_097.0); // 400 years
    let before = on.with("Mul", &era, 146_097.0);
    let of_era = on.of("Sub", &since, &before);
    let [centuries, leaps, last] = [36_524.0, 1_460.0, 146_096.0].map(|by| on.whole_quotient(&of_era, by));
    let year = on.of("Add", &of_era, &centuries);
    let year = on.of("Sub", &year, &leaps);
    let year = on.of("Sub", &year, &last);
    let year = on.whole_quotient(&year, 365.0);
    let first = on.with("Mul", &year, 365.0);
    let [fourth, hundredth] = [4.0, 100.0].map(|by| on.whole_quotient(&year, by));
    let first = on.of("Add", &first, &fourth);
    let first = on.of("Sub", &first, &hundredth);
    let day = on.of("Sub", &of_era, &first);
    let month = on.linear(&day, 5.0, 2.0);
    let month = on.whole_quotient(&month, 153.0);
    let first = on.linear(&month, 153.0, 2.0);
    let first = on.whole_quotient(&first, 5.0);
    let day = on.of("Sub", &day, &first);
    let day = on.with("Add", &day, 1.0);
    let next_year = on.with("GreaterOrEqual", &month, 10.0);
    let [early, late] = [3.0, -9.0].map(|by| on.with("Add", &month, by));
    let month = on.0.node("Where", &[&next_year, &late, &early], &[]);
    let year_of_era = on.linear(&era, 400.0, 0.0);
    let year = on.of("Add", &year, &year_of_era);
    let later = on.with("Add", &year, 1.0);
    let year = on.0.node("Where", &[&next_year, &later, &year], &[]);
    let weekday = on.with("Add", &days, 3.0); // 1970-01-01 was a Thursday
    let weeks = on.whole_quotient(&weekday, 7.0);
    let weeks = on.with("Mul", &weeks, 7.0);
    let weekday = on.of("Sub", &weekday, &weeks);
    let weekday = on.with("Add", &weekday, 1.0);
    let midnight = on.with("Mul", &days, 86_400.0);
    let hour = on.of("Sub", seconds, &midnight);
    let hour = on.with("Div", &hour, 3_600.0);
    let elapsed = on.with("Sub", seconds, earliest);
    let elapsed = on.with("Div", &elapsed, 86_400.0);
    [year, month, day, weekday, hour, elapsed]
}

/// Operations on values of f64.
struct Doubles<'a>(&'a mut Graph);

impl Doubles<'_> {
    fn of(&mut self, op: &str, a: &str, b: &str) -> String {
        self.0.node(op, &[a, b], &[])
    }

    fn with(&mut self, op: &str, a: &str, b: f64) -> String {
        let b = self.0.doubles(&[], &[b]);
        self.of(op, a, &b)
    }

    /// The largest whole number not above a / b.
    fn whole_quotient(&mut self, a: &str, b: f64) -> String {
        let quotient = self.with("Div", a, b);
        self.0.node("Floor", &[&quotient], &[])
    }

    /// a x + b
    fn linear(&mut self, x: &str, a: f64, b: f64) -> String {
        let product = self.with("Mul", x, a);
        self.with("Add", &product, b)
    }
}
