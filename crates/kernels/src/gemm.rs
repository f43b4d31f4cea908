//! The product of a dense layer: one tile, three uses.
//!
//! C(r, c) = sum_k A(r, k) B(k, c): A is read by elements and broadcast, B is a panel of up to 32 columns read by
//! vectors. Every C(r, c) is one chain of fused multiply-adds in the order of k, so neither the number of threads nor
//! the width of the vectors can change a bit of it. What becomes of a finished tile is the [`Epilogue`].

use std::ops::Range;

use crate::isa::{Isa, Kernel, LANES, Simd};
use crate::matrix::Rows;

/// The left operand, read one element at a time.
pub(crate) trait Left: Copy {
    /// Whether the elements of a column lie side by side, so that one address serves a tall tile.
    const TALL: bool;
    /// Index of element (`row`, `k`).
    fn index(self, row: usize, k: usize) -> usize;
    /// All its values.
    fn values(&self) -> &[f32];
}

/// A matrix as it lies: element (r, k) is `values[r * stride + k]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AsIs<'a>(pub(crate) Rows<'a>);

/// The transpose of a matrix: element (r, k) is `values[k * stride + r]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transposed<'a>(pub(crate) Rows<'a>);

impl Left for AsIs<'_> {
    const TALL: bool = false;
    #[inline(always)]
    fn index(self, row: usize, k: usize) -> usize {
        row * self.0.stride + k
    }
    #[inline(always)]
    fn values(&self) -> &[f32] {
        self.0.values
    }
}

impl Left for Transposed<'_> {
    const TALL: bool = true;
    #[inline(always)]
    fn index(self, row: usize, k: usize) -> usize {
        k * self.0.stride + row
    }
    #[inline(always)]
    fn values(&self) -> &[f32] {
        self.0.values
    }
}

/// Which row of a panel belongs to each step of the inner dimension.
pub(crate) trait Order: Copy {
    /// Whether there is one row for each of `inner` steps, and all of them lie below `rows`.
    fn fits(self, inner: usize, rows: usize) -> bool;
    /// The row of step `k`.
    ///
    /// # Safety
    /// `k` is below an `inner` that fits.
    unsafe fn row(self, k: usize) -> usize;
}

/// Row k for step k.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InOrder;

impl Order for InOrder {
    fn fits(self, inner: usize, rows: usize) -> bool {
        inner <= rows
    }
    #[inline(always)]
    unsafe fn row(self, k: usize) -> usize {
        k
    }
}

/// Some rows of a weight matrix, ascending: those whose column of the left operand is not left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed(Vec<u32>);

impl Listed {
    /// The given rows.
    ///
    /// # Panics
    /// If they do not ascend.
    #[must_use]
    pub fn new(rows: Vec<u32>) -> Self {
        assert!(rows.is_sorted_by(|a, b| a < b), "rows ascend");
        Self(rows)
    }

    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &[u32] {
        &self.0
    }
}

impl Order for &Listed {
    fn fits(self, inner: usize, rows: usize) -> bool {
        inner <= self.0.len() && self.0.last().is_none_or(|&last| (last as usize) < rows)
    }
    #[inline(always)]
    unsafe fn row(self, k: usize) -> usize {
        // SAFETY: the caller vouches that k is below an `inner` that fits, which is at most the number of rows.
        unsafe { *self.0.get_unchecked(k) as usize }
    }
}

/// A panel read by vectors: row k is `values[k * row..]`, `columns` of it used, whole vectors of it readable.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns<'a, O> {
    pub(crate) values: &'a [f32],
    pub(crate) row: usize,
    pub(crate) columns: usize,
    /// The rows that take part.
    pub(crate) order: O,
}

impl<O: Order> Columns<'_, O> {
    /// Panics unless every vector of every row that takes part can be read.
    fn check(self, inner: usize) {
        let rest = self.values.len().checked_sub(self.columns.next_multiple_of(LANES));
        let rows = rest.map_or(0, |rest| rest / self.row + 1);
        assert!(self.order.fits(inner, rows), "B has {rows} rows for an inner dimension of {inner}");
    }
}

/// A finished tile: `H` rows by `V` vectors of C, from its first row and column on.
///
/// Its users loop over it themselves: a closure for each vector is not always inlined, and then costs a third.
pub(crate) struct Tile<'a, S: Simd, const H: usize, const V: usize> {
    pub(crate) row: usize,
    pub(crate) column: usize,
    pub(crate) sums: &'a [[S::F32s; V]; H],
}

