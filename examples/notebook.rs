//! The session of the lecture notebook, cell by cell: 784-32-10 on MNIST, before and after 20 epochs.
//!
//! `cargo run --release --example notebook [DIR]`, where DIR has the four files of MNIST; without it they come from the
//! cache or are downloaded.
#![expect(clippy::print_stdout, reason = "an example prints what it finds")]

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use layerloop::data::{Batches, Dataset, onecold, onehot};
use layerloop::network::{Activation, Network, Predictor, Spec};
use layerloop::train::{FitOptions, fit_with, loss_and_gradient, on_step, throttled};
use layerloop_data::LoadOptions;

fn main() -> layerloop::Result<()> {
    // The images, flattened: 60,000 x 784, from 0 to 1. The labels, one-hot.
    let folder = std::env::args().nth(1).map(PathBuf::from);
    let mnist = layerloop_data::load("mnist", &LoadOptions { data_dir: folder.as_deref(), size: None }, &mut |_| {})?;
    let (train, test) = (mnist.train, mnist.test);
    println!("{} x {} training images, the first is {:?}", train.rows(), train.width(), one_hot(&train)[0]);

    // A chain of two dense layers and softmax.
    let chain = Spec::new(784).layer(32, Activation::Sigmoid).layer(10, Activation::Identity);
    let mut m = Network::new(&chain, 0)?;
    println!("{}", m.spec());

    // Before training: about one in ten.
    println!("{}", accuracy(&m, &test)?);

    // Batches of 128, shuffled every epoch; the loss is cross-entropy; the parameters are all weights and biases.
    let loader = Batches::new(train.rows(), 128, 0);
    let (loss, gradient) = loss_and_gradient(&m, &train.head(128), 1)?;
    println!("{} batches, loss {loss:.4}, {} parameters", loader.per_epoch(), gradient.len());

    // 20 epochs of Adam, with the accuracy shown at most every two seconds.
    let show = on_step(|_, run| match accuracy(run.network(), &test) {
        Ok(accuracy) => {
            println!("accuracy = {accuracy}");
            ControlFlow::Continue(())
        }
        Err(_) => ControlFlow::Break(()),
    });
    let mut evalcb = throttled(Duration::from_secs(2), show);
    let start = Instant::now();
    fit_with(&mut m, &train, &FitOptions { epochs: 20, batch: 128, ..FitOptions::default() }, &mut evalcb)?;
    println!("{:.6} seconds", start.elapsed().as_secs_f64());

    println!("{}", accuracy(&m, &test)?);

    // The first test image: what the network says, and what is true.
    println!("{}", onecold(&probabilities(&m, &test.head(1))?[0]));
    println!("{}", onecold(&one_hot(&test)[0]));
    Ok(())
}

fn one_hot(data: &Dataset) -> Vec<Vec<f32>> {
    data.labels().iter().map(|&label| onehot(label as usize, data.classes().len())).collect()
}

fn probabilities(m: &Network, data: &Dataset) -> layerloop::Result<Vec<Vec<f32>>> {
    let rows = Predictor::new(m, 1)?.probabilities(data.inputs())?;
    Ok(rows.chunks(m.spec().classes()).map(<[f32]>::to_vec).collect())
}

/// accuracy(x, y) = mean(onecold(m(x)) == onecold(y))
fn accuracy(m: &Network, data: &Dataset) -> layerloop::Result<f64> {
    let (said, truth) = (probabilities(m, data)?, one_hot(data));
    let right = said.iter().zip(&truth).filter(|(said, truth)| onecold(said) == onecold(truth)).count();
    Ok(right as f64 / truth.len() as f64)
}
