//! What must hold for a network that was trained.

use std::path::Path;

use layerloop::data::Dataset;
use layerloop::evaluate::{evaluate_by, evaluate_regression_by, measure};
use layerloop::explain::{
    Attribution, Attributor, Hessian, LayerCheck, Trace, check_gradients, class_views, mistakes, units,
};
use layerloop::metrics::{AnyMetric, Metric};
use layerloop::model_file::Model;
use layerloop::network::{Layer, Network, Predictor, Unit};
use layerloop::train::{Checkpoint, samples};
use layerloop::{Error, Result};

use super::case::Case;
use super::options::suits;
use super::random::Random;
use super::trained::{Trained, predicted, told, train};

/// What is wrong with a trained network; nothing, if nothing is.
pub(crate) fn faults(case: &Case, trained: &Trained, folder: &Path) -> Vec<String> {
    let mut random = Random::new(case.seed, "checks");
    let threads = 1 + random.below(4);
    let small = Small::of(case, trained, &mut random);
    let checks: [(&str, Result<Vec<String>>); 7] = [
        ("resume", resumed(case, trained, threads, folder)),
        ("file", file(case, trained, threads, folder)),
        ("rows", rows(&trained.network, &case.data.validation)),
        ("evaluate", evaluated(case, trained, threads)),
        ("gradient", gradient(&small, threads)),
        ("explain", explained(case, &small, threads)),
        ("outliers", outliers(case, &small, threads)),
    ];
    let said = |(name, faults): (&str, Result<Vec<String>>)| {
        let faults = faults.unwrap_or_else(|error| vec![format!("error: {error}")]);
        faults.into_iter().map(|fault| format!("{name}: {fault}")).collect::<Vec<_>>()
    };
    checks.into_iter().flat_map(said).collect()
}

/// Some rows, for what takes long.
struct Small<'a> {
    network: &'a Network,
    data: Dataset,
    /// Whether network and predictions are numbers of which f32 can be expected to have squares.
    tame: bool,
}

impl<'a> Small<'a> {
    fn of(case: &Case, trained: &'a Trained, random: &mut Random) -> Self {
        let (train, network) = (&case.data.train, &trained.network);
        // A batch norm takes the statistics of these rows: of one there are none.
        let rows: Vec<usize> = (0..2 + random.below(4)).map(|_| random.below(train.rows())).collect();
        let data = train.select(&rows);
        let outputs = Predictor::new(network, 1).and_then(|predictor| predictor.evaluate(&data));
        let is_tame = |value: &f32| value.abs() < 1e12;
        let tame = outputs.is_ok_and(|(outputs, losses)| outputs.iter().chain(&losses).all(is_tame));
        Self { network, tame: tame && network.to_vec().iter().all(is_tame), data }
    }
}

/// From a checkpoint that went through a file, with other threads: the same weights and the same history.
fn resumed(case: &Case, trained: &Trained, threads: usize, folder: &Path) -> Result<Vec<String>> {
    let from = match &trained.checkpoint {
        Some(checkpoint) => {
            let path = folder.join("checkpoint.safetensors");
            checkpoint.save(&path)?;
            Some(Checkpoint::load(&path)?)
        }
        None => None,
    };
    let step = from.as_ref().map_or(0, Checkpoint::steps);
    let again = train(case, threads, 0, from)?;
    let [one, other] = [trained, &again].map(|run| format!("{}, {}", run.network.sha256(), told(&run.report)));
    Ok(different(&format!("from step {step} with {threads} threads"), &one, &other))
}

fn different(what: &str, one: &str, other: &str) -> Vec<String> {
    if one == other { vec![] } else { vec![format!("{what}: {other} instead of {one}")] }
}

