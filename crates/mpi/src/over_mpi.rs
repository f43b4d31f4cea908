//! Numbers from rank to rank, by MPI.

use std::fmt;

use layerloop::Result;
use layerloop::ranks::Communicator;
use mpi::point_to_point::send_receive_into;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator as _, Destination as _, Source as _};

/// The ranks that `mpirun` has started. What cannot be delivered ends them all: MPI sees to that.
pub(crate) struct OverMpi<'a> {
    world: &'a SimpleCommunicator,
}

impl<'a> OverMpi<'a> {
    pub(crate) fn new(world: &'a SimpleCommunicator) -> Self {
        Self { world }
    }
}

impl fmt::Debug for OverMpi<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rank {} of {}", self.rank(), self.ranks())
    }
}

impl Communicator for OverMpi<'_> {
    fn rank(&self) -> usize {
        self.world.rank() as usize
    }

    fn ranks(&self) -> usize {
        self.world.size() as usize
    }

    fn send(&self, bytes: &[u8], to: usize) -> Result<()> {
        self.world.process_at_rank(to as i32).send(bytes);
        Ok(())
    }

    fn receive(&self, from: usize) -> Result<Vec<u8>> {
        Ok(self.world.process_at_rank(from as i32).receive_vec().0)
    }

    fn send_numbers(&self, numbers: &[f32], to: usize) -> Result<()> {
        self.world.process_at_rank(to as i32).send(numbers);
        Ok(())
    }

    fn receive_numbers(&self, numbers: &mut [f32], from: usize) -> Result<()> {
        self.world.process_at_rank(from as i32).receive_into(numbers);
        Ok(())
    }

    fn exchange_numbers(&self, own: &[f32], others: &mut [f32], with: usize) -> Result<()> {
        let with = self.world.process_at_rank(with as i32);
        send_receive_into(own, &with, others, &with);
        Ok(())
    }
}
