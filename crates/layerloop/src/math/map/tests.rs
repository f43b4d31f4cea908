use super::*;
use crate::math::{STEP, check_jacobian, numbers};

fn dense(inputs: usize, outputs: usize, activation: Activation) -> Map {
    let w = numbers(inputs + outputs, outputs * (inputs + 1));
    Map::Dense(Layer::new(Matrix::new(outputs, inputs + 1, w).unwrap(), activation).unwrap())
}

/// Every kind of map from n numbers.
fn maps(n: usize) -> Vec<Map> {
    let all = |seed| numbers(seed, n);
    let square = |seed| Matrix::new(n, n, numbers(seed, n * n)).unwrap();
    let kept: Vec<bool> = (0..n).map(|i| i % 3 != 1).collect();
    let w = Matrix::new(3, n, numbers(17, 3 * n)).unwrap();
    vec![
        dense(n, 3, Activation::Tanh),
        Map::NoBias(Layer::without_bias(&w, Activation::Tanh)),
        Map::Activation(Activation::Swish),
        Map::Standardise { epsilon: 1e-3 },
        Map::Scale { w: all(1), b: all(2) },
        Map::Gain { w: all(1) },
        Map::Parametric { a: all(2), sigma: Activation::Mish },
        Map::Waves { w: numbers(21, 3 * n), b: numbers(22, 3 * n) },
        Map::Piecewise { edges: vec![-2.0, -0.913, 0.0137, 0.4171, 3.0], width: 2, w: numbers(24, 10 * n) },
        Map::Columns { first: n / 2, count: n - n / 2 },
        Map::Grouped { count: n, width: 2, w: numbers(23, 4 * n) },
        Map::Grouped { count: 1, width: 2, w: numbers(23, 2 * (n + 1)) },
        Map::Prelu { a: all(3) },
        Map::Leak { a: all(4) },
        Map::Mask { kept, scale: 1.25, shift: -0.5, dropped: 0.75 },
        Map::Max { pieces: if n.is_multiple_of(2) { 2 } else { n } },
        Map::Bilinear { w: vec![square(5), square(6)], b: vec![0.5, -0.5] },
        Map::Chain(vec![
            dense(n, 4, Activation::Sigmoid),
            Map::Standardise { epsilon: 1e-2 },
            dense(4, 2, Activation::Tanh),
        ]),
        Map::Add(vec![Map::Chain(vec![]), Map::Scale { w: all(7), b: all(8) }, dense(n, n, Activation::Tanh)]),
        Map::Mean(vec![dense(n, n, Activation::Tanh), Map::Chain(vec![]), dense(n, n, Activation::Tanh)]),
        Map::Concatenate(vec![dense(n, 2, Activation::Tanh), Map::Chain(vec![]), Map::Prelu { a: all(9) }]),
        Map::Multiply(vec![dense(n, n, Activation::Tanh), Map::Chain(vec![]), Map::Scale { w: all(7), b: all(8) }]),
    ]
}

/// The same map with other parameters, in the order of the columns of A.
fn with(map: &Map, w: &mut impl Iterator<Item = f64>) -> Map {
    let mut next = |n: usize| w.by_ref().take(n).collect::<Vec<f64>>();
    match map {
        Map::Dense(layer) => {
            let (n, m) = (layer.inputs(), layer.outputs());
            let (weights, biases) = (next(n * m), next(m));
            let entry = |r: usize, c: usize| if c == n { biases[r] } else { weights[r * n + c] };
            Map::Dense(Layer::new(Matrix::from_fn(m, n + 1, entry), layer.activation()).unwrap())
        }
        Map::NoBias(layer) => {
            let w = Matrix::new(layer.outputs(), layer.inputs(), next(layer.inputs() * layer.outputs()));
            Map::NoBias(Layer::without_bias(&w.unwrap(), layer.activation()))
        }
        Map::Scale { w, .. } => Map::Scale { w: next(w.len()), b: next(w.len()) },
        Map::Gain { w } => Map::Gain { w: next(w.len()) },
        Map::Parametric { a, sigma } => Map::Parametric { a: next(a.len()), sigma: *sigma },
        Map::Waves { w, b } => Map::Waves { w: next(w.len()), b: next(b.len()) },
        Map::Piecewise { edges, width, w } => Map::Piecewise { edges: edges.clone(), width: *width, w: next(w.len()) },
        Map::Grouped { count, width, w } => Map::Grouped { count: *count, width: *width, w: next(w.len()) },
        Map::Prelu { a } => Map::Prelu { a: next(a.len()) },
        Map::Bilinear { w, b } => {
            let n = w[0].rows();
            let matrices = w.iter().map(|_| Matrix::new(n, n, next(n * n)).unwrap()).collect();
            Map::Bilinear { w: matrices, b: next(b.len()) }
        }
        Map::Table(rows) => {
            let (count, width) = (rows.rows(), rows.cols());
            let values = next(count * width);
            Map::Table(Matrix::from_fn(count, width, |r, c| values[c * count + r]))
        }
        Map::Chain(maps) => Map::Chain(maps.iter().map(|map| with(map, w)).collect()),
        Map::Add(maps) => Map::Add(maps.iter().map(|map| with(map, w)).collect()),
        Map::Mean(maps) => Map::Mean(maps.iter().map(|map| with(map, w)).collect()),
        Map::Concatenate(maps) => Map::Concatenate(maps.iter().map(|map| with(map, w)).collect()),
        Map::Multiply(maps) => Map::Multiply(maps.iter().map(|map| with(map, w)).collect()),
        other => other.clone(),
    }
}

#[test]
fn jacobians_are_the_central_differences() {
    for n in [1, 2, 5, 6] {
        let tables = Map::Chain(vec![Map::Table(Matrix::new(4, 3, numbers(1, 12)).unwrap())]);
        let names: Vec<f64> = (0..n).map(|i| (i * 7 % 4) as f64).collect();
        let z: Vec<f64> = numbers(11, n).iter().map(|z| 2.0 * z).collect();
        for (map, z) in maps(n).iter().map(|map| (map, &z)).chain([(&tables, &names)]) {
            if *map != tables {
                let found = check_jacobian(|z| map.g(z).unwrap(), z, &map.b(z).unwrap(), STEP).unwrap();
                assert!(found.relative_error < 1e-6, "B: {found:?} of {map:?}");
            }
            let a = map.a(z).unwrap();
            let w = numbers(13, a.cols());
            let moved = |w: &[f64]| with(map, &mut w.iter().copied());
            let a = moved(&w).a(z).unwrap();
            let found = check_jacobian(|w| moved(w).g(z).unwrap(), &w, &a, STEP).unwrap();
            assert!(found.relative_error < 1e-6, "A: {found:?} of {map:?}");
            // p = A^T q' and q = B^T q', without A and B
            let q_next = numbers(19, a.rows());
            let (p, q) = map.adjoint(z, &q_next).unwrap();
            let near = |got: &[f64], want: &[f64]| {
                got.len() == want.len() && got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12 * b.abs().max(1.0))
            };
            assert!(near(&p, &map.a(z).unwrap().transpose_times(&q_next).unwrap()), "p of {map:?}");
            assert!(near(&q, &map.b(z).unwrap().transpose_times(&q_next).unwrap()), "q of {map:?}");
        }
    }
}

#[test]
fn sizes_that_disagree_are_refused() {
    assert!(Map::Scale { w: vec![1.0], b: vec![0.0] }.g(&[1.0, 2.0]).is_err());
    assert!(Map::Add(vec![Map::Chain(vec![]), dense(2, 3, Activation::Tanh)]).g(&[1.0, 2.0]).is_err());
}
