//! What a training gives, as lines that are compared: between instruction sets, threads, and after an interruption.

use std::ops::ControlFlow;

use layerloop::data::Dataset;
use layerloop::network::{Network, Predictor};
use layerloop::train::{Checkpoint, FitContext, Report, fit_with, on_step};
use layerloop::{Error, Result};

use super::case::Case;

/// A trained network with the report of its run.
pub(crate) struct Trained {
    pub(crate) network: Network,
    pub(crate) report: Report,
    /// What the run was after the step that was asked for, if it came that far.
    pub(crate) checkpoint: Option<Checkpoint>,
}

/// Trains the network of `case` with so many threads, from its beginning or from a checkpoint on.
///
/// # Errors
/// Whatever the library refuses the case with.
pub(crate) fn train(case: &Case, threads: usize, keep: u64, from: Option<Checkpoint>) -> Result<Trained> {
    let mut network = Network::new(&case.spec, case.seed)?;
    let mut checkpoint = None;
    let mut keeps = on_step(|end, run| {
        if end.step == keep {
            checkpoint = Some(run.checkpoint());
        }
        ControlFlow::Continue(())
    });
    let options = layerloop::train::FitOptions { threads: Some(threads), ..case.options.clone() };
    let watch = if case.validates { vec![("val", &case.data.validation)] } else { vec![] };
    let with = FitContext { watch, callback: Some(&mut keeps), from, ..FitContext::default() };
    let report = fit_with(&mut network, &case.data.train, &options, with)?;
    Ok(Trained { network, report, checkpoint })
}

/// What must be the same wherever and however the case is run; a refusal is its sentence.
pub(crate) fn fingerprint(case: &Case, trained: &Result<Trained>, threads: usize) -> String {
    let trained = match trained {
        Ok(trained) => trained,
        Err(error @ (Error::Config { .. } | Error::Several(_) | Error::Shape { .. } | Error::Data { .. })) => {
            return format!("refused: {error}");
        }
        Err(error @ Error::Diverged { .. }) => return format!("diverged: {error}"),
        Err(other) => return format!("FAULT: an error of the wrong kind: {other:?}"),
    };
    let predicted = predicted(&trained.network, &case.data.validation, threads);
    format!("weights {}, {}, predictions {predicted}", trained.network.sha256(), told(&trained.report))
}

/// What a report says, but for seconds and threads.
pub(crate) fn told(report: &Report) -> String {
    let bits = |(i, value): (usize, &f64)| if i == 2 { 0 } else { value.to_bits() };
    let history: Vec<u64> = report.history.rows().iter().flat_map(|row| row.iter().enumerate().map(bits)).collect();
    let best = report.best.map(|(epoch, value)| (epoch, value.to_bits()));
    let Report { steps, stopped, .. } = report;
    format!("history {:x}, steps {steps}, stopped {stopped:?}, best {best:?}", hash(history))
}

/// The bits of what a network says, and of its losses.
pub(crate) fn predicted(network: &Network, data: &Dataset, threads: usize) -> String {
    let evaluated = Predictor::new(network, threads).and_then(|predictor| predictor.evaluate(data));
    match evaluated {
        Ok((outputs, losses)) => {
            format!("{:x}", hash(outputs.iter().chain(&losses).map(|value| u64::from(value.to_bits()))))
        }
        Err(error) => format!("refused: {error}"),
    }
}

/// FNV-1a over words.
fn hash(words: impl IntoIterator<Item = u64>) -> u64 {
    words
        .into_iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, word| (hash ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(31))
}
