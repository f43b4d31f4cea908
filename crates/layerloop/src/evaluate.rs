//! How good a network is: [`evaluate`] for the whole picture, [`measure`] for any number, [`evaluate_regression`] where the targets
//! are numbers; and [`Outputs`] for all of these in one pass, also of a [`Predictor`] that looks at several variants of an image.
//!
//! One rule for sample weights: every mean that is measured, of losses as of metrics, is sum_b w_b x_b / sum_b w_b, in [`evaluate`],
//! [`measure`] and the columns of a run's history (`val_loss`, `val_accuracy`). `train_loss` alone is what is minimised, a mean over
//! rows: see [`Objective`].

use crate::data::{Dataset, Targets};
use crate::metrics::{AnyMetric, Evaluation, Metric, Predictions, Threshold, Truth, intervals};
use crate::network::predict::{check_memory, evaluate_with};
use crate::network::{Network, Predictor};
use crate::objective::Objective;
use crate::preprocess::Target;
use crate::{Error, Result, threads};

/// Evaluates `network` on `data` with `threads` threads.
///
/// Rows count by their weights in the data, in the loss as in every other mean: sum_b w_b l_b / sum_b w_b. So
/// do all metrics, and all that is measured after an epoch of a run. Class weights and label smoothing belong to the
/// training and play no part.
///
/// # Errors
/// [`Error::Shape`] if the data does not fit the network, [`Error::Data`] if it is empty or every weight is 0.
///
/// # Example
/// ```
/// use layerloop::data::{Dataset, Inputs};
/// use layerloop::evaluate::evaluate;
/// use layerloop::network::{Activation, Network, Spec};
/// let spec = Spec::new(1).layer(2, Activation::Identity);
/// let sign = Network::from_weights(&spec, &[(vec![-1.0, 1.0], vec![0.0, 0.0])])?;
/// let data = Dataset::new("demo", Inputs::Floats(vec![-1.0, 2.0, 3.0].into()), 1, vec![0, 1, 0], ["-", "+"])?;
/// let evaluation = evaluate(&sign, &data, 1)?;
/// assert_eq!(evaluation.confusion, [[1, 1], [0, 1]]);
/// assert_eq!(evaluation.classes()[0].recall, 0.5);
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn evaluate(network: &Network, data: &Dataset, threads: usize) -> Result<Evaluation> {
    evaluate_by(&Objective::default(), network, data, threads)
}

/// As [`evaluate`], the loss being of the kind that `objective` names.
///
/// # Errors
/// As [`evaluate`]; [`Error::Config`] if the targets are numbers, or the objective does not fit.
pub fn evaluate_by(objective: &Objective, network: &Network, data: &Dataset, threads: usize) -> Result<Evaluation> {
    check_kind(data, true)?;
    Outputs::of_network(network, data, objective, threads)?.classes()
}

/// The scores of a network whose targets are numbers. Every mean weights the rows.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct RegressionScores {
    /// Mean loss, of the kind that the output map is made for.
    pub loss: f64,
    /// Mean of e^2 over rows and outputs.
    pub mse: f64,
    /// Mean of |e| over rows and outputs.
    pub mae: f64,
    /// 1 - sum e^2 / sum (t - mean(t))^2, the mean over the outputs; not a number of less than two rows.
    pub r2: f64,
}

/// Evaluates `network` on numbers with `threads` threads.
///
/// # Errors
/// [`Error::Shape`] if the data does not fit the network, [`Error::Data`] if it is empty or every weight is 0.
///
/// # Example
/// ```
/// use layerloop::data::Dataset;
/// use layerloop::evaluate::evaluate_regression;
/// use layerloop::network::{Network, Tensor};
/// let line = [Tensor::new("layers.0.weight", [1, 1], [2.0]), Tensor::new("layers.0.bias", [1], [1.0])];
/// let network = Network::from_tensors(&"1 -> 1 -> identity".parse()?, line)?;
/// let data = Dataset::regression("line", vec![0.0, 1.0, 2.0].into(), 1, vec![1.0, 3.0, 6.0], ["y"])?;
/// let scores = evaluate_regression(&network, &data, 1)?;
/// assert_eq!(format!("{:.4} {:.4} {:.4}", scores.mse, scores.mae, scores.r2), "0.3333 0.3333 0.9211");
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn evaluate_regression(network: &Network, data: &Dataset, threads: usize) -> Result<RegressionScores> {
    evaluate_regression_by(&Objective::default(), network, data, threads)
}

