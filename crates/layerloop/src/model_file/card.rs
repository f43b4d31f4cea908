//! What a model file says beside its tensors: the JSON in its metadata.

use serde::{Deserialize, Serialize};

use super::{Input, has_labels};
use crate::metrics::check_threshold;
use crate::network::Spec;

/// The newest schema, which is written: docs/model-file.md has all of them.
pub const SCHEMA: u32 = 3;
/// That of models whose classes exclude each other: older versions read them.
pub(super) const WITHOUT_LABELS: u32 = 2;

/// That of files which do not say it.
fn first_schema() -> u32 {
    1
}

/// What is read of a card before the rest, which a newer schema may have changed.
#[derive(Deserialize)]
struct Schema {
    #[serde(default = "first_schema")]
    schema: u32,
}

/// The JSON in the file's metadata.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Card {
    #[serde(default = "first_schema")]
    pub(super) schema: u32,
    pub(super) specification: Spec,
    pub(super) classes: Vec<String>,
    pub(super) input: Input,
    pub(super) receipt: serde_json::Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) threshold: Option<f64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) multilabel: bool,
}

/// The schema of a card, if it is one.
pub(super) fn schema_of(card: &str) -> Option<u32> {
    serde_json::from_str(card).ok().map(|Schema { schema }| schema)
}

impl Card {
    /// Refuses a card whose parts contradict each other: the reason.
    pub(super) fn check(&self) -> std::result::Result<(), String> {
        let Self { specification: spec, classes, input, .. } = self;
        spec.check().map_err(|e| e.to_string())?;
        // One sigmoid gives two classes, or one number.
        if ![spec.classes(), spec.output.targets(spec.logits())].contains(&classes.len()) {
            return Err(format!("{} class names for {} classes", classes.len(), spec.classes()));
        }
        if !(input.scale.is_finite() && input.scale > 0.0) {
            return Err(format!("an input scale of {}", input.scale));
        }
        if let Some(names) = input.columns.as_ref().filter(|names| names.len() != spec.inputs) {
            return Err(format!("{} names of inputs for {} inputs", names.len(), spec.inputs));
        }
        if let Some(by) = &input.preprocessing {
            if by.width() != spec.inputs {
                return Err(format!("a preprocessing to {} inputs for {} inputs", by.width(), spec.inputs));
            }
            if by.target().names() != *classes {
                return Err(format!(
                    "a preprocessing for {} for {}",
                    by.target().names().join(", "),
                    classes.join(", ")
                ));
            }
        }
        if self.multilabel && !has_labels(spec) {
            return Err(format!(
                "classes that do not exclude each other for `{spec}`, whose output is no sigmoid of several"
            ));
        }
        if let Some(threshold) = self.threshold {
            check_threshold(threshold).map_err(|e| e.to_string())?;
            if !(spec.output.is_classifier() && spec.classes() == 2 && classes.len() == 2) {
                return Err(format!("a threshold for {} outputs; it is for two classes", classes.len()));
            }
        }
        if let Some(by) = &input.standardisation {
            by.check_width(spec.inputs).map_err(|e| e.to_string())?;
        }
        match input.image {
            Some((height, width)) if height.checked_mul(width) != Some(spec.inputs) => {
                Err(format!("images of {height} x {width} pixels for {} inputs", spec.inputs))
            }
            _ => Ok(()),
        }
    }
}
