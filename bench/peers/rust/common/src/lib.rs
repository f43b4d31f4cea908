//! What both Rust peers need: the job from the command line, its data, random order, the result as one JSON line.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Instant;

/// The arguments of every peer: SIZES ACTIVATION BATCH EPOCHS DATA [PEAK], the sizes as `784-32-10`. Without epochs it only
/// predicts. The learning rate is 1e-3, or PEAK by the one-cycle schedule.
pub struct Job {
    pub sizes: Vec<usize>,
    pub sigmoid: bool,
    pub batch: usize,
    pub epochs: usize,
    pub train: Part,
    pub test: Part,
    pub loss: Loss,
    pub peak: Option<f64>,
}

/// Rows of f32 and their targets: the number of a class, or numbers.
pub struct Part {
    pub width: usize,
    pub inputs: Vec<f32>,
    pub targets: Vec<f32>,
    pub rows: usize,
}

/// What is minimised: it follows from the targets, which are numbers (`train_y.f32`) or classes (`train_y.u8`), and from the
/// number of outputs.
#[derive(Clone, Copy, PartialEq)]
pub enum Loss {
    SquaredError,
    BinaryCrossEntropy,
    CrossEntropy,
}

impl Job {
    pub fn from_arguments() -> Self {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let [sizes, activation, batch, epochs, data, peak @ ..] = &arguments[..] else {
            panic!("SIZES ACTIVATION BATCH EPOCHS DATA [PEAK]")
        };
        let peak = peak.first().map(|peak| peak.parse().expect("a learning rate"));
        let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{text} is not a number"));
        let sizes: Vec<usize> = sizes.split('-').map(number).collect();
        let part = |name| Part::read(Path::new(data), name, sizes[0]);
        let (train, test) = (part("train"), part("test"));
        let loss = match sizes[sizes.len() - 1] {
            _ if Path::new(data).join("train_y.f32").exists() => Loss::SquaredError,
            1 => Loss::BinaryCrossEntropy,
            _ => Loss::CrossEntropy,
        };
        let (batch, epochs) = (number(batch), number(epochs));
        Self { loss, sigmoid: activation == "sigmoid", batch, epochs, train, test, sizes, peak }
    }

    /// The learning rate of a step, counted from 0: constant, or PyTorch's OneCycleLR.
    pub fn rate(&self, step: usize) -> f64 {
        let Some(peak) = self.peak else { return 1e-3 };
        let steps = (self.epochs * self.train.rows.div_ceil(self.batch)) as f64;
        let (t, rise) = (step as f64, 0.3 * steps - 1.0);
        let between = |from: f64, to: f64, share: f64| to + (from - to) / 2.0 * (1.0 + (std::f64::consts::PI * share).cos());
        if t <= rise {
            between(peak / 25.0, peak, t / rise)
        } else {
            between(peak, peak / 25e4, (t - rise) / (steps - 1.0 - rise))
        }
    }

    /// Fewer steps of the same kind, to warm up.
    pub fn warm_up(&self) -> Plan {
        Plan { epochs: 1, steps: 40 }
    }

    pub fn whole(&self) -> Plan {
        Plan { epochs: self.epochs, steps: usize::MAX }
    }

    /// Calls `step` with the inputs and targets of each batch, in a new order every epoch.
    pub fn for_each_batch(&self, plan: Plan, mut step: impl FnMut(Vec<f32>, Vec<f32>)) {
        let Part { width, inputs, targets, rows } = &self.train;
        let each = targets.len() / rows;
        let mut order: Vec<usize> = (0..*rows).collect();
        let mut state = 1;
        for _ in 0..plan.epochs {
            shuffle(&mut order, &mut state);
            for rows in order.chunks(self.batch).take(plan.steps) {
                let gather = |values: &[f32], width: usize| {
                    let mut gathered = Vec::with_capacity(rows.len() * width);
                    rows.iter().for_each(|row| gathered.extend_from_slice(&values[row * width..][..width]));
                    gathered
                };
                step(gather(inputs, *width), gather(targets, each));
            }
        }
    }
}

