//! What `predict` does, as calls of the functions of `helpers.*`: the same for each language.

use layerloop::model_file::Model;
use layerloop::network::view::{Operation, Step, View};
use layerloop::network::{Activation, Join, Output, Tensor};
use layerloop::preprocess::view::{Encoder, NORMAL_QUANTILE, NumberView, Part, ScalingView};
use layerloop::preprocess::{Preprocessing, Target, TargetTransform};
use layerloop::{Error, Result};
use layerloop_kernels::formula::Formula;
use layerloop_kernels::function::Function;

use super::int8;
use crate::code::formula::name_of;

/// Numbers that the file holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Numbers {
    Floats(Vec<f32>),
    Doubles(Vec<f64>),
    Bytes(Vec<i8>),
}

/// An argument of a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Arg {
    /// The whole input.
    Input,
    /// One number of it.
    InputAt(usize),
    /// A part of a moment that is one number of it, given the earliest one.
    PartOf(usize, Part, f64),
    /// A value that is read, from a place on.
    Read(usize),
    /// A value that is written, from a place on.
    Write(usize, usize),
    /// Numbers of the file.
    Numbers(usize),
    /// Of numbers of the file those of the current member, so many each, behind so many others.
    OfMember(usize, usize, usize),
    /// No numbers: a layer without biases.
    None,
    Whole(usize),
    Float(f32),
    Double(f64),
}

/// A statement.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Call {
    Function(&'static str, Vec<Arg>),
    /// A function of single numbers, for each of a value's.
    Apply {
        formula: usize,
        value: usize,
        width: usize,
    },
    /// output[to] = value[from], or the number to predict that belongs to it.
    Output {
        from: [usize; 2],
        to: usize,
        decode: Option<Decode>,
    },
}

/// y = t scale + centre, perhaps e^y - 1, perhaps between two limits; in f64.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Decode {
    pub(super) scale: f64,
    pub(super) centre: f64,
    pub(super) log: bool,
    pub(super) range: Option<[f64; 2]>,
}

/// The whole of `predict`.
#[derive(Debug)]
pub(super) struct Plan {
    /// Lines of the first comment.
    pub(super) about: Vec<String>,
    /// The widths of the values between.
    pub(super) values: Vec<usize>,
    pub(super) numbers: Vec<Numbers>,
    pub(super) formulas: Vec<(String, Formula)>,
    /// The numbers that are those of [`NORMAL_QUANTILE`], if a column needs them.
    coefficients: Option<Arg>,
    /// Before the members, for each of them, after them.
    pub(super) parts: [Vec<Call>; 3],
    pub(super) members: usize,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// Whether inputs, and outputs, are f64.
    pub(super) double: [bool; 2],
}

impl Plan {
    pub(super) fn of(model: &Model, int8: bool) -> Result<Self> {
        let view = View::of(&model.network);
        let mut plan = Self {
            about: vec![format!("network  {}", model.network.spec())],
            values: vec![view.inputs()],
            numbers: vec![],
            formulas: vec![],
            coefficients: None,
            parts: [vec![], vec![], vec![]],
            members: view.members,
            inputs: view.inputs(),
            outputs: model.classes.len(),
            double: [false; 2],
        };
        plan.inputs(model)?;
        // Whether a value is another one for each member.
        let mut varies = vec![false];
        for (i, step) in view.steps.iter().enumerate() {
            let own = matches!(step.operation, Operation::MemberDense { .. } | Operation::MemberScale { .. });
            let part = usize::from(own || step.reads.iter().any(|&read| varies[read]));
            varies.push(part == 1);
            plan.values.push(view.widths[i + 1]);
            plan.step(step, i + 1, part, int8)?;
        }
        plan.ends(model, &view, varies.last() == Some(&true));
        Ok(plan)
    }

    /// Whether a number to predict is e^y - 1 of what the network gives.
    pub(super) fn has_logarithm(&self) -> bool {
        let log = |call: &Call| matches!(call, Call::Output { decode: Some(Decode { log: true, .. }), .. });
        self.parts.iter().flatten().any(log)
    }

    fn call(&mut self, part: usize, function: &'static str, args: impl Into<Vec<Arg>>) {
        self.parts[part].push(Call::Function(function, args.into()));
    }

    fn floats(&mut self, values: &[f32]) -> Arg {
        self.numbers.push(Numbers::Floats(values.to_vec()));
        Arg::Numbers(self.numbers.len() - 1)
    }

