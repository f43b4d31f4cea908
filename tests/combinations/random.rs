//! What random cases are drawn from.

use layerloop::names::NamedEnum;
use layerloop::rng::Stream;

/// Values that the numbers of a choice get now and then; those outside a number's range are skipped.
const VALUES: [&str; 12] = ["0", "0.1", "0.25", "0.5", "0.9", "1", "1.5", "2", "3", "-0.5", "1e-7", "0.30000001"];

/// A seeded stream with a name: what one part of a case draws does not move the others.
pub(crate) struct Random(Stream);

impl Random {
    pub(crate) fn new(seed: u64, part: &str) -> Self {
        Self(Stream::new(seed, part, 0))
    }

    /// Uniform on 0..n.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0.below(n)
    }

    /// True with this probability, in percent.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    /// One of a closed set; in one of four cases with other numbers than the default ones.
    pub(crate) fn choice<T: NamedEnum>(&mut self) -> T {
        let mut choice = self.one_of(T::ALL);
        for (number, _) in choice.numbers() {
            if self.percent(25) {
                choice = choice.with(number, self.one_of(&VALUES)).unwrap_or(choice);
            }
        }
        choice
    }
}
