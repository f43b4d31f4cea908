//! Steps that need the whole gradient before the first weight moves: of several batches, clipped by its norm, or of so many rows that these
//! should come from memory once.

use layerloop_kernels::{Before, Isa, LANES, Matrix, Update};

use super::options::FitOptions;
use crate::network::Network;
use crate::optim::muon::Muon;

/// The gradient of a step in the making, in the order of the flat vector.
#[derive(Debug)]
pub(crate) struct FullGradient {
    /// Of one batch.
    pub(crate) gradient: Matrix,
    /// Of the batches of this step so far; empty where a step has one.
    sum: Matrix,
    clip_norm: Option<f64>,
    muon: Option<Muon>,
    /// The step for each parameter, that factor included.
    by: Vec<Option<Update>>,
}

impl FullGradient {
    /// Memory for steps that need it, or that are faster `apart`: the gradient first, then the step.
    pub(crate) fn wanted(options: &FitOptions, network: &Network, apart: bool) -> Option<Self> {
        let len = network.parameters.values.values().len();
        let sum = Matrix::vector(if options.accumulate > 1 { len } else { 0 });
        let muon = Muon::wanted(options.optimizer, network);
        let wanted = apart || options.accumulate > 1 || options.clip_norm.is_some() || muon.is_some();
        wanted.then(|| Self {
            gradient: Matrix::vector(len),
            sum,
            clip_norm: options.clip_norm,
            muon,
            by: Vec::with_capacity(network.program.parameters.len()),
        })
    }

    /// What remembers more than the moments, if it does.
    pub(crate) fn muon(&self) -> Option<&Muon> {
        self.muon.as_ref()
    }

    /// As [`Self::muon`], to be changed.
    pub(crate) fn muon_mut(&mut self) -> Option<&mut Muon> {
        self.muon.as_mut()
    }

    fn accumulates(&self) -> bool {
        self.sum.values().len() == self.gradient.values().len()
    }

    /// Adds the gradient of a batch to those before it.
    pub(crate) fn add(&mut self) {
        if self.accumulates() {
            self.sum.values_mut().iter_mut().zip(self.gradient.values()).for_each(|(sum, g)| *sum += g);
        }
    }

    /// The gradient of the step `by`, and the step, with the factor that brings the gradient's norm down to the largest
    /// allowed.
    pub(crate) fn ready(
        &mut self,
        isa: Isa,
        network: &Network,
        by: &[Option<Update>],
    ) -> (&mut Matrix, &[Option<Update>]) {
        let clip_norm = self.clip_norm;
        self.by.clear();
        self.by.extend_from_slice(by);
        let gradient = if self.accumulates() { &mut self.sum } else { &mut self.gradient };
        if let Some(muon) = &mut self.muon {
            muon.direct(isa, network, gradient);
        }
        let norm = clip_norm.map_or(0.0, |_| libm::sqrt(sum_of_squares(gradient.values())));
        match clip_norm {
            Some(most) if norm > most => {
                let scale = (most / norm) as f32;
                let scaled = |by: Update| {
                    let before = Before { scale, ..by.before.unwrap_or(Before::NOTHING) };
                    Update { before: Some(before), ..by }
                };
                self.by.iter_mut().for_each(|by| *by = by.map(scaled));
                (gradient, &self.by)
            }
            _ => (gradient, &self.by),
        }
    }

    /// Drops the batches of a step after it.
    pub(crate) fn clear(&mut self) {
        self.sum.values_mut().fill(0.0);
    }
}

/// A chain of sums for each of sixteen lanes, then one over the lanes.
pub(super) fn sum_of_squares(values: &[f32]) -> f64 {
    let mut lanes = [0.0; LANES];
    let (some, rest) = values.as_chunks::<LANES>();
    for some in some {
        lanes.iter_mut().zip(some).for_each(|(sum, &x)| *sum += f64::from(x) * f64::from(x));
    }
    lanes.into_iter().chain(rest.iter().map(|&x| f64::from(x) * f64::from(x))).sum()
}

