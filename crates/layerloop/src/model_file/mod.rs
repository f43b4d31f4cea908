//! A network in one safetensors file, with all it needs to be used: specification, classes, input scaling, receipt.
//!
//! The tensors are `layers.0.weight` (n_out x n_in, row-major), `layers.0.bias`, `layers.1.weight`, ... in f32. The
//! metadata has one entry, `layerloop`: the JSON form of `Card`. One entry, so that equal models are equal files.

mod card;
mod read;

use std::collections::HashMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use safetensors::tensor::{Dtype, TensorView, serialize};
use serde::{Deserialize, Serialize};

use self::card::Card;
pub use self::card::SCHEMA;
use self::card::WITHOUT_LABELS;
use crate::data::{Dataset, Fit, Standardisation, Targets, little_endian};
use crate::files::{regular_or_missing, target, temporary_file_for, write_atomically, write_to_free};
use crate::metrics::predicted;
use crate::network::{Network, Output, Predictor, Spec};
use crate::preprocess::Preprocessing;
use crate::{Error, Result};

/// The metadata entry that holds the card.
const ENTRY: &str = "layerloop";
/// Bytes of a header, at most, as the format has it.
const LONGEST_HEADER: u64 = 100_000_000;

/// A trained network and what it needs to be used.
///
/// # Example
/// ```
/// use layerloop::data::Dataset;
/// use layerloop::model_file::Model;
/// use layerloop::network::Network;
/// let data = Dataset::new("demo", vec![0.0, 1.0].into(), 1, vec![0, 1], ["no", "yes"])?;
/// let model = Model::new(Network::new(&"1 -> 2".parse()?, 7)?, &data, serde_json::json!({"seed": 7}));
/// let folder = tempfile::tempdir().expect("a folder");
/// let path = folder.path().join("demo.safetensors");
/// model.save(&path)?;
/// let loaded = Model::load(&path)?;
/// assert_eq!((loaded.classes[1].as_str(), &loaded.receipt["seed"]), ("yes", &7.into()));
/// assert_eq!(loaded, model);
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The network.
    pub network: Network,
    /// The names of the classes, or of other outputs, by index.
    pub classes: Vec<String>,
    /// What its inputs are.
    pub input: Input,
    /// How it came to be: version, seed, options, data, final metrics.
    pub receipt: serde_json::Value,
    /// Of two classes, the probability above which a row is predicted as the second; else the more probable one is.
    pub threshold: Option<f64>,
    /// Whether its classes do not exclude each other: any number of them is predicted, each by its own probability.
    pub multilabel: bool,
}

/// What the inputs of a network are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Factor between a stored byte and what the network sees; 1 for numbers.
    pub scale: f32,
    /// Height and width in pixels, if the inputs are images.
    pub image: Option<(usize, usize)>,
    /// How pictures are brought to the kind of these images, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::names::optional")]
    pub fit: Option<Fit>,
    /// The names of the inputs, if they have names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// What the inputs are standardised by before the network sees them, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standardisation: Option<Standardisation>,
    /// What makes inputs of the columns of a table, and of outputs what is predicted, if the network was trained on a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preprocessing: Option<Arc<Preprocessing>>,
}

impl Model {
    /// `network` as trained on `data`, whose classes and input scaling it takes along.
    #[must_use]
    pub fn new(network: Network, data: &Dataset, receipt: serde_json::Value) -> Self {
        let standardisation = data.standardisation().cloned();
        let columns = data.columns().map(<[String]>::to_vec);
        let (scale, image, fit) = (data.scale(), data.image(), data.fit());
        let preprocessing = data.preprocessing().cloned();
        let input = Input { scale, image, fit, columns, standardisation, preprocessing };
        let multilabel = matches!(data.targets(), Targets::Numbers { .. }) && has_labels(network.spec());
        Self { network, classes: data.target_names().to_vec(), input, receipt, threshold: None, multilabel }
    }

