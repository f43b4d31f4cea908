//! What each operator does to what is known.

use std::rc::Rc;

use layerloop::network::{Activation, Join, Layer, Unit};

use super::node::Node;
use super::{Interpreter, OPERATORS, Value};
use crate::onnx::import::constant::{Constant, Data};
use crate::onnx::import::expression::{Expression, OF_ONE};
use crate::onnx::import::rows::{Piece, Rows};

type Result<T> = std::result::Result<T, String>;

impl<'a> Interpreter<'a> {
    /// What a node gives.
    pub(super) fn evaluate(&mut self, node: &Node<'a>) -> Result<Value> {
        let op = node.op();
        if !OPERATORS.contains(&op) {
            return Err(format!("this operator is not supported; those that are: {}", OPERATORS.join(", ")));
        }
        match op {
            "Constant" => self.constant_of(node),
            "Identity" | "Dropout" | "Cast" => self.value(node, 0),
            "Gather" | "ArrayFeatureExtractor" | "LabelEncoder" | "ZipMap" => self.labels(node),
            "ArgMax" | "Binarizer" | "Greater" | "GreaterOrEqual" | "Less" | "Round" => {
                self.rows(node, 0).map(|_| Value::Label)
            }
            "Transpose" => match self.value(node, 0)? {
                Value::Constant(constant) => {
                    let turned = constant.transposed().ok_or("it turns a tensor that is not a matrix")?;
                    Ok(Value::Constant(Rc::new(turned)))
                }
                _ => Err("it exchanges rows and columns of the data".into()),
            },
            "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" => self.reshape(node),
            "MatMul" | "Gemm" => self.product(node),
            "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Max" | "Min" | "Sum" | "Mean" => self.combine(node),
            "Concat" => self.concat(node),
            "Slice" => self.slice(node),
            "BatchNormalization" | "LayerNormalization" => self.norm(node),
            "Scaler" => self.scaler(node),
            "PRelu" => self.prelu(node),
            "Softmax" => self.softmax(node),
            _ => self.function(node),
        }
    }

    fn value(&self, node: &Node, at: usize) -> Result<Value> {
        let name = node.input(at).ok_or_else(|| format!("it has no input {at}"))?;
        self.values.get(name).cloned().ok_or_else(|| format!("its input `{name}` is given by no node before it"))
    }

    fn rows(&self, node: &Node, at: usize) -> Result<Rows> {
        match self.value(node, at)? {
            Value::Rows(rows) => Ok(rows),
            Value::Constant(_) => Err(format!("its input {at} is a constant, where data is expected")),
            Value::Label => Err("it reads predicted classes".into()),
        }
    }

    fn constant(&self, node: &Node, at: usize) -> Result<Rc<Constant>> {
        match self.value(node, at)? {
            Value::Constant(constant) => Ok(constant),
            _ => Err(format!("its input {at} is not constant")),
        }
    }

    fn constant_of(&self, node: &Node) -> Result<Value> {
        let scalar = |data| Constant::new(vec![], data);
        let constant = if let Some(tensor) = node.attribute("value").and_then(|set| set.t.as_ref()) {
            self.constants.read(tensor)?
        } else if let Some(f) = node.attribute("value_float").and_then(|set| set.f) {
            scalar(Data::Floats(vec![f]))
        } else if let Some(i) = node.attribute("value_int").and_then(|set| set.i) {
            scalar(Data::Ints(vec![i]))
        } else if let Some(set) = node.attribute("value_ints") {
            Constant::new(vec![set.ints.len()], Data::Ints(set.ints.clone()))
        } else if let Some(set) = node.attribute("value_floats") {
            Constant::new(vec![set.floats.len()], Data::Floats(set.floats.clone()))
        } else {
            return Err("its value is of a kind that is not supported".into());
        };
        Ok(Value::Constant(Rc::new(constant)))
    }

