//! The three products of a dense layer against the reference.

use super::*;
use crate::matrix::Matrix;
use crate::reference;
use crate::sparse::{ByColumn, Csr};
use crate::tree;
use crate::update::Before;

/// 0, 1, and lengths around the number of lanes; Miri, which is slow, leaves the larger ones out.
const SHAPES: &[usize] = if cfg!(miri) { &[0, 1, 15, 16, 17] } else { &[0, 1, 3, 15, 16, 17, 33, 100] };
const BATCHES: &[usize] = if cfg!(miri) { &[0, 1, 9] } else { &[0, 1, 7, 8, 15, 16, 17, 29] };

/// A value that differs from place to place and needs all its digits.
fn value(i: usize) -> f32 {
    ((i * 7919 + 13) % 1009) as f32 / 1009.0 - 0.5
}

fn plain(len: usize, salt: usize) -> Vec<f32> {
    (0..len).map(|i| value(i + salt)).collect()
}

fn matrix(rows: usize, columns: usize, plain: &[f32]) -> Matrix {
    let mut matrix = Matrix::zeros(rows, columns);
    let stride = matrix.stride();
    for (to, from) in matrix.values_mut().chunks_exact_mut(stride).zip(plain.chunks_exact(columns.max(1))) {
        to[..columns].copy_from_slice(from);
    }
    matrix
}

fn all(values: &[f32], layout: Panels) -> Weights<'_> {
    Weights { values, layout }
}

