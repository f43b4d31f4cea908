//! The fast path: a network in f32, a batch at a time. Read in this order: `spec`, `parameters`, `init`, `input_plan`,
//! `workspace`, `forward`, `backward`, `predict`, `input_gradient`, `summary`.

pub(crate) mod backward;
pub(crate) mod bound_loss;
pub(crate) mod custom;
pub(crate) mod forward;
mod init;
mod input_gradient;
pub(crate) mod input_plan;
mod layer;
pub(crate) mod layers;
mod parameters;
pub(crate) mod predict;
pub(crate) mod program;
mod role;
mod sound;
mod spec;
mod start;
mod summary;
mod text;
mod units;
pub mod view;
pub(crate) mod weight_plan;
pub(crate) mod workspace;

pub use init::Init;
pub use input_gradient::{InputGradients, Of};
pub use layer::{Dense, Join, Layer, Norm, Unit};
pub use layerloop_kernels::Activation;
pub use layerloop_kernels::softmax::Output;
pub use predict::{Predictor, Scratch};
pub use spec::Spec;

use std::sync::Arc;

use std::fmt;

use sha2::{Digest, Sha256};

use self::parameters::Parameters;
use self::program::Program;
use crate::data::{Inputs, Targets, all_finite, hexadecimal, little_endian};
use crate::{Error, Result, memory};

/// Some parameters of a network.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Tensor {
    /// As model files have it, for instance `layers.0.weight`.
    pub name: String,
    /// A weight's is n_out x n_in, a bias's n_out.
    pub shape: Vec<usize>,
    /// The values, row-major.
    pub values: Vec<f32>,
}

impl Tensor {
    /// For [`Network::from_tensors`].
    #[must_use]
    pub fn new(name: impl Into<String>, shape: impl Into<Vec<usize>>, values: impl Into<Vec<f32>>) -> Self {
        Self { name: name.into(), shape: shape.into(), values: values.into() }
    }
}

/// The network as a table: layers, shapes, numbers of parameters.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&summary::summary(self))
    }
}

/// A feedforward network: a [`Spec`] and its parameters.
///
/// # Example
/// ```
/// use layerloop::network::{Activation, Network, Spec};
/// let spec = Spec::new(2).layer(3, Activation::Tanh).layer(2, Activation::Identity);
/// let network = Network::new(&spec, 0)?;
/// let names: Vec<String> = network.tensors().map(|tensor| tensor.name).collect();
/// assert_eq!(names, ["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"]);
/// let weight = network.tensor("layers.0.weight").expect("a dense layer has one");
/// assert_eq!((weight.shape, weight.values.len()), (vec![3, 2], 3 * 2));
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    spec: Spec,
    pub(crate) program: Program,
    pub(crate) parameters: Parameters,
}

impl Network {
    /// A network whose weights are drawn by `seed`: the same seed, the same bits.
    ///
    /// # Errors
    /// [`Error::Config`] if [`Spec::check`] refuses the specification, if there is no memory for its weights, or if a weight
    /// starts beyond the range of f32.
    pub fn new(spec: &Spec, seed: u64) -> Result<Self> {
        let mut network = Self::zeros(spec)?;
        init::initialise(&mut network.parameters, &network.program, spec.output, seed);
        network.check_finite()?;
        Ok(network)
    }

    /// A network with given parameters: each of [`Self::tensors`] once, in any order.
    ///
    /// # Errors
    /// [`Error::Config`] if [`Spec::check`] refuses the specification, if a tensor is missing, given twice or unknown, or if a
    /// value is not finite; [`Error::Shape`] for another shape.
    ///
    /// # Example
    /// ```
    /// use layerloop::network::{Network, Tensor};
    /// let bias = Tensor::new("layers.0.bias", [1], [0.5]);
    /// let network = Network::from_tensors(
    ///     &"2 -> 1 -> identity".parse()?,
    ///     [bias, Tensor::new("layers.0.weight", [1, 2], [3.0, -2.0])],
    /// )?;
    /// assert_eq!(network.to_vec(), [3.0, -2.0, 0.5]);
    /// let incomplete = Network::from_tensors(&"2 -> 1 -> identity".parse()?, []).unwrap_err();
    /// assert_eq!(incomplete.to_string(), "tensors: missing are layers.0.weight, layers.0.bias");
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    pub fn from_tensors(spec: &Spec, tensors: impl IntoIterator<Item = Tensor>) -> Result<Self> {
        let mut network = Self::zeros(spec)?;
        let mut missing: Vec<(String, Vec<usize>)> =
            network.tensors().map(|tensor| (tensor.name, tensor.shape)).collect();
        for Tensor { name, shape, values } in tensors {
            network.set_tensor(&name, &values)?;
            let Some(at) = missing.iter().position(|(missing, _)| *missing == name) else {
                return Err(Error::config("tensors", format!("`{name}` is given twice")));
            };
            let (_, wanted) = missing.remove(at);
            if wanted != shape {
                return Err(Error::shape(format!("shape of `{name}`"), format!("{wanted:?}"), format!("{shape:?}")));
            }
        }
        if missing.is_empty() {
            return Ok(network);
        }
        let names: Vec<String> = missing.into_iter().map(|(name, _)| name).collect();
        Err(Error::config("tensors", format!("missing are {}", names.join(", "))))
    }