    /// The same with a threshold, which is between 0 and 1, for two classes.
    #[must_use]
    pub fn with_threshold(self, threshold: Option<f64>) -> Self {
        Self { threshold, ..self }
    }

    /// The class that is predicted for a row with these probabilities, as [`predicted`] has it.
    #[must_use]
    pub fn predicted(&self, probabilities: &[f32]) -> usize {
        predicted(probabilities, self.threshold)
    }

    /// The classes that are predicted for a row with these probabilities, where they do not exclude each other: those above one half.
    #[must_use]
    pub fn predicted_labels(&self, probabilities: &[f32]) -> Vec<usize> {
        (0..probabilities.len()).filter(|&class| probabilities[class] > 0.5).collect()
    }

    /// Predictions for rows as they are outside: they are standardised first, if the model's inputs are.
    ///
    /// # Errors
    /// [`Error::Shape`] if the standardisation is of another width than the network; those of [`Predictor::new`].
    ///
    /// # Example
    /// ```
    /// use layerloop::data::{Dataset, Inputs, Standardisation};
    /// use layerloop::model_file::Model;
    /// use layerloop::network::{Network, Predictor};
    /// let x = Inputs::Floats(vec![1.0, 5.0].into());
    /// let raw = Dataset::new("demo", x, 1, vec![0, 1], ["low", "high"])?;
    /// let data = raw.standardise(&Standardisation::of(&[1.0, 5.0], 1)?)?;
    /// let model = Model::new(Network::new(&"1 -> 2".parse()?, 0)?, &data, serde_json::Value::Null);
    /// let said = model.predictor(1)?.probabilities(&vec![5.0].into())?;
    /// assert_eq!(said, Predictor::new(&model.network, 1)?.probabilities(&vec![1.0].into())?);
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    pub fn predictor(&self, threads: usize) -> Result<Predictor> {
        Predictor::new(&self.network, threads)?.with_standardisation(self.input.standardisation.as_ref())
    }

    /// Whether its parts go together, as [`Self::save`] and [`Self::load`] need them to.
    ///
    /// # Errors
    /// [`Error::Config`] for another number of classes or columns than the network has, a scale that is not a number above 0, and the like.
    pub fn check(&self) -> Result<()> {
        self.card().check().map_err(|reason| Error::config("model", reason))
    }

