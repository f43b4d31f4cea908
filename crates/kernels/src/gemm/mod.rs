//! The product of a dense layer: one tile, three uses.
//!
//! C(r, c) = sum_k A(r, k) B(k, c): A is read by elements and broadcast, B is a panel of up to 32 columns read by
//! vectors. Every C(r, c) is one chain of fused multiply-adds in the order of k, so neither the number of threads nor
//! the width of the vectors can change a bit of it. A chain may go on from the sums of earlier rows. Or there is a chain for each of
//! several parts of the inner dimension, and their sums are added up as a [`tree`]. Where a finished tile
//! goes is the [`Epilogue`]'s business: straight to its place ([`Direct`]), or through memory to whatever takes it.

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

mod direct;
mod operands;
mod sparse;
pub mod tree;

use std::mem::MaybeUninit;
use std::ops::Range;

pub(crate) use self::direct::Direct;
use self::direct::Map;
pub use self::operands::Listed;
pub(crate) use self::operands::{AsIs, Columns, InOrder, Left, Order, Transposed};
pub(crate) use self::sparse::sparse_product;

use crate::activation::{Function as _, of_output::Relu};
use crate::isa::{Isa, Kernel, LANES, Simd};
use crate::marks::Marks;
use crate::matrix::Line;

/// The tallest tile of any instruction set, in rows.
const TALLEST: usize = 14;

/// A finished tile: some rows by `V` vectors of C, from its first row and column on.
pub(crate) struct Tile<'a, const V: usize> {
    pub(crate) row: usize,
    pub(crate) column: usize,
    pub(crate) sums: &'a [[Line; V]],
}

/// Runs `body` for every vector of a tile, with its row, its column and itself: two plain loops, since a closure or an
/// iterator for each vector is not always inlined, and then costs a third.
macro_rules! for_each_vector {
    ($simd:ident, $tile:ident, |$row:ident, $column:ident, $vector:ident| $body:block) => {
        for h in 0..$tile.sums.len() {
            for v in 0..V {
                let ($row, $column) = ($tile.row + h, $tile.column + v * LANES);
                let $vector = $tile.sums[h][v].load($simd);
                $body
            }
        }
    };
}
pub(crate) use for_each_vector;

/// What becomes of a finished tile.
pub(crate) trait Epilogue {
    /// Where all tiles of these rows and columns of C go, if none needs more than a place.
    fn direct(&mut self, rows: &Range<usize>, columns: usize) -> Option<Direct>;
    /// Takes a tile, where they need more.
    fn put<S: Simd, const V: usize>(&mut self, simd: S, tile: Tile<V>);
}

/// A product that can be cut into tiles of rows by vectors.
pub(crate) trait TiledProduct {
    /// Computes it, with tiles of the size that suits `S`: `V` vectors by at most `H` rows, or `T` where the left operand
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
    product_in_parts(isa, rows, inner, a, b, marks, &[], epilogue);
}

/// As [`product`], with chains for the parts of the inner dimension that end where `ends` says, added up as a [`tree`]; one chain if there
/// are no ends. A must allow tall tiles.
#[expect(clippy::too_many_arguments, reason = "a product, and how it is cut")]
pub(crate) fn product_in_parts(
    isa: Isa,
    rows: Range<usize>,
    inner: usize,
    a: impl Left,
    b: Columns<impl Order>,
    marks: Option<Marks>,
    ends: &[usize],
    epilogue: impl Epilogue,
) {
    tree::check(ends, inner);
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
    isa.run(Product { rows, operands: Operands { inner, a, b, marks, ends, direct: None }, epilogue });
}

/// The longest inner dimension whose zeros are looked for.
const LONGEST: usize = 4096;

/// How many steps ahead B is prefetched where steps are left out: the hardware cannot predict them.
const AHEAD: usize = 8;

/// Values between the rows of B, those of a batch, from which on both operands are prefetched: further apart than the hardware
/// looks.
const FAR_APART: usize = 256;

