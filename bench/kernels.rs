//! The kernels by themselves: `cargo bench -p layerloop-kernels`.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use layerloop_kernels::dense::{
    WeightBlock, Weights, forward, input_gradient, transpose, weight_gradient, weight_update,
};
use layerloop_kernels::function::{Function, apply};
use layerloop_kernels::gather::{self, Columns, Source};
use layerloop_kernels::softmax::{Logits, Output, cross_entropy};
use layerloop_kernels::{Activation, Isa, Matrix, Panel, Panels, Part, RowsMut, Rule, Team};

fn main() {
    divan::main();
}

/// Rows of a batch, inputs, outputs: the jobs' layers, and widths that are no multiple of the lanes.
const LAYERS: [[usize; 3]; 7] =
    [[128, 784, 32], [128, 784, 256], [512, 1024, 1024], [64, 20, 64], [64, 64, 64], [128, 100, 46], [128, 257, 33]];

fn filled(rows: usize, columns: usize) -> Matrix {
    let mut matrix = Matrix::zeros(rows, columns);
    matrix.values_mut().iter_mut().enumerate().for_each(|(i, value)| *value = (i % 97) as f32 / 97.0 - 0.5);
    matrix
}

fn to_write(matrix: &mut Matrix) -> RowsMut<'_> {
    let stride = matrix.stride();
    RowsMut { values: matrix.values_mut(), stride }
}

fn multiply_adds([rows, inputs, outputs]: [usize; 3]) -> ItemsCount {
    ItemsCount::new(rows * inputs * outputs)
}

/// Blocks of the gradient of an `inputs` x `outputs` layer, as a step cuts them.
fn blocks(layout: Panels) -> impl Iterator<Item = WeightBlock<'static>> {
    let block = move |panel: Panel, row| WeightBlock {
        panel,
        row,
        rows: 28.min(layout.rows() - row),
        listed: None,
        bias: false,
    };
    layout.iter().flat_map(move |panel| (0..layout.rows()).step_by(28).map(move |row| block(panel, row)))
}

#[divan::bench(args = LAYERS)]
fn product_forward(bencher: Bencher, layer: [usize; 3]) {
    let ([rows, inputs, outputs], isa) = (layer, Isa::best());
    let layout = Panels::new(inputs, outputs);
    let (z, weights, mut next) = (filled(rows, inputs), filled(1, layout.len()), Matrix::zeros(rows, outputs));
    bencher.counter(multiply_adds(layer)).bench_local(|| {
        let weights = Weights { values: weights.values(), layout };
        forward(isa, Activation::Relu, black_box(z.head(rows)).into(), weights, to_write(&mut next), None);
    });
}

#[divan::bench(args = LAYERS)]
fn product_input_gradient(bencher: Bencher, layer: [usize; 3]) {
    let ([rows, inputs, outputs], isa) = (layer, Isa::best());
    let layout = Panels::new(outputs, inputs);
    let (delta, weights, z) = (filled(rows, outputs), filled(1, layout.len()), filled(rows, inputs));
    let mut below = Matrix::zeros(rows, inputs);
    bencher.counter(multiply_adds(layer)).bench_local(|| {
        let transposed = Weights { values: weights.values(), layout };
        let delta = black_box(delta.head(rows));
        input_gradient(isa, Activation::Relu, delta, transposed, z.head(rows), to_write(&mut below));
    });
}

#[divan::bench(args = LAYERS)]
fn product_weight_gradient(bencher: Bencher, layer: [usize; 3]) {
    let ([rows, inputs, outputs], isa) = (layer, Isa::best());
    let layout = Panels::new(inputs, outputs);
    let (z, delta, mut gradient) = (filled(rows, inputs), filled(rows, outputs), filled(1, layout.len()));
    bencher.counter(multiply_adds(layer)).bench_local(|| {
        for block in blocks(layout) {
            let out = &mut gradient.values_mut()[block.panel.start..][block.range()];
            weight_gradient(isa, black_box(z.head(rows)).into(), delta.head(rows), &[], block, out);
        }
    });
}

