//! Vector 33: random shoppers. Pauses within the idle limit, and only those, keep a session.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::jar::{Request, Response, Rule, first_lost, first_lost_within};
use super::*;

const START: Millis = Millis::from_millis(1_543_397_700_123);
const MILLI: Duration = Duration::from_millis(1);

/// A pause in milliseconds: anything within the limit, often just within it, sometimes past it.
fn any_pause(limit: i64) -> impl Strategy<Value = i64> {
    prop_oneof![
        3 => 0..=limit,
        12 => (0_i64..3).prop_map(move |under| (limit - under).max(0)),
        3 => (limit / 2)..=limit,
        1 => (1_i64..4).prop_map(move |over| limit + over),
    ]
}

fn any_response() -> impl Strategy<Value = Response> {
    prop_oneof![
        2 => Just(Response::Page),
        1 => Just(Response::SharedPage),
        1 => Just(Response::NotModified),
    ]
}

fn any_trace(limit: Duration) -> impl Strategy<Value = Vec<Request>> {
    let step = (
        any_pause(span_millis(limit)),
        any_response(),
        prop::bool::weighted(0.9),
    );
    prop::collection::vec(step, 1..60).prop_map(|steps| {
        let mut trace = vec![page_at(START)];
        let mut now = START;
        for (pause, response, activity) in steps {
            now = Millis::from_millis(now.as_millis() + pause);
            trace.push(Request {
                at: now,
                activity,
                response,
            });
        }
        trace
    })
}

fn page_at(at: Millis) -> Request {
    Request {
        at,
        activity: true,
        response: Response::Page,
    }
}

fn pages(moments: &[&str]) -> Vec<Request> {
    moments
        .iter()
        .map(|moment| page_at(START.plus(span(moment))))
        .collect()
}

/// The first request that the law turns away: too long after the last activity, or at the end.
fn first_past_the_law(trace: &[Request], policy: &Policy) -> Option<usize> {
    let mut last = START;
    trace.iter().position(|request| {
        let ended = request.at.since(START) >= policy.absolute(true);
        let paused = request.at.since(last) > policy.idle();
        if request.activity {
            last = request.at;
        }
        ended || paused
    })
}

/// Without the requests of the last second before the absolute end: `Max-Age` has whole seconds
/// and never passes the end, so there the browser may be ahead of the server.
fn outside_the_last_second(mut trace: Vec<Request>, policy: &Policy) -> Vec<Request> {
    let end = START.plus(policy.absolute(true));
    let last_second = end.minus(Duration::from_secs(1));
    trace.retain(|request| request.at < last_second || request.at >= end);
    trace
}

/// Settings in all proportions; `Max-Age` by default, or the least that the cookie law allows.
fn any_settings() -> impl Strategy<Value = PolicySettings> {
    let profile = prop_oneof![Just(Profile::Window), Just(Profile::Granular)];
    let proportions = (10_000_u64..4_000_000, 0.0..0.99, 0.05..2.0);
    (profile, proportions, any::<(bool, bool)>()).prop_map(
        |(profile, (lifetime, window, idle), (own_idle, least_age))| {
            let lifetime = Duration::from_millis(lifetime);
            let mut settings = PolicySettings {
                profile,
                lifetime,
                refresh_before_end: lifetime.mul_f64(window),
                idle: own_idle.then(|| lifetime.mul_f64(idle)),
                absolute_authenticated: lifetime * 30,
                ..PolicySettings::default()
            };
            if least_age || Policy::try_new(&settings).is_err() {
                settings.cookie_max_age = Some(CookieAge::BrowserSession);
                let free = policy(&settings);
                let needed = free.reissue_threshold() + free.idle() + Duration::from_millis(999);
                settings.cookie_max_age = Some(CookieAge::For(needed));
            }
            settings
        },
    )
}

