//! The loss around a network as an SVG picture: a map with labelled axes, and a colour bar.

use std::fmt::Write as _;

use layerloop::Result;
use layerloop::data::Dataset;
use layerloop::explain::{Eigen, surface};
use layerloop::names::text;
use layerloop::network::Network;
use layerloop::train::{Loss, Objective};

/// Points on each side of the network.
const HALF: usize = 20;

/// Width and height of the map, in pixels.
const SIDE: f64 = 410.0;
/// Room for labels around it.
const LEFT: f64 = 92.0;
const TOP: f64 = 52.0;
const RIGHT: f64 = 180.0;
const BOTTOM: f64 = 92.0;
/// Colours of the bar: few enough that their borders are contour lines.
const BANDS: usize = 15;
const BACKGROUND: &str = "#fdfdfb";
const INK: &str = "#1f2328";
/// Where the loss is not finite.
const GREY: &str = "#888888";

/// The mean loss on a plane through a network: across, the direction that bends most; upward, the next one.
#[derive(Debug)]
pub struct Surface {
    /// Distances along each direction, ascending: alpha, and beta.
    pub distances: Vec<f64>,
    /// Row by row, from the largest beta to the smallest; each from the smallest alpha to the largest.
    pub losses: Vec<Vec<f64>>,
    /// The largest eigenvalue, along whose eigenvector alpha runs.
    eigenvalue: f64,
    loss: Loss,
}

impl Surface {
    /// Around `network`, as far as its loss on `data` grows by 2 if it bends as it does here; `loss` is what the Hessian is of.
    ///
    /// # Errors
    /// Those of [`surface`].
    pub fn around(
        network: &Network,
        data: &Dataset,
        objective: &Objective,
        top: &Eigen,
        loss: Loss,
        threads: usize,
    ) -> Result<Self> {
        let reach = (4.0 / top.value.abs().max(1e-6)).sqrt().min(50.0);
        let distances: Vec<f64> = (0..=2 * HALF).map(|k| reach * (k as f64 / HALF as f64 - 1.0)).collect();
        let losses = surface(network, data, objective, [&top.vector, &top.second], &distances, threads)?;
        Ok(Self { distances, losses, eigenvalue: top.value, loss })
    }

    /// The picture.
    #[must_use]
    pub fn svg(&self) -> String {
        let (width, height) = (LEFT + SIDE + RIGHT, TOP + SIDE + BOTTOM);
        let levels = Levels::of(&self.losses);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"{INK}\">\n\
             <title>The mean loss around a network, along two directions</title>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"{BACKGROUND}\"/>\n<g transform=\"translate({LEFT} {TOP})\">\n"
        );
        self.map(&mut out, levels);
        self.axes(&mut out);
        self.bar(&mut out, levels);
        out + "</g>\n</svg>\n"
    }

    fn map(&self, out: &mut String, levels: Option<Levels>) {
        let cell = SIDE / self.losses.len() as f64;
        for (r, row) in self.losses.iter().enumerate() {
            for (c, &loss) in row.iter().enumerate() {
                let fill = levels.filter(|_| loss.is_finite()).map_or(GREY.into(), |levels| levels.colour(loss));
                let (x, y, size) = (c as f64 * cell, r as f64 * cell, cell + 0.2);
                _ = writeln!(
                    out,
                    "<rect class=\"cell\" x=\"{x:.2}\" y=\"{y:.2}\" width=\"{size:.2}\" height=\"{size:.2}\" fill=\"{fill}\"/>"
                );
            }
        }
        circle(out, SIDE / 2.0, SIDE / 2.0);
    }

    fn axes(&self, out: &mut String) {
        let middle = SIDE / 2.0;
        _ = writeln!(out, "<rect width=\"{SIDE}\" height=\"{SIDE}\" fill=\"none\" stroke=\"{INK}\"/>");
        let reach = self.distances.last().copied().unwrap_or(1.0);
        let (ticks, decimals) = ticks(reach);
        for tick in ticks {
            let (across, label) = (middle * (1.0 + tick / reach), number(tick, decimals));
            let up = SIDE - across;
            _ = writeln!(
                out,
                "<path class=\"tick\" d=\"M{across:.2} {SIDE}v5M0 {up:.2}h-5\" stroke=\"{INK}\" fill=\"none\"/>"
            );
            write(out, across, SIDE + 20.0, "middle", &label);
            write(out, -9.0, up + 4.5, "end", &label);
        }
        write(out, middle, -30.0, "middle", "Mean loss at w + α u + β v, w the parameters of the network");
        let along = format!("α, along u: the eigenvector of the largest eigenvalue, {:.4}", self.eigenvalue);
        write(out, middle, SIDE + 44.0, "middle", &along);
        upward(out, -68.0, "β, along v: the eigenvector of the second largest eigenvalue");
        circle(out, 7.0, SIDE + 67.0);
        write(out, 18.0, SIDE + 71.5, "start", "the network as it is: α = 0, β = 0");
        if self.losses.iter().flatten().any(|loss| !loss.is_finite()) {
            let (x, y) = (middle + 60.0, SIDE + 61.0);
            _ = writeln!(out, "<rect x=\"{x}\" y=\"{y}\" width=\"12\" height=\"12\" fill=\"{GREY}\"/>");
            write(out, x + 18.0, SIDE + 71.5, "start", "the loss is not finite");
        }
    }

    fn bar(&self, out: &mut String, levels: Option<Levels>) {
        let Some(levels) = levels else { return };
        let (x, tall) = (SIDE + 28.0, SIDE / BANDS as f64);
        for band in 0..BANDS {
            let (y, fill) = (SIDE - (band + 1) as f64 * tall, colour(band as f64 / (BANDS - 1) as f64));
            let height = tall + if band > 0 { 0.2 } else { 0.0 };
            _ = writeln!(
                out,
                "<rect class=\"level\" x=\"{x}\" y=\"{y:.2}\" width=\"18\" height=\"{height:.2}\" fill=\"{fill}\"/>"
            );
        }
        _ = writeln!(out, "<rect x=\"{x}\" width=\"18\" height=\"{SIDE}\" fill=\"none\" stroke=\"{INK}\"/>");
        for (place, label) in levels.labels() {
            let y = SIDE * (1.0 - place);
            let end = x + 18.0;
            _ = writeln!(out, "<path class=\"tick\" d=\"M{end} {y:.2}h5\" stroke=\"{INK}\" fill=\"none\"/>");
            write(out, end + 9.0, y + 4.5, "start", &label);
        }
        upward(out, SIDE + 150.0, &format!("mean loss: {}", measured(self.loss)));
    }
}

