//! The rows of a batch, gathered into consecutive memory; bytes are widened on the way.

use std::ops::Range;

use crate::isa::{Isa, Kernel, LANES, Simd};
use crate::matrix::RowsMut;

/// How many rows ahead the memory is asked for.
const AHEAD: usize = 4;

/// Bytes of a cache line.
const LINE: usize = 64;

/// Which columns of a source are gathered.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    /// Values of a row of the source.
    pub width: usize,
    /// The columns that are wanted, as runs of neighbours; they are put side by side.
    pub runs: &'a [Range<usize>],
}

impl Columns<'_> {
    fn count(&self) -> usize {
        self.runs.iter().map(Range::len).sum()
    }
}

/// Row r of `out` becomes `scale` times row `rows[r]` of `source`, bytes widened; the rows of `next` will be wanted
/// after these.
///
/// # Panics
/// If a row is not there, or `out` has fewer rows or columns.
pub fn bytes(isa: Isa, source: &[u8], columns: Columns, scale: f32, [rows, next]: [&[u32]; 2], out: RowsMut) {
    struct Gather<'a> {
        source: &'a [u8],
        columns: Columns<'a>,
        scale: f32,
        rows: &'a [u32],
        next: &'a [u32],
        out: RowsMut<'a>,
    }
    impl Kernel for Gather<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Columns { width, runs } = self.columns;
            let start = |&row: &u32| row as usize * width;
            let ahead = self.rows.iter().chain(self.next).skip(AHEAD).map(start).map(Some);
            let ahead = ahead.chain(std::iter::repeat(None));
            for ((start, ahead), to) in
                self.rows.iter().map(start).zip(ahead).zip(self.out.values.chunks_exact_mut(self.out.stride))
            {
                for line in ahead.into_iter().flat_map(|ahead| (ahead..ahead + width).step_by(LINE)) {
                    simd.prefetch(self.source.as_ptr().wrapping_add(line));
                }
                let (from, mut at) = (&self.source[start..][..width], 0);
                for run in runs {
                    widen(simd, &from[run.clone()], &mut to[at..at + run.len()], self.scale);
                    at += run.len();
                }
            }
        }
    }
    assert!(rows.len() <= out.count() && columns.count() <= out.stride, "{} rows of {columns:?}", rows.len());
    isa.run(Gather { source, columns, scale, rows, next, out });
}

/// `to` becomes `scale` times `from`: whole vectors, the last of which may overlap the one before it.
#[inline(always)]
fn widen<S: Simd>(simd: S, from: &[u8], to: &mut [f32], scale: f32) {
    let len = to.len().min(from.len());
    if len < LANES {
        return to.iter_mut().zip(from).for_each(|(to, &from)| *to = f32::from(from) * scale);
    }
    let scale = simd.splat(scale);
    for at in (0..len - LANES).step_by(LANES).chain([len - LANES]) {
        // SAFETY: at + 16 is at most the length of both.
        unsafe {
            let bytes = simd.load_bytes(from.as_ptr().add(at));
            simd.store(to.as_mut_ptr().add(at), simd.mul(bytes, scale));
        }
    }
}

/// Row r of `out` becomes row `rows[r]` of `source`.
///
/// # Panics
/// If a row is not there, or `out` has fewer rows or columns.
pub fn floats(source: &[f32], Columns { width, runs }: Columns, rows: &[u32], mut out: RowsMut) {
    for (r, &row) in rows.iter().enumerate() {
        let (from, mut at) = (&source[row as usize * width..][..width], 0);
        for run in runs {
            out.row(r, at + run.len())[at..].copy_from_slice(&from[run.clone()]);
            at += run.len();
        }
    }
}
