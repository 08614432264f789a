//! The last hour in numbers: read from the metrics now and then, kept in memory in a ring of fixed size.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use super::api::{Lengths, Measures};
use super::desk::Desk;
use crate::domain::time::Millis;
use crate::store::{Census, Ending};

/// How often the metrics are read.
pub const STEP: Duration = Duration::from_secs(10);
/// How many readings are kept: those of an hour, and the one before it.
const MOST: usize = 361;
/// Over how many steps what counts as "now" reaches back.
const LATELY: usize = 30;

const ENDINGS: [Ending; 4] = [
    Ending::Idle,
    Ending::Absolute,
    Ending::Logout,
    Ending::Revoked,
];

/// One reading: everything counted since the process began.
#[derive(Clone, Debug, Default)]
struct Reading {
    at: Millis,
    requests: u64,
    refused: u64,
    errors: u64,
    sessions: u64,
    lengths: Lengths,
    store: Lengths,
    /// In the order of [`ENDINGS`].
    ended: [u64; 4],
    /// Of each app, account and name: calls, and those that failed.
    apps: Arc<[AppCount]>,
}

/// An app counts as slow where half of its calls take so long, or one in a hundred: at the first a page
/// is felt to wait, at the second somebody notices each time.
const SLOW_MS: [(f64, f64); 2] = [(0.5, 100.0), (0.99, 500.0)];

/// Over which time something was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Over {
    /// The last five minutes.
    #[default]
    Minutes,
    /// The last hour: in the last five minutes there was nothing to count.
    Hour,
}

impl Over {
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Minutes => "5m",
            Self::Hour => "1h",
        }
    }
}

/// What was counted of an app.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AppCount {
    pub(super) account: Arc<str>,
    pub(super) app: Arc<str>,
    pub(super) calls: u64,
    pub(super) failures: u64,
    pub(super) lengths: Lengths,
    pub(super) over: Over,
}

/// The readings of the last hour.
#[derive(Debug, Default)]
pub struct History(Mutex<VecDeque<Reading>>);

/// What is so just now: over the last five minutes, or since the start where that is shorter.
#[derive(Debug, Default)]
pub(super) struct Lately {
    pub(super) lengths: Lengths,
    pub(super) store: Lengths,
    pub(super) apps: Vec<AppCount>,
}

impl Desk {
    /// Reads the metrics once. To be called every [`STEP`].
    pub fn measure(&self) {
        let shared = self.shared();
        let measures = Measures::read(shared.telemetry.registry());
        let apps = apps(self, &measures);
        let reading = Reading::of(&measures, &shared.flow.census(), apps, self.now());
        self.history().add(reading);
    }

    /// What is so just now.
    pub(super) fn lately(&self, measures: &Measures) -> Lately {
        let apps = apps(self, measures);
        let census = self.shared().flow.census();
        let now = Reading::of(measures, &census, apps, self.now());
        self.history().lately(&now)
    }
}

fn apps(desk: &Desk, measures: &Measures) -> Vec<AppCount> {
    let running = desk.shared().running.load_full();
    let accounts = running.hosts.accounts().into_iter();
    let apps = accounts.flat_map(|account| {
        let apps = account.graph.apps().iter();
        apps.map(move |app| (Arc::clone(&account.name), Arc::clone(&app.name)))
    });
    let counted = apps.map(|(account, app)| {
        let labels = [("account", &*account), ("app", &*app)];
        let name = "vestibule_app_calls_total";
        let calls = measures.count(name, &labels);
        let [one, other] = labels;
        let answered = measures.count(name, &[one, other, ("outcome", "answered")]);
        AppCount {
            calls,
            failures: calls.saturating_sub(answered),
            lengths: measures.lengths("vestibule_app_call_seconds", &labels),
            over: Over::default(),
            account: Arc::clone(&account),
            app: Arc::clone(&app),
        }
    });
    counted.collect()
}

