//! What units become: operations and their parameters.

use layerloop_kernels::Activation;
use layerloop_kernels::columns::PerColumn;
use layerloop_kernels::grouped::{Groups, Parts};
use layerloop_kernels::members::Members;
use layerloop_kernels::piecewise::Piecewise;

use super::init::Init;
use super::layer::{Dense, Unit};
use super::program::{Initial, Kind, Program, Role};
use crate::preprocess::normal_edges;
use crate::{Error, Result};

impl Program {
    /// The value that `unit` makes of `from`.
    pub(super) fn unit(&mut self, unit: Unit, from: usize, path: &str) -> Result<usize> {
        let width = self.values[from].width;
        let refuse = |reason: String| Err(Error::config(format!("layer {path}"), reason));
        Ok(match unit {
            Unit::Dropout { rate } => self.op(Kind::Drop { rate, alpha: false }, vec![from], width, path),
            Unit::AlphaDropout { rate } => self.op(Kind::Drop { rate, alpha: true }, vec![from], width, path),
            Unit::BatchNorm { momentum, epsilon } => {
                self.parameter(path, [1, width], true, Role::Statistics, Initial::Constant(0.0, 1.0));
                let index = self.batch_norms().count();
                let to = self.op(Kind::BatchStandardise { epsilon, momentum, index }, vec![from], width, path);
                self.scale(to, path)
            }
            Unit::LayerNorm { epsilon } => {
                let to = self.op(Kind::Standardise { epsilon }, vec![from], width, path);
                self.scale(to, path)
            }
            Unit::Scale => self.scale(from, path),
            Unit::Gain => self.per_column(PerColumn::Gain, Initial::Constant(1.0, 0.0), from, path),
            Unit::Parametric { activation } => {
                self.parameter(path, [1, width], false, Role::Parametric, Initial::Constant(1.0, 0.0));
                self.op(Kind::Parametric(activation), vec![from], width, path)
            }
            Unit::Prelu { start } => self.per_column(PerColumn::Prelu, Initial::Constant(start, 0.0), from, path),
            Unit::Waves { .. } | Unit::Piecewise { .. } | Unit::Columns { .. } | Unit::Grouped { .. } => {
                return self.unit_of_numbers(unit, from, path);
            }
            Unit::Rrelu { lower, upper } if lower > upper => {
                return refuse(format!("rrelu between {lower} and {upper}; lower is at most upper"));
            }
            Unit::Rrelu { lower, upper } => self.op(Kind::Leak { lower, upper }, vec![from], width, path),
            Unit::Maxout { pieces } if !width.is_multiple_of(pieces) => {
                return refuse(format!(
                    "maxout of {pieces} pieces reads {width} values, which is not a multiple of it"
                ));
            }
            Unit::Maxout { pieces } => self.op(Kind::Max { pieces }, vec![from], width / pieces, path),
            Unit::MemberGain { .. } | Unit::MemberScale { .. } | Unit::MemberDense { .. } => {
                return self.unit_of_members(unit, from, path);
            }
            Unit::Bilinear { width: outputs } => {
                let products = self.op(Kind::Outer, vec![from], width.saturating_mul(width), path);
                self.dense(Dense::new(outputs, Activation::Identity), products, path)
            }
            Unit::Embedding { .. } if self.values[from].z != 0 || self.table.is_some() => {
                return refuse(
                    "embedding reads whole numbers: it has to be the first layer, and the only embedding".into(),
                );
            }
            Unit::Embedding { count, width: numbers } => {
                self.parameter(path, [count, numbers], false, Role::Table, Initial::Drawn(Init::GlorotUniform));
                self.table = Some(count);
                self.op(Kind::Table, vec![from], width.saturating_mul(numbers), path)
            }
        })
    }