/// How many steps ahead.
const FAR_AHEAD: usize = 16;

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
    /// Marks of the values of A that are not 0: steps in which a tile's part of A is all zeros are then left out. No
    /// bit depends on it.
    marks: Option<Marks>,
    /// Ends of the parts of the inner dimension, if it has several.
    ends: &'a [usize],
    /// Where the tiles go, if they need no more than a place.
    direct: Option<Direct>,
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
        // Here the epilogue stays: a move of what it borrows exclusively would end the pointers that were made of it.
        self.operands.direct = self.epilogue.direct(&self.rows, self.operands.b.columns);
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
    /// All tiles over V vectors from `column`, as few as there can be, all about as high: a low one waits for its own sums.
    #[inline(always)]
    fn column_of_tiles<S: Simd, const H: usize, const T: usize, const V: usize>(&mut self, simd: S, column: usize) {
        let Range { start: mut row, end } = self.rows;
        let most = if A::TALL { T } else { H };
        while row < end {
            let left = end - row;
            // The last two share what is left.
            let rows = if left >= 2 * most { most } else { left.div_ceil(left.div_ceil(most)) };
            self.tile::<S, H, T, V>(simd, row, rows, column);
            row += rows;
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const H: usize, const T: usize, const V: usize>(
        &mut self,
        simd: S,
        row: usize,
        rows: usize,
        column: usize,
    ) {
        let operands = &self.operands;
        let mut tile = [const { MaybeUninit::<[Line; V]>::uninit() }; TALLEST];
        let to = match operands.direct {
            Some(Direct { to, stride, .. }) => Place { to: to.wrapping_add(row * stride + column), stride },
            None => Place { to: tile.as_mut_ptr().cast(), stride: V * LANES },
        };
        macro_rules! of_height {
            ($($rows:literal)*) => {
                match rows {
                    $($rows if $rows <= H || A::TALL && $rows <= T => {
                        simd.run_apart(Chains::<A, O, $rows, V> { operands, row, column, to });
                    })*
                    _ => unreachable!("a tile of {rows} rows"),
                }
            };
        }
        of_height!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
        if operands.direct.is_none() {
            // SAFETY: `Chains` has written these rows.
            let sums: &[[Line; V]] = unsafe { std::slice::from_raw_parts(tile.as_ptr().cast(), rows) };
            self.epilogue.put(simd, Tile { row, column, sums });
        }
    }
}

/// Where a tile begins, and from where to where its rows are apart.
#[derive(Clone, Copy)]
struct Place {
    to: *mut f32,
    stride: usize,
}

/// C(row.., column..) = sum_k A(row.., k) B(k, column..) for one tile.
///
/// A function of its own: what else is done with the sums afterwards must not tempt the compiler to keep them in memory
/// while they grow, which costs two thirds.
struct Chains<'a, 'b, A, O, const H: usize, const V: usize> {
    operands: &'a Operands<'b, A, O>,
    row: usize,
    column: usize,
    to: Place,
}

impl<A: Left, O: Order, const H: usize, const V: usize> Kernel for Chains<'_, '_, A, O, H, V> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Operands { inner, a, .. } = *self.operands;
        let row = self.operands.b.row;
        if A::TALL && self.operands.ends.len() > 1 {
            return self.over_parts(simd);
        }
        let Some(marks) = self.operands.marks else {
            if !A::TALL || row < FAR_APART {
                return self.over(simd, 0..inner);
            }
            // SAFETY: what is looked at ahead is below `inner`.
            let steps = (0..inner).inspect(|&k| unsafe { self.prefetch(simd, (k + FAR_AHEAD).min(inner - 1)) });
            return self.over(simd, steps);
        };
        let mut steps = [const { MaybeUninit::<u32>::uninit() }; LONGEST + LANES];
        // SAFETY: `product` checked the marks and `inner`; `nonzero` has written as many steps as it counted, and there is
        // room for some more.
        let steps = unsafe {
            let count = a.nonzero::<S, H>(simd, marks, self.row, inner, steps.as_mut_ptr().cast());
            steps[count..count + AHEAD].fill(MaybeUninit::new(0));
            std::slice::from_raw_parts(steps.as_ptr().cast::<u32>(), count + AHEAD)
        };
        let steps = steps.windows(AHEAD + 1).map(|steps| {
            // SAFETY: every step is below `inner`, and 0 if there is any.
            unsafe { self.prefetch(simd, steps[AHEAD] as usize) };
            steps[0] as usize
        });
        self.over(simd, steps);
    }
}

impl<A: Left, O: Order, const H: usize, const V: usize> Chains<'_, '_, A, O, H, V> {
    /// The sums with step `k`.
    ///
    /// # Safety
    /// `k` is below `inner`.
    #[inline(always)]
    unsafe fn with_step<S: Simd>(&self, simd: S, mut sums: [[S::F32s; V]; H], k: usize) -> [[S::F32s; V]; H] {
        let Self { operands: &Operands { a, b, .. }, row, column, .. } = *self;
        let (a_values, b_values) = (a.values().as_ptr(), b.values.as_ptr().wrapping_add(column));
        // SAFETY: `product_in_parts` checked that A's last element and B's last vector lie inside their slices; row + H is
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
        sums
    }

    /// Asks for what step `k` will read.
    ///
    /// # Safety
    /// `k` is below `inner`, or 0.
    #[inline(always)]
    unsafe fn prefetch<S: Simd>(&self, simd: S, k: usize) {
        let Operands { a, b, .. } = self.operands;
        // SAFETY: as above.
        let from = b.values.as_ptr().wrapping_add(self.column + unsafe { b.order.row(k) } * b.row);
        for v in 0..V {
            simd.prefetch(from.wrapping_add(v * LANES).cast());
        }
        if A::TALL {
            simd.prefetch(a.values().as_ptr().wrapping_add(a.index(self.row, k)).cast());
        }
    }

