//! Every public function is called with sizes, strides, counts and indices of any kind: it may panic, and must touch nothing that
//! it was not given. Where arithmetic wraps around, as in a release build, the address sanitizer and Miri see what it touches.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::columns::{self, PerColumn};
use crate::dense::{self, Input, WeightBlock, Weights};
use crate::gather::{self, Source};
use crate::grouped::{self, Groups, Parts};
use crate::loss::{self, Truth};
use crate::members::{self, Members};
use crate::piecewise::{self, Piecewise};
use crate::softmax::{self, Logits, Output};
use crate::{
    Activation, Before, ByColumn, Csr, Entries, Isa, Listed, Loss, Marks, Matrix, Panel, Panels, Part, Partition, Rows,
    RowsMut, Rule, Team, Update, norm, parametric, rows, table,
};

/// Sizes around nothing, a vector, a panel, and around every power of two at which a product or a sum wraps around.
const SIZES: [usize; 24] = [
    0,
    1,
    2,
    3,
    15,
    16,
    17,
    31,
    32,
    33,
    48,
    64,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    1 << 58,
    1 << 59,
    (1 << 60) + 1,
    1 << 62,
    (1 << 63) - 16,
    1 << 63,
    (1 << 63) + 16,
    usize::MAX - 15,
    usize::MAX,
];

/// Values that a function is given, and the value of those around them.
const LEN: usize = 96;
const GUARD: f32 = 7.5;

/// Numbers that look unrelated.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize
    }

    /// Often small, so that some calls come far.
    fn size(&mut self) -> usize {
        let small = self.next().is_multiple_of(2);
        SIZES[self.next() % if small { 12 } else { SIZES.len() }]
    }

    fn rows<'a>(&mut self, values: &'a Guarded) -> Rows<'a> {
        Rows { values: &values.0[LEN..2 * LEN], stride: self.size() }
    }

    fn rows_mut<'a>(&mut self, values: &'a mut Guarded) -> RowsMut<'a> {
        RowsMut { values: values.middle(), stride: self.size() }
    }

    fn panel(&mut self) -> Panel {
        let [column, columns, width, start] = [(); 4].map(|()| self.size());
        // A loop over the vectors of a panel ends where its row is too short, so a row of nothing may not be endless.
        Panel { column, columns, width: width.min(64), start }
    }

    fn weights<'a>(&mut self, values: &'a Guarded) -> Weights<'a> {
        Weights { values: &values.0[LEN..2 * LEN], layout: Panels::new(self.size().max(1), self.size()) }
    }

    fn block<'a>(&mut self, listed: &'a Listed) -> WeightBlock<'a> {
        let listed = self.next().is_multiple_of(2).then_some(listed);
        WeightBlock { panel: self.panel(), row: self.size(), rows: self.size().min(200), listed, bias: true }
    }

    fn input<'a>(&mut self, values: &'a Guarded, listed: &'a Listed, csr: &'a Csr, turned: &'a ByColumn) -> Input<'a> {
        match self.next() % 5 {
            0 => Input::Sparse(Entries::of(csr, &[0, 1, 1, 0])),
            1 => Input::Sparse(Entries::with_ones(csr, &[1, 0, 5])),
            2 => Input::Sparse(Entries::by_column(turned)),
            _ => {
                let listed = self.next().is_multiple_of(2).then_some(listed);
                let marks = self.next().is_multiple_of(2).then(|| Marks::of(self.size()));
                Input::Dense { rows: self.rows(values), listed, marks }
            }
        }
    }

    /// None, those of parts of the rows, or any.
    fn ends(&mut self, input: &Input) -> Vec<usize> {
        let (any, rows) = (self.size(), if let Input::Dense { rows, .. } = input { rows.count() } else { 0 });
        match self.next() % 4 {
            0 => vec![any, rows, any],
            1 => vec![any.min(rows), rows],
            _ => vec![],
        }
    }

    fn update(&mut self) -> Update {
        let rules = [Rule::Sgd { rate: 0.1 }, Rule::Lion { rate: 0.1, weight_1: 0.1, weight_2: 0.01 }];
        let before = self.next().is_multiple_of(2).then_some(Before::NOTHING);
        Update { before, ..rules[self.next() % 2].into() }
    }
}

