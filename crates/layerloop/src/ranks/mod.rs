//! Processes that train one network together: each computes the gradients of some micro-batches, and what they add up to has the same bits
//! however many there are.
//!
//! A [`Communicator`] carries numbers from one process, a rank, to another: [`Threads`] between threads of one process, for tests; over a network
//! the crate `layerloop-mpi`. What is sent, and in which order, is decided here.

mod communicator;
mod group;

pub use communicator::{Communicator, Threads};
pub(crate) use group::Group;
pub use group::{agree, broadcast, gather, sum};
