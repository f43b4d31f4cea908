//! Writing while the work goes on.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::{Error, Result};

type Job = Box<dyn FnOnce() -> Result<()> + Send>;

/// A thread that writes files, so that the caller does not wait for the disk.
///
/// It has room for one job beside the one that it is at: a newer job takes the place of the one that waits. A disk that is
/// slower than the work thus has less to write, and the caller is never delayed.
///
/// A job that panics fails the writer: [`Self::panicked`] returns it, and later jobs are not done.
pub struct Background {
    name: String,
    desk: Arc<Desk>,
    writer: Option<JoinHandle<()>>,
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Background").finish_non_exhaustive()
    }
}

/// Where a job waits.
#[derive(Default)]
struct Desk {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Option<Job>,
    busy: bool,
    over: bool,
    /// The message of a job's panic.
    panic: Option<String>,
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

impl Background {
    /// A thread of that name; `failed` is called with each failure.
    ///
    /// # Errors
    /// [`Error::Io`] if the system has no thread to give.
    pub fn new(name: &str, failed: impl Fn(&Error) + Send + 'static) -> Result<Self> {
        let desk = Arc::new(Desk::default());
        let there = Arc::clone(&desk);
        let writer = std::thread::Builder::new().name(name.into()).spawn(move || work(&there, &failed));
        Ok(Self { name: name.into(), desk, writer: Some(writer.map_err(Error::io(name))?) })
    }

    /// The error that a job has panicked, if one has.
    ///
    /// # Errors
    /// [`Error::Io`] with the message of the panic.
    pub fn panicked(&self) -> Result<()> {
        let said = self.desk.lock().panic.clone();
        said.map_or(Ok(()), |said| {
            let reason = format!("the thread that writes it panicked: {said}; this is a bug of layerloop");
            Err(Error::io(&self.name)(std::io::Error::other(reason)))
        })
    }

    /// Does this next, unless a job has panicked.
    pub fn put(&self, job: impl FnOnce() -> Result<()> + Send + 'static) {
        let mut state = self.desk.lock();
        state.waiting = state.panic.is_none().then(|| Box::new(job) as Job);
        drop(state);
        self.desk.changed.notify_all();
    }

    /// Waits until nothing is left to do.
    pub fn finish(&self) {
        let mut state = self.desk.lock();
        while state.waiting.is_some() || state.busy {
            state = self.desk.wait(state);
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.desk.lock().over = true;
        self.desk.changed.notify_all();
        if let Some(writer) = self.writer.take() {
            _ = writer.join(); // it has reported its failures
        }
    }
}

/// One job after the other until it is over.
fn work(desk: &Desk, failed: &dyn Fn(&Error)) {
    let mut state = desk.lock();
    loop {
        if let Some(job) = state.waiting.take() {
            state.busy = true;
            drop(state);
            let done = catch_unwind(AssertUnwindSafe(|| job().err().iter().for_each(failed)));
            state = desk.lock();
            state.busy = false;
            if let Err(payload) = done {
                (state.panic, state.waiting) = (Some(said(payload.as_ref())), None);
            }
            desk.changed.notify_all();
        } else if state.over {
            return;
        } else {
            state = desk.wait(state);
        }
    }
}

/// The message of a panic.
fn said(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn the_newest_job_takes_the_place_of_the_one_that_waits() {
        let failures = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&failures);
        let background = Background::new("test", move |error| heard.lock().unwrap().push(error.to_string())).unwrap();
        let ((started, wait_for_start), (go_on, wait)) = (channel(), channel());
        background.put(move || {
            started.send(()).unwrap();
            wait.recv().unwrap();
            Err(Error::config("first", "done"))
        });
        wait_for_start.recv().unwrap();
        background.put(|| Err(Error::config("second", "never done")));
        background.put(|| Err(Error::config("third", "done")));
        go_on.send(()).unwrap();
        background.finish();
        assert_eq!(*failures.lock().unwrap(), ["first: done", "third: done"]);
    }

    /// The thread had ended silently, and the caller waited for ever.
    #[test]
    fn a_job_that_panics_holds_nobody_up_and_is_told() {
        for fails in [false, true] {
            let background = Background::new("test", |error| panic!("{error}")).unwrap();
            background.put(move || if fails { Err(Error::config("x", "wrong")) } else { panic!("no {}", "room") });
            background.finish();
            let said = if fails { "x: wrong" } else { "no room" };
            let error = background.panicked().unwrap_err().to_string();
            assert!(error.starts_with(&format!("test: the thread that writes it panicked: {said}")), "{error}");
            background.put(|| Ok(()));
            background.finish();
            assert!(background.panicked().is_err());
        }
    }
}
