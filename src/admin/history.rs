//! The last hour in numbers: read from the metrics now and then, kept in memory in a ring of fixed size.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use super::api::{Lengths, Measures, whole};
use super::desk::Desk;
use crate::domain::time::Millis;
use crate::store::{Census, Ending};
use crate::telemetry;

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

/// The longest request and the longest operation of the store since the reading before.
#[derive(Clone, Copy, Debug, Default)]
struct Longest {
    request: Duration,
    store: Duration,
}

/// An app counts as slow where half of its calls take longer than the first, or one in a hundred longer
/// than the second, in seconds: at the first a page is felt to wait, at the second somebody notices
/// each time. Both are bounds of buckets, so that none is guessed at.
const SLOW: [(u64, f64); 2] = [(2, 0.1), (100, 0.5)];

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
    /// The same apps, counted since the process began.
    pub(super) totals: Arc<[AppCount]>,
}

impl Desk {
    /// Reads the metrics once. To be called every [`STEP`].
    pub fn measure(&self) {
        let measures = Measures::read(self.shared().telemetry.registry());
        let reading = self.reading(&measures, telemetry::Longest::take);
        self.history().add(reading);
    }

    /// What is so just now.
    pub(super) fn lately(&self, measures: &Measures) -> Lately {
        let now = self.reading(measures, telemetry::Longest::so_far);
        self.history().lately(&now)
    }

    fn reading(&self, measures: &Measures, longest: Read) -> Reading {
        let shared = self.shared();
        let telemetry = &shared.telemetry;
        let apps = apps(self, measures, longest);
        let longest = Longest {
            request: longest(telemetry.longest()),
            store: longest(telemetry.store().longest()),
        };
        let at = self.now();
        Reading::of(measures, &shared.flow.census(), (apps, longest), at)
    }
}

/// How the longest is read: to the end of a step, or in the midst of one.
type Read = fn(&telemetry::Longest) -> Duration;

fn apps(desk: &Desk, measures: &Measures, longest: Read) -> Vec<AppCount> {
    let telemetry = desk.shared().telemetry.apps();
    let by = ["account", "app"];
    let calls = "vestibule_app_calls_total";
    let answered = measures.sums(calls, by, &[("outcome", "answered")]);
    let calls = measures.sums(calls, by, &[]);
    let lengths = measures.lengths_by("vestibule_app_call_seconds", by);
    let running = desk.shared().running.load_full();
    let accounts = running.hosts.accounts().into_iter();
    let apps = accounts.flat_map(|account| {
        let apps = account.graph.apps().iter();
        apps.map(move |app| (Arc::clone(&account.name), Arc::clone(&app.name)))
    });
    let apps = apps.map(|(account, app)| {
        let names = &[&*account, &*app];
        let all = counted(&calls, names);
        let longest = longest(&telemetry.longest(&account, &app));
        AppCount {
            calls: all,
            failures: all.saturating_sub(counted(&answered, names)),
            lengths: lengths.get(names).cloned().unwrap_or_default(),
            over: Over::default(),
            account: Arc::clone(&account),
            app: Arc::clone(&app),
        }
        .with_longest(longest)
    });
    apps.collect()
}

fn counted(counts: &HashMap<[&str; 2], f64>, names: &[&str; 2]) -> u64 {
    counts.get(names).map_or(0, |count| whole(*count))
}

impl Reading {
    fn of(
        measures: &Measures,
        census: &Census,
        (apps, longest): (Vec<AppCount>, Longest),
        at: Millis,
    ) -> Self {
        let requests = "vestibule_requests_total";
        let ended = "vestibule_sessions_ended_total";
        let shed = measures.count("vestibule_shed_total", &[]);
        Self {
            at,
            requests: measures.count(requests, &[]),
            refused: measures.count("vestibule_requests_refused_total", &[]) + shed,
            errors: measures.count(requests, &[("status", "5xx")]),
            sessions: census.anonymous + census.light + census.authenticated,
            lengths: measures
                .lengths("vestibule_request_seconds", &[])
                .with_longest(longest.request),
            store: measures
                .lengths("vestibule_store_seconds", &[])
                .with_longest(longest.store),
            ended: ENDINGS.map(|ending| measures.count(ended, &[("reason", ending.label())])),
            apps: apps.into(),
        }
    }

