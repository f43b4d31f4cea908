//! What a run in a folder keeps beside its checkpoints: the losses, and the network at the best score.

use std::fs;
use std::path::{Path, PathBuf};

use layerloop::files::write_atomically;
use layerloop::model_file::Model;
use layerloop::network::Network;
use serde_json::json;

use crate::formats::model_of;

/// The last line of the losses of a run that has converged.
const CONVERGED: &str = "converged";

/// The files. What cannot be written only costs the run its way back.
pub(crate) struct Kept {
    losses: PathBuf,
    best: PathBuf,
}

impl Kept {
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self { losses: folder.join("losses.txt"), best: folder.join("best.safetensors") }
    }

    /// Writes a line for each epoch: its loss, and another number if there is one.
    pub(crate) fn write_epochs(&self, epochs: impl Iterator<Item = [Option<f64>; 2]>, has_converged: bool) {
        let line = |numbers: [Option<f64>; 2]| {
            let numbers: Vec<String> = numbers.into_iter().flatten().map(|number| format!("{number:e}")).collect();
            numbers.join(" ")
        };
        let lines: Vec<String> = epochs.map(line).chain(has_converged.then(|| CONVERGED.into())).collect();
        _ = write_atomically(&self.losses, lines.join("\n").as_bytes());
    }

    /// The numbers of the first epochs, and whether the run had converged then.
    pub(crate) fn epochs(&self, count: usize) -> (Vec<[f64; 2]>, bool) {
        let text = fs::read_to_string(&self.losses).unwrap_or_default();
        let numbers = |line: &str| {
            let mut numbers = line.split(' ').map(|number| number.parse().ok());
            Some([numbers.next()??, numbers.next().flatten().unwrap_or(f64::NAN)])
        };
        (text.lines().map_while(numbers).take(count).collect(), text.lines().nth(count) == Some(CONVERGED))
    }

    /// Writes the network at the best score, after so many epochs.
    pub(crate) fn write_best(&self, network: &Network, epochs: usize) {
        _ = Model { receipt: json!({ "epochs": epochs }), ..model_of(network) }.save(&self.best);
    }

    /// That network, if it is of a run with such a network and was there after so many epochs. One of a later epoch is found again.
    pub(crate) fn best(&self, epochs: usize, network: &Network) -> Option<Network> {
        let found = Model::load(&self.best).ok()?;
        let is_earlier = found.receipt["epochs"].as_u64()? <= epochs as u64;
        (is_earlier && found.network.spec() == network.spec()).then_some(found.network)
    }
}
