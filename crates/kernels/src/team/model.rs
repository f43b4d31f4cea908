//! The team under loom, which runs the interleavings of its members that differ and lets loads see every value that the memory
//! orders permit: `.ci/loom`. To it a member that is never woken is a deadlock, and what is not dropped a leak.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::Team;
use super::region::Order;
use super::sync::UnsafeCell;
use super::turns::Turns;
use crate::isa::Isa;

/// Threads whose `park` waits for their own token alone. `unpark` of loom wakes a thread wherever it waits, also in a `join`, which
/// no system does.
pub(super) mod thread {
    use std::cell::RefCell;
    use std::io;
    use std::sync::Arc;

    use loom::sync::Notify;

    #[derive(Clone)]
    pub(in super::super) struct Thread(Arc<Notify>);

    impl Thread {
        pub(in super::super) fn unpark(&self) {
            self.0.notify();
        }
    }

    loom::thread_local! {
        static OWN: RefCell<Thread> = RefCell::new(Thread(Arc::new(Notify::new())));
    }

    pub(in super::super) fn current() -> Thread {
        OWN.with(|own| own.borrow().clone())
    }

    pub(in super::super) fn park() {
        current().0.wait();
    }

    pub(in super::super) fn yield_now() {
        loom::thread::yield_now();
    }

    pub(in super::super) struct JoinHandle<T>(loom::thread::JoinHandle<T>, Thread);

    impl<T> JoinHandle<T> {
        pub(in super::super) fn thread(&self) -> &Thread {
            &self.1
        }

        pub(in super::super) fn join(self) -> std::thread::Result<T> {
            self.0.join()
        }
    }

    pub(in super::super) struct Builder(loom::thread::Builder);

    impl Builder {
        pub(in super::super) fn new() -> Self {
            Self(loom::thread::Builder::new())
        }

        pub(in super::super) fn name(self, name: String) -> Self {
            Self(self.0.name(name))
        }

        pub(in super::super) fn spawn<T: Send + 'static>(
            self,
            f: impl FnOnce() -> T + Send + 'static,
        ) -> io::Result<JoinHandle<T>> {
            let thread = Thread(Arc::new(Notify::new()));
            let own = thread.clone();
            let handle = self.0.spawn(move || {
                OWN.with(|place| place.replace(own));
                f()
            })?;
            Ok(JoinHandle(handle, thread))
        }
    }
}

/// A place that tasks write and the caller reads; loom complains of two accesses that nothing orders.
struct Place(UnsafeCell<usize>);

// SAFETY: loom stops the test before two threads use the value at once.
unsafe impl Sync for Place {}

impl Place {
    fn add(&self, more: usize) {
        // SAFETY: as above; the pointer does not leave.
        self.0.with_mut(|value| unsafe { *value += more });
    }

    fn get(&self) -> usize {
        // SAFETY: as above.
        self.0.with(|value| unsafe { *value })
    }
}

/// Checks `f` with a team of `threads`, where members are interrupted at most so many times; with `LAYERLOOP_LOOM=long` once more.
fn check(threads: usize, interruptions: usize, f: impl Fn(&mut Team) + Sync + Send + 'static) {
    check_caller(interruptions, move || f(&mut Team::new(threads, Isa::best())));
}

/// As [`check`]; `f` makes its team.
fn check_caller(interruptions: usize, f: impl Fn() + Sync + Send + 'static) {
    let long = std::env::var_os("LAYERLOOP_LOOM").is_some_and(|bound| bound == "long");
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(interruptions + usize::from(long));
    model.max_branches = 10_000;
    model.check(f);
}

/// A region of `tasks` tasks, each of which runs once and is seen by the caller.
fn region(team: &mut Team, places: &[Place], before: usize) {
    team.run(places.len(), &|_, task| places[task].add(task + 1));
    for (task, place) in places.iter().enumerate() {
        assert_eq!(place.get(), (before + 1) * (task + 1), "task {task} runs once");
    }
}

fn places(tasks: usize) -> Vec<Place> {
    (0..tasks).map(|_| Place(UnsafeCell::new(0))).collect()
}

#[test]
fn a_team_without_work_ends() {
    check(2, 4, |_| {});
    check(3, 3, |_| {});
}

#[test]
fn every_task_of_two_members_runs_once_and_its_caller_sees_what_it_wrote() {
    check(2, 3, |team| region(team, &places(3), 0));
}

#[test]
fn every_task_of_three_members_runs_once_and_its_caller_sees_what_it_wrote() {
    check(3, 1, |team| region(team, &places(3), 0));
}

#[test]
fn a_worker_wakes_for_the_next_region_or_is_not_waited_for() {
    check(2, 2, |team| {
        let places = places(2);
        region(team, &places, 0);
        region(team, &places, 1);
    });
}

#[test]
fn a_panic_of_any_member_reaches_the_caller_and_the_team_works_on() {
    check(2, 2, |team| {
        let run = catch_unwind(AssertUnwindSafe(|| {
            team.run(2, &|member, task| {
                if task == 1 {
                    resume_unwind(Box::new(member)); // without a message for each interleaving
                }
            });
        }));
        assert!(run.expect_err("task 1 panicked").downcast::<usize>().is_ok_and(|member| *member < 2));
        region(team, &places(2), 0);
    });
}

/// Tasks that take turns at two places, in their order, and the caller that sees the last.
fn turns(team: &mut Team, tasks: usize) {
    let places = places(2);
    let mut turns = std::mem::replace(&mut team.turns, Turns::new());
    turns.begin(2);
    team.run_in(Order::Ascending, tasks, &|_, task| {
        for (part, place) in places.iter().enumerate() {
            turns.take(part, task, || {
                assert_eq!(place.get(), task);
                place.add(1);
            });
        }
    });
    assert!(places.iter().all(|place| place.get() == tasks));
}

#[test]
fn turns_are_taken_in_order() {
    check(2, 2, |team| turns(team, 3));
    check(3, 1, |team| turns(team, 3));
}

#[test]
fn nobody_waits_for_the_turn_of_a_task_that_panics() {
    check(2, 2, |team| {
        let mut turns = std::mem::replace(&mut team.turns, Turns::new());
        turns.begin(1);
        let run = catch_unwind(AssertUnwindSafe(|| {
            team.run_in(Order::Ascending, 2, &|_, task| {
                turns.or_abandon(|| {
                    if task == 0 {
                        resume_unwind(Box::new(()));
                    }
                });
                turns.take(0, task, || {});
            });
        }));
        assert!(run.expect_err("task 0 panicked").is::<()>());
    });
}

#[test]
fn two_panics_reach_the_caller_as_one() {
    check(2, 3, |team| {
        let run = catch_unwind(AssertUnwindSafe(|| team.run(2, &|_, task| resume_unwind(Box::new(task)))));
        assert!(run.expect_err("both tasks panicked").downcast::<usize>().is_ok_and(|task| *task < 2));
    });
}

#[test]
fn a_panic_of_the_caller_between_regions_ends_the_workers() {
    check_caller(2, || {
        let run = catch_unwind(|| {
            let mut team = Team::new(2, Isa::best());
            region(&mut team, &places(2), 0);
            resume_unwind(Box::new(()));
        });
        assert!(run.expect_err("the caller panicked").is::<()>());
    });
}
