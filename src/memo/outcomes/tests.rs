//! Whose outcome is given again, and for how long.

use super::*;
use crate::domain::patch::Patch;
use crate::domain::session::field::known;
use crate::domain::transform::{CallRecord, Failure, LoopRecord, RoundRecord};
use crate::telemetry::Telemetry;
use serde_json::json;

const NOW: Millis = Millis::from_secs(1000);

fn outcomes() -> Outcomes {
    let telemetry = Telemetry::new();
    let counters = ["store", "rnb"].map(|app| telemetry.memo().of("shop", app));
    let capacity = MemoCapacity { bytes: 1 << 20 };
    Outcomes::new(counters.into(), capacity)
}

/// A session that begins by a campaign's link.
fn start(campaign: &str) -> Start {
    let mut request = Patch::new();
    request.set(known("public.utm_campaign"), json!(campaign));
    Start {
        request,
        create: true,
        ..Start::default()
    }
}

fn answered() -> CallResult {
    CallResult::Answered {
        writes: Vec::new(),
        undeclared: Vec::new(),
    }
}

/// A cycle of one round; each of its calls has a result, and may be remembered for so many seconds.
fn outcome(calls: Vec<(CallResult, Option<i64>)>) -> Outcome {
    let timings = calls.iter().map(|(_, secs)| Timing {
        took: Duration::from_millis(7),
        as_of: Some(NOW),
        again_until: secs.map(|secs| NOW.plus(Duration::from_secs(secs.unsigned_abs()))),
    });
    let timings = timings.collect();
    let calls = calls.into_iter().enumerate();
    let calls = calls.map(|(app, (result, _))| CallRecord {
        app,
        name: "app".into(),
        because: Vec::new(),
        result,
    });
    let round = RoundRecord {
        number: 1,
        calls: calls.collect(),
        changed: Vec::new(),
        replaced: Vec::new(),
    };
    Outcome {
        body: [(known("rnb.campaigns"), json!("c"))].into_iter().collect(),
        rounds: vec![round].into(),
        timings,
        took: Duration::from_millis(7),
        ..Outcome::default()
    }
}

#[test]
fn who_begins_with_the_same_gets_what_came_of_it_and_its_apps_count_as_asked() {
    let outcomes = outcomes();
    let came = outcome(vec![(answered(), Some(60)), (CallResult::Idle, None)]);
    outcomes.keep(start("spring"), &came, NOW);
    let again = outcomes.of(&start("spring"), NOW).unwrap();
    assert_eq!(again.body, came.body);
    assert_eq!(again.rounds, came.rounds);
    let timing = again.timings.first().unwrap();
    assert_eq!((timing.took, timing.as_of), (Duration::ZERO, Some(NOW)));
    let asked = outcomes.counters.iter().map(|one| one.asked.get());
    assert_eq!(
        asked.collect::<Vec<_>>(),
        [1, 0],
        "nobody asked who is idle"
    );
    assert!(outcomes.of(&start("summer"), NOW).is_none());
    let other = Start {
        body: came.body,
        ..start("spring")
    };
    assert!(
        outcomes.of(&other, NOW).is_none(),
        "it began with another body"
    );
}

#[test]
fn it_holds_until_the_first_of_its_answers_would_be_asked_for_again() {
    let outcomes = outcomes();
    let came = outcome(vec![(answered(), Some(60)), (answered(), Some(30))]);
    outcomes.keep(start("spring"), &came, NOW);
    let at = |secs| outcomes.of(&start("spring"), NOW.plus(Duration::from_secs(secs)));
    assert!(at(29).is_some());
    assert!(at(30).is_none());
}

#[test]
fn what_would_not_come_again_is_not_remembered() {
    let remembered = || outcome(vec![(answered(), Some(60))]);
    let cases = [
        (
            "an app is asked each time",
            outcome(vec![(answered(), Some(60)), (answered(), None)]),
        ),
        (
            "an app failed",
            outcome(vec![(CallResult::Failed(Failure::Timeout), Some(60))]),
        ),
        (
            "an app refused",
            outcome(vec![(CallResult::Refused { status: 403 }, Some(60))]),
        ),
        ("no app was asked", outcome(Vec::new())),
        (
            "its answers have run out",
            outcome(vec![(answered(), Some(0))]),
        ),
        (
            "a wish was refused",
            Outcome {
                denied: Some(403),
                ..remembered()
            },
        ),
        (
            "it would not settle",
            Outcome {
                looped: Some(LoopRecord {
                    apps: Vec::new(),
                    fields: Vec::new(),
                }),
                ..remembered()
            },
        ),
    ];
    for (why, came) in cases {
        let outcomes = outcomes();
        outcomes.keep(start("spring"), &came, NOW);
        assert!(outcomes.of(&start("spring"), NOW).is_none(), "{why}");
    }
}

#[test]
fn what_is_one_shoppers_own_is_nobody_elses() {
    let cookie = [(known("cookie.auth"), json!("token"))].into_iter();
    let cases = [
        Start {
            raw: cookie.collect(),
            ..start("spring")
        },
        Start {
            recall: [0].into(),
            ..start("spring")
        },
        Start {
            create: false,
            ..start("spring")
        },
    ];
    for own in cases {
        let outcomes = outcomes();
        outcomes.keep(own.clone(), &outcome(vec![(answered(), Some(60))]), NOW);
        assert!(outcomes.of(&own, NOW).is_none(), "{own:?}");
    }
}
