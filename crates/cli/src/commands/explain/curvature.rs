//! `layerloop explain --curvature`

use std::path::Path;

use layerloop::data::Dataset;
use layerloop::explain::{Eigen, Estimate, Hessian, surface};
use layerloop::network::Network;
use layerloop::train::Objective;
use layerloop::{Error, Result};
use serde_json::json;

use super::surface::Surface;
use crate::args::Explain;
use crate::output::line;
use crate::places::write_page;
use crate::scores::threads_for;

/// Steps of Lanczos, and probes of Hutchinson.
const STEPS: usize = 30;
const PROBES: usize = 20;

/// Points of the surface on each side of the network.
const HALF: usize = 20;

pub(super) fn show(args: &Explain, network: &Network, data: &Dataset, objective: &Objective) -> Result<()> {
    if args.rows == 0 {
        return Err(Error::config("--rows", "0; at least 1 is needed for a Hessian"));
    }
    let data = data.head(args.rows);
    let threads = threads_for(network.spec());
    let hessian = Hessian::of(network, &data, objective, threads)?;
    let largest = hessian.largest(STEPS, 0)?;
    let trace = hessian.trace(PROBES, 0)?;
    if let Some(path) = &args.surface {
        draw(path, network, &data, objective, &largest, &hessian)?;
    }
    if args.json {
        return line(json!({
            "rows": data.rows(), "parameters": hessian.size(), "largest_eigenvalue": largest, "trace": trace,
            "surface": args.surface,
        }));
    }
    let Eigen { value, residual, .. } = largest;
    let Estimate { value: sum, standard_error } = trace;
    line(format_args!(
        "Hessian of the mean loss of {} rows of {}, {} x {}\n\
         largest eigenvalue  {value:.4}  (an eigenvalue is within {residual:.1e})\n\
         trace               {sum:.4}  (standard error {standard_error:.1e})\n\
         plain gradient descent diverges above the learning rate 2 / {value:.4} = {:.4}",
        data.rows(),
        data.name(),
        hessian.size(),
        hessian.size(),
        2.0 / value
    ))?;
    args.surface.as_ref().map_or(Ok(()), |path| line(format_args!("the loss along two directions: {}", path.display())))
}

/// The loss around the network, as an SVG picture: across, the direction that bends most; upward, the next one.
fn draw(
    path: &Path,
    network: &Network,
    data: &Dataset,
    objective: &Objective,
    top: &Eigen,
    hessian: &Hessian,
) -> Result<()> {
    // As far as the loss grows by 2, if it bends as it does here.
    let reach = (4.0 / top.value.abs().max(1e-6)).sqrt().min(50.0);
    let at: Vec<f64> = (0..=2 * HALF).map(|k| reach * (k as f64 / HALF as f64 - 1.0)).collect();
    let losses = surface(network, data, objective, [&top.vector, &top.second], &at, threads_for(network.spec()))?;
    write_page(path, Surface { losses: &losses, reach, eigenvalue: top.value, loss: hessian.loss() }.svg())
}
