//! How fast the outputs change with the inputs, by the fast path: one backward pass for each output.

use std::sync::{Arc, Mutex, PoisonError};

use layerloop_kernels::gather::Source;
use layerloop_kernels::norm::Statistics;
use layerloop_kernels::softmax::{self, Logits, Output};
use layerloop_kernels::{Block, Team};

use super::Network;
use super::backward;
use super::bound_loss::BoundLoss;
use super::forward::{self, Batch, Mode, Pass};
use super::input_plan::InputPlan;
use super::layers;
use super::program::{Kind, Program, Value};
use super::weight_plan::WeightPlan;
use super::workspace::{Reach, Workspace};
use crate::data::{Dataset, Inputs, onecold};
use crate::objective::Objective;
use crate::{Error, Result, memory, threads};

/// Which number of a row's the gradient is of: a weighted sum of outputs or of logits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Of<'a> {
    /// `v . z_{L+2}`, of the outputs: one weight a class, or a number to give.
    Outputs(&'a [f32]),
    /// `v . z_{L+1}`, of the logits.
    Logits(&'a [f32]),
    /// The largest output of each row; of equals the first.
    Largest,
}

/// What the gradients with respect to the inputs need: built once, used for any number of rows.
///
/// ```text
/// q_1 = B_1^T ... B_L^T C_K^T v        the gradient of v . z_{L+2} by x = z_1
/// J   = C_K B_L ... B_1                 its rows are q_1 for v = e_1, ..., e_K
/// ```
///
/// The network is as in use: nothing is dropped, a batch norm has its running statistics. Where several members look at each row, its
/// outputs and its logits are the means of theirs, and so are the gradients.
///
/// # Numerics
/// f32, with the same bits for any number of threads, any vector width, and any other rows in the batch.
///
/// # Example
/// ```
/// use layerloop::data::Inputs;
/// use layerloop::network::{Activation, InputGradients, Network, Of, Output, Spec};
/// let spec = Spec::new(2).layer(1, Activation::Identity).output(Output::Identity);
/// let network = Network::from_weights(&spec, &[(vec![3.0, -2.0], vec![1.0])])?;
/// let gradients = InputGradients::new(&network, 1)?;
/// let rows = Inputs::Floats(vec![0.5, 0.5].into());
/// assert_eq!(gradients.of(&rows, Of::Outputs(&[10.0]))?, [30.0, -20.0]);
/// assert_eq!(gradients.jacobian(&rows)?, [3.0, -2.0]);
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug)]
#[doc(alias = "saliency")]
pub struct InputGradients {
    /// With a program that goes back to its input.
    network: Arc<Network>,
    plan: WeightPlan,
    statistics: Vec<Statistics>,
    /// Threads, and a block of rows for each: calls of several threads wait for them.
    together: Mutex<(Team, Workspace)>,
    /// By what the gradients are: the input, or the preactivations of the first layer.
    by: Value,
}

/// Where a backward pass starts.
#[derive(Debug, Clone, Copy)]
enum Above<'a> {
    Of(Of<'a>),
    Loss(&'a BoundLoss<'a>),
    /// One backward pass for each output.
    EveryOutput,
}

impl InputGradients {
    /// For `threads` threads.
    ///
    /// # Errors
    /// [`Error::Config`] for a network whose inputs are row numbers of a table, and for 0 or more than 1024 threads.
    pub fn new(network: impl Into<Arc<Network>>, threads: usize) -> Result<Self> {
        let network = network.into();
        if network.program.table.is_some() {
            let reason = format!("{}: its inputs are row numbers of a table, so they have no gradient", network.spec());
            return Err(Error::config("network", reason));
        }
        let network = Network { program: Program::of_inputs(network.spec())?, ..Arc::unwrap_or_clone(network) };
        let by = network.program.values[0];
        Self::back_to(network, by, threads)
    }

