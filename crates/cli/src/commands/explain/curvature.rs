//! `layerloop explain --curvature`

use std::fmt::Write as _;
use std::path::Path;

use layerloop::data::Dataset;
use layerloop::explain::{Eigen, Estimate, Hessian, surface};
use layerloop::network::Network;
use layerloop::train::Objective;
use layerloop::{Error, Result};
use serde_json::json;

use crate::args::Explain;
use crate::commands::threads_for;
use crate::output::line;
use crate::places::write_page;

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
        draw(path, network, &data, objective, &largest, threads)?;
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
    threads: usize,
) -> Result<()> {
    // As far as the loss grows by 2, if it bends as it does here.
    let reach = (4.0 / top.value.abs().max(1e-6)).sqrt().min(50.0);
    let at: Vec<f64> = (0..=2 * HALF).map(|k| reach * (k as f64 / HALF as f64 - 1.0)).collect();
    let losses = surface(network, data, objective, [&top.vector, &top.second], &at, threads)?;
    write_page(path, svg(&losses, reach))
}

fn svg(losses: &[Vec<f64>], reach: f64) -> String {
    const CELL: f64 = 10.0;
    let all = || losses.iter().flatten().copied().filter(|loss| loss.is_finite());
    let (low, high) = all().fold((f64::MAX, f64::MIN), |(low, high), loss| (low.min(loss), high.max(loss)));
    let n = losses.len() as f64;
    let side = n * CELL;
    // Levels that are even in the logarithm, where the loss allows it: a valley has detail near its floor.
    let height = |loss: f64| ((loss - low) / (high - low).max(f64::MIN_POSITIVE)).max(0.0).sqrt();
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
         <title>The loss around a network, along the two directions in which it bends most</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fdfdfb\"/>\n<g transform=\"translate(60 20)\">\n",
        side + 190.0,
        side + 70.0
    );
    let colour = |h: f64| {
        // From a dark blue over green to a light yellow, by equal steps of lightness.
        let stops = [[38.0, 49.0, 99.0], [31.0, 128.0, 138.0], [122.0, 190.0, 120.0], [250.0, 236.0, 165.0]];
        let place = h.clamp(0.0, 1.0) * 3.0;
        let (from, part) = ((place as usize).min(2), place - (place as usize).min(2) as f64);
        let [r, g, b] = [0, 1, 2].map(|k| (stops[from][k] + part * (stops[from + 1][k] - stops[from][k])).round());
        format!("rgb({r} {g} {b})")
    };
    const BANDS: f64 = 14.0;
    for (r, row) in losses.iter().enumerate() {
        for (c, &loss) in row.iter().enumerate() {
            let band = (height(loss) * BANDS).round() / BANDS;
            let fill = if loss.is_finite() { colour(band) } else { "#888".into() };
            let (x, y) = (c as f64 * CELL, r as f64 * CELL);
            _ = writeln!(out, "<rect x=\"{x}\" y=\"{y}\" width=\"10.2\" height=\"10.2\" fill=\"{fill}\"/>");
        }
    }
    let middle = side / 2.0;
    _ = writeln!(
        out,
        "<circle cx=\"{middle}\" cy=\"{middle}\" r=\"4.5\" fill=\"#fff\" stroke=\"#000\" stroke-width=\"1.5\"/>"
    );
    let mut text = |x: f64, y: f64, anchor: &str, words: &str| {
        _ = writeln!(out, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{words}</text>");
    };
    for (place, value) in [(0.0, -reach), (middle, 0.0), (side, reach)] {
        text(place, side + 18.0, "middle", &format!("{value:.2}"));
        text(-8.0, side - place + 4.0, "end", &format!("{value:.2}"));
    }
    text(middle, side + 40.0, "middle", "along the eigenvector of the largest eigenvalue");
    for k in 0..=4 {
        let h = f64::from(k) / 4.0;
        let y = side - h * side;
        text(side + 52.0, y.max(8.0) + 4.0, "start", &format!("{:.3}", low + h * h * (high - low)));
    }
    for k in 0..=BANDS as usize {
        let h = k as f64 / BANDS;
        let (y, tall) = (side * (1.0 - h) * BANDS / (BANDS + 1.0), side / (BANDS + 1.0) + 0.4);
        _ = writeln!(
            out,
            "<rect x=\"{}\" y=\"{y}\" width=\"18\" height=\"{tall}\" fill=\"{}\"/>",
            side + 26.0,
            colour(h)
        );
    }
    out + "</g>\n</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_a_cell_for_each_loss_and_says_how_large_they_are() {
        let losses = vec![vec![1.0, 2.0, 3.0], vec![1.5, 0.5, f64::NAN], vec![4.0, 2.5, 3.5]];
        let picture = svg(&losses, 2.0);
        assert_eq!(picture.matches("height=\"10.2\"").count(), 9);
        assert!(picture.contains(">0.500<") && picture.contains(">4.000<") && picture.contains("#888"), "{picture}");
    }
}
