//! Every loss under every output map that it goes with: the fast path = the derivation's loss and its central differences, with
//! weights of samples and classes, smoothed labels, as a mean and as a sum.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use layerloop::data::{Dataset, Inputs};
use layerloop::evaluate::evaluate_regression;
use layerloop::explain::in_math;
use layerloop::math::LossFunction as _;
use layerloop::names::{NamedEnum as _, text};
use layerloop::network::{Network, Output, Predictor, Spec, Tensor};
use layerloop::rng::Stream;
use layerloop::train::{ClassWeights, FitOptions, Loss, Objective, Reduction, fit, loss_and_gradient_of};
use layerloop::{Result, math};
use layerloop_kernels::loss::{Truth, evaluate};
use layerloop_kernels::softmax::Logits;
use layerloop_kernels::{Isa, Rows, RowsMut};

const ROWS: usize = 70; // three blocks, the last one short
const INPUTS: usize = 4;

/// What f32 leaves of a loss, and of a derivative in parts of the largest.
const LOSS: f64 = 2e-6;
const GRADIENT: f64 = 2e-5;

/// Every loss, some with other numbers too, with each of its output maps.
fn pairs() -> impl Iterator<Item = (Loss, Output)> {
    let others = [Loss::Focal { gamma: 0.5 }, Loss::Huber { delta: 0.1 }, Loss::Quantile { tau: 0.9 }];
    let losses = Loss::ALL.iter().copied().chain(others);
    losses.flat_map(|loss| loss.outputs().iter().map(move |&output| (loss, output)))
}

fn network(logits: usize, output: Output) -> Network {
    let spec: Spec = format!("{INPUTS} -> 5 tanh -> {logits} -> {}", text(output)).parse().unwrap();
    Network::new(&spec, 7).unwrap()
}

fn inputs(stream: &mut Stream) -> Inputs {
    Inputs::Floats((0..ROWS * INPUTS).map(|_| 2.0 * stream.uniform() - 1.0).collect())
}

/// Targets such as the loss takes.
fn numbers(loss: Loss, output: Output, logits: usize) -> Dataset {
    let mut stream = Stream::new(1, "targets", 0);
    let inputs = inputs(&mut stream);
    let width = output.targets(logits);
    let mut values: Vec<f32> = (0..ROWS * width).map(|_| stream.uniform()).collect();
    if output.is_softmax() {
        for row in values.chunks_exact_mut(width) {
            let sum: f32 = row.iter().sum();
            row.iter_mut().for_each(|t| *t /= sum);
        }
    }
    match loss {
        Loss::Hinge | Loss::SquaredHinge => values.iter_mut().for_each(|t| *t = (*t - 0.5).signum()),
        Loss::Poisson => values.iter_mut().for_each(|t| *t = (*t * 5.0).round()),
        _ => {}
    }
    let weights: Vec<f32> = (0..ROWS).map(|row| (row % 4) as f32).collect();
    let names = (0..width).map(|i| format!("y{i}"));
    Dataset::regression("random", inputs, INPUTS, values, names).unwrap().with_weights(weights).unwrap()
}

/// f by the derivation, from rows of targets and a weight for each.
fn by_math(network: &math::Network, loss: math::Loss, data: &Dataset, truth: &[(Vec<f64>, f64)], scale: f64) -> f64 {
    let of_row = |(row, (y, weight)): (usize, &(Vec<f64>, f64))| {
        let x: Vec<f64> = data.row(row).into_iter().map(f64::from).collect();
        let z = network.logits(&x).unwrap();
        weight * loss.value(network.output(), y, &z).unwrap()
    };
    scale * truth.iter().enumerate().map(of_row).sum::<f64>()
}

fn compare(
    network: &Network,
    data: &Dataset,
    objective: &Objective,
    loss: Loss,
    truth: &[(Vec<f64>, f64)],
) -> Result<()> {
    let (value, gradient) = loss_and_gradient_of(objective, network, data, 1)?;
    let (same_value, same) = loss_and_gradient_of(objective, network, data, 3)?;
    assert!(value.to_bits() == same_value.to_bits() && gradient == same, "{objective:?}");
    let scale = if objective.reduction == Reduction::Sum { 1.0 } else { 1.0 / ROWS as f64 };
    let mut math = in_math(network)?;
    let f = |math: &math::Network| by_math(math, loss, data, truth, scale);
    let true_value = f(&math);
    assert!((value - true_value).abs() <= LOSS * true_value.abs().max(1.0), "{value}, not {true_value}: {objective:?}");
    let fast = layerloop::explain::matrices(network.spec(), &gradient)?;
    let fast: Vec<f64> = fast.iter().flat_map(|layer| layer.entries().iter().copied()).collect();
    let size = fast.iter().fold(1e-2, |size: f64, g| size.max(g.abs()));
    let w = math.parameters();
    for (i, g) in fast.iter().enumerate() {
        let mut at = |step: f64| {
            let mut moved = w.clone();
            moved[i] += step;
            math.set_parameters(&moved).unwrap();
            f(&math)
        };
        let difference = (at(1e-6) - at(-1e-6)) / 2e-6;
        assert!((difference - g).abs() <= GRADIENT * size, "{difference}, not {g}: {network:?} {objective:?}");
    }
    Ok(())
}

