//! Every metric by name.

use layerloop_kernels::{NamedEnum as _, named_enum};

use super::confusion::{Average, Confusion};
use super::custom;
use super::predictions::{Predictions, Truth};
use super::{calibration, ranking, regression};
use crate::data::{Dataset, Targets};
use crate::names::OrCustom;
use crate::{Error, Result, names};

/// A metric of ours, or a registered one.
pub type AnyMetric = OrCustom<Metric, dyn custom::Metric>;

named_enum! {
    /// How good predictions are: one number.
    ///
    /// Of classifiers p are the probabilities and y the class; of numbers p are the predictions and y the truths, and the
    /// mean over several outputs is taken. Averages over classes, zeros in divisors and averages over outputs are
    /// scikit-learn's.
    ///
    /// # Example
    /// ```
    /// use layerloop::metrics::{Metric, Predictions};
    /// let predictions = Predictions::classes(&[0.9, 0.1, 0.4, 0.6, 0.8, 0.2], &[0, 1, 1], 2);
    /// for (metric, value) in [(Metric::Accuracy, "0.6667"), (Metric::LogLoss, "0.7419"), (Metric::RocAuc, "1.0000")] {
    ///     assert_eq!(format!("{:.4}", metric.of(&predictions)?), value);
    /// }
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    pub enum Metric: "metric" {
        /// share of rows with argmax p = y
        Accuracy = "accuracy" | "acc",
        /// mean over the classes of the recall
        BalancedAccuracy = "balanced-accuracy" | "balanced-acc",
        /// share of rows with y among the k largest of p
        TopK = "top-k" | "top-k-accuracy" {
            /// How many classes may be named.
            k: usize = 2, "at least 1" if k > 0,
        },
        /// -mean ln p_y
        LogLoss = "log-loss" | "nll",
        /// right / predicted as the class
        Precision = "precision" {
            /// How classes are averaged: macro, micro or weighted.
            average: Average = Average::Macro, "macro, micro or weighted" if matches!(average, _),
        },
        /// right / of the class
        Recall = "recall" | "sensitivity" {
            /// How classes are averaged: macro, micro or weighted.
            average: Average = Average::Macro, "macro, micro or weighted" if matches!(average, _),
        },
        /// 2 right / (predicted as the class + of the class)
        F1 = "f1" | "f1-score" {
            /// How classes are averaged: macro, micro or weighted.
            average: Average = Average::Macro, "macro, micro or weighted" if matches!(average, _),
        },
        /// P(p_y of a row of the class > p_y of another), ties half; of more than two classes the mean, one against the rest
        RocAuc = "roc-auc" | "auc" | "auroc",
        /// as roc-auc, each class weighted by its rows
        RocAucWeighted = "roc-auc-weighted" | "auc-weighted",
        /// sum_n (recall_n - recall_{n-1}) precision_n; of more than two classes the mean, one against the rest
        AveragePrecision = "average-precision" | "ap" | "pr-auc" | "auprc",
        /// correlation of predicted and true classes (Matthews)
        Mcc = "mcc" | "matthews" | "matthews-corrcoef",
        /// 1 - observed / expected disagreement (Cohen)
        Kappa = "kappa" | "cohen-kappa",
        /// mean sum_k (p_k - y_k)^2, of two classes half of it
        Brier = "brier" | "brier-score",
        /// sum_b W_b / W |accuracy_b - confidence_b|
        Ece = "ece" | "expected-calibration-error" {
            /// Number of bins of equal width.
            bins: usize = 15, "between 1 and 1000" if (1..=1000).contains(&bins),
        },
        /// mean (p - y)^2
        Mse = "mse" | "mean-squared-error",
        /// sqrt(mean (p - y)^2)
        Rmse = "rmse" | "root-mean-squared-error",
        /// mean |p - y|
        Mae = "mae" | "mean-absolute-error",
        /// mean |p - y| / |y|, a share
        Mape = "mape" | "mean-absolute-percentage-error",
        /// 1 - mean (p - y)^2 / variance of y
        R2 = "r2" | "r2-score",
        /// 1 - variance of (y - p) / variance of y
        ExplainedVariance = "explained-variance",
        /// mean max(tau (y - p), (tau - 1) (y - p))
        Pinball = "pinball" | "quantile" {
            /// The quantile.
            tau: f64 = 0.5, "between 0 and 1" if (0.0..=1.0).contains(&tau),
        },
    }
}

impl AnyMetric {
    /// Refuses a metric of classes for numbers, or the other way round; a registered metric may measure either.
    ///
    /// # Errors
    /// [`Error::Config`] if it does not measure such targets, or has a number outside its range.
    pub(crate) fn check_suits(self, data: &Dataset) -> Result<()> {
        let Self::BuiltIn(metric) = self else { return Ok(()) };
        let example = match data.targets() {
            Targets::Labels { .. } => Predictions::classes(&[0.75, 0.25, 0.25, 0.75], &[0, 1], 2),
            Targets::Numbers { .. } => Predictions::numbers(&[1.0, 2.0], &[1.5, 2.5], 1),
        };
        metric.of(&example).map(drop)
    }

