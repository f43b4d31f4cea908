//! Random networks of every layer, activation, join and initialiser.

use layerloop::network::{Dense, Join, Layer, Output, Spec, Unit};

use super::random::Random;

/// Chains are nested at most so deep here; that 64 are possible is shown elsewhere.
const DEEPEST: usize = 2;

/// The largest width; so that a network trains in some milliseconds, and fills more than two vectors of 16 lanes.
const WIDEST: usize = 40;

/// A network for `inputs` that gives `logits`. With `whole`, the inputs are whole numbers below that: names in a table.
pub(crate) fn spec(random: &mut Random, inputs: usize, logits: usize, output: Output, whole: Option<usize>) -> Spec {
    let (mut layers, mut width) = (Vec::new(), inputs);
    if let Some(count) = whole.filter(|_| random.percent(70)) {
        let each = 1 + random.below(5);
        layers.push(Layer::Unit(Unit::Embedding { count, width: each }));
        width *= each;
    }
    layers.extend(chain(random, &mut width, 0));
    // Without this layer the width is seldom right, and the network is refused.
    if width != logits || random.percent(90) {
        layers.push(dense(random, logits, 20));
    }
    Spec { inputs, layers, output }
}

fn dense(random: &mut Random, width: usize, percent_active: usize) -> Layer {
    let mut dense = Dense::new(width, layerloop::network::Activation::Identity);
    if random.percent(percent_active) {
        dense.activation = random.choice();
    }
    if random.percent(30) {
        dense.init = random.choice();
    }
    dense.bias = random.percent(85);
    Layer::Dense(dense)
}

fn chain(random: &mut Random, width: &mut usize, depth: usize) -> Vec<Layer> {
    (0..random.one_of(&[1, 1, 2, 2, 3, 4])).flat_map(|_| stage(random, width, depth)).collect()
}

/// One layer, with what it needs before or inside it to fit `width`, which it moves on.
fn stage(random: &mut Random, width: &mut usize, depth: usize) -> Vec<Layer> {
    match random.below(if depth < DEEPEST { 14 } else { 10 }) {
        0..=3 => {
            *width = random.one_of(&[1, 2, 3, 5, 8, 15, 16, 17, 24, 33, WIDEST]);
            vec![dense(random, *width, 75)]
        }
        4..=8 => unit(random, width),
        9 => vec![Layer::Activation(random.choice())],
        10 | 11 => {
            let (join, before) = (random.choice::<Join>(), *width);
            let chain = ending(random, width, depth, join, before);
            *width = if join == Join::Concatenate { before + *width } else { before };
            vec![Layer::Skip(chain, join)]
        }
        _ => {
            let (join, before) = (random.choice::<Join>(), *width);
            let common = 1 + random.below(WIDEST / 2);
            let mut widths = Vec::new();
            let chains = (0..1 + random.below(3))
                .map(|_| {
                    *width = before;
                    let chain = ending(random, width, depth, join, common);
                    widths.push(*width);
                    chain
                })
                .collect();
            *width = if join == Join::Concatenate { widths.iter().sum() } else { common };
            vec![Layer::Parallel(chains, join)]
        }
    }
}

/// A chain that gives `common` values, where `join` has to have as many of each.
fn ending(random: &mut Random, width: &mut usize, depth: usize, join: Join, common: usize) -> Vec<Layer> {
    let mut layers = chain(random, width, depth + 1);
    if join != Join::Concatenate && *width != common {
        *width = common;
        layers.push(dense(random, common, 50));
    }
    layers
}

/// A layer without weights of a product, most of the time one that fits; a new one does not compile until it is placed here.
fn unit(random: &mut Random, width: &mut usize) -> Vec<Layer> {
    let unit = random.choice();
    match unit {
        Unit::Maxout { pieces } if !width.is_multiple_of(pieces) && random.percent(95) => {
            *width = pieces * (1 + random.below(6));
            let narrowed = dense(random, *width, 50);
            *width /= pieces;
            return vec![narrowed, Layer::Unit(unit)];
        }
        Unit::Maxout { pieces } => *width = (*width / pieces).max(1),
        Unit::Bilinear { .. } => {
            // It has width^2 weights for each output.
            let few = *width <= 17;
            let (reads, gives) = (if few { *width } else { 5 }, 1 + random.below(7));
            *width = gives;
            let narrowed = (!few).then(|| dense(random, reads, 50));
            return narrowed.into_iter().chain([Layer::Unit(Unit::Bilinear { width: gives })]).collect();
        }
        // It can only stand first: of most networks that have it elsewhere nothing else would be seen.
        Unit::Embedding { .. } if random.percent(95) => return unit_without_width(),
        Unit::Embedding { width: each, .. } => *width *= each,
        Unit::Dropout { .. } | Unit::AlphaDropout { .. } | Unit::BatchNorm { .. } | Unit::LayerNorm { .. } => {}
        Unit::Scale | Unit::Gain | Unit::Parametric { .. } | Unit::Prelu { .. } | Unit::Rrelu { .. } => {}
        // Members of several numbers do not go together: of most networks with two of these nothing else would be seen.
        Unit::MemberGain { .. } | Unit::MemberScale { .. } => {}
        Unit::MemberDense { members, .. } => {
            *width = 1 + random.below(7);
            return vec![Layer::Unit(Unit::MemberDense { members, width: *width })];
        }
        Unit::Columns { .. } => {
            let first = random.below(*width);
            let count = 1 + random.below(*width - first);
            *width = count;
            return vec![Layer::Unit(Unit::Columns { first, count })];
        }
        Unit::Piecewise { .. } => {
            let (bins, each) = (1 + random.below(17), (1 + random.below(17)).min(1 + 60 / *width));
            *width *= each;
            return vec![Layer::Unit(Unit::Piecewise { bins, width: each })];
        }
        Unit::Waves { deviation, .. } => {
            let (most, count) = (1 + 60 / *width, 1 + random.below(17));
            let count = count.min(most);
            *width *= count;
            return vec![Layer::Unit(Unit::Waves { count, deviation })];
        }
        Unit::Grouped { .. } => {
            let divisors: Vec<usize> = (1..=*width).filter(|groups| width.is_multiple_of(*groups)).collect();
            let groups = divisors[random.below(divisors.len())];
            let each = 1 + random.below(3);
            *width = groups * each;
            return vec![Layer::Unit(Unit::Grouped { groups, width: each })];
        }
    }
    vec![Layer::Unit(unit)]
}

fn unit_without_width() -> Vec<Layer> {
    vec![Layer::Unit(Unit::Scale)]
}
