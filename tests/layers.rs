//! Every layer, and every way to join layers: the fast path = the derivation's maps, forward and backward, for all batches and
//! threads; what is drawn in training is read off the gradient first.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::ops::ControlFlow;

use layerloop::data::{Dataset, Inputs};
use layerloop::explain::in_map;
use layerloop::math::{Map, Output, OutputMap as _};
use layerloop::names::text;
use layerloop::network::{Join, Network, Predictor, Unit};
use layerloop::rng::Stream;
use layerloop::train::{FitOptions, fit_with, loss_and_gradient, on_step};

const INPUTS: usize = 6;
const CLASSES: usize = 3;
const BATCHES: [usize; 3] = [1, 7, 70];

/// What f32 leaves of a probability, and of a derivative in parts of the largest; sums of 36 products of sums are the worst.
const PROBABILITIES: f64 = 2e-6;
const GRADIENT: f64 = 2e-5;

/// Networks with this layer that are one map of a row; a layer that is forgotten here fails to compile.
fn networks_of(unit: Unit) -> Vec<String> {
    let name = text(unit);
    match unit {
        Unit::Dropout { .. } => vec!["6 -> dropout=0 8 tanh dropout=0 -> 3".into()],
        Unit::AlphaDropout { .. } => vec!["6 -> 8 selu alpha-dropout=0 -> 3".into()],
        Unit::BatchNorm { .. } => vec![], // has a test of its own
        Unit::MemberGain { .. } | Unit::MemberScale { .. } | Unit::MemberDense { .. } => vec![], // have a test of their own
        Unit::Columns { .. } => vec![
            "6 -> columns(first=2, count=3) 8 tanh -> 3".into(),
            "6 -> 5 tanh -> parallel(columns(count=2) | columns(first=1, count=4), join=concatenate) -> 3".into(),
        ],
        Unit::Piecewise { .. } => vec![
            "6 -> piecewise(bins=9, width=4) tanh -> 3".into(),
            "6 -> 5 tanh piecewise(bins=20, width=17) tanh -> 3".into(),
        ],
        Unit::Waves { .. } => {
            vec!["6 -> waves(count=3, deviation=0.5) 8 tanh -> 3".into(), "6 -> 5 tanh waves -> 3".into()]
        }
        Unit::Grouped { .. } => vec![
            "6 -> grouped(groups=2, width=4) tanh -> grouped(groups=1, width=3)".into(),
            "6 -> 34 tanh -> grouped(groups=2, width=17) tanh -> 3".into(),
        ],
        Unit::LayerNorm { .. } | Unit::Scale | Unit::Gain | Unit::Parametric { .. } | Unit::Prelu { .. } => {
            vec![
                format!("6 -> {name} 17 {name} tanh -> 3 {name}"),
                format!("6 -> 5 tanh -> skip({name} 5 {name}) -> 3"),
            ]
        }
        Unit::Rrelu { .. } => vec!["6 -> rrelu(lower=0.25, upper=0.25) 18 rrelu(lower=0.5, upper=0.5) -> 3".into()],
        Unit::Maxout { .. } => vec!["6 -> maxout 18 maxout=3 -> 6 maxout=2".into(), "6 -> maxout=6 -> 3".into()],
        Unit::Bilinear { .. } => vec!["6 -> bilinear=7 tanh -> bilinear=3".into(), "6 -> bilinear=3".into()],
        Unit::Embedding { .. } => {
            vec!["6 -> embedding(count=5, width=3) tanh -> 3".into(), "6 -> embedding(count=9, width=33) -> 3".into()]
        }
    }
}

fn networks_of_join(join: Join) -> Vec<String> {
    let join = text(join);
    let of = |chains: &str| format!("6 -> 5 tanh -> {chains}, join={join}) -> 3");
    let mut all = vec![
        of("skip(5 sigmoid -> 5"),
        of("parallel(4 tanh | 4 scale sigmoid | 9 tanh -> 4"),
        of("parallel(skip(5 tanh) -> 5 | skip(5 layer-norm -> 5, join=multiply) prelu"),
    ];
    if join == "concatenate" {
        all.push(of("parallel(4 tanh | 17 sigmoid | tanh"));
    }
    all
}

