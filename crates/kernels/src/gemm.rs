//! The product of a dense layer: one tile, three uses.
//!
//! C(r, c) = sum_k A(r, k) B(k, c): A is read by stride and broadcast, B is a panel of up to 32 columns read by
//! vectors. Every C(r, c) is one chain of fused multiply-adds in the order of k, so neither the number of threads nor
//! the width of the vectors can change a bit of it. What becomes of a finished tile is the [`Epilogue`].

use crate::isa::{Isa, Kernel, LANES, Simd};

/// A matrix read one element at a time: element (r, k) is `values[r * row + k * inner]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Strided<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) row: usize,
    pub(crate) inner: usize,
}

/// A panel read by vectors: row k is `values[k * row..]`, `columns` of it used, whole vectors of it readable.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) row: usize,
    pub(crate) columns: usize,
}

/// What becomes of a finished tile.
pub(crate) trait Epilogue {
    /// Takes the tile whose first element is C(`row`, `column`).
    fn put<S: Simd, const H: usize, const V: usize>(
        &mut self,
        simd: S,
        row: usize,
        column: usize,
        tile: &[[S::F32s; V]; H],
    );
}

/// A product that can be cut into tiles of `H` rows by `V` vectors.
pub(crate) trait TiledProduct {
    /// Computes it, with tiles of the size that suits `S`.
    fn run<S: Simd, const H: usize, const V: usize>(self, simd: S);
}

/// C = A B, `rows` x `b.columns`, over an inner dimension of `inner`.
pub(crate) fn product(isa: Isa, rows: usize, inner: usize, a: Strided, b: Columns, epilogue: impl Epilogue) {
    if rows == 0 || b.columns == 0 {
        return;
    }
    if inner > 0 {
        let (last_a, last_b) = ((rows - 1) * a.row + (inner - 1) * a.inner, (inner - 1) * b.row);
        assert!(last_a < a.values.len(), "A has {} values, its last is {last_a}", a.values.len());
        let end = last_b + b.columns.next_multiple_of(LANES);
        assert!(end <= b.values.len(), "B has {} values, its last vector ends at {end}", b.values.len());
    }
    isa.run(Product { rows, inner, a, b, epilogue });
}

struct Product<'a, E> {
    rows: usize,
    inner: usize,
    a: Strided<'a>,
    b: Columns<'a>,
    epilogue: E,
}

impl<E: Epilogue> Kernel for Product<'_, E> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        simd.product(self);
    }
}

impl<E: Epilogue> TiledProduct for Product<'_, E> {
    #[inline(always)]
    fn run<S: Simd, const H: usize, const V: usize>(mut self, simd: S) {
        let vectors = self.b.columns.div_ceil(LANES);
        let mut vector = 0;
        while vector + V <= vectors {
            self.column_of_tiles::<S, H, V>(simd, vector * LANES);
            vector += V;
        }
        while vector < vectors {
            self.column_of_tiles::<S, H, 1>(simd, vector * LANES);
            vector += 1;
        }
    }
}

impl<E: Epilogue> Product<'_, E> {
    /// All tiles over V vectors from `column`: full ones first, then 4, 2 and 1 rows high.
    #[inline(always)]
    fn column_of_tiles<S: Simd, const H: usize, const V: usize>(&mut self, simd: S, column: usize) {
        let mut row = 0;
        while row + H <= self.rows {
            self.tile::<S, H, V>(simd, row, column);
            row += H;
        }
        while row + 4 <= self.rows {
            self.tile::<S, 4, V>(simd, row, column);
            row += 4;
        }
        while row + 2 <= self.rows {
            self.tile::<S, 2, V>(simd, row, column);
            row += 2;
        }
        if row < self.rows {
            self.tile::<S, 1, V>(simd, row, column);
        }
    }

    /// C(row.., column..) = sum_k A(row.., k) B(k, column..), held in registers throughout.
    #[inline(always)]
    fn tile<S: Simd, const H: usize, const V: usize>(&mut self, simd: S, row: usize, column: usize) {
        let mut tile = [[simd.splat(0.0); V]; H];
        let mut a = self.a.values.as_ptr().wrapping_add(row * self.a.row);
        let mut b = self.b.values.as_ptr().wrapping_add(column);
        for _ in 0..self.inner {
            // SAFETY: `product` checked that A's last element and B's last vector lie inside their slices; row + H is
            // at most `rows`, column + 16 V at most the columns rounded up to whole vectors.
            unsafe {
                let b: [S::F32s; V] = std::array::from_fn(|v| simd.load(b.add(v * LANES)));
                for (h, sums) in tile.iter_mut().enumerate() {
                    let a = simd.splat(*a.add(h * self.a.row));
                    for (sum, b) in sums.iter_mut().zip(b) {
                        *sum = simd.mul_add(a, b, *sum);
                    }
                }
            }
            a = a.wrapping_add(self.a.inner);
            b = b.wrapping_add(self.b.row);
        }
        self.epilogue.put(simd, row, column, &tile);
    }
}