    fn doubles(&mut self, values: &[f64]) -> Arg {
        self.numbers.push(Numbers::Doubles(values.to_vec()));
        Arg::Numbers(self.numbers.len() - 1)
    }

    fn formula(&mut self, name: String, formula: impl FnOnce() -> Formula) -> usize {
        let known = self.formulas.iter().position(|(other, _)| *other == name);
        known.unwrap_or_else(|| {
            self.formulas.push((name, formula()));
            self.formulas.len() - 1
        })
    }

    /// An elementary function by its name in the helpers.
    fn function(&mut self, function: Function) -> usize {
        let name =
            if function == Function::CosTurn { "cos_turn".into() } else { format!("function_{}", function.name()) };
        self.formula(name, || Formula::of_function(function))
    }

    fn activate(&mut self, part: usize, activation: Activation, value: usize) {
        if activation != Activation::Identity {
            let formula = self.formula(name_of(activation), || Formula::of_activation(activation));
            self.parts[part].push(Call::Apply { formula, value, width: self.values[value] });
        }
    }

    /// From the inputs to value 0.
    fn inputs(&mut self, model: &Model) -> Result<()> {
        let width = self.values[0];
        if let Some(by) = &model.input.preprocessing {
            return self.table(by);
        }
        let names = model.input.columns.as_ref().map_or_else(|| "in order".into(), |names| names.join(", "));
        self.about.push(format!("input    {width} numbers: {names}"));
        let (scale, write) = (Arg::Float(model.input.scale), Arg::Write(0, 0));
        match &model.input.standardisation {
            Some(by) => {
                let (means, deviations) = (self.doubles(by.means()), self.doubles(by.deviations()));
                let args = [Arg::Input, Arg::Whole(width), scale, means, deviations, write];
                self.call(0, "standardise", args);
            }
            None => self.call(0, "scale_input", [Arg::Input, Arg::Whole(width), scale, write]),
        }
        Ok(())
    }

    /// From the columns of a table to value 0.
    fn table(&mut self, by: &Preprocessing) -> Result<()> {
        let (columns, mut to) = (by.view(), 0);
        let names: Vec<&str> = by.columns().map(|(name, _)| name).collect();
        self.double[0] = true;
        self.inputs = names.len();
        self.about.push(format!("input    {} numbers, one for each column:", names.len()));
        for column in &columns {
            let i = names.iter().position(|name| *name == column.name).unwrap_or_default();
            match &column.encoder {
                Encoder::Numbers(number) => {
                    self.about.push(format!("         {}: a number, NaN where it is missing", column.name));
                    self.number(Arg::InputAt(i), number, to);
                }
                Encoder::Repeated { values, table } => {
                    let (count, width) = (Arg::Whole(values.len()), Arg::Whole(column.width));
                    let (values, table) = (self.doubles(values), self.floats(table));
                    self.call(0, "repeated", [Arg::InputAt(i), values, count, width, table, Arg::Write(0, to)]);
                }
                Encoder::Levels { levels, table } => {
                    let named: Vec<String> =
                        levels.iter().enumerate().map(|(i, level)| format!("{i} {level}")).collect();
                    let (others, missing) = (levels.len(), levels.len() + 1);
                    let named = named.join(", ");
                    self.about.push(format!(
                        "         {}: {named}, {others} another name, {missing} or NaN missing",
                        column.name
                    ));
                    let table = self.floats(table);
                    let sizes = [levels.len(), column.width].map(Arg::Whole);
                    self.call(0, "level", [Arg::InputAt(i), sizes[0], sizes[1], table, Arg::Write(0, to)]);
                }
                Encoder::Dates { earliest, parts } => {
                    let name = &column.name;
                    self.about.push(format!("         {name}: seconds since 1970-01-01, NaN where they are missing"));
                    let mut to = to;
                    for (part, number) in parts {
                        self.number(Arg::PartOf(i, *part, *earliest), number, to);
                        to += number.width();
                    }
                }
            }
            to += column.width;
        }
        Ok(())
    }

