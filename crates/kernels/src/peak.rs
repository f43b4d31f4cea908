//! What the processor can do at best: its peak rates, the roofline of every measurement.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::gemm::TiledProduct;
use crate::isa::{Kernel, LANES, Simd};
use crate::lanes;
use crate::matrix::Matrix;
use crate::team::Team;

/// How long each figure is measured for; the best repetition counts.
const TIME: Duration = Duration::from_millis(300);

/// Fused multiply-adds that depend on each other, in each of a tile's chains.
const CHAIN: usize = 20_000;

/// Floating-point operations a second of independent fused multiply-adds, two each, on every member of the team.
///
/// # Units
/// Gflop/s.
#[must_use]
pub fn fma_rate(team: &mut Team) -> f64 {
    // More tasks than members, so that a late member delays no other.
    let tasks = 16 * team.threads();
    let mut flops = vec![Matrix::zeros(tasks, 1)];
    best_rate(|| {
        let isa = team.isa();
        team.for_each_block(&mut flops, tasks, 1, |block| {
            let ([out], []) = block.write([0], []);
            isa.run(Chains { flops: &mut out.values[0] });
        });
        flops[0].values().iter().map(|&flops| f64::from(flops)).sum()
    })
}

/// Bytes of an array that is larger than any cache.
pub const BEYOND_CACHES: usize = 256 << 20;

/// Bytes a second that the team reads from an array of `bytes`, over and over: from memory, or from the cache that holds it.
///
/// # Units
/// GB/s, 10^9 bytes.
#[must_use]
pub fn read_rate(team: &mut Team, bytes: usize) -> f64 {
    const ROW: usize = 4 * 1024;
    let (isa, rows) = (team.isa(), (bytes / (ROW * size_of::<f32>())).max(1));
    let mut array = vec![Matrix::zeros(rows, ROW)];
    array[0].values_mut().fill(1.0); // untouched pages would all be the same one
    // So many tasks that a late member delays no other, and so few that their cost does not matter.
    let step = rows.div_ceil(64 * team.threads());
    best_rate(|| {
        team.for_each_block(&mut array, rows, step, |block| isa.run(Sum { values: block.read(0).values }));
        (rows * ROW * size_of::<f32>()) as f64
    })
}

/// How long a word takes from one thread to another and back, by the cache that they share or between caches that they do
/// not: what two threads pay for each line that the other wrote. A virtual machine may be moved from one to the other.
///
/// # Units
/// Nanoseconds.
#[must_use]
pub fn round_trip() -> f64 {
    const TRIPS: u32 = 20_000;
    const LOOKS: u32 = 10_000; // before the processor is offered to the other thread
    fn wait(word: &AtomicU32, wanted: u32) {
        while !(0..LOOKS).any(|_| word.load(Ordering::Acquire) == wanted) {
            thread::yield_now();
        }
    }
    let word = AtomicU32::new(0);
    let there_and_back = |trip: u32| {
        word.store(2 * trip + 1, Ordering::Release);
        wait(&word, 2 * trip + 2);
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            for trip in 0..=TRIPS {
                wait(&word, 2 * trip + 1);
                word.store(2 * trip + 2, Ordering::Release);
            }
        });
        there_and_back(0); // the other thread has started
        let start = Instant::now();
        (1..=TRIPS).for_each(there_and_back);
        start.elapsed().as_secs_f64() / f64::from(TRIPS) * 1e9
    })
}

/// The largest rate, in 10^9 a second, of some repetitions of `work`, which says how much it did.
fn best_rate(mut work: impl FnMut() -> f64) -> f64 {
    let (start, mut best) = (Instant::now(), 0.0_f64);
    loop {
        let once = Instant::now();
        let amount = work();
        best = best.max(amount / once.elapsed().as_secs_f64() * 1e-9);
        if start.elapsed() >= TIME {
            return best;
        }
    }
}

/// As many chains of fused multiply-adds as a tile of the product has.
struct Chains<'a> {
    flops: &'a mut f32,
}

impl Kernel for Chains<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        simd.product(self);
    }
}

impl TiledProduct for Chains<'_> {
    #[inline(always)]
    fn run<S: Simd, const H: usize, const T: usize, const V: usize>(self, simd: S) {
        let (a, b) = (simd.splat(black_box(0.5)), simd.splat(black_box(1.0)));
        let mut chains = [[simd.splat(0.0); V]; H];
        for _ in 0..CHAIN {
            for chain in chains.as_flattened_mut() {
                *chain = simd.mul_add(*chain, a, b);
            }
        }
        let ends: f32 = chains.as_flattened().iter().map(|&chain| simd.sum_lanes(chain)).sum();
        *self.flops = (2 * CHAIN * H * V * LANES) as f32 + 0.0 * black_box(ends);
    }
}

/// The sum of an array, for the sake of reading it.
struct Sum<'a> {
    values: &'a [f32],
}

impl Kernel for Sum<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut sums = [simd.splat(0.0); 4];
        for values in self.values.chunks_exact(4 * LANES) {
            for (sum, values) in sums.iter_mut().zip(values.chunks_exact(LANES)) {
                *sum = simd.add(*sum, lanes::load(simd, values, 0));
            }
        }
        black_box(sums.map(|sum| simd.sum_lanes(sum)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::Isa;

    #[test]
    fn the_peak_is_finite_and_above_zero_on_every_isa() {
        for isa in Isa::available() {
            let mut team = Team::new(2, isa);
            let rates = [fma_rate(&mut team), read_rate(&mut team, 1 << 20)];
            assert!(rates.iter().all(|rate| rate.is_finite() && *rate > 0.0), "{}: {rates:?}", isa.name());
        }
    }

    #[test]
    fn a_word_comes_back() {
        assert!((1.0..1e9).contains(&round_trip()));
    }
}
