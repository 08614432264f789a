//! Failing apps, refusals and loops.

use serde_json::json;

use super::*;
use crate::domain::transform::graph::GraphError;

fn fails(_: &Call) -> Result<Answer, Failure> {
    Err(Failure::Unavailable("down".to_owned()))
}

fn one_failing(on_error: OnError) -> [FakeApp; 1] {
    let mut app = app("broken", &["public.X"], &["public.Y"], fails);
    app.spec.on_error = on_error;
    [app]
}

fn with_output() -> Start {
    Start {
        body: body(&[("public.Y", "old")]),
        request: patch(&[("public.X", "x")]),
        ..Start::default()
    }
}

#[test]
fn a_failing_app_keeps_its_outputs_and_is_not_called_again_in_the_cycle() {
    let outcome = run(&one_failing(OnError::Keep), with_output());
    assert_eq!(outcome.body.text("public.Y"), Some("old"));
    assert_eq!((outcome.rounds.len(), outcome.failed.len()), (1, 1));
}

#[test]
fn a_failing_app_with_clear_empties_its_outputs() {
    let outcome = run(&one_failing(OnError::Clear), with_output());
    assert_eq!(outcome.body.value("public.Y"), None);
}

#[test]
fn a_failing_app_with_fail_fails_the_cycle_and_is_named() {
    let apps = one_failing(OnError::Fail);
    let error = run_on(&graph(&apps), &apps, with_output()).unwrap_err();
    assert!(matches!(&error, CycleError::AppFailed { name, .. } if &**name == "broken"));
}

#[test]
fn nothing_of_one_shopper_is_kept_for_the_next_when_apps_fail() {
    let apps = [
        app(
            "profile",
            &["authentication.storeUserId"],
            &["profile.email"],
            fails,
        ),
        app("rnb", &["profile.email"], &["rnb.campaigns"], fails),
    ];
    let start = Start {
        body: body(&[
            ("authentication.storeUserId", "ana"),
            ("profile.email", "ana@example.com"),
            ("rnb.campaigns", "vip"),
        ]),
        request: patch(&[("authentication.storeUserId", "bruno")]),
        ..Start::default()
    };
    let outcome = run(&apps, start);
    assert_eq!(outcome.body.value("profile.email"), None);
    assert_eq!(
        outcome.body.value("rnb.campaigns"),
        None,
        "kept through another app"
    );
}

#[test]
fn an_app_that_fails_in_the_round_in_which_the_shopper_changes_keeps_nothing() {
    let apps = [
        app(
            "authentication",
            &["cookie.Id"],
            &["authentication.storeUserId"],
            |_| writes(&[("authentication.storeUserId", json!("bruno"))]),
        ),
        app(
            "profile",
            &["authentication.storeUserId"],
            &["profile.email"],
            fails,
        ),
    ];
    let start = Start {
        body: body(&[
            ("authentication.storeUserId", "ana"),
            ("profile.email", "ana@example.com"),
        ]),
        request: patch(&[("cookie.Id", "bruno's")]),
        // Past its age, it is asked about Ana while authentication hears of Bruno.
        recall: [1].into(),
        ..Start::default()
    };
    let outcome = run(&apps, start);
    assert_eq!(
        outcome.body.text("authentication.storeUserId"),
        Some("bruno")
    );
    assert_eq!(outcome.body.value("profile.email"), None);
}

#[test]
fn what_the_request_of_a_login_asks_for_outlives_the_failure_of_whoever_is_to_grant_it() {
    for (request, before, kept) in [
        (
            &[("cookie.Id", "agent's"), ("public.wish", "ana")][..],
            None,
            Some("ana"),
        ),
        (&[("cookie.Id", "agent's")], Some("ana"), None),
    ] {
        let apps = [
            app(
                "authentication",
                &["cookie.Id"],
                &["authentication.adminUserEmail"],
                |_| writes(&[("authentication.adminUserEmail", json!("agent"))]),
            ),
            app(
                "impersonate",
                &["public.wish", "authentication.adminUserEmail"],
                &["public.wish", "impersonate.storeUserId"],
                |call| match call.value("authentication.adminUserEmail") {
                    Some(_) => fails(call),
                    None => writes(&[]),
                },
            ),
        ];
        let fields: Vec<_> = before
            .map(|wish| ("public.wish", wish))
            .into_iter()
            .collect();
        let start = Start {
            body: body(&fields),
            request: patch(request),
            ..Start::default()
        };
        let outcome = run(&apps, start);
        assert_eq!(outcome.body.text("public.wish"), kept, "{request:?}");
        assert_eq!(outcome.failed.keys().collect::<Vec<_>>(), [&1]);
    }
}