    /// A number of the table, filled and scaled, and perhaps whether it is missing.
    fn number(&mut self, x: Arg, NumberView { fill, scaling, indicator }: &NumberView, to: usize) {
        let (fill, out) = (Arg::Double(*fill), Arg::Write(0, to));
        let mut by = |name, centre, factor| {
            self.call(0, name, [x, fill, Arg::Double(centre), Arg::Double(factor), out]);
        };
        match scaling {
            ScalingView::Linear { centre, factor } => by("linear", *centre, *factor),
            ScalingView::Clipped { centre, factor } => by("clipped", *centre, *factor),
            ScalingView::Normal { quantiles } => {
                let count = Arg::Whole(quantiles.len());
                let coefficients = self.coefficients.get_or_insert_with(|| {
                    self.numbers.push(Numbers::Doubles(NORMAL_QUANTILE.concat()));
                    Arg::Numbers(self.numbers.len() - 1)
                });
                let coefficients = *coefficients;
                let quantiles = self.doubles(quantiles);
                self.call(0, "quantile", [x, fill, quantiles, count, coefficients, out]);
            }
        }
        if *indicator {
            self.call(0, "missing", [x, Arg::Write(0, to + 1)]);
        }
    }

    fn dense(&mut self, part: usize, z: usize, to: usize, weight: &Tensor, bias: Option<&Tensor>, int8: bool) {
        let (inputs, outputs) = (self.values[z], self.values[to]);
        let bias = bias.map_or(Arg::None, |bias| self.floats(&bias.values));
        let by_input = |at: usize| (at % outputs) * inputs + at / outputs;
        let (z, out, inputs_arg, outputs_arg) =
            (Arg::Read(z), Arg::Write(to, 0), Arg::Whole(inputs), Arg::Whole(outputs));
        if int8 {
            let (bytes, scales) = int8::of(&weight.values, outputs);
            self.numbers.push(Numbers::Bytes((0..bytes.len()).map(|at| bytes[by_input(at)]).collect()));
            let bytes = Arg::Numbers(self.numbers.len() - 1);
            let scales = self.floats(&scales);
            return self.call(part, "dense_int8", [z, inputs_arg, bytes, scales, bias, outputs_arg, out]);
        }
        let weights: Vec<f32> = (0..weight.values.len()).map(|at| weight.values[by_input(at)]).collect();
        let weights = self.floats(&weights);
        self.call(part, "dense", [z, inputs_arg, weights, bias, outputs_arg, out]);
    }

    fn step(&mut self, step: &Step, to: usize, part: usize, int8: bool) -> Result<()> {
        let z = step.reads[0];
        let (from, width) = (self.values[z], self.values[to]);
        let (read, write, n) = (Arg::Read(z), Arg::Write(to, 0), Arg::Whole(width));
        match &step.operation {
            Operation::Dense { weight, bias, activation } => {
                self.dense(part, z, to, weight, bias.as_ref(), int8);
                self.activate(part, *activation, to);
            }
            Operation::Activation(activation) => {
                self.call(part, "copy", [read, Arg::Whole(0), n, Arg::Write(to, 0), Arg::Whole(0)]);
                self.activate(part, *activation, to);
            }
            Operation::Join(join) => self.join(part, *join, &step.reads, to),
            Operation::Scale { weight, bias } => self.scale(part, [z, to], weight, bias.as_ref()),
            Operation::Prelu { slope } => {
                let slope = self.floats(&slope.values);
                self.call(part, "prelu", [read, n, slope, write]);
            }
            Operation::Leak { slope } => self.call(part, "leak", [read, n, Arg::Float(*slope), write]),
            Operation::Waves { count, weight, bias } => {
                self.function(Function::CosTurn);
                let turns: Vec<f32> = bias.values.iter().map(|b| b * (1.0 / std::f32::consts::TAU)).collect();
                let (weight, turns) = (self.floats(&weight.values), self.floats(&turns));
                self.call(part, "waves", [read, n, Arg::Whole(*count), weight, turns, write]);
            }
            Operation::LayerNorm { .. } | Operation::BatchNorm { .. } => self.norm(&step.operation, part, z, to),
            Operation::Maxout { pieces } => self.call(part, "maxout", [read, n, Arg::Whole(*pieces), write]),
            Operation::Outer => self.call(part, "outer", [read, Arg::Whole(from), write]),
            Operation::Columns { first } => {
                self.call(part, "copy", [read, Arg::Whole(*first), n, Arg::Write(to, 0), Arg::Whole(0)]);
            }
            Operation::Grouped { .. } | Operation::MemberDense { .. } | Operation::MemberScale { .. } => {
                self.apart(&step.operation, part, z, to);
            }
            Operation::Piecewise { width, edges, weight } => self.piecewise(part, [z, to], *width, edges, weight),
            Operation::Parametric { activation, weight } => {
                let weight = self.floats(&weight.values);
                self.call(part, "copy", [read, Arg::Whole(0), n, Arg::Write(to, 0), Arg::Whole(0)]);
                self.activate(part, *activation, to);
                self.call(part, "blend", [read, n, weight, write]);
            }
            Operation::Embedding { width: each, table, count } => {
                let rows: Vec<f32> =
                    (0..count * each).map(|at| table.values[(at % each) * count + at / each]).collect();
                let rows = self.floats(&rows);
                self.call(part, "embedding", [read, Arg::Whole(from), Arg::Whole(*each), rows, write]);
            }
            Operation::Custom { name } => {
                let reason =
                    format!("layer {} is `{name}`, a user-defined layer, which only Rust code knows", step.path);
                return Err(Error::config("--to", reason));
            }
        }
        Ok(())
    }