    /// A unit that makes several values of each, or takes some of them.
    fn unit_of_numbers(&mut self, unit: Unit, from: usize, path: &str) -> Result<usize> {
        let width = self.values[from].width;
        let refuse = |reason: String| Err(Error::config(format!("layer {path}"), reason));
        Ok(match unit {
            Unit::Waves { count, deviation } => {
                self.per_column(PerColumn::Waves { count }, Initial::Waves(deviation), from, path)
            }
            Unit::Piecewise { bins, width: each } => {
                let (first, piecewise) = (self.edges.len(), Piecewise { inputs: width, bins, width: each });
                self.edges.extend(normal_edges(bins));
                let range = Initial::Uniform(1.0 / (each as f32).sqrt());
                self.parameter(path, [1, piecewise.parameters()], false, Role::Piecewise { piecewise, first }, range);
                self.op(Kind::Piecewise { piecewise, first }, vec![from], width.saturating_mul(each), path)
            }
            Unit::Columns { first, count } if first.saturating_add(count) > width => {
                return refuse(format!("{count} values after the first {first}; it reads {width} values"));
            }
            Unit::Columns { first, count } => self.op(Kind::Columns { first }, vec![from], count, path),
            Unit::Grouped { groups, .. } if !width.is_multiple_of(groups) => {
                return refuse(format!("{groups} groups of {width} values, which is not a multiple of it"));
            }
            Unit::Grouped { groups: count, width: outputs } => {
                self.grouped(Groups { count, inputs: width / count, outputs, of: Parts::Columns }, from, path)
            }
            _ => unreachable!("no unit of numbers"),
        })
    }

    /// A unit of which each member that looks at a row has its own parameters.
    fn unit_of_members(&mut self, unit: Unit, from: usize, path: &str) -> Result<usize> {
        let width = self.values[from].width;
        Ok(match unit {
            Unit::MemberGain { members, .. } | Unit::MemberScale { members } | Unit::MemberDense { members, .. }
                if ![1, members].contains(&self.members_of_row) =>
            {
                let reason = format!("{members} members; {} look at every row already", self.members_of_row);
                return Err(Error::config(format!("layer {path}"), reason));
            }
            Unit::MemberGain { members, signs } => {
                let start = if signs { Initial::Signs } else { Initial::Ones(members * width) };
                self.of_members(Members { count: members, width, bias: false }, start, from, path)
            }
            Unit::MemberScale { members } => {
                let start = Initial::Ones(members * width);
                self.of_members(Members { count: members, width, bias: true }, start, from, path)
            }
            Unit::MemberDense { members, width: outputs } => {
                self.members_of_row = members;
                self.grouped(Groups { count: members, inputs: width, outputs, of: Parts::Rows }, from, path)
            }
            _ => unreachable!("no unit of members"),
        })
    }

    fn grouped(&mut self, groups: Groups, from: usize, path: &str) -> usize {
        let range = Initial::Uniform(1.0 / (groups.inputs as f32).sqrt());
        self.parameter(path, [1, groups.parameters()], false, Role::Grouped(groups), range);
        self.op(Kind::Grouped(groups), vec![from], groups.widths()[1], path)
    }

    fn of_members(&mut self, members: Members, start: Initial, from: usize, path: &str) -> usize {
        self.members_of_row = members.count;
        self.parameter(path, [1, members.parameters()], false, Role::Members(members), start);
        self.op(Kind::Members(members), vec![from], members.width, path)
    }

    fn scale(&mut self, from: usize, path: &str) -> usize {
        self.per_column(PerColumn::Scale, Initial::Constant(1.0, 0.0), from, path)
    }

    /// A layer with one or two parameters for each column that it gives.
    fn per_column(&mut self, layer: PerColumn, start: Initial, from: usize, path: &str) -> usize {
        let width = self.values[from].width.saturating_mul(layer.spread());
        self.parameter(path, [1, width], layer.parameters() > 1, Role::PerColumn(layer), start);
        self.op(Kind::PerColumn(layer), vec![from], width, path)
    }
}
