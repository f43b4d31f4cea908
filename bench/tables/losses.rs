//! The losses of the first steps of RealMLP from weights and batches that another program wrote: `bench/tables/losses`.
//!
//! FOLDER has the network as text (`network.txt`), the rows batch after batch (`inputs.f32`), what is to be predicted (`targets.f32`) and a
//! file for each tensor. Prints a loss a line.

#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

use std::path::Path;

use layerloop::data::{Batches, Dataset, Inputs};
use layerloop::network::{Network, Spec};
use layerloop::recipes::Recipe;
use layerloop::train::{FitOptions, fit_with, on_step};
use std::ops::ControlFlow;

fn floats(path: &Path) -> Result<Vec<f32>, Box<dyn std::error::Error>> {
    let bytes = std::fs::read(path)?;
    let (values, _) = bytes.as_chunks::<4>();
    Ok(values.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).ok_or("usage: losses FOLDER")?;
    let folder = Path::new(&folder);
    let spec: Spec = std::fs::read_to_string(folder.join("network.txt"))?.trim().parse()?;
    let mut network = Network::new(&spec, 0)?;
    for tensor in network.clone().tensors() {
        network.set_tensor(&tensor.name, &floats(&folder.join(format!("{}.f32", tensor.name)))?)?;
    }
    let (values, targets) = (floats(&folder.join("inputs.f32"))?, floats(&folder.join("targets.f32"))?);
    let (rows, width, classes) = (targets.len(), spec.inputs, spec.classes());
    let plan = Recipe::RealMlp.plan_for_table(rows, classes > 1)?;
    let layer_rates = plan.layer_rates(&spec)?;
    let options = FitOptions { epochs: 1, early_stopping: None, layer_rates, ..plan.options() };
    // The rows where the shuffle of the first epoch looks for them.
    let mut batches = Batches::new(rows, options.batch, options.seed);
    let order: Vec<u32> = batches.epoch(1).flatten().copied().collect();
    let (mut inputs, mut truth) = (vec![0.0; values.len()], vec![0.0; rows]);
    for (from, &to) in order.iter().enumerate() {
        let to = to as usize;
        inputs[to * width..][..width].copy_from_slice(&values[from * width..][..width]);
        truth[to] = targets[from];
    }
    let inputs = Inputs::Floats(inputs.into());
    let data = if classes > 1 {
        let labels: Vec<u32> = truth.iter().map(|&label| label as u32).collect();
        Dataset::new("rows", inputs, width, labels, (0..classes).map(|class| class.to_string()))?
    } else {
        Dataset::regression("rows", inputs, width, truth, ["y"])?
    };
    let mut losses = Vec::new();
    let mut note = on_step(|step, _| {
        losses.push(step.loss);
        ControlFlow::Continue(())
    });
    fit_with(&mut network, &data, &options, &mut note)?;
    losses.iter().for_each(|loss| println!("{loss}"));
    Ok(())
}
