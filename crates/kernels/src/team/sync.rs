//! What the members of a team synchronise with: the standard library's, or loom's where the model check runs (`model.rs`).

#[cfg(all(loom, test))]
pub(super) use super::model::thread;
#[cfg(all(loom, test))]
pub(super) use loom::{
    cell::UnsafeCell,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence},
    },
};
#[cfg(not(all(loom, test)))]
pub(super) use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence},
    },
    thread,
};

/// Looks at a flag before a waiting member sleeps: some ten microseconds. To the model, looking more often is the same.
pub(super) const SPINS: u32 = if cfg!(all(loom, test)) {
    1
} else if cfg!(miri) {
    5
} else {
    4000
};

/// The standard library's, with the functions of loom's, which sees who reads and who writes.
#[cfg(not(all(loom, test)))]
pub(super) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(all(loom, test)))]
impl<T> UnsafeCell<T> {
    pub(super) fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    pub(super) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        read(self.0.get())
    }

    pub(super) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        write(self.0.get())
    }
}
