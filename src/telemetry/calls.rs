//! What is counted of every kind of call, whoever is called.

use std::time::Duration;

use prometheus::core::Collector as _;
use prometheus::proto::MetricFamily;
use prometheus::{Histogram, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec};

use super::longest::{Longest, LongestOf};
use crate::domain::breaker::BreakerState;

/// How a call ended: one of a closed set.
pub trait Outcome: Copy + 'static {
    /// Every one.
    const ALL: &'static [Self];
    /// The label.
    fn label(self) -> &'static str;
    /// Whether a call went out at all.
    fn was_made(self) -> bool;
}

/// The metrics of all calls of a kind, by account and by who is called.
#[derive(Clone, Debug)]
pub(super) struct CallMetrics {
    pub(super) calls: IntCounterVec,
    pub(super) seconds: HistogramVec,
    pub(super) breakers: IntGaugeVec,
    pub(super) longest: LongestOf,
}

impl CallMetrics {
    pub(super) fn of<O: Outcome>(&self, account: &str, called: &str) -> CallCounters {
        CallCounters {
            breaker: Some(self.breakers.with_label_values(&[account, called])),
            ..self.without_breaker::<O>(account, called)
        }
    }

    /// The same where no breaker stands. Outcomes that have not come yet count zero: what is not
    /// there cannot be seen to rise.
    pub(super) fn without_breaker<O: Outcome>(&self, account: &str, called: &str) -> CallCounters {
        for outcome in O::ALL {
            let labels = [account, called, outcome.label()];
            self.calls.with_label_values(&labels);
        }
        CallCounters {
            labels: [account.into(), called.into()],
            calls: self.calls.clone(),
            seconds: self.seconds.with_label_values(&[account, called]),
            longest: self.longest.of(account, called),
            breaker: None,
        }
    }
}

impl CallMetrics {
    /// Who is left alone now: account and name.
    pub(super) fn open(&self) -> Vec<[String; 2]> {
        let families = self.breakers.collect();
        let all = families.iter().flat_map(MetricFamily::get_metric);
        // Labels come sorted by name, and `account` is before all others.
        let open = all.filter(|one| one.get_gauge().get_value() > 1.5);
        open.filter_map(|one| match one.get_label() {
            [account, called] => Some([account.value().to_owned(), called.value().to_owned()]),
            _ => None,
        })
        .collect()
    }
}

/// The counters of whoever is called.
#[derive(Clone, Debug)]
pub struct CallCounters {
    labels: [Box<str>; 2],
    calls: IntCounterVec,
    seconds: Histogram,
    longest: Longest,
    breaker: Option<IntGauge>,
}

impl CallCounters {
    /// A call is over.
    pub fn ended(&self, outcome: impl Outcome, took: Duration) {
        let [account, called] = &self.labels;
        self.calls
            .with_label_values(&[account, called, outcome.label()])
            .inc();
        if outcome.was_made() {
            self.seconds.observe(took.as_secs_f64());
            self.longest.note(took);
        }
    }

    /// The breaker stands so.
    pub fn breaker(&self, state: BreakerState) {
        let Some(breaker) = &self.breaker else { return };
        breaker.set(match state {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
        });
    }
}