    /// As [`Self::new`], but every gradient is by the preactivations `t_1` of the first layer, which is dense: for each row a few
    /// numbers, and the shared weights `W_1` (n_2 x n_1) make of them the gradient by the inputs.
    ///
    /// ```text
    /// dz_{L+2} / dx = J_1 W_1[:, :n_1],   J_1 = C_K B_L ... B_2 diag(sigma'(t_1))
    /// ```
    ///
    /// So the whole Jacobian of many rows takes little more than a forward pass, and any row or block of it is a product away: the
    /// one by the inputs takes outputs x inputs numbers a row.
    ///
    /// # Shapes
    /// In all results, n_2 replaces the number of inputs.
    ///
    /// # Errors
    /// [`Error::Config`] for a network that does not begin with a dense layer, and for 0 or more than 1024 threads.
    ///
    /// # Example
    /// ```
    /// use layerloop::data::Inputs;
    /// use layerloop::network::{InputGradients, Network};
    /// let network = Network::new(&"3 -> 2 tanh -> 2".parse()?, 0)?;
    /// let rows = Inputs::Floats(vec![0.1, -0.2, 0.3].into());
    /// let whole = InputGradients::new(&network, 1)?.jacobian(&rows)?;
    /// let factor = InputGradients::by_first_layer(&network, 1)?.jacobian(&rows)?;
    /// let w = network.tensor("layers.0.weight").expect("a dense layer").values;
    /// let entry = |k: usize, i: usize| (0..2).map(|j| factor[k * 2 + j] * w[j * 3 + i]).sum::<f32>();
    /// assert!((0..2).all(|k| (0..3).all(|i| (entry(k, i) - whole[k * 3 + i]).abs() < 1e-6)));
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    pub fn by_first_layer(network: impl Into<Arc<Network>>, threads: usize) -> Result<Self> {
        let network = network.into();
        let Some(Kind::Dense(_)) = network.program.ops.first().map(|op| op.kind) else {
            let reason = format!("{}: its first layer is not dense, so its Jacobian has no factor W_1", network.spec());
            return Err(Error::config("network", reason));
        };
        if network.program.members_of_row > 1 {
            let reason = "several members look at each row, each with preactivations of its own";
            return Err(Error::config("network", reason));
        }
        let by = network.program.values[network.program.ops[0].to[0]];
        Self::back_to(Arc::unwrap_or_clone(network), by, threads)
    }

    fn back_to(mut network: Network, by: Value, threads: usize) -> Result<Self> {
        let mut team = threads::team(threads)?;
        let input_plan = InputPlan::all(network.spec().inputs);
        let mut plan = WeightPlan::new(&network, &input_plan, 1);
        plan.refresh(&mut team, &mut network);
        let rows = team.threads() * super::workspace::block_rows(&network.program);
        let workspace = Workspace::new(&network.program, rows, Reach::Gradient, input_plan);
        let statistics = layers::batch_norm::running(&network);
        Ok(Self { network: network.into(), plan, statistics, together: Mutex::new((team, workspace)), by })
    }

    /// The gradient of one number of each row with respect to its inputs.
    ///
    /// # Shapes
    /// rows x inputs; a v has one entry for each output, or for each logit.
    ///
    /// # Errors
    /// [`Error::Shape`] for a v of another length, or values that do not fill whole rows.
    pub fn of(&self, inputs: &Inputs, of: Of) -> Result<Vec<f32>> {
        let (outputs, logits) = (self.network.classes(), self.network.spec().logits());
        match of {
            Of::Outputs(v) if v.len() != outputs => {
                return Err(Error::shape("weights of the outputs", outputs, v.len()));
            }
            Of::Logits(v) if v.len() != logits => return Err(Error::shape("weights of the logits", logits, v.len())),
            _ => {}
        }
        self.rows(inputs, Above::Of(of), 1)
    }

    /// The Jacobian of the outputs with respect to the inputs, of every row.
    ///
    /// # Shapes
    /// rows x outputs x inputs.
    ///
    /// # Errors
    /// [`Error::Shape`] for values that do not fill whole rows.
    pub fn jacobian(&self, inputs: &Inputs) -> Result<Vec<f32>> {
        self.rows(inputs, Above::EveryOutput, self.network.classes())
    }

