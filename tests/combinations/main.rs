//! Random networks x data x options, for what tests of single things miss: a case is refused in words, or it gives the same bits on
//! every instruction set and with any threads, can be interrupted, saved, measured and explained.
//!
//! Each instruction set has a process of its own, since a process keeps to one. A run of another length or seed:
//!
//! - `LAYERLOOP_COMBINATIONS=500`: so many cases, from a seed that differs each time and is printed
//! - `LAYERLOOP_COMBINATIONS_SEED=77`: this case alone, or so many from it on

mod case;
mod checks;
mod data;
mod networks;
mod options;
mod random;
mod trained;

use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::UNIX_EPOCH;

use layerloop_kernels::Isa;

use self::case::Case;
use self::random::Random;
use self::trained::{Trained, fingerprint, train};

/// Cases of the short run.
const SHORT: u64 = 250;

/// Where a process that has been started for one instruction set writes what it got.
const INTO: &str = "LAYERLOOP_COMBINATIONS_INTO";

/// The first seed, and the number of cases.
fn which() -> (u64, u64) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a whole number"));
    let (count, seed) = (number("LAYERLOOP_COMBINATIONS"), number("LAYERLOOP_COMBINATIONS_SEED"));
    match (seed, count) {
        (Some(seed), count) => (seed, count.unwrap_or(1)),
        (None, Some(count)) => (UNIX_EPOCH.elapsed().map_or(0, |now| now.as_secs()) * 1000, count),
        (None, None) => (14, SHORT),
    }
}

#[test]
fn random_combinations_have_the_same_bits_everywhere_and_can_be_resumed_saved_and_explained() {
    let (seed, count) = which();
    if let Some(path) = std::env::var_os(INTO) {
        return bits_of_this_instruction_set(seed, count, Path::new(&path));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let all = Isa::available();
    let (best, others) = all.split_last().expect("there is always the scalar one");
    let children: Vec<_> =
        others.iter().map(|isa| (isa.name(), start(isa.name(), seed, count, folder.path()))).collect();
    say(&format!("{count} combinations from seed {seed} on, {} and {} others", best.name(), others.len()));
    let mut tally = Tally::default();
    let mut here = Vec::new();
    for seed in seed..seed + count {
        here.push(checked(seed, folder.path(), &mut tally));
    }
    for (isa, mut child) in children {
        let status = child.wait().expect("a child");
        let there = std::fs::read_to_string(folder.path().join(isa)).unwrap_or_default();
        let mut there = there.lines();
        for (seed, here) in (seed..).zip(&here) {
            let there = there.next().unwrap_or("nothing, it ended before that");
            if *here != there {
                tally.fault(seed, &format!("{isa}: {there}\n  {}: {here}", best.name()));
            }
        }
        assert!(status.success() || !tally.faults.is_empty(), "{isa}: {status}");
    }
    tally.end(count);
}

/// What was seen in all.
#[derive(Default)]
struct Tally {
    trained: u64,
    diverged: u64,
    faults: String,
}

impl Tally {
    /// Notes what is wrong with a case, and how to see it again.
    fn fault(&mut self, seed: u64, fault: &str) {
        let again = "cargo test -p layerloop --test combinations";
        let case = catch_unwind(|| Case::new(seed).to_string()).unwrap_or_else(|_| "which cannot be drawn".into());
        let text = format!("\nLAYERLOOP_COMBINATIONS_SEED={seed} {again}\n  {case}\n  {fault}\n");
        say(&text);
        self.faults.push_str(&text);
    }

    fn end(self, count: u64) {
        let Self { trained, diverged, faults } = self;
        say(&format!("{trained} of {count} trained, {diverged} diverged, the others were refused"));
        assert!(faults.is_empty(), "{faults}");
        assert!(count < SHORT || trained > count / 2, "{trained} of {count} were trained; the test is to see many");
    }
}

/// Straight to the stream: of a test that passes, the harness shows nothing, and a long run is to be watched.
fn say(text: &str) {
    _ = writeln!(std::io::stderr(), "{text}");
}

/// This test again, in a process with that instruction set.
fn start(isa: &str, seed: u64, count: u64, folder: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.env("LAYERLOOP_ISA", isa).env(INTO, folder.join(isa)).stdout(Stdio::null());
    command.env("LAYERLOOP_COMBINATIONS", count.to_string()).env("LAYERLOOP_COMBINATIONS_SEED", seed.to_string());
    command.spawn().expect("this test starts")
}

/// Which step is kept, and the threads that a case has in the first place.
fn drawn(case: &Case, isa: &str) -> (u64, usize) {
    let mut random = Random::new(case.seed, "interruption");
    let per_epoch = case.data.train.rows().div_ceil(case.options.batch * case.options.accumulate);
    let keep = 1 + random.below(per_epoch * case.options.epochs) as u64;
    (keep, if isa == "scalar" { 1 } else { 1 + random.below(4) })
}

/// A line for each case.
fn bits_of_this_instruction_set(seed: u64, count: u64, path: &Path) {
    let isa = Isa::best();
    let mut file = std::fs::File::create(path).expect("a file");
    for seed in seed..seed + count {
        let line = caught(|| {
            let case = Case::new(seed);
            let (_, threads) = drawn(&case, isa.name());
            fingerprint(&case, &train(&case, threads, 0, None), threads)
        });
        let line = line.unwrap_or_else(|panic| panic);
        writeln!(file, "{}", line.replace('\n', " ")).expect("written");
    }
}

/// What the case gives here; what is wrong with it goes to the tally.
fn checked(seed: u64, folder: &Path, tally: &mut Tally) -> String {
    let result = caught(|| {
        let case = Case::new(seed);
        let (keep, threads) = drawn(&case, Isa::best().name());
        let trained = train(&case, threads, keep, None);
        let line = fingerprint(&case, &trained, threads);
        (line, trained.map(|trained| checks_of(&case, &trained, folder)))
    });
    match result {
        Ok((line, checked)) => {
            tally.trained += u64::from(checked.is_ok());
            tally.diverged += u64::from(line.starts_with("diverged"));
            let faults = checked.unwrap_or_default();
            let wrong = line.starts_with("FAULT").then(|| line.clone());
            wrong.into_iter().chain(faults).for_each(|fault| tally.fault(seed, &fault));
            line.replace('\n', " ")
        }
        Err(panic) => {
            tally.fault(seed, &panic);
            panic
        }
    }
}

fn checks_of(case: &Case, trained: &Trained, folder: &Path) -> Vec<String> {
    caught(|| checks::faults(case, trained, folder)).unwrap_or_else(|panic| vec![panic])
}

/// A panic as a sentence.
fn caught<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|panic| {
        let mut text = String::from("a panic: ");
        let said = panic.downcast_ref::<String>().map(String::as_str);
        _ = write!(text, "{}", said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("of no words"));
        text.replace('\n', " ")
    })
}
