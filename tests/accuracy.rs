//! What networks must reach on real images, with the defaults that users get.
//!
//! Where MNIST and Fashion-MNIST are not there, the tests that need them say so by name.

mod data_dir;

use layerloop::Result;
use layerloop::metrics::evaluate;
use layerloop::network::{Activation, Network, Output, Spec};
use layerloop::train::{FitOptions, fit};
use layerloop_data::Loaded;

use self::data_dir::data_dir;

/// Trains with the data set's own defaults; the accuracy on its test part.
fn accuracy(loaded: &Loaded, hidden: &[usize], activation: Activation, output: Output, seed: u64) -> Result<f64> {
    let (train, defaults) = (&loaded.train, loaded.defaults);
    let spec = Spec::classifier(train.width(), hidden, activation, train.classes().len(), output);
    let mut network = Network::new(&spec, seed)?;
    let options = FitOptions {
        epochs: defaults.epochs,
        batch: defaults.batch,
        learning_rate: defaults.learning_rate,
        seed,
        ..FitOptions::default()
    };
    fit(&mut network, train, &options)?;
    Ok(evaluate(&network, &loaded.test, 1)?.accuracy)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn the_notebooks_network_on_mnist_with_ten_seeds_and_both_output_maps() {
    let Some(folder) = data_dir("the_notebooks_network_on_mnist_with_ten_seeds_and_both_output_maps") else { return };
    let mnist = layerloop_data::load("mnist", Some(&folder), &mut |_| {}).unwrap();
    let [softmax, reference] = [Output::Softmax, Output::ReferenceSoftmax].map(|output| {
        let reached = |seed| accuracy(&mnist, &[32], Activation::Sigmoid, output, seed).unwrap();
        (0..10).map(reached).collect::<Vec<f64>>()
    });
    assert!(softmax.iter().all(|&a| a >= 0.957), "{softmax:?}");
    assert!(mean(&softmax) >= 0.960, "{softmax:?}");
    assert!((mean(&softmax) - mean(&reference)).abs() <= 0.003, "{softmax:?} {reference:?}");
}

#[test]
fn fashion_mnist_with_two_hidden_layers() {
    let Some(folder) = data_dir("fashion_mnist_with_two_hidden_layers") else { return };
    let fashion = layerloop_data::load("fashion-mnist", Some(&folder), &mut |_| {}).unwrap();
    let reached = accuracy(&fashion, &[256, 128], Activation::Relu, Output::Softmax, 0).unwrap();
    assert!(reached >= 0.88, "{reached}");
}

#[test]
fn the_built_in_digits_with_ten_seeds() {
    let digits = layerloop_data::load("digits", None, &mut |_| {}).unwrap();
    let reached = |seed| accuracy(&digits, &[32], Activation::Sigmoid, Output::Softmax, seed).unwrap();
    let all: Vec<f64> = (0..10).map(reached).collect();
    assert!(all.iter().all(|&a| a >= 0.97), "{all:?}");
}

/// With Glorot's start six layers of sigmoids are at 0.21 and 0.25 after four epochs, at 0.57 after ten.
#[test]
fn deep_sigmoid_networks_learn_from_the_first_epochs() -> Result<()> {
    let mut digits = layerloop_data::load("digits", None, &mut |_| {})?;
    digits.defaults.epochs = 4;
    for seed in 0..3 {
        let reached = accuracy(&digits, &[50; 6], Activation::Sigmoid, Output::Softmax, seed)?;
        assert!(reached > 0.75, "seed {seed}: {reached}");
    }
    Ok(())
}