/// How much of the job is run.
#[derive(Clone, Copy)]
pub struct Plan {
    pub epochs: usize,
    pub steps: usize,
}

impl Part {
    fn read(data: &Path, name: &str, width: usize) -> Self {
        let file = |name: String| File::open(data.join(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let inputs = floats(file(format!("{name}_x.f32")));
        let numbers = data.join(format!("{name}_y.f32")).exists();
        let targets = if numbers {
            floats(file(format!("{name}_y.f32")))
        } else {
            let mut labels = Vec::new();
            file(format!("{name}_y.u8")).read_to_end(&mut labels).expect("labels");
            labels.into_iter().map(f32::from).collect()
        };
        Self { width, rows: inputs.len() / width, inputs, targets }
    }

    pub fn row(&self, row: usize) -> &[f32] {
        &self.inputs[row * self.width..][..self.width]
    }

    /// The share of the classes that the largest of `outputs` outputs (or the sign of one) is right about.
    pub fn accuracy(&self, outputs: &[f32]) -> f64 {
        let each = outputs.len() / self.rows;
        let answer = |row: &[f32]| {
            if each == 1 { usize::from(row[0] > 0.0) } else { (0..each).fold(0, |best, k| if row[k] > row[best] { k } else { best }) }
        };
        let right = outputs.chunks_exact(each).zip(&self.targets).filter(|(row, class)| answer(row) as f32 == **class);
        right.count() as f64 / self.rows as f64
    }
}

/// A file's values, piece by piece: its bytes held beside them would count as the peer's memory.
fn floats(mut file: File) -> Vec<f32> {
    let bytes = file.metadata().expect("a size").len() as usize;
    let mut values = Vec::with_capacity(bytes / 4);
    let mut piece = [0; 1 << 16];
    for start in (0..bytes).step_by(piece.len()) {
        let piece = &mut piece[..(bytes - start).min(1 << 16)];
        file.read_exact(piece).expect("a whole file");
        values.extend(piece.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four bytes"))));
    }
    values
}

/// Fisher and Yates, by the numbers of SplitMix64.
fn shuffle(order: &mut [usize], state: &mut u64) {
    for last in (1..order.len()).rev() {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (*state ^ *state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        order.swap(last, ((mixed ^ mixed >> 31) % (last as u64 + 1)) as usize);
    }
}

/// Seconds that `work` takes, and what it gives.
pub fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed().as_secs_f64(), result)
}

/// The median seconds of some calls, after a tenth as many to warm up.
fn median_of(calls: usize, mut call: impl FnMut(usize)) -> f64 {
    (0..calls / 10 + 1).for_each(&mut call);
    let mut seconds: Vec<f64> = (0..calls).map(|i| timed(|| call(i)).0).collect();
    seconds.sort_by(f64::total_cmp);
    seconds[calls / 2]
}

/// Times predictions: `one` predicts a row of the test set, `all` the whole of it.
pub fn report_predictions(rows: usize, mut one: impl FnMut(usize), mut all: impl FnMut()) {
    let one_row_us = 1e6 * median_of(3000, |i| one(i % rows));
    let all_rows_ms = 1e3 * median_of(15, |_| all());
    println!("{{\"one_row_us\":{one_row_us},\"all_rows_ms\":{all_rows_ms}}}");
}

/// `outputs`: the network's for the test rows, logits or numbers.
pub fn report_training(job: &Job, train_s: f64, outputs: &[f32]) {
    let accuracy = match job.loss {
        Loss::SquaredError => String::new(),
        _ => format!(",\"accuracy\":{}", job.test.accuracy(outputs)),
    };
    println!("{{\"train_s\":{train_s}{accuracy}}}");
}