/// Values with as many of [`GUARD`] before and behind them.
struct Guarded(Vec<f32>);

impl Guarded {
    fn new() -> Self {
        let inside = |i: usize| (LEN..2 * LEN).contains(&i);
        Self((0..3 * LEN).map(|i| if inside(i) { (i % 5) as f32 } else { GUARD }).collect())
    }

    fn middle(&mut self) -> &mut [f32] {
        &mut self.0[LEN..2 * LEN]
    }

    fn is_whole(&self) -> bool {
        self.0[..LEN].iter().chain(&self.0[2 * LEN..]).all(|&guard| guard == GUARD)
    }
}

/// Slices of anything, to be read and to be written.
struct Memory {
    read: [Guarded; 2],
    written: [Guarded; 4],
    listed: Listed,
    csr: Csr,
    turned: ByColumn,
}

type Call = (&'static str, fn(Isa, &mut Draw, &mut Memory));

/// Each public function that reads or writes values.
const CALLS: &[Call] = &[
    ("dense::forward", |isa, d, m| {
        let [out, slopes, ..] = &mut m.written;
        let activation = Activation::ALL[d.next() % Activation::ALL.len()];
        let input = d.input(&m.read[0], &m.listed, &m.csr, &m.turned);
        let slopes = d.next().is_multiple_of(2).then(|| d.rows_mut(slopes));
        dense::forward(isa, activation, input, d.weights(&m.read[1]), d.rows_mut(out), slopes);
    }),
    ("dense::input_gradient", |isa, d, m| {
        let activation = Activation::ALL[d.next() % Activation::ALL.len()];
        let (delta, z, out) = (d.rows(&m.read[0]), d.rows(&m.read[1]), d.rows_mut(&mut m.written[0]));
        dense::input_gradient(isa, activation, delta, d.weights(&m.read[1]), z, out);
    }),
    ("dense::through_activation", |isa, d, m| {
        let activation = Activation::ALL[d.next() % Activation::ALL.len()];
        dense::through_activation(isa, activation, d.rows(&m.read[0]), d.size(), d.rows_mut(&mut m.written[0]));
    }),
    ("dense::weight_gradient", |isa, d, m| {
        let input = d.input(&m.read[0], &m.listed, &m.csr, &m.turned);
        let ends = d.ends(&input);
        dense::weight_gradient(isa, input, d.rows(&m.read[1]), &ends, d.block(&m.listed), m.written[0].middle());
    }),
    ("dense::continue_weight_gradient", |isa, d, m| {
        let input = d.input(&m.read[0], &m.listed, &m.csr, &m.turned);
        let block = d.block(&m.listed);
        dense::continue_weight_gradient(isa, input, d.rows(&m.read[1]), block, m.written[0].middle());
    }),
    ("dense::place_gradient", |_, d, m| {
        dense::place_gradient(d.block(&m.listed), &m.read[0].0[LEN..2 * LEN], m.written[0].middle());
    }),
    ("dense::weight_update", |isa, d, m| {
        let input = d.input(&m.read[0], &m.listed, &m.csr, &m.turned);
        let [weights, first, second, third] = m.written.each_mut().map(Guarded::middle);
        let part = Part { weights, states: [first, second, third] };
        dense::weight_update(isa, input, d.rows(&m.read[1]), &[], d.block(&m.listed), d.update(), part);
    }),
    ("dense::transpose", |isa, d, m| {
        let values = &m.read[0].0[LEN..2 * LEN];
        dense::transpose(isa, values, d.panel(), d.size(), m.written[0].middle(), d.size());
    }),
    ("update", |isa, d, m| {
        let [weights, first, second, gradient] = m.written.each_mut().map(Guarded::middle);
        let block = d.block(&m.listed);
        // As long as the block says, or of any length.
        let fit = d.next().is_multiple_of(2);
        let len = |right: usize, any: usize| if fit { right } else { any }.min(LEN);
        let weights = &mut weights[..len(block.range().len(), d.size())];
        let first = &mut first[..len(weights.len(), d.size())];
        let gradient = &mut gradient[..len(block.rows.wrapping_mul(block.panel.width), d.size())];
        let part = Part { weights, states: [first, second, &mut []] };
        crate::update(isa, d.update(), block, part, gradient);
    }),
    ("activate", |isa, d, m| {
        let [out, slopes, ..] = &mut m.written;
        let activation = Activation::ALL[d.next() % Activation::ALL.len()];
        let slopes = d.next().is_multiple_of(2).then(|| d.rows_mut(slopes));
        crate::activate(isa, activation, d.size(), d.rows_mut(out), slopes);
    }),
    ("columns", |isa, d, m| {
        let kinds = [PerColumn::Scale, PerColumn::Gain, PerColumn::Prelu, PerColumn::Waves { count: d.size().max(1) }];
        let kind = kinds[d.next() % 4];
        let [z, q] = [d.rows(&m.read[0]), d.rows(&m.read[1])];
        match d.next() % 4 {
            0 => columns::forward(isa, kind, z, d.weights(&m.read[1]), d.rows_mut(&mut m.written[0])),
            1 => columns::input_gradient(isa, kind, z, q, d.weights(&m.read[1]), d.rows_mut(&mut m.written[0])),
            2 => {
                let gradient = m.written[0].middle();
                columns::weight_gradient(isa, kind, [z, q], d.panel(), d.weights(&m.read[1]).values, gradient);
            }
            _ => {
                let [weights, first, second, third] = m.written.each_mut().map(Guarded::middle);
                let part = Part { weights, states: [first, second, third] };
                columns::weight_update(isa, kind, [z, q], d.panel(), d.update(), part);
            }
        }
    }),
    ("grouped", |isa, d, m| {
        let of = [Parts::Columns, Parts::Rows][d.next() % 2];
        let groups = Groups { count: d.size().max(1), inputs: d.size(), outputs: d.size().max(1), of };
        let [z, q] = [d.rows(&m.read[0]), d.rows(&m.read[1])];
        let out = d.rows_mut(&mut m.written[0]);
        // As many weights as there are, or any number.
        let weights = d.weights(&m.read[1]).values;
        let fit = d.next().is_multiple_of(2);
        let len = if fit { groups.parameters().min(weights.len()) } else { weights.len() };
        match d.next() % 3 {
            0 => grouped::forward(isa, groups, d.size(), z, &weights[..len], out),
            1 => grouped::input_gradient(isa, groups, d.size(), q, &weights[..len], out),
            _ => grouped::weight_gradient(isa, groups, [z, q], &mut out.values[..len.min(LEN)]),
        }
    }),
    ("members", |isa, d, m| {
        let members = Members { count: d.size().max(1), width: d.size(), bias: d.next().is_multiple_of(2) };
        let [z, q] = [d.rows(&m.read[0]), d.rows(&m.read[1])];
        let out = d.rows_mut(&mut m.written[0]);
        let weights = d.weights(&m.read[1]).values;
        let len = members.parameters().min(weights.len());
        match d.next() % 3 {
            0 => members::forward(isa, members, d.size(), z, &weights[..len], out),
            1 => members::input_gradient(isa, members, d.size(), q, &weights[..len], out),
            _ => members::weight_gradient(isa, members, [z, q], &mut out.values[..len.min(LEN)]),
        }
    }),
    ("parametric", |isa, d, m| {
        let [z, q] = [d.rows(&m.read[0]), d.rows(&m.read[1])];
        match d.next() % 4 {
            0 => {
                let values = (d.next() % 2 == 0).then_some(q);
                parametric::forward(isa, z, values, d.weights(&m.read[1]), d.rows_mut(&mut m.written[0]));
            }
            1 => parametric::input_gradient(isa, q, z, d.weights(&m.read[1]), d.rows_mut(&mut m.written[0])),
            2 => parametric::weight_gradient(isa, [z, d.rows(&m.read[0]), q], d.panel(), m.written[0].middle()),
            _ => {
                let [weights, first, second, third] = m.written.each_mut().map(Guarded::middle);
                let part = Part { weights, states: [first, second, third] };
                parametric::weight_update(isa, [z, d.rows(&m.read[0]), q], d.panel(), d.update(), part);
            }
        }
    }),
    ("piecewise", |isa, d, m| {
        let of = Piecewise { inputs: d.size(), bins: d.size(), width: d.size() };
        let [z, q] = [d.rows(&m.read[0]), d.rows(&m.read[1])];
        let (out, values) = (d.rows_mut(&mut m.written[0]), d.weights(&m.read[1]).values);
        let edges = &values[..values.len().min(of.bins.saturating_add(1))];
        let weights = &values[..values.len().min(of.parameters())];
        match d.next() % 3 {
            0 => piecewise::forward(isa, of, edges, z, weights, out),
            1 => piecewise::input_gradient(isa, of, edges, [z, q], weights, out),
            _ => piecewise::weight_gradient(isa, of, edges, [z, q], &mut out.values[..weights.len().min(LEN)]),
        }
    }),
    ("rows", |isa, d, m| {
        let [z, q] = [d.rows(&m.read[0]), d.rows(&m.read[1])];
        let (out, [a, b, c]) = (d.rows_mut(&mut m.written[0]), [(); 3].map(|()| d.size()));
        let mask = rows::Mask::dropout(0.5, [1, 2]);
        let leak = rows::Leak { lower: 0.1, upper: 0.3, keys: Some([3, 4]) };
        match d.next() % 9 {
            0 => rows::copy(z, a, out, b, c),
            1 => rows::add(isa, z, a, out),
            2 => rows::multiply(isa, z, a, out),
            3 => rows::mask(isa, mask, z, a, b, out),
            4 => rows::leak(isa, leak, z, d.next().is_multiple_of(2).then_some(q), a, b, out),
            5 => rows::max(isa, z, a, b, out),
            6 => rows::max_gradient(isa, z, q, z, a, b, out),
            7 => rows::outer(isa, z, a, out),
            _ => rows::outer_gradient(isa, z, q, a, out),
        }
    }),
    ("norm", |isa, d, m| {
        let [z, q] = [d.rows(&m.read[0]), d.rows(&m.read[1])];
        let [one, two, ..] = &mut m.written;
        let (one, two, width) = (d.rows_mut(one), d.rows_mut(two), d.size());
        match d.next() % 6 {
            0 => norm::rows(isa, 0.1, z, width, one, Some(two)),
            1 => norm::rows_gradient(isa, z, q, q, width, one),
            2 => norm::block(isa, z, width, one, two),
            3 => norm::block_gradient(isa, z, q, width, one, two),
            4 => norm::Statistics::new(width.min(100)).standardise(isa, z, one),
            _ => norm::Statistics::new(width.min(100)).gradient(isa, z, q, one),
        }
    }),
    ("norm::Statistics", |_, d, _| {
        let mut statistics = norm::Statistics::new(d.size().min(100));
        let sums = [Matrix::zeros(3, 20), Matrix::zeros(2, 50)];
        statistics.gather([&sums[0], &sums[1]], d.size(), d.size().max(1 << 31), 0.1, |_, _, _| {});
        statistics.gather_gradient([&sums[0], &sums[1]], d.size(), d.size().max(1 << 31));
    }),
    ("softmax", |isa, d, m| {
        let output = Output::ALL[d.next() % Output::ALL.len()];
        let logits = Logits { rows: d.rows(&m.read[0]), width: d.size(), output };
        let [delta, losses, ..] = &mut m.written;
        if d.next().is_multiple_of(2) {
            softmax::probabilities(isa, logits, delta.middle());
        } else {
            let labels = [0, 3, u32::MAX, 1].into_iter();
            softmax::cross_entropy(isa, logits, labels, 1.0, d.rows_mut(delta), d.rows_mut(losses));
        }
    }),
    ("loss", |isa, d, m| {
        let kind = Loss::ALL[d.next() % Loss::ALL.len()];
        let output = if d.next().is_multiple_of(2) { kind.outputs()[0] } else { Output::ALL[d.next() % 5] };
        let (width, stride) = (d.size(), d.size());
        let [delta, losses, ..] = &mut m.written;
        let rows = |values: &'static [f32]| Rows { values, stride };
        let all: &'static [f32] = &[1.0; LEN];
        let logits = Logits { rows: rows(all), width, output };
        if d.next().is_multiple_of(2) {
            let truth = Truth { targets: rows(all), weights: rows(all), scale: 1.0 };
            let [delta, losses] = [delta, losses].map(|to| RowsMut { values: to.middle(), stride });
            loss::evaluate(isa, kind, logits, truth, delta, losses);
        } else {
            loss::targets_of_labels([0, 9, u32::MAX].into_iter(), width, 0.1, kind, output, d.rows_mut(delta));
        }
    }),
    ("table", |isa, d, m| {
        let [z, q] = [d.rows(&m.read[0]), d.rows(&m.read[1])];
        let (columns, width) = (d.size(), d.size());
        match d.next() % 3 {
            0 => table::look_up(z, columns, d.weights(&m.read[1]), d.rows_mut(&mut m.written[0])),
            1 => table::weight_gradient([z, q], columns, width, d.block(&m.listed), m.written[0].middle()),
            _ => {
                let [weights, first, second, third] = m.written.each_mut().map(Guarded::middle);
                let part = Part { weights, states: [first, second, third] };
                table::weight_update(isa, [z, q], columns, width, d.block(&m.listed), d.update(), part);
            }
        }
    }),
    ("gather", |isa, d, m| {
        let wanted: Vec<usize> = [0, 3, d.size(), d.size()].into_iter().filter(|w| *w < 1 << 40).collect();
        let columns = gather::Columns::new(d.size(), &wanted);
        let bytes = [1; LEN];
        let source = match d.next() % 3 {
            0 => Source::Bytes(&bytes, 0.5),
            1 => Source::Floats(&m.read[0].0[LEN..2 * LEN]),
            _ => Source::Entries(&m.csr),
        };
        let marks = d.next().is_multiple_of(2).then(|| Marks::of(d.size()));
        let chosen = [0, 1, d.size() as u32, u32::MAX];
        let (some, next) = chosen.split_at(1 + d.next() % 3);
        gather::rows(isa, source, &columns, marks, [some, next], d.rows_mut(&mut m.written[0]));
    }),
    ("Marks", |isa, d, m| {
        let marks = Marks::of(d.size());
        assert!(marks.columns() < usize::MAX / 2);
        marks.set(isa, d.rows_mut(&mut m.written[0]));
    }),
    ("function::apply", |isa, d, m| {
        let values = &mut m.written[0].middle()[..d.size().min(LEN)];
        crate::function::apply(isa, crate::function::Function::Exp, values);
    }),
    ("Team::for_each_block", |isa, d, _| {
        let mut matrices = [Matrix::zeros(4, 20), Matrix::zeros(9, 16)];
        let mut team = Team::new(1 + d.next() % 2, isa);
        team.for_each_block(&mut matrices, d.size(), d.size().max(1), |block| {
            let ([out], [_]) = block.write([0], [1]);
            out.values.fill(1.0);
        });
    }),
    ("Team::for_each_range", |isa, d, m| {
        let mut matrices = [Matrix::zeros(4, 20), Matrix::zeros(9, 16)];
        let mut team = Team::new(1 + d.next() % 2, isa);
        // At most so many tasks, whatever the rows.
        let (rows, width) = (d.size(), d.size());
        let step = d.size().max(rows / 64).max(1);
        team.for_each_range(&mut matrices, rows, step, [(m.written[0].middle(), width)], |_, block, [out]| {
            block.write([0], [1]).0[0].values.fill(1.0);
            out.fill(1.0);
        });
    }),
    ("Team::for_each_range_in_turns", |isa, d, m| {
        let mut matrices = [Matrix::zeros(4, 20), Matrix::zeros(9, 16)];
        let mut team = Team::new(1 + d.next() % 2, isa);
        let (rows, width) = (d.size(), d.size());
        let step = d.size().max(rows / 64).max(1);
        let partition = Partition::new((0..3).map(|_| d.size()..d.size()).collect());
        let [out, shared, ..] = m.written.each_mut().map(Guarded::middle);
        let fill = |_: std::ops::Range<usize>, block: &mut crate::Block<'_>, [out]: [&mut [f32]; 1]| {
            block.part(0..1).write([0], [1]).0[0].values.fill(1.0);
            out.fill(1.0);
        };
        let add = |_: &crate::Block<'_>, _, part: &mut [f32]| part.fill(1.0);
        team.for_each_range_in_turns(&mut matrices, [rows, step], [(out, width)], (shared, &partition), fill, add);
    }),
    ("Team::for_each_part", |isa, d, m| {
        let ranges: Vec<_> = (0..3).map(|_| d.size()..d.size()).collect();
        let (partition, mut team) = (Partition::new(ranges), Team::new(1 + d.next() % 2, isa));
        team.for_each_part(3, [(m.written[0].middle(), &partition)], |_, [part]| part.fill(1.0));
    }),
    ("Matrix", |_, d, _| {
        let [rows, columns] = [d.size(), d.size()];
        let fits = rows.checked_mul(columns.max(16)).is_none_or(|len| !(1 << 16..=1 << 61).contains(&len));
        if fits {
            let matrix = Matrix::zeros(rows, columns);
            assert!(matrix.values().len() >= rows * columns);
            assert_eq!(matrix.head(d.size()).values.len() % 16, 0);
        }
    }),
    ("Csr", |_, d, _| {
        let mut sizes = || [0, d.size(), d.size(), 2];
        let (starts, columns) = (sizes().to_vec(), sizes().map(|size| size as u32));
        let csr = Csr::new(d.size(), starts, columns[..2].to_vec(), vec![1.0; 2]).expect("rows that may be right");
        let mut turned = ByColumn::with_capacity(1, 1);
        let width_is_small = csr.width() < 100;
        if width_is_small {
            turned.set(&csr, &[0, d.size() as u32]);
        }
        let dense = csr.select(&[d.size()]);
        assert_eq!(dense.rows(), 1);
    }),
    ("Panels", |_, d, _| {
        let panels = Panels::new(d.size(), d.size());
        assert!(panels.index(d.size(), d.size()) < usize::MAX);
    }),
];

