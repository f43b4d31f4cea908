//! The `layerloop` command on the processes that `mpirun` starts: `mpirun -n 4 layerloop-mpi train table.csv --micro-batches 16`.
//!
//! Rank 0 speaks and writes files, the others compute with it. A rank that ends early or does not answer ends all of them.

mod over_mpi;
mod pulse;

use std::io::{Write as _, stderr};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use mpi::Threading;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator as _, CommunicatorCollectives as _};

use crate::over_mpi::OverMpi;
use crate::pulse::Pulse;

/// What a rank that has failed gives the others to fail as well, before it ends them.
const GRACE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let Some((universe, threading)) = mpi::initialize_with_threading(Threading::Multiple) else {
        return refuse("MPI is initialised already");
    };
    if threading < Threading::Multiple {
        return refuse(
            "this MPI library is not for programs of several threads, and one of them watches the other ranks",
        );
    }
    let world = universe.world();
    let pulse = Pulse::begin();
    let code = layerloop_cli::main(Some(&OverMpi::new(&world)));
    if !all_end(&world, code != 0) {
        world.abort(1);
    }
    pulse.end();
    ExitCode::from(code)
}

fn refuse(reason: &str) -> ExitCode {
    _ = writeln!(stderr(), "error: {reason}"); // nobody may be there to read it
    ExitCode::from(1)
}

/// Whether all ranks come to their ends; one that has failed does not wait for long.
fn all_end(world: &SimpleCommunicator, failed: bool) -> bool {
    let start = Instant::now();
    let mut barrier = world.immediate_barrier();
    loop {
        match barrier.test() {
            Ok(_) => return true,
            Err(waits) => barrier = waits,
        }
        if failed && start.elapsed() > GRACE {
            // What still waits ends with the process.
            std::mem::forget(barrier);
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
