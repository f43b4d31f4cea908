//! candle, with the matrix product that it comes with.

use std::hint::black_box;

use candle_core::{D, DType, Device, Result, Tensor};
use candle_nn::{AdamW, Linear, Module, Optimizer, ParamsAdamW, VarBuilder, VarMap, linear, loss, ops};
use peer_common::{Job, Plan, report_predictions, report_training, timed};

const CPU: Device = Device::Cpu;

struct Network {
    layers: Vec<Linear>,
    sigmoid: bool,
}

impl Network {
    fn new(job: &Job, start: &VarBuilder) -> Result<Self> {
        let layer = |(i, pair): (usize, &[usize])| linear(pair[0], pair[1], start.pp(i));
        Ok(Self { layers: job.sizes.windows(2).enumerate().map(layer).collect::<Result<_>>()?, sigmoid: job.sigmoid })
    }

    fn logits(&self, x: &Tensor) -> Result<Tensor> {
        let (last, hidden) = self.layers.split_last().expect("a layer");
        let activate = |t: Tensor| if self.sigmoid { ops::sigmoid(&t) } else { t.relu() };
        last.forward(&hidden.iter().try_fold(x.clone(), |x, layer| activate(layer.forward(&x)?))?)
    }

    fn probabilities(&self, x: &Tensor) -> Result<Vec<Vec<f32>>> {
        ops::softmax_last_dim(&self.logits(x)?)?.to_vec2()
    }
}

fn train(job: &Job, plan: Plan) -> Result<Network> {
    let parameters = VarMap::new();
    let network = Network::new(job, &VarBuilder::from_varmap(&parameters, DType::F32, &CPU))?;
    // AdamW that decays nothing is Adam.
    let adam = ParamsAdamW { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0 };
    let mut adam = AdamW::new(parameters.all_vars(), adam)?;
    let mut step = |x: Vec<f32>, labels: &[u8]| {
        let labels: Vec<u32> = labels.iter().map(|&label| label.into()).collect();
        let x = Tensor::from_vec(x, (labels.len(), job.train.width), &CPU)?;
        let labels = Tensor::new(labels, &CPU)?;
        adam.backward_step(&loss::cross_entropy(&network.logits(&x)?, &labels)?)
    };
    job.for_each_batch(plan, |x, labels| step(x, labels).expect("a step"));
    Ok(network)
}

fn main() -> Result<()> {
    let job = Job::from_arguments();
    train(&job, job.warm_up())?;
    let (seconds, network) = timed(|| train(&job, job.whole()));
    let network = network?;

    let rows = job.test.labels.len();
    let all = Tensor::from_slice(&job.test.inputs, (rows, job.test.width), &CPU)?;
    if job.epochs == 0 {
        let one = |row| {
            let x = Tensor::from_slice(job.test.row(row), (1, job.test.width), &CPU).expect("a row");
            drop(black_box(network.probabilities(&x)));
        };
        report_predictions(rows, one, || drop(black_box(network.probabilities(&all))));
        return Ok(());
    }
    let answers = network.logits(&all)?.argmax(D::Minus1)?.to_vec1::<u32>()?;
    report_training(seconds, job.test.accuracy(answers.into_iter().map(|answer| answer as usize)));
    Ok(())
}
