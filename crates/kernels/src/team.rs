//! A team of threads that its caller owns, and safe ways to share matrices among them.
//!
//! A region hands out tasks 0..n, cut by the shape of the work alone: each member starts with its own stretch of them
//! and then helps the others, so a member that the system has put to sleep holds up no more than the task it is in.
//! Which member runs a task can change no bit of the result. Between regions members spin for some microseconds,
//! then sleep.

use std::any::Any;
use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::*};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, Thread};

use crate::isa::Isa;
use crate::matrix::{Matrix, Rows, RowsMut};

/// Looks at a flag before a waiting member sleeps: some ten microseconds.
const SPINS: u32 = if cfg!(miri) { 5 } else { 4000 };

/// The caller's thread and `threads - 1` others, with the instruction set that their kernels use.
pub struct Team {
    isa: Isa,
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    alone: bool,
    /// Kept from region to region, so that a region allocates nothing.
    views: Vec<View>,
}

impl fmt::Debug for Team {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Team").field("isa", &self.isa).field("threads", &self.threads()).finish()
    }
}

/// What the members see of each other.
struct Shared {
    gate: Gate,
    quit: AtomicBool,
    stretches: Vec<Stretch>,
    caller: Mutex<Option<Thread>>,
    caller_sleeps: AtomicBool,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// Where workers enter a region. State and job share a cache line: who has entered has read both.
#[repr(align(128))]
struct Gate {
    /// The region: its number, whether it is [`OPEN`], and how many workers are in it.
    state: AtomicU64,
    /// Written while the region is closed and empty, read by workers inside.
    job: UnsafeCell<Option<Job>>,
}

/// Set in the state while workers may enter the region.
const OPEN: u64 = 1 << 31;
/// The bits of the state that count the workers inside.
const INSIDE: u64 = OPEN - 1;
/// One more region.
const NEXT: u64 = 1 << 32;

/// Tasks that one member starts with; whoever takes the next one advances `next`. A cache line of its own.
#[repr(align(128))]
struct Stretch {
    next: AtomicUsize,
    end: AtomicUsize,
    sleeps: AtomicBool,
}

/// What a region does: it is called with a member of the team and a task, once for each task. A member runs one task at
/// a time.
trait Task: Fn(usize, usize) + Sync {}
impl<F: Fn(usize, usize) + Sync> Task for F {}

/// A borrowed task function, its lifetime erased.
#[derive(Clone, Copy)]
struct Job(*const dyn Task);

// SAFETY: the function behind the pointer is Sync, and `Team::run` does not return before every member is done with it.
unsafe impl Send for Job {}

// SAFETY: the job is written by the caller alone, between `close`, which waits until no worker is inside, and the change
// of the state that lets them in; it is read by workers inside alone. Both sides meet in the state.
unsafe impl Sync for Gate {}

impl Team {
    /// A team of `threads` members, the caller being one of them; of fewer, if the system gives no more threads.
    ///
    /// # Panics
    /// If `threads` is 0.
    #[must_use]
    pub fn new(threads: usize, isa: Isa) -> Self {
        assert!(threads > 0, "a team has at least its caller");
        let stretch =
            || Stretch { next: AtomicUsize::new(0), end: AtomicUsize::new(0), sleeps: AtomicBool::new(false) };
        let shared = Arc::new(Shared {
            gate: Gate { state: AtomicU64::new(0), job: UnsafeCell::new(None) },
            quit: AtomicBool::new(false),
            stretches: (0..threads).map(|_| stretch()).collect(),
            caller: Mutex::new(None),
            caller_sleeps: AtomicBool::new(false),
            panic: Mutex::new(None),
        });
        let worker = |member| {
            let shared = Arc::clone(&shared);
            let builder = thread::Builder::new().name(format!("layerloop {member}"));
            builder.spawn(move || shared.work(member)).ok()
        };
        Self { isa, workers: (1..threads).map_while(worker).collect(), shared, alone: false, views: Vec::new() }
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

    /// Whether the caller does everything from now on, while the others sleep.
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
        if self.workers.is_empty() || self.alone || tasks < 2 {
            return (0..tasks).for_each(|next| task(0, next));
        }
        self.shared.open(tasks, task, &self.workers);
        let own = catch_unwind(AssertUnwindSafe(|| self.shared.take_tasks(0, task)));
        self.shared.close();
        let theirs = self.shared.panic.lock().unwrap_or_else(|e| e.into_inner()).take();
        if let Some(panic) = own.err().or(theirs) {
            resume_unwind(panic);
        }
    }

