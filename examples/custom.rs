//! Parts of your own: an activation, a layer, a loss, a schedule and a metric, each by a name, in one network.
//!
//! `cargo run --example custom`
#![expect(clippy::print_stdout, reason = "an example prints what it finds")]

use layerloop::custom::{Activation, Layer, Loss};
use layerloop::custom::{register_activation, register_layer, register_loss, register_metric, register_schedule};
use layerloop::data::{Dataset, Inputs};
use layerloop::evaluate::measure;
use layerloop::metrics::{Predictions, Truth};
use layerloop::model_file::Model;
use layerloop::network::Network;
use layerloop::train::{FitOptions, Objective, Progress, fit};
use layerloop::{Error, Result};

/// sigma(t) = t / (1 + |t|)
struct Softer;

impl Activation for Softer {
    fn value(&self, t: f32) -> f32 {
        t / (1.0 + t.abs())
    }

    /// sigma'(t) = 1 / (1 + |t|)^2
    fn derivative(&self, t: f32) -> f32 {
        1.0 / ((1.0 + t.abs()) * (1.0 + t.abs()))
    }
}

/// z' = w z^2, component by component, each with a w of its own.
struct Squares;

impl Layer for Squares {
    fn outputs(&self, inputs: usize) -> Option<usize> {
        Some(inputs)
    }

    fn parameters(&self, inputs: usize) -> usize {
        inputs
    }

    fn forward(&self, w: &[f32], z: &[f32], out: &mut [f32]) {
        for i in 0..z.len() {
            out[i] = w[i] * z[i] * z[i];
        }
    }

    /// q_i = 2 w z q_{i+1}
    fn input_gradient(&self, w: &[f32], z: &[f32], q: &[f32], out: &mut [f32]) {
        for i in 0..z.len() {
            out[i] = 2.0 * w[i] * z[i] * q[i];
        }
    }

    /// p_i = z^2 q_{i+1}
    fn weight_gradient(&self, _w: &[f32], z: &[f32], q: &[f32], out: &mut [f32]) {
        for i in 0..z.len() {
            out[i] += z[i] * z[i] * q[i];
        }
    }
}

/// l = log S - z_y, with S the sum of e^z: cross-entropy, but a row that is off the ring counts half.
struct Lopsided;

impl Lopsided {
    fn weight(t: &[f32]) -> f32 {
        0.5 * t[0] + t[1..].iter().sum::<f32>()
    }
}

impl Loss for Lopsided {
    fn value(&self, z: &[f32], t: &[f32]) -> f32 {
        let log_sum = z.iter().map(|z| z.exp()).sum::<f32>().ln();
        Self::weight(t) * z.iter().zip(t).map(|(z, t)| t * (log_sum - z)).sum::<f32>()
    }

    /// q = weight (p sum_k t_k - t)
    fn gradient(&self, z: &[f32], t: &[f32], out: &mut [f32]) {
        let (sum, all) = (z.iter().map(|z| z.exp()).sum::<f32>(), t.iter().sum::<f32>());
        for i in 0..z.len() {
            out[i] = Self::weight(t) * (z[i].exp() / sum * all - t[i]);
        }
    }
}

/// Whole speed for the first half of the run, a quarter and an eighth for the rest.
fn stairs(at: Progress) -> f64 {
    match 4 * at.step / at.steps.max(1) {
        0 | 1 => 1.0,
        2 => 0.25,
        _ => 0.125,
    }
}

/// Share of the rows whose true class gets nine parts in ten of the probability.
fn sure_and_right(predictions: &Predictions) -> Result<f64> {
    let Truth::Classes { labels, classes } = predictions.truth else {
        return Err(Error::config("metric", "it is a metric of classes"));
    };
    let rows = predictions.predicted.chunks(classes).zip(labels);
    Ok(rows.filter(|(p, label)| p[**label as usize] > 0.9).count() as f64 / labels.len() as f64)
}

/// The points of a grid, inside or outside of a ring.
fn ring() -> Result<Dataset> {
    let grid = |i: usize| i as f32 / 20.0 - 1.0;
    let points: Vec<[f32; 2]> = (0..41 * 41).map(|i| [grid(i / 41), grid(i % 41)]).collect();
    let labels: Vec<u32> = points.iter().map(|[x, y]| u32::from((0.2..0.7).contains(&(x * x + y * y)))).collect();
    Dataset::new("ring", Inputs::Floats(points.concat().into()), 2, labels, ["off the ring", "on the ring"])
}

fn main() -> Result<()> {
    // Derivatives are compared with differences here, before any of the names can be used.
    register_activation("softer", Softer)?;
    register_layer("squares", Squares)?;
    register_loss("lopsided", Lopsided)?;
    register_schedule("stairs", stairs)?;
    register_metric("sure-and-right", sure_and_right)?;

    // From here on they are names like all others.
    let data = ring()?;
    let mut network = Network::new(&"2 -> 8 squares -> 16 softer -> 2".parse()?, 0)?;
    let options = FitOptions {
        epochs: 60,
        batch: 32,
        learning_rate: 0.02,
        objective: Objective { loss: Some("lopsided".parse()?), ..Objective::default() },
        schedule: "stairs".parse()?,
        ..FitOptions::default()
    };
    println!("{}, --loss lopsided --schedule {}", network.spec(), options.schedule);
    let report = fit(&mut network, &data, &options)?;
    for epoch in report.epochs.iter().step_by(10).chain(report.epochs.last()) {
        println!("epoch {:2}   loss {:.4}", epoch.epoch, epoch.train_loss);
    }
    let metrics = ["accuracy".parse()?, "sure-and-right".parse()?];
    let values = measure::<layerloop::metrics::AnyMetric>(&metrics, &network, &data, 1)?;
    for (metric, value) in metrics.iter().zip(values) {
        println!("{metric} {:.4}", value?);
    }

    // The file has the names; whoever loads it registers the same parts first.
    let path = std::env::temp_dir().join("layerloop-ring.safetensors");
    Model::new(network.clone(), &data, serde_json::json!({})).save(&path)?;
    let again = Model::load(&path)?.network;
    println!("saved, loaded: the same bits are {}", again.sha256() == network.sha256());
    std::fs::remove_file(&path).map_err(|error| Error::data(path.display().to_string(), error.to_string()))
}
