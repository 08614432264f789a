//! What is counted of transform cycles.

use std::time::Duration;

use prometheus::Histogram;

use super::metrics::Metrics;

/// One bucket a round up to the usual limit; past it an account has raised its own.
const ROUNDS: [f64; 9] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 16.0];
/// From apps that answer from memory to a cycle that used its whole deadline, in seconds.
const SECONDS: [f64; 10] = [
    0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 3.0,
];

/// The metrics of cycles. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CycleMetrics {
    rounds: Histogram,
    seconds: Histogram,
}

impl CycleMetrics {
    pub(super) fn new(m: &Metrics) -> Self {
        Self {
            rounds: m.seconds(
                "vestibule_cycle_rounds",
                "Rounds that transform cycles took, the create call not counted.",
                &ROUNDS,
            ),
            seconds: m.seconds(
                "vestibule_cycle_seconds",
                "Time that transform cycles took, all calls of apps included.",
                &SECONDS,
            ),
        }
    }

    /// A cycle is over.
    pub fn over(&self, rounds: u32, took: Duration) {
        self.rounds.observe(f64::from(rounds));
        self.seconds.observe(took.as_secs_f64());
    }
}
