//! The last cycles: shared where they are the same, bounded, followed through new ids, forgotten whole.

use std::collections::HashSet;

use serde_json::json;

use super::*;
use crate::domain::patch::Patch;
use crate::domain::session::field::known;
use crate::domain::session::{Body, Field, Principal, Slot};
use crate::domain::transform::CallRecord;

const NOW: Millis = Millis::from_secs(1_700_000_000);

fn body(fields: &[(&'static str, &str)]) -> Arc<SharedBody> {
    let fields = fields
        .iter()
        .map(|(name, value)| (known(name), json!(value)));
    let body: Body = fields.collect();
    Arc::new(SharedBody::new(&"shop".into(), &body))
}

fn id(number: u128) -> SessionId {
    SessionId::from_random(number)
}

fn whose(session: u128, bodies: &[Arc<SharedBody>; 2]) -> Whose {
    Whose {
        session: id(session),
        from: None,
        began: None,
        at: NOW,
        trigger: Trigger::Page,
        bodies: bodies.clone(),
    }
}

fn call(app: usize, name: &str, because: &[&'static str], writes: &[&'static str]) -> CallRecord {
    let fields = |names: &[&'static str]| names.iter().map(|name| known(name)).collect();
    CallRecord {
        app,
        name: name.into(),
        because: fields(because),
        result: CallResult::Answered {
            writes: fields(writes),
            undeclared: Vec::new(),
        },
    }
}

fn outcome(rounds: Vec<RoundRecord>, requested: Patch) -> Outcome {
    let timings = rounds.iter().map(|round| round.calls.len()).sum();
    Outcome {
        rounds: rounds.into(),
        timings: vec![Timing::default(); timings],
        took: Duration::from_micros(1500),
        requested,
        ..Outcome::default()
    }
}

fn round(number: u32, calls: Vec<CallRecord>, changed: &[&'static str]) -> RoundRecord {
    RoundRecord {
        number,
        calls,
        changed: changed.iter().map(|name| known(name)).collect(),
        replaced: Vec::new(),
    }
}

#[test]
fn sessions_that_went_through_the_same_share_one_record() {
    let past = Past::default();
    let bodies = [body(&[]), body(&[("store.channel", "1")])];
    let rounds = vec![round(
        0,
        vec![call(0, "store", &[], &["store.channel"])],
        &["store.channel"],
    )];
    for session in 0..1000 {
        past.note(
            whose(session, &bodies),
            &mut outcome(rounds.clone(), Patch::new()),
        );
    }
    let [entries, different, bytes] = past.size();
    assert_eq!((entries, different), (1000, 1));
    assert!(bytes < 200 * 1000, "{bytes}");
    // Another outcome between the same bodies is another one.
    past.note(whose(1, &bodies), &mut outcome(Vec::new(), Patch::new()));
    assert_eq!(past.size()[1], 2);
    let [latest, first] = past.of(id(1)).try_into().unwrap();
    assert!(latest.told.rounds.is_empty() && first.told.rounds.len() == 1);
}

#[test]
fn no_more_is_remembered_than_there_is_room_for() {
    let past = Past::default();
    let bodies = [body(&[]), body(&[])];
    for session in 0..=MOST {
        past.note(
            whose(session as u128, &bodies),
            &mut outcome(Vec::new(), Patch::new()),
        );
    }
    assert_eq!(past.size()[0], MOST);
    assert!(past.of(id(0)).is_empty() && past.of(id(1)).len() == 1);
    let large = "x".repeat(60 * 1024);
    for session in 0..200 {
        let bodies = [body(&[]), body(&[("public.note", &large)])];
        past.note(
            whose(session, &bodies),
            &mut outcome(Vec::new(), Patch::new()),
        );
    }
    let [entries, different, bytes] = past.size();
    assert!(bytes <= BYTES && entries == different, "{:?}", past.size());
    // When all is let go, nothing is left that would be counted.
    past.ring.lock().retain(|_| false);
    assert_eq!(past.size(), [0, 0, 0]);
    assert!(past.ring.lock().by_bodies.is_empty());
}

#[test]
fn nothing_is_remembered_for_longer_than_a_day() {
    let past = Past::default();
    let bodies = [body(&[]), body(&[])];
    let nothing = outcome(Vec::new(), Patch::new());
    for (session, after) in [
        (1, Duration::ZERO),
        (2, AGE),
        (3, AGE + Duration::from_secs(1)),
    ] {
        let whose = Whose {
            at: NOW.plus(after),
            ..whose(session, &bodies)
        };
        past.note(whose, &mut nothing.clone());
    }
    assert!(past.of(id(1)).is_empty() && past.of(id(2)).len() == 1);
}

#[test]
fn a_session_is_followed_back_through_the_ids_that_it_had() {
    let past = Past::default();
    let bodies = [body(&[]), body(&[])];
    let nothing = outcome(Vec::new(), Patch::new());
    past.note(whose(1, &bodies), &mut nothing.clone());
    past.note(whose(9, &bodies), &mut nothing.clone());
    let login = Whose {
        from: Some(id(1)),
        ..whose(2, &bodies)
    };
    past.note(login, &mut nothing.clone());
    past.note(whose(2, &bodies), &mut nothing.clone());
    let told = past.of(id(2));
    let ids: Vec<SessionId> = told.iter().map(|one| one.session).collect();
    assert_eq!(ids, [id(2), id(2), id(1)]);
    assert_eq!(past.of(id(1)).len(), 1);
    past.forget(id(2));
    assert!(past.of(id(2)).is_empty() && past.of(id(1)).is_empty());
    assert_eq!(past.of(id(9)).len(), 1);
}

#[test]
fn a_person_who_is_erased_is_in_no_cycle_any_more_whosever_session_it_became() {
    let past = Past::default();
    let ana = body(&[("authentication.storeUserId", "ana")]);
    let staff = body(&[("impersonate.storeUserId", "ana")]);
    let nothing = outcome(Vec::new(), Patch::new());
    for (session, bodies) in [
        (1, [body(&[]), Arc::clone(&ana)]),
        (2, [ana, body(&[("authentication.storeUserId", "bruno")])]),
        (3, [body(&[]), staff]),
        (
            4,
            [body(&[]), body(&[("authentication.storeUserId", "bruno")])],
        ),
    ] {
        past.note(whose(session, &bodies), &mut nothing.clone());
    }
    past.forget_person("another", "ana");
    assert_eq!(past.size()[0], 4);
    past.forget_person("shop", "ana");
    assert_eq!(past.size()[0], 1);
    assert_eq!(past.of(id(4)).len(), 1);
}

#[test]
fn each_value_is_told_with_who_wrote_it_and_because_of_what_as_it_stood_then() {
    let before = body(&[("account.id", "1"), ("store.channel", "1")]);
    let after = body(&[
        ("account.id", "1"),
        ("public.sc", "2"),
        ("rnb.campaigns", "b"),
        ("store.channel", "2"),
        ("cookie.Id", "hash"),
    ]);
    let campaigns = known("rnb.campaigns");
    let mut last = round(
        3,
        vec![call(1, "rnb", &["store.channel"], &["rnb.campaigns"])],
        &["rnb.campaigns"],
    );
    last.replaced = vec![(campaigns.clone(), Some(Slot::plain(json!("a"))))];
    let rounds = vec![
        round(
            1,
            vec![
                call(0, "store", &["public.sc"], &["store.channel"]),
                call(1, "rnb", &["public.sc"], &["rnb.campaigns"]),
            ],
            &["rnb.campaigns", "store.channel"],
        ),
        last,
    ];
    let mut requested = Patch::new();
    requested.set(known("public.sc"), json!("2"));
    let past = Past::default();
    let session = whose(1, &[before, Arc::clone(&after)]);
    past.note(session, &mut outcome(rounds, requested));
    let cycles = past.of(id(1));
    let told = why(&after.fields(), &cycles);
    let of = |name: &str| told.iter().find(|one| one.field.as_str() == name).unwrap();
    assert_eq!(of("public.sc").writer, Writer::Request);
    let channel = of("store.channel");
    assert_eq!(
        (&channel.writer, channel.round),
        (&Writer::App("store".into()), Some(1))
    );
    assert_eq!((channel.at, channel.cycle), (Some(NOW), Some(0)));
    let asked: Vec<(&Field, _)> = channel
        .because
        .iter()
        .map(|it| (&it.field, &it.value))
        .collect();
    assert_eq!(asked, [(&known("public.sc"), &Some(json!("2")))]);
    assert_eq!(of("rnb.campaigns").round, Some(3));
    // Nothing that is remembered wrote this, and no hash of a cookie is a value to be told.
    assert_eq!(of("account.id").writer, Writer::Unknown);
    assert!(told.iter().all(|one| one.field.namespace() != "cookie"));
    let between = Between::of(&cycles[0].told);
    let campaigns_at = |at| between.before_round(at, &campaigns);
    assert_eq!(
        [campaigns_at(0), campaigns_at(1), campaigns_at(2)],
        [None, Some(json!("a")), Some(json!("b"))]
    );
}

#[test]
fn a_cycle_that_waited_long_is_told_once_with_all_its_calls_and_a_memos_answers_are_none() {
    let past = Past::default();
    let ana = body(&[("authentication.storeUserId", "ana")]);
    let go = |session: u128, millis: &[u64], as_of: Option<Millis>| {
        let rounds = (0..).zip(millis.chunks(2));
        let rounds = rounds.map(|(number, _)| {
            let calls = vec![call(0, "store", &[], &[]), call(1, "perks", &[], &[])];
            round(number, calls, &[])
        });
        let mut outcome = outcome(rounds.collect(), Patch::new());
        let took = millis.iter().map(|millis| Duration::from_millis(*millis));
        let timings = took.map(|took| Timing {
            took,
            as_of,
            ..Timing::default()
        });
        outcome.timings = timings.collect();
        let bodies = [body(&[]), Arc::clone(&ana)];
        past.note(whose(session, &bodies), &mut outcome);
    };
    go(1, &[2, 900], None);
    go(2, &[3, 700, 1, 300], None);
    go(3, &[4, 5], None);
    go(4, &[5, 800], Some(NOW.minus(Duration::from_mins(1))));
    go(5, &[1, 30, 1, 30], None);
    let waits = past.waits(Duration::from_millis(50));
    let told = waits.iter().map(|wait| {
        let calls = wait.calls.iter();
        let calls: Vec<_> = calls
            .map(|(round, took)| (*round, took.as_millis()))
            .collect();
        (&*wait.app, wait.session, calls)
    });
    let told: Vec<_> = told.collect();
    assert_eq!(
        told,
        [
            ("perks", id(2), vec![(0, 700), (1, 300)]),
            ("perks", id(1), vec![(0, 900)]),
            ("perks", id(5), vec![(0, 30), (1, 30)]),
        ]
    );
    assert_eq!(waits[0].account(), "shop");
    assert_eq!(
        Principal::of_packed(waits[0].body.packed()).shopper,
        Some("ana")
    );
    // Whose they are is found by it, but for those that are known already.
    let known = [id(2), id(3)].into();
    assert_eq!(
        past.of_person(("shop", "ana"), known),
        [id(5), id(4), id(1)]
    );
    assert!(past.of_person(("other", "ana"), HashSet::new()).is_empty());
}
