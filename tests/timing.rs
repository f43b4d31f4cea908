//! What is bounded in time. Cargo runs one test target after the other, so nothing else of the tests runs beside these; a test that
//! is added here holds [`ALONE`] while it measures. Each counts what other processes cannot take part in, such as the processor
//! time of a thread.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use layerloop_kernels::{Isa, Matrix, Team};

/// Tests of a target run at the same time, where nothing keeps them from it.
static ALONE: Mutex<()> = Mutex::new(());

/// However busy the machine is, a thread that has nothing to do sleeps by then.
const PATIENCE: Duration = Duration::from_secs(120);

/// A team waited for its next task by looking for it all the time.
#[test]
fn an_idle_team_uses_no_processor_time() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut team = Team::new(2, Isa::best());
    let (caller, worker) = (thread::current().id(), Mutex::new(None));
    while worker.lock().expect("a thread").is_none() {
        team.for_each_block(&mut [Matrix::zeros(100, 1)], 100, 1, |_| {
            if thread::current().id() != caller {
                let thread = std::fs::read_link("/proc/thread-self").expect("the thread's folder");
                *worker.lock().expect("a thread") = Some(Path::new("/proc").join(thread));
            }
        });
    }
    let worker = worker.into_inner().expect("a thread").expect("a folder");
    let read = |name: &str| std::fs::read_to_string(worker.join(name)).expect("the thread lives");
    let since = Instant::now();
    while !read("stat").rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('S')) {
        assert!(since.elapsed() < PATIENCE, "it does not fall asleep");
        thread::sleep(Duration::from_millis(10));
    }
    // Nanoseconds that the thread has run.
    let ran = || -> u64 {
        read("schedstat").split_whitespace().next().and_then(|ns| ns.parse().ok()).expect("a number first")
    };
    let before = ran();
    thread::sleep(Duration::from_millis(200));
    let used = ran() - before;
    assert!(used < 1_000_000, "{used} ns of 200 ms");
    drop(team); // it was there until now
}
