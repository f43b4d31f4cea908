//! Training.

pub mod rng;
