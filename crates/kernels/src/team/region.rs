//! Parallel regions: how workers enter one, take tasks, leave, and sleep in between.
//!
//! All members synchronise on `Gate::state`. Its changes are read-modify-writes, so each continues the release sequences before it:
//! a member that enters has seen what `open` wrote, and one that finds the region empty has seen what every worker wrote. The
//! member that sleeps and the one that wakes it each write one flag and then read the other's; a fence between the two on both sides makes one of them
//! see the other. No order is stronger than needed: with a weaker one the model check (`model.rs`) fails.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;

use super::sync::Ordering::{Acquire, Relaxed, Release, SeqCst};
use super::sync::thread::{self, JoinHandle, Thread};
use super::sync::{AtomicBool, AtomicU64, AtomicUsize, Mutex, MutexGuard, SPINS, UnsafeCell, fence};

/// What a region does: it is called with a member of the team and a task, once for each task. A member runs one task at
/// a time.
pub(super) trait Task: Fn(usize, usize) + Sync {}
impl<F: Fn(usize, usize) + Sync> Task for F {}

/// How a region hands out its tasks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    /// Each member starts with a range of its own.
    ByMember,
    /// In ascending order: an idle member takes the next one.
    Ascending,
}

/// A borrowed task function, its lifetime erased.
#[derive(Clone, Copy)]
struct Job(*const dyn Task);

// SAFETY: the function behind the pointer is Sync, and `Team::run` does not return before every member is done with it.
unsafe impl Send for Job {}

/// What the members see of each other.
pub(super) struct Shared {
    gate: Gate,
    ranges: Vec<TaskRange>,
    caller: Mutex<Option<Thread>>,
    caller_sleeps: AtomicBool,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// Where workers enter a region. State and job share a cache line: who has entered has read both.
#[repr(align(128))]
struct Gate {
    /// The region: its number, whether it is [`OPEN`], whether workers are to [`QUIT`], and how many are inside.
    state: AtomicU64,
    /// Written while the region is closed and empty, read by workers inside.
    job: UnsafeCell<Option<Job>>,
}

// SAFETY: the job is written by the caller alone, between `close`, which waits until no worker is inside, and the change
// of the state that admits them; only workers inside read it. Both sides synchronise on the state.
unsafe impl Sync for Gate {}

/// Set in the state while workers may enter the region.
const OPEN: u64 = 1 << 31;
/// Set in the state, of a closed region, when the team ends.
const QUIT: u64 = 1 << 30;
/// The bits of the state that count the workers inside.
const INSIDE: u64 = QUIT - 1;
/// One more region.
const NEXT: u64 = 1 << 32;

/// Tasks that one member starts with; the member that takes the next one advances `next`. On a cache line of its own.
#[repr(align(128))]
struct TaskRange {
    next: AtomicUsize,
    end: AtomicUsize,
    sleeps: AtomicBool,
}

impl Shared {
    pub(super) fn new(members: usize) -> Self {
        let range =
            || TaskRange { next: AtomicUsize::new(0), end: AtomicUsize::new(0), sleeps: AtomicBool::new(false) };
        Self {
            gate: Gate { state: AtomicU64::new(0), job: UnsafeCell::new(None) },
            ranges: (0..members).map(|_| range()).collect(),
            caller: Mutex::new(None),
            caller_sleeps: AtomicBool::new(false),
            panic: Mutex::new(None),
        }
    }