fn data(text: &str, rows: usize) -> Dataset {
    let mut stream = Stream::new(5, "data", rows as u64);
    let value = |u: f32| if text.contains("embedding") { (u * 5.0).floor() } else { 2.0 * u - 1.0 };
    let x: Vec<f32> = (0..rows * INPUTS).map(|_| value(stream.uniform())).collect();
    let labels: Vec<u32> = (0..rows).map(|row| (row * 7 % CLASSES) as u32).collect();
    Dataset::new("random", Inputs::Floats(x.into()), INPUTS, labels, ["a", "b", "c"]).unwrap()
}

/// With parameters other than the initial ones, so that no 0 or 1 hides an error.
fn network(text: &str) -> Network {
    let mut network = Network::new(&text.parse().unwrap(), 3).unwrap();
    let mut stream = Stream::new(1, "moved", 0);
    for tensor in network.clone().tensors() {
        let moved: Vec<f32> = tensor.values.into_iter().map(|w| w + 0.4 * (stream.uniform() - 0.5)).collect();
        network.set_tensor(&tensor.name, &moved).unwrap();
    }
    network
}

/// The weight and the bias of a layer.
fn parameters(network: &Network, layer: &str) -> (Vec<f32>, Vec<f32>) {
    let values = |what| network.tensor(&format!("layers.{layer}.{what}")).expect("a tensor").values;
    (values("weight"), values("bias"))
}

fn row(data: &Dataset, row: usize) -> Vec<f64> {
    data.row(row).into_iter().map(f64::from).collect()
}

/// q at the logits: p - onehot(y).
fn q(logits: &[f64], label: u32) -> Vec<f64> {
    let p = Output::Softmax.probabilities(logits);
    p.iter().zip(0..).map(|(p, class)| p - f64::from(class == label)).collect()
}

fn assert_near(got: &[f32], truth: &[f64], tolerance: f64, what: &str) {
    let size = truth.iter().fold(1e-2, |size: f64, t| size.max(t.abs()));
    assert_eq!(got.len(), truth.len(), "{what}");
    for (i, (&got, truth)) in got.iter().zip(truth).enumerate() {
        assert!((f64::from(got) - truth).abs() <= tolerance * size, "{what}: {got} instead of {truth} at {i}");
    }
}

/// The mean over the rows of A^T q.
fn gradient(map: &Map, data: &Dataset) -> Vec<f64> {
    let mut mean = vec![0.0; map.a(&row(data, 0)).unwrap().cols()];
    for (i, &label) in data.labels().iter().enumerate() {
        let x = row(data, i);
        let p = map.a(&x).unwrap().transpose_times(&q(&map.g(&x).unwrap(), label)).unwrap();
        mean.iter_mut().zip(p).for_each(|(mean, p)| *mean += p / data.rows() as f64);
    }
    mean
}

#[test]
fn every_layer_and_every_join_is_the_map_of_the_derivation() {
    let units = Unit::ALL.iter().flat_map(|&unit| networks_of(unit));
    let joins = Join::ALL.iter().flat_map(|&join| networks_of_join(join));
    for text in units.chain(joins) {
        let network = network(&text);
        let map = in_map(&network).unwrap();
        for rows in BATCHES {
            let (data, what) = (data(&text, rows), format!("{text}, {rows} rows"));
            let (_, fast) = loss_and_gradient(&network, &data, 1).unwrap();
            for threads in [2, 3] {
                assert!(loss_and_gradient(&network, &data, threads).unwrap().1 == fast, "{what}, {threads} threads");
            }
            assert_near(&fast, &gradient(&map, &data), GRADIENT, &what);
            let p = Predictor::new(&network, 2).unwrap().probabilities(data.inputs()).unwrap();
            for (i, p) in p.chunks_exact(CLASSES).enumerate() {
                let truth = Output::Softmax.probabilities(&map.g(&row(&data, i)).unwrap());
                assert_near(p, &truth, PROBABILITIES, &what);
            }
        }
    }
}

