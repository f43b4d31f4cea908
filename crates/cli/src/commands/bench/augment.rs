//! Augmented images a second, and what they add to a step.

use std::time::Instant;

use layerloop::Result;
use layerloop::augment::Augmentation;
use layerloop::data::Dataset;
use layerloop::network::{Activation, Network, Output, Spec};
use layerloop::train::{FitOptions, fit};
use serde_json::json;

use super::jobs::mnist;
use super::{Measured, Setting, median};

/// What is measured, by name.
const AUGMENTATIONS: [(&str, &str); 3] = [
    ("affine", "shift=1.5 rotate=12 scale=0.13 shear=0.15"),
    ("elastic", "shift=1.5 rotate=12 scale=0.13 shear=0.15 elastic=36,5"),
    ("all", "shift=1.5 rotate=12 scale=0.13 shear=0.15 elastic=36,5 flip=both noise=0.05 erase=0.1 mixup=0.2"),
];

/// Rows that are trained on: an eighth of an epoch.
const ROWS: usize = 7_680;

/// The images of MNIST by themselves, and in the training of 784-1024-1024-10.
pub(super) fn measure(setting: &Setting, mut show: impl FnMut(Measured) -> Result<()>) -> Result<()> {
    let (train, _) = mnist(setting.args.data_dir.as_deref())?;
    let part = train.head(ROWS);
    let plain = training(&part, "", setting)?;
    for (name, text) in AUGMENTATIONS {
        let augmentation: Augmentation = text.parse()?;
        let mut seconds = Vec::new();
        for epoch in 1..=u64::from(setting.args.repeats) {
            let start = Instant::now();
            let images = augmentation.apply(&train, 0, epoch, setting.threads)?;
            seconds.push(start.elapsed().as_secs_f64());
            drop(images);
        }
        let rate = train.rows() as f64 / median(&seconds);
        let more = training(&part, text, setting)? / plain - 1.0;
        show(Measured {
            object: json!({
                "job": "augment", "augmentation": name, "augment": text, "threads": setting.threads, "isa": setting.isa.name(),
                "images_per_s": rate, "added_to_training": more,
            }),
            text: format!(
                "augment   {name:8} {rate:.0} images a second on {} threads; {:.0} % on top of a step of 784-1024-1024-10",
                setting.threads,
                100.0 * more
            ),
        })?;
    }
    Ok(())
}

/// Seconds of an epoch.
fn training(data: &Dataset, augment: &str, setting: &Setting) -> Result<f64> {
    let spec = Spec::classifier(784, &[1024, 1024], Activation::Relu, 10, Output::Softmax);
    let options =
        FitOptions { epochs: 1, augment: augment.parse()?, threads: Some(setting.threads), ..FitOptions::default() };
    let mut seconds = Vec::new();
    for _ in 0..setting.args.repeats {
        seconds.push(fit(&mut Network::new(&spec, 0)?, data, &options)?.seconds);
    }
    Ok(median(&seconds))
}