impl Reading {
    fn of(measures: &Measures, census: &Census, apps: Vec<AppCount>, at: Millis) -> Self {
        let requests = "vestibule_requests_total";
        let ended = "vestibule_sessions_ended_total";
        let shed = measures.count("vestibule_shed_total", &[]);
        Self {
            at,
            requests: measures.count(requests, &[]),
            refused: measures.count("vestibule_requests_refused_total", &[]) + shed,
            errors: measures.count(requests, &[("status", "5xx")]),
            sessions: census.anonymous + census.light + census.authenticated,
            lengths: measures.lengths("vestibule_request_seconds", &[]),
            store: measures.lengths("vestibule_store_seconds", &[]),
            ended: ENDINGS.map(|ending| measures.count(ended, &[("reason", ending.label())])),
            apps: apps.into(),
        }
    }

    /// What came between an earlier reading and this one.
    fn point(&self, earlier: &Self) -> Value {
        let lengths = self.lengths.since(&earlier.lengths);
        let counts = self.ended.iter().zip(earlier.ended);
        let ended: Map<String, Value> = ENDINGS
            .iter()
            .zip(counts)
            .map(|(ending, (now, then))| {
                let label = ending.label().to_owned();
                (label, now.saturating_sub(then).into())
            })
            .collect();
        json!({
            "at": self.at.as_millis(),
            "requests": self.requests.saturating_sub(earlier.requests),
            "refused": self.refused.saturating_sub(earlier.refused),
            "errors": self.errors.saturating_sub(earlier.errors),
            "p50Ms": lengths.percentile(0.5),
            "p90Ms": lengths.percentile(0.9),
            "p99Ms": lengths.percentile(0.99),
            "sessions": self.sessions,
            "ended": ended,
        })
    }
}

impl History {
    fn add(&self, reading: Reading) {
        let mut readings = self.0.lock();
        if readings.len() >= MOST {
            readings.pop_front();
        }
        readings.push_back(reading);
    }

    /// What came in each step, oldest first.
    pub(super) fn points(&self) -> Vec<Value> {
        let readings = self.0.lock();
        let pairs = readings.iter().zip(readings.iter().skip(1));
        pairs.map(|(earlier, one)| one.point(earlier)).collect()
    }

    fn lately(&self, now: &Reading) -> Lately {
        let readings = self.0.lock();
        let from = readings.len().saturating_sub(LATELY);
        // Counting began at zero, with the process.
        let nothing = Reading::default();
        let earlier = match readings.get(from) {
            Some(reading) if readings.len() >= LATELY => reading,
            _ => &nothing,
        };
        let oldest = readings.front().filter(|_| readings.len() >= MOST);
        let apps = now.apps.iter().map(|app| {
            let lately = app.since(earlier);
            if lately.calls > 0 {
                return lately;
            }
            // Whoever looks after the trouble still sees what it was.
            AppCount {
                over: Over::Hour,
                ..app.since(oldest.unwrap_or(&nothing))
            }
        });
        Lately {
            lengths: now.lengths.since(&earlier.lengths),
            store: now.store.since(&earlier.store),
            apps: apps.collect(),
        }
    }
}

impl AppCount {
    /// What came since an earlier reading.
    fn since(&self, earlier: &Reading) -> Self {
        let mut before = earlier.apps.iter();
        let before = before.find(|one| one.account == self.account && one.app == self.app);
        before.map_or_else(
            || self.clone(),
            |before| Self {
                calls: self.calls.saturating_sub(before.calls),
                failures: self.failures.saturating_sub(before.failures),
                lengths: self.lengths.since(&before.lengths),
                ..self.clone()
            },
        )
    }

    /// Whether shoppers wait for it.
    pub(super) fn is_slow(&self) -> bool {
        SLOW_MS.iter().any(|(share, limit)| {
            let length = self.lengths.percentile(*share);
            length.is_some_and(|length| length >= *limit)
        })
    }

