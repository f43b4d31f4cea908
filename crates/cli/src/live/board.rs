//! What the live screen shows of a run.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use layerloop::train::{History, StepEnd};

/// Points of a curve, at most.
const POINTS: usize = 512;

/// A curve of any number of values in a bounded number of points, each the mean of equally many.
#[derive(Debug, Clone)]
pub(super) struct Curve {
    /// Place and value of each point.
    pub(super) points: Vec<(f64, f64)>,
    /// Values of a point.
    each: u32,
    /// Sums of the point in the making.
    place: f64,
    value: f64,
    count: u32,
}

impl Curve {
    pub(super) fn new() -> Self {
        Self { points: Vec::with_capacity(POINTS), each: 1, place: 0.0, value: 0.0, count: 0 }
    }

    pub(super) fn push(&mut self, place: f64, value: f64) {
        (self.place, self.value, self.count) = (self.place + place, self.value + value, self.count + 1);
        if self.count < self.each {
            return;
        }
        let count = f64::from(self.count);
        self.points.push((self.place / count, self.value / count));
        (self.place, self.value, self.count) = (0.0, 0.0, 0);
        if self.points.len() == POINTS {
            let mean = |pair: &[(f64, f64)]| ((pair[0].0 + pair[1].0) / 2.0, (pair[0].1 + pair[1].1) / 2.0);
            self.points = self.points.chunks_exact(2).map(mean).collect();
            self.each *= 2;
        }
    }
}

/// A column of the history.
#[derive(Debug, Clone)]
pub(super) struct Measure {
    pub(super) name: String,
    pub(super) over_epochs: Curve,
    pub(super) over_steps: Curve,
}

/// Epochs in the table.
const RECENT: usize = 5;
/// Columns of the history that are not measures: epoch, steps, seconds, learning_rate.
const NO_MEASURE: usize = 4;
/// How long it is shown what was asked for.
const SAID_FOR: Duration = Duration::from_secs(5);

/// Everything that is drawn.
#[derive(Debug, Clone)]
pub(super) struct Board {
    pub(super) title: String,
    pub(super) epochs: usize,
    pub(super) steps: u64,
    pub(super) now: Option<StepEnd>,
    pub(super) losses: Curve,
    /// The measures of the history, over the epochs and over the steps.
    pub(super) measures: Vec<Measure>,
    /// The numbers of the last epochs: the epoch, then the measures.
    pub(super) recent: VecDeque<Vec<f64>>,
    /// Samples a second, of the last while.
    pub(super) speed: f64,
    pub(super) left: Option<Duration>,
    pub(super) paused: bool,
    /// What was last asked for, and when.
    said: Option<(String, Instant)>,
    start: Start,
}

/// Since when, and from which step on, it is counted.
#[derive(Debug, Clone, Copy)]
struct Start {
    at: Instant,
    /// The first step that was seen; of a run that goes on it is not 1.
    step: Option<u64>,
    /// Time in pauses.
    paused: Duration,
    /// Samples since speed was last looked at, and when that was.
    samples: usize,
    looked: Instant,
}

impl Board {
    pub(super) fn new(title: String, epochs: usize, steps: u64) -> Self {
        let now = Instant::now();
        Self {
            title,
            epochs,
            steps,
            now: None,
            losses: Curve::new(),
            measures: Vec::new(),
            recent: VecDeque::new(),
            speed: 0.0,
            left: None,
            paused: false,
            said: None,
            start: Start { at: now, step: None, paused: Duration::ZERO, samples: 0, looked: now },
        }
    }

    /// Takes note of a step.
    pub(super) fn step(&mut self, end: &StepEnd) {
        self.start.step.get_or_insert(end.step - 1);
        self.start.samples += end.rows;
        self.losses.push(end.step as f64, end.loss.into());
        self.now = Some(*end);
    }

    /// Takes note of the newest epoch of a history.
    pub(super) fn epoch(&mut self, history: &History) {
        let Some(row) = history.rows().last() else { return };
        let names = || history.names().iter().skip(NO_MEASURE);
        if self.measures.is_empty() {
            let measure =
                |name: &String| Measure { name: name.clone(), over_epochs: Curve::new(), over_steps: Curve::new() };
            self.measures = names().map(measure).collect();
        }
        for (measure, &value) in self.measures.iter_mut().zip(&row[NO_MEASURE..]).filter(|(_, value)| value.is_finite())
        {
            measure.over_epochs.push(row[0], value);
            measure.over_steps.push(row[1], value);
        }
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back([&row[..1], &row[NO_MEASURE..]].concat());
    }

    /// Says for a while what was asked for.
    pub(super) fn say(&mut self, said: String) {
        self.said = Some((said, Instant::now()));
    }

    /// What was asked for a short while ago.
    pub(super) fn said(&self) -> &str {
        self.said.as_ref().filter(|(_, at)| at.elapsed() < SAID_FOR).map_or("", |(said, _)| said)
    }

    /// Takes note of a pause that is over.
    pub(super) fn paused_for(&mut self, time: Duration) {
        self.start.paused += time;
        (self.start.samples, self.start.looked) = (0, Instant::now());
    }

    /// Works out speed and time left, before the board is drawn.
    pub(super) fn look(&mut self) {
        let Some(now) = self.now.filter(|_| !self.paused) else { return };
        let since = self.start.looked.elapsed().as_secs_f64();
        if since > 0.0 && self.start.samples > 0 {
            let speed = self.start.samples as f64 / since;
            // A tenth of a second is little to go by.
            self.speed = if self.speed == 0.0 { speed } else { 0.8 * self.speed + 0.2 * speed };
            (self.start.samples, self.start.looked) = (0, Instant::now());
        }
        let done = now.step.saturating_sub(self.start.step.unwrap_or(0));
        let time = (self.start.at.elapsed() - self.start.paused).as_secs_f64();
        let left = self.steps.saturating_sub(now.step) as f64 * time / done.max(1) as f64;
        self.left = Duration::try_from_secs_f64(left).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_of_any_length_has_a_bounded_number_of_points_and_keeps_its_shape() {
        let mut curve = Curve::new();
        (1..=100_000).for_each(|i| curve.push(f64::from(i), f64::from(i) * 2.0));
        assert!((POINTS / 2..POINTS).contains(&curve.points.len()), "{}", curve.points.len());
        assert!(curve.points.iter().all(|(place, value)| (value - 2.0 * place).abs() < 1e-6));
        assert!(curve.points.is_sorted_by(|a, b| a.0 < b.0) && curve.points.last().is_some_and(|p| p.0 > 99_000.0));
    }
}