fn in_panels(layout: Panels, plain: &[f32]) -> Vec<f32> {
    let mut packed = vec![0.0; layout.len()];
    for (i, &x) in plain.iter().enumerate() {
        packed[layout.index(i / layout.columns(), i % layout.columns())] = x;
    }
    packed
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

/// The real columns of the rows of a matrix.
fn unpadded(matrix: &Matrix, columns: usize) -> Vec<f32> {
    matrix.values().chunks_exact(matrix.stride()).flat_map(|row| &row[..columns]).copied().collect()
}

#[test]
fn the_three_products_equal_the_reference_to_the_bit_on_every_isa() {
    for (&inputs, &outputs) in SHAPES.iter().flat_map(|i| SHAPES.iter().map(move |o| (i, o))) {
        for (isa, &batch) in Isa::available().into_iter().flat_map(|isa| BATCHES.iter().map(move |b| (isa, b))) {
            let (z, w, d) = (plain(batch * inputs, 0), plain(inputs * outputs, 5), plain(batch * outputs, 9));
            let layout = Panels::new(inputs, outputs);
            let weights = in_panels(layout, &w);
            let (z_rows, d_rows) = (matrix(batch, inputs, &z), matrix(batch, outputs, &d));
            let case = format!("{inputs} -> {outputs}, batch {batch}, {}", isa.name());

            let mut next = Matrix::zeros(batch, outputs);
            let stride = next.stride();
            let out = RowsMut { values: next.values_mut(), stride };
            forward(isa, Activation::Identity, z_rows.head(batch).into(), all(&weights, layout), out, None);
            let want = reference::product(batch, inputs, outputs, &z, &w);
            assert_eq!(bits(&unpadded(&next, outputs)), bits(&want), "forward, {case}");

            let back = Panels::new(outputs, inputs);
            let w_t = reference::transpose(inputs, outputs, &w);
            let mut q = Matrix::zeros(batch, inputs);
            let stride = q.stride();
            let out = RowsMut { values: q.values_mut(), stride };
            let transposed = in_panels(back, &w_t);
            let identity = Activation::Identity;
            input_gradient(isa, identity, d_rows.head(batch), all(&transposed, back), z_rows.head(batch), out);
            let want = reference::product(batch, outputs, inputs, &d, &w_t);
            assert_eq!(bits(&unpadded(&q, inputs)), bits(&want), "input gradient, {case}");

            let mut p = vec![0.0; layout.len()];
            for panel in layout.iter() {
                let block = WeightBlock { panel, row: 0, rows: inputs, listed: None, bias: false };
                let part = &mut p[panel.start..][..inputs * panel.width];
                weight_gradient(isa, z_rows.head(batch).into(), d_rows.head(batch), &[], block, part);
            }
            let want = reference::product(inputs, batch, outputs, &reference::transpose(batch, inputs, &z), &d);
            assert_eq!(bits(&p), bits(&in_panels(layout, &want)), "weight gradient, {case}");
        }
    }
}

#[test]
fn a_gradient_that_continues_is_that_of_all_rows_to_the_bit() {
    let (batch, inputs, outputs) = if cfg!(miri) { (7, 19, 17) } else { (57, 33, 46) };
    let layout = Panels::new(inputs, outputs);
    let [z, d] = [(inputs, 1), (outputs, 2)].map(|(width, seed)| plain(batch * width, seed));
    let listed = Listed::new((0..inputs as u32).filter(|row| row % 3 != 1).collect());
    let gathered: Vec<f32> = z.chunks(inputs).flat_map(|row| listed.rows().iter().map(|&i| row[i as usize])).collect();
    for isa in Isa::available() {
        for (z, columns, listed) in [(&z, inputs, None), (&gathered, listed.rows().len(), Some(&listed))] {
            for panel in layout.iter() {
                let block = WeightBlock { panel, row: 0, rows: columns, listed, bias: true };
                let all = (matrix(batch, columns, z), matrix(batch, outputs, &d));
                let mut at_once = vec![0.0; block.range().len()];
                weight_gradient(isa, all.0.head(batch).into(), all.1.head(batch), &[], block, &mut at_once);

                let (mut sums, mut placed) = (vec![0.0; columns * panel.width], vec![0.0; at_once.len()]);
                for rows in [0..batch / 3, batch / 3..batch / 2, batch / 2..batch] {
                    let of = |values: &[f32], width| {
                        matrix(rows.len(), width, &values[rows.start * width..rows.end * width])
                    };
                    let (z, d) = (of(z, columns), of(&d, outputs));
                    continue_weight_gradient(isa, z.head(rows.len()).into(), d.head(rows.len()), block, &mut sums);
                }
                place_gradient(block, &sums, &mut placed);
                assert_eq!(bits(&placed), bits(&at_once), "{panel:?}, listed: {}, {}", listed.is_some(), isa.name());
            }
        }
    }
}

#[test]
fn the_gradient_of_micro_batches_is_the_tree_of_their_gradients_to_the_bit() {
    let (batch, inputs, outputs) = if cfg!(miri) { (7, 19, 17) } else { (57, 33, 46) };
    let layout = Panels::new(inputs, outputs);
    let [z, d] = [(inputs, 1), (outputs, 2)].map(|(width, seed)| plain(batch * width, seed));
    let z: Vec<f32> = z.iter().enumerate().map(|(i, &z)| if i % 3 == 0 { 0.0 } else { z }).collect();
    let of = |values: &[f32], width, rows: &Range<usize>| {
        matrix(rows.len(), width, &values[rows.start * width..rows.end * width])
    };
    for (isa, parts) in Isa::available().into_iter().flat_map(|isa| [1, 2, 3, 7, 8, 60].map(|parts| (isa, parts))) {
        let ends: Vec<usize> = (1..=parts).map(|part| batch * part / parts).collect();
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let ranges: Vec<Range<usize>> = starts.zip(&ends).map(|(start, &end)| start..end).collect();
        for panel in layout.iter() {
            let block = WeightBlock { panel, row: 0, rows: inputs, listed: None, bias: true };
            let len = inputs * panel.width;
            let (mut want, mut memory) = (vec![0.0; len], vec![0.0; len * tree::memory_of(parts)]);
            tree::sum_parts(parts, &mut want, &mut memory, |part, out| {
                let rows = &ranges[part];
                let (z, d) = (of(&z, inputs, rows), of(&d, outputs, rows));
                weight_gradient(isa, z.head(rows.len()).into(), d.head(rows.len()), &[], block, out);
            });
            let (dense, marks) = marked(isa, inputs, &z);
            let delta = of(&d, outputs, &(0..batch));
            for marks in [None, Some(marks)] {
                let mut got = vec![0.0; len];
                let z = Input::Dense { rows: dense.head(batch), listed: None, marks };
                weight_gradient(isa, z, delta.head(batch), &ends, block, &mut got);
                assert_eq!(bits(&got), bits(&want), "{parts} parts, {panel:?}, {marks:?}, {}", isa.name());
            }
        }
    }
}

#[test]
fn the_update_of_a_product_equals_gradient_then_update_to_the_bit() {
    let adam = Rule::Adam { rate: 1e-2, weight_1: 0.1, weight_2: 1e-3, epsilon: 1e-8 };
    let momentum = Rule::Momentum { rate: 0.1, momentum: 0.9 };
    let lion = Rule::Lion { rate: 0.1, weight_1: 0.1, weight_2: 0.01 };
    let rules = [Rule::Sgd { rate: 0.1 }, momentum, Rule::Nesterov { rate: 0.1, momentum: 0.9 }, adam, lion];
    let decay = Before { clip: 0.5, l1: 0.01, l2: 0.1, decay: 0.01, ..Before::NOTHING };
    let decayed = Update { rule: adam, before: Some(decay), of_biases: None };
    let updates: Vec<Update> = rules.map(Update::from).into_iter().chain([decayed]).collect();
    let (batch, inputs, outputs) = if cfg!(miri) { (5, 33, 17) } else { (29, 33, 46) };
    let layout = Panels::new(inputs, outputs);
    let z = matrix(batch, inputs, &plain(batch * inputs, 1));
    let d = matrix(batch, outputs, &plain(batch * outputs, 2));
    for (isa, &by) in Isa::available().into_iter().flat_map(|isa| updates.iter().map(move |by| (isa, by))) {
        for panel in layout.iter() {
            let block = WeightBlock { panel, row: 3, rows: 21, listed: None, bias: true };
            let len = block.rows * panel.width;
            let states = || [0, 1, 2].map(|s| vec![0.25; if s < by.rule.states() { len } else { 0 }]);
            let (mut at_once, mut kept) = (plain(len, 3), states());
            let part = Part { weights: &mut at_once, states: kept.each_mut().map(|state| &mut state[..]) };
            weight_update(isa, z.head(batch).into(), d.head(batch), &[], block, by, part);

            let (mut twice, mut kept) = (plain(len, 3), states());
            let mut gradient = vec![0.0; len];
            weight_gradient(isa, z.head(batch).into(), d.head(batch), &[], block, &mut gradient);
            let part = Part { weights: &mut twice, states: kept.each_mut().map(|state| &mut state[..]) };
            update(isa, by, block, part, &mut gradient);
            assert_eq!(bits(&at_once), bits(&twice), "{by:?} on {}", isa.name());
        }
    }
}

/// Rows of the batch in which zeros are left out.
const ROWS: usize = if cfg!(miri) { 11 } else { 29 };

/// What becomes of an input: the outputs, and the gradient of the weights.
fn through(isa: Isa, z: Input, z_by_column: Input, listed: Option<&Listed>) -> (Vec<u32>, Vec<u32>) {
    let (batch, inputs, outputs) = (ROWS, 40, 46);
    let layout = Panels::new(inputs, outputs);
    let weights = in_panels(layout, &plain(inputs * outputs, 7));
    let mut next = Matrix::zeros(batch, outputs);
    let stride = next.stride();
    let out = RowsMut { values: next.values_mut(), stride };
    forward(isa, Activation::Tanh, z, all(&weights, layout), out, None);

    let delta = matrix(batch, outputs, &plain(batch * outputs, 5));
    let mut gradient = vec![0.0; layout.len()];
    for panel in layout.iter() {
        let block =
            WeightBlock { panel, row: 0, rows: listed.map_or(inputs, |list| list.rows().len()), listed, bias: true };
        let part = &mut gradient[panel.start..][block.range()];
        weight_gradient(isa, z_by_column, delta.head(batch), &[], block, part);
    }
    (bits(next.values()), bits(&gradient))
}

/// Rows of `columns` values, and their marks behind them.
fn marked(isa: Isa, columns: usize, plain: &[f32]) -> (Matrix, Marks) {
    let marks = Marks::of(columns);
    let mut matrix = Matrix::zeros(plain.len() / columns, marks.columns());
    let stride = matrix.stride();
    let rows = matrix.values_mut().chunks_exact_mut(stride);
    rows.zip(plain.chunks_exact(columns)).for_each(|(to, from)| to[..columns].copy_from_slice(from));
    marks.set(isa, RowsMut { values: matrix.values_mut(), stride });
    (matrix, marks)
}

#[test]
fn zeros_that_are_left_out_change_no_bit() {
    let (batch, inputs) = (ROWS, 40);
    let listed = Listed::new((0..inputs as u32).filter(|k| k % 3 == 1 || *k > 25).collect());
    let columns: Vec<usize> = listed.rows().iter().map(|&k| k as usize).collect();
    // Few entries, some of them in whole rows and tiles of zeros; the last column is the ones of the bias.
    let entry =
        |row: usize, column: usize| column + 1 == inputs || (row % 9 < 4 && (row * 7 + column).is_multiple_of(5));
    let live = |i: &usize| columns.contains(&(i % inputs)) && entry(i / inputs, i % inputs);
    let mut wide = plain(batch * inputs, 3);
    wide.iter_mut().enumerate().for_each(|(i, z)| {
        *z = if i % inputs + 1 == inputs { 1.0 } else { *z * f32::from(u8::from(live(&i))) };
    });
    let narrow: Vec<f32> = wide.chunks(inputs).flat_map(|row| columns.iter().map(|&k| row[k])).collect();
    let places: Vec<usize> = (0..batch * inputs).filter(|i| live(i) && i % inputs + 1 < inputs).collect();
    let starts = (0..=batch).map(|row| places.iter().filter(|&&i| i < row * inputs).count()).collect();
    let csr_columns = places.iter().map(|i| (i % inputs) as u32).collect();
    let csr = Csr::new(inputs - 1, starts, csr_columns, places.iter().map(|&i| wide[i]).collect()).unwrap();
    let rows: Vec<u32> = (0..batch as u32).collect();
    let mut by_column = ByColumn::with_capacity(inputs, 0);
    by_column.set(&csr, &rows);

    for isa in Isa::available() {
        let (wide, narrow) = (marked(isa, inputs, &wide), marked(isa, columns.len(), &narrow));
        let through_dense = |(z, marks): &(Matrix, Marks), leave_out: bool, listed| {
            let z = Input::Dense { rows: z.head(batch), listed, marks: leave_out.then_some(*marks) };
            through(isa, z, z, listed)
        };
        let want = through_dense(&wide, false, None);
        assert_eq!(through_dense(&wide, true, None), want, "{}", isa.name());
        for leave_out in [false, true] {
            assert_eq!(through_dense(&narrow, leave_out, Some(&listed)), want, "{}, {leave_out}", isa.name());
        }
        let [by_rows, by_columns] =
            [Entries::with_ones(&csr, &rows), Entries::by_column(&by_column)].map(Input::Sparse);
        assert_eq!(through(isa, by_rows, by_columns, None), want, "{}", isa.name());
    }
}

#[test]
fn nothing_is_written_past_the_last_column() {
    for isa in Isa::available() {
        let (z, weights) = (matrix(5, 3, &plain(15, 0)), in_panels(Panels::new(3, 10), &plain(30, 0)));
        let mut next = matrix(5, 11, &[1.0; 55]);
        let stride = next.stride();
        let out = RowsMut { values: next.values_mut(), stride };
        forward(isa, Activation::Sigmoid, z.head(5).into(), all(&weights, Panels::new(3, 10)), out, None);
        assert!(next.values().chunks(stride).all(|row| row[10] == 1.0 && row[11..].iter().all(|&x| x == 0.0)));
    }
}