/// Each column of a batch is standardised as a row of a layer norm is.
#[test]
fn batch_norm_standardises_the_columns_of_a_batch() {
    let network = network("6 -> 4 tanh batch-norm -> 3");
    let layer = |layer| parameters(&network, layer);
    let spec = |text: &str, layers: &[(Vec<f32>, Vec<f32>)]| {
        in_map(&Network::from_weights(&text.parse().unwrap(), layers).unwrap()).unwrap()
    };
    let below = spec("6 -> 4 tanh", &[layer("0")]);
    let above = spec("4 -> scale 3", &[layer("1"), layer("2")]);
    let norm = Map::Standardise { epsilon: f64::from(1e-5_f32) };
    for rows in [2, 7, 70] {
        let data = data("", rows);
        let z: Vec<Vec<f64>> = (0..rows).map(|i| below.g(&row(&data, i)).unwrap()).collect();
        let columns: Vec<Vec<f64>> = (0..4).map(|c| z.iter().map(|z| z[c]).collect()).collect();
        let standard: Vec<Vec<f64>> = columns.iter().map(|column| norm.g(column).unwrap()).collect();
        let row_of = |i: usize| -> Vec<f64> { standard.iter().map(|column| column[i]).collect() };
        let mut p_above = vec![0.0; above.a(&row_of(0)).unwrap().cols()];
        let mut q_rows = Vec::new();
        for (i, &label) in data.labels().iter().enumerate() {
            let z = row_of(i);
            let q: Vec<f64> = q(&above.g(&z).unwrap(), label).iter().map(|q| q / rows as f64).collect();
            let p = above.a(&z).unwrap().transpose_times(&q).unwrap();
            p_above.iter_mut().zip(p).for_each(|(sum, p)| *sum += p);
            q_rows.push(above.b(&z).unwrap().transpose_times(&q).unwrap());
        }
        let back: Vec<Vec<f64>> = (0..4)
            .map(|c| {
                let q: Vec<f64> = q_rows.iter().map(|q| q[c]).collect();
                norm.b(&columns[c]).unwrap().transpose_times(&q).unwrap()
            })
            .collect();
        let mut p_below = vec![0.0; below.a(&row(&data, 0)).unwrap().cols()];
        for i in 0..rows {
            let q: Vec<f64> = back.iter().map(|column| column[i]).collect();
            let p = below.a(&row(&data, i)).unwrap().transpose_times(&q).unwrap();
            p_below.iter_mut().zip(p).for_each(|(sum, p)| *sum += p);
        }
        let (_, fast) = loss_and_gradient(&network, &data, 1).unwrap();
        assert!(loss_and_gradient(&network, &data, 3).unwrap().1 == fast);
        // The running statistics have no gradient: they stand between the two, as zeros.
        let running = vec![0.0; 8];
        assert_near(&fast, &[p_below, running, p_above].concat(), GRADIENT, &format!("batch norm, {rows} rows"));
    }
}

/// The gradient that the first step of a run takes, with what it has drawn.
fn gradient_of_first_step(network: &Network, data: &Dataset) -> Vec<f32> {
    let mut gradient = None;
    let mut keep = on_step(|_, run| {
        gradient = run.gradient();
        ControlFlow::Break(())
    });
    fit_with(&mut network.clone(), data, &FitOptions::default(), &mut keep).unwrap();
    gradient.unwrap()
}

