//! Options as JSON, for receipts and for comparing runs.

use serde_json::{Map, Value, json};

use super::options::FitOptions;
use crate::names::text;
use crate::objective::{ClassWeights, Objective};

impl FitOptions {
    /// All options on which the bits of a run depend, by name; a choice is its text. Threads and a time limit are left out.
    ///
    /// # Example
    /// ```
    /// use layerloop::train::FitOptions;
    /// let said = FitOptions { ema: Some(0.99), ..FitOptions::default() }.described();
    /// assert_eq!((&said["optimizer"], &said["ema"]), (&"adam".into(), &0.99.into()));
    /// ```
    #[must_use]
    pub fn described(&self) -> Value {
        let Objective { loss, label_smoothing, class_weights, reduction, each_member } = &self.objective;
        json!({
            "epochs": self.epochs,
            "batch": self.batch,
            "drop_last": self.drop_last.then_some(true),
            "shuffle": (!self.shuffle).then_some(false),
            "augment": (!self.augment.is_empty()).then(|| self.augment.to_string()),
            "optimizer": text(self.optimizer),
            "learning_rate": self.learning_rate,
            "loss": loss.map(|loss| loss.to_string()),
            "label_smoothing": label_smoothing,
            "class_weights": class_weights_described(class_weights),
            "reduction": text(*reduction),
            "each_member": each_member.then_some(true),
            "schedule": self.schedule.to_string(),
            "layer_rates": self.layer_rates.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "warmup": self.warmup,
            "weight_decay": self.weight_decay,
            "decay_schedule": self.decay_schedule.to_string(),
            "dropout_schedule": self.dropout_schedule.to_string(),
            "l1": self.l1,
            "l2": self.l2,
            "decay_all": self.decay_all,
            "clip_value": self.clip_value,
            "clip_norm": self.clip_norm,
            "accumulate": self.accumulate,
            "micro_batches": (self.micro_batches > 1).then_some(self.micro_batches),
            "ema": self.ema,
            "swa_from_epoch": self.swa_from_epoch,
            "metrics": self.metrics.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "early_stopping": self.early_stopping.as_ref().map(|rule| json!({
                "metric": rule.metric,
                "better": rule.better.map(text),
                "patience": rule.patience,
                "min_delta": rule.min_delta,
                "start_epoch": rule.start_epoch,
                "restore_best": rule.restore_best,
                "latest": rule.latest.then_some(true),
            })),
            "seed": self.seed,
        })
    }

    /// As [`Self::described`], of the options that are not at their default values, and of the first few always.
    #[must_use]
    pub fn described_shortly(&self) -> Value {
        let (Value::Object(all), default) = (self.described(), Self::default().described()) else { return Value::Null };
        let always = ["epochs", "batch", "optimizer", "learning_rate"];
        let said = |name: &str, value: &Value| always.contains(&name) || default.get(name) != Some(value);
        Value::Object(all.into_iter().filter(|(name, value)| said(name, value)).collect::<Map<_, _>>())
    }
}

fn class_weights_described(weights: &ClassWeights) -> Value {
    match weights {
        ClassWeights::Equal => Value::Null,
        ClassWeights::Balanced => json!("balanced"),
        ClassWeights::Given(weights) => json!(weights),
    }
}
