//! Whose outcome is given again, and for how long.

use super::*;
use crate::domain::patch::Patch;
use crate::domain::session::field::known;
use crate::domain::transform::app::{Input, OnError};
use crate::domain::transform::{
    AppSpec, CallRecord, Failure, Graph, GraphSettings, LoopRecord, RoundRecord, Timing,
};
use crate::telemetry::Telemetry;
use serde_json::json;

const NOW: Millis = Millis::from_secs(1000);

fn outcomes() -> Outcomes {
    let telemetry = Telemetry::new();
    let counters = ["store", "rnb"].map(|app| telemetry.memo().of("shop", app));
    let capacity = MemoCapacity { bytes: 1 << 20 };
    Outcomes::new(counters.into(), capacity)
}

/// An app that is told the campaign.
fn graph() -> Graph {
    let campaign = Input::read("public", "utm_campaign").unwrap();
    let spec = AppSpec {
        name: "rnb".into(),
        inputs: vec![campaign],
        outputs: vec![known("rnb.campaigns")],
        run_on_create: false,
        when: None,
        timeout: Duration::from_secs(1),
        on_error: OnError::Keep,
        max_age: None,
    };
    Graph::try_new(vec![spec], GraphSettings::default(), |_| false).unwrap()
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

fn common(start: Start) -> SharedStart {
    SharedStart::of(start, &graph()).unwrap()
}

fn share(body: &Body) -> Arc<SharedBody> {
    Arc::new(SharedBody::new(&"shop".into(), body))
}

fn of(outcomes: &Outcomes, start: Start, now: Millis) -> Option<Outcome> {
    let common = common(start);
    let known = outcomes.find(&common, now)?;
    Some(known.outcome(common, share))
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
    outcomes.keep(common(start("spring")), &came, NOW);
    let again = of(&outcomes, start("spring"), NOW).unwrap();
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
    let shared =
        [again, of(&outcomes, start("spring"), NOW).unwrap()].map(|one| one.shared.unwrap());
    assert!(Arc::ptr_eq(&shared[0], &shared[1]));
    assert!(of(&outcomes, start("summer"), NOW).is_none());
    let other = Start {
        body: came.body,
        ..start("spring")
    };
    assert!(
        of(&outcomes, other, NOW).is_none(),
        "it began with another body"
    );
}

#[test]
fn what_no_app_is_told_of_is_each_sessions_own() {
    let outcomes = outcomes();
    let clicked = |click: &str| {
        let mut start = start("spring");
        start.request.set(known("public.gclid"), json!(click));
        start
    };
    let mut came = outcome(vec![(answered(), Some(60))]);
    came.body.set(known("public.gclid"), json!("1"));
    came.changed = vec![known("public.gclid"), known("rnb.campaigns")];
    outcomes.keep(common(clicked("1")), &came, NOW);
    let other = of(&outcomes, clicked("2"), NOW).unwrap();
    assert_eq!(other.body.text("public.gclid"), Some("2"));
    assert_eq!(other.changed, came.changed);
    assert!(other.requested.edit("public.gclid").is_some());
    assert!(other.shared.is_none());
    let none = of(&outcomes, start("spring"), NOW).unwrap();
    assert_eq!(none.body.value("public.gclid"), None);
    assert_eq!(none.changed, [known("rnb.campaigns")]);
}

#[test]
fn it_holds_until_the_first_of_its_answers_would_be_asked_for_again() {
    let outcomes = outcomes();
    let came = outcome(vec![(answered(), Some(60)), (answered(), Some(30))]);
    outcomes.keep(common(start("spring")), &came, NOW);
    let at = |secs| {
        of(
            &outcomes,
            start("spring"),
            NOW.plus(Duration::from_secs(secs)),
        )
    };
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
        outcomes.keep(common(start("spring")), &came, NOW);
        assert!(of(&outcomes, start("spring"), NOW).is_none(), "{why}");
    }
}

#[test]
fn what_is_one_shoppers_own_is_nobody_elses() {
    let cookie = [(known("cookie.auth"), json!("token"))].into_iter();
    let mut acts = start("spring");
    acts.request.set(known("rnb.campaigns"), json!("7"));
    let cases = [
        acts,
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
        assert_eq!(SharedStart::of(own.clone(), &graph()).unwrap_err(), own);
    }
}