/// As [`evaluate_regression`], the loss being of the kind that `objective` names.
///
/// # Errors
/// As [`evaluate_regression`]; [`Error::Config`] if the targets are labels, or the objective does not fit.
pub fn evaluate_regression_by(
    objective: &Objective,
    network: &Network,
    data: &Dataset,
    threads: usize,
) -> Result<RegressionScores> {
    check_kind(data, false)?;
    Outputs::of_network(network, data, objective, threads)?.numbers()
}

/// The value of each metric, ours or registered, with `threads` threads; or why it cannot be computed of these rows, as
/// `roc-auc` where a class has no rows.
///
/// # Errors
/// [`Error::Shape`] if the data does not fit the network, [`Error::Data`] if it is empty or every weight is 0; [`Error::Config`]
/// for a metric of classes on numbers, or the other way round.
///
/// # Example
/// ```
/// use layerloop::data::{Dataset, Inputs};
/// use layerloop::evaluate::measure;
/// use layerloop::metrics::Metric;
/// use layerloop::network::Network;
/// let network = Network::new(&"1 -> 2".parse()?, 0)?;
/// let ones = Dataset::new("ones", Inputs::Floats(vec![0.0; 2].into()), 1, vec![0, 0], ["a", "b"])?;
/// let values = measure(&[Metric::Accuracy, Metric::RocAuc], &network, &ones, 1)?;
/// assert_eq!(values[0].as_ref().ok(), Some(&1.0));
/// assert!(values[1].as_ref().is_err_and(|why| why.to_string().contains("no row is of class 1")));
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn measure<M: Copy + Into<AnyMetric>>(
    metrics: &[M],
    network: &Network,
    data: &Dataset,
    threads: usize,
) -> Result<Vec<Result<f64>>> {
    metrics.iter().try_for_each(|&metric| metric.into().check_suits(data))?;
    Outputs::of_network(network, data, &Objective::default(), threads)?.measure(metrics)
}

/// What a predictor gave for rows that came piece by piece: their targets and its outputs are in memory, their inputs are not.
#[derive(Debug, Clone)]
pub struct Pieces {
    data: Dataset,
    classes: usize,
    outputs: Vec<f32>,
    losses: Vec<f32>,
}

impl Pieces {
    /// The outputs of `predictor` for the rows of all `pieces`; the loss is of the kind that `objective` names.
    ///
    /// # Errors
    /// As [`Outputs::of`]; those of the pieces; [`Error::Data`] if there are none.
    pub fn new(
        name: &str,
        predictor: &Predictor,
        pieces: impl IntoIterator<Item = Result<Dataset>>,
        objective: &Objective,
    ) -> Result<Self> {
        let (mut targets, mut outputs, mut losses) = (Vec::new(), Vec::new(), Vec::new());
        for piece in pieces {
            let piece = piece?;
            let evaluated = predictor.evaluate_by(&piece, &objective.of_evaluation())?;
            outputs.extend(evaluated.0);
            losses.extend(evaluated.1);
            targets.push(piece.without_inputs()?);
        }
        let first = targets.first().ok_or_else(|| Error::data(name, "there are no rows to evaluate a network on"))?;
        Ok(Self { data: first.all_without_inputs(&targets)?, classes: predictor.network().classes(), outputs, losses })
    }

    /// The rows with their targets; every input is 0.
    #[must_use]
    pub fn data(&self) -> &Dataset {
        &self.data
    }
}

