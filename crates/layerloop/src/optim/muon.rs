//! Muon: the momentum of every hidden matrix, orthogonalised. Source: Jordan et al. 2024, in PyTorch's form.

use layerloop_kernels::dense::{self, Weights};
use layerloop_kernels::{Activation, Isa, Matrix, Panels, RowsMut};

use super::optimizer::Optimizer;
use crate::network::Network;
use crate::network::program::Role;

/// X' = a X + (b X X^T + c (X X^T)^2) X brings all singular values near 1, five times in turn.
const COEFFICIENTS: [f32; 3] = [3.4445, -4.7750, 2.0315];
const ITERATIONS: usize = 5;

/// Constants of Adam, which moves what is not a hidden matrix.
const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// What Muon remembers, and room for its products.
#[derive(Debug)]
pub(crate) struct Muon {
    momentum: f32,
    /// Factor of the learning rate for what Adam moves.
    others: f32,
    /// Steps so far.
    t: u64,
    /// Momentum, or first moment; second moment: in the order of the flat vector.
    first: Matrix,
    second: Matrix,
}

impl Muon {
    /// Memory, if the optimiser needs it.
    pub(crate) fn wanted(optimizer: Optimizer, network: &Network) -> Option<Self> {
        let Optimizer::Muon { momentum, others } = optimizer else { return None };
        let vector = || Matrix::vector(network.parameters.values.values().len());
        Some(Self { momentum, others, t: 0, first: vector(), second: vector() })
    }

