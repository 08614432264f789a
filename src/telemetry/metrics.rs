//! Registering metrics. Their names are written in this program, so none can be malformed.

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
};

/// Registers metrics whose names are written here.
pub(super) struct Metrics(pub(super) Registry);

const WELL_FORMED: &str = "metric names in the program are well formed and unique";

impl Metrics {
    pub(super) fn counts(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        let counts = IntCounterVec::new(Opts::new(name, help), labels).expect(WELL_FORMED);
        self.0
            .register(Box::new(counts.clone()))
            .expect(WELL_FORMED);
        counts
    }

    /// Counters of one label whose words are known ahead; each is there from the start, at zero: what
    /// is not there cannot be seen to rise.
    pub(super) fn counts_of(
        &self,
        name: &str,
        help: &str,
        label: &str,
        words: &[&str],
    ) -> IntCounterVec {
        let counts = self.counts(name, help, &[label]);
        for word in words {
            counts.with_label_values(&[word]);
        }
        counts
    }

    pub(super) fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        let gauges = IntGaugeVec::new(Opts::new(name, help), labels).expect(WELL_FORMED);
        self.0
            .register(Box::new(gauges.clone()))
            .expect(WELL_FORMED);
        gauges
    }

    /// A counter that is in no registry yet.
    pub(super) fn counter(name: &str, help: &str) -> IntCounter {
        IntCounter::new(name, help).expect(WELL_FORMED)
    }

    /// Registers a counter that others have, too.
    pub(super) fn share(&self, count: &IntCounter) {
        self.0.register(Box::new(count.clone())).expect(WELL_FORMED);
    }

    pub(super) fn count(&self, name: &str, help: &str) -> IntCounter {
        let count = Self::counter(name, help);
        self.share(&count);
        count
    }

    pub(super) fn seconds_by(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> HistogramVec {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        let seconds = HistogramVec::new(options, labels).expect(WELL_FORMED);
        self.0
            .register(Box::new(seconds.clone()))
            .expect(WELL_FORMED);
        seconds
    }

    pub(super) fn seconds(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        let seconds = Histogram::with_opts(options).expect(WELL_FORMED);
        self.0
            .register(Box::new(seconds.clone()))
            .expect(WELL_FORMED);
        seconds
    }
}