    /// The names of the classes, which stand in these nodes.
    fn labels(&mut self, node: &Node) -> Result<Value> {
        if node.op() == "ZipMap" {
            self.classes = node.names(["classlabels_strings", "classlabels_int64s"]).or(self.classes.take());
            return self.value(node, 0);
        }
        if node.op() == "LabelEncoder" {
            self.classes = node.names(["values_strings", "values_int64s"]).or(self.classes.take());
            return self.value(node, 0);
        }
        match (self.value(node, 0)?, self.value(node, 1)?) {
            (Value::Constant(names), Value::Label) => {
                self.classes = Some(names.data.texts());
                Ok(Value::Label)
            }
            _ => Err("it looks up something else than the names of predicted classes".into()),
        }
    }

    /// A change of shape that leaves each row as it is.
    fn reshape(&self, node: &Node) -> Result<Value> {
        let mut rows = match self.value(node, 0)? {
            Value::Rows(rows) => rows,
            Value::Label => return Ok(Value::Label),
            Value::Constant(constant) => return reshaped(node, &constant, self.axes(node, 1)),
        };
        if rows.dims.len() > 1 && rows.chain.is_empty() && rows.then.is_t() {
            // Images and the like: all sizes behind that of the batch become one.
            let product = rows.dims.iter().try_fold(1_usize, |all, dim| all.checked_mul((*dim)?));
            rows.dims = vec![Some(product.ok_or("it flattens an input of unknown size")?)];
        }
        if node.op() == "Reshape"
            && let Some(&width) = self.axes(node, 1).and_then(|shape| shape.last().copied()).as_ref()
            && width > 0
            && usize::try_from(width).ok() != rows.dims.last().copied().flatten()
            && !(width == 1 && self.is_output(node))
        {
            // skl2onnx ends regressions of several numbers by one column, where scikit-learn gives a column for each.
            return Err(format!("it makes rows of {width} columns of rows of {:?}", rows.dims));
        }
        Ok(Value::Rows(rows))
    }

    /// Whether it gives an output of the graph.
    fn is_output(&self, node: &Node) -> bool {
        self.graph.output.iter().any(|output| node.gives(output.name()))
    }

    /// Whole numbers that an input holds, or in older versions an attribute.
    fn axes(&self, node: &Node, at: usize) -> Option<Vec<i64>> {
        let given = node.input(at).and_then(|name| self.values.get(name));
        match given {
            Some(Value::Constant(constant)) => constant.ints(),
            _ => node.attribute("axes").map(|set| set.ints.clone()),
        }
    }

    fn product(&mut self, node: &Node<'a>) -> Result<Value> {
        let is_gemm = node.op() == "Gemm";
        if is_gemm && node.int("transA", 0) != 0 {
            return Err("it exchanges rows and columns of the data (transA)".into());
        }
        let rows =
            self.rows(node, 0).map_err(|e| format!("{e}; products are of data and constant weights"))?.settled()?;
        if let Some(name) = node.input(0) {
            // Whoever else reads it shares its layers: a residual connection is one.
            self.values.insert(name, Value::Rows(rows.clone()));
        }
        let mut weight = self.constant(node, 1)?;
        if !(is_gemm && node.int("transB", 0) != 0) {
            weight = Rc::new(weight.transposed().ok_or("its weights are not a matrix")?);
        }
        let [outputs, _] = weight.dims[..] else { return Err("its weights are not a matrix".into()) };
        let mut values = weight.data.clone().floats().ok_or("its weights are texts")?;
        let (alpha, beta) = if is_gemm { (node.float("alpha", 1.0), node.float("beta", 1.0)) } else { (1.0, 1.0) };
        if alpha != 1.0 {
            values.iter_mut().for_each(|w| *w *= alpha);
        }
        let rows = rows.product(outputs, values)?;
        if !is_gemm || node.input(2).is_none() || beta == 0.0 {
            return Ok(Value::Rows(rows));
        }
        let bias = self.constant(node, 2)?.by_column(outputs).ok_or("its bias has another width than its weights")?;
        let bias = bias.into_iter().map(|b| b * f64::from(beta)).collect();
        rows.affine(vec![1.0; outputs], bias).map(Value::Rows)
    }