/// The smallest and the largest loss.
#[derive(Debug, Clone, Copy)]
struct Levels {
    low: f64,
    high: f64,
}

impl Levels {
    /// Nothing, if no loss is finite.
    fn of(losses: &[Vec<f64>]) -> Option<Self> {
        let finite = losses.iter().flatten().filter(|loss| loss.is_finite());
        let (low, high) = finite.fold((f64::MAX, f64::MIN), |(low, high), &loss| (low.min(loss), high.max(loss)));
        (low <= high).then_some(Self { low, high })
    }

    /// The colour of the band that has this loss. Bands are even in the square root, so that a valley has detail near its floor.
    fn colour(self, loss: f64) -> String {
        let place = ((loss - self.low) / (self.high - self.low).max(f64::MIN_POSITIVE)).max(0.0).sqrt();
        let band = (place * BANDS as f64).floor().min((BANDS - 1) as f64);
        colour(band / (BANDS - 1) as f64)
    }

    /// Numbers beside the bar, each with its place from 0 at the bottom to 1 at the top.
    fn labels(self) -> Vec<(f64, String)> {
        const PARTS: i32 = 5;
        let parts = if self.high > self.low { 0..=PARTS } else { 0..=0 };
        let range = self.high - self.low;
        let decimals = decimals(range / f64::from(PARTS * PARTS));
        let at = |k: i32| f64::from(k) / f64::from(PARTS);
        parts.map(|k| (at(k), number(self.low + range * at(k).powi(2), decimals))).collect()
    }
}

/// What the loss measures, in its unit where it has one.
fn measured(loss: Loss) -> String {
    let unit = match loss {
        Loss::CrossEntropy | Loss::BinaryCrossEntropy | Loss::Kl | Loss::Focal { .. } | Loss::Poisson => ", in nats",
        Loss::Mse => ", squared error",
        Loss::Mae => ", absolute error",
        _ => "",
    };
    text(loss) + unit
}

/// From a dark blue over green to a light yellow, by equal steps of lightness.
fn colour(place: f64) -> String {
    let stops = [[38.0, 49.0, 99.0], [31.0, 128.0, 138.0], [122.0, 190.0, 120.0], [250.0, 236.0, 165.0]];
    let place = place.clamp(0.0, 1.0) * 3.0;
    let from = (place as usize).min(2);
    let part = place - from as f64;
    let [r, g, b] = [0, 1, 2].map(|k| (stops[from][k] + part * (stops[from + 1][k] - stops[from][k])).round());
    format!("rgb({r} {g} {b})")
}

