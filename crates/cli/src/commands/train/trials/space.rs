//! What a search looks for: options, and the values that they may take.

use layerloop::rng::Stream;

use crate::args::{ExplicitArgs, Train, parse};

/// The values of an option.
pub(super) enum Values {
    /// From and to: twelve values a decade, each a tenth to a quarter above the one before, as resistors have them.
    Factors(f64, f64),
    /// Hundredths, from and to.
    Hundredths(usize, usize),
    OneOf(&'static [&'static str]),
}

/// The mantissas of [`Values::Factors`].
const MANTISSAS: [&str; 12] = ["1", "1.2", "1.5", "1.8", "2.2", "2.7", "3.3", "3.9", "4.7", "5.6", "6.8", "8.2"];

/// What is searched of all data, and of tables alone.
pub(super) const SPACE: [(&str, Values); 6] = [
    ("lr", Values::Factors(3e-4, 3e-2)),
    ("batch", Values::OneOf(&["32", "64", "128", "256", "512"])),
    (
        "hidden",
        Values::OneOf(&["64", "256", "512", "64,64", "128,128", "256,256", "512,512", "128,128,128", "256,256,256"]),
    ),
    ("activation", Values::OneOf(&["relu", "gelu", "silu", "mish", "selu", "tanh"])),
    ("dropout", Values::Hundredths(0, 50)),
    ("weight_decay", Values::Factors(1e-5, 1e-1)),
];
pub(super) const OF_TABLES: [(&str, Values); 1] = [("scaling", Values::OneOf(&["standard", "robust", "quantile"]))];

impl Values {
    fn draw(&self, random: &mut Stream) -> String {
        match *self {
            Self::Factors(low, high) => {
                // As texts: no logarithm, whose last bit other machines have otherwise.
                let all = (-9..9).flat_map(|power| MANTISSAS.map(|mantissa| format!("{mantissa}e{power}")));
                let within = |text: &String| text.parse().is_ok_and(|value: f64| low <= value && value <= high);
                let all: Vec<String> = all.filter(within).collect();
                all[random.below(all.len())].clone()
            }
            Self::Hundredths(low, high) => format!("{:.2}", (low + random.below(high - low + 1)) as f64 / 100.0),
            Self::OneOf(values) => values[random.below(values.len())].to_owned(),
        }
    }

    pub(super) fn described(&self) -> String {
        match self {
            Self::Factors(low, high) => format!("{low:e} to {high:e}, twelve values a decade"),
            Self::Hundredths(low, high) => format!("{:.2} to {:.2}", *low as f64 / 100.0, *high as f64 / 100.0),
            Self::OneOf(values) => values.join(" | "),
        }
    }
}

/// What is searched for these options and data: what was typed is not.
pub(super) fn searched(args: &Train, is_table: bool) -> impl Iterator<Item = &'static (&'static str, Values)> {
    let all = SPACE.iter().chain(OF_TABLES.iter().filter(move |_| is_table));
    let drawn = all.clone().fold(ExplicitArgs::default(), |all, (id, _)| all.and(ExplicitArgs::with(id, &[""])));
    let left = parse::over(args.typed.clone(), drawn);
    let typed = args.typed.clone();
    all.filter(move |(id, _)| left.has(id) && !typed.has(id))
}

/// The options of a trial: what was typed, and what is drawn for its number.
pub(super) fn options(args: &Train, is_table: bool, trial: usize) -> ExplicitArgs {
    let mut random = Stream::new(args.seed, "search", trial as u64);
    let drawn = searched(args, is_table).fold(ExplicitArgs::default(), |all, (id, values)| {
        all.and(ExplicitArgs::with(id, &[values.draw(&mut random)]))
    });
    parse::over(args.typed.clone(), drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lie_in_their_space() {
        let mut random = Stream::new(1, "test", 0);
        let mut draw = |values: &Values| (0..200).map(|_| values.draw(&mut random)).collect::<Vec<_>>();
        let rates: Vec<f64> = draw(&SPACE[0].1).iter().map(|text| text.parse().unwrap()).collect();
        assert!(
            rates.iter().all(|rate| (3e-4..=3e-2).contains(rate)) && rates.contains(&3.3e-4) && rates.contains(&2.7e-2)
        );
        assert!(draw(&SPACE[4].1).iter().all(|text| (0.0..=0.5).contains(&text.parse::<f64>().unwrap())));
        assert!(SPACE.iter().chain(&OF_TABLES).all(|(_, values)| !values.described().is_empty()));
    }
}