    /// The sums over each part of the inner dimension, added up as a tree.
    #[inline(always)]
    fn over_parts<S: Simd>(self, simd: S) {
        let Self { operands: &Operands { inner, a, b, marks, ends, direct }, row, column, to } = self;
        let mut steps = [const { MaybeUninit::<u32>::uninit() }; LONGEST + LANES];
        let steps = marks.map(|marks| {
            // SAFETY: `product_in_parts` checked the marks and `inner`; `nonzero` has written as many steps as it counted.
            unsafe {
                let count = a.nonzero::<S, H>(simd, marks, row, inner, steps.as_mut_ptr().cast());
                std::slice::from_raw_parts(steps.as_ptr().cast::<u32>(), count)
            }
        });
        let mut tree = tree::Partials::<S::F32s, H, V>::new();
        let (mut k, mut taken) = (0, 0);
        for &end in ends {
            let mut sums = [[simd.splat(0.0); V]; H];
            match steps {
                None => {
                    for k in k..end {
                        // SAFETY: k is below `inner`.
                        unsafe {
                            if b.row >= FAR_APART {
                                self.prefetch(simd, (k + FAR_AHEAD).min(inner - 1));
                            }
                            sums = self.with_step(simd, sums, k);
                        }
                    }
                }
                Some(steps) => {
                    while taken < steps.len() && (steps[taken] as usize) < end {
                        // SAFETY: every step is below `inner`.
                        unsafe {
                            self.prefetch(simd, steps[(taken + AHEAD).min(steps.len() - 1)] as usize);
                            sums = self.with_step(simd, sums, steps[taken] as usize);
                        }
                        taken += 1;
                    }
                }
            }
            k = end;
            tree.push(simd, sums);
        }
        let sums = tree.total(simd);
        let (to, columns) = match direct {
            Some(_) => (to, b.columns - column),
            None => (Place { stride: V * LANES, ..to }, V * LANES),
        };
        // SAFETY: `Direct::rows` checked that every row has a place for its columns; a tile has room for H rows of V vectors.
        unsafe { store(simd, sums, to, columns) }
    }

    /// The sums over some steps below `inner`.
    #[inline(always)]
    fn over<S: Simd>(&self, simd: S, steps: impl Iterator<Item = usize>) {
        let Self { operands: &Operands { b, direct, .. }, row, column, to } = *self;
        let mut sums = [[simd.splat(0.0); V]; H];
        if let Some(Direct { continues: true, .. }) = direct {
            unrolled!(h < H => {
                unrolled!(v < V => {
                    // SAFETY: `Direct::rows` checked that every row has a place for its columns, which are whole vectors.
                    sums[h][v] = unsafe { simd.load(to.to.add(h * to.stride + v * LANES)) };
                });
            });
        }
        for k in steps {
            // SAFETY: every step is below `inner`.
            sums = unsafe { self.with_step(simd, sums, k) };
        }
        let Some(Direct { map, .. }) = direct else {
            // SAFETY: the tile has room for H rows of V vectors.
            return unsafe { store(simd, sums, Place { stride: V * LANES, ..to }, V * LANES) };
        };
        match map {
            Map::Identity => {}
            Map::Relu => {
                unrolled!(h < H => {
                    unrolled!(v < V => {
                        sums[h][v] = Relu::value(simd, [], sums[h][v]);
                    });
                });
            }
            Map::ReluSlope { z, stride } => {
                let z = z.wrapping_add(row * stride + column);
                unrolled!(h < H => {
                    unrolled!(v < V => {
                        // SAFETY: `Direct::times_slope` checked that whole vectors of every row are there.
                        let z = unsafe { simd.load(z.add(h * stride + v * LANES)) };
                        sums[h][v] = simd.mul(Relu::slope(simd, [], z), sums[h][v]);
                    });
                });
            }
        }
        // SAFETY: `Direct::rows` checked that every row has a place for its columns.
        unsafe { store(simd, sums, to, b.columns - column) }
    }
}

/// Writes the first `columns` columns of a tile, more than those of V - 1 vectors.
///
/// # Safety
/// Those of H rows from `to` on are valid for writing.
#[inline(always)]
unsafe fn store<S: Simd, const H: usize, const V: usize>(
    simd: S,
    sums: [[S::F32s; V]; H],
    Place { to, stride }: Place,
    columns: usize,
) {
    if columns >= V * LANES {
        unrolled!(h < H => {
            unrolled!(v < V => {
                // SAFETY: as the caller vouches.
                unsafe { simd.store(to.add(h * stride + v * LANES), sums[h][v]) }
            });
        });
    } else {
        let last = columns - (V - 1) * LANES;
        unrolled!(h < H => {
            unrolled!(v < V => {
                let lanes = if v + 1 < V { LANES } else { last };
                // SAFETY: as the caller vouches.
                unsafe { simd.store_partial(to.add(h * stride + v * LANES), sums[h][v], lanes) }
            });
        });
    }
}