#[test]
fn no_size_makes_a_function_touch_what_it_was_not_given() {
    // The lists of a batch are complete, whatever the query.
    let csr = Csr::new(40, vec![0, 2, 3], vec![1, 39, 7], vec![1.0; 3]).expect("rows that ascend");
    let mut turned = ByColumn::with_capacity(40, 9);
    turned.set(&csr, &[1, 0, 0]);
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {})); // most calls panic, as they should
    let broken: Vec<String> = CALLS
        .iter()
        .flat_map(|call| Isa::available().into_iter().map(move |isa| (call, isa)))
        .filter_map(|(&(name, call), isa)| {
            let mut draw = Draw(name.len() as u64);
            let mut returned = 0;
            for _ in 0..if cfg!(miri) { 6 } else { 3000 } {
                let mut memory = Memory {
                    read: [(); 2].map(|()| Guarded::new()),
                    written: [(); 4].map(|()| Guarded::new()),
                    listed: Listed::new(vec![0, 2, 3, 30, 1 << 20, u32::MAX]),
                    csr: csr.clone(),
                    turned: turned.clone(),
                };
                let (before, draw) = (draw.0, &mut draw);
                returned += usize::from(catch_unwind(AssertUnwindSafe(|| call(isa, draw, &mut memory))).is_ok());
                if !memory.written.iter().chain(&memory.read).all(Guarded::is_whole) {
                    return Some(format!("{name} on {}, drawn from {before}", isa.name()));
                }
            }
            (returned == 0 && !cfg!(miri)).then(|| format!("{name} never returned: it is not tested"))
        })
        .collect();
    std::panic::set_hook(hook);
    assert!(broken.is_empty(), "{broken:#?}");
}

/// A row that is not there was found half-way: what had been there before pointed outside of its rows.
#[test]
fn a_batch_of_rows_that_are_not_there_changes_nothing() {
    let csr = Csr::new(4, vec![0, 1, 1], vec![0], vec![1.0]).expect("rows that ascend");
    let mut turned = ByColumn::with_capacity(4, 4);
    turned.set(&csr, &[1, 1, 1, 0]);
    let before = format!("{turned:?}");
    assert!(catch_unwind(AssertUnwindSafe(|| turned.set(&csr, &[0, 2]))).is_err());
    assert_eq!(format!("{turned:?}"), before);
}
