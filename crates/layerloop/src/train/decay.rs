//! What comes before the optimiser's rule: clipping, and the decay of weights.

use layerloop_kernels::{Before, Update};

use super::fit::FitOptions;
use crate::Error;

impl FitOptions {
    /// The step `t`, counted from 1.
    pub(crate) fn step(&self, t: u64) -> Update {
        let rule = self.optimizer.at(t, self.learning_rate);
        let before = self.before();
        Update { rule, before: (before != Before::NOTHING).then_some(before) }
    }

    /// Whether weights move whose gradient is always 0.
    pub(crate) fn decays(&self) -> bool {
        let Before { l1, l2, decay, .. } = self.before();
        [l1, l2, decay] != [0.0; 3]
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay.unwrap_or_else(|| self.optimizer.usual_decay())
    }

    fn before(&self) -> Before {
        let decay = self.weight_decay();
        let (l2, decay) =
            if self.optimizer.decouples() { (self.l2, self.learning_rate * decay) } else { (self.l2 + decay, 0.0) };
        let before = Before {
            clip: self.clip_value.map_or(f32::INFINITY, |clip| clip as f32),
            l1: self.l1 as f32,
            l2: l2 as f32,
            decay: decay as f32,
            ..Before::NOTHING
        };
        Before { everywhere: self.decay_all && before != Before::NOTHING, ..before }
    }

