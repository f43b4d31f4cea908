//! A PyTorch `state_dict` of an `nn.Sequential`, in a safetensors file: `safetensors.torch.save_file(net.state_dict(), path)` and
//! `net.load_state_dict(safetensors.torch.load_file(path))`. Pickles are not read: they run code.
//!
//! The names are `0.weight`, `0.bias`, `2.weight`, ...: the number is the place of the module, and places without tensors are activations,
//! which the file does not name. A one-dimensional weight with `running_mean` is a batch norm, without it a layer norm, alone a prelu.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use layerloop::model_file::{Input, Model, has_labels};
use layerloop::network::view::{Operation, View};
use layerloop::network::{Activation, Dense, Layer, Network, Output, Spec, Tensor, Unit};
use layerloop::{Error, Result};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};

/// What a `state_dict` does not say.
#[derive(Debug, Clone, PartialEq)]
pub struct Structure {
    /// The activation behind each linear layer (or its norm) but the last.
    pub activation: Activation,
    /// The map from logits to outputs.
    pub output: Output,
}

impl Default for Structure {
    fn default() -> Self {
        Self { activation: Activation::Relu, output: Output::Softmax }
    }
}

/// A tensor of batch norms that says nothing of the network.
const COUNT: &str = "num_batches_tracked";

/// The tensors of one module, by the last part of their names.
type Module = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// The model of a `state_dict` in a safetensors file.
///
/// # Errors
/// [`Error::Io`] if it cannot be read; [`Error::Format`] if it is not a safetensors file, or its tensors are not those of linear layers and
/// norms, one after the other.
pub fn import(path: impl AsRef<Path>, structure: &Structure) -> Result<Model> {
    let path = path.as_ref();
    let about = fs::metadata(path).map_err(Error::io(path))?;
    if !about.is_file() {
        return Err(Error::format(path, "is not a regular file"));
    }
    from_bytes(path, &fs::read(path).map_err(Error::io(path))?, structure)
}

/// As [`import`], of a file in memory.
///
/// # Errors
/// As [`import`].
pub fn from_bytes(name: impl AsRef<Path>, bytes: &[u8], structure: &Structure) -> Result<Model> {
    let path = name.as_ref();
    if bytes.starts_with(b"PK") || bytes.starts_with(b"\x80") {
        let reason = "a PyTorch pickle, which is not read, since it may run code; write the state_dict with \
                      safetensors.torch.save_file(net.state_dict(), path)";
        return Err(Error::format(path, reason));
    }
    let file = SafeTensors::deserialize(bytes)
        .map_err(|e| Error::format(path, format!("not a complete safetensors file: {e}")))?;
    from_tensors(path, read(&file).map_err(|reason| Error::format(path, reason))?, structure)
}

/// As [`import`], of tensors in memory.
///
/// # Errors
/// As [`import`].
pub fn from_tensors(name: impl AsRef<Path>, tensors: Vec<Tensor>, structure: &Structure) -> Result<Model> {
    let path = name.as_ref();
    let refuse = |reason: String| Error::format(path, reason);
    let modules = modules(tensors).map_err(refuse)?;
    let (layers, tensors) = layers(&modules, structure.activation).map_err(refuse)?;
    let first = tensors.first().map(|tensor| tensor.shape[tensor.shape.len() - 1]);
    let inputs = first.ok_or_else(|| refuse("it has no tensors".into()))?;
    let spec = Spec { inputs, layers, output: structure.output };
    // Nothing is allocated for parameters that are not in the file.
    let held: usize = tensors.iter().map(|tensor| tensor.values.len()).sum();
    if spec.parameters() > held {
        return Err(refuse(format!("{held} numbers for `{spec}`: its layers do not follow one another")));
    }
    let network = Network::from_tensors(&spec, tensors);
    let network = network.map_err(|e| refuse(e.to_string()))?;
    let first = usize::from(!structure.output.is_classifier());
    let prefix = if structure.output.is_classifier() { "" } else { "y" };
    let classes = (first..first + network.classes()).map(|i| format!("{prefix}{i}")).collect();
    let columns = Some((1..=inputs).map(|i| format!("x{i}")).collect());
    let input = Input { scale: 1.0, image: None, fit: None, columns, standardisation: None, preprocessing: None };
    let receipt =
        serde_json::json!({ "imported": { "from": "torch", "activation": structure.activation.to_string() } });
    let multilabel = has_labels(network.spec());
    let model = Model { network, classes, input, receipt, threshold: None, multilabel };
    model.check()?;
    Ok(model)
}

/// The tensors of a file.
fn read(file: &SafeTensors) -> std::result::Result<Vec<Tensor>, String> {
    let counts = |name: &str| name.rsplit('.').next() == Some(COUNT);
    let tensors = file.tensors().into_iter().filter(|(name, _)| !counts(name)).map(|(name, view)| {
        if view.dtype() != Dtype::F32 {
            let dtype = view.dtype();
            return Err(format!("the tensor `{name}` is {dtype}; f32 is read: net.float() makes all of them that"));
        }
        let values: Vec<f32> = view.data().as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        Ok(Tensor::new(name, view.shape().to_vec(), values))
    });
    tensors.collect()
}

