//! What a network is, before it has any numbers.

use std::fmt;

use crate::names::serialised::serde_as_text;
use layerloop_kernels::Activation;
use layerloop_kernels::softmax::Output;

use super::layer::{Dense, Join, Layer};
use super::program::{Parameter, Program};
use super::text::Chain;
use crate::names::text;
use crate::{Error, Result};

/// More parameters than this are refused: with Adam's two moments they would take 12 GiB.
const MOST_PARAMETERS: usize = 1 << 30;

/// A feedforward network, without weights: input width, layers, output map. `parse` reads its text form, `to_string` writes it.
///
/// # Grammar
/// ```text
/// network    = inputs { "->" layers } [ "->" output ]     output: softmax where none is named
/// layers     = layer { layer }                            one after the other, as if "->" stood between them
/// layer      = width [ activation ] { "no-bias" | "init=" initialiser }
///            | activation | unit
///            | "skip(" chain [ ", join=" join ] ")"
///            | "parallel(" chain "|" chain { "|" chain } [ ", join=" join ] ")"
/// chain      = layers { "->" layers }
/// choice     = name [ "=" number ] | name "(" key "=" number { "," key "=" number } ")"
/// ```
/// Activations, units (dropout, batch-norm, ...), initialisers, outputs and joins are choices; `layerloop list` prints all of them with
/// their numbers. A number that is left out has its default.
///
/// # Example
/// ```
/// use layerloop::network::{Activation, Output, Spec};
/// let spec = Spec::new(784).layer(32, Activation::Sigmoid).layer(10, Activation::Identity);
/// assert_eq!(spec.to_string(), "784 -> 32 sigmoid -> 10 -> softmax");
/// assert_eq!(spec.parameters(), 25_450);
/// let named: Spec = "20 -> 64 relu init=he-uniform no-bias dropout=0.2 -> skip(64 gelu) -> 1 -> identity".parse()?;
/// assert_eq!(named.output, Output::Identity);
/// assert_eq!(Spec::classifier(784, &[32], Activation::Sigmoid, 10, Output::ReferenceSoftmax).parameters(), 25_417);
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// Width of the input, n_1.
    pub inputs: usize,
    /// Layers 1 to L.
    pub layers: Vec<Layer>,
    /// The map from the last layer's outputs, the logits, to probabilities.
    pub output: Output,
}

impl Spec {
    /// A network of `inputs` inputs and, so far, no layer; softmax on what the last layer gives.
    #[must_use]
    pub fn new(inputs: usize) -> Self {
        Self { inputs, layers: Vec::new(), output: Output::Softmax }
    }

    /// One more dense layer, with the default initialiser of `activation`.
    #[must_use]
    pub fn layer(self, width: usize, activation: Activation) -> Self {
        self.then(Layer::Dense(Dense::new(width, activation)))
    }

    /// One more layer of any kind.
    #[must_use]
    pub fn then(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }

    /// The same layers under another output map.
    #[must_use]
    pub fn output(mut self, output: Output) -> Self {
        self.output = output;
        self
    }

    /// `members` networks of this kind side by side, whose logits are the means of theirs; of one member, this network.
    ///
    /// Trained with [`Objective::each_member`](crate::objective::Objective::each_member), it is an ensemble.
    ///
    /// # Example
    /// ```
    /// use layerloop::network::Spec;
    /// let one: Spec = "784 -> 32 relu -> 10".parse()?;
    /// assert_eq!(one.ensemble(2).to_string(), "784 -> parallel(32 relu -> 10 | 32 relu -> 10, join=mean) -> softmax");
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    #[must_use]
    pub fn ensemble(self, members: usize) -> Self {
        if members < 2 {
            return self;
        }
        let chains = vec![self.layers; members];
        Self { layers: vec![Layer::Parallel(chains, Join::Mean)], ..self }
    }

    /// Hidden layers of one activation, a linear last layer, and as many logits as `output` needs for `classes`.
    ///
    /// # Example
    /// ```
    /// use layerloop::network::{Activation, Output, Spec};
    /// let spec = Spec::classifier(64, &[32], Activation::Relu, 10, Output::Softmax);
    /// assert_eq!((spec.to_string(), spec.parameters()), ("64 -> 32 relu -> 10 -> softmax".into(), 2410));
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    #[must_use]
    pub fn classifier(inputs: usize, hidden: &[usize], activation: Activation, classes: usize, output: Output) -> Self {
        let hidden = hidden.iter().fold(Self::new(inputs), |spec, &width| spec.layer(width, activation));
        hidden.layer(output.logits(classes.max(1)), Activation::Identity).output(output)
    }

    /// (inputs, outputs) of each dense layer, inner chains included; of as many as can be built.
    #[must_use]
    pub fn shapes(&self) -> Vec<(usize, usize)> {
        let program = Program::of(self).ok();
        let dense = |parameter: &Parameter| (parameter.inputs, parameter.outputs);
        program.iter().flat_map(|program| program.parameters.iter().map(dense)).collect()
    }

    /// Additions and multiplications of the products for one row of a training step: forward, for the gradient of the weights, and for that of
    /// the inputs where a parameter stands before them, 2 n_in n_out each; times the members that look at each row.
    ///
    /// # Example
    /// ```
    /// use layerloop::network::Spec;
    /// assert_eq!("4 -> 8 relu -> 3".parse::<Spec>()?.operations(), 2.0 * (2.0 * 4.0 * 8.0 + 3.0 * 8.0 * 3.0));
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    #[must_use]
    pub fn operations(&self) -> f64 {
        Program::of(self).map_or(0.0, |program| program.operations())
    }

