//! Instruction sets: a value that proves what the processor can do, and sixteen lanes written once for all of them.
//!
//! A kernel is written against [`Simd`], whose vector has sixteen f32 lanes on every instruction set: one AVX-512
//! register, two of AVX2, four of NEON, an array on the scalar path. Each operation is one IEEE operation per lane, so
//! every path gives the same bits by construction; [`Isa::run`] compiles the kernel for each set and picks one.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod recorder;
mod scalar;

pub(crate) use recorder::{Place, Recorder};

/// Number of lanes of a vector, on every instruction set.
pub const LANES: usize = 16;

/// Sixteen f32 lanes and the operations on them. A value of an implementing type exists only where the processor has
/// its instructions: that is the invariant on which the intrinsics inside rest.
pub(crate) trait Simd: Copy {
    /// Sixteen f32.
    type F32s: Copy;

    /// Runs a product with tiles of the size that suits the number of registers.
    fn product<P: crate::gemm::TiledProduct>(self, product: P);

    /// Runs `kernel`, compiled as a function of its own.
    fn run_apart(self, kernel: impl Kernel);

    /// All lanes equal to `x`.
    fn splat(self, x: f32) -> Self::F32s;
    /// Sixteen values from `from`.
    ///
    /// # Safety
    /// `from` is valid for reading sixteen f32.
    unsafe fn load(self, from: *const f32) -> Self::F32s;
    /// Sixteen bytes from `from`, widened.
    ///
    /// # Safety
    /// `from` is valid for reading sixteen bytes.
    unsafe fn load_bytes(self, from: *const u8) -> Self::F32s;
    /// The first `lanes` (at most sixteen) values from `from`, and those of `rest` behind them.
    ///
    /// # Safety
    /// `from` is valid for reading `lanes` f32.
    unsafe fn load_partial(self, from: *const f32, lanes: usize, rest: Self::F32s) -> Self::F32s;
    /// Asks for the cache line of `from`, which need not be valid; changes nothing but time.
    fn prefetch(self, from: *const u8);
    /// Sixteen values to `to`.
    ///
    /// # Safety
    /// `to` is valid for writing sixteen f32.
    unsafe fn store(self, to: *mut f32, x: Self::F32s);
    /// The first `lanes` (at most sixteen) values to `to`.
    ///
    /// # Safety
    /// `to` is valid for writing `lanes` f32.
    unsafe fn store_partial(self, to: *mut f32, x: Self::F32s, lanes: usize);

    /// a + b
    fn add(self, a: Self::F32s, b: Self::F32s) -> Self::F32s;
    /// a - b
    fn sub(self, a: Self::F32s, b: Self::F32s) -> Self::F32s;
    /// a * b
    fn mul(self, a: Self::F32s, b: Self::F32s) -> Self::F32s;
    /// a / b
    fn div(self, a: Self::F32s, b: Self::F32s) -> Self::F32s;
    /// The square root, correctly rounded.
    fn sqrt(self, a: Self::F32s) -> Self::F32s;
    /// a * b + c, rounded once.
    fn mul_add(self, a: Self::F32s, b: Self::F32s, c: Self::F32s) -> Self::F32s;
    /// `a > b ? a : b`: a NaN in `b` comes through, one in `a` does not.
    fn max(self, a: Self::F32s, b: Self::F32s) -> Self::F32s;
    /// `a < b ? a : b`: a NaN in `b` comes through, one in `a` does not.
    fn min(self, a: Self::F32s, b: Self::F32s) -> Self::F32s;
    /// `x > y ? a : b`
    fn select_gt(self, x: Self::F32s, y: Self::F32s, a: Self::F32s, b: Self::F32s) -> Self::F32s;
    /// |a|
    fn abs(self, a: Self::F32s) -> Self::F32s;
    /// The magnitude of `a` with the sign of `sign`.
    fn copysign(self, a: Self::F32s, sign: Self::F32s) -> Self::F32s;
    /// The bits of a or those of b.
    fn or(self, a: Self::F32s, b: Self::F32s) -> Self::F32s;
    /// Bit i is set where lane i has a bit set, its sign aside.
    fn nonzero(self, a: Self::F32s) -> u32;
    /// Writes `first` + i for every bit i that is set in `mask`, ascending, and gives their number.
    ///
    /// # Safety
    /// `to` is valid for writing sixteen values.
    #[inline(always)]
    unsafe fn store_places(self, mut mask: u32, first: u32, to: *mut u32) -> usize {
        let count = mask.count_ones() as usize;
        for i in 0..count {
            // SAFETY: i is below sixteen.
            unsafe { to.add(i).write(first + mask.trailing_zeros()) }
            mask &= mask - 1;
        }
        count
    }
    /// The lanes of a and b in turn, from the first on: a_0, b_0, a_1, ... to b_7, and a_8 to b_15.
    fn zip(self, a: Self::F32s, b: Self::F32s) -> (Self::F32s, Self::F32s);
    /// The nearest whole number, ties to even.
    fn round(self, a: Self::F32s) -> Self::F32s;
    /// a * 2^n rounded once, for whole n in -252..=254 and a in [1/2, 2].
    fn scale(self, a: Self::F32s, n: Self::F32s) -> Self::F32s;
    /// (m, e) with a = m * 2^e and m in [sqrt(1/2), sqrt(2)), for positive normal a.
    fn split_exponent(self, a: Self::F32s) -> (Self::F32s, Self::F32s);
    /// Lane i is [`scalar::uniform`] of `first` + i: numbers on [0, 1), multiples of 2^-24.
    fn uniform(self, first: u32, keys: [u32; 2]) -> Self::F32s;
    /// The lanes in an array.
    fn to_array(self, a: Self::F32s) -> [f32; LANES];
    /// The sum of the lanes as one fixed tree: lane i takes lane i + 8, then i + 4, i + 2, i + 1.
    fn sum_lanes(self, a: Self::F32s) -> f32;
    /// The largest lane, by the same tree of `max`.
    fn max_lanes(self, a: Self::F32s) -> f32;
}

