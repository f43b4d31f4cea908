//! The product of a dense layer: one tile, three uses.
//!
//! C(r, c) = sum_k A(r, k) B(k, c): A is read by elements and broadcast, B is a panel of up to 32 columns read by
//! vectors. Every C(r, c) is one chain of fused multiply-adds in the order of k, so neither the number of threads nor
//! the width of the vectors can change a bit of it. What becomes of a finished tile is the [`Epilogue`].

use std::mem::MaybeUninit;
use std::ops::Range;

use crate::isa::{Isa, Kernel, LANES, Simd};
use crate::marks::Marks;
use crate::matrix::{Line, Rows};
use crate::sparse::Entries;

/// The body for h = 0, 1, ... below a constant of at most 16, written out: a loop that the compiler may leave rolled up
/// would keep the tile in memory. A larger constant does not compile.
macro_rules! unrolled {
    ($h:ident < $end:ident => $body:block) => {
        const { assert!($end <= 16, "a tile has at most sixteen rows and sixteen vectors") };
        unrolled!($h < $end => $body; 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    ($h:ident < $end:ident => $body:block; $($i:literal)*) => {
        $(if $i < $end {
            let $h = $i;
            $body
        })*
    };
}

/// The left operand, read one element at a time.
pub(crate) trait Left: Copy {
    /// Whether the elements of a column lie side by side, so that one address serves a tall tile.
    const TALL: bool;
    /// Index of element (`row`, `k`); none above the largest number. It grows with both.
    fn checked_index(self, row: usize, k: usize) -> Option<usize>;
    /// As [`Self::checked_index`], for an element before one that has an index.
    fn index(self, row: usize, k: usize) -> usize;
    /// All its values.
    fn values(&self) -> &[f32];
    /// Panics unless `marks` stand behind the rows that hold the elements of the rows below `rows` and `inner` steps.
    fn check(self, marks: Marks, rows: usize, inner: usize);
    /// Writes the steps k below `inner` in which some element of the rows `row..row + H` is not 0, ascending, and gives
    /// their number.
    ///
    /// # Safety
    /// `check` held, and `steps` is valid for writing `inner` values and sixteen more.
    unsafe fn nonzero<S: Simd, const H: usize>(
        self,
        simd: S,
        marks: Marks,
        row: usize,
        inner: usize,
        steps: *mut u32,
    ) -> usize;
}

/// A matrix as it lies: element (r, k) is `values[r * stride + k]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AsIs<'a>(pub(crate) Rows<'a>);

/// The transpose of a matrix: element (r, k) is `values[k * stride + r]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transposed<'a>(pub(crate) Rows<'a>);

impl Left for AsIs<'_> {
    const TALL: bool = false;
    fn checked_index(self, row: usize, k: usize) -> Option<usize> {
        row.checked_mul(self.0.stride)?.checked_add(k)
    }
    #[inline(always)]
    fn index(self, row: usize, k: usize) -> usize {
        row * self.0.stride + k
    }
    #[inline(always)]
    fn values(&self) -> &[f32] {
        self.0.values
    }
    fn check(self, marks: Marks, rows: usize, inner: usize) {
        marks.check(self.0, rows, inner);
    }
    #[inline(always)]
    unsafe fn nonzero<S: Simd, const H: usize>(
        self,
        simd: S,
        marks: Marks,
        row: usize,
        inner: usize,
        steps: *mut u32,
    ) -> usize {
        // SAFETY: as the caller vouches.
        unsafe { marks.columns_of::<S, H>(simd, self.0, row, inner, steps) }
    }
}

impl Left for Transposed<'_> {
    const TALL: bool = true;
    fn checked_index(self, row: usize, k: usize) -> Option<usize> {
        k.checked_mul(self.0.stride)?.checked_add(row)
    }
    #[inline(always)]
    fn index(self, row: usize, k: usize) -> usize {
        k * self.0.stride + row
    }
    #[inline(always)]
    fn values(&self) -> &[f32] {
        self.0.values
    }
    fn check(self, marks: Marks, rows: usize, inner: usize) {
        marks.check(self.0, inner, rows);
    }
    #[inline(always)]
    unsafe fn nonzero<S: Simd, const H: usize>(
        self,
        _: S,
        marks: Marks,
        row: usize,
        inner: usize,
        steps: *mut u32,
    ) -> usize {
        // SAFETY: as the caller vouches.
        unsafe { marks.rows_of::<H>(self.0, row, inner, steps) }
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
        let vectors = self.columns.checked_next_multiple_of(LANES);
        let rest = vectors.and_then(|vectors| self.values.len().checked_sub(vectors));
        let rows = rest.map_or(0, |rest| rest / self.row + 1);
        assert!(self.order.fits(inner, rows), "B has {rows} rows for an inner dimension of {inner}");
    }
}