    /// Number of parameters: the sum of n_out (n_in + 1) over the dense layers.
    #[must_use]
    pub fn parameters(&self) -> usize {
        let program = Program::of(self).ok();
        let counts = program.iter().flat_map(|program| program.parameters.iter().map(Parameter::count));
        counts.fold(0, usize::saturating_add)
    }

    /// Number of logits, the width of the last layer.
    #[must_use]
    pub fn logits(&self) -> usize {
        Program::of(self).map_or(0, |program| program.logits().width)
    }

    /// Number of classes, or of other outputs.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.output.classes(self.logits())
    }

    /// Whether such a network can be built.
    ///
    /// # Errors
    /// [`Error::Config`] for no layers, a width of 0, a number outside its range (a dropout rate of 2), a chain without layers or
    /// nested more than 64 deep, fewer than 2 classes, or more than 2^30 parameters.
    pub fn check(&self) -> Result<()> {
        if self.layers.is_empty() {
            return Err(Error::config("layers", "there are none; a network has at least one"));
        }
        if self.inputs == 0 {
            return Err(Error::config("inputs", "0 inputs; a network has at least 1"));
        }
        Program::of(self)?;
        if self.output.is_classifier() && self.classes() < 2 {
            let reason = format!("{} class; a classifier needs at least 2", self.classes());
            return Err(Error::config("classes", reason));
        }
        if self.parameters() > MOST_PARAMETERS {
            let reason = format!("{self} has more than {MOST_PARAMETERS} parameters, the most that is built");
            return Err(Error::config("width", reason));
        }
        Ok(())
    }

    /// What is legal but unwise about this network.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let last = match self.layers.last() {
            Some(Layer::Dense(dense)) => dense.activation,
            Some(Layer::Activation(activation)) => *activation,
            _ => Activation::Identity,
        };
        if last == Activation::Sigmoid { vec![self.bounded_logits_warning()] } else { vec![] }
    }

    fn bounded_logits_warning(&self) -> String {
        let (k, e) = (self.classes() as f64, std::f64::consts::E);
        match self.output {
            Output::Softmax => format!(
                "a sigmoid last layer keeps every logit in (0, 1): with {k} classes no probability can pass \
                 e / (e + {}) = {:.3}; `identity` is the default choice",
                k - 1.0,
                e / (e + k - 1.0)
            ),
            Output::Sigmoid | Output::Identity | Output::Exp => {
                "a sigmoid last layer keeps every logit in (0, 1); `identity` is the default".into()
            }
            Output::ReferenceSoftmax => format!(
                "a sigmoid last layer keeps every logit in (0, 1), above the reference class's 0: the last of the {k} \
                 classes can never win, and no probability can pass e / (e + {}) = {:.3}; `identity` is the default choice",
                k - 1.0,
                e / (e + k - 1.0)
            ),
        }
    }
}

/// `784 -> 32 sigmoid -> 10 -> softmax`
impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.inputs)?;
        if !self.layers.is_empty() {
            write!(f, " -> {}", Chain(&self.layers, 0))?;
        }
        write!(f, " -> {}", text(self.output))
    }
}

serde_as_text!(Spec, ToString::to_string, str::parse);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_built_is_refused_with_its_value() {
        let refused = |spec: Spec| spec.check().unwrap_err().to_string();
        assert_eq!(refused(Spec::new(4)), "layers: there are none; a network has at least one");
        assert_eq!(refused(Spec::new(0).layer(2, Activation::Relu)), "inputs: 0 inputs; a network has at least 1");
        let empty = Spec::new(4).layer(0, Activation::Relu).layer(2, Activation::Identity);
        assert_eq!(refused(empty), "width: layer 1 has 0 units; each layer needs at least 1");
        assert_eq!(
            refused(Spec::new(4).layer(1, Activation::Identity)),
            "classes: 1 class; a classifier needs at least 2"
        );
        let binary = Spec::new(4).layer(1, Activation::Identity).output(Output::Sigmoid);
        assert!(binary.check().is_ok() && binary.classes() == 2);
        assert!(refused(Spec::new(usize::MAX).layer(usize::MAX, Activation::Relu)).contains("more than 1073741824"));
    }

    #[test]
    fn a_sigmoid_last_layer_is_legal_and_warned_about() {
        let spec = Spec::new(4).layer(10, Activation::Sigmoid);
        assert!(spec.check().is_ok());
        assert!(spec.warnings()[0].contains("= 0.232"), "{:?}", spec.warnings());
        assert!(spec.output(Output::ReferenceSoftmax).warnings()[0].contains("can never win"));
        assert!(Spec::new(4).layer(10, Activation::Identity).warnings().is_empty());
    }

    #[test]
    fn the_json_form_is_the_text() {
        let spec = Spec::classifier(4, &[3], Activation::Relu, 2, Output::ReferenceSoftmax);
        let json = serde_json::to_string(&spec).unwrap();
        assert_eq!(json, r#""4 -> 3 relu -> 1 -> reference-softmax""#);
        assert_eq!(serde_json::from_str::<Spec>(&json).unwrap(), spec);
        let error = serde_json::from_str::<Spec>(&json.replace("relu", "rellu")).unwrap_err().to_string();
        assert!(error.contains("character 8: activation: unknown activation `rellu`; did you mean `relu`?"), "{error}");
    }
}
