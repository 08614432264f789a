//! What the metrics say, read from the registry that `/metrics` is written from.

use prometheus::Registry;
use prometheus::proto::{LabelPair, Metric, MetricFamily};

/// All metrics as they stand at one moment.
#[derive(Debug)]
pub(in crate::admin) struct Measures(Vec<MetricFamily>);

/// How many of each length there were: the upper bounds of buckets in seconds, each with how many
/// were no longer; and how many there were in all.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::admin) struct Lengths {
    pub(in crate::admin) buckets: Vec<(f64, u64)>,
    pub(in crate::admin) count: u64,
}

impl Measures {
    pub(in crate::admin) fn read(registry: &Registry) -> Self {
        Self(registry.gather())
    }

    /// What a counter or gauge adds up to, over all that carries these labels.
    pub(in crate::admin) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.all(name, labels).map(value).sum()
    }

    /// The same as a count.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counters hold whole numbers that are not negative, far below 2^53"
    )]
    pub(in crate::admin) fn count(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        self.sum(name, labels).max(0.0) as u64
    }

    /// A gauge, where there is one with these labels.
    pub(in crate::admin) fn gauge(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.all(name, labels).next().map(value)
    }

    /// Every word that a label has.
    pub(in crate::admin) fn words<'a>(&'a self, name: &'a str, label: &str) -> Vec<&'a str> {
        let labels = self.all(name, &[]).flat_map(Metric::get_label);
        let words = labels.filter(|pair| pair.name() == label);
        words.map(LabelPair::value).collect()
    }

    /// The lengths that a histogram counted, over all that carries these labels.
    pub(in crate::admin) fn lengths(&self, name: &str, labels: &[(&str, &str)]) -> Lengths {
        let mut lengths = Lengths::default();
        for metric in self.all(name, labels) {
            let histogram = metric.get_histogram();
            lengths.count += histogram.get_sample_count();
            let buckets = histogram.get_bucket().iter();
            let buckets = buckets.map(|one| (one.upper_bound(), one.cumulative_count()));
            if lengths.buckets.is_empty() {
                lengths.buckets = buckets.collect();
            } else {
                for (sum, (_, count)) in lengths.buckets.iter_mut().zip(buckets) {
                    sum.1 += count;
                }
            }
        }
        lengths
    }

    fn all<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Metric> {
        let family = self.0.iter().filter(move |family| family.name() == name);
        let metrics = family.flat_map(MetricFamily::get_metric);
        metrics.filter(move |metric| {
            let has = |(name, value): &(&str, &str)| {
                let mut pairs = metric.get_label().iter();
                pairs.any(|pair| pair.name() == *name && pair.value() == *value)
            };
            labels.iter().all(has)
        })
    }
}

/// A metric is of one kind; the others are zero in it.
fn value(metric: &Metric) -> f64 {
    metric.get_counter().get_value() + metric.get_gauge().get_value()
}

impl Lengths {
    /// What came since an earlier reading. A histogram never goes down; where it seems to, another
    /// process was read.
    pub(in crate::admin) fn since(&self, earlier: &Self) -> Self {
        if earlier.buckets.len() != self.buckets.len() {
            return self.clone();
        }
        let pairs = self.buckets.iter().zip(&earlier.buckets);
        Self {
            buckets: pairs
                .map(|((bound, now), (_, then))| (*bound, now.saturating_sub(*then)))
                .collect(),
            count: self.count.saturating_sub(earlier.count),
        }
    }

    /// The length below which this share of all lie, in milliseconds, as far as the buckets tell:
    /// straight within a bucket, and the last bound for all that is longer. None where there is none.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of requests, far below 2^53"
    )]
    pub(in crate::admin) fn percentile(&self, share: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let rank = self.count as f64 * share;
        let (mut low, mut below) = (0.0, 0_u64);
        for (bound, upto) in self.buckets.iter().filter(|(bound, _)| bound.is_finite()) {
            if *upto as f64 >= rank {
                let within = (upto - below).max(1) as f64;
                let part = ((rank - below as f64) / within).clamp(0.0, 1.0);
                return Some(rounded((low + (bound - low) * part) * 1000.0));
            }
            (low, below) = (*bound, *upto);
        }
        Some(rounded(low * 1000.0))
    }
}

/// To a thousandth: more, no bucket tells.
fn rounded(millis: f64) -> f64 {
    (millis * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Telemetry;
    use std::time::Duration;

    #[test]
    fn counters_are_summed_over_the_labels_that_are_not_asked_for() {
        let telemetry = Telemetry::new();
        telemetry.traffic("one").answered(200);
        telemetry.traffic("one").answered(503);
        telemetry.traffic("other").answered(200);
        let measures = Measures::read(telemetry.registry());
        let name = "vestibule_requests_total";
        assert_eq!(measures.count(name, &[]), 3);
        assert_eq!(measures.count(name, &[("account", "one")]), 2);
        assert_eq!(measures.count(name, &[("status", "5xx")]), 1);
        assert_eq!(measures.count("no_such_metric", &[]), 0);
        assert_eq!(measures.gauge("vestibule_app_breaker_state", &[]), None);
    }

    #[test]
    fn a_percentile_is_read_from_the_bucket_in_which_it_lies() {
        let lengths = Lengths {
            buckets: vec![(0.01, 50), (0.1, 90), (1.0, 99)],
            count: 100,
        };
        for (share, millis) in [(0.5, 10.0), (0.9, 100.0), (0.7, 55.0), (1.0, 1000.0)] {
            assert_eq!(lengths.percentile(share), Some(millis), "{share}");
        }
        assert_eq!(Lengths::default().percentile(0.5), None);
    }

    #[test]
    fn what_came_since_an_earlier_reading_is_the_difference() {
        let telemetry = Telemetry::new();
        let read =
            || Measures::read(telemetry.registry()).lengths("vestibule_request_seconds", &[]);
        telemetry.took(Duration::from_millis(7));
        let earlier = read();
        telemetry.took(Duration::from_millis(300));
        let since = read().since(&earlier);
        assert_eq!(since.count, 1);
        let half = since.percentile(0.5).unwrap();
        assert!((250.0..=500.0).contains(&half), "{half}");
    }
}
