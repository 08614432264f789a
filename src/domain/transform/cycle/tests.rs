//! The cycle's behaviour, first by the seed's example, then case by case, then by properties.

use serde_json::{Value, json};

use super::*;
use crate::domain::session::Slot;
use crate::domain::session::field::known;
use crate::domain::transform::app::AppSpec;
use crate::domain::transform::graph::GraphSettings;
use std::time::Duration;

mod failures;
mod properties;

/// An app that watches `inputs`, writes `outputs`, and answers by a plain function.
pub(super) struct FakeApp {
    pub spec: AppSpec,
    pub says: fn(&Call) -> Result<Answer, Failure>,
}

pub(super) fn app(
    name: &str,
    inputs: &[&'static str],
    outputs: &[&'static str],
    says: fn(&Call) -> Result<Answer, Failure>,
) -> FakeApp {
    let read = |text: &&'static str| {
        let (namespace, key) = text.split_once('.').unwrap();
        Input::read(namespace, key).unwrap()
    };
    let spec = AppSpec {
        name: name.into(),
        inputs: inputs.iter().map(read).collect(),
        outputs: outputs.iter().map(|text| known(text)).collect(),
        run_on_create: false,
        when: None,
        timeout: Duration::from_secs(2),
        on_error: OnError::Keep,
        max_age: None,
    };
    FakeApp { spec, says }
}

#[expect(clippy::unnecessary_wraps, reason = "what fake apps say is a reply")]
pub(super) fn writes(fields: &[(&'static str, Value)]) -> Result<Answer, Failure> {
    let mut patch = Patch::new();
    for (field, value) in fields {
        patch.set(known(field), value.clone());
    }
    Ok(Answer {
        writes: patch,
        ..Answer::default()
    })
}

pub(super) fn patch(fields: &[(&'static str, &str)]) -> Patch {
    let mut patch = Patch::new();
    for (field, value) in fields {
        patch.set(known(field), json!(value));
    }
    patch
}

pub(super) fn body(fields: &[(&'static str, &str)]) -> Body {
    fields
        .iter()
        .map(|(field, value)| (known(field), json!(value)))
        .collect()
}

pub(super) fn graph(apps: &[FakeApp]) -> Graph {
    let specs = apps.iter().map(|app| app.spec.clone()).collect();
    Graph::try_new(specs, GraphSettings::default(), |_| true).unwrap()
}

pub(super) fn run_on(graph: &Graph, apps: &[FakeApp], start: Start) -> Result<Outcome, CycleError> {
    let mut cycle = Cycle::start(graph, start);
    while let Some(calls) = cycle.next_round() {
        let mut replies: Vec<_> = calls
            .iter()
            .map(|call| (call.app, (apps[call.app].says)(call)))
            .collect();
        // Arrival order is nobody's promise.
        replies.reverse();
        cycle.absorb(replies);
    }
    cycle.finish()
}

pub(super) fn run(apps: &[FakeApp], start: Start) -> Outcome {
    run_on(&graph(apps), apps, start).unwrap()
}

fn called(outcome: &Outcome) -> Vec<(u32, Vec<&str>)> {
    outcome
        .rounds
        .iter()
        .map(|round| {
            (
                round.number,
                round.calls.iter().map(|call| &*call.name).collect(),
            )
        })
        .collect()
}

fn three_apps() -> [FakeApp; 3] {
    [
        app("A", &["public.X"], &["public.Y"], |_| {
            writes(&[("public.Y", json!("y"))])
        }),
        app("B", &["public.Y"], &["public.Z"], |_| {
            writes(&[("public.Z", json!("z"))])
        }),
        app("C", &["public.Y", "public.Z"], &[], |_| writes(&[])),
    ]
}

#[test]
fn the_seeds_example_takes_exactly_three_rounds_and_stops() {
    let start = Start {
        request: patch(&[("public.X", "x")]),
        ..Start::default()
    };
    let outcome = run(&three_apps(), start);
    assert_eq!(
        called(&outcome),
        [(1, vec!["A"]), (2, vec!["B", "C"]), (3, vec!["C"])]
    );
    let changed: Vec<_> = outcome
        .rounds
        .iter()
        .map(|round| round.changed.clone())
        .collect();
    assert_eq!(
        changed,
        [vec![known("public.Y")], vec![known("public.Z")], vec![]]
    );
    assert_eq!(outcome.looped, None);
}

#[test]
fn apps_of_one_round_see_the_session_as_the_round_began() {
    let apps = [
        app("first", &["public.X"], &["public.Y"], |_| {
            writes(&[("public.Y", json!("new"))])
        }),
        app(
            "second",
            &["public.X", "public.Y"],
            &["public.seen"],
            |call| {
                let seen = call.filled("public.Y").unwrap_or("nothing").to_owned();
                writes(&[("public.seen", json!(seen))])
            },
        ),
    ];
    let graph = graph(&apps);
    let start = Start {
        request: patch(&[("public.X", "x")]),
        ..Start::default()
    };
    let mut cycle = Cycle::start(&graph, start);
    let calls = cycle.next_round().unwrap();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[1].value("public.Y"), None);
}

#[test]
fn an_equal_write_starts_no_round_and_changes_nothing() {
    let start = Start {
        body: body(&[("public.Y", "y")]),
        request: patch(&[("public.X", "x")]),
        ..Start::default()
    };
    assert_eq!(called(&run(&three_apps(), start)), [(1, vec!["A"])]);
}

#[test]
fn nothing_new_calls_nobody() {
    let start = Start {
        body: body(&[("public.X", "x")]),
        request: patch(&[("public.X", "x")]),
        ..Start::default()
    };
    let outcome = run(&three_apps(), start);
    assert!(outcome.rounds.is_empty() && outcome.changed.is_empty());
}

#[test]
fn the_create_call_has_no_input_and_its_writes_start_rounds_with_the_requests() {
    let mut store = app("store", &["public.sc"], &["store.channel"], |call| {
        assert!(!call.create || call.inputs.is_empty());
        writes(&[(
            "store.channel",
            json!(call.filled("public.sc").unwrap_or("1")),
        )])
    });
    store.spec.run_on_create = true;
    let rnb = app(
        "rnb",
        &["store.channel", "public.utm_source"],
        &["rnb.campaigns"],
        |call| writes(&[("rnb.campaigns", json!(call.filled("store.channel")))]),
    );
    let start = Start {
        request: patch(&[("public.sc", "2"), ("public.utm_source", "n")]),
        create: true,
        ..Start::default()
    };
    let outcome = run(&[store, rnb], start);
    assert_eq!(
        called(&outcome),
        [
            (0, vec!["store"]),
            (1, vec!["store", "rnb"]),
            (2, vec!["rnb"])
        ]
    );
    assert_eq!(outcome.body.text("rnb.campaigns"), Some("2"));
}

#[test]
fn what_a_new_session_was_given_is_heard_by_the_apps() {
    let mut store = app("store", &["public.sc"], &["store.channel"], |call| {
        writes(&[(
            "store.channel",
            json!(call.filled("public.sc").unwrap_or("1")),
        )])
    });
    store.spec.run_on_create = true;
    let checkout = app(
        "checkout",
        &["public.postalCode"],
        &["checkout.regionId"],
        |call| writes(&[("checkout.regionId", json!(call.filled("public.postalCode")))]),
    );
    let apps = [store, checkout];
    let given = body(&[("public.sc", "2"), ("public.postalCode", "20040002")]);
    // Whether or not the request says it once more.
    for request in [patch(&[]), patch(&[("public.sc", "2")])] {
        let start = Start {
            body: given.clone(),
            request,
            create: true,
            ..Start::default()
        };
        let outcome = run(&apps, start);
        assert_eq!(outcome.body.text("store.channel"), Some("2"));
        assert_eq!(outcome.body.text("checkout.regionId"), Some("20040002"));
        assert_eq!(
            called(&outcome),
            [(0, vec!["store"]), (1, vec!["store", "checkout"])]
        );
    }
}

#[test]
fn of_two_apps_that_write_one_key_the_later_in_the_configuration_wins() {
    let apps = [
        app("one", &["public.X"], &["public.Y"], |_| {
            writes(&[("public.Y", json!(1))])
        }),
        app("two", &["public.X"], &["public.Y"], |_| {
            writes(&[("public.Y", json!(2))])
        }),
    ];
    let start = Start {
        request: patch(&[("public.X", "x")]),
        ..Start::default()
    };
    let outcome = run(&apps, start);
    assert_eq!(
        (outcome.body.value("public.Y"), outcome.overwritten),
        (Some(&json!(2)), 1)
    );
}

#[test]
fn keys_that_were_not_declared_are_dropped_and_named() {
    let apps = [app("m", &["public.X"], &["public.Y"], |_| {
        writes(&[("public.Y", json!(1)), ("profile.email", json!("x@y"))])
    })];
    let start = Start {
        request: patch(&[("public.X", "x")]),
        ..Start::default()
    };
    let outcome = run(&apps, start);
    assert_eq!(outcome.body.value("profile.email"), None);
    assert_eq!(
        outcome.rounds[0].calls[0].result,
        CallResult::Answered {
            writes: vec![known("public.Y")],
            undeclared: vec![known("profile.email")]
        }
    );
}

#[test]
fn omitted_is_untouched_and_empty_and_null_are_writes() {
    let apps = [app(
        "m",
        &["public.X"],
        &["public.a", "public.b", "public.c"],
        |_| writes(&[("public.b", json!("")), ("public.c", Value::Null)]),
    )];
    let start = Start {
        body: body(&[("public.a", "1"), ("public.b", "1"), ("public.c", "1")]),
        request: patch(&[("public.X", "x")]),
        ..Start::default()
    };
    let outcome = run(&apps, start);
    assert_eq!(outcome.body.value("public.a"), Some(&json!("1")));
    assert_eq!(outcome.body.value("public.b"), Some(&json!("")));
    assert_eq!(outcome.body.value("public.c"), Some(&Value::Null));
}

#[test]
fn apps_see_raw_cookies_and_the_session_keeps_hashes() {
    let apps = [app(
        "auth",
        &["cookie.Id_.*"],
        &["authentication.storeUserId"],
        |call| {
            writes(&[(
                "authentication.storeUserId",
                json!(call.filled("cookie.Id_shop")),
            )])
        },
    )];
    let start = Start {
        request: patch(&[("cookie.Id_shop", "hash")]),
        raw: body(&[("cookie.Id_shop", "raw"), ("cookie.other", "never sent")]),
        ..Start::default()
    };
    let outcome = run(&apps, start);
    assert_eq!(outcome.body.text("cookie.Id_shop"), Some("hash"));
    assert_eq!(outcome.body.text("authentication.storeUserId"), Some("raw"));
}

#[test]
fn an_app_is_called_only_while_its_condition_holds_and_cleared_when_it_turns_false() {
    let mut vip = app("vip", &["public.X"], &["public.Y"], |_| {
        writes(&[("public.Y", json!(1))])
    });
    vip.spec.when =
        Some(super::super::Condition::compile(r#"profile.isAuthenticated == "true""#).unwrap());
    let follower = app("f", &["public.Y"], &[], |_| writes(&[]));
    let apps = [vip, follower];
    let anonymous = Start {
        request: patch(&[("public.X", "x")]),
        ..Start::default()
    };
    assert!(run(&apps, anonymous).rounds.is_empty());
    // The condition's own key triggers too.
    let login = Start {
        body: body(&[("public.X", "x")]),
        request: patch(&[("profile.isAuthenticated", "true")]),
        ..Start::default()
    };
    let logged_in = run(&apps, login);
    assert_eq!(called(&logged_in), [(1, vec!["vip"]), (2, vec!["f"])]);
    let logout = Start {
        body: logged_in.body,
        request: patch(&[("profile.isAuthenticated", "false")]),
        ..Start::default()
    };
    let logged_out = run(&apps, logout);
    assert_eq!(logged_out.body.value("public.Y"), None);
    assert_eq!(logged_out.rounds[0].calls[0].result, CallResult::Idle);
    assert_eq!(called(&logged_out), [(1, vec!["vip"]), (2, vec!["f"])]);
}

#[test]
fn an_app_past_its_age_is_called_although_nothing_changed() {
    let start = Start {
        recall: [0].into(),
        body: body(&[("public.X", "x")]),
        ..Start::default()
    };
    let outcome = run(&three_apps(), start);
    assert_eq!(
        called(&outcome),
        [(1, vec!["A"]), (2, vec!["B", "C"]), (3, vec!["C"])]
    );
    assert!(outcome.rounds[0].calls[0].because.is_empty());
}

#[test]
fn what_a_cycle_overwrites_of_its_own_is_in_its_record_and_so_is_what_was_asked() {
    let mut store = app("store", &["public.sc"], &["store.channel"], |call| {
        writes(&[(
            "store.channel",
            json!(call.filled("public.sc").unwrap_or("1")),
        )])
    });
    store.spec.run_on_create = true;
    let start = Start {
        body: body(&[("public.kept", "same")]),
        request: patch(&[("public.sc", "2"), ("public.kept", "same")]),
        create: true,
        ..Start::default()
    };
    let outcome = run(&[store], start);
    let replaced: Vec<_> = outcome.rounds.iter().map(|one| &one.replaced).collect();
    let first = Slot::plain(json!("1"));
    assert_eq!(
        replaced,
        [&vec![], &vec![(known("store.channel"), Some(first))]]
    );
    let requested: Vec<_> = outcome.requested.iter().map(|(field, _)| field).collect();
    assert_eq!(requested, [&known("public.sc")]);
    let calls: usize = outcome.rounds.iter().map(|round| round.calls.len()).sum();
    assert_eq!(outcome.timings.len(), calls);
}