    /// An operator on components: with constants, of two values that differ by a function of components, or a join of chains.
    fn combine(&self, node: &Node) -> Result<Value> {
        let op = node.op();
        let values = (0..node.inputs().count()).map(|at| self.value(node, at)).collect::<Result<Vec<_>>>()?;
        match &values[..] {
            [Value::Rows(rows), Value::Constant(constant)] => with_constant(op, rows, constant, false),
            [Value::Constant(constant), Value::Rows(rows)] => with_constant(op, rows, constant, true),
            [Value::Rows(a), Value::Rows(b)] if a.same_chain(b) && !["Sum", "Mean"].contains(&op) => {
                let two = Expression::Two(operator(op), a.then.clone(), b.then.clone());
                a.with_function(two).map(Value::Rows)
            }
            _ => {
                let join = match op {
                    "Add" | "Sum" => Join::Add,
                    "Mul" => Join::Multiply,
                    "Mean" => Join::Mean,
                    _ => {
                        return Err(
                            "it combines what different layers give; chains are added, multiplied or joined".into()
                        );
                    }
                };
                let all = (0..values.len()).map(|at| self.rows(node, at)).collect::<Result<Vec<_>>>()?;
                Rows::join(&all, join).map(Value::Rows)
            }
        }
    }

    fn concat(&self, node: &Node) -> Result<Value> {
        let all = (0..node.inputs().count()).map(|at| self.rows(node, at)).collect::<Result<Vec<_>>>()?;
        let rank = all.first().map_or(1, |rows| rows.dims.len() as i64);
        if ![-1, rank].contains(&node.int("axis", 1)) {
            return Err("it puts rows below one another".into());
        }
        if let [negative, positive] = &all[..]
            && negative.same_chain(positive)
            && positive.width() == Ok(1)
            && let Expression::Activation(Activation::Sigmoid, logit) = &*positive.then
            && negative.then.agrees(|t| 1.0 - positive.then.at(t))
        {
            let mut rows = Rows { then: logit.clone(), ..positive.clone() }.settled()?;
            rows.is_pair = true;
            return Ok(Value::Rows(rows));
        }
        Rows::join(&all, Join::Concatenate).map(Value::Rows)
    }

    fn slice(&self, node: &Node) -> Result<Value> {
        let rows = self.rows(node, 0)?;
        let ints = |at: usize| {
            self.constant(node, at).and_then(|c| c.ints().ok_or_else(|| "its limits are not whole numbers".into()))
        };
        let (starts, ends, width) = (ints(1)?, ints(2)?, rows.width()?);
        let axes = if node.input(3).is_some() { ints(3)? } else { vec![0] };
        let steps = if node.input(4).is_some() { ints(4)? } else { vec![1] };
        let ([start], [end], [axis], [1]) = (&starts[..], &ends[..], &axes[..], &steps[..]) else {
            return Err("it takes something else than columns that stand side by side".into());
        };
        if ![-1, rows.dims.len() as i64].contains(axis) {
            return Err("it takes some of the rows".into());
        }
        let place =
            |at: i64| if at < 0 { width.saturating_sub(at.unsigned_abs() as usize) } else { width.min(at as usize) };
        let (first, end) = (place(*start), place(*end));
        if end <= first {
            return Err("it takes no column".into());
        }
        let count = end - first;
        rows.with(Piece::Layer(Layer::Unit(Unit::Columns { first, count }), vec![]), count).map(Value::Rows)
    }

    fn norm(&self, node: &Node) -> Result<Value> {
        let rows = self.rows(node, 0)?;
        let width = rows.width()?;
        let epsilon = node.float("epsilon", 1e-5);
        let part = |at: usize, default: f32| -> Result<Vec<f32>> {
            if node.input(at).is_none() {
                return Ok(vec![default; width]);
            }
            let values = self.constant(node, at)?.data.clone().floats().filter(|values| values.len() == width);
            values.ok_or_else(|| format!("its input {at} does not have {width} numbers"))
        };
        let mut tensors = Vec::new();
        let unit = if node.op() == "BatchNormalization" {
            if rows.dims.len() != 1 {
                return Err("it standardises the second of several dimensions".into());
            }
            tensors.push(("running_mean", vec![width], part(3, 0.0)?));
            tensors.push(("running_var", vec![width], part(4, 1.0)?));
            Unit::BatchNorm { momentum: 0.1, epsilon }
        } else {
            if ![-1, rows.dims.len() as i64].contains(&node.int("axis", -1)) {
                return Err("it standardises more than one dimension".into());
            }
            Unit::LayerNorm { epsilon }
        };
        tensors.push(("weight", vec![width], part(1, 1.0)?));
        tensors.push(("bias", vec![width], part(2, 0.0)?));
        rows.with(Piece::Layer(Layer::Unit(unit), tensors), width).map(Value::Rows)
    }