    /// What came between an earlier reading and this one.
    fn point(&self, earlier: &Self) -> Value {
        let lengths = self.lengths.since(&earlier.lengths, self.lengths.longest);
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
            "lengths": lengths.each(),
            "longestMs": lengths.longest_ms(),
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

    /// The bounds, in milliseconds, of the lengths that points tell.
    pub(super) fn bounds_ms(&self) -> Vec<f64> {
        let readings = self.0.lock();
        let last = readings.back();
        last.map_or_else(Vec::new, |reading| reading.lengths.bounds_ms())
    }

    fn lately(&self, now: &Reading) -> Lately {
        let readings = self.0.lock();
        // Counting began at zero, with the process.
        let nothing = Reading::default();
        let since = |from: usize, whole: bool| Past {
            earlier: readings.get(from).filter(|_| whole).unwrap_or(&nothing),
            steps: readings
                .iter()
                .skip(if whole { from + 1 } else { 0 })
                .collect(),
        };
        let from = readings.len().saturating_sub(LATELY);
        let minutes = since(from, readings.len() >= LATELY);
        let hour = since(0, readings.len() >= MOST);
        let apps = now.apps.iter().enumerate().map(|(at, app)| {
            let lately = app.since(&minutes, at);
            if lately.calls > 0 {
                return lately;
            }
            // Whoever looks after the trouble still sees what it was.
            AppCount {
                over: Over::Hour,
                ..app.since(&hour, at)
            }
        });
        Lately {
            lengths: minutes.lengths(now, |one| &one.lengths),
            store: minutes.lengths(now, |one| &one.store),
            apps: apps.collect(),
            totals: Arc::clone(&now.apps),
        }
    }
}

/// A reading, and those after it.
struct Past<'a> {
    earlier: &'a Reading,
    steps: Vec<&'a Reading>,
}

impl Past<'_> {
    /// What came since, up to now.
    fn lengths(&self, now: &Reading, of: fn(&Reading) -> &Lengths) -> Lengths {
        let steps = self.steps.iter().copied().chain([now]);
        let longest = steps.map(|one| of(one).longest).max();
        of(now).since(of(self.earlier), longest.unwrap_or_default())
    }
}

impl AppCount {
    fn with_longest(self, longest: Duration) -> Self {
        Self {
            lengths: self.lengths.with_longest(longest),
            ..self
        }
    }

    /// The same app in a reading. It has its place `at` in nearly all of them: the configuration
    /// seldom changes.
    fn own<'a>(&self, reading: &'a Reading, at: usize) -> Option<&'a Self> {
        let is_own = |one: &&Self| one.app == self.app && one.account == self.account;
        let there = reading.apps.get(at).filter(is_own);
        there.or_else(|| reading.apps.iter().find(is_own))
    }

    /// What came since an earlier reading.
    fn since(&self, past: &Past<'_>, at: usize) -> Self {
        let steps = past.steps.iter();
        let steps = steps.filter_map(|one| self.own(one, at));
        let longest = steps.map(|one| one.lengths.longest).max();
        let longest = longest.unwrap_or_default().max(self.lengths.longest);
        let before = self.own(past.earlier, at);
        let Some(before) = before else {
            return self.clone().with_longest(longest);
        };
        Self {
            calls: self.calls.saturating_sub(before.calls),
            failures: self.failures.saturating_sub(before.failures),
            lengths: self.lengths.since(&before.lengths, longest),
            ..self.clone()
        }
    }

    /// Whether shoppers wait for it.
    pub(super) fn is_slow(&self) -> bool {
        let Lengths { count, .. } = self.lengths;
        count > 0
            && SLOW
                .iter()
                .any(|(of, bound)| self.lengths.longer_than(*bound) * of >= count)
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
        let longest = Longest {
            request: telemetry.longest().take(),
            store: Duration::ZERO,
        };
        let at = Millis::from_secs(secs);
        Reading::of(&measures, &census, (Vec::new(), longest), at)
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
        assert_eq!(busy["longestMs"], 1.0);
        assert_eq!(busy["lengths"][0], 1);
        assert_eq!(history.bounds_ms().first(), Some(&5.0));
        assert_eq!(
            (&quiet["requests"], &quiet["longestMs"]),
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
        }
        .with_longest(telemetry.apps().longest("shop", "perks").take());
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
        assert_eq!(now.lengths.longest_ms(), Some(900.0));
        calls.ended(CallOutcome::Answered, Duration::from_millis(800));
        for turn in 0..40 {
            history.add(with_app(&telemetry, turn * 10));
        }
        let later = &history.lately(&with_app(&telemetry, 400)).apps[0];
        assert_eq!(
            (later.over, later.calls, later.is_slow()),
            (Over::Hour, 2, true)
        );
        // The one that was longest is remembered with the step that it was in.
        assert_eq!(later.lengths.longest_ms(), Some(800.0));
        for _ in 0..200 {
            calls.ended(CallOutcome::Answered, Duration::from_millis(2));
        }
        let better = &history.lately(&with_app(&telemetry, 400)).apps[0];
        assert_eq!((better.over, better.is_slow()), (Over::Minutes, false));
        assert_eq!(better.lengths.at_most(0.99), Some(2.0));
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
