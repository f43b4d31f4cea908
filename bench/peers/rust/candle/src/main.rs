//! candle, with the matrix product that it comes with.

use std::hint::black_box;

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{AdamW, Linear, Module, Optimizer, ParamsAdamW, VarBuilder, VarMap, linear, loss, ops};
use peer_common::{Job, Loss, Plan, report_predictions, report_training, timed};

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
    let mut step = |x: Vec<f32>, targets: Vec<f32>| {
        let rows = x.len() / job.train.width;
        let logits = network.logits(&Tensor::from_vec(x, (rows, job.train.width), &CPU)?)?;
        let each = targets.len() / rows;
        let loss = match job.loss {
            Loss::CrossEntropy => {
                let labels: Vec<u32> = targets.iter().map(|&class| class as u32).collect();
                loss::cross_entropy(&logits, &Tensor::new(labels, &CPU)?)?
            }
            Loss::BinaryCrossEntropy => {
                loss::binary_cross_entropy_with_logit(&logits, &Tensor::from_vec(targets, (rows, each), &CPU)?)?
            }
            Loss::SquaredError => loss::mse(&logits, &Tensor::from_vec(targets, (rows, each), &CPU)?)?,
        };
        adam.backward_step(&loss)
    };
    job.for_each_batch(plan, |x, targets| step(x, targets).expect("a step"));
    Ok(network)
}

fn main() -> Result<()> {
    let job = Job::from_arguments();
    train(&job, job.warm_up())?;
    let (seconds, network) = timed(|| train(&job, job.whole()));
    let network = network?;

    let rows = job.test.rows;
    let all = Tensor::from_slice(&job.test.inputs, (rows, job.test.width), &CPU)?;
    if job.epochs == 0 {
        let one = |row| {
            let x = Tensor::from_slice(job.test.row(row), (1, job.test.width), &CPU).expect("a row");
            drop(black_box(network.probabilities(&x)));
        };
        report_predictions(rows, one, || drop(black_box(network.probabilities(&all))));
        return Ok(());
    }
    report_training(&job, seconds, &network.logits(&all)?.flatten_all()?.to_vec1::<f32>()?);
    Ok(())
}
