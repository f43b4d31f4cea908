//! The path that computes nothing: it writes down which operations a function consists of.

use std::cell::RefCell;

use super::{Kernel, LANES, Simd};
use crate::formula::Operation;
use crate::gemm::TiledProduct;

/// Where the operations are written.
#[derive(Clone, Copy)]
pub(crate) struct Recorder<'a>(pub(crate) &'a RefCell<Vec<Operation>>);

/// A number by its place among the operations.
#[derive(Clone, Copy)]
pub(crate) struct Place(pub(crate) usize);

impl Recorder<'_> {
    pub(crate) fn push(self, operation: Operation) -> Place {
        let mut all = self.0.borrow_mut();
        let same = |other: &Operation| match (other, &operation) {
            (Operation::Constant(a), Operation::Constant(b)) => a.to_bits() == b.to_bits(),
            (a, b) => a == b,
        };
        let known = all.iter().position(same);
        Place(known.unwrap_or_else(|| {
            all.push(operation);
            all.len() - 1
        }))
    }
}

impl Simd for Recorder<'_> {
    type F32s = Place;

    fn product<P: TiledProduct>(self, _: P) {
        unreachable!("a function of one number has no products")
    }
    fn run_apart(self, kernel: impl Kernel) {
        kernel.run(self);
    }
    fn splat(self, x: f32) -> Place {
        self.push(Operation::Constant(x))
    }
    unsafe fn load(self, _: *const f32) -> Place {
        unreachable!("a function of one number reads no memory")
    }
    unsafe fn load_bytes(self, _: *const u8) -> Place {
        unreachable!("a function of one number reads no memory")
    }
    unsafe fn load_partial(self, _: *const f32, _: usize, _: Place) -> Place {
        unreachable!("a function of one number reads no memory")
    }
    fn prefetch(self, _: *const u8) {}
    unsafe fn store(self, _: *mut f32, _: Place) {
        unreachable!("a function of one number writes no memory")
    }
    unsafe fn store_partial(self, _: *mut f32, _: Place, _: usize) {
        unreachable!("a function of one number writes no memory")
    }
    fn add(self, a: Place, b: Place) -> Place {
        self.push(Operation::Add(a.0, b.0))
    }
    fn sub(self, a: Place, b: Place) -> Place {
        self.push(Operation::Sub(a.0, b.0))
    }
    fn mul(self, a: Place, b: Place) -> Place {
        self.push(Operation::Mul(a.0, b.0))
    }
    fn div(self, a: Place, b: Place) -> Place {
        self.push(Operation::Div(a.0, b.0))
    }
    fn sqrt(self, a: Place) -> Place {
        self.push(Operation::Sqrt(a.0))
    }
    fn mul_add(self, a: Place, b: Place, c: Place) -> Place {
        self.push(Operation::MulAdd(a.0, b.0, c.0))
    }
    fn max(self, a: Place, b: Place) -> Place {
        self.push(Operation::Max(a.0, b.0))
    }
    fn min(self, a: Place, b: Place) -> Place {
        self.push(Operation::Min(a.0, b.0))
    }
    fn select_gt(self, x: Place, y: Place, a: Place, b: Place) -> Place {
        self.push(Operation::SelectGreater([x.0, y.0], [a.0, b.0]))
    }
    fn abs(self, a: Place) -> Place {
        self.push(Operation::Abs(a.0))
    }
    fn copysign(self, a: Place, sign: Place) -> Place {
        self.push(Operation::Copysign(a.0, sign.0))
    }
    fn or(self, _: Place, _: Place) -> Place {
        unreachable!("no function of one number needs it")
    }
    fn nonzero(self, _: Place) -> u32 {
        unreachable!("no function of one number needs it")
    }
    fn zip(self, _: Place, _: Place) -> (Place, Place) {
        unreachable!("no function of one number needs it")
    }
    fn round(self, a: Place) -> Place {
        self.push(Operation::Round(a.0))
    }
    fn scale(self, a: Place, n: Place) -> Place {
        self.push(Operation::Scale(a.0, n.0))
    }
    fn split_exponent(self, a: Place) -> (Place, Place) {
        (self.push(Operation::Mantissa(a.0)), self.push(Operation::Exponent(a.0)))
    }
    fn uniform(self, _: u32, _: [u32; 2]) -> Place {
        unreachable!("no function of one number is random")
    }
    fn to_array(self, _: Place) -> [f32; LANES] {
        unreachable!("there are no numbers yet")
    }
    fn sum_lanes(self, _: Place) -> f32 {
        unreachable!("there are no numbers yet")
    }
    fn max_lanes(self, _: Place) -> f32 {
        unreachable!("there are no numbers yet")
    }
}