    /// The share of calls that failed, from 0 to 1; none where there were no calls.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of calls, far below 2^53"
    )]
    pub(super) fn error_rate(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.failures as f64 / self.calls as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{CallOutcome, Telemetry};

    fn read(telemetry: &Telemetry, secs: i64) -> Reading {
        let measures = Measures::read(telemetry.registry());
        let census = Census {
            light: 2,
            authenticated: 1,
            ..Census::default()
        };
        Reading::of(&measures, &census, Vec::new(), Millis::from_secs(secs))
    }

    #[test]
    fn a_point_tells_what_came_since_the_one_before() {
        let (telemetry, history) = (Telemetry::new(), History::default());
        history.add(read(&telemetry, 0));
        assert!(history.points().is_empty());
        telemetry.traffic("shop").answered(200);
        telemetry.traffic("shop").answered(502);
        telemetry.refused("host");
        telemetry.took(Duration::from_millis(1));
        history.add(read(&telemetry, 10));
        history.add(read(&telemetry, 20));
        let points = history.points();
        let [busy, quiet] = points.as_slice() else {
            panic!("two steps are two points");
        };
        assert_eq!(
            (&busy["at"], &busy["requests"]),
            (&json!(10_000), &json!(2))
        );
        assert_eq!((&busy["errors"], &busy["refused"]), (&json!(1), &json!(1)));
        assert_eq!(busy["sessions"], 3);
        assert!(busy["p50Ms"].is_number());
        assert_eq!(
            (&quiet["requests"], &quiet["p50Ms"]),
            (&json!(0), &Value::Null)
        );
    }

    #[test]
    fn an_hour_is_kept_and_no_more() {
        let (telemetry, history) = (Telemetry::new(), History::default());
        for turn in 0..400 {
            history.add(read(&telemetry, turn * 10));
        }
        let points = history.points();
        assert_eq!(points.len(), 360);
        assert_eq!(points[0]["at"], 400_000);
        let (first, last) = (&points[0]["at"], &points[359]["at"]);
        let span = last.as_i64().unwrap() - first.as_i64().unwrap();
        assert_eq!(span, 3_590_000);
    }

    fn with_app(telemetry: &Telemetry, secs: i64) -> Reading {
        let measures = Measures::read(telemetry.registry());
        let labels = [("account", "shop"), ("app", "perks")];
        let app = AppCount {
            account: "shop".into(),
            app: "perks".into(),
            calls: measures.count("vestibule_app_calls_total", &labels),
            failures: 0,
            lengths: measures.lengths("vestibule_app_call_seconds", &labels),
            over: Over::default(),
        };
        Reading {
            apps: [app].into(),
            ..read(telemetry, secs)
        }
    }

    #[test]
    fn a_slow_app_is_called_so_for_an_hour_after_its_last_call() {
        let (telemetry, history) = (Telemetry::new(), History::default());
        let calls = telemetry.apps().of("shop", "perks");
        calls.ended(CallOutcome::Answered, Duration::from_millis(900));
        let now = &history.lately(&with_app(&telemetry, 0)).apps[0];
        assert_eq!((now.over, now.is_slow()), (Over::Minutes, true));
        for turn in 0..40 {
            history.add(with_app(&telemetry, turn * 10));
        }
        let later = &history.lately(&with_app(&telemetry, 400)).apps[0];
        assert_eq!(
            (later.over, later.calls, later.is_slow()),
            (Over::Hour, 1, true)
        );
        for _ in 0..200 {
            calls.ended(CallOutcome::Answered, Duration::from_millis(2));
        }
        let better = &history.lately(&with_app(&telemetry, 400)).apps[0];
        assert_eq!((better.over, better.is_slow()), (Over::Minutes, false));
        for turn in 40..500 {
            history.add(with_app(&telemetry, turn * 10));
        }
        let forgotten = &history.lately(&with_app(&telemetry, 5000)).apps[0];
        assert_eq!((forgotten.calls, forgotten.is_slow()), (0, false));
    }

    #[test]
    fn what_is_so_lately_is_of_the_last_five_minutes() {
        let (telemetry, history) = (Telemetry::new(), History::default());
        telemetry.took(Duration::from_millis(1));
        assert_eq!(history.lately(&read(&telemetry, 0)).lengths.count, 1);
        for turn in 0..30 {
            history.add(read(&telemetry, turn * 10));
        }
        telemetry.took(Duration::from_millis(1));
        assert_eq!(history.lately(&read(&telemetry, 300)).lengths.count, 1);
    }
}
