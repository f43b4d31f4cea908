//! `layerloop bench`

mod augment;
mod explain;
mod jobs;
mod parts;
mod peak;
mod predict;
mod same_bits;
mod scale;
mod sparse;
mod sweep;
mod time_to_accuracy;

use std::thread::available_parallelism;

use layerloop::Result;
use layerloop_kernels::{Isa, Team};
use serde_json::Value;

use self::jobs::JOBS;
use crate::Outcome;
use crate::args::{Bench, DEFAULT_JOBS};
use crate::output::line;
use crate::ranks::Ranks;

/// One measurement: an object for programs, a text for people.
struct Measured {
    object: Value,
    text: String,
}

/// What a measurement needs to know.
struct Setting<'a> {
    args: &'a Bench,
    threads: usize,
    isa: Isa,
    /// Peak rate of fused multiply-adds in Gflop/s, where it was measured.
    peak: Option<f64>,
}

/// Measures on rank 0; what is measured of ranks, on all of them.
pub(crate) fn run(args: &Bench, ranks: &Ranks) -> Result<Outcome> {
    let isa = Isa::chosen().map_err(|error| layerloop::Error::config("LAYERLOOP_ISA", error.to_string()))?;
    let threads = args.threads.map_or_else(|| available_parallelism().map_or(1, usize::from), usize::from);
    let named: Vec<&str> = args.job.iter().map(String::as_str).collect();
    let names = if named.is_empty() { DEFAULT_JOBS.to_vec() } else { named };
    let mut setting = Setting { args, threads, isa, peak: None };
    if !ranks.are_led_from_here() {
        return match names.contains(&"scale") {
            true => scale::measure(&setting, ranks).map(|_| Outcome::Done),
            false => Ok(Outcome::Done),
        };
    }
    if names.iter().any(|name| DEFAULT_JOBS.contains(name) || *name == "sweep") {
        setting.peak = Some(layerloop_kernels::peak::fma_rate(&mut Team::new(threads, isa)));
    }
    let mut outcome = Outcome::Done;
    for name in names {
        let show = |measured: Measured| line(if args.json { measured.object.to_string() } else { measured.text });
        match name {
            "peak" => show(peak::measure(&mut setting))?,
            "predict" => show(predict::measure(&setting)?)?,
            "explain" => show(explain::measure(&setting)?)?,
            "sparse" => show(sparse::measure(&setting)?)?,
            "sweep" => {
                sweep::measure(&setting, show)?;
                parts::measure(&setting, show)?;
            }
            "augment" => augment::measure(&setting, show)?,
            "time-to-accuracy" => show(time_to_accuracy::measure(&setting)?)?,
            "parts" => parts::measure(&setting, show)?,
            "scale" => scale::measure(&setting, ranks)?.into_iter().try_for_each(show)?,
            "same-bits" => outcome = same_bits::measure(&setting, show)?,
            _ => {
                for job in JOBS.iter().filter(|job| job.name == name) {
                    show(job.measure(&setting)?)?;
                }
            }
        }
    }
    Ok(outcome)
}

/// The middle one of some figures.
fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::JOB_NAMES;

    #[test]
    fn every_name_is_something_that_can_be_measured() {
        let others = [
            "peak",
            "predict",
            "explain",
            "sparse",
            "sweep",
            "parts",
            "same-bits",
            "augment",
            "time-to-accuracy",
            "scale",
        ];
        assert!(JOB_NAMES.iter().all(|name| others.contains(name) || JOBS.iter().any(|job| job.name == *name)));
        assert!(
            JOBS.iter().all(|job| JOB_NAMES.contains(&job.name))
                && DEFAULT_JOBS.iter().all(|name| JOB_NAMES.contains(name))
        );
    }

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!([median(&[3.0]), median(&[9.0, 1.0, 2.0])], [3.0, 2.0]);
    }
}