    /// (x - offset) scale
    fn scaler(&self, node: &Node) -> Result<Value> {
        let rows = self.rows(node, 0)?;
        let width = rows.width()?;
        let all = |name: &str, default: f64| {
            let mut values = node.floats(name).unwrap_or_else(|| vec![default]);
            if values.len() == 1 {
                values = vec![values[0]; width];
            }
            if values.len() == width { Ok(values) } else { Err(format!("its `{name}` does not have {width} numbers")) }
        };
        let (offset, scale) = (all("offset", 0.0)?, all("scale", 1.0)?);
        let shift = offset.iter().zip(&scale).map(|(offset, scale)| -offset * scale).collect();
        rows.affine(scale, shift).map(Value::Rows)
    }

    fn prelu(&self, node: &Node) -> Result<Value> {
        let rows = self.rows(node, 0)?;
        let width = rows.width()?;
        let slope = self.constant(node, 1)?.by_column(width).ok_or("it does not have a slope for each column")?;
        let slope = slope.into_iter().map(|a| a as f32).collect();
        let unit = Layer::Unit(Unit::Prelu { start: 0.25 });
        rows.with(Piece::Layer(unit, vec![("weight", vec![width], slope)]), width).map(Value::Rows)
    }

    fn softmax(&self, node: &Node) -> Result<Value> {
        let mut rows = self.rows(node, 0)?.settled()?;
        let default = if self.opset < 13 { 1 } else { -1 };
        if ![-1, rows.dims.len() as i64].contains(&node.int("axis", default)) {
            return Err("it is taken over something else than the columns".into());
        }
        rows.is_softmax = true;
        Ok(Value::Rows(rows))
    }

    /// A function of single numbers.
    fn function(&self, node: &Node) -> Result<Value> {
        let rows = self.rows(node, 0)?;
        let then = if let Some(op) = OF_ONE.iter().find(|op| **op == node.op()) {
            Expression::Of(op, rows.then.clone())
        } else if node.op() == "Clip" {
            let limit = |name: &str, at: usize, default: f64| match node.input(at) {
                Some(_) => self.constant(node, at)?.scalar().ok_or_else(|| "its limit is not one number".to_string()),
                None => Ok(node.attribute(name).and_then(|set| set.f).map_or(default, f64::from)),
            };
            let (least, most) = (limit("min", 1, f64::NEG_INFINITY)?, limit("max", 2, f64::INFINITY)?);
            Expression::Clip(rows.then.clone(), least, most)
        } else {
            Expression::Activation(activation(node)?, rows.then.clone())
        };
        rows.with_function(then).map(Value::Rows)
    }
}