    /// A network whose parameters are 0.
    pub(crate) fn zeros(spec: &Spec) -> Result<Self> {
        spec.check()?;
        let program = Program::of(spec)?;
        memory::check("the weights of the network", program.bytes(), "fewer units")?;
        Ok(Self { spec: spec.clone(), parameters: Parameters::zeros(&program), program })
    }

    /// A network of dense layers with given weights and biases, layer by layer; [`Self::from_tensors`] takes any.
    ///
    /// # Shapes
    /// For each layer a weight of n_out x n_in, row-major, and a bias of n_out.
    ///
    /// # Errors
    /// [`Error::Config`] if [`Spec::check`] refuses the specification or a weight is not finite, [`Error::Shape`] if a layer's
    /// slices do not fit it.
    ///
    /// # Example
    /// ```
    /// use layerloop::network::{Activation, Network, Output, Spec};
    /// let spec = Spec::new(2).layer(1, Activation::Identity).output(Output::Identity);
    /// let network = Network::from_weights(&spec, &[(vec![3.0, -2.0], vec![0.5])])?;
    /// assert_eq!(network.to_vec(), [3.0, -2.0, 0.5]);
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    pub fn from_weights(spec: &Spec, layers: &[(Vec<f32>, Vec<f32>)]) -> Result<Self> {
        let network = Self::with_weights(spec, layers)?;
        network.check_finite()?;
        Ok(network)
    }

    /// As [`Self::from_weights`], of whatever weights.
    pub(crate) fn with_weights(spec: &Spec, layers: &[(Vec<f32>, Vec<f32>)]) -> Result<Self> {
        let Self { spec, program, mut parameters } = Self::zeros(spec)?;
        if layers.len() != program.parameters.len() {
            return Err(Error::shape("layers of weights", program.parameters.len(), layers.len()));
        }
        for (i, (parameter, (weight, bias))) in program.parameters.iter().zip(layers).enumerate() {
            let (inputs, outputs) = (parameter.inputs, parameter.outputs);
            if weight.len() != inputs * outputs {
                let expected = format!("{outputs} x {inputs} values");
                return Err(Error::shape(format!("weight of layer {}", i + 1), expected, weight.len()));
            }
            let biases = if parameter.bias { outputs } else { 0 };
            if bias.len() != biases {
                return Err(Error::shape(format!("bias of layer {}", i + 1), biases, bias.len()));
            }
            parameters.set_weight(i, weight.iter().copied());
            parameters.set_bias(i, bias.iter().copied());
        }
        Ok(Self { spec, program, parameters })
    }

