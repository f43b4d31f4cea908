//! Tiles that go straight from the registers to their place.

use std::ops::Range;

use crate::activation::Activation;
use crate::isa::LANES;

/// Where tiles go that need nothing but a place: C(r, c) belongs at `to + r * stride + c`, through `map`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Direct {
    pub(super) to: *mut f32,
    pub(super) stride: usize,
    pub(super) map: Map,
    /// Whether the chains go on from the values that are there.
    pub(super) continues: bool,
}

/// What is applied to a sum before it is stored.
#[derive(Debug, Clone, Copy)]
pub(super) enum Map {
    Identity,
    Relu,
    /// Times the slope of relu where the output is z(r, c), at `z + r * stride + c`.
    ReluSlope {
        z: *const f32,
        stride: usize,
    },
}

impl Direct {
    /// To `out`, whose row r - `first` is row r of C.
    ///
    /// # Panics
    /// If one of `rows` has no place for `columns` values.
    pub(crate) fn rows(out: &mut [f32], stride: usize, first: usize, rows: &Range<usize>, columns: usize) -> Self {
        check_rows(out.len(), stride, rows.end - first, columns);
        Self { to: out.as_mut_ptr().wrapping_sub(first * stride), stride, map: Map::Identity, continues: false }
    }

    /// On top of the values that are there, whole vectors of them.
    pub(crate) fn continues(self, continues: bool) -> Self {
        Self { continues, ..self }
    }

    /// Through sigma, if that is simple enough to be done while the tile is in registers.
    pub(crate) fn through(self, activation: Activation) -> Option<Self> {
        match activation {
            Activation::Identity => Some(self),
            Activation::Relu => Some(Self { map: Map::Relu, ..self }),
            _ => None,
        }
    }

    /// Times sigma' where the outputs are `z`, a row for each row of C, if that is simple enough.
    ///
    /// # Panics
    /// If one of `rows` has no `columns` values.
    pub(crate) fn times_slope(
        self,
        activation: Activation,
        z: &[f32],
        stride: usize,
        rows: &Range<usize>,
        columns: usize,
    ) -> Option<Self> {
        match activation {
            Activation::Identity => Some(self),
            Activation::Relu => {
                check_rows(z.len(), stride, rows.end, columns.next_multiple_of(LANES));
                Some(Self { map: Map::ReluSlope { z: z.as_ptr(), stride }, ..self })
            }
            _ => None,
        }
    }
}

/// Panics unless `len` values are `rows` rows, `stride` apart, the last of at least `columns`.
fn check_rows(len: usize, stride: usize, rows: usize, columns: usize) {
    let needed = rows.checked_sub(1).map_or(Some(0), |rows| rows.checked_mul(stride)?.checked_add(columns));
    assert!(
        needed.is_some_and(|needed| needed <= len),
        "{len} values are not {rows} rows of {columns}, {stride} apart"
    );
}
