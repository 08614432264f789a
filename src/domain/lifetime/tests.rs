//! The law, checked number by number: the formula's boundaries, the load-time checks, and in the
//! submodules the numbered vectors and random shoppers with a model browser.

mod cookie_vectors;
mod jar;
mod keepalive;
mod shoppers;
mod vectors;

use proptest::prelude::*;

use super::*;

/// The law's way of writing times: `mm:ss`, `h:mm:ss`, either with `.mmm`.
pub(super) fn span(text: &str) -> Duration {
    let (clock, millis) = text.split_once('.').unwrap_or((text, "0"));
    let seconds = clock
        .split(':')
        .fold(0, |sum, part| sum * 60 + part.parse::<u64>().unwrap());
    Duration::from_millis(seconds * 1000 + millis.parse::<u64>().unwrap())
}

/// A moment of the vectors: that long after 2018-11-28T09:35:00Z.
pub(super) fn at(text: &str) -> Millis {
    Millis::from_secs(1_543_397_700).plus(span(text))
}

pub(super) fn policy(settings: &PolicySettings) -> Policy {
    Policy::try_new(settings).unwrap().0
}

pub(super) fn law() -> Policy {
    policy(&PolicySettings::default())
}

pub(super) fn granular() -> PolicySettings {
    PolicySettings {
        profile: Profile::Granular,
        ..PolicySettings::default()
    }
}

const ALIVE: Decision = Decision::Alive {
    reissue: false,
    clock_step: false,
};
const REISSUED: Decision = Decision::Alive {
    reissue: true,
    clock_step: false,
};
const IDLE: Decision = Decision::Expired(Expiry::Idle);
const ABSOLUTE: Decision = Decision::Expired(Expiry::Absolute);

#[test]
fn formula_and_decision_hold_at_every_boundary_of_the_table() {
    let policy = law();
    let started = at("0:00");
    let times = Times::starting(started);
    for (age, timeout, decision) in [
        ("0:00", 1_500_000, ALIVE),
        ("24:59.999", 1, ALIVE),
        ("25:00.000", 0, REISSUED),
        ("25:00.001", -1, IDLE),
        ("26:00", -60_000, IDLE),
        ("30:00.000", -300_000, IDLE),
        ("30:00.001", -300_001, IDLE),
    ] {
        let now = at(age);
        let lifetime = policy.lifetime();
        assert_eq!(
            refresh_timeout(now, started, lifetime, policy.refresh_before_end()),
            timeout,
            "{age}"
        );
        let cookie = Some(Presented { iat: started });
        assert_eq!(
            decide(Some(&times), cookie, true, now, &policy),
            decision,
            "{age}"
        );
    }
}

#[test]
fn formula_is_literal_where_the_decision_is_not() {
    let (half_hour, zero) = (span("30:00"), Duration::ZERO);
    let started = at("10:00");
    for (now, window, timeout) in [
        ("5:00", span("5:00"), 1_800_000),
        ("10:00", half_hour, 0),
        ("10:00", span("31:00"), -60_000),
        ("40:00", zero, 0),
    ] {
        assert_eq!(
            refresh_timeout(at(now), started, half_hour, window),
            timeout
        );
    }
}

#[test]
fn defaults_are_those_of_the_law() {
    let (policy, warnings) = Policy::try_new(&PolicySettings::default()).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(policy.idle(), span("25:00"));
    assert_eq!(policy.reissue_threshold(), span("25:00"));
    assert_eq!(policy.cookie_max_age(), CookieAge::For(span("60:00")));
    assert_eq!(policy.absolute(true), span("12:00:00"));
    assert_eq!(policy.absolute(false), span("720:00:00"));
    assert_eq!(policy.clock_skew(), span("1:00"));
    assert_eq!(policy.record_ttl(true), span("30:00"));
    assert_eq!(policy.touch_interval(), span("0:30"));
}

#[test]
fn granular_keeps_the_cookie_for_the_lifetime_and_reissues_after_the_window() {
    let policy = policy(&granular());
    assert_eq!(policy.cookie_max_age(), CookieAge::For(span("30:00")));
    let times = Times::starting(at("0:00"));
    let cookie = Some(Presented { iat: at("0:00") });
    for (now, decision) in [("4:59.999", ALIVE), ("5:00", REISSUED), ("25:00", REISSUED)] {
        assert_eq!(
            decide(Some(&times), cookie, true, at(now), &policy),
            decision
        );
    }
}

/// One change to the default settings.
type Change = fn(&mut PolicySettings);

