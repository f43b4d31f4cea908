//! burn on its flex backend.

use std::hint::black_box;

use burn::module::Module;
use burn::nn::loss::{BinaryCrossEntropyLossConfig, CrossEntropyLossConfig, MseLoss, Reduction};
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use peer_common::{Job, Loss, Plan, report_predictions, report_training, timed};

#[derive(Module, Debug)]
struct Network {
    layers: Vec<Linear>,
    sigmoid: bool,
}

impl Network {
    fn new(job: &Job, device: &Device) -> Self {
        let layer = |pair: &[usize]| LinearConfig::new(pair[0], pair[1]).init(device);
        Self { layers: job.sizes.windows(2).map(layer).collect(), sigmoid: job.sigmoid }
    }

    fn logits(&self, x: Tensor<2>) -> Tensor<2> {
        let (last, hidden) = self.layers.split_last().expect("a layer");
        let activate = |t| if self.sigmoid { activation::sigmoid(t) } else { activation::relu(t) };
        last.forward(hidden.iter().fold(x, |x, layer| activate(layer.forward(x))))
    }

    fn probabilities(&self, x: Tensor<2>) -> TensorData {
        activation::softmax(self.logits(x), 1).into_data()
    }
}

fn train(job: &Job, plan: Plan, device: &Device) -> Network {
    let mut network = Some(Network::new(job, device));
    let mut adam = AdamConfig::new().with_epsilon(1e-8).init();
    let mut step = 0;
    let cross_entropy = CrossEntropyLossConfig::new().init(device);
    let binary = BinaryCrossEntropyLossConfig::new().with_logits(true).init(device);
    job.for_each_batch(plan, |x, targets| {
        let rows = x.len() / job.train.width;
        let x = Tensor::<2>::from_data(TensorData::new(x, [rows, job.train.width]), device);
        let current = network.take().expect("the last step's");
        let logits = current.logits(x);
        let classes = || targets.iter().map(|&class| class as i64).collect::<Vec<i64>>();
        let loss = match job.loss {
            Loss::CrossEntropy => {
                let labels = Tensor::<1, Int>::from_data(TensorData::new(classes(), [rows]), device);
                cross_entropy.forward(logits, labels)
            }
            Loss::BinaryCrossEntropy => {
                let labels = Tensor::<2, Int>::from_data(TensorData::new(classes(), [rows, 1]), device);
                binary.forward(logits, labels)
            }
            Loss::SquaredError => {
                let each = targets.len() / rows;
                let targets = Tensor::<2>::from_data(TensorData::new(targets, [rows, each]), device);
                MseLoss::new().forward(logits, targets, Reduction::Mean)
            }
        };
        let gradients = loss.backward();
        let gradients = GradientsParams::from_grads(gradients, &current);
        network = Some(adam.step(job.rate(step), current, gradients)); // by value: it may write in place
        step += 1;
    });
    device.sync().expect("the work ends");
    network.expect("the last step's")
}

fn main() {
    let job = Job::from_arguments();
    let plain = Device::flex();
    let device = plain.clone().autodiff();
    device.seed(1);
    if job.peak.is_none() {
        train(&job, job.warm_up(), &device); // not where the whole process is what counts
    }
    let (seconds, network) = timed(|| train(&job, job.whole(), &device));

    let network = network.valid();
    let rows = job.test.rows;
    let tensor =
        |values: &[f32], rows| Tensor::<2>::from_data(TensorData::new(values.to_vec(), [rows, job.test.width]), &plain);
    let all = tensor(&job.test.inputs, rows);
    if job.epochs == 0 {
        let one = |row| drop(black_box(network.probabilities(tensor(job.test.row(row), 1))));
        return report_predictions(rows, one, || drop(black_box(network.probabilities(all.clone()))));
    }
    let outputs: Vec<f32> = network.logits(all.clone()).into_data().iter::<f32>().collect();
    report_training(&job, seconds, &outputs);
}