#[test]
fn what_is_not_called_before_the_deadline_has_failed() {
    let apps = [
        app(
            "profile",
            &["authentication.storeUserId"],
            &["profile.email"],
            fails,
        ),
        app("rnb", &["profile.email"], &["rnb.campaigns"], fails),
    ];
    let graph = graph(&apps);
    let start = Start {
        body: body(&[
            ("profile.email", "ana@example.com"),
            ("rnb.campaigns", "vip"),
        ]),
        request: patch(&[("authentication.storeUserId", "bruno")]),
        ..Start::default()
    };
    let mut cycle = Cycle::start(&graph, start);
    assert_eq!(cycle.next_round().unwrap().len(), 1);
    cycle.close();
    cycle.absorb(Vec::new());
    assert_eq!(cycle.next_round(), None);
    let outcome = cycle.finish().unwrap();
    assert_eq!(
        outcome.failed.values().collect::<Vec<_>>(),
        [&Failure::Timeout; 2]
    );
    assert_eq!(outcome.body.value("rnb.campaigns"), None);
}

/// Channel `1` for everybody, `3` for whoever is logged in.
fn store(call: &Call) -> Result<Answer, Failure> {
    let known = call.filled("profile.isAuthenticated") == Some("true");
    match call.filled("public.sc") {
        Some("3") if !known => Ok(Answer {
            refusal: Some(Refusal {
                field: known_field(),
                status: 401,
                fallback: patch(&[("store.channel", "1")]),
            }),
            ..Answer::default()
        }),
        sc => writes(&[("store.channel", json!(sc.unwrap_or("1")))]),
    }
}

fn known_field() -> Field {
    known("public.sc")
}

fn store_apps() -> [FakeApp; 2] {
    [
        app(
            "store",
            &["public.sc", "profile.isAuthenticated"],
            &["store.channel"],
            store,
        ),
        app(
            "profile",
            &["authentication.storeUserId"],
            &["profile.isAuthenticated"],
            |call| {
                let known = call.filled("authentication.storeUserId").is_some();
                writes(&[("profile.isAuthenticated", json!(known.to_string()))])
            },
        ),
    ]
}

#[test]
fn a_refused_value_takes_its_old_value_back_and_the_rest_of_the_request_stays() {
    let start = Start {
        body: body(&[("public.sc", "1"), ("store.channel", "1")]),
        request: patch(&[("public.sc", "3"), ("public.utm_source", "n")]),
        ..Start::default()
    };
    let outcome = run(&store_apps(), start);
    assert_eq!(outcome.denied, Some(401));
    assert_eq!(outcome.body.text("public.sc"), Some("1"));
    assert_eq!(outcome.body.text("store.channel"), Some("1"));
    assert_eq!(outcome.changed, [known("public.utm_source")]);
}

#[test]
fn a_login_in_the_same_request_is_heard_before_a_refusal_counts() {
    let start = Start {
        request: patch(&[("public.sc", "3"), ("authentication.storeUserId", "ana")]),
        ..Start::default()
    };
    let outcome = run(&store_apps(), start);
    assert_eq!(
        (outcome.denied, outcome.body.text("store.channel")),
        (None, Some("3"))
    );
}

#[test]
fn a_standing_value_that_is_no_longer_allowed_falls_back_without_an_error() {
    let mut request = Patch::new();
    request.unset(known("authentication.storeUserId"));
    let start = Start {
        body: body(&[
            ("authentication.storeUserId", "ana"),
            ("profile.isAuthenticated", "true"),
            ("public.sc", "3"),
            ("store.channel", "3"),
        ]),
        request,
        ..Start::default()
    };
    let outcome = run(&store_apps(), start);
    assert_eq!(outcome.denied, None);
    assert_eq!(outcome.body.value("public.sc"), None);
    assert_eq!(outcome.body.text("store.channel"), Some("1"));
}