#[test]
fn impossible_settings_are_refused_with_the_key_to_change() {
    let cases: [(Change, &[&str]); 9] = [
        (
            |s| s.refresh_before_end = s.lifetime,
            &["refresh_before_end"],
        ),
        (
            |s| s.refresh_before_end = span("31:00"),
            &["refresh_before_end"],
        ),
        (|s| s.lifetime = Duration::ZERO, &["lifetime"]),
        (|s| s.idle = Some(Duration::ZERO), &["idle"]),
        (|s| s.absolute_authenticated = s.lifetime, &["absolute"]),
        (
            |s| s.lifetime = span("2000:00:00"),
            &["absolute", "absolute"],
        ),
        (
            |s| s.cookie_max_age = Some(CookieAge::For(span("49:59.999"))),
            &["cookie_max_age"],
        ),
        (
            |s| s.cookie_max_age = Some(CookieAge::For(span("9600:00:01"))),
            &["cookie_max_age"],
        ),
        (|s| s.idle = Some(span("35:00.001")), &["cookie_max_age"]),
    ];
    for (change, keys) in cases {
        let mut settings = PolicySettings::default();
        change(&mut settings);
        let errors = Policy::try_new(&settings).unwrap_err();
        let found: Vec<_> = errors.iter().map(PolicyError::key).collect();
        assert_eq!(found, keys, "{settings:?}");
    }
}

#[test]
fn settings_at_their_very_limit_are_taken() {
    let cases: [Change; 5] = [
        |s| s.refresh_before_end = span("29:59.999"),
        |s| s.absolute_authenticated = span("30:00.001"),
        |s| s.cookie_max_age = Some(CookieAge::For(span("50:00"))),
        |s| s.cookie_max_age = Some(CookieAge::For(span("9600:00:00"))),
        |s| s.idle = Some(span("35:00")),
    ];
    for change in cases {
        let mut settings = PolicySettings::default();
        change(&mut settings);
        assert!(Policy::try_new(&settings).is_ok(), "{settings:?}");
    }
}

#[test]
fn cookie_law_error_quotes_the_trace_that_loses_the_cookie() {
    let short = |settings: &PolicySettings, max_age: &str| {
        let settings = PolicySettings {
            cookie_max_age: Some(CookieAge::For(span(max_age))),
            ..settings.clone()
        };
        Policy::try_new(&settings).unwrap_err()[0].to_string()
    };
    let window = PolicySettings::default();
    let message = short(&window, "30:00");
    assert!(message.contains("(0, 24:59.999, 49:59.998)"), "{message}");
    assert!(
        message.contains("1800 s") && message.contains("3000 s"),
        "{message}"
    );
    let minute = PolicySettings {
        lifetime: span("1:00"),
        refresh_before_end: span("0:10"),
        ..window.clone()
    };
    let message = short(&minute, "1:00");
    assert!(message.contains("(0, 0:49.999, 1:39.998)"), "{message}");
    let message = short(&granular(), "29:59");
    assert!(message.contains("(0, 4:59.999, 29:59.998)"), "{message}");
    let impatient = PolicySettings {
        idle: Some(span("10:00")),
        ..window
    };
    let message = short(&impatient, "30:00");
    assert!(
        message.contains("(0, ..., 24:59.999, 34:59.998)"),
        "{message}"
    );
}

#[test]
fn cookie_that_goes_with_the_browser_meets_the_cookie_law() {
    let policy = policy(&PolicySettings {
        cookie_max_age: Some(CookieAge::BrowserSession),
        ..PolicySettings::default()
    });
    assert_eq!(policy.max_age(at("0:00"), true, at("11:59:00")), None);
    assert!(policy.may_defer(span("500:00:00")));
}

#[test]
fn fraction_of_a_second_is_rounded_to_the_safe_side() {
    let fractional = PolicySettings {
        lifetime: Duration::from_millis(1_700),
        refresh_before_end: Duration::from_millis(1),
        ..PolicySettings::default()
    };
    let policy = policy(&fractional);
    assert_eq!(policy.cookie_max_age(), CookieAge::For(span("0:04")));
    let configured = PolicySettings {
        cookie_max_age: Some(CookieAge::For(Duration::from_millis(3_400))),
        ..fractional
    };
    assert!(Policy::try_new(&configured).is_err());
}

#[test]
fn doubtful_settings_warn() {
    let no_window = PolicySettings {
        refresh_before_end: Duration::ZERO,
        ..PolicySettings::default()
    };
    let (policy, warnings) = Policy::try_new(&no_window).unwrap();
    assert_eq!(warnings, [PolicyWarning::NoRefreshWindow]);
    assert_eq!(policy.touch_interval(), span("0:18"));
    // A record whose `last_seen` lags is still there when its session could be alive.
    assert!(policy.record_ttl(true) > policy.idle_limit() + policy.touch_interval());
    let endless = PolicySettings {
        idle: Some(span("13:00:00")),
        cookie_max_age: Some(CookieAge::BrowserSession),
        ..no_window
    };
    let keys: Vec<_> = Policy::try_new(&endless)
        .unwrap()
        .1
        .iter()
        .map(PolicyWarning::key)
        .collect();
    assert_eq!(keys, ["refresh_before_end", "idle"]);
}

