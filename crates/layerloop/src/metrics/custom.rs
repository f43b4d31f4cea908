//! User-defined metrics.

use super::Predictions;
use crate::names::{Custom, Kind, Registry, find};
use crate::{Error, Result};

/// How good predictions are: one number. Any function from [`Predictions`] to a result is one.
pub trait Metric: Send + Sync {
    /// Its value for at least one row of predictions, all finite.
    ///
    /// # Errors
    /// If it does not measure such predictions, numbers for instance: the reason.
    fn of(&self, predictions: &Predictions) -> Result<f64>;
}

impl<F: Fn(&Predictions) -> Result<f64> + Send + Sync> Metric for F {
    fn of(&self, predictions: &Predictions) -> Result<f64> {
        self(predictions)
    }
}

static METRICS: Registry<dyn Metric> = Registry::new("metric");

impl Kind for dyn Metric {
    fn find(name: &str) -> Option<Custom<Self>> {
        METRICS.find(name)
    }
}

/// Gives a metric a name.
///
/// # Errors
/// [`Error::Config`] if the name is taken or not a name, or if the metric is not finite on four rows of classes or of numbers,
/// or measures neither.
///
/// # Example
/// ```
/// use layerloop::custom::register_metric;
/// use layerloop::evaluate::evaluate_by;
/// use layerloop::metrics::Predictions;
/// let boldest = |predictions: &Predictions| Ok(predictions.predicted.iter().fold(0.0, |most: f32, &p| most.max(p)).into());
/// let boldest = register_metric("boldest", boldest)?;
/// assert_eq!(boldest.of(&Predictions::classes(&[0.25, 0.75], &[0], 2))?, 0.75);
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn register_metric(name: &str, metric: impl Metric + 'static) -> Result<Custom<dyn Metric>> {
    let probabilities = [0.7, 0.2, 0.1, 0.1, 0.6, 0.3, 0.2, 0.3, 0.5, 0.4, 0.5, 0.1];
    let classes = metric.of(&Predictions::classes(&probabilities, &[0, 1, 2, 0], 3));
    let numbers = metric.of(&Predictions::numbers(&[1.0, 2.5, 0.5, 4.0], &[1.5, 2.0, 1.0, 3.0], 1));
    let refuse = |reason: String| Err(Error::config("metric", format!("`{name}`: {reason}")));
    if let (Err(classes), Err(numbers)) = (&classes, &numbers) {
        return refuse(format!("for classes: {classes}; for numbers: {numbers}"));
    }
    for (what, value) in [("classes", classes), ("numbers", numbers)] {
        if let Some(value) = value.ok().filter(|value| !value.is_finite()) {
            return refuse(format!("it is {value} on four rows of {what}; a metric is a finite number"));
        }
    }
    METRICS.add(name, Box::new(metric), find::<super::Metric>(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_checked_first() {
        let refused =
            |name, metric: fn(&Predictions) -> Result<f64>| register_metric(name, metric).unwrap_err().to_string();
        assert!(refused("accuracy", |_| Ok(1.0)).contains("built-in"));
        assert!(refused("test-none", |_| Ok(f64::NAN)).contains("it is NaN on four rows of classes"));
        assert!(refused("test-never", |_| Err(Error::config("it", "never"))).contains("for numbers: it: never"));
    }

    #[test]
    fn a_registered_metric_is_measured_as_a_built_in_one() {
        type AnyMetric = crate::metrics::AnyMetric;
        let half =
            |predictions: &Predictions| Ok(f64::from(predictions.predicted[0]) / f64::from(predictions.predicted[1]));
        register_metric("test-ratio", half).unwrap();
        let ratio: AnyMetric = "test-ratio".parse().unwrap();
        assert_eq!(ratio.of(&Predictions::classes(&[0.5, 0.25], &[0], 2)).unwrap(), 2.0);
        let nothing = ratio.of(&Predictions::classes(&[], &[], 2)).unwrap_err().to_string();
        assert!(nothing.contains("no rows"), "{nothing}");
        let infinite = ratio.of(&Predictions::classes(&[0.5, 0.0], &[0], 2)).unwrap_err().to_string();
        assert!(infinite.contains("`test-ratio` is inf"), "{infinite}");
        assert_eq!("top-k=3".parse::<AnyMetric>().unwrap(), crate::metrics::Metric::TopK { k: 3 }.into());
    }
}