/// Something to compute, compiled once for each instruction set.
pub(crate) trait Kernel {
    /// What it computes, with the instructions that `simd` proves. Implementations are `#[inline(always)]`.
    fn run<S: Simd>(self, simd: S);
}

/// An instruction set that this processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isa(Set);

/// The instruction set of a name that this processor does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownIsa {
    name: String,
    available: Vec<&'static str>,
}

impl std::fmt::Display for UnknownIsa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` is not among those of this processor: {}", self.name, self.available.join(", "))
    }
}

impl std::error::Error for UnknownIsa {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    Scalar(scalar::Scalar),
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Avx512),
    #[cfg(target_arch = "aarch64")]
    Neon(neon::Neon),
}

impl Isa {
    /// Every instruction set of this processor, the widest last.
    #[must_use]
    pub fn available() -> Vec<Self> {
        [
            Some(Set::Scalar(scalar::Scalar)),
            #[cfg(target_arch = "x86_64")]
            avx2::Avx2::detect().map(Set::Avx2),
            #[cfg(target_arch = "x86_64")]
            avx512::Avx512::detect().map(Set::Avx512),
            #[cfg(target_arch = "aarch64")]
            neon::Neon::detect().map(Set::Neon),
        ]
        .into_iter()
        .flatten()
        .map(Self)
        .collect()
    }

    /// The one that `LAYERLOOP_ISA` names, for tests; else the widest of this processor.
    ///
    /// # Errors
    /// [`UnknownIsa`] where the variable names one that this processor does not have.
    pub fn chosen() -> Result<Self, UnknownIsa> {
        let all = Self::available();
        let Some(name) = std::env::var_os("LAYERLOOP_ISA") else {
            return Ok(Self::widest(&all));
        };
        all.iter().copied().find(|isa| name == isa.name()).ok_or_else(|| UnknownIsa {
            name: name.to_string_lossy().into_owned(),
            available: all.iter().map(|isa| isa.name()).collect(),
        })
    }

    /// As [`Isa::chosen`], and the widest where that fails.
    #[must_use]
    pub fn best() -> Self {
        Self::chosen().unwrap_or_else(|_| Self::widest(&Self::available()))
    }

    fn widest(all: &[Self]) -> Self {
        all.last().copied().unwrap_or(Self(Set::Scalar(scalar::Scalar)))
    }

    /// `scalar`, `avx2`, `avx512` or `neon`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Set::Scalar(_) => "scalar",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(_) => "avx512",
            #[cfg(target_arch = "aarch64")]
            Set::Neon(_) => "neon",
        }
    }

    /// Runs the version of `kernel` that was compiled for this instruction set.
    #[inline]
    pub(crate) fn run(self, kernel: impl Kernel) {
        match self.0 {
            Set::Scalar(simd) => kernel.run(simd),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(simd) => simd.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(simd) => simd.run(kernel),
            #[cfg(target_arch = "aarch64")]
            Set::Neon(simd) => simd.run(kernel),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Lanes = [f32; LANES];

    const CORNERS: Lanes = {
        let (nan, infinity, tiny) = (f32::NAN, f32::INFINITY, f32::MIN_POSITIVE);
        [0.0, -0.0, 1.0, -1.0, 0.5, 1.5, -2.5, 0.1, 4194304.5, 1e-45, -3e-39, tiny, f32::MAX, infinity, -infinity, nan]
    };
    const NUMBERS: Lanes =
        [0.3, -7.1, 1e-3, 4e4, -0.77, 12.9, 1e-9, -3e5, 2.2, 0.019, -6e-4, 81.3, 5e5, -0.5, 3.3e3, -1e-6];
    /// For `scale`.
    const HALF_TO_TWO: Lanes =
        [0.5, 0.50000006, 0.7, 0.99999994, 1.0, 1.0000001, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 1.9999999, 2.0];
    const EXPONENTS: Lanes = [
        -252.0, -151.0, -150.0, -149.0, -148.0, -127.0, -126.0, -125.0, -1.0, 0.0, 1.0, 126.0, 127.0, 128.0, 129.0,
        254.0,
    ];

    /// The results of every operation for the corner cases, rotated so that all pairs occur.
    struct Operations<'a>(&'a mut Vec<(&'static str, Lanes)>);

    impl Kernel for Operations<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            simd.prefetch(std::ptr::null());
            for turn in 0..LANES {
                let rotated = |lanes: Lanes, by| {
                    let mut lanes = std::hint::black_box(lanes); // not computed by the compiler
                    lanes.rotate_left(by % LANES);
                    lanes
                };
                // SAFETY: an array has sixteen values.
                let load = |lanes: Lanes| unsafe { simd.load(lanes.as_ptr()) };
                let (a, b, c) = (rotated(CORNERS, 0), rotated(CORNERS, turn), rotated(CORNERS, 5 * turn + 3));
                let (x, y, z) = (load(a), load(b), load(c));
                let (first, second) = simd.zip(x, y);
                let (m, e) = simd.split_exponent(simd.abs(load(rotated(NUMBERS, turn))));
                let (mut stored, mut places, bytes) = (a, [0; LANES], a.map(|x| x.to_bits().to_le_bytes()[3]));
                // SAFETY: the arrays have sixteen values, `turn` is at most sixteen.
                let (partial, bytes, count) = unsafe {
                    simd.store_partial(stored.as_mut_ptr(), y, turn);
                    let count = simd.store_places(simd.nonzero(y), 100, places.as_mut_ptr());
                    (simd.load_partial(b[LANES - turn..].as_ptr(), turn, x), simd.load_bytes(bytes.as_ptr()), count)
                };
                assert_eq!(count, simd.nonzero(y).count_ones() as usize);
                let vectors = [
                    ("splat", simd.splat(b[0])),
                    ("load_partial", partial),
                    ("load_bytes", bytes),
                    ("add", simd.add(x, y)),
                    ("sub", simd.sub(x, y)),
                    ("mul", simd.mul(x, y)),
                    ("div", simd.div(x, y)),
                    ("sqrt", simd.sqrt(y)),
                    ("mul_add", simd.mul_add(x, y, z)),
                    ("max", simd.max(x, y)),
                    ("min", simd.min(x, y)),
                    ("select_gt", simd.select_gt(x, y, z, x)),
                    ("abs", simd.abs(y)),
                    ("copysign", simd.copysign(x, y)),
                    ("or", simd.or(x, y)),
                    ("zip, first", first),
                    ("zip, second", second),
                    ("round", simd.round(y)),
                    ("scale", simd.scale(load(rotated(HALF_TO_TWO, turn)), load(EXPONENTS))),
                    ("split_exponent, m", m),
                    ("split_exponent, e", e),
                    (
                        "uniform",
                        simd.uniform((turn as u32).wrapping_mul(0x1234_5677), [b[0].to_bits(), c[1].to_bits()]),
                    ),
                ];
                self.0.extend(vectors.map(|(name, lanes)| (name, simd.to_array(lanes))));
                let scalars = [
                    ("nonzero", simd.nonzero(y) as f32),
                    ("sum_lanes", simd.sum_lanes(load(rotated(NUMBERS, turn)))),
                    ("max_lanes", simd.max_lanes(y)),
                ];
                self.0.extend(scalars.map(|(name, value)| (name, [value; LANES])));
                self.0.extend([("store_partial", stored), ("store_places", places.map(|place| place as f32))]);
            }
        }
    }

    #[test]
    fn every_operation_gives_the_scalar_bits_at_every_corner() {
        let results = |isa: Isa| {
            let mut results = vec![];
            isa.run(Operations(&mut results));
            results
        };
        // Which NaN an operation gives is not specified.
        let bits = |lanes: Lanes| lanes.map(|x| if x.is_nan() { f32::NAN } else { x }.to_bits());
        let scalar = results(Isa::available()[0]);
        for isa in Isa::available() {
            for (&(name, want), (_, got)) in scalar.iter().zip(results(isa)) {
                assert_eq!(bits(got), bits(want), "{name} on {}: {got:?}, not {want:?}", isa.name());
            }
        }
    }
}
