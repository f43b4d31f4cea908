//! The Hessian times a vector on the fast path: the products of [`math::Forward::hessian_times`] by the kernels, for many rows at
//! once; the few numbers between them by `math/`.

use layerloop_kernels::dense::{self, Weights};
use layerloop_kernels::{Activation, Block, Isa, Matrix, gather};

use super::conversion::{matrices, with_parameters};
use crate::data::Dataset;
use crate::math;
use crate::math::ActivationFunction as _;
use crate::math::LossFunction as _;
use crate::network::input_plan::InputPlan;
use crate::network::program::Value;
use crate::network::weight_plan::WeightPlan;
use crate::network::workspace::{Places, Reach, Workspace, block_rows};
use crate::network::{Layer, Network, Spec};
use crate::{Result, threads};

/// Rows of a pass.
const BATCH: usize = 512;

/// A network of dense layers, rows for it, and what they are measured against.
#[derive(Debug)]
pub(super) struct FastHessian<'a> {
    pub(super) network: Network,
    pub(super) data: &'a Dataset,
    pub(super) y: Vec<Vec<f64>>,
    pub(super) l_y: math::Loss,
    pub(super) threads: usize,
}

/// Where the matrices of a pass are, besides z and R delta in the first workspace, R z and delta in the second.
#[derive(Debug, Clone, Copy)]
struct Extra {
    first: usize,
}

impl Extra {
    /// For each layer: t, R t, q and R q from above, and room for a sum.
    const EACH: usize = 5;

    fn of(self, layer: usize) -> [usize; Self::EACH] {
        [0, 1, 2, 3, 4].map(|k| self.first + Self::EACH * layer + k)
    }
}

impl FastHessian<'_> {
    /// `H v`, of the mean loss of all rows.
    pub(super) fn times(&self, v: &[f64]) -> Result<Vec<f64>> {
        let direction = with_parameters(&self.network, v)?;
        let (mut network, mut direction) = (plain(&self.network)?, plain(&direction)?);
        let mut team = threads::team(self.threads)?;
        let input_plan = InputPlan::all(self.data.width());
        let mut plans = [WeightPlan::new(&network, &input_plan, 1), WeightPlan::new(&direction, &input_plan, 1)];
        plans[0].refresh(&mut team, &mut network);
        plans[1].refresh(&mut team, &mut direction);
        let batch = BATCH.min(self.data.rows());
        let workspace = || Workspace::new(&network.program, batch, Reach::Gradient, input_plan.clone());
        let (mut with_z, mut with_rz) = (workspace(), workspace());
        // R z has a 0 where z has its 1.
        with_rz.matrices.iter_mut().for_each(|matrix| matrix.values_mut().fill(0.0));
        let widths = network.spec().shapes().into_iter().map(|(_, outputs)| outputs);
        let mut beside: Vec<Matrix> =
            widths.flat_map(|width| (0..Extra::EACH).map(move |_| Matrix::zeros(batch, width))).collect();
        let len = network.parameters.values.values().len();
        let (mut part, mut total) = (Matrix::vector(len), vec![0.0_f64; len]);
        let order: Vec<u32> = (0..self.data.rows() as u32).collect();
        for rows in order.chunks(BATCH) {
            let each = with_z.matrices.len();
            let mut all: Vec<Matrix> = with_z.matrices.drain(..).chain(with_rz.matrices.drain(..)).collect();
            all.append(&mut beside);
            let (networks, plans) = ([&network, &direction], [&plans[0], &plans[1]]);
            let pass = Pass { of: self, networks, plans, each, rows, isa: team.isa(), places: with_z.places };
            let step = block_rows(&network.program);
            team.for_each_block(&mut all, rows.len(), step, |block| pass.block(&input_plan, block));
            beside = all.split_off(2 * each);
            with_rz.matrices = all.split_off(each);
            with_z.matrices = all;
            // R p_i = R delta_i (z_i; 1)^T + delta_i (R z_i; 0)^T
            for workspace in [&with_z, &with_rz] {
                plans[0].gradient(&mut team, &network, workspace, (rows.len(), &[]), &mut part);
                total.iter_mut().zip(part.values()).for_each(|(total, part)| *total += f64::from(*part));
            }
        }
        let n = self.data.rows() as f64;
        let mut parameters = network.parameters.clone();
        parameters.values.values_mut().iter_mut().zip(&total).for_each(|(to, total)| *to = (total / n) as f32);
        let rows = matrices(network.spec(), &parameters.in_canonical_order())?;
        Ok(rows.iter().flat_map(math::Matrix::entries).copied().collect())
    }
}

/// Without what is dropped in training: dense layers alone.
fn plain(network: &Network) -> Result<Network> {
    let dense = |layer: &&Layer| matches!(layer, Layer::Dense(_));
    let spec = Spec { layers: network.spec().layers.iter().filter(dense).cloned().collect(), ..network.spec().clone() };
    let weights: Vec<_> = (0..spec.layers.len()).map(|i| (network.weight(i), network.bias(i))).collect();
    Network::from_weights(&spec, &weights)
}

