//! Reports of activity: a page that is merely open keeps nothing alive.

use proptest::prelude::*;

use super::*;

const START: Millis = Millis::from_millis(1_543_397_700_123);

#[test]
fn a_report_moves_the_last_activity_only_forwards_and_never_past_now() {
    let policy = law();
    let times = Times::starting(at("0:00")).touched(at("10:00"));
    for (now, ago, seen) in [
        ("20:00", "0:00", Some("20:00")),
        ("20:00", "9:59.999", Some("10:00.001")),
        ("20:00", "10:00", None),
        ("20:00", "15:00", None),
        ("20:00", "30:00", None),
        // The clock was set back: nothing is newer than what is known.
        ("9:00", "0:00", None),
    ] {
        let reported = times.reported(span(ago), at(now), &policy);
        assert_eq!(reported, seen.map(at), "{ago} before {now}");
    }
}

#[test]
fn what_is_a_lifetime_old_is_no_activity_even_under_a_longer_idle_limit() {
    let settings = PolicySettings {
        idle: Some(span("60:00")),
        cookie_max_age: Some(CookieAge::For(span("2:00:00"))),
        ..PolicySettings::default()
    };
    let times = Times::starting(at("0:00"));
    let reported = |ago| times.reported(span(ago), at("50:00"), &policy(&settings));
    assert_eq!(reported("29:59.999"), Some(at("20:00.001")));
    assert_eq!(reported("30:00"), None);
}

/// What a page does, a pause after what came before.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The shopper does something.
    Act,
    /// The page tells how long ago that was, or longer, as its clocks say.
    Report { late: i64 },
}

/// A session as the server keeps it, and when its shopper was last there in truth.
struct Kept {
    times: Times,
    iat: Millis,
    acted: Millis,
}

impl Kept {
    /// A report as the server takes it; whether the session lives.
    fn report(&mut self, now: Millis, late: i64, policy: &Policy) -> bool {
        let ago = now.since(self.acted) + Duration::from_millis(late.unsigned_abs());
        let cookie = Some(Presented { iat: self.iat });
        let Decision::Alive { reissue, .. } = decide(Some(&self.times), cookie, true, now, policy)
        else {
            return false;
        };
        // Longer ago than a lifetime is refused before.
        let ago = ago.min(policy.lifetime());
        if let Some(seen) = self.times.reported(ago, now, policy) {
            self.times = self.times.touched(seen);
            if reissue {
                self.iat = now;
            }
        }
        true
    }
}

fn any_steps() -> impl Strategy<Value = Vec<(i64, Step)>> {
    let step = prop_oneof![
        Just(Step::Act),
        (0..=120_000_i64).prop_map(|late| Step::Report { late }),
        Just(Step::Report { late: 0 }),
    ];
    prop::collection::vec((0..=1_600_000_i64, step), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_reports_let_a_session_outlive_its_last_activity_by_a_lifetime(steps in any_steps()) {
        let policy = law();
        let mut kept = Kept { times: Times::starting(START), iat: START, acted: START };
        let mut now = START;
        for (pause, step) in steps {
            now = now.plus(Duration::from_millis(pause.unsigned_abs()));
            match step {
                Step::Act => kept.acted = now,
                Step::Report { late } => {
                    let lives = kept.report(now, late, &policy);
                    prop_assert!(kept.times.last_seen <= kept.acted);
                    if now.since(kept.acted) > policy.lifetime() {
                        prop_assert!(!lives, "{now:?} after {:?}", kept.acted);
                    }
                    if !lives {
                        break;
                    }
                }
            }
        }
    }

    #[test]
    fn reports_while_nobody_is_there_change_nothing(pauses in prop::collection::vec(0..=600_000_i64, 1..20)) {
        let policy = law();
        let mut kept = Kept { times: Times::starting(START), iat: START, acted: START };
        let mut now = START;
        for pause in pauses {
            now = now.plus(Duration::from_millis(pause.unsigned_abs()));
            let lives = kept.report(now, 0, &policy);
            prop_assert_eq!(lives, now.since(START) <= policy.idle_limit());
            prop_assert_eq!((kept.times, kept.iat), (Times::starting(START), START));
        }
    }
}