/// A finished tile: `H` rows by `V` vectors of C, from its first row and column on.
pub(crate) struct Tile<'a, const H: usize, const V: usize> {
    pub(crate) row: usize,
    pub(crate) column: usize,
    sums: &'a [[Line; V]; H],
}

impl<const H: usize, const V: usize> Tile<'_, H, V> {
    /// Vector `v` of row `h` of the tile, and its row and column in C.
    #[inline(always)]
    pub(crate) fn vector<S: Simd>(&self, simd: S, h: usize, v: usize) -> (usize, usize, S::F32s) {
        (self.row + h, self.column + v * LANES, self.sums[h][v].load(simd))
    }
}

/// Runs `body` for every vector of a tile, with its row, its column and itself: two plain loops, since a closure or an
/// iterator for each vector is not always inlined, and then costs a third.
macro_rules! for_each_vector {
    ($simd:ident, $tile:ident, |$row:ident, $column:ident, $vector:ident| $body:block) => {
        for h in 0..H {
            for v in 0..V {
                let ($row, $column, $vector) = $tile.vector($simd, h, v);
                $body
            }
        }
    };
}
pub(crate) use for_each_vector;

/// What becomes of a finished tile.
pub(crate) trait Epilogue {
    /// Takes a tile.
    fn put<S: Simd, const H: usize, const V: usize>(&mut self, simd: S, tile: Tile<H, V>);
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
    marks: Option<Marks>,
    epilogue: impl Epilogue,
) {
    if rows.is_empty() || b.columns == 0 {
        return;
    }
    if inner > 0 {
        let (last_a, len_a) = (a.checked_index(rows.end - 1, inner - 1), a.values().len());
        assert!(last_a.is_some_and(|last| last < len_a), "A has {len_a} values, not {rows:?} rows of {inner}");
        b.check(inner);
    }
    let marks = marks.filter(|_| inner <= LONGEST);
    if let Some(marks) = marks {
        a.check(marks, rows.end, inner);
    }
    let operands = Operands { inner, a, b, marks };
    isa.run(Product { rows, operands, epilogue });
}

/// The longest inner dimension whose zeros are looked for.
const LONGEST: usize = 4096;

/// Steps ahead of the one at work for which B is asked for where steps are left out, since no prefetcher can guess them.
const AHEAD: usize = 8;

struct Product<'a, A, O, E> {
    rows: Range<usize>,
    operands: Operands<'a, A, O>,
    epilogue: E,
}

#[derive(Clone, Copy)]
struct Operands<'a, A, O> {
    inner: usize,
    a: A,
    b: Columns<'a, O>,
    /// Where it stands which values of A are not 0: steps in which a tile's part of A is all zeros are then left out. No
    /// bit depends on it.
    marks: Option<Marks>,
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
        let vectors = self.operands.b.columns.div_ceil(LANES);
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

    #[inline(always)]
    fn tile<S: Simd, const H: usize, const V: usize>(&mut self, simd: S, row: usize, column: usize) {
        let mut sums = MaybeUninit::uninit();
        simd.run_apart(Sums::<A, O, H, V> { operands: self.operands, row, column, to: &mut sums });
        // SAFETY: `Sums` writes all of it.
        let sums = unsafe { sums.assume_init_ref() };
        self.epilogue.put(simd, Tile { row, column, sums });
    }
}

/// C(row.., column..) = sum_k A(row.., k) B(k, column..) for one tile.
///
/// A function of its own: what is done with the sums afterwards must not tempt the compiler to keep them in memory while
/// they grow, which costs two thirds.
struct Sums<'a, A, O, const H: usize, const V: usize> {
    operands: Operands<'a, A, O>,
    row: usize,
    column: usize,
    to: &'a mut MaybeUninit<[[Line; V]; H]>,
}