    /// Writes the model beside `path`, flushes it to the disk, then renames it: whatever goes wrong, an earlier file
    /// of that name stays whole.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be written or the disk is full, [`Error::Data`] if a weight is not finite;
    /// [`Error::Format`] for what [`Model::load`] would refuse.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        write_atomically(path, &self.to_bytes(path)?)
    }

    /// As [`Self::save`], to the first of these paths in one folder that nothing is at; gives that path.
    ///
    /// # Errors
    /// As [`Self::save`], and [`Error::Io`] if something is at each of them.
    pub fn save_to_free(&self, paths: impl IntoIterator<Item = PathBuf>) -> Result<PathBuf> {
        let mut paths = paths.into_iter().peekable();
        let first = paths.peek().cloned().unwrap_or_default();
        write_to_free(paths, &self.to_bytes(&first)?)
    }

    fn card(&self) -> Card {
        Card {
            schema: if self.multilabel { SCHEMA } else { WITHOUT_LABELS },
            specification: self.network.spec().clone(),
            classes: self.classes.clone(),
            input: self.input.clone(),
            receipt: self.receipt.clone(),
            threshold: self.threshold,
            multilabel: self.multilabel,
        }
    }

    /// The whole file, to be written to `path`.
    ///
    /// # Errors
    /// Those of [`Self::save`], but for [`Error::Io`].
    pub fn to_bytes(&self, path: &Path) -> Result<Vec<u8>> {
        if !self.network.is_finite() {
            return Err(Error::data(path, "not saved: the network has weights that are not finite numbers"));
        }
        let card = self.card();
        let unsaved = |e: &dyn std::fmt::Display| Error::format(path, format!("not saved: {e}"));
        let card = serde_json::to_string(&card).map_err(|e| unsaved(&e))?;
        let read: Card = serde_json::from_str(&card).map_err(|e| unsaved(&e))?;
        read.check().map_err(|reason| unsaved(&reason))?;
        let parameters = self.network.program.parameters.iter().enumerate();
        let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = parameters
            .flat_map(|(i, parameter)| {
                let [weight, bias] = parameter.tensors();
                let weight = (weight, parameter.weight_shape(), little_endian(&self.network.weight(i)));
                let bias = || (bias, vec![parameter.outputs], little_endian(&self.network.bias(i)));
                std::iter::once(weight).chain(parameter.bias.then(bias))
            })
            .collect();
        let views = tensors.iter().map(|(name, shape, bytes)| {
            Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(|e| unsaved(&e))?))
        });
        let metadata = HashMap::from([(ENTRY.to_string(), card)]);
        serialize(views.collect::<Result<Vec<_>>>()?, Some(metadata)).map_err(|e| unsaved(&e))
    }

    /// Reads a model that [`Model::save`] wrote.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read; [`Error::Format`] if it is cut short, is not a safetensors file, has no
    /// card, or its tensors do not fit its specification; [`Error::Data`] if a weight is not finite.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        regular_or_missing(path)?; // a device or a pipe might never end
        let file = fs::File::open(path).map_err(Error::io(path))?;
        let length = file.metadata().map_err(Error::io(path))?.len();
        read::read(file, length, path)
    }

    /// What [`Self::to_bytes`] gave; messages call it `path`.
    ///
    /// # Errors
    /// As [`Self::load`], but for [`Error::Io`].
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self> {
        read::read(bytes, bytes.len() as u64, path)
    }
}

/// Whether the outputs of a network can be the probabilities of classes that do not exclude each other.
#[must_use]
pub fn has_labels(spec: &Spec) -> bool {
    spec.output == Output::Sigmoid && spec.logits() > 1
}

/// Whether the file is one that [`Model::save`] wrote, by its header alone.
///
/// # Errors
/// [`Error::Io`] if it cannot be read.
pub fn is_model(path: impl AsRef<Path>) -> Result<bool> {
    let path = path.as_ref();
    let mut file = fs::File::open(path).map_err(Error::io(path))?;
    let (mut length, mut header) = (Vec::new(), Vec::new());
    (&mut file).take(8).read_to_end(&mut length).map_err(Error::io(path))?;
    let length = length.try_into().map_or(0, u64::from_le_bytes);
    if length <= LONGEST_HEADER {
        file.take(length).read_to_end(&mut header).map_err(Error::io(path))?;
    }
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap_or_default();
    Ok(header["__metadata__"][ENTRY].is_string())
}

