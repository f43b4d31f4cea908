//! The product of rows of which only the entries are there.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::{Columns, Epilogue, InOrder, Tile};
use crate::isa::{Isa, Kernel, LANES, Simd};
use crate::matrix::Line;
use crate::sparse::Entries;

/// C = A B for the rows `rows` of A, of which only the entries are there, and `b.columns` columns.
pub(crate) fn sparse_product(isa: Isa, rows: Range<usize>, a: Entries, b: Columns<InOrder>, epilogue: impl Epilogue) {
    if rows.is_empty() || b.columns == 0 {
        return;
    }
    b.check(a.inner());
    isa.run(SparseProduct { rows, operands: SparseOperands { a, b }, epilogue });
}

struct SparseProduct<'a, E> {
    rows: Range<usize>,
    operands: SparseOperands<'a>,
    epilogue: E,
}

#[derive(Clone, Copy)]
struct SparseOperands<'a> {
    a: Entries<'a>,
    b: Columns<'a, InOrder>,
}

impl<E: Epilogue> Kernel for SparseProduct<'_, E> {
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let vectors = self.operands.b.columns.div_ceil(LANES);
        for row in self.rows.clone() {
            for vector in (0..vectors / 2 * 2).step_by(2) {
                self.tile::<S, 2>(simd, row, vector * LANES);
            }
            if vectors % 2 == 1 {
                self.tile::<S, 1>(simd, row, (vectors - 1) * LANES);
            }
        }
    }
}

impl<E: Epilogue> SparseProduct<'_, E> {
    #[inline(always)]
    fn tile<S: Simd, const V: usize>(&mut self, simd: S, row: usize, column: usize) {
        let mut sums = MaybeUninit::uninit();
        simd.run_apart(SparseChains::<V> { operands: self.operands, row, column, to: &mut sums });
        // SAFETY: `SparseChains` writes all of it.
        let sums = unsafe { sums.assume_init_ref() };
        self.epilogue.put(simd, Tile { row, column, sums });
    }
}

/// As [`Chains`], for one row of entries.
struct SparseChains<'a, const V: usize> {
    operands: SparseOperands<'a>,
    row: usize,
    column: usize,
    to: &'a mut MaybeUninit<[[Line; V]; 1]>,
}

impl<const V: usize> Kernel for SparseChains<'_, V> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { operands: SparseOperands { a, b }, row, column, to } = self;
        let b_values = b.values.as_ptr().wrapping_add(column);
        let mut sums = [simd.splat(0.0); V];
        let (columns, values) = a.row(row);
        let entries = columns.iter().zip(values).map(|(&k, &a)| (k as usize, a));
        // One loop for all: code that occurs twice is not inlined, and then lacks the instruction set.
        for (k, a) in entries.chain(a.one().map(|k| (k, 1.0))) {
            // SAFETY: `sparse_product` checked that B has a row for every column of A, of which k is one by what `Csr`
            // promises; column + 16 V is at most the columns rounded up to whole vectors.
            unsafe {
                let b = b_values.add(k * b.row);
                unrolled!(v < V => {
                    sums[v] = simd.mul_add(simd.splat(a), simd.load(b.add(v * LANES)), sums[v]);
                });
            }
        }
        let to = to.as_mut_ptr().cast::<f32>();
        unrolled!(v < V => {
            // SAFETY: `to` has V lines of sixteen f32.
            unsafe { simd.store(to.add(v * LANES), sums[v]) }
        });
    }
}