#[cfg(test)]
mod tests {
    use crate::data::for_tests::three_classes;
    use crate::network::Network;
    use crate::train::{FitOptions, Optimizer, fit, loss_and_gradient};

    fn network() -> Network {
        Network::new(&"5 -> 40 layer-norm prelu -> 35 tanh -> 3".parse().unwrap(), 3).unwrap()
    }

    /// A rate of 1 and one step: what it took is what was done to the gradient.
    fn options() -> FitOptions {
        FitOptions { epochs: 1, batch: 70, optimizer: Optimizer::Sgd, learning_rate: 1.0, ..FitOptions::default() }
    }

    fn trained(options: &FitOptions) -> Network {
        let mut network = network();
        fit(&mut network, &three_classes(70), options).unwrap();
        network
    }

    #[test]
    fn a_gradient_is_shortened_to_the_norm_or_left_as_it_is() {
        let (_, gradient) = loss_and_gradient(&network(), &three_classes(70), 1).unwrap();
        let norm = gradient.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
        assert_eq!(
            trained(&options()).sha256(),
            trained(&FitOptions { clip_norm: Some(norm * 1.01), ..options() }).sha256()
        );
        let clipped = trained(&FitOptions { clip_norm: Some(norm / 4.0), ..options() });
        for ((before, after), g) in network().to_vec().iter().zip(clipped.to_vec()).zip(gradient) {
            assert!((before - g / 4.0 - after).abs() < 1e-6, "{before} {g} {after}");
        }
    }

    #[test]
    fn batches_that_are_accumulated_are_one_batch() {
        let together = trained(&options()).to_vec();
        for batch in [10, 32, 69] {
            let apart = trained(&FitOptions { batch, accumulate: 7, ..options() }).to_vec();
            let off = |(a, b): (&f32, &f32)| (a - b).abs();
            assert!(together.iter().zip(&apart).map(off).fold(0.0, f32::max) < 1e-6, "batches of {batch}");
        }
        let three = FitOptions { epochs: 3, batch: 10, accumulate: 3, learning_rate: 0.1, ..options() };
        let report = fit(&mut network(), &three_classes(70), &three).unwrap();
        assert_eq!(report.steps, 9, "of 30, 30 and 10 rows");
    }

    #[test]
    fn whole_gradients_have_the_same_bits_whatever_the_threads_and_those_of_the_fused_step() {
        // Those that look at more than a weight have no fused step.
        let of_a_weight = |choice: &&Optimizer| !matches!(choice, Optimizer::Muon { .. } | Optimizer::Lbfgs { .. });
        for &optimizer in Optimizer::ALL.iter().filter(of_a_weight) {
            let options = FitOptions { optimizer, epochs: 2, batch: 10, learning_rate: 0.01, ..options() };
            // A norm that no gradient has takes the other path to the same result.
            let free = FitOptions { clip_norm: Some(1e30), threads: Some(1), ..options.clone() };
            assert_eq!(trained(&free).sha256(), trained(&options).sha256(), "{optimizer:?}");
            let clipped = FitOptions { clip_norm: Some(0.1), accumulate: 2, weight_decay: Some(0.1), ..free };
            let same = FitOptions { threads: Some(3), ..clipped.clone() };
            assert_eq!(trained(&clipped).sha256(), trained(&same).sha256(), "{optimizer:?}");
        }
    }

    #[test]
    fn gradients_of_more_rows_than_are_worked_on_together_have_the_bits_of_the_fused_step() {
        let trained = |options: FitOptions| {
            let mut network = network();
            fit(&mut network, &three_classes(6000), &options).unwrap();
            network.sha256()
        };
        let fused = FitOptions { epochs: 1, batch: 3000, threads: Some(1), ..options() };
        for threads in [1, 3] {
            let whole = FitOptions { clip_norm: Some(1e30), threads: Some(threads), ..fused.clone() };
            assert_eq!(trained(whole), trained(fused.clone()), "{threads} threads");
        }
    }