/// Through a model file: the same network, the same predictions.
fn file(case: &Case, trained: &Trained, threads: usize, folder: &Path) -> Result<Vec<String>> {
    let path = folder.join("model.safetensors");
    let network = &trained.network;
    Model::new(network.clone(), &case.data.train, serde_json::json!({"seed": case.seed})).save(&path)?;
    let back = Model::load(&path)?;
    let mut faults = different("specification", &network.spec().to_string(), &back.network.spec().to_string());
    faults.extend(different("weights", &network.sha256(), &back.network.sha256()));
    let [one, other] = [(network, 1), (&back.network, threads)].map(|(n, t)| predicted(n, &case.data.train, t));
    faults.extend(different("predictions", &one, &other));
    Ok(faults)
}

/// A row alone has the bits that it has among others.
fn rows(network: &Network, data: &Dataset) -> Result<Vec<String>> {
    let predictor = Predictor::new(network, 2)?;
    let mut scratch = predictor.scratch()?;
    let together = predictor.probabilities(data.inputs())?;
    let bits = |row: &[f32]| row.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    let mut faults = Vec::new();
    for (i, among_others) in together.chunks(network.classes()).enumerate().take(3) {
        if bits(predictor.row(&data.row(i), &mut scratch)?) != bits(among_others) {
            faults.push(format!("row {i} alone is not what it is among others"));
        }
    }
    Ok(faults)
}

/// Scores and metrics: the same twice, with other threads.
fn evaluated(case: &Case, trained: &Trained, threads: usize) -> Result<Vec<String>> {
    let (network, data, objective) = (&trained.network, &case.data.validation, &case.options.objective);
    let classes = !data.labels().is_empty();
    if !Predictor::new(network, 1)?.evaluate(data)?.0.iter().all(|p| p.is_finite()) {
        return Ok(vec![]); // exp of a large logit
    }
    let metrics: Vec<AnyMetric> =
        Metric::ALL.iter().map(|&metric| metric.into()).filter(|m| suits(*m, classes)).collect();
    let mut all = Vec::new();
    for threads in [1, threads] {
        let values = measure(&metrics, network, data, threads)?;
        let values = metrics.iter().zip(values).map(|(metric, value)| (*metric, value.map_err(|e| e.to_string())));
        let scores = if classes {
            format!("{:?}", evaluate_by(objective, network, data, threads)?)
        } else {
            format!("{:?}", evaluate_regression_by(objective, network, data, threads)?)
        };
        all.push((scores, format!("{:?}", values.collect::<Vec<_>>())));
    }
    let mut faults = different("scores", &all[0].0, &all[1].0);
    faults.extend(different("metrics", &all[0].1, &all[1].1));
    if all[0].1.contains("NaN") {
        faults.push(format!("a metric of finite numbers is NaN: {}", all[0].1));
    }
    Ok(faults)
}

/// The gradient check of the command, on a few rows.
fn gradient(small: &Small, threads: usize) -> Result<Vec<String>> {
    if !small.tame || small.network.spec().parameters() > 1500 {
        return Ok(vec![]);
    }
    let check = check_gradients(small.network, &small.data, threads);
    if small.network.spec().to_string().contains("member-") {
        let is_refused = check.is_err_and(|error| error.to_string().contains("several members"));
        return Ok(if is_refused { vec![] } else { vec!["members are not refused".into()] });
    }
    let check = check?;
    let is_wrong = |layer: &&LayerCheck| {
        layer.fast_vs_math > layer.fast_vs_math_bound || layer.math_vs_differences > layer.math_vs_differences_bound
    };
    let wrong: Vec<_> = check.layers.iter().filter(is_wrong).collect();
    Ok(if check.passed() { vec![] } else { vec![format!("the check of {} rows failed: {wrong:?}", check.rows)] })
}

/// Whether only dense layers learn: what a trace, the units and the curvature can show.
fn is_chain_of_dense(layers: &[Layer]) -> bool {
    let drops = |layer: &Layer| matches!(layer, Layer::Unit(Unit::Dropout { .. } | Unit::AlphaDropout { .. }));
    layers.iter().all(|layer| matches!(layer, Layer::Dense(dense) if dense.bias) || drops(layer))
}