/// What becomes of a finished tile.
pub(crate) trait Epilogue {
    /// Takes a tile.
    fn put<S: Simd, const H: usize, const V: usize>(&mut self, simd: S, tile: Tile<S, H, V>);
}

/// A product that can be cut into tiles of rows by vectors.
pub(crate) trait TiledProduct {
    /// Computes it, with tiles of the size that suits `S`: `V` vectors by `H` rows, or by `T` where the left operand
    /// allows tall tiles.
    fn run<S: Simd, const H: usize, const T: usize, const V: usize>(self, simd: S);
}

/// C = A B for the rows `rows` of A, `b.columns` wide, over an inner dimension of `inner`.
pub(crate) fn product(
    isa: Isa,
    rows: Range<usize>,
    inner: usize,
    a: impl Left,
    b: Columns<impl Order>,
    epilogue: impl Epilogue,
) {
    if rows.is_empty() || b.columns == 0 {
        return;
    }
    if inner > 0 {
        let (last_a, len_a) = (a.index(rows.end - 1, inner - 1), a.values().len());
        assert!(last_a < len_a, "A has {len_a} values, its last is {last_a}");
        b.check(inner);
    }
    isa.run(Product { rows, inner, a, b, epilogue });
}

/// The body for h = 0, 1, ... below a constant of at most 16, written out: a loop that the compiler may leave rolled up
/// would keep the tile in memory.
macro_rules! unrolled {
    ($h:ident < $end:ident => $body:block) => {
        unrolled!($h < $end => $body; 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    ($h:ident < $end:ident => $body:block; $($i:literal)*) => {
        $(if $i < $end {
            let $h = $i;
            $body
        })*
    };
}

struct Product<'a, A, O, E> {
    rows: Range<usize>,
    inner: usize,
    a: A,
    b: Columns<'a, O>,
    epilogue: E,
}

impl<A: Left, O: Order, E: Epilogue> Kernel for Product<'_, A, O, E> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        simd.product(self);
    }
}

impl<A: Left, O: Order, E: Epilogue> TiledProduct for Product<'_, A, O, E> {
    #[inline(always)]
    fn run<S: Simd, const H: usize, const T: usize, const V: usize>(mut self, simd: S) {
        let vectors = self.b.columns.div_ceil(LANES);
        let mut vector = 0;
        while vector + V <= vectors {
            self.column_of_tiles::<S, H, T, V>(simd, vector * LANES);
            vector += V;
        }
        while vector < vectors {
            self.column_of_tiles::<S, H, T, 1>(simd, vector * LANES);
            vector += 1;
        }
    }
}

impl<A: Left, O: Order, E: Epilogue> Product<'_, A, O, E> {
    /// All tiles over V vectors from `column`: tall ones first, if A allows, then full ones, then 4, 2 and 1 rows high.
    #[inline(always)]
    fn column_of_tiles<S: Simd, const H: usize, const T: usize, const V: usize>(&mut self, simd: S, column: usize) {
        let Range { start: mut row, end } = self.rows;
        while A::TALL && row + T <= end {
            self.tile::<S, T, V>(simd, row, column);
            row += T;
        }
        while row + H <= end {
            self.tile::<S, H, V>(simd, row, column);
            row += H;
        }
        while row + 4 <= end {
            self.tile::<S, 4, V>(simd, row, column);
            row += 4;
        }
        while row + 2 <= end {
            self.tile::<S, 2, V>(simd, row, column);
            row += 2;
        }
        if row < end {
            self.tile::<S, 1, V>(simd, row, column);
        }
    }

    /// C(row.., column..) = sum_k A(row.., k) B(k, column..), held in registers throughout.
    #[inline(always)]
    fn tile<S: Simd, const H: usize, const V: usize>(&mut self, simd: S, row: usize, column: usize) {
        let mut sums = [[simd.splat(0.0); V]; H];
        let (a, b) = (self.a.values().as_ptr(), self.b.values.as_ptr().wrapping_add(column));
        for k in 0..self.inner {
            // SAFETY: `product` checked that A's last element and B's last vector lie inside their slices; row + H is
            // at most the end of `rows`, column + 16 V at most the columns rounded up to whole vectors.
            unsafe {
                let b = b.add(self.b.order.row(k) * self.b.row);
                let b: [S::F32s; V] = std::array::from_fn(|v| simd.load(b.add(v * LANES)));
                unrolled!(h < H => {
                    let a = simd.splat(*a.add(self.a.index(row + h, k)));
                    for (sum, b) in sums[h].iter_mut().zip(b) {
                        *sum = simd.mul_add(a, b, *sum);
                    }
                });
            }
        }
        self.epilogue.put(simd, Tile { row, column, sums: &sums });
    }
}