    /// Of layers with parameters of every kind.
    const KINDS: [&str; 4] = [
        "5 -> 40 layer-norm prelu -> 35 tanh scale -> 3",
        "5 -> 40 relu dropout=0.3 -> 20 maxout=2 -> 3",
        "5 -> 33 rrelu -> bilinear=7 -> 3",
        "5 -> skip(8 leakyrelu, join=concatenate) scale -> 3",
    ];

    #[test]
    fn micro_batches_have_the_same_bits_whatever_the_threads_and_nearly_the_steps_of_one_batch() {
        for spec in KINDS.iter().map(|spec| spec.parse().unwrap()) {
            for (batch, micro_batches) in [(64, 2), (70, 16), (9, 9)] {
                let run = |threads, micro_batches| {
                    let options = FitOptions {
                        batch,
                        micro_batches,
                        threads: Some(threads),
                        epochs: 2,
                        learning_rate: 0.05,
                        shuffle: false,
                        ..options()
                    };
                    let mut network = Network::new(&spec, 3).unwrap();
                    let report = fit(&mut network, &three_classes(133), &options).unwrap();
                    (network.to_vec(), report.epochs[1].train_loss)
                };
                let [(one, loss), (two, same)] = [1, 3].map(|threads| run(threads, micro_batches));
                assert_eq!((one.clone(), loss), (two, same), "{spec}, {micro_batches}");
                assert!(one.iter().all(|w| w.is_finite()));
                let (_, plain) = run(1, 1);
                assert!((loss - plain).abs() < 0.2 * plain, "{spec}: {loss} {plain}");
            }
        }
    }

    #[test]
    fn one_batch_of_all_rows_in_micro_batches_has_nearly_the_gradient_of_the_batch() {
        let trained = |micro_batches| {
            let mut network = network();
            let options = FitOptions { batch: 133, micro_batches, shuffle: false, ..options() };
            fit(&mut network, &three_classes(133), &options).unwrap();
            network.to_vec()
        };
        let whole = trained(1);
        for count in [2, 7, 16, 133] {
            let off = trained(count).iter().zip(&whole).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 1e-5, "{count}: {off}");
        }
    }

    #[test]
    fn micro_batches_have_the_bits_of_the_whole_gradient_where_each_tile_takes_its_step() {
        for optimizer in [Optimizer::ADAM, Optimizer::Sgd, Optimizer::ALL[2]] {
            let trained = |clip_norm, threads| {
                let mut network = Network::new(&"5 -> 40 relu -> 35 tanh -> 3".parse().unwrap(), 3).unwrap();
                let options =
                    FitOptions { optimizer, micro_batches: 7, clip_norm, threads: Some(threads), ..options() };
                let options = FitOptions { epochs: 3, batch: 33, learning_rate: 0.01, ..options };
                fit(&mut network, &three_classes(133), &options).unwrap();
                network.sha256()
            };
            assert_eq!(trained(None, 1), trained(Some(1e30), 1), "{optimizer:?}");
            assert_eq!(trained(None, 3), trained(None, 1), "{optimizer:?}");
        }
    }

    #[test]
    fn micro_batches_that_cannot_be_are_refused() {
        let refused = |spec: &str, options: FitOptions| {
            let mut network = Network::new(&spec.parse().unwrap(), 3).unwrap();
            fit(&mut network, &three_classes(70), &options).unwrap_err().to_string()
        };
        let of = |micro_batches| FitOptions { micro_batches, ..options() };
        assert_eq!(refused("5 -> 3", of(71)), "micro_batches: 71; a batch of 70 rows can be cut into 1 to 70");
        assert!(refused("5 -> 3", of(0)).starts_with("micro_batches: 0;"));
        assert!(
            refused("5 -> 3", FitOptions { accumulate: 2, ..of(2) }).starts_with("accumulate: 2; micro-batches are")
        );
        assert!(refused("5 -> 4 batch-norm -> 3", of(2)).contains("a batch norm looks at the whole batch"));
    }
}