    /// What it remembers from step to step, by name.
    pub(crate) fn vectors(&self) -> [(&'static str, &Matrix); 2] {
        [("muon.1", &self.first), ("muon.2", &self.second)]
    }

    /// As [`Self::vectors`], to be changed.
    pub(crate) fn vectors_mut(&mut self) -> [(&'static str, &mut Matrix); 2] {
        [("muon.1", &mut self.first), ("muon.2", &mut self.second)]
    }

    /// Takes note that so many steps are taken.
    pub(crate) fn resume(&mut self, steps: u64) {
        self.t = steps;
    }

    /// Puts the direction of a step in place of the gradient: w -= lr direction is what is left to do.
    pub(crate) fn direct(&mut self, isa: Isa, network: &Network, gradient: &mut Matrix) {
        self.t += 1;
        let program = &network.program;
        for (i, view) in network.parameters.layers.iter().enumerate() {
            let [from, to] = program.around(i);
            let hidden = program.parameters[i].role == Role::Product && from.z != 0 && to != program.logits();
            let range = view.start..view.start + view.layout.len();
            let gradient = &mut gradient.values_mut()[range.clone()];
            let first = &mut self.first.values_mut()[range.clone()];
            let second = &mut self.second.values_mut()[range];
            if !hidden {
                adam(self.t, self.others, first, second, gradient);
                continue;
            }
            let (inputs, outputs) = (view.inputs(), view.outputs());
            for panel in view.layout.iter() {
                let rows = panel.start..panel.start + inputs * panel.width;
                for (m, g) in first[rows.clone()].iter_mut().zip(&mut gradient[rows]) {
                    *m += (1.0 - self.momentum) * (*g - *m);
                    *g += self.momentum * (*m - *g); // Nesterov's form
                }
                // The biases, which are no matrix.
                let bias = panel.start + inputs * panel.width..panel.start + view.layout.rows() * panel.width;
                adam(self.t, self.others, &mut first[bias.clone()], &mut second[bias.clone()], &mut gradient[bias]);
            }
            let scale = libm::sqrtf((outputs as f32 / inputs as f32).max(1.0));
            orthogonalise(isa, view.layout, inputs, scale, gradient);
        }
    }
}

/// m / c_1 / (sqrt(v / c_2) + epsilon), times a factor, in place of the gradient.
fn adam(t: u64, factor: f32, first: &mut [f32], second: &mut [f32], gradient: &mut [f32]) {
    let [c_1, c_2] = [BETA_1, BETA_2].map(|beta| (1.0 - libm::pow(beta.into(), t as f64)) as f32);
    for ((m, v), g) in first.iter_mut().zip(second).zip(gradient) {
        *m += (1.0 - BETA_1) * (*g - *m);
        *v += (1.0 - BETA_2) * (*g * *g - *v);
        *g = factor * (*m / c_1) / ((*v / c_2).sqrt() + EPSILON);
    }
}

/// Puts scale U V^T, nearly, in place of G = U S V^T: of the first `inputs` rows of a matrix in panels.
fn orthogonalise(isa: Isa, layout: Panels, inputs: usize, scale: f32, values: &mut [f32]) {
    let outputs = layout.columns();
    let (short, long) = (inputs.min(outputs), inputs.max(outputs));
    let place = |short: usize, long: usize| {
        if inputs <= outputs { layout.index(short, long) } else { layout.index(long, short) }
    };
    let mut x = Matrix::zeros(short, long);
    let mut squares = 0.0;
    for row in 0..short {
        for column in 0..long {
            let g = values[place(row, column)];
            set(&mut x, row, column, g);
            squares += f64::from(g) * f64::from(g);
        }
    }
    let norm = libm::sqrt(squares).max(1e-7) as f32;
    x.values_mut().iter_mut().for_each(|x| *x /= norm);
    let [a, b, c] = COEFFICIENTS;
    for _ in 0..ITERATIONS {
        let gram = product(isa, &x, short, |row, column| at(&x, column, row), [long, short]);
        let mut update = product(isa, &gram, short, |row, column| at(&gram, row, column), [short; 2]);
        update.values_mut().iter_mut().zip(gram.values()).for_each(|(square, gram)| *square = b * gram + c * *square);
        let mut next = product(isa, &update, short, |row, column| at(&x, row, column), [short, long]);
        next.values_mut().iter_mut().zip(x.values()).for_each(|(next, x)| *next += a * x);
        x = next;
    }
    for row in 0..short {
        for column in 0..long {
            values[place(row, column)] = scale * at(&x, row, column);
        }
    }
}

fn at(matrix: &Matrix, row: usize, column: usize) -> f32 {
    matrix.values()[row * matrix.stride() + column]
}

fn set(matrix: &mut Matrix, row: usize, column: usize, value: f32) {
    let stride = matrix.stride();
    matrix.values_mut()[row * stride + column] = value;
}

/// left right, by the product of a dense layer; `right` is inner x outer.
fn product(
    isa: Isa,
    left: &Matrix,
    rows: usize,
    right: impl Fn(usize, usize) -> f32,
    [inner, outer]: [usize; 2],
) -> Matrix {
    let layout = Panels::new(inner, outer);
    let mut packed = Matrix::vector(layout.len());
    for panel in layout.iter() {
        for row in 0..inner {
            let values = &mut packed.values_mut()[panel.start + row * panel.width..][..panel.columns];
            values.iter_mut().enumerate().for_each(|(column, value)| *value = right(row, panel.column + column));
        }
    }
    let mut out = Matrix::zeros(rows, outer);
    let stride = out.stride();
    let weights = Weights { values: &packed.values()[..layout.len()], layout };
    let next = RowsMut { values: out.values_mut(), stride };
    dense::forward(isa, Activation::Identity, left.head(rows).into(), weights, next, None);
    out
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::data::{Dataset, Inputs};
    use crate::train::{FitOptions, fit};

    #[derive(Deserialize)]
    struct Reference {
        learning_rate: f64,
        runs: Vec<Run>,
    }

    #[derive(Deserialize)]
    struct Run {
        outputs: usize,
        inputs: usize,
        weight_decay: f64,
        start: Vec<f64>,
        steps: Vec<Step>,
    }

    #[derive(Deserialize)]
    struct Step {
        gradient: Vec<f32>,
        after: Vec<f64>,
    }

    /// `tests/reference/muon.py`: the hidden matrix between two other layers takes PyTorch's steps, on every instruction set.
    #[test]
    fn hidden_matrices_take_the_steps_of_pytorch() {
        let reference: Reference = serde_json::from_str(include_str!("../../../../tests/reference/muon.json")).unwrap();
        for (run, isa) in reference.runs.iter().flat_map(|run| Isa::available().into_iter().map(move |isa| (run, isa)))
        {
            let text = format!("2 -> {} tanh -> {} tanh -> 3", run.inputs, run.outputs);
            let network = Network::new(&text.parse().unwrap(), 0).unwrap();
            let optimizer = Optimizer::Muon { momentum: 0.95, others: 0.05 };
            let mut muon = Muon::wanted(optimizer, &network).unwrap();
            let places = network.parameters.canonical_indices(1);
            let mut w = run.start.clone();
            for step in &run.steps {
                let mut gradient = Matrix::vector(network.parameters.values.values().len());
                places.iter().zip(&step.gradient).for_each(|(&place, &g)| gradient.values_mut()[place] = g);
                muon.direct(isa, &network, &mut gradient);
                for ((w, &place), after) in w.iter_mut().zip(&places).zip(&step.after) {
                    let lr = reference.learning_rate;
                    *w = (1.0 - lr * run.weight_decay) * *w - lr * f64::from(gradient.values()[place]);
                    assert!((*w - after).abs() < 1e-5, "{w} instead of {after}, {text}, {}", isa.name());
                }
            }
        }
    }

    #[test]
    fn a_network_learns_with_the_same_bits_whatever_the_threads() {
        let values: Vec<f32> = crate::data::for_tests::values(70 * 5);
        let labels = (0..70).map(|i| i * 7 % 3).collect::<Vec<u32>>();
        let data = Dataset::new("test", Inputs::Floats(values.into()), 5, labels, ["a", "b", "c"]).unwrap();
        let train = |threads| {
            let mut network =
                Network::new(&"5 -> 40 relu -> skip(40 relu batch-norm) -> 3".parse().unwrap(), 3).unwrap();
            let options = FitOptions {
                epochs: 40,
                batch: 20,
                optimizer: Optimizer::Muon { momentum: 0.95, others: 0.05 },
                learning_rate: 0.02,
                threads: Some(threads),
                ..FitOptions::default()
            };
            let report = fit(&mut network, &data, &options).unwrap();
            assert!(report.epochs[39].train_loss < report.epochs[0].train_loss, "{:?}", report.epochs[39]);
            network.sha256()
        };
        assert_eq!(train(1), train(3));
    }
}