/// With Adam in the epilogue.
#[divan::bench(args = LAYERS)]
fn product_weight_update(bencher: Bencher, layer: [usize; 3]) {
    let ([rows, inputs, outputs], isa) = (layer, Isa::best());
    let layout = Panels::new(inputs, outputs);
    let (z, delta) = (filled(rows, inputs), filled(rows, outputs));
    let [mut weights, mut first, mut second] = [0; 3].map(|_| Matrix::vector(layout.len()));
    let rule = Rule::Adam { rate: 1e-3, weight_1: 0.1, weight_2: 1e-3, epsilon: 1e-8 };
    bencher.counter(multiply_adds(layer)).bench_local(|| {
        for block in blocks(layout) {
            let [weights, first, second] = [&mut weights, &mut first, &mut second]
                .map(|matrix| &mut matrix.values_mut()[block.panel.start..][block.range()]);
            let part = Part { weights, states: [first, second, &mut []] };
            weight_update(isa, black_box(z.head(rows)).into(), delta.head(rows), &[], block, rule.into(), part);
        }
    });
}

#[divan::bench]
fn transpose_32_by_32(bencher: Bencher) {
    let (isa, panel) = (Isa::best(), Panels::new(32, 32).iter().next().expect("a panel"));
    let (weights, mut out) = (filled(32, 32), filled(32, 32));
    bencher
        .counter(ItemsCount::new(32_usize * 32))
        .bench_local(|| transpose(isa, black_box(weights.values()), panel, 32, out.values_mut(), 32));
}

#[divan::bench(args = [2, 10, 100, 1000])]
fn softmax_and_cross_entropy_of_128_rows(bencher: Bencher, classes: usize) {
    let (isa, rows) = (Isa::best(), 128);
    let (logits, mut delta, mut loss) = (filled(rows, classes), Matrix::zeros(rows, classes), Matrix::zeros(rows, 1));
    bencher.counter(ItemsCount::new(rows * classes)).bench_local(|| {
        let logits = Logits { rows: black_box(logits.head(rows)), width: classes, output: Output::Softmax };
        let labels = (0..rows as u32).map(|row| row % classes as u32);
        cross_entropy(isa, logits, labels, 0.1, to_write(&mut delta), to_write(&mut loss));
    });
}

#[divan::bench(args = Function::ALL.map(Function::name))]
fn function_of_4096_numbers(bencher: Bencher, name: &str) {
    let function = Function::ALL.into_iter().find(|function| function.name() == name).expect("a function");
    let numbers: Vec<f32> = (1..=4096).map(|i| i as f32 / 1000.0).collect();
    let mut values = numbers.clone();
    bencher.counter(ItemsCount::new(numbers.len())).bench_local(|| {
        values.copy_from_slice(black_box(&numbers));
        apply(Isa::best(), function, &mut values);
    });
}

#[divan::bench]
fn gather_128_rows_of_784_bytes(bencher: Bencher) {
    let (isa, columns) = (Isa::best(), Columns::new(784, &Vec::from_iter(0..784)));
    let images = vec![7_u8; 60_000 * 784];
    let rows: Vec<u32> = (0..128).map(|i| i * 7919 % 60_000).collect();
    let mut out = Matrix::zeros(128, 785);
    bencher.counter(BytesCount::new(128_usize * 784)).bench_local(|| {
        let source = Source::Bytes(black_box(&images), 1.0 / 255.0);
        gather::rows(isa, source, &columns, None, [&rows, &[]], to_write(&mut out));
    });
}

/// What it costs to hand work out and to wait for it: a task of nothing for each member.
#[divan::bench(args = [1, 2])]
fn empty_region(bencher: Bencher, threads: usize) {
    let mut team = Team::new(threads, Isa::best());
    let mut matrices = [Matrix::zeros(threads, 1)];
    let nothing = |block: &mut layerloop_kernels::Block<'_>| _ = black_box(block.rows());
    bencher.bench_local(|| team.for_each_block(&mut matrices, threads, 1, nothing));
}