/// Both loops, each followed along the direction, for the rows of a batch.
struct Pass<'a> {
    of: &'a FastHessian<'a>,
    /// W and V.
    networks: [&'a Network; 2],
    plans: [&'a WeightPlan; 2],
    /// Matrices of a workspace.
    each: usize,
    rows: &'a [u32],
    isa: Isa,
    places: Places,
}

impl Pass<'_> {
    fn layers(&self) -> usize {
        self.networks[0].spec().layers.len()
    }

    fn value(&self, i: usize) -> Value {
        self.networks[0].program.values[i]
    }

    fn activation(&self, i: usize) -> math::Activation {
        match &self.networks[0].spec().layers[i] {
            Layer::Dense(dense) => dense.activation,
            _ => math::Activation::Identity,
        }
    }

    /// Where z_i is, and R z_i.
    fn z(&self, i: usize) -> [usize; 2] {
        let z = self.places.z(self.value(i));
        [z, self.each + z]
    }

    fn extra(&self, layer: usize) -> [usize; Extra::EACH] {
        Extra { first: 2 * self.each }.of(layer)
    }

    fn block(&self, input_plan: &InputPlan, block: &mut Block) {
        let rows = &self.rows[block.rows()];
        let ([x], []) = block.write([self.z(0)[0]], []);
        gather::rows(self.isa, self.of.data.inputs().source(), &input_plan.columns, None, [rows, &[]], x);
        self.forward(rows.len(), block);
        self.loss(rows, block);
        self.backward(rows.len(), block);
    }

    /// t_i, R t_i, z_{i+1} and R z_{i+1} of every layer.
    fn forward(&self, rows: usize, block: &mut Block) {
        let Self { networks: [network, direction], isa, .. } = *self;
        for i in 0..self.layers() {
            let ([t, r_t, _, _, room], [z, r_z], [next, r_next]) = (self.extra(i), self.z(i), self.z(i + 1));
            let mut product = |from: usize, of: &Network, to: usize| {
                let weights = Weights { values: of.parameters.layer(i), layout: of.parameters.layers[i].layout };
                let ([out], [z]) = block.write([to], [from]);
                dense::forward(isa, Activation::Identity, z.into(), weights, out, None);
            };
            // t_i = W_i (z_i; 1),  R t_i = V_i (z_i; 1) + W_i (R z_i; 0)
            product(z, network, t);
            product(z, direction, r_t);
            product(r_z, network, room);
            let (sigma, width) = (self.activation(i), self.value(i + 1).width);
            let ([mut next, mut r_next, mut r_t], [t, room]) = block.write([next, r_next, r_t], [t, room]);
            for row in 0..rows {
                let (t, room, r_t) = (t.row(row, width), room.row(row, width), r_t.row(row, width));
                let (next, r_next) = (next.row(row, width), r_next.row(row, width));
                for k in 0..width {
                    let at = f64::from(t[k]);
                    r_t[k] += room[k];
                    next[k] = sigma.value(at) as f32;
                    r_next[k] = (sigma.derivative(at) * f64::from(r_t[k])) as f32;
                }
            }
        }
    }

    /// q_{L+1} and R q_{L+1}.
    fn loss(&self, rows: &[u32], block: &mut Block) {
        let (of, layers) = (self.of, self.layers());
        let [_, _, q, r_q, _] = self.extra(layers - 1);
        let width = self.value(layers).width;
        let output = self.networks[0].spec().output;
        let ([mut q, mut r_q], [logits, r_logits]) = block.write([q, r_q], self.z(layers));
        for (row, &of_data) in rows.iter().enumerate() {
            let numbers = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
            let (y, logits) = (&of.y[of_data as usize], numbers(logits.row(row, width)));
            let along = numbers(r_logits.row(row, width));
            let both = [of.l_y.gradient(output, y, &logits), of.l_y.hessian_times(output, y, &logits, &along)];
            for (to, from) in [q.row(row, width), r_q.row(row, width)].into_iter().zip(both) {
                let from = from.unwrap_or_else(|_| vec![f64::NAN; width]); // their shapes were checked
                to.iter_mut().zip(from).for_each(|(to, from)| *to = from as f32);
            }
        }
    }

    /// R delta_i and delta_i of every layer, from the last to the first.
    fn backward(&self, rows: usize, block: &mut Block) {
        let Self { plans, isa, .. } = *self;
        for i in (0..self.layers()).rev() {
            let ([t, r_t, q, r_q, _], sigma, width) = (self.extra(i), self.activation(i), self.value(i + 1).width);
            // R delta_i goes with z_i, delta_i with R z_i.
            let r_delta = self.places.delta(self.value(i + 1));
            let delta = self.each + r_delta;
            let ([mut to_r, mut to], [t, r_t, q, r_q]) = block.write([r_delta, delta], [t, r_t, q, r_q]);
            for row in 0..rows {
                let [t, r_t, q, r_q] = [t, r_t, q, r_q].map(|rows| rows.row(row, width));
                let (to_r, to) = (to_r.row(row, width), to.row(row, width));
                for k in 0..width {
                    let [t, r_t, q, r_q] = [t[k], r_t[k], q[k], r_q[k]].map(f64::from);
                    let slope = sigma.derivative(t);
                    to[k] = (slope * q) as f32;
                    to_r[k] = (slope * r_q + sigma.second_derivative(t) * r_t * q) as f32;
                }
            }
            if i == 0 {
                break; // the gradient by the input is not needed
            }
            let [t, _, q, r_q, room] = self.extra(i - 1);
            let mut product = |from: usize, plan: &WeightPlan, to: usize| {
                let ([out], [delta, any]) = block.write([to], [from, t]);
                dense::input_gradient(isa, Activation::Identity, delta, plan.transposed(i), any, out);
            };
            // q_i = W_i^T delta_i,  R q_i = W_i^T R delta_i + V_i^T delta_i
            product(delta, plans[0], q);
            product(r_delta, plans[0], r_q);
            product(delta, plans[1], room);
            let ([mut r_q], [room]) = block.write([r_q], [room]);
            for row in 0..rows {
                let width = self.value(i).width;
                r_q.row(row, width).iter_mut().zip(room.row(row, width)).for_each(|(r_q, room)| *r_q += room);
            }
        }
    }
}
