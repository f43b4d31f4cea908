//! Which values of a row are not 0: one bit each, kept behind the row, so that a product finds the zeros of its operand
//! without reading them again for every panel of weights.

use crate::isa::{Isa, Kernel, LANES, Simd};
use crate::matrix::{Rows, RowsMut};

/// Bits in a vector.
const BITS: usize = 32 * LANES;

/// The marks of a row. Bit c, counted from the lowest of the first byte, is set where value c is not 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    width: usize,
}

impl Marks {
    /// Those of rows of `width` values.
    ///
    /// # Panics
    /// If no memory has such a row.
    #[must_use]
    pub fn of(width: usize) -> Self {
        // From here on no place within a row or behind it can wrap around.
        assert!(width <= isize::MAX as usize / size_of::<f32>(), "a row of {width} values is larger than any memory");
        Self { width }
    }

    /// Columns of a matrix whose rows carry them: whole vectors, and room to read a word from the last byte.
    #[must_use]
    pub fn columns(self) -> usize {
        self.start() + (self.width + 32).next_multiple_of(BITS) / 32
    }

    /// The column at which they start.
    fn start(self) -> usize {
        self.width.next_multiple_of(LANES)
    }

    /// Sets those of every row of `out`.
    ///
    /// # Panics
    /// If the rows are shorter than [`Self::columns`].
    pub fn set(self, isa: Isa, out: RowsMut) {
        struct Set<'a>(Marks, RowsMut<'a>);
        impl Kernel for Set<'_> {
            #[inline(always)]
            fn run<S: Simd>(self, simd: S) {
                let Self(marks, RowsMut { values, stride }) = self;
                for row in values.chunks_exact_mut(stride) {
                    let (values, bits) = row.split_at_mut(marks.start());
                    for (sixteen, word) in values.chunks_exact(LANES).zip(0..) {
                        // SAFETY: there are sixteen values, and `columns` has half a value for every sixteen.
                        unsafe {
                            let mask = simd.nonzero(simd.load(sixteen.as_ptr())) as u16;
                            bits.as_mut_ptr().cast::<u16>().add(word).write(mask.to_le());
                        }
                    }
                }
            }
        }
        assert!(self.columns() <= out.stride, "rows of {} values have no room for marks", out.stride);
        isa.run(Set(self, out));
    }

    /// Panics unless the first `count` of `rows` carry marks for `width` columns.
    pub(crate) fn check(self, rows: Rows, count: usize, width: usize) {
        assert!(width <= self.width && self.columns() <= rows.stride, "no marks for {width} columns");
        assert!(count <= rows.count(), "no marks for {count} rows");
    }

    /// Writes the columns below `inner` in which some of the rows `row..row + H` is not 0, ascending, and gives their number.
    ///
    /// # Safety
    /// `self.check(rows, row + H, inner)` held, and `to` is valid for writing `inner` values and sixteen more.
    #[inline(always)]
    pub(crate) unsafe fn columns_of<S: Simd, const H: usize>(
        self,
        simd: S,
        rows: Rows,
        row: usize,
        inner: usize,
        to: *mut u32,
    ) -> usize {
        let mut count = 0;
        for first in (0..inner).step_by(BITS) {
            let at = row * rows.stride + self.start() + first / 32;
            let mut any = simd.splat(0.0);
            for h in 0..H {
                // SAFETY: the marks are whole vectors.
                any = simd.or(any, unsafe { simd.load(rows.values.as_ptr().add(at + h * rows.stride)) });
            }
            for (word, first) in simd.to_array(any).iter().zip((first..inner).step_by(32)) {
                let mask = u32::from_le(word.to_bits()) & (u32::MAX >> (32 - (inner - first).min(32)));
                // SAFETY: a column is written for each that was looked at, none of them above `inner`, and at most
                // sixteen behind the last.
                unsafe {
                    count += simd.store_places(mask & 0xFFFF, first as u32, to.add(count));
                    count += simd.store_places(mask >> 16, (first + LANES) as u32, to.add(count));
                }
            }
        }
        count
    }

    /// Writes the rows below `inner` in which some of the columns `column..column + H` is not 0, ascending, and gives
    /// their number.
    ///
    /// # Safety
    /// `self.check(rows, inner, column + H)` held, and `to` is valid for writing `inner` values.
    #[inline(always)]
    pub(crate) unsafe fn rows_of<const H: usize>(self, rows: Rows, column: usize, inner: usize, to: *mut u32) -> usize {
        const { assert!(H <= 24, "a word from a byte on holds 25 columns, wherever they start") };
        let wanted = ((1_u32 << H) - 1) << (column % 8);
        let mut from = rows.values.as_ptr().wrapping_add(self.start()).cast::<u8>().wrapping_add(column / 8);
        let mut count = 0;
        for row in 0..inner {
            // SAFETY: a word can be read from the byte of any column; `count` is at most `row`.
            unsafe {
                to.add(count).write(row as u32);
                count += usize::from(u32::from_le(from.cast::<u32>().read_unaligned()) & wanted != 0);
            }
            from = from.wrapping_add(rows.stride * size_of::<f32>());
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;

    /// Both listings of one place of a matrix of some width.
    struct Listings<'a>(Marks, Rows<'a>, &'a dyn Fn(usize, usize) -> bool);

    impl Kernel for Listings<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            const H: usize = 4;
            let Self(marks, rows, live) = self;
            let (count, width) = (rows.count(), marks.width);
            marks.check(rows, count, width);
            let mut list = vec![0; count.max(width) + LANES];
            for row in 0..=count - H {
                // SAFETY: checked above, and the list has room.
                let found = unsafe { marks.columns_of::<S, H>(simd, rows, row, width, list.as_mut_ptr()) };
                let want = (0..width).filter(|&column| (row..row + H).any(|row| live(row, column)));
                assert!(list[..found].iter().map(|&column| column as usize).eq(want), "columns of {row} of {width}");
            }
            for column in 0..(width + 1).saturating_sub(H) {
                // SAFETY: as above.
                let found = unsafe { marks.rows_of::<H>(rows, column, count, list.as_mut_ptr()) };
                let want = (0..count).filter(|&row| (column..column + H).any(|column| live(row, column)));
                assert!(list[..found].iter().map(|&row| row as usize).eq(want), "rows of {column} of {width}");
            }
        }
    }

    #[test]
    fn every_value_but_zero_is_listed() {
        let live =
            |row: usize, column: usize| (row * 31 + column * 7).is_multiple_of(11) || (row == 3 && column % 64 > 40);
        let widths: &[usize] =
            if cfg!(miri) { &[1, 17, 40] } else { &[1, 15, 16, 17, 31, 33, 480, 481, 512, 513, 1100] };
        for (&width, isa) in widths.iter().flat_map(|width| Isa::available().into_iter().map(move |isa| (width, isa))) {
            let marks = Marks::of(width);
            let mut matrix = Matrix::zeros(9, marks.columns());
            let stride = matrix.stride();
            for (row, values) in matrix.values_mut().chunks_exact_mut(stride).enumerate() {
                let value = |column| if live(row, column) { f32::NAN } else { -0.0 };
                values[..width].iter_mut().enumerate().for_each(|(column, to)| *to = value(column));
            }
            marks.set(isa, RowsMut { values: matrix.values_mut(), stride });
            isa.run(Listings(marks, matrix.head(9), &live));
        }
    }
}