    /// What is wrong about clipping and decay.
    pub(super) fn faults_of_decay(&self) -> Vec<Error> {
        let fits = |value: f64| value >= 0.0 && (value as f32).is_finite();
        let decay = self.weight_decay();
        let decays = [("weight_decay", decay), ("l1", self.l1), ("l2", self.l2)];
        let mut faults: Vec<Error> = decays
            .into_iter()
            .filter(|&(_, value)| !fits(value))
            .map(|(field, value)| {
                let reason = format!("{value}; it must be a finite number, at least 0, customarily 1e-6 to 1e-1");
                Error::config(field, reason)
            })
            .collect();
        let lost = self.learning_rate * decay;
        if self.optimizer.decouples() && fits(decay) && lost > 1.0 {
            let reason = format!(
                "{decay}; times the learning rate it is {lost}, the share of a weight that a step takes: at most 1"
            );
            faults.push(Error::config("weight_decay", reason));
        }
        if let Some(clip) = self.clip_value.filter(|&clip| !(fits(clip) && clip as f32 > 0.0)) {
            let reason = format!("{clip}; it must be a finite number above 0: the largest component of the gradient");
            faults.push(Error::config("clip_value", reason));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use layerloop_kernels::dense::WeightBlock;
    use layerloop_kernels::{Isa, LANES, Panels, Part, STATES, update};
    use serde::Deserialize;

    use super::*;
    use crate::choice::parse;
    use crate::train::Optimizer;

    /// Four weights and four biases.
    type Pair = [[f64; 4]; 2];

    #[derive(Deserialize)]
    struct Reference {
        start: Pair,
        gradients: Vec<Pair>,
        runs: Vec<Run>,
    }

    #[derive(Deserialize)]
    struct Run {
        optimizer: String,
        learning_rate: f64,
        weight_decay: f64,
        l1: f64,
        l2: f64,
        clip_value: Option<f64>,
        after: Vec<Pair>,
    }

    fn in_panel(values: &Pair) -> [f32; 2 * LANES] {
        std::array::from_fn(|i| values[i / LANES].get(i % LANES).map_or(0.0, |&value| value as f32))
    }

    /// The parameters after each step.
    fn steps(isa: Isa, reference: &Reference, options: &FitOptions) -> Vec<[f32; 2 * LANES]> {
        let panel = Panels::new(2, 4).iter().next().unwrap();
        let block = WeightBlock { panel, row: 0, rows: 2, listed: None, bias: true };
        let (mut weights, mut states) = (in_panel(&reference.start), [[0.0; 2 * LANES]; STATES]);
        (1..)
            .zip(&reference.gradients)
            .map(|(t, gradient)| {
                let part = Part { weights: &mut weights, states: states.each_mut().map(|state| &mut state[..]) };
                update(isa, options.step(t), block, part, &mut in_panel(gradient));
                weights
            })
            .collect()
    }

    /// Ten steps in f64 by PyTorch, or the paper's equation where it has none: `tests/reference/optimizers.py`.
    #[test]
    fn every_optimizer_takes_the_steps_of_pytorch_with_the_same_bits_on_every_isa() {
        let reference = include_str!("../../../../tests/reference/optimizers.json");
        let reference: Reference = serde_json::from_str(reference).unwrap();
        let named = |choice: &Optimizer| {
            let of = |run: &Run| parse::<Optimizer>(&run.optimizer).unwrap() == *choice;
            reference.runs.iter().filter(|run| of(run)).count()
        };
        assert!(Optimizer::ALL.iter().all(|choice| named(choice) > 1), "every optimiser, with and without decay");
        for run in &reference.runs {
            let options = FitOptions {
                optimizer: parse(&run.optimizer).unwrap(),
                learning_rate: run.learning_rate,
                weight_decay: Some(run.weight_decay),
                l1: run.l1,
                l2: run.l2,
                clip_value: run.clip_value,
                ..FitOptions::default()
            };
            let steps = self::steps(Isa::best(), &reference, &options);
            let said = format!("{}, {options:?}", run.optimizer);
            for (t, (got, truth)) in steps.iter().zip(&run.after).enumerate() {
                for (i, &truth) in truth.as_flattened().iter().enumerate() {
                    let got = f64::from(got[i / 4 * LANES + i % 4]);
                    assert!(
                        (got - truth).abs() <= 1e-6 * truth.abs().max(1.0),
                        "{got} instead of {truth} at {i}, step {}: {said}",
                        t + 1
                    );
                }
            }
            assert!(steps[9].iter().enumerate().all(|(i, &w)| i % LANES < 4 || w == 0.0), "padding: {said}");
            for isa in Isa::available() {
                let same = self::steps(isa, &reference, &options);
                assert_eq!(same.as_flattened(), steps.as_flattened(), "{}: {said}", isa.name());
            }
        }
    }

    #[test]
    fn what_is_not_asked_for_is_not_there() {
        let before = |options: FitOptions| options.step(1).before;
        assert_eq!(before(FitOptions::default()), None);
        assert_eq!(before(FitOptions { decay_all: true, ..FitOptions::default() }), None);
        let adamw = FitOptions { optimizer: parse("adamw").unwrap(), ..FitOptions::default() };
        assert_eq!(before(adamw.clone()), Some(Before { decay: 1e-5, ..Before::NOTHING }));
        assert_eq!(before(FitOptions { weight_decay: Some(0.0), ..adamw }), None);
        let adam = FitOptions { weight_decay: Some(0.5), l2: 0.25, decay_all: true, ..FitOptions::default() };
        assert_eq!(before(adam), Some(Before { l2: 0.75, everywhere: true, ..Before::NOTHING }));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let usual = FitOptions::default;
        let refused = |options: FitOptions| options.check().unwrap_err().to_string();
        assert!(
            refused(FitOptions { l1: -1.0, ..usual() }).starts_with("l1: -1; it must be a finite number, at least 0")
        );
        assert!(refused(FitOptions { l2: f64::NAN, ..usual() }).starts_with("l2: NaN;"));
        assert!(refused(FitOptions { weight_decay: Some(1e300), ..usual() }).starts_with("weight_decay: 1000"));
        assert!(refused(FitOptions { clip_value: Some(0.0), ..usual() }).starts_with("clip_value: 0;"));
        let lion = FitOptions { optimizer: parse("lion").unwrap(), learning_rate: 0.5, ..usual() };
        assert!(refused(FitOptions { weight_decay: Some(3.0), ..lion }).contains("it is 1.5, the share"));
    }
}
