//! A step of L-BFGS, which looks at all rows.

use layerloop_kernels::Matrix;

use super::callback::{Callback, StepEnd};
use super::run::Run;
use super::state::Stopped;
use crate::Result;
use crate::network::forward::{Batch, Mode};
use crate::optim::lbfgs::{Lbfgs, Penalty, Point};

impl Run<'_> {
    /// One step of L-BFGS on all rows; whether there was one to take.
    pub(super) fn line_search(&mut self, mut lbfgs: Lbfgs, callback: &mut dyn Callback) -> Result<bool> {
        if self.state.taken > 0 {
            // A checkpoint between the step and the end of its epoch.
            self.lbfgs = Some(lbfgs);
            return self.after_epoch(self.state.total, callback).map(|()| true);
        }
        let Self { network, train, bound_loss, options, stepper, rates, state, .. } = self;
        let rows: Vec<u32> = (0..train.rows() as u32).collect();
        let batch = Batch {
            source: train.inputs().source(),
            rows: &rows,
            next: &[],
            bound_loss: Some(bound_loss),
            augmented: None,
        };
        let mode = Mode::Training { seed: options.seed, step: 1, first: 0, dropout: 1.0 };
        let (scale, penalty) =
            (bound_loss.scale(rows.len()), Penalty::of(network, options.penalty(), options.decay_all));
        let start = network.parameters.values.values().to_vec();
        let mut gradient = Matrix::vector(start.len());
        let next = lbfgs.step(&start, &mut |w| {
            network.parameters.values.values_mut().copy_from_slice(&w);
            state.batches += 1;
            let sum = stepper.loss_and_gradient(network, batch, scale, mode, &mut gradient);
            let mut g = gradient.values().to_vec();
            let f = sum * f64::from(scale) + penalty.add(&w, &mut g);
            for (view, _) in network.parameters.layers.iter().zip(&*rates).filter(|(_, rates)| rates.frozen()) {
                g[view.start..][..view.layout.len()].fill(0.0);
            }
            Point { w, f: if f.is_finite() { f } else { f64::INFINITY }, g, loss: sum / rows.len() as f64 }
        });
        let Some(Point { w, loss, .. }) = next else {
            network.parameters.values.values_mut().copy_from_slice(&start);
            return Ok(false);
        };
        network.parameters.values.values_mut().copy_from_slice(w);
        let (loss, rows) = (*loss, rows.len());
        (self.lbfgs, self.last_rows) = (Some(lbfgs), rows);
        self.state.steps += 1;
        (self.state.taken, self.state.total) = (rows, loss);
        if self.norms_every_epoch {
            self.look_at_norms(self.state.steps);
        }
        let end =
            StepEnd { step: self.state.steps, epoch: self.state.epoch, rows, loss: loss as f32, learning_rate: 1.0 };
        let flow = self.after_step(&end, callback)?;
        self.after_epoch(loss, callback)?;
        if flow.is_break() {
            self.state.stopped = self.state.stopped.or(Some(Stopped::Callback));
        }
        Ok(true)
    }
}
