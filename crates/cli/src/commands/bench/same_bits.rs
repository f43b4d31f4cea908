//! Whole runs whose weights must be the same, bit for bit, whatever the threads and the instruction set.

use std::process::Command;

use layerloop::{Error, Result};
use layerloop_kernels::Isa;
use serde_json::{Value, json};

use super::{Measured, Setting};
use crate::Outcome;

const JOBS: [&str; 5] = ["notebook", "odd-relu-adam", "odd-relu-sgd", "odd-tanh-adam", "odd-tanh-sgd"];
const THREADS: [usize; 5] = [1, 2, 3, 4, 7];

pub(super) fn measure(setting: &Setting, show: impl Fn(Measured) -> Result<()>) -> Result<Outcome> {
    let mut outcome = Outcome::Done;
    for job in JOBS {
        let mut first: Option<String> = None;
        for isa in Isa::available() {
            for threads in THREADS {
                let hash = hash_of_a_run(setting, job, isa, threads)?;
                let same = *first.get_or_insert_with(|| hash.clone()) == hash;
                if !same {
                    outcome = Outcome::Negative;
                }
                let verdict = if same { "same" } else { "DIFFERENT" };
                show(Measured {
                    text: format!("same-bits {job:14} {:7} {threads} threads  {hash:.16}  {verdict}", isa.name()),
                    object: json!({
                        "job": "same-bits", "run": job, "isa": isa.name(), "threads": threads, "weights_sha256": hash,
                        "same": same,
                    }),
                })?;
            }
        }
    }
    Ok(outcome)
}

/// Runs a job in a process of its own, since the instruction set is the process's.
fn hash_of_a_run(setting: &Setting, job: &str, isa: Isa, threads: usize) -> Result<String> {
    let program = std::env::current_exe().map_err(Error::io("the running program"))?;
    let mut command = Command::new(&program);
    command.args(["bench", "--json", "--repeats", "1", "--job", job, "--threads", &threads.to_string()]);
    if let Some(dir) = &setting.args.data_dir {
        command.arg("--data-dir").arg(dir);
    }
    let output = command.env("LAYERLOOP_ISA", isa.name()).output().map_err(Error::io(&program))?;
    let object: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    object["weights_sha256"].as_str().map(str::to_string).ok_or_else(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        Error::data(job, format!("its run on {} with {threads} threads failed: {}", isa.name(), said.trim()))
    })
}
