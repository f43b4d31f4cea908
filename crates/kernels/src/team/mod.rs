//! A team of threads that its caller owns, and safe ways to share matrices among them.
//!
//! A region hands out tasks 0..n, cut by the shape of the work alone: each member starts with its own range of them
//! and then takes tasks of the others, so a member that the system has suspended delays no more than its current task.
//! Which member runs a task can change no bit of the result. Between regions members spin for some microseconds,
//! then sleep.

mod matrices;
#[cfg(all(loom, test))]
mod model;
mod region;
mod sync;
mod turns;

pub use matrices::{Block, Partition};

use std::fmt;
use std::panic::resume_unwind;

use crate::isa::Isa;
use matrices::View;
use region::{Order, Shared, Task};
use sync::Arc;
use sync::thread::{Builder, JoinHandle};
use turns::Turns;

/// The caller's thread and `threads - 1` others, with the instruction set that their kernels use.
pub struct Team {
    isa: Isa,
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    alone: bool,
    /// Kept from region to region, so that a region allocates nothing.
    views: Vec<View>,
    turns: Turns,
}

impl fmt::Debug for Team {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Team").field("isa", &self.isa).field("threads", &self.threads()).finish()
    }
}

impl Team {
    /// A team of `threads` members, the caller being one of them; of fewer, if the system gives no more threads.
    ///
    /// # Panics
    /// If `threads` is 0.
    #[must_use]
    pub fn new(threads: usize, isa: Isa) -> Self {
        assert!(threads > 0, "a team has at least its caller");
        let shared = Arc::new(Shared::new(threads));
        let worker = |member| {
            let shared = Arc::clone(&shared);
            let builder = Builder::new().name(format!("layerloop {member}"));
            builder.spawn(move || shared.work(member)).ok()
        };
        Self {
            isa,
            workers: (1..threads).map_while(worker).collect(),
            shared,
            alone: false,
            views: Vec::new(),
            turns: Turns::new(),
        }
    }

    /// The caller alone.
    #[must_use]
    pub fn alone() -> Self {
        Self::new(1, Isa::best())
    }

    /// Number of members.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Whether only the caller works from now on, while the others sleep.
    pub fn work_alone(&mut self, alone: bool) {
        self.alone = alone;
    }

    /// The instruction set of the team's kernels.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Runs tasks 0..`tasks`, each once, on all members.
    ///
    /// # Panics
    /// If a task does, once all members have stopped.
    fn run(&mut self, tasks: usize, task: &dyn Task) {
        self.run_in(Order::ByMember, tasks, task);
    }

    /// As [`Self::run`], in an order.
    fn run_in(&mut self, order: Order, tasks: usize, task: &dyn Task) {
        if self.workers.is_empty() || self.alone || tasks < 2 {
            return (0..tasks).for_each(|next| task(0, next));
        }
        self.shared.open(tasks, order, task, &self.workers);
        self.shared.take_part(0, task);
        self.shared.close();
        if let Some(panic) = self.shared.panic() {
            resume_unwind(panic);
        }
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.quit(&self.workers);
        for worker in self.workers.drain(..) {
            let _ = worker.join(); // `run` has resumed a worker's panic
        }
    }
}
#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::thread;

    #[test]
    fn every_task_runs_once_whatever_the_threads() {
        for threads in [1, 2, 3, 7] {
            let mut team = Team::new(threads, Isa::best());
            for tasks in [0, 1, 2, 5, 100] {
                for _ in 0..if cfg!(miri) { 3 } else { 200 } {
                    let runs: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                    team.run(tasks, &|_, task| {
                        runs[task].fetch_add(1, Relaxed);
                    });
                    assert!(runs.iter().all(|r| r.load(Relaxed) == 1), "{threads} threads, {tasks} tasks");
                }
            }
        }
    }

    #[test]
    fn a_team_that_fell_asleep_wakes_up() {
        let mut team = Team::new(3, Isa::best());
        let sum = AtomicUsize::new(0);
        for _ in 0..3 {
            thread::sleep(std::time::Duration::from_millis(20));
            team.run(50, &|_, task| {
                sum.fetch_add(task, Relaxed);
            });
        }
        assert_eq!(sum.into_inner(), 3 * 49 * 50 / 2);
    }

    #[test]
    fn a_panic_in_a_task_reaches_the_caller_and_the_team_lives_on() {
        let mut team = Team::new(2, Isa::best());
        for bad in [0, 99] {
            let run = catch_unwind(AssertUnwindSafe(|| team.run(100, &|_, task| assert!(task != bad, "task {task}"))));
            assert!(run.is_err());
        }
        let count = AtomicUsize::new(0);
        team.run(100, &|_, _| {
            count.fetch_add(1, Relaxed);
        });
        assert_eq!(count.into_inner(), 100);
    }

    /// What a task panics with: its destructor panics too.
    struct Twice;

    impl Drop for Twice {
        fn drop(&mut self) {
            resume_unwind(Box::new("a destructor"));
        }
    }

    #[test]
    fn panics_of_several_tasks_whose_values_panic_again_reach_the_caller_as_one() {
        let mut team = Team::new(3, Isa::best());
        let all = Barrier::new(3); // each member has one task
        let run = catch_unwind(AssertUnwindSafe(|| {
            team.run(3, &|_, _| {
                all.wait();
                resume_unwind(Box::new(Twice));
            });
        }));
        let value = run.expect_err("a task panicked").downcast::<Twice>().expect("its value");
        std::mem::forget(value);
        let count = AtomicUsize::new(0);
        team.run(100, &|_, _| {
            count.fetch_add(1, Relaxed);
        });
        assert_eq!(count.into_inner(), 100);
    }
}
