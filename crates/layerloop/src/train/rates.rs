//! Learning rates of single layers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::network::program::{Program, Role};
use crate::{Error, Result};

/// A factor on the learning rate of one layer.
///
/// As text: `2.1=0.1`, or with others `2.1=0.1:bias=0.01:unit=0.5:decay=2`.
///
/// # Example
/// ```
/// use layerloop::train::{FitOptions, LayerRate};
/// let slow: LayerRate = "2.1=0.1:bias=0.01".parse()?;
/// assert_eq!((slow.factor, slow.bias, slow.to_string()), (0.1, Some(0.01), "2.1=0.1:bias=0.01".into()));
/// let options = FitOptions { layer_rates: vec![LayerRate::new("1", 0.0), slow], ..FitOptions::default() };
/// assert!(options.check().is_ok());
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerRate {
    /// The path of the layer: `3`, or `2.1` for the first layer of the chain in the second; `2` is all layers in it.
    pub layer: String,
    /// The factor; at 0 the layer is frozen, and so are the running statistics of a batch norm.
    pub factor: f64,
    /// That of its biases, where it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bias: Option<f64>,
    /// What the weights of a dense layer are multiples of: w = unit v, and v is what the optimiser moves and what decays. Of n inputs, a unit of
    /// 1 / sqrt(n) is the NTK parametrisation (Jacot, Gabriel and Hongler 2018).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<f64>,
    /// A factor on the decay of its weights, beside that on the rate. Where there is one, what norms, scales, waves and groups learn
    /// decays too; biases of dense layers do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decay: Option<f64>,
}

impl LayerRate {
    /// A factor on the rate of everything in a layer.
    #[must_use]
    pub fn new(layer: impl Into<String>, factor: f64) -> Self {
        Self { layer: layer.into(), factor, bias: None, unit: None, decay: None }
    }

    /// What is wrong about it.
    pub(super) fn fault(&self) -> Option<Error> {
        let Self { layer, factor, bias, unit, decay } = self;
        if let Some(unit) = unit.filter(|unit| !(*unit > 0.0 && unit.is_finite())) {
            return Some(Error::config(
                "layer_rates",
                format!("unit={unit} for layer {layer}; it is a finite number above 0"),
            ));
        }
        let wrong = [Some(*factor), *bias, *decay].into_iter().flatten().find(|x| !(*x >= 0.0 && x.is_finite()))?;
        let reason = format!("{wrong} for layer {layer}; it must be a finite number, at least 0");
        Some(Error::config("layer_rates", reason))
    }
}

impl fmt::Display for LayerRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.layer, self.factor)?;
        self.bias.map_or(Ok(()), |bias| write!(f, ":bias={bias}"))?;
        self.unit.map_or(Ok(()), |unit| write!(f, ":unit={unit}"))?;
        self.decay.map_or(Ok(()), |decay| write!(f, ":decay={decay}"))
    }
}

impl FromStr for LayerRate {
    type Err = Error;

    /// # Errors
    /// [`Error::Config`] if it is not written like `2=0.1`.
    fn from_str(text: &str) -> Result<Self> {
        let refused = || Error::config("layer_rates", format!("`{text}`; expected LAYER=FACTOR, such as 2=0.1"));
        let number = |part: Option<(&'_ str, &'_ str)>| {
            let (name, value) = part.ok_or_else(refused)?;
            Ok::<_, Error>((name.trim().to_owned(), value.trim().parse().map_err(|_| refused())?))
        };
        let mut parts = text.split(':').map(|part| number(part.split_once('=')));
        let (layer, factor) = parts.next().unwrap_or_else(|| Err(refused()))?;
        let mut rate = Self::new(layer, factor);
        for part in parts {
            match part? {
                (name, value) if name == "bias" => rate.bias = Some(value),
                (name, value) if name == "unit" => rate.unit = Some(value),
                (name, value) if name == "decay" => rate.decay = Some(value),
                _ => return Err(refused()),
            }
        }
        Ok(rate)
    }
}

/// How the rates of some parameters differ from the learning rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rates {
    /// Factor of all, and of the biases of a dense layer.
    pub(crate) weights: f64,
    pub(crate) biases: f64,
    /// What the weights are multiples of.
    pub(crate) unit: f64,
    /// Factor on the share that decays.
    pub(crate) decay: f64,
    /// Whether all of them decay, where other options do not say so.
    pub(crate) all_decay: bool,
}

impl Rates {
    /// As the options say.
    pub(crate) const SAME: Self = Self { weights: 1.0, biases: 1.0, unit: 1.0, decay: 1.0, all_decay: false };

    pub(crate) fn frozen(self) -> bool {
        self.weights == 0.0 && self.biases == 0.0
    }

    /// Those of each parameter of `program`: of several that name a layer the last counts.
    ///
    /// # Errors
    /// [`Error::Config`] if a layer is named that is none, or if nothing is left that moves.
    pub(crate) fn of(layer_rates: &[LayerRate], program: &Program) -> Result<Vec<Self>> {
        let mut rates = vec![Self::SAME; program.parameters.len()];
        for LayerRate { layer, factor, bias, unit, decay } in layer_rates {
            let inside = |path: &str| {
                path == layer || path.strip_prefix(layer.as_str()).is_some_and(|rest| rest.starts_with('.'))
            };
            let named = program.parameters.iter().zip(&mut rates).filter(|(parameter, _)| inside(&parameter.path));
            let set = named.map(|(parameter, rates)| {
                let product = parameter.role == Role::Product;
                *rates = Self {
                    weights: *factor,
                    biases: bias.filter(|_| product).unwrap_or(*factor),
                    unit: unit.filter(|_| product).unwrap_or(1.0),
                    decay: decay.unwrap_or(1.0),
                    all_decay: decay.is_some() && !product,
                };
            });
            if set.count() == 0 {
                let mut paths: Vec<&str> = program.parameters.iter().map(|parameter| parameter.path.as_str()).collect();
                paths.dedup();
                let reason = format!(
                    "layer {layer} has no trainable parameters; the layers that have some are {}",
                    paths.join(", ")
                );
                return Err(Error::config("layer_rates", reason));
            }
        }
        let learns = program.parameters.iter().zip(&rates);
        if learns.clone().any(|(parameter, rates)| parameter.count() > 0 && !rates.frozen()) {
            Ok(rates)
        } else {
            Err(Error::config("layer_rates", "every layer is frozen; nothing would be trained"))
        }
    }
}