/// The kernel alone, with logits up to 80 in size and every length of the last vector.
#[test]
fn kernels_give_the_values_and_gradients_of_the_derivation() {
    const WIDTHS: [usize; 7] = [1, 2, 3, 10, 16, 17, 33];
    const SCALE: f32 = 0.25;
    let mut stream = Stream::new(2, "kernels", 0);
    for ((loss, output), width) in pairs().flat_map(|pair| WIDTHS.map(|width| (pair, width))) {
        for (size, weight) in [(0.3, 1.0), (4.0, 0.0), (80.0, 2.5)] {
            let z: Vec<f32> = (0..width).map(|_| size * (2.0 * stream.uniform() - 1.0)).collect();
            let t: Vec<f32> = (0..output.targets(width)).map(|i| target(loss, i, stream.uniform())).collect();
            let (mut delta, mut out) = (vec![0.0; width], [0.0]);
            let rows = |values| Rows { values, stride: values.len() };
            evaluate(
                Isa::best(),
                loss,
                Logits { rows: rows(&z), width, output },
                Truth { targets: rows(&t), weights: rows(&[weight]), scale: SCALE },
                RowsMut { values: &mut delta, stride: width },
                RowsMut { values: &mut out, stride: 1 },
            );
            let [z, t] = [z, t].map(|values| values.into_iter().map(f64::from).collect::<Vec<_>>());
            let near = |got: f32, want: f64, least: f64| (f64::from(got) - want).abs() <= 4e-6 * (want.abs() + least);
            let (weight, scale) = (f64::from(weight), f64::from(SCALE));
            let value = weight * loss.value(output, &t, &z).unwrap();
            assert!(near(out[0], value, 0.1), "{loss:?} of {output:?}, {width} of size {size}: {out:?}, not {value}");
            let gradient = loss.gradient(output, &t, &z).unwrap();
            let largest = gradient.iter().fold(0.1, |size: f64, q| size.max(q.abs()));
            for (got, q) in delta.iter().zip(gradient) {
                let want = scale * weight * q;
                assert!(near(*got, want, largest), "{loss:?} of {output:?}, {width} of size {size}: {got}, not {want}");
            }
        }
    }
}

/// A target such as the loss takes, of a number in [0, 1).
fn target(loss: Loss, place: usize, x: f32) -> f32 {
    match loss {
        Loss::CrossEntropy | Loss::Kl | Loss::Focal { .. } | Loss::BinaryCrossEntropy => [0.0, 1.0, x][place % 3],
        Loss::Hinge | Loss::SquaredHinge => (x - 0.5).signum(),
        Loss::Msle | Loss::Poisson => (10.0 * x).round(),
        _ => 4.0 * x - 2.0,
    }
}

#[test]
fn every_loss_of_numbers_has_the_value_and_the_slopes_of_the_derivation() -> Result<()> {
    for (loss, output) in pairs() {
        for (logits, reduction) in [(1, Reduction::Mean), (3, Reduction::Sum), (18, Reduction::Mean)] {
            if output == Output::Softmax && logits == 1 {
                continue;
            }
            let (network, data) = (network(logits, output), numbers(loss, output, logits));
            let objective = Objective { loss: Some(loss.into()), reduction, ..Objective::default() };
            let width = output.targets(logits);
            let rows = data.numbers().chunks_exact(width).map(|row| row.iter().map(|&t| f64::from(t)).collect());
            let truth: Vec<(Vec<f64>, f64)> = rows.zip(data.weights().unwrap()).map(|(y, &v)| (y, v.into())).collect();
            compare(&network, &data, &objective, loss, &truth)?;
        }
    }
    Ok(())
}