/// Whether a model can be written to `path`: checked before the training.
///
/// # Errors
/// [`Error::Io`] if the folder is missing or cannot be written, or if `path` is something other than a regular file, such
/// as a folder or a device.
pub fn check_writable(path: impl AsRef<Path>) -> Result<()> {
    temporary_file_for(&target(path.as_ref())?).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Inputs;
    use crate::network::Activation;

    #[test]
    fn a_model_is_told_from_other_files_by_its_header() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        model().save(at("m")).unwrap();
        let other = serialize([("a", TensorView::new(Dtype::F32, vec![0], &[]).unwrap())], None).unwrap();
        let long = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
        for (name, bytes) in [("empty", &[][..]), ("short", b"abc"), ("other", &other), ("long", &long)] {
            fs::write(at(name), bytes).unwrap();
            assert!(!is_model(at(name)).unwrap(), "{name}");
        }
        assert!(is_model(at("m")).unwrap() && is_model(at("missing")).is_err());
    }

    fn model() -> Model {
        let spec = Spec::classifier(4, &[3], Activation::Relu, 3, Output::ReferenceSoftmax);
        let inputs = Inputs::Bytes { values: vec![0; 4].into(), scale: 0.25 };
        let data = Dataset::new("demo", inputs, 4, vec![0], ["a", "b", "c"]).unwrap().with_image(2, 2).unwrap();
        Model::new(Network::new(&spec, 5).unwrap(), &data, serde_json::json!({"seed": 5}))
    }

    #[test]
    fn a_model_comes_back_to_the_bit_and_equal_models_are_equal_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.safetensors");
        model().save(&path).unwrap();
        let back = Model::load(&path).unwrap();
        assert_eq!(back.network.sha256(), model().network.sha256());
        assert_eq!((back.classes, back.input), (model().classes, model().input));
        assert_eq!(back.receipt["seed"], 5);
        assert_eq!(fs::read(&path).unwrap(), model().to_bytes(&path).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_model_comes_back_whatever_its_panels_are() {
        for (inputs, hidden, outputs) in [(1, 16, 2), (15, 17, 33), (16, 31, 32), (40, 70, 100)] {
            let spec = Spec::classifier(inputs, &[hidden], Activation::Relu, outputs, Output::Softmax);
            let classes: Vec<String> = (0..outputs).map(|i| i.to_string()).collect();
            let data = Dataset::new("demo", vec![0.0; inputs].into(), inputs, vec![0], &classes).unwrap();
            let model = Model::new(Network::new(&spec, 5).unwrap(), &data, serde_json::Value::Null);
            let path = Path::new("m.safetensors");
            let back = Model::from_bytes(&model.to_bytes(path).unwrap(), path).unwrap();
            assert_eq!(back.network.parameters, model.network.parameters, "{inputs} {hidden} {outputs}");
        }
    }

    #[test]
    fn a_file_cut_short_anywhere_is_refused_and_never_panics() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.safetensors");
        let bytes = model().to_bytes(&path).unwrap();
        for len in 0..bytes.len() {
            fs::write(&path, &bytes[..len]).unwrap();
            let error = Model::load(&path).unwrap_err().to_string();
            assert!(error.contains("not a complete safetensors file"), "{len} bytes: {error}");
        }
    }

    #[test]
    fn a_nan_is_neither_saved_nor_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.safetensors");
        let mut bytes = model().to_bytes(&path).unwrap();
        let end = bytes.len();
        bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
        fs::write(&path, &bytes).unwrap();
        let error = Model::load(&path).unwrap_err().to_string();
        assert!(error.ends_with("the model has weights that are not finite numbers; train it again"), "{error}");

        let mut broken = model();
        broken.network.parameters.set_bias(0, [f32::INFINITY]);
        assert!(broken.save(&path).unwrap_err().to_string().contains("not saved"));
        assert_eq!(fs::read(&path).unwrap(), bytes, "the earlier file is untouched");
    }

    #[test]
    fn what_contradicts_the_specification_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.safetensors");
        let text = |from: &str, to: &str| {
            let bytes = model().to_bytes(&path).unwrap();
            let text: String = bytes.iter().map(|&b| char::from(b)).collect(); // one char a byte
            assert!(text.contains(from) && from.len() == to.len(), "{from}");
            fs::write(&path, text.replace(from, to).chars().map(|c| c as u8).collect::<Vec<_>>()).unwrap();
            Model::load(&path).unwrap_err().to_string()
        };
        let shape = text(r#""shape":[3,4]"#, r#""shape":[4,3]"#);
        assert!(shape.contains("`layers.0.weight` is F32 [4, 3], but the specification needs F32 [3, 4]"), "{shape}");
        let name = text("layers.0.bias", "layers.7.bias");
        assert!(name.contains("there is no tensor `layers.0.bias`"), "{name}");
        let activation = text("relu", "rely");
        assert!(activation.contains("unknown activation `rely`; did you mean `relu`?"), "{activation}");
        let width = text("4 -> 3 relu", "4 -> 0 relu");
        assert!(width.contains("layer 1 has 0 units"), "{width}");
        let image = text(r#"\"image\":[2,2]"#, r#"\"image\":[2,3]"#);
        assert!(image.contains("images of 2 x 3 pixels for 4 inputs"), "{image}");
        let foreign = text("layerloop", "otherloop");
        assert!(foreign.contains("another program made it"), "{foreign}");
    }

    #[test]
    fn a_threshold_is_kept_and_a_model_without_one_does_not_mention_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.safetensors");
        let data = Dataset::new("demo", vec![0.0, 1.0].into(), 1, vec![0, 1], ["no", "yes"]).unwrap();
        let model = |threshold| {
            let network = Network::new(&"1 -> 2".parse().unwrap(), 7).unwrap();
            Model::new(network, &data, serde_json::Value::Null).with_threshold(threshold)
        };
        model(Some(0.3)).save(&path).unwrap();
        let back = Model::load(&path).unwrap();
        assert_eq!((back.threshold, back.predicted(&[0.6, 0.4])), (Some(0.3), 1));
        assert_eq!(model(None).predicted(&[0.6, 0.4]), 0);
        let bytes = model(None).to_bytes(&path).unwrap();
        assert!(!bytes.windows(9).any(|part| part == b"threshold"));
        for (wrong, said) in
            [(model(Some(1.5)), "1.5"), (super::Model { threshold: Some(0.3), ..self::model() }, "3 outputs")]
        {
            let refused = wrong.save(&path).unwrap_err().to_string();
            assert!(refused.contains("not saved") && refused.contains(said), "{refused}");
        }
    }

    #[test]
    fn a_newer_schema_is_refused_by_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.safetensors");
        let bytes = model().to_bytes(&path).unwrap();
        let text: String = bytes.iter().map(|&b| char::from(b)).collect(); // one char a byte
        let newer = text.replace(r#"\"schema\":2"#, r#"\"schema\":4"#);
        assert_ne!(text, newer);
        fs::write(&path, newer.chars().map(|c| c as u8).collect::<Vec<_>>()).unwrap();
        let said = Model::load(&path).unwrap_err().to_string();
        assert!(
            said.ends_with("a model file of schema 4; this version reads 1 to 3: a newer layerloop made it"),
            "{said}"
        );
    }

    #[test]
    fn classes_that_do_not_exclude_each_other_come_back_as_such() {
        let data =
            Dataset::regression("demo", vec![0.0; 4].into(), 2, vec![0.0, 1.0, 1.0, 0.0, 0.0, 1.0], ["a", "b", "c"]);
        let network = Network::new(&"2 -> 3 -> sigmoid".parse().unwrap(), 5).unwrap();
        let model = Model::new(network, &data.unwrap(), serde_json::json!({}));
        let path = Path::new("m.safetensors");
        let bytes = model.to_bytes(path).unwrap();
        assert!(String::from_utf8_lossy(&bytes).contains(r#"\"schema\":3"#));
        let back = Model::from_bytes(&bytes, path).unwrap();
        assert!(back == model && back.multilabel && !self::model().multilabel);
        assert_eq!(back.predicted_labels(&[0.7, 0.2, 0.6]), [0, 2]);
        let wrong = super::Model { multilabel: true, ..self::model() };
        let said = wrong.check().unwrap_err().to_string();
        assert!(said.contains("whose output is no sigmoid of several"), "{said}");
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = model().save("/nowhere/at/all/m.safetensors").unwrap_err().to_string();
        assert!(error.ends_with("there is no folder /nowhere/at/all"), "{error}");
        let endless = Model::load("/dev/zero").unwrap_err().to_string();
        assert_eq!(endless, "/dev/zero: is not a regular file");
    }
}