/// What a network gave for the rows of a data set, to be measured in any number of ways.
///
/// # Example
/// ```
/// use layerloop::data::{Dataset, Inputs};
/// use layerloop::evaluate::Outputs;
/// use layerloop::network::{Network, Predictor, Tensor};
/// use layerloop::objective::Objective;
/// let sign = [Tensor::new("layers.0.weight", [2, 1], [-1.0, 1.0]), Tensor::new("layers.0.bias", [2], [0.0, 0.0])];
/// let predictor = Predictor::new(Network::from_tensors(&"1 -> 2".parse()?, sign)?, 1)?;
/// let data = Dataset::new("demo", Inputs::Floats(vec![-1.0, 2.0, 3.0].into()), 1, vec![0, 1, 0], ["-", "+"])?;
/// let outputs = Outputs::of(&predictor, &data, &Objective::default())?;
/// assert_eq!(outputs.classes()?.confusion, [[1, 1], [0, 1]]);
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Outputs<'a> {
    data: &'a Dataset,
    classes: usize,
    loss: f64,
    values: InUnits<'a>,
    threshold: Option<f64>,
}

impl<'a> Outputs<'a> {
    /// The outputs of `predictor` for every row of `data`; the loss is of the kind that `objective` names.
    ///
    /// # Errors
    /// [`Error::Shape`] if the data does not fit the network, [`Error::Data`] if it is empty or every weight is 0;
    /// [`Error::Config`] if the objective does not fit.
    pub fn of(predictor: &Predictor, data: &'a Dataset, objective: &Objective) -> Result<Self> {
        check_rows(data)?;
        let evaluated = predictor.evaluate_by(data, &objective.of_evaluation())?;
        Self::new(data, predictor.network().classes(), evaluated)
    }

    fn of_network(network: &Network, data: &'a Dataset, objective: &Objective, threads: usize) -> Result<Self> {
        check_rows(data)?;
        let mut team = threads::team(threads)?;
        check_memory(network, threads)?;
        Self::new(
            data,
            network.classes(),
            evaluate_with(network, &mut team, data, 0..data.rows(), &objective.of_evaluation())?,
        )
    }

    /// Of rows that were evaluated piece by piece.
    ///
    /// # Errors
    /// [`Error::Data`] if there were none or every weight is 0.
    pub fn of_pieces(pieces: &'a Pieces) -> Result<Self> {
        let Pieces { data, classes, outputs, losses } = pieces;
        Self::new(data, *classes, (outputs.clone(), losses.clone()))
    }

    fn new(data: &'a Dataset, classes: usize, (outputs, losses): (Vec<f32>, Vec<f32>)) -> Result<Self> {
        let (loss, values) = (mean_loss(data, &losses)?, InUnits::new(data, outputs, classes));
        Ok(Self { data, classes, loss, values, threshold: None })
    }

    /// The same, a row of two classes being predicted as the second one where its probability is above `threshold`.
    #[must_use]
    pub fn with_threshold(self, threshold: Option<f64>) -> Self {
        Self { threshold, ..self }
    }

    /// The threshold that `rule` finds by these rows.
    ///
    /// # Errors
    /// Those of [`Threshold::of`].
    pub fn threshold(&self, rule: Threshold) -> Result<f64> {
        rule.of(&self.predictions())
    }

    /// The mean loss.
    #[must_use]
    pub fn loss(&self) -> f64 {
        self.loss
    }

    fn predictions(&self) -> Predictions<'_> {
        Predictions { threshold: self.threshold, ..self.values.predictions() }
    }

    /// The whole picture of a classifier.
    ///
    /// # Errors
    /// [`Error::Config`] if the targets are numbers.
    pub fn classes(&self) -> Result<Evaluation> {
        check_kind(self.data, true)?;
        Ok(Evaluation::new(&self.predictions(), self.loss, self.classes))
    }

    /// The scores where the targets are numbers.
    ///
    /// # Errors
    /// [`Error::Config`] if they are labels.
    pub fn numbers(&self) -> Result<RegressionScores> {
        check_kind(self.data, false)?;
        let of = |metric: Metric| metric.of(&self.predictions());
        let (mse, mae) = (of(Metric::Mse)?, of(Metric::Mae)?);
        Ok(RegressionScores { loss: self.loss, mse, mae, r2: of(Metric::R2).unwrap_or(f64::NAN) })
    }

    /// The value of each metric, or why it cannot be computed of these rows.
    ///
    /// # Errors
    /// [`Error::Config`] for a metric of classes on numbers, or the other way round.
    pub fn measure<M: Copy + Into<AnyMetric>>(&self, metrics: &[M]) -> Result<Vec<Result<f64>>> {
        metrics.iter().try_for_each(|&metric| metric.into().check_suits(self.data))?;
        Ok(metrics.iter().map(|&metric| metric.into().of(&self.predictions())).collect())
    }
}

