//! The rows of a batch, gathered into consecutive memory; bytes are widened on the way.

use crate::isa::{Isa, Kernel, LANES, Simd};
use crate::matrix::RowsMut;

/// How many rows ahead the memory is asked for.
const AHEAD: usize = 4;

/// Bytes of a cache line.
const LINE: usize = 64;

/// Row r of `out` becomes `scale` times row `rows[r]` of `source`, whose rows have `width` bytes; the rows of `next` will
/// be wanted after these.
///
/// # Panics
/// If a row is not there, or `out` has fewer rows or columns.
pub fn bytes(isa: Isa, source: &[u8], width: usize, scale: f32, [rows, next]: [&[u32]; 2], out: RowsMut) {
    struct Gather<'a> {
        source: &'a [u8],
        width: usize,
        scale: f32,
        rows: &'a [u32],
        next: &'a [u32],
        out: RowsMut<'a>,
    }
    impl Kernel for Gather<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let (width, scale) = (self.width, simd.splat(self.scale));
            let start = |&row: &u32| row as usize * width;
            let ahead = self.rows.iter().chain(self.next).skip(AHEAD).map(start).map(Some);
            let ahead = ahead.chain(std::iter::repeat(None));
            for ((start, ahead), to) in
                self.rows.iter().map(start).zip(ahead).zip(self.out.values.chunks_exact_mut(self.out.stride))
            {
                for line in ahead.into_iter().flat_map(|ahead| (ahead..ahead + width).step_by(LINE)) {
                    simd.prefetch(self.source.as_ptr().wrapping_add(line));
                }
                let from = &self.source[start..][..width];
                let mut vectors = from.chunks_exact(LANES);
                for (from, to) in vectors.by_ref().zip(to.chunks_exact_mut(LANES)) {
                    // SAFETY: both chunks have sixteen values.
                    unsafe { simd.store(to.as_mut_ptr(), simd.mul(simd.load_bytes(from.as_ptr()), scale)) }
                }
                let rest = width - vectors.remainder().len();
                for (&from, to) in vectors.remainder().iter().zip(&mut to[rest..]) {
                    *to = f32::from(from) * self.scale;
                }
            }
        }
    }
    assert!(rows.len() <= out.count() && width <= out.stride, "{} rows of {width}", rows.len());
    isa.run(Gather { source, width, scale, rows, next, out });
}

/// Row r of `out` becomes row `rows[r]` of `source`, whose rows have `width` values.
///
/// # Panics
/// If a row is not there, or `out` has fewer rows or columns.
pub fn floats(source: &[f32], width: usize, rows: &[u32], out: RowsMut) {
    assert!(rows.len() <= out.count() && width <= out.stride, "{} rows of {width}", rows.len());
    for (&row, to) in rows.iter().zip(out.values.chunks_exact_mut(out.stride)) {
        to[..width].copy_from_slice(&source[row as usize * width..][..width]);
    }
}