    fn scale(&mut self, part: usize, [z, to]: [usize; 2], weight: &Tensor, bias: Option<&Tensor>) {
        let (read, write, n) = (Arg::Read(z), Arg::Write(to, 0), Arg::Whole(self.values[to]));
        let weight = self.floats(&weight.values);
        match bias {
            None => self.call(part, "gain", [read, n, weight, write]),
            Some(bias) => {
                let bias = self.floats(&bias.values);
                self.call(part, "scale", [read, n, weight, bias, write]);
            }
        }
    }

    /// A layer norm or a batch norm, without scale and shift.
    fn norm(&mut self, operation: &Operation, part: usize, z: usize, to: usize) {
        let (width, read, write) = (self.values[to], Arg::Read(z), Arg::Write(to, 0));
        let n = Arg::Whole(width);
        match operation {
            Operation::LayerNorm { epsilon } => {
                self.call(part, "layer_norm", [read, n, Arg::Float(1.0 / width as f32), Arg::Float(*epsilon), write]);
            }
            Operation::BatchNorm { mean, variance, epsilon } => {
                let inverse: Vec<f32> = variance.values.iter().map(|v| 1.0 / (v + epsilon).sqrt()).collect();
                let (mean, inverse) = (self.floats(&mean.values), self.floats(&inverse));
                self.call(part, "batch_norm", [read, n, mean, inverse, write]);
            }
            _ => unreachable!("no norm"),
        }
    }

    /// Operations that treat parts of a row, or each member, apart.
    fn apart(&mut self, operation: &Operation, part: usize, z: usize, to: usize) {
        let (width, read, write) = (self.values[to], Arg::Read(z), Arg::Write(to, 0));
        let n = Arg::Whole(width);
        match operation {
            Operation::Grouped { groups, inputs, outputs, weight } => {
                let sizes = [*groups, *inputs, *outputs].map(Arg::Whole);
                let weight = self.floats(&weight.values);
                self.call(part, "grouped", [read, sizes[0], sizes[1], sizes[2], weight, write]);
            }
            Operation::MemberDense { inputs, outputs, weight } => {
                let size = (inputs + 1) * outputs;
                let Arg::Numbers(at) = self.floats(&weight.values) else { return };
                let sizes = [1, *inputs, *outputs].map(Arg::Whole);
                let own = Arg::OfMember(at, size, 0);
                self.call(part, "grouped", [read, sizes[0], sizes[1], sizes[2], own, write]);
            }
            Operation::MemberScale { weight, bias } => {
                let Arg::Numbers(at) = self.floats(&weight.values) else { return };
                let own = Arg::OfMember(at, width, 0);
                if *bias {
                    let bias = Arg::OfMember(at, width, self.members * width);
                    self.call(part, "scale", [read, n, own, bias, write]);
                } else {
                    self.call(part, "gain", [read, n, own, write]);
                }
            }
            _ => unreachable!("no operation on parts"),
        }
    }

    /// The sums b + v_0 + ... + v_{t-1} are made here, in the order of the fast path.
    fn piecewise(&mut self, part: usize, [z, to]: [usize; 2], width: usize, edges: &[f32], weight: &Tensor) {
        let (from, of_value) = (self.values[z], edges.len() * width);
        let mut sums = weight.values.clone();
        for sums in sums.chunks_exact_mut(of_value) {
            (width..of_value).for_each(|at| sums[at] += sums[at - width]);
        }
        let [edges_arg, sums, v] = [edges, &sums, &weight.values].map(|values| self.floats(values));
        let sizes = [from, edges.len() - 1, width].map(Arg::Whole);
        let args = [Arg::Read(z), sizes[0], sizes[1], sizes[2], edges_arg, sums, v, Arg::Write(to, 0)];
        self.call(part, "piecewise", args);
    }

