//! How long a run takes.

use std::time::Duration;

use crate::clock::Instant;

/// Two times: of training, without callbacks and measuring; and of everything.
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    outside: Duration,
    /// Of a run that this one goes on with.
    before: [f64; 2],
}

impl Clock {
    pub(super) fn from(seconds: f64, wall: f64) -> Self {
        Self { start: Instant::now(), outside: Duration::ZERO, before: [seconds, wall] }
    }

    pub(super) fn pause(&self) -> Instant {
        Instant::now()
    }

    pub(super) fn go_on(&mut self, since: Instant) {
        self.outside += since.elapsed();
    }

    pub(super) fn seconds(&self) -> f64 {
        self.before[0] + (self.start.elapsed() - self.outside).as_secs_f64()
    }

    pub(super) fn wall(&self) -> f64 {
        self.before[1] + self.start.elapsed().as_secs_f64()
    }
}