#[test]
fn labels_are_smoothed_and_classes_weighted() -> Result<()> {
    let classes = 3;
    for (loss, output) in pairs().filter(|(loss, output)| output.is_classifier() || loss.name().contains("hinge")) {
        let hinge = loss.name().contains("hinge");
        let eps = if hinge { 0.0 } else { 0.125 };
        let mut stream = Stream::new(2, "labels", 0);
        let x = inputs(&mut stream);
        let labels: Vec<u32> = (0..ROWS as u32).map(|row| [0, 0, 1, 2, 0, 1][row as usize % 6]).collect();
        let data = Dataset::new("random", x, INPUTS, labels.clone(), ["a", "b", "c"])?;
        let network = network(output.logits(classes), output);
        let balanced = Objective {
            loss: Some(loss.into()),
            label_smoothing: eps,
            class_weights: ClassWeights::Balanced,
            ..Objective::default()
        };
        let count = |label: u32| labels.iter().filter(|&&other| other == label).count() as f64;
        let truth = labels.iter().map(|&label| {
            let eps = f64::from(eps);
            let y = (0..classes as u32).map(|k| match (hinge, output) {
                (true, _) => {
                    if k == label {
                        1.0
                    } else {
                        -1.0
                    }
                }
                (_, Output::Sigmoid) => (1.0 - eps) * f64::from(k == label) + eps / 2.0,
                _ => (1.0 - eps) * f64::from(k == label) + eps / classes as f64,
            });
            (y.collect(), ROWS as f64 / (classes as f64 * count(label)))
        });
        compare(&network, &data, &balanced, loss, &truth.collect::<Vec<_>>())?;
    }
    Ok(())
}

#[test]
fn plain_labels_take_the_short_way_to_the_same_numbers() -> Result<()> {
    let mut stream = Stream::new(2, "labels", 0);
    let labels: Vec<u32> = (0..ROWS as u32).map(|row| row % 3).collect();
    let data = Dataset::new("random", inputs(&mut stream), INPUTS, labels, ["a", "b", "c"])?;
    for output in [Output::Softmax, Output::ReferenceSoftmax] {
        let network = network(output.logits(3), output);
        let (short, gradient) = loss_and_gradient_of(&Objective::default(), &network, &data, 1)?;
        let ones = data.clone().with_weights(vec![1.0; ROWS])?;
        let (long, other) = loss_and_gradient_of(&Objective::default(), &network, &ones, 1)?;
        assert!((short - long).abs() < 1e-6);
        assert!(gradient.iter().zip(&other).all(|(a, b)| (a - b).abs() < 1e-6));
    }
    Ok(())
}

#[test]
fn several_targets_are_learnt_and_evaluated() -> Result<()> {
    let mut stream = Stream::new(3, "data", 0);
    let x: Vec<f32> = (0..200 * 2).map(|_| 2.0 * stream.uniform() - 1.0).collect();
    let y: Vec<f32> = x.chunks_exact(2).flat_map(|x| [x[0] * x[1], x[0] - 2.0 * x[1]]).collect();
    let data = Dataset::regression("saddle", Inputs::Floats(x.into()), 2, y, ["product", "plane"])?;
    let mut network = Network::new(&"2 -> 16 tanh -> 2 -> identity".parse()?, 0)?;
    let options = FitOptions { epochs: 150, batch: 20, learning_rate: 0.01, ..FitOptions::default() };
    fit(&mut network, &data, &options)?;
    let scores = evaluate_regression(&network, &data, 1)?;
    assert!(scores.r2 > 0.99 && scores.loss < 0.01, "{scores:?}");
    let first = Predictor::new(&network, 1)?.probabilities(&data.row(0).into())?;
    assert!((first[1] - data.numbers()[1]).abs() < 0.3);
    Ok(())
}

