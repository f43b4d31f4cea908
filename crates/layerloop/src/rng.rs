//! Random numbers from named streams of a counter-based generator.
//!
//! A stream is a pure function of (seed, name, index): nothing that another stream draws can change it, and
//! the shuffle of epoch 17 is reached without drawing the 16 before it.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// One stream of random numbers.
#[derive(Debug, Clone)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream called `name` under `seed`; `index` numbers its parts (layers, epochs).
    ///
    /// # Panics
    /// If `name` is longer than 24 bytes; names are constants of the code.
    #[must_use]
    pub fn new(seed: u64, name: &str, index: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..8 + name.len()].copy_from_slice(name.as_bytes());
        let mut generator = ChaCha8Rng::from_seed(key);
        generator.set_stream(index);
        Self(generator)
    }

    /// Uniform on [0, 1), a multiple of 2^-24.
    pub fn uniform(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 * (1.0 / (1 << 24) as f32)
    }

    /// Uniform on 0..n; its bias is below n / 2^64.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.0.next_u64()) * n as u128) >> 64) as usize
    }

    /// Two words that name a stream of a cheaper generator.
    pub fn keys(&mut self) -> [u32; 2] {
        [self.0.next_u32(), self.0.next_u32()]
    }

    /// A uniform permutation of `items`, in place (Fisher-Yates, from the end).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_a_function_of_seed_name_and_index() {
        let draw = |seed, name, index| Stream::new(seed, name, index).below(1 << 40);
        assert_eq!(draw(1, "init", 0), draw(1, "init", 0));
        assert_ne!(draw(1, "init", 0), draw(2, "init", 0));
        assert_ne!(draw(1, "init", 0), draw(1, "shuffle", 0));
        assert_ne!(draw(1, "init", 0), draw(1, "init", 1));
    }

    #[test]
    fn uniform_has_mean_one_half_and_stays_below_one() {
        let mut stream = Stream::new(0, "test", 0);
        let draws: Vec<f32> = (0..100_000).map(|_| stream.uniform()).collect();
        let mean = draws.iter().sum::<f32>() / draws.len() as f32;
        assert!((mean - 0.5).abs() < 0.005, "mean {mean}");
        assert!(draws.iter().all(|u| (0.0..1.0).contains(u)));
    }

    #[test]
    fn shuffle_is_a_permutation() {
        let mut items: Vec<u32> = (0..1000).collect();
        Stream::new(0, "test", 0).shuffle(&mut items);
        assert_ne!(items, (0..1000).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..1000).collect::<Vec<_>>());
    }
}
