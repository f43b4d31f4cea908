//! Parts of an array that are passed from task to task in their order, whichever threads run them.

use super::sync::Ordering::{Acquire, Relaxed, Release};
use super::sync::{AtomicBool, AtomicUsize, SPINS, thread};

/// Whose turn it is at each part.
pub(super) struct Turns {
    parts: Vec<Turn>,
    /// Whether a task has panicked, so that no task waits for it.
    abandoned: AtomicBool,
}

/// The task that has its turn. A cache line of its own.
#[repr(align(128))]
struct Turn(AtomicUsize);

impl Turns {
    pub(super) fn new() -> Self {
        Self { parts: Vec::new(), abandoned: AtomicBool::new(false) }
    }

    /// Task 0 has its turn at each of `parts` parts.
    pub(super) fn begin(&mut self, parts: usize) {
        self.parts.resize_with(parts, || Turn(AtomicUsize::new(0)));
        self.parts.iter().for_each(|turn| turn.0.store(0, Relaxed)); // opening the region publishes it
        self.abandoned.store(false, Relaxed);
    }

    /// Waits until `task` has its turn at `part`, uses it, and passes it on.
    ///
    /// Tasks begin in ascending order and take their turns, once each, in one order of the parts: the first task that is not
    /// done does not wait.
    pub(super) fn take(&self, part: usize, task: usize, f: impl FnOnce()) {
        let turn = &self.parts[part].0;
        let mut looks = 0;
        while turn.load(Acquire) != task {
            if self.abandoned.load(Relaxed) {
                return;
            }
            looks += 1;
            if looks % SPINS == 0 { thread::yield_now() } else { std::hint::spin_loop() }
        }
        self.or_abandon(f);
        turn.store(task + 1, Release);
    }

    /// Runs `f`; if it panics, no task waits any more.
    pub(super) fn or_abandon(&self, f: impl FnOnce()) {
        struct Guard<'a>(&'a AtomicBool);
        impl Drop for Guard<'_> {
            fn drop(&mut self) {
                self.0.store(true, Relaxed);
            }
        }
        let guard = Guard(&self.abandoned);
        f();
        std::mem::forget(guard);
    }
}
