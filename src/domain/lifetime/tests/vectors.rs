//! The law's numbered vectors, as far as they need no proxy: L = 30 min, W = 5 min, A = 12 h.
//! Those about cookies (11, 25, 26, 27, 30) are in `cookie_vectors`.

use super::*;
use crate::domain::cookies::Due;

/// One shopper's session and cookie, with nothing of a proxy around them.
struct Shopper {
    policy: Policy,
    times: Times,
    cookie: Presented,
}

impl Shopper {
    fn new() -> Self {
        Self {
            policy: law(),
            times: Times::starting(at("0:00")),
            cookie: Presented { iat: at("0:00") },
        }
    }

    fn decide(&self, now: &str) -> Decision {
        self.decide_with(self.cookie, now)
    }

    fn decide_with(&self, cookie: Presented, now: &str) -> Decision {
        decide(Some(&self.times), Some(cookie), true, at(now), &self.policy)
    }

    /// A request that counts as activity and whose response reaches the browser.
    fn request(&mut self, now: &str) -> Decision {
        let decision = self.decide(now);
        if let Decision::Alive { reissue, .. } = decision {
            self.times = self.times.touched(at(now));
            if reissue {
                self.cookie = Presented { iat: at(now) };
            }
        }
        decision
    }

    fn remaining(&self, now: &str) -> Remaining {
        remaining(&self.times, self.cookie, true, at(now), &self.policy)
    }
}

#[test]
fn vector_01_formula_of_the_seed_is_due_at_zero() {
    let mut shopper = Shopper::new();
    assert_eq!(shopper.remaining("25:00").timeout_ms, 0);
    assert_eq!(shopper.request("25:00"), REISSUED);
    let iat = shopper.cookie.iat;
    assert_eq!((iat.as_secs(), iat.subsec_millis()), (1_543_399_200, 0));
}

#[test]
fn vector_02_one_millisecond_before_the_window_sends_no_cookie() {
    let mut shopper = Shopper::new();
    assert_eq!(shopper.remaining("24:59.999").timeout_ms, 1);
    assert_eq!(shopper.request("24:59.999"), ALIVE);
}

#[test]
fn vector_03_idle_limit_itself_lives_and_gets_a_cookie() {
    assert_eq!(Shopper::new().request("25:00.000"), REISSUED);
}

#[test]
fn vector_04_one_millisecond_past_idle_is_logged_out() {
    assert_eq!(Shopper::new().request("25:00.001"), IDLE);
}

#[test]
fn vector_05_pause_of_seven_minutes_logs_nobody_out() {
    let mut shopper = Shopper::new();
    assert_eq!(shopper.request("24:00"), ALIVE);
    assert_eq!(shopper.remaining("31:00").timeout_ms, -360_000);
    assert_eq!(shopper.request("31:00"), REISSUED);
}

#[test]
fn vector_06_idle_limit_precedes_the_formula() {
    let mut shopper = Shopper::new();
    assert_eq!(shopper.remaining("26:00").timeout_ms, -60_000);
    assert_eq!(shopper.request("26:00"), IDLE);
}

#[test]
fn vector_07_end_of_the_lifetime_is_idle_on_both_sides() {
    for now in ["30:00.000", "30:00.001"] {
        assert_eq!(Shopper::new().request(now), IDLE);
    }
    // Once garbage collection has run, the server knows nothing of it.
    let cookie = Some(Presented { iat: at("0:00") });
    let forgotten = decide(None, cookie, true, at("30:00.001"), &law());
    assert_eq!(forgotten, Decision::New);
}

#[test]
fn vector_08_jar_still_holds_the_oldest_cookie_that_lives() {
    let mut shopper = Shopper::new();
    assert_eq!(shopper.request("24:59.999"), ALIVE);
    assert_eq!(shopper.request("49:59.998"), REISSUED);
    let max_age = law().max_age(at("0:00"), true, at("0:00"));
    assert!(max_age > Some(span("49:59.998")));
}

#[test]
fn vector_09_activity_every_24_minutes_lives_to_the_absolute_end() {
    let mut shopper = Shopper::new();
    for step in 1..30 {
        let now = format!("{}:00", step * 24);
        let expected = if step % 2 == 0 { REISSUED } else { ALIVE };
        assert_eq!(shopper.request(&now), expected, "{now}");
    }
    assert_eq!(shopper.request("12:00:00"), ABSOLUTE);
}

