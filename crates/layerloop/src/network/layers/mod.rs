//! What the operations do with a block of rows, forward and back: one file a family.

pub(crate) mod batch_norm;
pub(crate) mod custom;
pub(super) mod join;
pub(super) mod unit;

#[cfg(test)]
mod tests {
    use crate::data::{Dataset, Inputs};
    use crate::network::{Network, Predictor, Spec};
    use crate::train::{FitOptions, fit, loss_and_gradient};

    /// 70 rows: three blocks, the last of them short.
    fn data(values: impl Fn(usize) -> f32) -> Dataset {
        let values: Vec<f32> = (0..70 * 5).map(values).collect();
        let labels = (0..70).map(|i| i * 7 % 3).collect::<Vec<u32>>();
        Dataset::new("test", Inputs::Floats(values.into()), 5, labels, ["a", "b", "c"]).unwrap()
    }

    fn numbers() -> Dataset {
        data(|i| ((i * 37 + 11) % 97) as f32 / 97.0 - 0.4)
    }

    fn names() -> Dataset {
        data(|i| (i * 37 % 11) as f32)
    }

    const NETWORKS: [&str; 24] = [
        "5 -> 6 tanh -> skip(6 sigmoid -> 6) tanh -> 3",
        "5 -> skip(6 tanh -> 4, join=concatenate) -> 3",
        "5 -> parallel(4 tanh | 4 sigmoid | 7 tanh -> 4) -> 3",
        "5 -> 6 sigmoid -> parallel(4 tanh | skip(6 tanh) -> 4, join=multiply) -> 3",
        "5 -> tanh parallel(skip(5 tanh, join=multiply) | 3 no-bias, join=concatenate) -> 3 tanh",
        "5 -> 40 gelu dropout=0.3 -> 3",
        "5 -> 17 elu alpha-dropout=0.2 -> 3",
        "5 -> 33 layer-norm tanh -> 3",
        "5 -> 33 batch-norm tanh -> 6 batch-norm sigmoid -> 3",
        "5 -> batch-norm skip(9 tanh batch-norm -> 5) -> 3",
        "5 -> 18 scale swish -> 3 scale",
        "5 -> scale 18 prelu=0.98 -> 3",
        "5 -> 18 rrelu(lower=0.96, upper=1) -> 3 prelu=0.98",
        "5 -> 18 maxout=3 -> 12 maxout -> 3",
        "5 -> bilinear=7 tanh -> bilinear=3",
        "5 -> gain 18 parametric(activation=tanh) -> 9 parametric(activation=mish) -> 3 gain",
        "5 -> parallel(columns(count=3) waves(count=5, deviation=1) -> grouped(groups=3, width=2) | columns(first=1, count=4), join=concatenate) gain -> 7 tanh -> 3",
        "5 -> 6 tanh waves -> grouped(groups=6, width=3) tanh -> 3",
        "5 -> piecewise(bins=7, width=3) tanh -> 3",
        "5 -> 34 tanh -> grouped(groups=2, width=3) columns(first=2, count=3)",
        "5 -> member-gain(members=3, signs=true) 9 no-bias member-scale=3 tanh dropout=0.2 member-gain(members=3) -> member-dense(members=3, width=3)",
        "5 -> 6 tanh -> member-dense(members=5, width=3) tanh -> 3",
        "5 -> embedding(count=11, width=3) tanh -> 3",
        "5 -> embedding(count=11, width=34) dropout=0.1 -> 8 layer-norm gelu -> 3",
    ];

    fn fitting(text: &str) -> Dataset {
        if text.contains("embedding") { names() } else { numbers() }
    }