    /// Its name as a column of a history and as a key of JSON: `roc_auc`, `top_k=5`.
    ///
    /// # Example
    /// ```
    /// use layerloop::metrics::{AnyMetric, Metric};
    /// assert_eq!(AnyMetric::from(Metric::TopK { k: 5 }).key(), "top_k=5");
    /// ```
    #[must_use]
    pub fn key(self) -> String {
        let (name, text) = (self.name(), self.to_string());
        name.replace('-', "_") + &text[name.len()..].replace(", ", ";")
    }

    /// Its value for some predictions.
    ///
    /// # Errors
    /// Those of [`Metric::of`], and those of a registered metric; [`Error::Config`] if that is not a finite number.
    pub fn of(self, predictions: &Predictions) -> Result<f64> {
        let custom = match self {
            Self::BuiltIn(metric) => return metric.of(predictions),
            Self::Custom(custom) => custom,
        };
        predictions.check()?;
        let value = custom::Metric::of(&*custom, predictions)?;
        if !value.is_finite() {
            return Err(Error::config("metric", format!("`{}` is {value} of these predictions", custom.name())));
        }
        Ok(value)
    }
}

impl Metric {
    /// Its value for some predictions.
    ///
    /// # Errors
    /// [`Error::Config`] for a metric of classes on numbers or the other way round, no rows, sizes or weights that make no
    /// sense, predictions that are not finite, a number of the metric outside its range, a ranking of a class that is never or
    /// always true, a value that is 0 / 0.
    ///
    /// # Numerics
    /// Sums are f64, in row order.
    ///
    /// # Example
    /// ```
    /// use layerloop::metrics::{Predictions, Metric};
    /// let predictions = Predictions::classes(&[0.9, 0.1, 0.4, 0.6, 0.7, 0.3], &[0, 1, 1], 2);
    /// assert_eq!(Metric::Accuracy.of(&predictions)?, 2.0 / 3.0);
    /// assert_eq!(Metric::RocAuc.of(&predictions)?, 1.0);
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    pub fn of(self, predictions: &Predictions) -> Result<f64> {
        names::check(self)?;
        predictions.check()?;
        match predictions.truth {
            Truth::Classes { classes, .. } => self.of_classes(predictions, classes)?,
            Truth::Numbers { .. } => self.of_numbers(predictions)?,
        }
        .ok_or_else(|| {
            let (of, on) = match predictions.truth {
                Truth::Classes { .. } => ("numbers", "classes"),
                Truth::Numbers { .. } => ("classes", "numbers"),
            };
            Error::config("metric", format!("`{}` is a metric of {of}, and these predictions are of {on}", self.name()))
        })
    }

    fn of_classes(self, predictions: &Predictions, classes: usize) -> Result<Option<f64>> {
        let confusion = || Confusion::of(predictions, classes);
        Ok(Some(match self {
            Self::Accuracy => calibration::accuracy(predictions),
            Self::BalancedAccuracy => confusion().balanced_accuracy(),
            Self::TopK { k } => calibration::top_k(predictions, k),
            Self::LogLoss => calibration::log_loss(predictions),
            Self::Precision { average } => confusion().precision(average),
            Self::Recall { average } => confusion().recall(average),
            Self::F1 { average } => confusion().f1(average),
            Self::RocAuc => ranking::auc(predictions, classes, false)?,
            Self::RocAucWeighted => ranking::auc(predictions, classes, true)?,
            Self::AveragePrecision => ranking::average_precision(predictions, classes)?,
            Self::Mcc => confusion().matthews(),
            Self::Kappa => confusion().kappa()?,
            Self::Brier => calibration::brier(predictions, classes),
            Self::Ece { bins } => calibration::expected_calibration_error(predictions, bins),
            _ => return Ok(None),
        }))
    }

    fn of_numbers(self, predictions: &Predictions) -> Result<Option<f64>> {
        Ok(Some(match self {
            Self::Mse => regression::mse(predictions),
            Self::Rmse => regression::rmse(predictions),
            Self::Mae => regression::mae(predictions),
            Self::Mape => regression::mape(predictions),
            Self::R2 => regression::r2(predictions)?,
            Self::ExplainedVariance => regression::explained_variance(predictions),
            Self::Pinball { tau } => regression::pinball(predictions, tau),
            _ => return Ok(None),
        }))
    }

    /// Whether a larger value is a better one.
    #[must_use]
    pub fn higher_is_better(self) -> bool {
        !matches!(
            self,
            Self::LogLoss
                | Self::Brier
                | Self::Ece { .. }
                | Self::Mse
                | Self::Rmse
                | Self::Mae
                | Self::Mape
                | Self::Pinball { .. }
        )
    }
}