fn any_shopper() -> impl Strategy<Value = (Policy, Vec<Request>)> {
    any_settings().prop_flat_map(|settings| {
        let policy = policy(&settings);
        (Just(policy), any_trace(policy.idle()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn vector_33_pauses_within_the_limit_and_only_those_keep_the_session(
        (policy, trace) in any_shopper(),
    ) {
        let trace = outside_the_last_second(trace, &policy);
        let lost = first_lost(&trace, &policy, Rule::Law);
        prop_assert_eq!(lost, first_past_the_law(&trace, &policy), "{:?}", policy);
    }

    #[test]
    fn vector_33_holds_for_the_defaults_of_both_profiles(
        trace in any_trace(Duration::from_mins(25)),
        settings in prop_oneof![Just(PolicySettings::default()), Just(granular())],
    ) {
        let policy = policy(&settings);
        let trace = outside_the_last_second(trace, &policy);
        let lost = first_lost(&trace, &policy, Rule::Law);
        prop_assert_eq!(lost, first_past_the_law(&trace, &policy));
    }

    #[test]
    fn sliding_holds_as_well(trace in any_trace(Duration::from_mins(25))) {
        let policy = law();
        let trace = outside_the_last_second(trace, &policy);
        let lost = first_lost(&trace, &policy, Rule::Sliding);
        prop_assert_eq!(lost, first_past_the_law(&trace, &policy));
    }

    #[test]
    fn formula_only_is_safe_for_pauses_within_the_refresh_window(
        trace in any_trace(span("4:59.997")),
    ) {
        let policy = law();
        let trace = all_pages(&trace);
        prop_assert_eq!(first_lost(&trace, &policy, Rule::FormulaOnly), None);
    }
}

fn all_pages(trace: &[Request]) -> Vec<Request> {
    trace.iter().map(|request| page_at(request.at)).collect()
}

#[test]
fn formula_only_logs_a_shopper_out_after_a_pause_of_seven_minutes() {
    let policy = law();
    let trace = pages(&["0:00", "24:00", "31:00"]);
    assert_eq!(first_lost(&trace, &policy, Rule::FormulaOnly), Some(2));
    assert_eq!(first_lost(&trace, &policy, Rule::Law), None);
}

#[test]
fn random_search_finds_that_formula_only_breaks_the_first_scenario() {
    let policy = law();
    let mut runner = TestRunner::deterministic();
    let strategy = any_trace(policy.idle());
    let broken = (0..200).any(|_| {
        let trace = all_pages(&strategy.new_tree(&mut runner).unwrap().current());
        let held = first_past_the_law(&trace, &policy).unwrap_or(trace.len());
        first_lost(&trace, &policy, Rule::FormulaOnly).is_some_and(|lost| lost < held)
    });
    assert!(broken, "no trace within the idle limit was logged out");
}

#[test]
fn formula_only_keeps_a_shopper_whom_the_second_scenario_logs_out() {
    let policy = law();
    for late in ["26:00", "29:59.999"] {
        let trace = pages(&["0:00", late]);
        assert_eq!(first_lost(&trace, &policy, Rule::FormulaOnly), None);
        assert_eq!(first_lost(&trace, &policy, Rule::Law), Some(1));
    }
}

#[test]
fn cookie_law_is_sharp_to_the_millisecond() {
    for settings in [PolicySettings::default(), granular()] {
        let policy = policy(&settings);
        let needed = policy.reissue_threshold() + policy.idle();
        let unrefreshed = START.plus(policy.reissue_threshold()).minus(MILLI);
        let trace = [START, unrefreshed, unrefreshed.plus(policy.idle())].map(page_at);
        let lost_at = |age| first_lost_within(&trace, &policy, Rule::Law, Some(age));
        assert_eq!(lost_at(needed), None);
        assert_eq!(lost_at(needed.saturating_sub(MILLI)), Some(2));
    }
}

#[test]
fn shared_page_defers_the_cookie_only_as_long_as_the_longest_pause_can_follow() {
    let policy = law();
    // Deferred for the last time, the cookie lives for a millisecond more than the pause; deferred
    // at 35:00 it would be gone at 60:00.
    for (shared_at, next) in [("34:59.999", "59:59.999"), ("35:00", "60:00")] {
        let mut trace = pages(&["0:00", "10:00", shared_at, next]);
        trace[2].response = Response::SharedPage;
        assert_eq!(first_lost(&trace, &policy, Rule::Law), None, "{shared_at}");
    }
}