    /// Publishes a region and wakes sleeping members.
    pub(super) fn open(&self, tasks: usize, order: Order, task: &dyn Task, workers: &[JoinHandle<()>]) {
        let members = self.ranges.len();
        for (member, range) in self.ranges.iter().enumerate() {
            let start = |member: usize| match order {
                // tasks * member / members, without a product that could wrap.
                Order::ByMember => tasks / members * member + tasks % members * member / members,
                Order::Ascending => tasks * usize::from(member > 0),
            };
            range.next.store(start(member), Relaxed);
            range.end.store(start(member + 1), Relaxed);
        }
        let job: *const (dyn Task + '_) = task;
        // SAFETY: only the lifetime changes; `run` waits for every member before the borrow of `task` ends.
        let job = Job(unsafe { std::mem::transmute::<*const (dyn Task + '_), *const dyn Task>(job) });
        // SAFETY: the region is closed and empty: `close` waited for the last one, and `run` borrows the team exclusively.
        self.gate.job.with_mut(|place| unsafe { *place = Some(job) });
        self.gate.state.fetch_add(NEXT | OPEN, Release);
        self.wake(workers);
    }

    /// Tells the workers to end. No region is open then, so that none enters this one instead.
    pub(super) fn quit(&self, workers: &[JoinHandle<()>]) {
        self.gate.state.fetch_or(QUIT, Relaxed);
        self.wake(workers);
    }

    /// Wakes sleeping members, after a change of the state.
    fn wake(&self, workers: &[JoinHandle<()>]) {
        fence(SeqCst); // as in `sleep`
        for (worker, range) in workers.iter().zip(&self.ranges[1..]) {
            if range.sleeps.load(Relaxed) {
                worker.thread().unpark();
            }
        }
    }

    /// Runs tasks until none is left. A panic of one is kept for the caller.
    pub(super) fn take_part(&self, member: usize, task: &dyn Task) {
        let taken = catch_unwind(AssertUnwindSafe(|| self.take_tasks(member, task)));
        if let Err(panic) = taken {
            let other = lock(&self.panic).replace(panic);
            // The destructor of another panic's value may panic too, and who is inside has to leave.
            std::mem::forget(other);
        }
    }

    /// The member's own range first, then the next member's, and so on.
    fn take_tasks(&self, member: usize, task: &dyn Task) {
        let members = self.ranges.len();
        for range in (0..members).map(|i| &self.ranges[(member + i) % members]) {
            let end = range.end.load(Relaxed);
            while range.next.load(Relaxed) < end {
                let next = range.next.fetch_add(1, Relaxed);
                if next < end {
                    task(member, next);
                }
            }
        }
    }

    /// The panic of a task of the last region.
    pub(super) fn panic(&self) -> Option<Box<dyn Any + Send>> {
        lock(&self.panic).take()
    }

    /// A worker's life: wait for a region, enter it while it is open, take tasks, leave.
    pub(super) fn work(&self, member: usize) {
        let mut last = 0;
        loop {
            let called = || {
                let state = self.gate.state.load(Relaxed); // `enter` acquires
                state & QUIT > 0 || open_region(state).is_some_and(|region| region != last)
            };
            if !spin(called) {
                sleep(called, &self.ranges[member].sleeps);
            }
            if self.gate.state.load(Relaxed) & QUIT > 0 {
                return;
            }
            if let Some(region) = self.enter() {
                last = region;
                self.work_inside(member);
                self.leave();
            }
        }
    }

    /// Counts the worker in, unless the region has closed meanwhile; gives the region's number.
    fn enter(&self) -> Option<u64> {
        let enter = |state| open_region(state).map(|_| state + 1);
        self.gate.state.fetch_update(Acquire, Relaxed, enter).ok().and_then(open_region)
    }

    fn work_inside(&self, member: usize) {
        // SAFETY: this worker is inside, so no thread writes the job.
        let job = self.gate.job.with(|place| unsafe { *place });
        // SAFETY: `open` stored the job of this region, and `close` keeps it alive until every worker has left.
        let task = job.map(|job| unsafe { &*job.0 });
        task.into_iter().for_each(|task| self.take_part(member, task));
    }

    fn leave(&self) {
        let before = self.gate.state.fetch_sub(1, Release);
        if before & INSIDE == 1 {
            fence(SeqCst); // as in `sleep`
            if self.caller_sleeps.load(Relaxed) {
                let caller = lock(&self.caller).clone();
                caller.iter().for_each(Thread::unpark);
            }
        }
    }

    /// Lets no worker in any more and waits for those inside. One that slept through the region is not waited for.
    pub(super) fn close(&self) {
        let state = self.gate.state.fetch_and(!OPEN, Acquire);
        let empty = || self.gate.state.load(Acquire) & INSIDE == 0;
        if state & INSIDE > 0 && !spin(empty) {
            *lock(&self.caller) = Some(thread::current());
            sleep(empty, &self.caller_sleeps);
        }
    }
}

/// The number of the region in `state`, if it is open.
fn open_region(state: u64) -> Option<u64> {
    (state & OPEN > 0).then_some(state / NEXT)
}

/// Locks; what a panicking task left behind is sound, since the values are replaced as a whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks for a moment whether it is `done`.
fn spin(done: impl Fn() -> bool) -> bool {
    (0..SPINS).any(|_| {
        std::hint::spin_loop();
        done()
    })
}

/// Sleeps until `done`. The thread that makes it true fences, reads `sleeps` and unparks: either it sees that this member sleeps, or
/// this member sees that it is done.
fn sleep(done: impl Fn() -> bool, sleeps: &AtomicBool) {
    sleeps.store(true, Relaxed);
    fence(SeqCst);
    while !done() {
        thread::park();
    }
    sleeps.store(false, Relaxed);
}