#[test]
fn asking_for_a_private_channel_while_logging_out_leaves_no_private_channel() {
    let mut request = patch(&[("public.sc", "3")]);
    request.unset(known("authentication.storeUserId"));
    let start = Start {
        body: body(&[
            ("authentication.storeUserId", "ana"),
            ("profile.isAuthenticated", "true"),
            ("store.channel", "3"),
        ]),
        request,
        ..Start::default()
    };
    let outcome = run(&store_apps(), start);
    assert_eq!(outcome.denied, Some(401));
    assert_eq!(outcome.body.text("store.channel"), Some("1"));
}

fn flips(call: &Call) -> Result<Answer, Failure> {
    let next = if call.filled("public.Y") == Some("a") {
        "b"
    } else {
        "a"
    };
    writes(&[("public.Y", json!(next))])
}

fn counts(call: &Call) -> Result<Answer, Failure> {
    let last = call.value("public.Y").and_then(Value::as_u64).unwrap_or(0);
    writes(&[("public.Y", json!(last + 1))])
}

#[test]
fn a_loop_gives_moving_keys_their_old_value_and_keeps_settled_ones() {
    for (kind, says) in [
        ("a state comes back", flips as fn(&Call) -> _),
        ("no end", counts),
    ] {
        let apps = [
            app("spin", &["public.X", "public.Y"], &["public.Y"], says),
            app("calm", &["public.X"], &["public.Z"], |_| {
                writes(&[("public.Z", json!("z"))])
            }),
        ];
        let start = Start {
            body: body(&[("public.Y", "before")]),
            request: patch(&[("public.X", "x")]),
            ..Start::default()
        };
        let outcome = run(&apps, start);
        assert_eq!(outcome.body.text("public.Y"), Some("before"), "{kind}");
        assert_eq!(outcome.body.text("public.Z"), Some("z"), "{kind}");
        let looped = outcome.looped.unwrap();
        assert_eq!(looped.fields, [known("public.Y")], "{kind}");
        assert_eq!(looped.apps, [Arc::<str>::from("spin")], "{kind}");
    }
}

#[test]
fn a_loop_after_a_change_of_shopper_never_gives_back_the_other_shoppers_value() {
    let apps = [app(
        "spin",
        &["authentication.storeUserId", "profile.n"],
        &["profile.n"],
        |call| {
            let last = call.value("profile.n").and_then(Value::as_u64).unwrap_or(0);
            writes(&[("profile.n", json!(last + 1))])
        },
    )];
    let start = Start {
        body: body(&[
            ("authentication.storeUserId", "ana"),
            ("profile.n", "ana's"),
        ]),
        request: patch(&[("authentication.storeUserId", "bruno")]),
        ..Start::default()
    };
    let outcome = run(&apps, start);
    assert!(outcome.looped.is_some());
    assert_eq!(outcome.body.value("profile.n"), None);
}

#[test]
fn on_loop_fail_makes_it_an_error_that_names_apps_and_keys() {
    let apps = [app("spin", &["public.Y"], &["public.Y"], counts)];
    let settings = GraphSettings {
        max_rounds: 3,
        on_loop: OnLoop::Fail,
    };
    let graph = Graph::try_new(vec![apps[0].spec.clone()], settings, |_| false).unwrap();
    let start = Start {
        request: patch(&[("public.Y", "0")]),
        ..Start::default()
    };
    let error = run_on(&graph, &apps, start).unwrap_err();
    assert!(error.to_string().contains("spin") && error.to_string().contains("public.Y"));
}

#[test]
fn apps_that_cannot_live_together_are_all_named() {
    let specs = [
        app("a", &["public.X"], &["profile.email", "cookie.x"], fails).spec,
        app("a", &["public.X"], &["profile.email"], fails).spec,
    ];
    let settings = GraphSettings {
        max_rounds: 0,
        ..GraphSettings::default()
    };
    let errors = Graph::try_new(specs.to_vec(), settings, |_| false).unwrap_err();
    assert_eq!(errors.len(), 4, "{errors:?}");
    assert!(errors.contains(&GraphError::NoRounds));
    assert!(Graph::try_new(vec![specs[1].clone()], GraphSettings::default(), |_| false).is_ok());
}
