//! Networks of many shapes, so that nobody tunes to four jobs: a step's rate as a share of its roofline, the lower of what
//! arithmetic and memory allow.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use layerloop::Result;
use layerloop::data::{Dataset, Inputs};
use layerloop::network::{Activation, Network, Spec};
use layerloop::rng::Stream;
use layerloop::train::{Callback, FitOptions, Run, StepEnd, fit_with};
use layerloop_kernels::Team;
use serde_json::json;

use super::{Measured, Setting, median};

/// Widths of all layers, of the inputs too; each odd one stands before its padded size.
const WIDTHS: [usize; 17] = [8, 16, 32, 33, 46, 48, 64, 100, 112, 128, 256, 257, 272, 512, 1024, 2048, 4096];
const BATCHES: [usize; 3] = [16, 128, 1024];
const LAYERS: [usize; 4] = [1, 2, 3, 6];

/// The time that a point takes, more or less.
const TIME: Duration = Duration::from_millis(100);

/// Points with more parameters are left out: they take a gigabyte each.
const MOST_PARAMETERS: usize = 20_000_000;

/// One shape, its share of the peak rate of arithmetic, and of its roofline.
struct Point {
    width: usize,
    batch: usize,
    layers: usize,
    of_peak: f64,
    of_roofline: f64,
}

/// What this machine can do at best.
struct Roofline<'a> {
    setting: &'a Setting<'a>,
    /// Gflop/s of fused multiply-adds.
    peak: f64,
    /// GB/s that are read, over and over, of so many bytes.
    rates: BTreeMap<usize, f64>,
}

impl Roofline<'_> {
    /// Gflop/s of a step: no more than the peak, and no more than its bytes allow. A step reads and writes each weight and
    /// Adam's two moments once, and reads the rows of its batch, as fast as the team reads an array of their size.
    fn of_step(&mut self, spec: &Spec, batch: usize) -> f64 {
        let rows = size_of::<f32>() * spec.inputs * batch;
        let kept = 3 * size_of::<f32>() * spec.parameters();
        let Setting { threads, isa, .. } = *self.setting;
        let rate = self
            .rates
            .entry((kept + rows).next_power_of_two())
            .or_insert_with_key(|&bytes| layerloop_kernels::peak::read_rate(&mut Team::new(threads, isa), bytes));
        let gflop = 1e-9 * spec.operations() * batch as f64;
        self.peak.min(gflop * *rate / ((2 * kept + rows) as f64 * 1e-9))
    }
}

pub(super) fn measure(setting: &Setting, show: impl Fn(Measured) -> Result<()>) -> Result<()> {
    let peak = setting.peak.unwrap_or(f64::NAN);
    let mut roofline = Roofline { setting, peak, rates: BTreeMap::new() };
    let mut points: Vec<Point> = Vec::new();
    for width in WIDTHS {
        let mut cells = Vec::new();
        for (layers, batch) in LAYERS.iter().flat_map(|&layers| BATCHES.map(|batch| (layers, batch))) {
            let spec = (0..layers).fold(Spec::new(width), |spec, _| spec.layer(width, Activation::Relu));
            if spec.parameters() > MOST_PARAMETERS {
                cells.push("-".into());
                continue;
            }
            let options = FitOptions { batch, threads: Some(setting.threads), ..FitOptions::default() };
            let seconds = seconds_of_a_step(&spec, &rows_for(&spec, 4 * batch)?, options)?;
            let rate = 1e-9 * spec.operations() * batch as f64 / seconds;
            let of_roofline = rate / roofline.of_step(&spec, batch);
            let point = Point { width, batch, layers, of_peak: rate / peak, of_roofline };
            cells.push(format!("{:.0} %", 100.0 * of_roofline));
            if setting.args.json {
                show(Measured { object: point.object("sweep", setting), text: String::new() })?;
            }
            points.push(point);
        }
        if !setting.args.json {
            let cells: String = cells.iter().map(|cell| format!("{cell:>7}")).collect();
            let head = if width == WIDTHS[0] { header() } else { String::new() };
            show(Measured { object: json!(null), text: format!("{head}{width:5}{cells}") })?;
        }
    }
    let worst = points.iter().min_by(|a, b| a.of_roofline.total_cmp(&b.of_roofline));
    worst.map_or(Ok(()), |worst| {
        let Point { width, batch, layers, of_roofline, .. } = worst;
        show(Measured {
            object: worst.object("sweep-worst", setting),
            text: format!(
                "worst: width {width}, batch {batch}, layers {layers}: {:.1} % of its roofline; the peak is {peak:.0} Gflop/s",
                100.0 * of_roofline
            ),
        })
    })
}

impl Point {
    fn object(&self, job: &str, setting: &Setting) -> serde_json::Value {
        json!({
            "job": job, "width": self.width, "batch": self.batch, "layers": self.layers, "threads": setting.threads,
            "isa": setting.isa.name(), "of_peak": self.of_peak,
            "of_roofline": self.of_roofline,
        })
    }
}

/// Two lines over the columns.
fn header() -> String {
    let columns = || LAYERS.iter().flat_map(|layers| BATCHES.map(|batch| (layers, batch)));
    let layers: String = columns().map(|(layers, _)| format!("{layers:>7}")).collect();
    let batches: String = columns().map(|(_, batch)| format!("{batch:>7}")).collect();
    format!(
        "sweep: a training step (Adam, relu, all layers `width` wide), as a share of its roofline, the lower\n\
             of the fused multiply-add peak and what its bytes allow\n\
             layers {}\nbatch  {}\nwidth\n",
        &layers[2..],
        &batches[2..]
    )
}

/// Random rows for a network.
fn rows_for(spec: &Spec, rows: usize) -> Result<Dataset> {
    let classes = spec.classes();
    let mut stream = Stream::new(0, "bench", 1);
    let inputs = Inputs::Floats((0..rows * spec.inputs).map(|_| stream.uniform() - 0.5).collect());
    let labels: Vec<u32> = (0..rows).map(|row| (row % classes) as u32).collect();
    Dataset::new("sweep", inputs, spec.inputs, labels, (0..classes).map(|class| class.to_string()))
}

/// The median time of a training step, after a first one.
pub(super) fn seconds_of_a_step(spec: &Spec, data: &Dataset, options: FitOptions) -> Result<f64> {
    struct Watch {
        start: Instant,
        last: Instant,
        steps: Vec<f64>,
    }
    impl Callback for Watch {
        fn on_step(&mut self, end: &StepEnd, _: &mut Run) -> ControlFlow<()> {
            let now = Instant::now();
            if end.step == 1 {
                self.start = now;
            } else {
                self.steps.push((now - self.last).as_secs_f64());
            }
            self.last = now;
            if end.step > 2 && now - self.start > TIME { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    let now = Instant::now();
    let mut watch = Watch { start: now, last: now, steps: Vec::with_capacity(1 << 20) };
    let options = FitOptions { epochs: 1 << 20, ..options };
    fit_with(&mut Network::new(spec, 0)?, data, &options, &mut watch)?;
    Ok(median(&watch.steps))
}
