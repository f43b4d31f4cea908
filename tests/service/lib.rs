//! Nothing: `examples/service.rs` is what this package is for.