/// A gradient by itself had the mask of a first step: of each network with dropout the gradient check failed.
#[test]
fn nothing_is_drawn_for_a_gradient_by_itself() {
    for [drawing, still] in [
        ["6 -> dropout=0.5 8 tanh dropout=0.2 -> 3", "6 -> dropout=0 8 tanh dropout=0 -> 3"],
        ["6 -> 8 selu alpha-dropout=0.5 -> 3", "6 -> 8 selu alpha-dropout=0 -> 3"],
        ["6 -> 8 batch-norm tanh dropout=0.5 -> 3", "6 -> 8 batch-norm tanh dropout=0 -> 3"],
        ["6 -> 8 rrelu(lower=0.1, upper=0.4) -> 3", "6 -> 8 rrelu(lower=0.25, upper=0.25) -> 3"],
    ] {
        for rows in [2, 70] {
            let [drawing, still] = [drawing, still].map(|text| loss_and_gradient(&network(text), &data("", rows), 1));
            assert_eq!(drawing.unwrap(), still.unwrap());
        }
    }
}

/// With one row, the last layer's gradient q z'^T tells what the layer before it gave.
#[test]
fn what_is_drawn_goes_back_as_it_came() {
    const WIDTH: usize = 200;
    for (unit, kept) in [("dropout=0.25", 0.75), ("alpha-dropout=0.25", 0.75), ("rrelu(lower=0.1, upper=0.5)", 1.0)] {
        let network = network(&format!("6 -> {WIDTH} {unit} -> 3"));
        let data = data("", 1);
        let fast = gradient_of_first_step(&network, &data);
        let below = in_map(
            &Network::from_weights(&format!("6 -> {WIDTH}").parse().unwrap(), &[parameters(&network, "0")]).unwrap(),
        )
        .unwrap();
        let z = below.g(&row(&data, 0)).unwrap();
        let (weights, biases) = fast[WIDTH * 7..].split_at(3 * WIDTH);
        let class = (0..3).fold(0, |best, k| if biases[k].abs() > biases[best].abs() { k } else { best });
        let given: Vec<f64> = weights[class * WIDTH..][..WIDTH].iter().map(|p| f64::from(p / biases[class])).collect();
        // a = (k + k (1 - k) (lambda alpha)^2)^(-1/2), b = a (1 - k) lambda alpha: Klambauer et al. 2017
        let (rate, lambda_alpha): (f64, f64) = (1.0 - kept, 1.758_099_340_847_376_6);
        let a = 1.0 / (kept + kept * rate * lambda_alpha * lambda_alpha).sqrt();
        let [scale, shift, dropped] = match unit.split('=').next() {
            Some("dropout") => [1.0 / kept, 0.0, 0.0],
            _ => [a, a * rate * lambda_alpha, a * (rate - 1.0) * lambda_alpha],
        };
        let drawn = if unit.starts_with("rrelu") {
            let slopes: Vec<f64> =
                z.iter().zip(&given).map(|(z, given)| if *z < 0.0 { given / z } else { 0.3 }).collect();
            assert!(slopes.iter().all(|a| (0.0999..0.5001).contains(a)), "{slopes:?}");
            assert!((slopes.iter().sum::<f64>() / WIDTH as f64 - 0.3).abs() < 0.03);
            Map::Leak { a: slopes }
        } else {
            let near = |x: f64, y: f64| (x - y).abs() < 1e-4 * y.abs().max(1.0);
            let kept: Vec<bool> = z.iter().zip(&given).map(|(z, &given)| near(given, scale * z + shift)).collect();
            let others = kept.iter().zip(&given).filter(|(kept, _)| !**kept);
            assert!(others.clone().all(|(_, &given)| near(given, dropped)), "{given:?}");
            let count = others.count() as f64;
            assert!((count / WIDTH as f64 - rate).abs() < 0.1, "{count} of {WIDTH} dropped");
            Map::Mask { kept, scale, shift, dropped }
        };
        let above = in_map(
            &Network::from_weights(&format!("{WIDTH} -> 3").parse().unwrap(), &[parameters(&network, "2")]).unwrap(),
        )
        .unwrap();
        assert_near(&fast, &gradient(&Map::Chain(vec![below, drawn, above]), &data), GRADIENT, unit);
    }
}