/// The modules in the order of their numbers.
fn modules(tensors: Vec<Tensor>) -> std::result::Result<Vec<(usize, Module)>, String> {
    let mut all: BTreeMap<usize, Module> = BTreeMap::new();
    for Tensor { name, shape, values, .. } in tensors {
        // What stands before the number, as in `net.0.weight`, is the name of the whole.
        let mut parts = name.rsplit('.');
        let (what, place) = (parts.next().unwrap_or_default(), parts.next().and_then(|place| place.parse().ok()));
        let place: usize = place.ok_or_else(|| {
            format!(
                "the tensor `{name}` is not of a module with a number; nn.Sequential names them 0.weight, 0.bias, ..."
            )
        })?;
        if what == COUNT {
            continue;
        }
        let known = all.entry(place).or_default().insert(what.into(), (shape, values));
        if known.is_some() {
            return Err(format!("two modules have the number {place}; nn.Sequential inside another one is not read"));
        }
    }
    Ok(all.into_iter().collect())
}

/// Layers and their tensors, with an activation where there is a module without tensors.
fn layers(
    modules: &[(usize, Module)],
    activation: Activation,
) -> std::result::Result<(Vec<Layer>, Vec<Tensor>), String> {
    let (mut layers, mut tensors): (Vec<Layer>, Vec<Tensor>) = (Vec::new(), Vec::new());
    for (i, (place, module)) in modules.iter().enumerate() {
        let at = layers.len();
        let mut take = |names: &[&str]| {
            for name in names {
                if let Some((shape, values)) = module.get(*name) {
                    tensors.push(Tensor::new(format!("layers.{at}.{name}"), shape.clone(), values.clone()));
                }
            }
        };
        let (shape, bias) = (module.get("weight").map(|(shape, _)| &shape[..]), module.contains_key("bias"));
        layers.push(match shape {
            Some(&[outputs, _]) => {
                take(&["weight", "bias"]);
                Layer::Dense(Dense { bias, ..Dense::new(outputs, Activation::Identity) })
            }
            Some([_]) if module.contains_key("running_mean") => {
                take(&["running_mean", "running_var", "weight", "bias"]);
                Layer::Unit(Unit::BatchNorm { momentum: 0.1, epsilon: 1e-5 })
            }
            Some([_]) if bias => {
                take(&["weight", "bias"]);
                Layer::Unit(Unit::LayerNorm { epsilon: 1e-5 })
            }
            Some([_]) => {
                take(&["weight"]);
                Layer::Unit(Unit::Prelu { start: 0.25 })
            }
            _ => {
                return Err(format!(
                    "module {place} has the tensors {:?}; linear layers and norms are read",
                    module.keys()
                ));
            }
        });
        let gap = modules.get(i + 1).is_some_and(|(next, _)| *next > place + 1);
        match layers.last_mut() {
            Some(Layer::Dense(dense)) if gap => dense.activation = activation,
            Some(_) if gap && activation != Activation::Identity => layers.push(Layer::Activation(activation)),
            _ => {}
        }
    }
    Ok((layers, tensors))
}

/// A `state_dict` for the `nn.Sequential` that the second text is: the bytes of a safetensors file, and Python code that makes the module.
///
/// The last module gives logits.
///
/// # Errors
/// [`Error::Config`] for a network that is not a chain of dense layers, activations and norms.
pub fn export(model: &Model) -> Result<(Vec<u8>, String)> {
    let (tensors, modules) = to_tensors(model)?;
    Ok((file(&tensors)?, modules))
}

/// As [`export`], with tensors in memory.
///
/// # Errors
/// As [`export`].
pub fn to_tensors(model: &Model) -> Result<(Vec<Tensor>, String)> {
    let view = View::of(&model.network);
    let (mut modules, mut tensors) = (Vec::new(), Vec::new());
    let mut steps = view.steps.iter().enumerate().peekable();
    while let Some((i, step)) = steps.next() {
        let refuse = |what: &str| {
            let reason =
                format!("layer {} is {what}; an nn.Sequential of Linear, norms and activations is written", step.path);
            Error::config("--to torch", reason)
        };
        if step.reads != [i] {
            return Err(refuse("not a chain"));
        }
        let width = view.widths[i + 1];
        let mut keep = |modules: &Vec<String>, name: &str, tensor: &Tensor| {
            tensors.push(Tensor::new(format!("{}.{name}", modules.len()), tensor.shape.clone(), tensor.values.clone()));
        };
        match &step.operation {
            Operation::Dense { weight, bias, activation } => {
                keep(&modules, "weight", weight);
                bias.iter().for_each(|bias| keep(&modules, "bias", bias));
                let no_bias = if bias.is_some() { "" } else { ", bias=False" };
                modules.push(format!("nn.Linear({}, {width}{no_bias})", view.widths[i]));
                if *activation != Activation::Identity {
                    modules.push(module(*activation).ok_or_else(|| refuse("an activation that torch.nn lacks"))?);
                }
            }
            Operation::Activation(activation) => {
                modules.push(module(*activation).ok_or_else(|| refuse("an activation that torch.nn lacks"))?);
            }
            Operation::Prelu { slope } => {
                keep(&modules, "weight", slope);
                modules.push(format!("nn.PReLU({width})"));
            }
            Operation::LayerNorm { epsilon } | Operation::BatchNorm { epsilon, .. } => {
                let Some((_, next)) = steps.next() else { return Err(refuse("a norm without weights")) };
                let Operation::Scale { weight, bias: Some(bias) } = &next.operation else {
                    return Err(refuse("a norm without weights"));
                };
                if let Operation::BatchNorm { mean, variance, .. } = &step.operation {
                    keep(&modules, "running_mean", mean);
                    keep(&modules, "running_var", variance);
                }
                keep(&modules, "weight", weight);
                keep(&modules, "bias", bias);
                let is_batch = matches!(step.operation, Operation::BatchNorm { .. });
                modules.push(format!(
                    "nn.{}({width}, eps={epsilon:e})",
                    if is_batch { "BatchNorm1d" } else { "LayerNorm" }
                ));
            }
            _ => return Err(refuse("of another kind")),
        }
    }
    Ok((tensors, format!("nn.Sequential({})", modules.join(", "))))
}