impl Outputs<'_> {
    /// The interval of each metric by the bootstrap, as [`intervals`] has it.
    ///
    /// # Errors
    /// [`Error::Config`] for a metric of classes on numbers, or the other way round.
    pub fn intervals<M: Copy + Into<AnyMetric>>(
        &self,
        metrics: &[M],
        resamples: usize,
    ) -> Result<Vec<Option<[f64; 2]>>> {
        let metrics: Vec<AnyMetric> = metrics.iter().map(|&metric| metric.into()).collect();
        metrics.iter().try_for_each(|metric| metric.check_suits(self.data))?;
        Ok(intervals(&self.predictions(), &metrics, resamples, 0))
    }
}

fn check_rows(data: &Dataset) -> Result<()> {
    if data.rows() > 0 {
        return Ok(());
    }
    Err(Error::data(data.name(), "there are no rows to evaluate a network on"))
}

/// Refuses numbers where `classes` are wanted, and the other way round.
fn check_kind(data: &Dataset, classes: bool) -> Result<()> {
    let reason = match (data.targets(), classes) {
        (Targets::Numbers { .. }, true) => "has numbers, not classes: use `evaluate_regression`",
        (Targets::Labels { .. }, false) => "has classes, not numbers: use `evaluate`",
        _ => return Ok(()),
    };
    Err(Error::config("data", format!("{} {reason}", data.name())))
}

/// The outputs that are measured: of one sigmoid, which gives two classes, the second where the target is one number; of a table, numbers
/// in the units of its columns.
#[derive(Debug, Clone)]
pub(crate) struct InUnits<'a> {
    data: &'a Dataset,
    classes: usize,
    outputs: Vec<f32>,
    /// The targets, where those of the data are scaled.
    truth: Option<Vec<f32>>,
}

impl<'a> InUnits<'a> {
    pub(crate) fn new(data: &'a Dataset, outputs: Vec<f32>, classes: usize) -> Self {
        let outputs = match data.targets() {
            Targets::Numbers { names, .. } if names.len() < classes => {
                outputs.chunks_exact(classes).map(|row| row[classes - 1]).collect()
            }
            _ => outputs,
        };
        let scaled = data.preprocessing().and_then(|by| match by.target() {
            Target::Numbers(targets) => Some(targets),
            Target::Classes { .. } => None,
        });
        match scaled {
            None => Self { data, classes, outputs, truth: None },
            Some(targets) => {
                let decode = |values: &[f32]| {
                    let each = values.iter().zip(targets.iter().cycle());
                    each.map(|(value, target)| target.decode(*value) as f32).collect::<Vec<f32>>()
                };
                Self { data, classes, outputs: decode(&outputs), truth: Some(decode(data.numbers())) }
            }
        }
    }

    pub(crate) fn predictions(&self) -> Predictions<'_> {
        let of_data = Predictions::of(self.data, &self.outputs, self.classes);
        match (&self.truth, of_data.truth) {
            (Some(targets), Truth::Numbers { outputs, .. }) => {
                Predictions { truth: Truth::Numbers { targets, outputs }, ..of_data }
            }
            _ => of_data,
        }
    }
}

/// sum_b w_b l_b / sum_b w_b, of losses that have their weight already.
///
/// # Errors
/// [`Error::Data`] if every weight is 0.
pub(crate) fn mean_loss(data: &Dataset, losses: &[f32]) -> Result<f64> {
    let sum = |values: &[f32]| values.iter().copied().map(f64::from).sum::<f64>();
    let weight = data.weights().map_or(data.rows() as f64, sum);
    if weight == 0.0 {
        return Err(Error::data(data.name(), "every weight is 0; no row would count"));
    }
    Ok(sum(losses) / weight)
}
