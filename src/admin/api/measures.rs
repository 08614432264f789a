//! What the metrics say, read from the registry that `/metrics` is written from.

use std::collections::HashMap;
use std::time::Duration;

use prometheus::Registry;
use prometheus::proto::{LabelPair, Metric, MetricFamily};

/// All metrics as they stand at one moment.
#[derive(Debug)]
pub(in crate::admin) struct Measures(Vec<MetricFamily>);

/// How many of each length there were: the upper bounds of buckets in seconds, each with how many
/// were no longer; how many there were in all, and the longest.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::admin) struct Lengths {
    pub(in crate::admin) buckets: Vec<(f64, u64)>,
    pub(in crate::admin) count: u64,
    /// No bucket tells: it is noted beside them.
    pub(in crate::admin) longest: Duration,
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
    pub(in crate::admin) fn count(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        whole(self.sum(name, labels))
    }

    /// Every word that a label has.
    pub(in crate::admin) fn words<'a>(&'a self, name: &'a str, label: &str) -> Vec<&'a str> {
        let labels = self.all(name, &[]).flat_map(Metric::get_label);
        let words = labels.filter(|pair| pair.name() == label);
        words.map(LabelPair::value).collect()
    }

    /// The same of each pair of words of two labels, in one go.
    pub(in crate::admin) fn sums<'a>(
        &'a self,
        name: &'a str,
        by: [&str; 2],
        labels: &'a [(&'a str, &'a str)],
    ) -> HashMap<[&'a str; 2], f64> {
        let mut sums = HashMap::new();
        for metric in self.all(name, labels) {
            *sums.entry(pair(metric, by)).or_default() += value(metric);
        }
        sums
    }

    /// The lengths that a histogram counted, over all that carries these labels.
    pub(in crate::admin) fn lengths(&self, name: &str, labels: &[(&str, &str)]) -> Lengths {
        let mut lengths = Lengths::default();
        for metric in self.all(name, labels) {
            lengths.add(metric);
        }
        lengths
    }

    /// The same of each pair of words of two labels, in one go.
    pub(in crate::admin) fn lengths_by<'a>(
        &'a self,
        name: &'a str,
        by: [&str; 2],
    ) -> HashMap<[&'a str; 2], Lengths> {
        let mut all: HashMap<_, Lengths> = HashMap::new();
        for metric in self.all(name, &[]) {
            all.entry(pair(metric, by)).or_default().add(metric);
        }
        all
    }

    fn all<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Metric> {
        // A registry gathers its families by their names, in order.
        let found = self.0.binary_search_by(|family| family.name().cmp(name));
        let family = found.ok().and_then(|at| self.0.get(at));
        let metrics = family.into_iter().flat_map(MetricFamily::get_metric);
        metrics.filter(move |metric| {
            let has = |(name, value): &(&str, &str)| {
                let mut pairs = metric.get_label().iter();
                pairs.any(|pair| pair.name() == *name && pair.value() == *value)
            };
            labels.iter().all(has)
        })
    }
}

/// What a counter says, as a count.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counters hold whole numbers that are not negative, far below 2^53"
)]
pub(in crate::admin) fn whole(count: f64) -> u64 {
    count.max(0.0) as u64
}

/// The words of two labels.
fn pair<'a>(metric: &'a Metric, by: [&str; 2]) -> [&'a str; 2] {
    by.map(|name| {
        let mut pairs = metric.get_label().iter();
        let found = pairs.find(|pair| pair.name() == name);
        found.map_or("", LabelPair::value)
    })
}

/// A metric is of one kind; the others are zero in it.
fn value(metric: &Metric) -> f64 {
    metric.get_counter().get_value() + metric.get_gauge().get_value()
}

impl Lengths {
    fn add(&mut self, metric: &Metric) {
        let histogram = metric.get_histogram();
        self.count += histogram.get_sample_count();
        let buckets = histogram.get_bucket().iter();
        let buckets = buckets.map(|one| (one.upper_bound(), one.cumulative_count()));
        if self.buckets.is_empty() {
            self.buckets = buckets.collect();
        } else {
            for (sum, (_, count)) in self.buckets.iter_mut().zip(buckets) {
                sum.1 += count;
            }
        }
    }

    /// The same with the longest of them.
    pub(in crate::admin) fn with_longest(self, longest: Duration) -> Self {
        Self { longest, ..self }
    }

    /// What came since an earlier reading, `longest` being the longest of that. A histogram never goes down;
    /// where it seems to, another process was read.
    pub(in crate::admin) fn since(&self, earlier: &Self, longest: Duration) -> Self {
        if earlier.buckets.len() != self.buckets.len() {
            return self.clone().with_longest(longest);
        }
        let pairs = self.buckets.iter().zip(&earlier.buckets);
        Self {
            buckets: pairs
                .map(|((bound, now), (_, then))| (*bound, now.saturating_sub(*then)))
                .collect(),
            count: self.count.saturating_sub(earlier.count),
            longest,
        }
    }