#[test]
fn far_store_makes_expiry_late_by_a_touch_interval_and_never_early() {
    let policy = law();
    let stored = Times::starting(at("0:00"));
    let cookie = Some(Presented { iat: at("0:00") });
    let decide_at = |now: Millis| {
        let times = stored.read_from_far_store(now, &policy);
        decide(Some(&times), cookie, true, now, &policy)
    };
    assert_eq!(decide_at(at("25:30")), REISSUED);
    assert_eq!(decide_at(at("25:30.001")), IDLE);
    let young = stored.read_from_far_store(at("0:01"), &policy);
    assert_eq!(young.last_seen, at("0:01"), "never ahead of the clock");
}

#[test]
fn grace_widens_the_idle_limit_alone() {
    let policy = policy(&PolicySettings {
        idle_grace: span("0:02"),
        ..PolicySettings::default()
    });
    let times = Times::starting(at("0:00"));
    let cookie = Some(Presented { iat: at("0:00") });
    let decide_at = |now| decide(Some(&times), cookie, true, at(now), &policy);
    assert_eq!(decide_at("25:02"), REISSUED);
    assert_eq!(decide_at("25:02.001"), IDLE);
    assert_eq!(policy.idle(), span("25:00"));
}

#[test]
fn remaining_tells_the_numbers_behind_a_decision() {
    let policy = law();
    let times = Times::starting(at("0:00")).touched(at("20:00"));
    let left = remaining(
        &times,
        Presented { iat: at("0:00") },
        true,
        at("26:00"),
        &policy,
    );
    assert_eq!(
        left,
        Remaining {
            timeout_ms: -60_000,
            reissue_ms: -60_000,
            idle_ms: 19 * 60_000,
            absolute_ms: 694 * 60_000,
        }
    );
    assert_eq!(left.expires_in_ms(), left.idle_ms);
}

fn any_span() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (0_u64..100_000_000).prop_map(Duration::from_millis),
        any::<u64>().prop_map(Duration::from_millis),
        Just(Duration::MAX),
    ]
}

fn any_policy() -> impl Strategy<Value = PolicySettings> {
    let spans = [(); 6].map(|()| any_span());
    let profile = prop_oneof![Just(Profile::Window), Just(Profile::Granular)];
    (profile, spans, any::<(bool, bool)>()).prop_map(|(profile, spans, (own_idle, own_age))| {
        let [lifetime, window, idle, authenticated, anonymous, age] = spans;
        PolicySettings {
            profile,
            lifetime,
            refresh_before_end: window,
            idle: own_idle.then_some(idle),
            idle_grace: idle,
            absolute_authenticated: authenticated,
            absolute_anonymous: anonymous,
            cookie_max_age: own_age.then_some(CookieAge::For(age)),
            clock_skew: window,
        }
    })
}

proptest! {
    #[test]
    fn no_time_and_no_setting_overflows(
        settings in any_policy(),
        [created, issued, seen, iat, now] in any::<[i64; 5]>(),
        authenticated: bool,
    ) {
        let policy = match Policy::try_new(&settings) {
            Ok((policy, _)) => policy,
            Err(errors) => {
                prop_assert!(errors.iter().all(|error| !error.to_string().is_empty()));
                policy(&PolicySettings::default())
            }
        };
        let [created_at, issued_at, last_seen, iat, now] =
            [created, issued, seen, iat, now].map(Millis::from_millis);
        let times = Times { created_at, issued_at, last_seen }.read_from_far_store(now, &policy);
        let cookie = Presented { iat };
        let decision = decide(Some(&times), Some(cookie), authenticated, now, &policy);
        let left = remaining(&times, cookie, authenticated, now, &policy);
        prop_assert_eq!(decision == ABSOLUTE, left.absolute_ms <= 0);
        prop_assert!(policy.max_age(created_at, authenticated, now) <= Some(span("9600:00:00")));
        prop_assert!(policy.record_ttl(authenticated) <= policy.absolute(authenticated));
    }

    #[test]
    fn decision_depends_on_differences_alone(
        ages in any::<[u32; 3]>(),
        shift in any::<i32>(),
        authenticated: bool,
    ) {
        let policy = law();
        let decide_at = |now: i64| {
            let [created_at, last_seen, iat] =
                ages.map(|age| Millis::from_millis(now - i64::from(age % 50_000_000)));
            let times = Times { created_at, issued_at: iat, last_seen };
            let now = Millis::from_millis(now);
            decide(Some(&times), Some(Presented { iat }), authenticated, now, &policy)
        };
        prop_assert_eq!(decide_at(0), decide_at(i64::from(shift) * 1_000_003));
    }
}