    /// The gradient of the loss of every row with respect to its inputs: `q_1`.
    ///
    /// # Shapes
    /// rows x inputs.
    ///
    /// # Errors
    /// [`Error::Shape`] if the data does not fit the network, [`Error::Config`] if the objective does not.
    pub fn of_loss(&self, data: &Dataset, objective: &Objective) -> Result<Vec<f32>> {
        self.network.check_fits(data)?;
        if self.network.program.members_of_row > 1 {
            let reason = "several members look at each row; the gradient of its loss is for networks that do so once";
            return Err(Error::config("network", reason));
        }
        let bound_loss = BoundLoss::new(&self.network, data, objective)?;
        self.rows(data.inputs(), Above::Loss(&bound_loss), 1)
    }

    fn rows(&self, inputs: &Inputs, above: Above, each: usize) -> Result<Vec<f32>> {
        let rows = self.network.check_rows(inputs)?;
        let (members, width) = (self.network.program.members_of_row, each * self.by.width);
        let bytes = [members, width, size_of::<f32>()].into_iter().fold(rows, usize::saturating_mul);
        memory::check("the gradient of every row", bytes, "fewer rows at once")?;
        let mut gradients = vec![0.0; rows * members * width];
        self.pass(inputs.source(), above, rows * members, each, &mut gradients);
        if members == 1 {
            return Ok(gradients);
        }
        let mean = |of: &[f32], i: usize| of.iter().skip(i).step_by(width).sum::<f32>() / members as f32;
        Ok(gradients.chunks_exact(members * width).flat_map(|of| (0..width).map(move |i| mean(of, i))).collect())
    }

    /// Of `rows` rows, those of the members that look at one row of the inputs one after the other.
    fn pass(&self, source: Source, above: Above, rows: usize, each: usize, gradients: &mut [f32]) {
        let Self { network, plan, statistics, by, .. } = self;
        let mut together = self.together.lock().unwrap_or_else(PoisonError::into_inner);
        let (team, Workspace { matrices, places, input_plan, block }) = &mut *together;
        let (isa, places, by) = (team.isa(), *places, *by);
        let width = by.width;
        let order: Vec<u32> = (0..rows).map(|row| (row / network.program.members_of_row) as u32).collect();
        let bound_loss = if let Above::Loss(bound_loss) = above { Some(bound_loss) } else { None };
        let pass = Pass { isa, network, input_plan, places, mode: Mode::Use, statistics };
        let batch = Batch { source, rows: &order, next: &[], bound_loss, augmented: None };
        let stages = network.program.stages.len();
        team.for_each_range(matrices, rows, *block, [(gradients, each * width)], |range, block, [gradients]| {
            let batch = batch.part(range);
            forward::forward(pass, batch, 0, block);
            for k in 0..each {
                match above {
                    Above::Of(of) => seed(pass, of, block),
                    Above::Loss(bound_loss) => bound_loss.evaluate(pass, batch, 1.0, block),
                    Above::EveryOutput => {
                        let unit: Vec<f32> = (0..each).map(|j| if j == k { 1.0 } else { 0.0 }).collect();
                        seed(pass, Of::Outputs(&unit), block);
                    }
                }
                (0..stages).rev().for_each(|stage| backward::backward(pass, plan, stage, false, block));
                let q = block.read(places.delta(by));
                for (row, to) in gradients.chunks_exact_mut(each * width).enumerate() {
                    to[k * width..][..width].copy_from_slice(q.row(row, width));
                }
            }
        });
    }
}

/// Sets q_{L+1}, where the backward pass starts.
fn seed(pass: Pass, of: Of, block: &mut Block) {
    let (last, output) = (pass.network.program.logits(), pass.network.spec().output);
    let ([mut delta], [z]) = block.write([pass.places.delta(last)], [pass.places.z(last)]);
    let classes = pass.network.classes();
    let mut p = vec![0.0; z.count() * classes];
    softmax::probabilities(pass.isa, Logits { rows: z, width: last.width, output }, &mut p);
    let mut unit = vec![0.0; classes];
    // The rows of the members that look at one row.
    let of_members: Vec<&[f32]> = p.chunks(classes * pass.network.program.members_of_row).collect();
    for (row, p) in p.chunks_exact(classes).enumerate() {
        let delta = delta.row(row, last.width);
        let v = match of {
            Of::Logits(v) => {
                delta.copy_from_slice(v);
                continue;
            }
            Of::Outputs(v) => v,
            Of::Largest => {
                unit.fill(0.0);
                let all = of_members[row / pass.network.program.members_of_row];
                let sums: Vec<f32> = (0..classes).map(|k| all.iter().skip(k).step_by(classes).sum()).collect();
                unit[onecold(&sums)] = 1.0;
                &unit
            }
        };
        through_output(output, p, v, delta);
    }
}

