//! Sums of parts in one fixed binary tree.
//!
//! Parts 0, 1, 2, ... are the leaves; a node of level l holds 2^l of them, from a multiple of 2^l on, and is left + right. What is left of a
//! number that is no power of two is added from the right: seven parts are ((0 + 1) + (2 + 3)) + ((4 + 5) + 6). So the sum of
//! any aligned parts is the same node wherever it is computed.

use std::mem::MaybeUninit;

use crate::isa::Simd;

/// Parts, at most, as a power of two.
const LEVELS: usize = 13;

/// Parts, at most.
pub const MOST_PARTS: usize = 1 << (LEVELS - 1);

/// Panics unless `ends` ascend to `inner`, if there are any, and are not too many.
pub(crate) fn check(ends: &[usize], inner: usize) {
    let ascend = ends.windows(2).all(|pair| pair[0] <= pair[1]);
    assert!(ascend && ends.last().is_none_or(|&last| last == inner), "{ends:?} are no parts of {inner} rows");
    assert!(ends.len() <= MOST_PARTS, "{} parts; {MOST_PARTS} are the most", ends.len());
}

/// Nodes of a tile of H rows by V vectors that wait for their right neighbours: as many as the number of parts so far has ones as a binary
/// number.
pub(crate) struct Partials<F, const H: usize, const V: usize> {
    nodes: [MaybeUninit<[[F; V]; H]>; LEVELS],
    held: usize,
    parts: usize,
}

impl<F: Copy, const H: usize, const V: usize> Partials<F, H, V> {
    pub(crate) fn new() -> Self {
        Self { nodes: [const { MaybeUninit::uninit() }; LEVELS], held: 0, parts: 0 }
    }

    /// Adds the sums of the next part.
    #[inline(always)]
    pub(crate) fn push<S: Simd<F32s = F>>(&mut self, simd: S, mut sums: [[F; V]; H]) {
        self.parts += 1;
        for _ in 0..self.parts.trailing_zeros() {
            sums = self.with_left(simd, sums);
        }
        self.nodes[self.held].write(sums);
        self.held += 1;
    }

    /// The sum of all parts, of which there was at least one.
    #[inline(always)]
    pub(crate) fn total<S: Simd<F32s = F>>(mut self, simd: S) -> [[F; V]; H] {
        let mut sums = self.last();
        while self.held > 0 {
            sums = self.with_left(simd, sums);
        }
        sums
    }

    #[inline(always)]
    fn last(&mut self) -> [[F; V]; H] {
        self.held -= 1;
        // SAFETY: the first `held` nodes have been written.
        unsafe { self.nodes[self.held].assume_init_read() }
    }

    #[inline(always)]
    fn with_left<S: Simd<F32s = F>>(&mut self, simd: S, mut sums: [[F; V]; H]) -> [[F; V]; H] {
        let left = self.last();
        unrolled!(h < H => {
            unrolled!(v < V => {
                sums[h][v] = simd.add(left[h][v], sums[h][v]);
            });
        });
        sums
    }
}

/// As the tree of a tile, of rows of numbers: `part` writes the numbers of a part from its number on; `memory` has room for
/// [`memory_of`] as many.
///
/// # Panics
/// If there are no parts, too many, or too little memory.
pub fn sum_parts(parts: usize, out: &mut [f32], memory: &mut [f32], mut part: impl FnMut(usize, &mut [f32])) {
    assert!((1..=MOST_PARTS).contains(&parts), "{parts} parts; from 1 to {MOST_PARTS} can be added up");
    let len = out.len();
    let add = |out: &mut [f32], memory: &mut [f32], held: usize| {
        // The first node lies in `out`, the others in `memory`.
        let (left, right) = match held {
            2 => (out, &memory[..len]),
            _ => {
                let (left, right) = memory[(held - 3) * len..].split_at_mut(len);
                (left, &right[..len])
            }
        };
        left.iter_mut().zip(right).for_each(|(left, right)| *left += right);
    };
    let mut held = 0;
    for i in 0..parts {
        part(i, if held == 0 { &mut *out } else { &mut memory[(held - 1) * len..held * len] });
        held += 1;
        for _ in 0..(i + 1).trailing_zeros() {
            add(out, memory, held);
            held -= 1;
        }
    }
    while held > 1 {
        add(out, memory, held);
        held -= 1;
    }
}

/// The same tree of single numbers; 0 without any.
#[must_use]
pub fn sum(values: &[f64]) -> f64 {
    match values {
        [] => 0.0,
        [value] => *value,
        _ => {
            let (left, right) = values.split_at(values.len().next_power_of_two() / 2);
            sum(left) + sum(right)
        }
    }
}

/// How many times the numbers of the sum [`sum_parts`] needs for so many parts.
#[must_use]
pub fn memory_of(parts: usize) -> usize {
    parts.next_power_of_two().trailing_zeros() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// left + right, down to the parts.
    fn node(values: &[f32]) -> f32 {
        match values {
            [value] => *value,
            _ => {
                let (left, right) = values.split_at(values.len().next_power_of_two() / 2);
                node(left) + node(right)
            }
        }
    }

    #[test]
    fn parts_are_added_up_as_the_tree_says() {
        for parts in 1..70 {
            let values: Vec<f32> = (0..parts).map(|i| (i * i) as f32 * 0.37 - 11.3).collect();
            let (mut out, mut memory) = ([f32::NAN; 2], vec![f32::NAN; 2 * memory_of(parts)]);
            sum_parts(parts, &mut out, &mut memory, |i, to| to.copy_from_slice(&[values[i], -values[i]]));
            assert_eq!(out, [node(&values), -node(&values)], "{parts}");
        }
        assert_eq!([sum(&[]), sum(&[1e16, 1.0, 1.0]), sum(&[1.0, 1.0, 1e16])], [0.0, 1e16, 1e16 + 2.0]);
    }
}