impl<A: Left, O: Order, const H: usize, const V: usize> Kernel for Sums<'_, A, O, H, V> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Operands { inner, a, .. } = self.operands;
        let Some(marks) = self.operands.marks else {
            return self.over(simd, 0..inner);
        };
        let mut steps = [const { MaybeUninit::<u32>::uninit() }; LONGEST + LANES];
        // SAFETY: `product` checked the marks and `inner`; `nonzero` has written as many steps as it counted, and there is
        // room for some more.
        let steps = unsafe {
            let count = a.nonzero::<S, H>(simd, marks, self.row, inner, steps.as_mut_ptr().cast());
            steps[count..count + AHEAD].fill(MaybeUninit::new(0));
            std::slice::from_raw_parts(steps.as_ptr().cast::<u32>(), count + AHEAD)
        };
        let Columns { values, row, order, .. } = self.operands.b;
        let (first, a_from, from) = (self.row, a.values().as_ptr(), values.as_ptr().wrapping_add(self.column));
        let steps = steps.windows(AHEAD + 1).map(|steps| {
            // SAFETY: every step is below `inner`, and 0 if there is any.
            let ahead = from.wrapping_add(unsafe { order.row(steps[AHEAD] as usize) } * row);
            for v in 0..V {
                simd.prefetch(ahead.wrapping_add(v * LANES).cast());
            }
            if A::TALL {
                simd.prefetch(a_from.wrapping_add(a.index(first, steps[AHEAD] as usize)).cast());
            }
            steps[0] as usize
        });
        self.over(simd, steps);
    }
}

impl<A: Left, O: Order, const H: usize, const V: usize> Sums<'_, A, O, H, V> {
    /// The sums over some steps below `inner`.
    #[inline(always)]
    fn over<S: Simd>(self, simd: S, steps: impl Iterator<Item = usize>) {
        let Self { operands: Operands { a, b, .. }, row, column, to } = self;
        let (a_values, b_values) = (a.values().as_ptr(), b.values.as_ptr().wrapping_add(column));
        let mut sums = [[simd.splat(0.0); V]; H];
        for k in steps {
            // SAFETY: `product` checked that A's last element and B's last vector lie inside their slices; row + H is
            // at most the end of `rows`, column + 16 V at most the columns rounded up to whole vectors.
            unsafe {
                let b = b_values.add(b.order.row(k) * b.row);
                let b: [S::F32s; V] = std::array::from_fn(|v| simd.load(b.add(v * LANES)));
                unrolled!(h < H => {
                    let a = simd.splat(*a_values.add(a.index(row + h, k)));
                    unrolled!(v < V => {
                        sums[h][v] = simd.mul_add(a, b[v], sums[h][v]);
                    });
                });
            }
        }
        let to = to.as_mut_ptr().cast::<f32>();
        unrolled!(h < H => {
            unrolled!(v < V => {
                // SAFETY: `to` has H V lines of sixteen f32.
                unsafe { simd.store(to.add((h * V + v) * LANES), sums[h][v]) }
            });
        });
    }
}

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
        simd.run_apart(SparseSums::<V> { operands: self.operands, row, column, to: &mut sums });
        // SAFETY: `SparseSums` writes all of it.
        let sums = unsafe { sums.assume_init_ref() };
        self.epilogue.put(simd, Tile { row, column, sums });
    }
}

/// As [`Sums`], for one row of entries.
struct SparseSums<'a, const V: usize> {
    operands: SparseOperands<'a>,
    row: usize,
    column: usize,
    to: &'a mut MaybeUninit<[[Line; V]; 1]>,
}

impl<const V: usize> Kernel for SparseSums<'_, V> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { operands: SparseOperands { a, b }, row, column, to } = self;
        let b_values = b.values.as_ptr().wrapping_add(column);
        let mut sums = [simd.splat(0.0); V];
        let (columns, values) = a.row(row);
        let entries = columns.iter().zip(values).map(|(&k, &a)| (k as usize, a));
        // One loop for all: a body that stands twice is a function of its own, which knows nothing of the instruction set.
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