#[test]
fn what_does_not_go_together_is_refused_with_the_reason() {
    let labels = Dataset::new("marks", Inputs::Floats(vec![0.0; 8].into()), 4, vec![0, 1], ["a", "b"]).unwrap();
    let numbers = |values: [f32; 2]| {
        Dataset::regression("sizes", Inputs::Floats(vec![0.0; 8].into()), 4, values, ["size"]).unwrap()
    };
    let two = |values: [f32; 4]| {
        Dataset::regression("tags", Inputs::Floats(vec![0.0; 8].into()), 4, values, ["a", "b"]).unwrap()
    };
    let plain = Objective::default();
    let of = |loss: Loss| Objective { loss: Some(loss.into()), ..Objective::default() };
    let smooth = Objective { label_smoothing: 0.1, ..Objective::default() };
    let balanced = Objective { class_weights: ClassWeights::Balanced, ..Objective::default() };
    let given = Objective { class_weights: ClassWeights::Given(vec![1.0; 3]), ..Objective::default() };
    let cases: [(&str, &Dataset, &Objective, &str); 15] = [
        (
            "4 -> 2",
            &labels,
            &of(Loss::Mse),
            "mse does not go with the output map softmax: it measures what identity gives",
        ),
        ("4 -> 2 -> identity", &labels, &of(Loss::Mse), "mse measures numbers, but marks has classes"),
        ("4 -> 2 -> exp", &labels, &plain, "poisson measures numbers, but marks has classes"),
        (
            "4 -> 1 -> reference-softmax",
            &labels,
            &of(Loss::BinaryCrossEntropy),
            "binary-cross-entropy does not go with",
        ),
        ("4 -> 2", &two([1.0, 1.0, 0.0, 1.0]), &plain, "row 0: its targets sum to 2; under softmax"),
        ("4 -> 1 -> reference-softmax", &two([0.0, 0.0, 0.0, 1.0]), &plain, "row 0: its targets sum to 0"),
        (
            "4 -> 2",
            &two([-0.5, 1.5, 0.0, 1.0]),
            &plain,
            "row 0: `a` is -0.5; cross-entropy takes targets of at least 0",
        ),
        (
            "4 -> 1 -> sigmoid",
            &numbers([0.5, 2.0]),
            &plain,
            "row 1: `size` is 2; binary-cross-entropy takes targets from 0",
        ),
        ("4 -> 1 -> exp", &numbers([1.0, -2.0]), &plain, "row 1: `size` is -2; poisson takes targets of at least 0"),
        ("4 -> 1 -> identity", &numbers([1.0, -2.0]), &of(Loss::Msle), "`size` is -2; msle takes targets above -1"),
        ("4 -> 1 -> identity", &numbers([1.0, 0.0]), &of(Loss::Hinge), "`size` is 0; hinge takes targets of -1 or 1"),
        ("4 -> 1 -> identity", &numbers([1.0, 0.0]), &smooth, "label_smoothing: 0.1; sizes has no labels"),
        ("4 -> 1 -> identity", &numbers([1.0, 0.0]), &balanced, "class_weights: sizes has no classes"),
        ("4 -> 2", &labels, &given, "class_weights: 3 weights for 2 classes"),
        ("4 -> 2 -> identity", &numbers([1.0, 0.0]), &plain, "sizes: target numbers of a row: expected 2, got 1"),
    ];
    for (spec, data, objective, piece) in cases {
        let mut network = Network::new(&spec.parse().unwrap(), 0).unwrap();
        let options = FitOptions { objective: objective.clone(), ..FitOptions::default() };
        let said = fit(&mut network, data, &options).unwrap_err().to_string();
        assert!(said.contains(piece), "{spec}: {said}");
    }
}

#[test]
fn batches_of_one_row_under_batch_norm_and_weights_below_0_are_refused() {
    let labels = Dataset::new("marks", Inputs::Floats(vec![0.0; 8].into()), 4, vec![0, 1], ["a", "b"]).unwrap();
    let mut norm = Network::new(&"4 -> 3 batch-norm -> 2".parse().unwrap(), 0).unwrap();
    let said = fit(&mut norm, &labels, &FitOptions { batch: 1, ..FitOptions::default() }).unwrap_err().to_string();
    assert!(said.contains("batch: 1; a batch norm has the mean and the variance of a batch"), "{said}");
    let said = labels.with_weights(vec![1.0, -1.0]).unwrap_err().to_string();
    assert!(said.contains("row 1: weight -1"), "{said}");
}

#[test]
fn each_member_of_an_ensemble_has_the_loss_and_the_gradient_that_it_has_alone() -> Result<()> {
    for (loss, output) in pairs() {
        let logits = output.logits(3);
        let data = numbers(loss, output, logits);
        let member: Spec = format!("{INPUTS} -> 5 tanh -> {logits} -> {}", text(output)).parse()?;
        let ensemble = Network::new(&member.clone().ensemble(2), 7)?;
        let objective = Objective { loss: Some(loss.into()), ..Objective::default() };
        let alone = ["0.0", "0.1"].map(|path| {
            let tensors = ensemble.tensors().filter_map(|tensor| {
                let name = tensor.name.strip_prefix(&format!("layers.{path}."))?.to_owned();
                Some(Tensor::new(format!("layers.{name}"), tensor.shape, tensor.values))
            });
            let network = Network::from_tensors(&member, tensors.collect::<Vec<_>>()).unwrap();
            loss_and_gradient_of(&objective, &network, &data, 1).unwrap()
        });
        let [(one, mut gradient), (other, of_other)] = alone;
        gradient.extend(of_other);
        gradient.iter_mut().for_each(|g| *g *= 0.5);
        for threads in [1, 3] {
            let of_members = Objective { each_member: true, ..objective.clone() };
            let (both, of_both) = loss_and_gradient_of(&of_members, &ensemble, &data, threads)?;
            assert!((both - (one + other) / 2.0).abs() < 1e-6 * both.abs().max(1.0), "{both}, {one}, {other}");
            assert_eq!(of_both, gradient, "{} under {}", text(loss), text(output));
        }
        let refused = Objective { each_member: true, ..objective };
        let said = loss_and_gradient_of(&refused, &network(logits, output), &data, 1).unwrap_err().to_string();
        assert!(said.ends_with("is not an ensemble: it does not end in parallel(..., join=mean)"), "{said}");
    }
    Ok(())
}