/// q_{L+1} = C_K^T v
fn through_output(output: Output, p: &[f32], v: &[f32], q: &mut [f32]) {
    match output {
        Output::Softmax | Output::ReferenceSoftmax => {
            let mean: f32 = p.iter().zip(v).map(|(p, v)| p * v).sum();
            q.iter_mut().zip(p.iter().zip(v)).for_each(|(q, (p, v))| *q = p * (v - mean));
        }
        Output::Sigmoid if q.len() == 1 => q[0] = p[0] * p[1] * (v[1] - v[0]),
        Output::Sigmoid => q.iter_mut().zip(p.iter().zip(v)).for_each(|(q, (p, v))| *q = p * (1.0 - p) * v),
        Output::Identity => q.copy_from_slice(v),
        Output::Exp => q.iter_mut().zip(p.iter().zip(v)).for_each(|(q, (p, v))| *q = p * v),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::in_map;
    use crate::math::OutputMap as _;

    fn inputs(rows: usize, width: usize) -> Inputs {
        crate::data::for_tests::values(rows * width).into()
    }

    /// C_K B of the derivation, row by row, for every kind of layer and output map.
    #[test]
    fn the_jacobian_is_the_derivations() {
        for text in [
            "7 -> 3",
            "7 -> 18 sigmoid -> 33 tanh -> 3",
            "7 -> 5 relu dropout=0.5 -> 4 gelu -> 2 -> reference-softmax",
            "7 -> 20 mish layer-norm -> 1 -> sigmoid",
            "7 -> 8 swish -> 4 -> sigmoid",
            "7 -> 8 selu alpha-dropout=0.2 -> 3 -> identity",
            "7 -> 8 softplus -> 2 -> exp",
            "7 -> scale gelu -> skip(7 tanh) -> parallel(4 relu | 4 elu, join=multiply) -> prelu -> 3",
            "7 -> skip(7 gelu, join=concatenate) -> rrelu -> 12 -> maxout=3 -> bilinear=2 -> 3",
        ] {
            let network = Network::new(&text.parse().unwrap_or_else(|e| panic!("{text}: {e}")), 3).unwrap();
            let inputs = inputs(70, 7);
            let jacobian = InputGradients::new(&network, 2).unwrap().jacobian(&inputs).unwrap();
            let (map, output) = (in_map(&network).unwrap(), network.spec().output);
            let Inputs::Floats(values) = &inputs else { unreachable!() };
            let (classes, mut worst) = (network.classes(), 0.0_f64);
            for (x, fast) in values.chunks_exact(7).zip(jacobian.chunks_exact(7 * classes)) {
                let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
                let (b, c) = (map.b(&x).unwrap(), output.jacobian(&map.g(&x).unwrap()));
                for k in 0..classes {
                    let exact = b.transpose_times(c.row(k)).unwrap();
                    let size = exact.iter().fold(1e-6, |size: f64, v| size.max(v.abs()));
                    let off = exact.iter().zip(&fast[k * 7..]).map(|(a, b)| (a - f64::from(*b)).abs());
                    worst = worst.max(off.fold(0.0, f64::max) / size);
                }
            }
            assert!(worst < 2e-5, "{text}: {worst:e}");
        }
    }

    /// Gradients of several members are those of the means of their outputs: their central differences.
    #[test]
    fn members_have_the_gradient_of_their_mean() {
        for text in [
            "5 -> member-gain(members=3, signs=true) 9 tanh -> member-dense(members=3, width=4)",
            "5 -> piecewise(bins=9, width=2) 9 no-bias member-scale=3 tanh -> member-dense(members=3, width=2) -> identity",
        ] {
            let network = Network::new(&text.parse().unwrap(), 3).unwrap();
            let classes = network.classes();
            // No difference crosses the edge of a bin.
            let edges: Vec<f32> = crate::preprocess::normal_edges(9).collect();
            let Inputs::Floats(all) = inputs(60, 5) else { unreachable!() };
            let at_edge = |x: &f32| edges.iter().any(|edge| (x - edge).abs() < 6e-3);
            let values: Vec<f32> =
                all.chunks_exact(5).filter(|row| !row.iter().any(at_edge)).flatten().copied().collect();
            let rows = values.len() / 5;
            assert!(rows > 30);
            let inputs = Inputs::from(values);
            let gradients = InputGradients::new(&network, 2).unwrap();
            let jacobian = gradients.jacobian(&inputs).unwrap();
            assert_eq!(InputGradients::new(&network, 1).unwrap().jacobian(&inputs).unwrap(), jacobian);
            let predictor = crate::network::Predictor::new(&network, 1).unwrap();
            let Inputs::Floats(values) = &inputs else { unreachable!() };
            let outputs = predictor.probabilities(&inputs).unwrap();
            let largest = gradients.of(&inputs, Of::Largest).unwrap();
            for i in 0..5 {
                let moved = |by: f32| {
                    let values: Vec<f32> =
                        values.iter().enumerate().map(|(at, x)| if at % 5 == i { x + by } else { *x }).collect();
                    predictor.probabilities(&values.into()).unwrap()
                };
                let (above, below) = (moved(5e-3), moved(-5e-3));
                for at in 0..rows * classes {
                    let slope = (above[at] - below[at]) / 1e-2;
                    assert!((slope - jacobian[at * 5 + i]).abs() < 2e-3, "{text}: {slope} {}", jacobian[at * 5 + i]);
                }
            }
            for row in 0..rows {
                let class = onecold(&outputs[row * classes..][..classes]);
                assert_eq!(largest[row * 5..][..5], jacobian[(row * classes + class) * 5..][..5]);
            }
        }
    }

    /// In use a batch norm is a weight and a bias for each column.
    #[test]
    fn a_batch_norm_has_its_running_statistics() {
        let network = Network::new(&"7 -> 6 -> batch-norm tanh -> 3".parse().unwrap(), 1).unwrap();
        let data = Dataset::new("demo", inputs(70, 7), 7, vec![1; 70], ["a", "b", "c"]).unwrap();
        let options = crate::train::FitOptions { epochs: 3, batch: 20, ..Default::default() };
        let mut trained = network.clone();
        crate::train::fit(&mut trained, &data, &options).unwrap();
        let one = inputs(1, 7);
        let jacobian = InputGradients::new(&trained, 1).unwrap().jacobian(&one).unwrap();
        let Inputs::Floats(x) = &one else { unreachable!() };
        let predictor = crate::network::Predictor::new(&trained, 1).unwrap();
        let mut scratch = predictor.scratch().unwrap();
        let mut moved = |i: usize, by: f32| {
            let mut x = x.to_vec();
            x[i] += by;
            predictor.row(&x, &mut scratch).unwrap().to_vec()
        };
        for i in 0..7 {
            let (above, below) = (moved(i, 1e-2), moved(i, -1e-2));
            for k in 0..3 {
                let slope = (above[k] - below[k]) / 2e-2;
                assert!((slope - jacobian[k * 7 + i]).abs() < 1e-3, "{i} {k}: {slope} {}", jacobian[k * 7 + i]);
            }
        }
        assert!(jacobian.iter().any(|j| j.abs() > 1e-2), "{jacobian:?}");
    }

    #[test]
    fn the_gradient_of_the_loss_is_q_1_and_that_of_logits_and_the_largest_output_fit_together() {
        let network = Network::new(&"7 -> 9 sigmoid -> 3".parse().unwrap(), 1).unwrap();
        let rows = inputs(40, 7);
        let labels: Vec<u32> = (0..40).map(|i| i * 7 % 3).collect();
        let data = Dataset::new("demo", rows.clone(), 7, labels, ["a", "b", "c"]).unwrap();
        let gradients = InputGradients::new(&network, 1).unwrap();
        let losses = gradients.of_loss(&data, &Objective::default()).unwrap();
        for row in 0..40 {
            let trace = crate::explain::Trace::of(&network, &data, row, &Objective::default()).unwrap();
            let near = trace.layers[0].q.iter().zip(&losses[row * 7..]).all(|(a, b)| (a - f64::from(*b)).abs() < 1e-6);
            assert!(near, "row {row}");
        }
        let jacobian = gradients.jacobian(&rows).unwrap();
        let largest = gradients.of(&rows, Of::Largest).unwrap();
        let said = crate::network::Predictor::new(&network, 1).unwrap();
        for (row, p) in said.probabilities(&rows).unwrap().chunks_exact(3).enumerate() {
            assert_eq!(largest[row * 7..][..7], jacobian[(row * 3 + onecold(p)) * 7..][..7]);
        }
        // sum_k dz_k/dx over all logits, by v = 1, is the sum over each one
        let of = |v: &[f32]| InputGradients::new(&network, 1).unwrap().of(&rows, Of::Logits(v)).unwrap();
        let parts = [of(&[1.0, 0.0, 0.0]), of(&[0.0, 1.0, 0.0]), of(&[0.0, 0.0, 1.0])];
        for (i, all) in of(&[1.0; 3]).iter().enumerate() {
            assert!((all - parts.iter().map(|part| part[i]).sum::<f32>()).abs() < 1e-6);
        }
    }

    #[test]
    fn bits_depend_on_no_threads_and_no_other_rows_and_bytes_are_numbers() {
        let network = Network::new(&"7 -> 40 relu -> layer-norm -> 3".parse().unwrap(), 1).unwrap();
        let all = InputGradients::new(&network, 1).unwrap().jacobian(&inputs(300, 7)).unwrap();
        assert_eq!(InputGradients::new(&network, 3).unwrap().jacobian(&inputs(300, 7)).unwrap(), all);
        let Inputs::Floats(values) = inputs(300, 7) else { unreachable!() };
        let one = Inputs::Floats(values[200 * 7..201 * 7].into());
        assert_eq!(InputGradients::new(&network, 1).unwrap().jacobian(&one).unwrap(), all[200 * 21..201 * 21]);
        let bytes = Inputs::Bytes { values: (0..70).collect(), scale: 0.5 };
        let floats = Inputs::Floats((0..70).map(|v| v as f32 * 0.5).collect());
        let gradients = InputGradients::new(&network, 1).unwrap();
        assert_eq!(gradients.jacobian(&bytes).unwrap(), gradients.jacobian(&floats).unwrap());
    }

    #[test]
    fn the_factor_times_the_first_weights_is_the_jacobian() {
        for text in
            ["7 -> 18 sigmoid -> 33 tanh -> 3", "7 -> 5 gelu -> skip(5 relu) -> 2 -> reference-softmax", "7 -> 3"]
        {
            let network = Network::new(&text.parse().unwrap(), 5).unwrap();
            let (w, k, n) = (network.weight(0), network.classes(), network.spec().shapes()[0].1);
            let whole = InputGradients::new(&network, 2).unwrap().jacobian(&inputs(70, 7)).unwrap();
            let factor = InputGradients::by_first_layer(&network, 2).unwrap().jacobian(&inputs(70, 7)).unwrap();
            assert_eq!(factor.len(), 70 * k * n);
            for (row, factor) in factor.chunks_exact(n).enumerate() {
                for i in 0..7 {
                    let entry: f32 = (0..n).map(|j| factor[j] * w[j * 7 + i]).sum();
                    assert!((entry - whole[row * 7 + i]).abs() < 1e-6, "{text}");
                }
            }
        }
        let skips = Network::new(&"7 -> skip(7 relu) -> 3".parse().unwrap(), 1).unwrap();
        assert!(InputGradients::by_first_layer(&skips, 1).is_err());
    }

    #[test]
    fn what_has_no_gradient_is_refused() {
        let network = Network::new(&"4 -> embedding(count=9, width=2) -> 3".parse().unwrap(), 1).unwrap();
        let said = InputGradients::new(&network, 1).unwrap_err().to_string();
        assert!(said.contains("row numbers of a table"), "{said}");
        let gradients = InputGradients::new(Network::new(&"4 -> 3".parse().unwrap(), 1).unwrap(), 1).unwrap();
        assert!(gradients.jacobian(&inputs(1, 7)).is_err());
        assert!(gradients.of(&inputs(1, 4), Of::Outputs(&[1.0])).is_err());
        assert!(gradients.of(&inputs(1, 4), Of::Logits(&[1.0; 4])).is_err());
    }
}