#[test]
fn vector_10_absolute_end_comes_in_spite_of_activity() {
    let mut shopper = Shopper::new();
    let mut alive_at = |now: &str| {
        let decision = shopper.request(now);
        assert!(matches!(decision, Decision::Alive { .. }), "{now}");
    };
    for step in 1..36 {
        alive_at(&format!("{}:00", step * 20));
    }
    alive_at("11:59:59.999");
    assert_eq!(shopper.request("12:00:00.000"), ABSOLUTE);
}

#[test]
fn vector_12_parallel_requests_at_the_limit_all_decide_alike() {
    let mut shopper = Shopper::new();
    for _ in 0..10 {
        // Before or after another's touch.
        assert_eq!(shopper.decide("25:00"), REISSUED);
        shopper.times = shopper.times.touched(at("25:00"));
    }
    assert_eq!(shopper.times.last_seen, at("25:00"));
}

#[test]
fn vector_13_lost_responses_only_cause_another_reissue() {
    let mut shopper = Shopper::new();
    let old = shopper.cookie;
    assert_eq!(shopper.request("25:00"), REISSUED);
    assert_eq!(shopper.decide_with(old, "25:30"), REISSUED);
}

#[test]
fn vector_14_other_tab_lives_on_its_older_cookie() {
    let mut shopper = Shopper::new();
    let old = shopper.cookie;
    assert_eq!(shopper.request("25:00"), REISSUED);
    assert_eq!(shopper.decide_with(old, "25:01"), REISSUED);
}

#[test]
fn vector_15_clock_that_steps_back_harms_nobody() {
    let mut shopper = Shopper::new();
    assert_eq!(shopper.request("20:00"), ALIVE);
    assert_eq!(shopper.request("10:00"), ALIVE);
    assert_eq!(shopper.times.last_seen, at("20:00"));
    let epoch = Millis::default();
    let cookie = Some(Presented { iat: epoch });
    let before_it_began = decide(Some(&shopper.times), cookie, true, epoch, &shopper.policy);
    assert_eq!(before_it_began, ALIVE);
}

#[test]
fn vector_16_cookie_from_the_future_lives_by_the_servers_own_state() {
    let shopper = Shopper::new();
    let issued = |iat: &str| Presented { iat: at(iat) };
    let stepped = Decision::Alive {
        reissue: true,
        clock_step: true,
    };
    assert_eq!(shopper.decide_with(issued("2:01"), "1:00"), stepped);
    assert_eq!(shopper.decide_with(issued("2:00.001"), "1:00"), stepped);
    assert_eq!(shopper.decide_with(issued("2:00"), "1:00"), ALIVE);
    assert_eq!(shopper.decide_with(issued("1:59"), "1:00"), ALIVE);
    let due = Due::of_live_session(stepped, issued("2:01"), true, at("1:00"));
    assert_eq!(due, Due::Must);
    // An issue time ahead buys no life.
    assert_eq!(shopper.decide_with(issued("60:00"), "26:00"), IDLE);
    let forged = decide(Some(&shopper.times), None, true, at("1:00"), &law());
    assert_eq!(forged, Decision::New);
}

#[test]
fn vector_17_poller_keeps_nobody_logged_in() {
    let shopper = Shopper::new();
    for minute in 1..=25 {
        let now = format!("{minute}:00");
        let decision = shopper.decide(&now);
        assert!(matches!(decision, Decision::Alive { .. }), "{now}");
        let due = Due::of_live_session(decision, shopper.cookie, false, at(&now));
        assert_eq!(due, Due::Nothing, "{now}");
    }
    assert_eq!(shopper.decide("26:00"), IDLE);
}

#[test]
fn vector_18_prefetch_is_no_activity() {
    let mut shopper = Shopper::new();
    assert_eq!(shopper.decide("20:00"), ALIVE);
    assert_eq!(shopper.request("26:00"), IDLE);
}

#[test]
fn vector_19_login_starts_the_absolute_limit_anew() {
    let mut shopper = Shopper::new();
    assert_eq!(shopper.request("10:00"), ALIVE);
    shopper.times = Times::starting(at("10:00"));
    shopper.cookie = Presented { iat: at("10:00") };
    let left = shopper.remaining("10:00");
    assert_eq!(left.absolute_ms, span_millis(span("12:00:00")));
}