    /// In milliseconds, what this share of all did not pass: the bound of a bucket, or the longest
    /// of all where that is less. None where not even one lies above it: of six, nobody knows what
    /// one of a hundred takes.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of requests, far below 2^53"
    )]
    pub(in crate::admin) fn at_most(&self, share: f64) -> Option<f64> {
        let count = self.count as f64;
        // Of a hundred, one lies above 0.99, which is no round number in binary.
        if count * (1.0 - share) < 1.0 - 1e-9 {
            return None;
        }
        let longest = self.longest_ms()?;
        let rank = count * share - 1e-9;
        let mut finite = self.buckets.iter().filter(|(bound, _)| bound.is_finite());
        let bound = finite.find(|(_, upto)| *upto as f64 >= rank);
        Some(bound.map_or(longest, |(bound, _)| rounded(bound * 1000.0).min(longest)))
    }

    /// The longest, in milliseconds; none where there was none.
    pub(in crate::admin) fn longest_ms(&self) -> Option<f64> {
        (self.count > 0).then(|| rounded(self.longest.as_secs_f64() * 1000.0))
    }

    /// How many took longer than this, in seconds, which is the bound of a bucket.
    pub(in crate::admin) fn longer_than(&self, bound: f64) -> u64 {
        let within = self.buckets.iter().take_while(|(one, _)| *one <= bound);
        let within = within.last().map_or(0, |(_, upto)| *upto);
        self.count.saturating_sub(within)
    }

    /// How many lay in each bucket, and last how many past all of them.
    pub(in crate::admin) fn each(&self) -> Vec<u64> {
        let mut below = 0;
        let all = self.buckets.iter().map(|(_, upto)| *upto);
        all.chain([self.count])
            .map(|upto| upto.saturating_sub(std::mem::replace(&mut below, upto)))
            .collect()
    }

    /// The bounds of the buckets, in milliseconds.
    pub(in crate::admin) fn bounds_ms(&self) -> Vec<f64> {
        let bounds = self.buckets.iter().map(|(bound, _)| bound);
        bounds.map(|bound| rounded(bound * 1000.0)).collect()
    }
}

/// To a thousandth: more, no clock of ours tells.
fn rounded(millis: f64) -> f64 {
    (millis * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Telemetry;

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
        let by = ["account", "status"];
        let sums = measures.sums(name, by, &[("account", "one")]);
        assert_eq!(
            (sums[&["one", "2xx"]], sums.get(&["other", "2xx"])),
            (1.0, None)
        );
    }

    #[test]
    fn what_a_share_did_not_pass_is_a_bound_or_the_longest_and_of_few_nothing() {
        let of = |upto: [u64; 3], count, longest| Lengths {
            buckets: [0.01, 0.1, 1.0].into_iter().zip(upto).collect(),
            count,
            longest: Duration::from_millis(longest),
        };
        let hundred = of([50, 90, 99], 100, 1700);
        for (share, millis) in [(0.5, 10.0), (0.7, 100.0), (0.9, 100.0), (0.99, 1000.0)] {
            assert_eq!(hundred.at_most(share), Some(millis), "{share}");
        }
        // One that was past all buckets is told as it was.
        assert_eq!(of([50, 90, 98], 100, 1700).at_most(0.99), Some(1700.0));
        assert_eq!(of([50, 90, 100], 100, 947).at_most(0.99), Some(947.0));
        let six = of([3, 5, 6], 6, 947);
        let known = [0.5, 0.9, 0.99].map(|share| six.at_most(share));
        assert_eq!(known, [Some(10.0), None, None]);
        assert_eq!((six.longest_ms(), six.longer_than(0.1)), (Some(947.0), 1));
        assert_eq!(six.each(), [3, 2, 1, 0]);
        assert_eq!(of([0, 0, 0], 1, 3).at_most(0.5), None);
        assert_eq!(Lengths::default().longest_ms(), None);
    }

    #[test]
    fn what_came_since_an_earlier_reading_is_the_difference() {
        let telemetry = Telemetry::new();
        let read =
            || Measures::read(telemetry.registry()).lengths("vestibule_request_seconds", &[]);
        telemetry.took(Duration::from_millis(7));
        let earlier = read();
        telemetry.took(Duration::from_millis(300));
        telemetry.took(Duration::from_millis(301));
        let since = read().since(&earlier, telemetry.longest().so_far());
        assert_eq!(since.count, 2);
        assert_eq!(since.at_most(0.5), Some(301.0));
    }
}