    fn join(&mut self, part: usize, join: Join, reads: &[usize], to: usize) {
        let mut column = 0;
        for (i, &read) in reads.iter().enumerate() {
            let (from, n) = (Arg::Read(read), Arg::Whole(self.values[read]));
            match join {
                Join::Concatenate => {
                    self.call(part, "copy", [from, Arg::Whole(0), n, Arg::Write(to, 0), Arg::Whole(column)]);
                    column += self.values[read];
                }
                _ if i == 0 => self.call(part, "copy", [from, Arg::Whole(0), n, Arg::Write(to, 0), Arg::Whole(0)]),
                Join::Add | Join::Mean => self.call(part, "add", [from, n, Arg::Write(to, 0)]),
                Join::Multiply => self.call(part, "multiply", [from, n, Arg::Write(to, 0)]),
            }
        }
        if join == Join::Mean {
            let args = [Arg::Whole(self.values[to]), Arg::Float(reads.len() as f32), Arg::Write(to, 0)];
            self.call(part, "divide", args);
        }
    }

    /// From the logits, the last value, to the outputs.
    fn ends(&mut self, model: &Model, view: &View, varies: bool) {
        let (last, logits, count) = (self.values.len() - 1, view.logits(), view.outputs());
        let part = usize::from(varies);
        self.values.push(count);
        let mut out = last + 1;
        let (read, n, write) = (Arg::Read(last), Arg::Whole(logits), Arg::Write(out, 0));
        match view.output {
            Output::Softmax | Output::ReferenceSoftmax => {
                self.function(Function::Exp);
                let reference = Arg::Whole(usize::from(view.output == Output::ReferenceSoftmax));
                self.call(part, "softmax", [read, n, reference, write]);
            }
            Output::Sigmoid => {
                let formula = self.function(Function::Sigmoid);
                let first = count - logits; // one logit is p, and minus that 1 - p
                if first == 1 {
                    self.numbers.push(Numbers::Floats(vec![-1.0]));
                    let minus = Arg::Numbers(self.numbers.len() - 1);
                    self.call(part, "gain", [read, Arg::Whole(1), minus, write]);
                }
                self.call(part, "copy", [read, Arg::Whole(0), n, Arg::Write(out, 0), Arg::Whole(first)]);
                self.parts[part].push(Call::Apply { formula, value: out, width: count });
            }
            Output::Identity | Output::Exp => {
                self.call(part, "copy", [read, Arg::Whole(0), n, Arg::Write(out, 0), Arg::Whole(0)]);
                if view.output == Output::Exp {
                    let formula = self.function(Function::Exp);
                    self.parts[part].push(Call::Apply { formula, value: out, width: count });
                }
            }
        }
        if self.members > 1 {
            self.values.push(count);
            let (sum, n) = (out + 1, Arg::Whole(count));
            let zero = self.floats(&[0.0]);
            (0..count).for_each(|to| {
                self.call(0, "copy", [zero, Arg::Whole(0), Arg::Whole(1), Arg::Write(sum, 0), Arg::Whole(to)]);
            });
            self.call(1, "add", [Arg::Read(out), n, Arg::Write(sum, 0)]);
            self.call(2, "divide", [n, Arg::Float(self.members as f32), Arg::Write(sum, 0)]);
            out = sum;
        }
        self.outputs(model, count, out);
    }

    fn outputs(&mut self, model: &Model, count: usize, out: usize) {
        let target = model.input.preprocessing.as_ref().map(|by| by.target());
        let what = if model.network.spec().output.is_classifier() { "probabilities" } else { "numbers" };
        self.about.push(format!("output   {} {what}: {}", self.outputs, model.classes.join(", ")));
        // One sigmoid that predicts a number: the second of two.
        let first = count - self.outputs;
        for to in 0..self.outputs {
            let decode = match target {
                Some(Target::Numbers(targets)) => {
                    let target = &targets[to];
                    let log = target.transform == TargetTransform::Log;
                    Some(Decode { scale: target.scale, centre: target.centre, log, range: target.range })
                }
                _ => None,
            };
            self.double[1] = decode.is_some();
            self.parts[2].push(Call::Output { from: [out, first + to], to, decode });
        }
    }
}