/// Members of a row are networks of one row that share the weights of their products: each in f64 by itself, the outputs the means of
/// theirs, the gradient of what they share the mean of theirs.
#[test]
fn members_are_networks_that_share_the_weights_of_their_products() {
    const MEMBERS: usize = 3;
    let text = "6 -> member-gain(members=3, signs=true) 17 no-bias member-scale=3 tanh -> 5 tanh -> member-dense(members=3, width=3)";
    let network = network(text);
    let data = data(text, 7);
    let tensor = |layer: usize, what: &str| network.tensor(&format!("layers.{layer}.{what}")).unwrap().values;
    // Where the parameters of member m are, of those of the network in their order: gain, 17 x 6, scale, 5 x 17 and 5, 3 x 5 and 3.
    let starts = [0, 18, 18 + 102, 18 + 102 + 102, 18 + 102 + 102 + 90];
    let single = "6 -> gain 17 no-bias scale tanh -> 5 tanh -> 3";
    let mut outputs = vec![0.0; data.rows() * CLASSES];
    let mut mean = vec![0.0; starts[4] + MEMBERS * 3 * 6];
    for m in 0..MEMBERS {
        let mut alone = Network::new(&single.parse().unwrap(), 0).unwrap();
        let mut set = |name: &str, values: &[f32]| alone.set_tensor(name, values).unwrap();
        let (gain, scale, last) = (tensor(0, "weight"), tensor(2, "weight"), tensor(5, "weight"));
        set("layers.0.weight", &gain[m * 6..][..6]);
        set("layers.1.weight", &tensor(1, "weight"));
        set("layers.2.weight", &scale[m * 17..][..17]);
        set("layers.2.bias", &scale[(MEMBERS + m) * 17..][..17]);
        set("layers.4.weight", &tensor(4, "weight"));
        set("layers.4.bias", &tensor(4, "bias"));
        let rows: Vec<&[f32]> = last[m * 18..][..18].chunks(6).collect();
        set("layers.5.weight", &rows.iter().flat_map(|row| &row[..5]).copied().collect::<Vec<_>>());
        set("layers.5.bias", &rows.iter().map(|row| row[5]).collect::<Vec<_>>());
        let map = in_map(&alone).unwrap();
        for (i, outputs) in outputs.chunks_exact_mut(CLASSES).enumerate() {
            let p = Output::Softmax.probabilities(&map.g(&row(&data, i)).unwrap());
            outputs.iter_mut().zip(p).for_each(|(sum, p)| *sum += p / MEMBERS as f64);
        }
        // gain 6, 17 x 6, scale 17 and 17, 5 x 17 and 5, 3 x 5 and 3
        let of = gradient(&map, &data);
        let mut add = |to: usize, from: std::ops::Range<usize>| {
            of[from].iter().zip(&mut mean[to..]).for_each(|(p, sum)| *sum += p / MEMBERS as f64);
        };
        add(starts[0] + m * 6, 0..6);
        add(starts[1], 6..108);
        add(starts[2] + m * 17, 108..125);
        add(starts[2] + (MEMBERS + m) * 17, 125..142);
        add(starts[3], 142..232);
        for class in 0..CLASSES {
            add(starts[4] + m * 18 + class * 6, 232 + class * 5..237 + class * 5);
            add(starts[4] + m * 18 + class * 6 + 5, 247 + class..248 + class);
        }
    }
    for threads in [1, 2] {
        let got = Predictor::new(&network, threads).unwrap().probabilities(data.inputs()).unwrap();
        assert_near(&got, &outputs, PROBABILITIES, text);
        let (_, got) = loss_and_gradient(&network, &data, threads).unwrap();
        assert_near(&got, &mean, GRADIENT, text);
    }
}
