//! The vector functions at all 2^32 numbers of 32 bits: within their bounds of the true value, equal on every
//! instruction set of this processor. Softmax and log-sum-exp are made of these and of IEEE operations alone.
//!
//! `cargo run --release -p layerloop-kernels --example exhaustive`, with the names of functions for these alone:
//! `.ci/scheduled` runs it; `./test` takes a sample.
#![expect(clippy::print_stdout, reason = "the table of its findings")]

use std::process::ExitCode;
use std::thread;

use layerloop_kernels::function::{Function, apply};
use layerloop_kernels::{Isa, reference};

/// Numbers looked at together.
const RANGE: u64 = 1 << 14;

/// The largest error of a function, in ULP, and where it is.
type Worst = (f64, f32);

fn main() -> ExitCode {
    let isas = Isa::available();
    println!("on {}", isas.iter().map(|isa| isa.name()).collect::<Vec<_>>().join(", "));
    let mut held = true;
    let named: Vec<String> = std::env::args().skip(1).collect();
    for function in Function::ALL.into_iter().filter(|f| named.is_empty() || named.iter().any(|name| name == f.name()))
    {
        let (error, at) = worst_of_all(function, &isas);
        let (name, bound, bits) = (function.name(), function.bound(), at.to_bits());
        println!("{name}: at most {error:.6} ULP, at {at:e} ({bits:#010x}); the bound is {bound}");
        held &= error <= bound;
    }
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The largest error among all f32, each thread looking at its share of the ranges.
fn worst_of_all(function: Function, isas: &[Isa]) -> Worst {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = |thread: usize| {
        let firsts = (thread as u64 * RANGE..1 << 32).step_by(threads * RANGE as usize);
        firsts
            .map(|first| range(function, isas, (first..first + RANGE).map(|bits| f32::from_bits(bits as u32))))
            .fold((0.0, 0.0), larger)
    };
    thread::scope(|scope| {
        let shares: Vec<_> = (0..threads).map(|thread| scope.spawn(move || share(thread))).collect();
        shares.into_iter().map(|share| share.join().expect("no share panics")).fold((0.0, 0.0), larger)
    })
}

/// The largest error among `inputs`; infinite where two instruction sets differ.
fn range(function: Function, isas: &[Isa], inputs: impl Iterator<Item = f32>) -> Worst {
    let inputs: Vec<f32> = inputs.filter(|&x| function.takes(x)).collect();
    let [scalar, wider @ ..] = isas else { return (f64::INFINITY, 0.0) };
    let on = |isa: &Isa| {
        let mut values = inputs.clone();
        apply(*isa, function, &mut values);
        values
    };
    let got = on(scalar);
    let mut worst = (0.0, 0.0);
    for (&x, &got) in inputs.iter().zip(&got) {
        worst = larger(worst, (reference::ulps(got, reference::function(function, f64::from(x))), x));
    }
    for other in wider.iter().map(on) {
        let differs = |(a, b): (&f32, &f32)| a.to_bits() != b.to_bits() && !(a.is_nan() && b.is_nan());
        if let Some(at) = got.iter().zip(&other).position(differs) {
            worst = (f64::INFINITY, inputs[at]);
        }
    }
    worst
}

/// The larger error; of two equal ones that at the smaller bit pattern, so that threads change nothing.
fn larger(a: Worst, b: Worst) -> Worst {
    let key = |worst: &Worst| (worst.0.to_bits(), u32::MAX - worst.1.to_bits());
    std::cmp::max_by_key(a, b, key)
}