fn file(tensors: &[Tensor]) -> Result<Vec<u8>> {
    let unwritten = |e: safetensors::SafeTensorError| Error::config("--to torch", e.to_string());
    let bytes: Vec<Vec<u8>> =
        tensors.iter().map(|tensor| tensor.values.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
    let views = tensors.iter().zip(&bytes).map(|(tensor, bytes)| {
        TensorView::new(Dtype::F32, tensor.shape.clone(), bytes)
            .map(|view| (tensor.name.clone(), view))
            .map_err(unwritten)
    });
    let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
    serialize(views.collect::<Result<Vec<_>>>()?, Some(metadata)).map_err(unwritten)
}

/// The module of torch.nn for an activation.
fn module(activation: Activation) -> Option<String> {
    Some(match activation {
        Activation::Identity => "nn.Identity()".into(),
        Activation::Sigmoid => "nn.Sigmoid()".into(),
        Activation::Tanh => "nn.Tanh()".into(),
        Activation::Relu => "nn.ReLU()".into(),
        Activation::HardSigmoid => "nn.Hardsigmoid()".into(),
        Activation::LogSigmoid => "nn.LogSigmoid()".into(),
        Activation::HardTanh => "nn.Hardtanh()".into(),
        Activation::Relu6 => "nn.ReLU6()".into(),
        Activation::LeakyRelu { a } => format!("nn.LeakyReLU({a:?})"),
        Activation::Elu { a } => format!("nn.ELU({a:?})"),
        Activation::Celu { a } => format!("nn.CELU({a:?})"),
        Activation::Selu => "nn.SELU()".into(),
        Activation::Gelu => "nn.GELU()".into(),
        Activation::GeluTanh => "nn.GELU('tanh')".into(),
        Activation::Swish => "nn.SiLU()".into(),
        Activation::HardSwish => "nn.Hardswish()".into(),
        Activation::Mish => "nn.Mish()".into(),
        Activation::Softplus => "nn.Softplus()".into(),
        Activation::Softsign => "nn.Softsign()".into(),
        Activation::SoftShrink { lambda } => format!("nn.Softshrink({lambda:?})"),
        Activation::HardShrink { lambda } => format!("nn.Hardshrink({lambda:?})"),
        Activation::TanhShrink => "nn.Tanhshrink()".into(),
        Activation::Trelu { theta } => format!("nn.Threshold({theta:?}, 0.0)"),
        Activation::LogCosh | Activation::Lisht => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let network = Network::new(&"4 -> 5 tanh -> 6 batch-norm tanh -> 3".parse().unwrap(), 3).unwrap();
        let data = layerloop::data::Dataset::new("x", vec![0.0; 12].into(), 4, vec![0, 1, 2], ["0", "1", "2"]).unwrap();
        let model = Model::new(network, &data, serde_json::Value::Null);
        let (bytes, code) = export(&model).unwrap();
        let modules = "nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 6), nn.BatchNorm1d(6, eps=1e-5), nn.Tanh(), nn.Linear(6, 3))";
        assert_eq!(code, modules);
        let structure = Structure { activation: Activation::Tanh, ..Structure::default() };
        let back = from_bytes("x.safetensors", &bytes, &structure).unwrap();
        assert_eq!((back.network.spec(), back.network.to_vec()), (model.network.spec(), model.network.to_vec()));
        let skip = Network::new(&"4 -> skip(4) -> 3".parse().unwrap(), 3).unwrap();
        let said = export(&Model { network: skip, ..model }).unwrap_err().to_string();
        assert!(said.contains("layer 2 is not a chain") || said.contains("layer 1 is"), "{said}");
        let pickle = from_bytes("x.pt", b"PK\x03\x04", &structure).unwrap_err().to_string();
        assert!(pickle.contains("a PyTorch pickle, which is not read"), "{pickle}");
    }
}