/// The activation that a node is.
fn activation(node: &Node) -> Result<Activation> {
    let number = |name: &str, default: f32| node.float(name, default);
    let near = |a: f32, b: f32| (a - b).abs() < 1e-6;
    Ok(match node.op() {
        "Relu" => Activation::Relu,
        "Sigmoid" => Activation::Sigmoid,
        "Tanh" => Activation::Tanh,
        "Softplus" => Activation::Softplus,
        "Softsign" => Activation::Softsign,
        "Mish" => Activation::Mish,
        "HardSwish" => Activation::HardSwish,
        "Swish" if number("alpha", 1.0) == 1.0 => Activation::Swish,
        "Gelu" => {
            let form = node.attribute("approximate").and_then(|set| set.s.as_deref());
            if form == Some(b"tanh") { Activation::GeluTanh } else { Activation::Gelu }
        }
        "Selu" if near(number("alpha", 1.673_263_2), 1.673_263_2) && near(number("gamma", 1.050_701), 1.050_701) => {
            Activation::Selu
        }
        "HardSigmoid" if near(number("alpha", 0.2), 1.0 / 6.0) && near(number("beta", 0.5), 0.5) => {
            Activation::HardSigmoid
        }
        "LeakyRelu" if number("alpha", 0.01) > 0.0 => Activation::LeakyRelu { a: number("alpha", 0.01) },
        "Elu" if number("alpha", 1.0) > 0.0 => Activation::Elu { a: number("alpha", 1.0) },
        "Celu" if number("alpha", 1.0) > 0.0 => Activation::Celu { a: number("alpha", 1.0) },
        "ThresholdedRelu" if number("alpha", 1.0) >= 0.0 => Activation::Trelu { theta: number("alpha", 1.0) },
        "Shrink" => {
            let (lambda, bias) = (number("lambd", 0.5), number("bias", 0.0));
            match bias {
                0.0 if lambda >= 0.0 => Activation::HardShrink { lambda },
                _ if bias == lambda && lambda >= 0.0 => Activation::SoftShrink { lambda },
                _ => {
                    return Err(format!(
                        "a shrinkage by {bias} beyond {lambda}, which is not an activation of layerloop"
                    ));
                }
            }
        }
        _ => return Err("its numbers make it none of the activations of layerloop".into()),
    })
}

fn operator(op: &str) -> &'static str {
    ["Add", "Sub", "Mul", "Div", "Pow", "Max"].iter().find(|known| **known == op).copied().unwrap_or("Min")
}

/// An operator of data and a constant; `first` where the constant stands before it.
fn with_constant(op: &str, rows: &Rows, constant: &Constant, first: bool) -> Result<Value> {
    if let Some(number) = constant.scalar().filter(|_| !(["Add", "Sum"].contains(&op) && rows.lacks_bias())) {
        let (t, number) = (rows.then.clone(), Rc::new(Expression::Number(number)));
        let [a, b] = if first { [number, t] } else { [t, number] };
        let op = if op == "Sum" { "Add" } else { op };
        return rows.with_function(Expression::Two(operator(op), a, b)).map(Value::Rows);
    }
    let width = rows.width()?;
    let c = constant.by_column(width).ok_or_else(|| format!("its constant does not have {width} numbers"))?;
    let (one, zero) = (vec![1.0; width], vec![0.0; width]);
    let minus = |c: Vec<f64>| c.into_iter().map(|c| -c).collect::<Vec<_>>();
    let (a, b) = match (op, first) {
        ("Add" | "Sum", _) => (one, c),
        ("Sub", false) => (one, minus(c)),
        ("Sub", true) => (minus(one), c),
        ("Mul", _) => (c, zero),
        ("Div", false) => (c.into_iter().map(|c| 1.0 / c).collect(), zero),
        _ => return Err("it is taken with another constant for each column".into()),
    };
    rows.affine(a, b).map(Value::Rows)
}

/// A constant of another shape.
fn reshaped(node: &Node, constant: &Constant, shape: Option<Vec<i64>>) -> Result<Value> {
    let count = constant.data.len();
    let dims = match (node.op(), shape) {
        ("Reshape", Some(shape)) => {
            let known: i64 =
                shape.iter().filter(|dim| **dim > 0).try_fold(1_i64, |all, dim| all.checked_mul(*dim)).unwrap_or(0);
            let size =
                |dim: i64| if dim < 0 { count / usize::try_from(known).unwrap_or(0).max(1) } else { dim as usize };
            shape.into_iter().map(size).collect()
        }
        ("Squeeze", _) => constant.dims.iter().copied().filter(|dim| *dim != 1).collect(),
        ("Unsqueeze", Some(axes)) if axes.len() == 1 => {
            let at = if axes[0] < 0 { constant.dims.len() } else { (axes[0] as usize).min(constant.dims.len()) };
            let mut dims = constant.dims.clone();
            dims.insert(at, 1);
            dims
        }
        _ => return Err("it changes the shape of a constant in a way that is not supported".into()),
    };
    if dims.iter().try_fold(1_usize, |all, dim| all.checked_mul(*dim)) != Some(count) {
        return Err(format!("{count} numbers for the shape {dims:?}"));
    }
    Ok(Value::Constant(Rc::new(Constant::new(dims, constant.data.clone()))))
}