#[test]
fn vector_20_deleted_session_is_not_brought_back_by_its_cookie() {
    let cookie = Some(Presented { iat: at("10:00") });
    let late = decide(None, cookie, true, at("10:01"), &law());
    assert_eq!(late, Decision::New);
}

#[test]
fn vector_21_unknown_id_and_unverified_cookie_both_get_another_session() {
    let times = Times::starting(at("0:00"));
    let cookie = Some(Presented { iat: at("0:00") });
    for (state, cookie) in [(None, cookie), (Some(&times), None), (None, None)] {
        let decision = decide(state, cookie, true, at("1:00"), &law());
        assert_eq!(decision, Decision::New);
    }
}

#[test]
fn vector_22_session_that_the_store_kept_over_a_restart_is_alive() {
    let cookie = Some(Presented { iat: at("0:00") });
    let kept = Times::starting(at("0:00")).touched(at("10:00"));
    for (state, decision) in [(Some(&kept), ALIVE), (None, Decision::New)] {
        let restarted = decide(state, cookie, true, at("12:00"), &law());
        assert_eq!(restarted, decision);
    }
}

#[test]
fn vector_23_impossible_settings_are_configuration_errors() {
    let cases: [(Change, &str); 4] = [
        (|s| s.refresh_before_end = s.lifetime, "refresh_before_end"),
        (
            |s| s.refresh_before_end = s.lifetime * 2,
            "refresh_before_end",
        ),
        (
            |s| s.cookie_max_age = Some(CookieAge::For(Duration::from_mins(30))),
            "cookie_max_age",
        ),
        (
            |s| s.cookie_max_age = Some(CookieAge::For(Duration::ZERO)),
            "cookie_max_age",
        ),
    ];
    for (change, key) in cases {
        let mut settings = PolicySettings::default();
        change(&mut settings);
        let errors = Policy::try_new(&settings).unwrap_err();
        let found: Vec<_> = errors.iter().map(PolicyError::key).collect();
        assert_eq!(found, [key]);
    }
}

#[test]
fn vector_24_reloaded_policy_holds_at_the_next_request() {
    let mut shopper = Shopper::new();
    assert_eq!(shopper.decide("12:00"), ALIVE);
    shopper.policy = policy(&PolicySettings {
        lifetime: span("10:00"),
        ..PolicySettings::default()
    });
    assert_eq!(shopper.decide("12:00"), IDLE);
}

#[test]
fn vector_28_open_websocket_is_no_activity_after_its_handshake() {
    let mut shopper = Shopper::new();
    assert_eq!(shopper.request("24:00"), ALIVE);
    assert_eq!(shopper.request("60:00"), IDLE);
}

#[test]
fn vector_29_seconds_and_minutes_decide_alike() {
    let written = [
        ("1800s", "300s"),
        ("30m", "5m"),
        ("1800000ms", "300000ms"),
        ("29m 60s", "4m 59s 1000ms"),
    ];
    let policies = written.map(|(lifetime, window)| {
        policy(&PolicySettings {
            lifetime: humantime::parse_duration(lifetime).unwrap(),
            refresh_before_end: humantime::parse_duration(window).unwrap(),
            ..PolicySettings::default()
        })
    });
    let times = Times::starting(at("0:00"));
    let cookie = Some(Presented { iat: at("0:00") });
    for now in [
        "0:00",
        "24:59.999",
        "25:00",
        "25:00.001",
        "30:00",
        "12:00:00",
    ] {
        for policy in &policies {
            let decision = decide(Some(&times), cookie, true, at(now), policy);
            assert_eq!(
                decision,
                decide(Some(&times), cookie, true, at(now), &law())
            );
        }
    }
}

#[test]
fn vector_31_expiry_does_not_depend_on_who_asks() {
    let shopper = Shopper::new();
    let cookie = Some(shopper.cookie);
    for authenticated in [true, false] {
        let now = at("25:00.001");
        let decision = decide(Some(&shopper.times), cookie, authenticated, now, &law());
        assert_eq!(decision, IDLE);
    }
}

#[test]
fn vector_32_expired_form_post_is_told_apart_from_an_unknown_session() {
    assert_eq!(Shopper::new().request("26:00"), IDLE);
    let unknown = Some(Presented { iat: at("0:00") });
    let decision = decide(None, unknown, true, at("26:00"), &law());
    assert_eq!(decision, Decision::New);
}
