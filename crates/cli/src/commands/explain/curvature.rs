//! `layerloop explain --curvature`

use layerloop::data::Dataset;
use layerloop::explain::{Eigen, Estimate, Hessian};
use layerloop::network::Network;
use layerloop::train::Objective;
use layerloop::{Error, Result};
use layerloop_page::Surface;
use serde_json::json;

use crate::args::Explain;
use crate::output::line;
use crate::places::write_page;
use crate::scores::threads_for;

/// Steps of Lanczos, and probes of Hutchinson.
const STEPS: usize = 30;
const PROBES: usize = 20;

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
        let around = Surface::around(network, &data, objective, &largest, hessian.loss(), threads)?;
        write_page(path, around.svg())?;
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