    /// f32 differences see slopes to 2e-3 of the largest derivative; of the kinks they are kept away by slopes near 1.
    #[test]
    fn gradients_are_the_slopes_of_the_loss_whatever_the_threads() {
        for text in NETWORKS {
            let (spec, data): (Spec, _) = (text.parse().unwrap(), fitting(text));
            let network = Network::new(&spec, 3).unwrap();
            let (_, gradient) = loss_and_gradient(&network, &data, 1).unwrap();
            assert_eq!(loss_and_gradient(&network, &data, 3).unwrap().1, gradient, "{text}");
            let size = gradient.iter().fold(0.0_f32, |size, g| size.max(g.abs()));
            let values = network.parameters.values.values().to_vec();
            let parameters = &network.parameters;
            let places: Vec<usize> =
                (0..parameters.layers.len()).flat_map(|i| parameters.canonical_indices(i)).collect();
            assert_eq!(places.len(), gradient.len());
            for (&place, &g) in places.iter().zip(&gradient) {
                let loss = |step: f32| {
                    let mut moved = network.clone();
                    moved.parameters.values.values_mut()[place] = values[place] + step;
                    loss_and_gradient(&moved, &data, 1).unwrap().0
                };
                let slope = (loss(1e-3) - loss(-1e-3)) / 2e-3;
                assert!((slope - f64::from(g)).abs() < 2e-3 * f64::from(size), "{text}: {slope} {g} at {place}");
            }
        }
    }

    #[test]
    fn every_network_trains_to_the_same_bits_whatever_the_threads_and_learns() {
        for text in NETWORKS {
            let data = fitting(text);
            let train = |threads| {
                let mut network = Network::new(&text.parse().unwrap(), 3).unwrap();
                let options = FitOptions {
                    epochs: 30,
                    batch: 33,
                    learning_rate: 0.01,
                    threads: Some(threads),
                    ..FitOptions::default()
                };
                let report = fit(&mut network, &data, &options).unwrap();
                assert!(report.epochs[29].train_loss < report.epochs[0].train_loss, "{text}");
                network
            };
            let network = train(1);
            assert_eq!(network.sha256(), train(3).sha256(), "{text}");
            let inputs = data.inputs();
            let all = Predictor::new(&network, 1).unwrap().probabilities(inputs).unwrap();
            assert_eq!(all, Predictor::new(&network, 3).unwrap().probabilities(inputs).unwrap(), "{text}");
            let alone = Predictor::new(&network, 1).unwrap().probabilities(&data.row(69).into()).unwrap();
            assert_eq!(alone, all[69 * 3..], "{text}");
        }
    }

    #[test]
    fn batch_norm_uses_running_statistics() {
        let data = numbers();
        let mut network = Network::new(&"5 -> batch-norm(momentum=1) -> 3".parse().unwrap(), 3).unwrap();
        let options = FitOptions { epochs: 1, batch: 70, learning_rate: 1e-30, ..FitOptions::default() };
        fit(&mut network, &data, &options).unwrap();
        let column: Vec<f64> = (0..70).map(|row| f64::from(data.row(row)[2])).collect();
        let mean = column.iter().sum::<f64>() / 70.0;
        let variance = column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 69.0;
        assert!((f64::from(network.weight(0)[2]) - mean).abs() < 1e-6);
        assert!((f64::from(network.bias(0)[2]) - variance).abs() < 1e-6);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |text: &str| Network::new(&text.parse().unwrap(), 0).unwrap_err().to_string();
        assert!(refused("4 -> 7 maxout=2 -> 3").contains("layer 2: maxout of 2 pieces reads 7 values"));
        assert!(refused("4 -> 7 embedding -> 3").contains("it has to be the first layer"));
        assert!(refused("4 -> 7 rrelu(lower=0.5) -> 3").contains("lower is at most upper"));
        let network = Network::new(&"5 -> embedding(count=10) -> 3".parse().unwrap(), 0).unwrap();
        let said = fit(&mut network.clone(), &names(), &FitOptions::default()).unwrap_err().to_string();
        assert!(said.contains("is 10; embedding reads whole numbers from 0 to 9"), "{said}");
        let predictor = Predictor::new(&network, 1).unwrap();
        assert!(predictor.row(&[0.0, 0.0, 0.5, 0.0, 0.0], &mut predictor.scratch().unwrap()).is_err());
        assert!(predictor.probabilities(&Inputs::Floats(vec![11.0; 5].into())).is_err());
    }
}
