//! Whether the other ranks are alive: rank 0 hears from each of them, and each of them from rank 0, every second.
//!
//! A process that is killed is noticed by `mpirun`. One that is stopped, or behind a network that was cut, is noticed here.

use std::io::{Write as _, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator as _, CommunicatorCollectives as _, Destination as _, Source as _};

const EVERY: Duration = Duration::from_secs(1);
/// How long a rank may be silent.
const SILENCE: Duration = Duration::from_secs(10);
/// How often a rank listens.
const LISTEN: Duration = Duration::from_millis(100);

/// The thread that sends, and listens.
pub(crate) struct Pulse {
    ended: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Pulse {
    pub(crate) fn begin() -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ended);
        Self { ended, thread: spawn(move || beat(&end)) }
    }

    /// When all ranks have come to their ends.
    pub(crate) fn end(self) {
        self.ended.store(true, Ordering::Relaxed);
        _ = self.thread.join();
    }
}

fn beat(ended: &AtomicBool) {
    // Messages of their own: none is taken for a number of the training.
    let ranks = SimpleCommunicator::world().duplicate();
    let (rank, now) = (ranks.rank(), Instant::now());
    let others = if rank == 0 { 1..ranks.size() } else { 0..1 };
    let mut heard = vec![now; ranks.size() as usize];
    let mut sent: Option<Instant> = None;
    while !ended.load(Ordering::Relaxed) {
        if sent.is_none_or(|sent| sent.elapsed() >= EVERY) {
            others.clone().for_each(|other| ranks.process_at_rank(other).send(&0u8));
            sent = Some(Instant::now());
        }
        listen(&ranks, |other| heard[other as usize] = Instant::now());
        if let Some(silent) = others.clone().find(|&other| heard[other as usize].elapsed() > SILENCE) {
            give_up(&ranks, silent);
        }
        sleep(LISTEN);
    }
    ranks.barrier();
    listen(&ranks, |_| {});
}

fn listen(ranks: &SimpleCommunicator, mut hear: impl FnMut(i32)) {
    while let Some((message, status)) = ranks.any_process().immediate_matched_probe() {
        let (_, _): (u8, _) = message.matched_receive();
        hear(status.source_rank());
    }
}

/// Ends all ranks: by MPI, or, where that hangs too, this one by itself.
fn give_up(ranks: &SimpleCommunicator, silent: i32) -> ! {
    _ = writeln!(
        stderr(),
        "error: rank {silent} has not answered rank {} for {} s: it was stopped, or the network between them was cut; its last checkpoint is as it was",
        ranks.rank(),
        SILENCE.as_secs()
    );
    spawn(|| {
        sleep(Duration::from_secs(3));
        std::process::exit(1)
    });
    ranks.abort(1)
}