    /// What the network is.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Number of classes, or of other outputs.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.spec.output.classes(self.program.logits().width)
    }

    /// The weight of the parameters `i`, counted from 0: n_out x n_in, row-major.
    pub(crate) fn weight(&self, i: usize) -> Vec<f32> {
        self.parameters.weight(i)
    }

    /// The bias of the parameters `i`, counted from 0: n_out.
    pub(crate) fn bias(&self, i: usize) -> Vec<f32> {
        self.parameters.bias(i)
    }

    /// Every parameter, in canonical order: weight 1, bias 1, weight 2, ...
    #[must_use]
    pub fn to_vec(&self) -> Vec<f32> {
        self.parameters.in_canonical_order()
    }

    /// The parameters as named tensors, in canonical order, as model files have them: `layers.0.weight`, `layers.0.bias`, ...; a
    /// batch norm has `running_mean` and `running_var` too. The layer at path `2.1` is `layers.1.0`.
    pub fn tensors(&self) -> impl Iterator<Item = Tensor> + '_ {
        self.program.parameters.iter().enumerate().flat_map(|(i, parameter)| {
            let [weight, bias] = parameter.tensors();
            let weight = Tensor { name: weight, shape: parameter.weight_shape(), values: self.weight(i) };
            let bias = Tensor { name: bias, shape: vec![parameter.outputs], values: self.bias(i) };
            [weight, bias].into_iter().filter(|tensor| !tensor.values.is_empty())
        })
    }

    /// The tensor of that name, if there is one.
    #[must_use]
    pub fn tensor(&self, name: &str) -> Option<Tensor> {
        self.tensors().find(|tensor| tensor.name == name)
    }

    /// Sets the values of a tensor.
    ///
    /// # Errors
    /// [`Error::Config`] if there is no such tensor, with those that there are, or for a value that is not finite;
    /// [`Error::Shape`] for another number of values. Nothing is changed then.
    ///
    /// # Example
    /// ```
    /// use layerloop::network::Network;
    /// let mut network = Network::new(&"2 -> 1 -> identity".parse()?, 0)?;
    /// network.set_tensor("layers.0.weight", &[3.0, -2.0])?;
    /// network.set_tensor("layers.0.bias", &[0.5])?;
    /// assert_eq!(network.to_vec(), [3.0, -2.0, 0.5]);
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    pub fn set_tensor(&mut self, name: &str, values: &[f32]) -> Result<()> {
        let Some(tensor) = self.tensor(name) else {
            let names: Vec<String> = self.tensors().map(|tensor| tensor.name).collect();
            return Err(Error::config("tensor", format!("there is no `{name}`; there are {}", names.join(", "))));
        };
        if values.len() != tensor.values.len() {
            return Err(Error::shape(name, tensor.values.len(), values.len()));
        }
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(Error::config(name, format!("{value} is not a finite number")));
        }
        let parameters = self.program.parameters.iter().map(program::Parameter::tensors);
        for (i, [weight, bias]) in parameters.enumerate() {
            if weight == name {
                self.parameters.set_weight(i, values.iter().copied());
            } else if bias == name {
                self.parameters.set_bias(i, values.iter().copied());
            }
        }
        Ok(())
    }

    /// SHA-256 of the parameters in canonical order, little endian, in hexadecimal: equal for equal bits.
    #[must_use]
    pub fn sha256(&self) -> String {
        hexadecimal(&Sha256::digest(little_endian(&self.to_vec())))
    }

    /// Whether every parameter is a finite number.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        all_finite(self.parameters.values.values())
    }

    /// Refuses weights that are not finite.
    fn check_finite(&self) -> Result<()> {
        if self.is_finite() {
            return Ok(());
        }
        let is_bad = |i: &usize| self.parameters.layer(*i).iter().any(|w| !w.is_finite());
        let bad = (0..self.program.parameters.len()).find(is_bad);
        let path = bad.map_or("", |i| &self.program.parameters[i].path);
        Err(Error::config("weights", format!("layer {path} has a weight that is not a finite number")))
    }

    /// Refuses data that does not fit: another width, another number of classes.
    pub(crate) fn check_fits(&self, data: &crate::data::Dataset) -> Result<()> {
        let (name, spec) = (data.name(), &self.spec);
        if data.width() != spec.inputs {
            return Err(Error::shape(format!("{name}: inputs of a sample"), spec.inputs, data.width()));
        }
        match data.targets() {
            Targets::Labels { classes, .. } if classes.len() > spec.classes() => {
                return Err(Error::shape(format!("{name}: classes"), spec.classes(), classes.len()));
            }
            Targets::Numbers { names, .. } if names.len() != spec.output.targets(spec.logits()) => {
                let expected = spec.output.targets(spec.logits());
                return Err(Error::shape(format!("{name}: target numbers of a row"), expected, names.len()));
            }
            _ => {}
        }
        self.check_names_rows(name, data.inputs())
    }

    /// The number of rows that `inputs` are, if they are rows for this network.
    pub(crate) fn check_rows(&self, inputs: &Inputs) -> Result<usize> {
        let width = self.spec.inputs;
        if !inputs.len().is_multiple_of(width) {
            return Err(Error::shape("input values", format!("rows of {width}"), inputs.len()));
        }
        if let Inputs::Sparse(matrix) = inputs
            && matrix.width() != width
        {
            return Err(Error::shape("columns of the sparse inputs", width, matrix.width()));
        }
        inputs.check_scale("the inputs")?;
        self.check_names_rows("the inputs", inputs)?;
        Ok(inputs.len() / width)
    }

    /// Refuses inputs that name no row of the table which the network looks them up in.
    pub(crate) fn check_names_rows(&self, name: &str, inputs: &Inputs) -> Result<()> {
        match inputs {
            _ if self.program.table.is_none() => Ok(()),
            Inputs::Bytes { values, scale } => self.check_names(name, values.iter().map(|&v| f32::from(v) * scale)),
            Inputs::Floats(values) => self.check_names(name, values.iter().copied()),
            Inputs::Sparse(matrix) => self.check_names(name, (0..matrix.rows()).flat_map(|row| matrix.dense_row(row))),
        }
    }

    /// As [`Self::check_names_rows`], for values row after row.
    pub(crate) fn check_names(&self, name: &str, mut values: impl Iterator<Item = f32>) -> Result<()> {
        let Some(count) = self.program.table else { return Ok(()) };
        let wrong = |value: f32| !(value.fract() == 0.0 && value >= 0.0 && value < count as f32);
        let mut seen = 0;
        let found = values.by_ref().inspect(|_| seen += 1).find(|&value| wrong(value));
        let Some(value) = found else { return Ok(()) };
        let (row, column) = ((seen - 1) / self.spec.inputs, (seen - 1) % self.spec.inputs);
        let reason = format!("input {column} is {value}; embedding reads whole numbers from 0 to {}", count - 1);
        Err(Error::row(name, row, reason))
    }
}

impl From<&Network> for Arc<Network> {
    fn from(network: &Network) -> Self {
        Self::new(network.clone())
    }
}