    /// Runs `f` on blocks of `step` rows of all `matrices`, the last block maybe shorter, `rows` rows in all.
    ///
    /// # Panics
    /// If a matrix has fewer rows, or a task panics.
    pub fn for_each_block(
        &mut self,
        matrices: &mut [Matrix],
        rows: usize,
        step: usize,
        f: impl Fn(&mut Block<'_>) + Sync,
    ) {
        let views = self.views_of(matrices, rows);
        self.run(rows.div_ceil(step), &|_, task| {
            let first = task * step;
            f(&mut Block { views: &views, rows: first..rows.min(first.saturating_add(step)), own: PhantomData });
        });
        self.views = views;
    }

    /// Runs `f(rows, block, parts)` for stretches of `step` of the rows 0..`rows`, the last maybe shorter: `block` is as
    /// many rows of all `matrices`, for the time of the call, and `parts` the stretch's rows of each of `outs`, which are
    /// slices with the length of their rows.
    ///
    /// # Shapes
    /// `matrices`: `step` rows for each member; `outs`: `rows` rows each.
    ///
    /// # Panics
    /// If a matrix or a slice has fewer rows, or a task panics.
    pub fn for_each_stretch<const N: usize>(
        &mut self,
        matrices: &mut [Matrix],
        rows: usize,
        step: usize,
        outs: [(&mut [f32], usize); N],
        f: impl Fn(Range<usize>, &mut Block<'_>, [&mut [f32]; N]) + Sync,
    ) {
        let own = self.threads().checked_mul(step).expect("rows of each member that fit into memory");
        let views = self.views_of(matrices, own);
        for (values, width) in &outs {
            assert_eq!(Some(values.len()), rows.checked_mul(*width), "values of {rows} rows of {width}");
        }
        let outs = outs.map(|(values, width)| (SharedPointer(values.as_mut_ptr()), width));
        self.run(rows.div_ceil(step), &|member, task| {
            let stretch = task * step..rows.min((task * step).saturating_add(step));
            let own = member * step..member * step + stretch.len();
            let part = |(values, width): &(SharedPointer<f32>, usize)| {
                // SAFETY: stretches do not overlap and lie inside the slices, as was checked; `run` runs each task
                // once; the slices stay borrowed until it returns.
                unsafe { std::slice::from_raw_parts_mut(values.0.add(stretch.start * width), stretch.len() * width) }
            };
            // A member runs one task at a time, so its rows of the matrices are its own.
            let mut block = Block { views: &views, rows: own, own: PhantomData };
            f(stretch.clone(), &mut block, outs.each_ref().map(part));
        });
        self.views = views;
    }

    /// Where the first `rows` rows of some matrices lie, in the team's own memory.
    fn views_of(&mut self, matrices: &mut [Matrix], rows: usize) -> Vec<View> {
        let mut views = std::mem::take(&mut self.views);
        views.clear();
        views.extend(matrices.iter_mut().map(|matrix| View::of_rows(matrix, rows)));
        views
    }

    /// Runs `f(task, parts)` for every task, `parts` being the task's stretches of `arrays` by their cuts.
    ///
    /// # Panics
    /// If the cuts do not have one stretch for each of `tasks` tasks, reach past their array, or a task panics.
    pub fn for_each_part<const N: usize>(
        &mut self,
        tasks: usize,
        arrays: [(&mut [f32], &Cuts); N],
        f: impl Fn(usize, [&mut [f32]; N]) + Sync,
    ) {
        for (values, cuts) in &arrays {
            assert!(cuts.stretches.len() == tasks && cuts.end <= values.len(), "{tasks} stretches of {}", values.len());
        }
        let arrays = arrays.map(|(values, cuts)| (SharedPointer(values.as_mut_ptr()), cuts));
        self.run(tasks, &|_, task| {
            let part = |(values, cuts): &(SharedPointer<f32>, &Cuts)| {
                let stretch = &cuts.stretches[task];
                // SAFETY: `Cuts::new` made sure that stretches do not overlap, the check above that they lie inside
                // the array, `run` that each task runs once; the arrays stay borrowed until `run` returns.
                unsafe { std::slice::from_raw_parts_mut(values.0.add(stretch.start), stretch.len()) }
            };
            f(task, arrays.each_ref().map(part));
        });
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.quit.store(true, Release);
        self.shared.gate.state.fetch_add(NEXT | OPEN, SeqCst);
        for worker in self.workers.drain(..) {
            worker.thread().unpark();
            let _ = worker.join(); // a worker's panic was handed on by `run`
        }
    }
}

impl Shared {
    /// Publishes a region and wakes who sleeps.
    fn open(&self, tasks: usize, task: &dyn Task, workers: &[JoinHandle<()>]) {
        let members = self.stretches.len();
        for (member, stretch) in self.stretches.iter().enumerate() {
            // tasks * member / members, without a product that could wrap.
            let start = |member: usize| tasks / members * member + tasks % members * member / members;
            stretch.next.store(start(member), Relaxed);
            stretch.end.store(start(member + 1), Relaxed);
        }
        let job: *const (dyn Task + '_) = task;
        // SAFETY: only the lifetime changes; `run` waits for every member before the borrow of `task` ends.
        let job = Job(unsafe { std::mem::transmute::<*const (dyn Task + '_), *const dyn Task>(job) });
        // SAFETY: the region is closed and empty: `close` waited for the last one, and `run` borrows the team exclusively.
        unsafe { *self.gate.job.get() = Some(job) };
        self.gate.state.fetch_add(NEXT | OPEN, SeqCst);
        for (worker, stretch) in workers.iter().zip(&self.stretches[1..]) {
            if stretch.sleeps.load(SeqCst) {
                worker.thread().unpark();
            }
        }
    }

    /// Runs tasks until none is left: the member's own stretch first, then the next member's, and so on.
    fn take_tasks(&self, member: usize, task: &dyn Task) {
        let members = self.stretches.len();
        for stretch in (0..members).map(|i| &self.stretches[(member + i) % members]) {
            let end = stretch.end.load(Relaxed);
            while stretch.next.load(Relaxed) < end {
                let next = stretch.next.fetch_add(1, Relaxed);
                if next < end {
                    task(member, next);
                }
            }
        }
    }

    /// A worker's life: wait for a region, enter it while it is open, take tasks, leave.
    fn work(&self, member: usize) {
        let mut last = 0;
        loop {
            let opens = || open_region(self.gate.state.load(SeqCst)).is_some_and(|region| region != last);
            if !spin(opens) {
                sleep(opens, &self.stretches[member].sleeps);
            }
            if self.quit.load(SeqCst) {
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
        self.gate.state.fetch_update(SeqCst, SeqCst, enter).ok().and_then(open_region)
    }

    fn work_inside(&self, member: usize) {
        // SAFETY: this worker is inside, so nobody writes the job.
        let job = unsafe { *self.gate.job.get() };
        // SAFETY: `open` stored the job of this region, and `close` keeps it alive until every worker has left.
        let task = job.map(|job| unsafe { &*job.0 });
        let taken = catch_unwind(AssertUnwindSafe(|| task.into_iter().for_each(|task| self.take_tasks(member, task))));
        if let Err(panic) = taken {
            *lock(&self.panic) = Some(panic);
        }
    }

    fn leave(&self) {
        let before = self.gate.state.fetch_sub(1, SeqCst);
        if before & INSIDE == 1 && self.caller_sleeps.load(SeqCst) {
            lock(&self.caller).iter().for_each(Thread::unpark);
        }
    }

    /// Lets no worker in any more and waits for those inside. One that slept through the region is not waited for.
    fn close(&self) {
        let state = self.gate.state.fetch_and(!OPEN, SeqCst);
        let empty = || self.gate.state.load(SeqCst) & INSIDE == 0;
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

/// Sleeps until `done`. Whoever makes it true looks at `sleeps` afterwards and unparks.
fn sleep(done: impl Fn() -> bool, sleeps: &AtomicBool) {
    sleeps.store(true, SeqCst);
    while !done() {
        thread::park();
    }
    sleeps.store(false, SeqCst);
}

/// A pointer whose users have shown that they do not touch the same values.
struct SharedPointer<T>(*mut T);

// SAFETY: every use goes through disjoint parts, as its SAFETY comment shows; f32 is Send.
unsafe impl<T: Send> Sync for SharedPointer<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for SharedPointer<T> {}

/// Where the values of a matrix lie that a region has borrowed exclusively, and the length of its rows.
struct View {
    values: SharedPointer<f32>,
    stride: usize,
}

impl View {
    fn of_rows(matrix: &mut Matrix, rows: usize) -> Self {
        let stride = matrix.stride();
        let values = matrix.values_mut();
        assert!(rows <= values.len() / stride, "a matrix has fewer than {rows} rows");
        Self { values: SharedPointer(values.as_mut_ptr()), stride }
    }
}

/// The same rows of several matrices: this task's, and no other's.
pub struct Block<'a> {
    views: &'a [View],
    rows: Range<usize>,
    own: PhantomData<&'a mut [f32]>,
}

impl fmt::Debug for Block<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Block {{ rows: {:?} }}", self.rows)
    }
}

impl Block<'_> {
    /// Which rows these are.
    #[must_use]
    pub fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// The rows of matrix `i`.
    ///
    /// # Panics
    /// If there is no such matrix.
    #[must_use]
    pub fn read(&self, i: usize) -> Rows<'_> {
        let (start, len, stride) = self.place(i);
        // SAFETY: `place` found the values; only this task has these rows, and it borrows its block as shared.
        Rows { values: unsafe { std::slice::from_raw_parts(start, len) }, stride }
    }

    /// The rows of some matrices to write, and of some others to read.
    ///
    /// # Panics
    /// If there is no such matrix, or one that is written is named twice.
    pub fn write<const W: usize, const R: usize>(
        &mut self,
        writes: [usize; W],
        reads: [usize; R],
    ) -> ([RowsMut<'_>; W], [Rows<'_>; R]) {
        for (at, out) in writes.iter().enumerate() {
            assert!(!writes[..at].contains(out) && !reads.contains(out), "matrix {out} is written");
        }
        let written = writes.map(|out| {
            let (start, len, stride) = self.place(out);
            // SAFETY: `place` found the values; only this task has these rows, it borrows its block exclusively, and
            // a matrix that is written is named once.
            RowsMut { values: unsafe { std::slice::from_raw_parts_mut(start, len) }, stride }
        });
        (written, reads.map(|i| self.read(i)))
    }

    /// First value, number of values and stride of this block's rows of matrix `i`.
    fn place(&self, i: usize) -> (*mut f32, usize, usize) {
        let View { values, stride } = &self.views[i];
        // The rows lie inside, as `View::of_rows` checked.
        (values.0.wrapping_add(self.rows.start * stride), self.rows.len() * stride, *stride)
    }
}

/// Stretches of an array, one for each task, that do not overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cuts {
    stretches: Vec<Range<usize>>,
    end: usize,
}

impl Cuts {
    /// The given stretches; an empty one means that its task has no part of the array.
    ///
    /// # Panics
    /// If two overlap.
    #[must_use]
    pub fn new(mut stretches: Vec<Range<usize>>) -> Self {
        // An empty stretch has no place, so none outside of the array.
        stretches.iter_mut().filter(|s| s.start >= s.end).for_each(|s| *s = 0..0);
        let mut sorted: Vec<_> = stretches.iter().filter(|s| !s.is_empty()).collect();
        sorted.sort_by_key(|s| s.start);
        assert!(sorted.windows(2).all(|pair| pair[0].end <= pair[1].start), "stretches overlap");
        Self { end: sorted.last().map_or(0, |s| s.end), stretches }
    }

    /// No part of the array for any of `tasks` tasks.
    #[must_use]
    pub fn none(tasks: usize) -> Self {
        Self { stretches: vec![0..0; tasks], end: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn blocks_and_parts_are_each_tasks_own() {
        for threads in [1, 2, 4] {
            let mut team = Team::new(threads, Isa::best());
            let mut matrices = [Matrix::zeros(50, 3), Matrix::zeros(50, 20)];
            team.for_each_block(&mut matrices, 43, 8, |block| {
                let rows = block.rows();
                let ([out], []) = block.write([0], []);
                for (row, values) in rows.zip(out.values.chunks_exact_mut(out.stride)) {
                    values[0] = row as f32 + 1.0;
                }
                let ([out], [first]) = block.write([1], [0]);
                for row in 0..first.count() {
                    out.values[row * out.stride] = 2.0 * first.values[row * first.stride];
                }
            });
            let stride = matrices[1].stride();
            let doubled: Vec<f32> = matrices[1].values().chunks(stride).map(|row| row[0]).collect();
            let want: Vec<f32> = (0..50).map(|row| if row < 43 { 2.0 * (row as f32 + 1.0) } else { 0.0 }).collect();
            assert_eq!(doubled, want);

            let mut values = [0.0; 10];
            let (cuts, none) = (Cuts::new(vec![6..10, 0..2, 2..6]), Cuts::none(3));
            team.for_each_part(3, [(&mut values, &cuts), (&mut [], &none)], |task, [part, empty]| {
                assert!(empty.is_empty());
                part.fill(task as f32);
            });
            assert_eq!(values, [1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0]);
        }
    }

    #[test]
    #[should_panic(expected = "stretches overlap")]
    fn overlapping_cuts_are_refused() {
        let _ = Cuts::new(vec![0..3, 2..4]);
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
}