/// What explains a network, of the first of some rows.
fn explained(case: &Case, small: &Small, threads: usize) -> Result<Vec<String>> {
    let Small { network, data, tame } = small;
    let objective = &case.options.objective;
    let mut shown = Shown { faults: vec![], tame: *tame };
    let chain = is_chain_of_dense(&network.spec().layers);
    let classes = !data.labels().is_empty();
    let trace = Trace::of(network, data, 0, objective);
    shown.see("trace", chain, trace, |trace| [&trace.gradient[..], &trace.output.logits, &[trace.loss]].concat());
    shown.see("units", chain && classes, units(network, data), |layers| {
        layers.iter().flat_map(|layer| [layer.mean_slope, layer.mean_gradient]).collect()
    });
    let curvature = Hessian::of(network, data, objective, threads)
        .and_then(|hessian| Ok(vec![hessian.largest(3, 0)?.value, hessian.trace(2, 0)?.value]));
    shown.see("curvature", chain, curvature, Clone::clone);
    // Inputs that are names have no gradient; members have no last layer of their own.
    let text = case.spec.to_string();
    let (whole, members) = (text.contains("embedding"), text.contains("member-"));
    let views = class_views(network, data, threads);
    shown.see("class views", classes && !whole, views, |views| views.iter().flatten().map(|&v| v.into()).collect());
    let worst = mistakes(network, [&case.data.train, data], objective, 2, threads);
    let dense = has_dense(&case.spec.layers);
    shown.see("mistakes", classes && dense && !whole && !members, worst, |worst| {
        worst.iter().flat_map(|mistake| mistake.probabilities.iter().map(|&p| p.into())).collect()
    });
    for &by in Attribution::ALL {
        let by = if let Attribution::IntegratedGradients { .. } = by {
            Attribution::IntegratedGradients { steps: 4 }
        } else {
            by
        };
        let attributed =
            Attributor::new(network, data.image(), threads).and_then(|mut a| a.attribute(&data.row(0), None, by));
        shown.see("attribution", !whole, attributed, |a| a.values.iter().map(|&value| value.into()).collect());
    }
    Ok(shown.faults)
}

fn has_dense(layers: &[Layer]) -> bool {
    layers.iter().any(|layer| match layer {
        Layer::Dense(_) => true,
        Layer::Skip(chain, _) => has_dense(chain),
        Layer::Parallel(chains, _) => chains.iter().any(|chain| has_dense(chain)),
        _ => false,
    })
}

/// What was shown of a network.
struct Shown {
    faults: Vec<String>,
    tame: bool,
}

impl Shown {
    /// Where it has to be there, it has to be finite; where not, it is refused in words or shown too.
    fn see<T>(&mut self, what: &str, wanted: bool, got: Result<T>, numbers: impl Fn(&T) -> Vec<f64>) {
        match got {
            Ok(shown) if self.tame && numbers(&shown).iter().any(|number| !number.is_finite()) => {
                self.faults.push(format!("{what} of a finite network has numbers that are not"));
            }
            Err(error) if wanted => self.faults.push(format!("{what}: {error}")),
            Err(Error::Diverged { .. } | Error::Io { .. } | Error::Format { .. }) => {
                self.faults.push(format!("{what} is refused with an error of the wrong kind"));
            }
            _ => {}
        }
    }
}

/// The loss and the gradient of each row.
fn outliers(case: &Case, small: &Small, threads: usize) -> Result<Vec<String>> {
    let samples = samples(small.network, &small.data, &case.options.objective, threads)?;
    let normed = ["batch-norm", "member-"].iter().any(|name| case.spec.to_string().contains(name));
    let finite = samples.iter().all(|s| s.loss.is_finite() && (normed || s.gradient_norm.is_finite()));
    Ok(if finite || !small.tame { vec![] } else { vec![format!("of a finite network: {samples:?}")] })
}
