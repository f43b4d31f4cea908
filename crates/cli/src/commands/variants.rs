//! Predictions from several variants of each image: test-time augmentation.

use layerloop::augment::Augmentation;
use layerloop::model_file::Model;
use layerloop::network::Predictor;
use layerloop::{Error, Result};

use crate::args::Variants;
use crate::scores::threads_for;

impl Variants {
    /// A predictor of the network of `model`, whose inputs are scaled and standardised already.
    ///
    /// # Errors
    /// [`Error::Config`] if its inputs are not images, or nothing says how to move them; those of [`Predictor::new`].
    pub(super) fn predictor(&self, model: &Model) -> Result<Predictor> {
        let predictor = Predictor::new(&model.network, threads_for(model.network.spec()))?;
        let Some(count) = self.tta else { return Ok(predictor) };
        if count == 0 {
            return Err(Error::config("--tta", "0; an image is looked at once, at least"));
        }
        let Some(image) = model.input.image else {
            return Err(Error::config("--tta", "the inputs of this network are not images, so they have no variants"));
        };
        let trained = model.receipt["options"]["augment"].as_str().map(str::parse::<Augmentation>).transpose()?;
        match self.augment.clone().or(trained) {
            Some(augment) => predictor.with_variants(&augment, image, count),
            None => Err(Error::config(
                "--tta",
                "the model was trained without --augment; say how images vary, such as --augment \"shift=1 rotate=5\"",
            )),
        }
    }
}