/// Round numbers from -reach to reach, with 0 in the middle; and their digits behind the point.
fn ticks(reach: f64) -> (Vec<f64>, usize) {
    let power = 10_f64.powf((reach / 3.0).log10().floor());
    let fits = |step: &f64| reach / step < 4.0;
    let step = [1.0, 2.0, 5.0].map(|m| m * power).into_iter().find(fits).unwrap_or(10.0 * power);
    let most = (reach / step) as i32;
    ((-most..=most).map(|k| f64::from(k) * step).collect(), (-step.log10().floor()).max(0.0) as usize)
}

/// Digits behind the point that tell numbers apart which are `step` from each other.
fn decimals(step: f64) -> usize {
    if step > 0.0 { (1.0 - step.log10().floor()).clamp(0.0, 9.0) as usize } else { 4 }
}

fn number(value: f64, decimals: usize) -> String {
    let size = value.abs();
    if size >= 1e6 || decimals == 9 && size > 0.0 {
        format!("{value:.2e}")
    } else {
        format!("{:.decimals$}", value + 0.0)
    }
}

fn circle(out: &mut String, x: f64, y: f64) {
    _ = writeln!(out, "<circle cx=\"{x}\" cy=\"{y}\" r=\"4.5\" fill=\"#fff\" stroke=\"#000\" stroke-width=\"1.5\"/>");
}

fn write(out: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    _ = writeln!(out, "<text x=\"{x:.2}\" y=\"{y:.2}\" text-anchor=\"{anchor}\">{words}</text>");
}

/// Words from the bottom to the top, in the middle of the map's height.
fn upward(out: &mut String, x: f64, words: &str) {
    let y = SIDE / 2.0;
    _ = writeln!(out, "<text transform=\"translate({x} {y}) rotate(-90)\" text-anchor=\"middle\">{words}</text>");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(losses: &[Vec<f64>], loss: Loss) -> String {
        Surface { distances: vec![-2.0, 0.0, 2.0], losses: losses.to_vec(), eigenvalue: 1.0, loss }.svg()
    }

    #[test]
    fn a_picture_has_a_cell_for_each_loss_and_says_how_large_they_are() {
        let losses = [vec![1.0, 2.0, 3.0], vec![1.5, 0.5, f64::NAN], vec![4.0, 2.5, 3.5]];
        let picture = of(&losses, Loss::CrossEntropy);
        assert_eq!(picture.matches("class=\"cell\"").count(), 9);
        for text in [">0.50<", ">4.00<", "fill=\"#888888\"", ">the loss is not finite<"] {
            assert!(picture.contains(text), "{text}: {picture}");
        }
        assert!(!of(&losses[..1], Loss::Mse).contains("not finite"));
    }

    /// All losses alike, or none of them finite, have no range to be divided by.
    #[test]
    fn a_flat_surface_has_one_number_and_one_without_a_finite_loss_has_no_colour_bar() {
        let flat = of(&[vec![0.25; 3], vec![0.25; 3], vec![0.25; 3]], Loss::Mse);
        assert_eq!((flat.matches(">0.2500<").count(), flat.contains("NaN")), (1, false), "{flat}");
        let none = of(&[vec![f64::NAN; 2], vec![f64::INFINITY; 2]], Loss::Mse);
        assert!(!none.contains("class=\"level\"") && !none.contains(">NaN<") && none.contains("not finite"), "{none}");
    }

    #[test]
    fn ticks_are_round_and_lie_on_the_map() {
        for (reach, expected, decimals) in
            [(2.0, &[-2.0, -1.0, 0.0, 1.0, 2.0][..], 0), (0.35, &[-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3], 1)]
        {
            let (ticks, digits) = ticks(reach);
            assert_eq!(digits, decimals);
            assert!(ticks.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{ticks:?}");
        }
        for power in -40..20 {
            let reach = 1.37 * 10_f64.powf(f64::from(power) / 10.0);
            let (ticks, digits) = ticks(reach);
            assert!(
                [3, 5, 7].contains(&ticks.len()) && ticks.iter().all(|tick| tick.abs() <= reach),
                "{reach}: {ticks:?}"
            );
            let mut labels: Vec<String> = ticks.iter().map(|&tick| number(tick, digits)).collect();
            labels.dedup();
            assert_eq!(labels.len(), ticks.len(), "{labels:?}");
        }
    }
}
