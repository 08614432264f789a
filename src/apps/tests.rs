//! All six apps in the cycle, over the demo store's directory.

use std::time::Duration;

use serde_json::json;

use super::support::{ANA, Unasked, Verdicts, call, demo};
use super::*;
use crate::domain::patch::Patch;
use crate::domain::session::Body;
use crate::domain::session::field::known;
use crate::domain::transform::app::OnError;
use crate::domain::transform::{AppSpec, Cycle, Graph, GraphSettings, Note, Outcome, Start};
use crate::ports::AuthOutcome;
use crate::telemetry::Telemetry;

const STAFF_COOKIE: &str = "cookie.VtexIdclientAutCookie";
const SHOPPER_COOKIE: &str = "cookie.VtexIdclientAutCookie_demostore";
const WISH: &str = "public.vtex-impersonated-customer-email";

fn graph() -> Graph {
    let spec = |kind: BuiltIn| AppSpec {
        name: kind.name().into(),
        inputs: kind.inputs(),
        outputs: kind.outputs(),
        run_on_create: kind.run_on_create(),
        when: None,
        timeout: Duration::from_secs(2),
        on_error: OnError::Keep,
        max_age: kind.max_age(),
    };
    let specs = BuiltIn::ALL.into_iter().map(spec).collect();
    Graph::try_new(specs, GraphSettings::default(), |_| false).unwrap()
}

fn builtins(directory: Arc<dyn Directory>, tokens: Verdicts) -> Apps {
    let options = BuiltInOptions {
        account_name: "demostore".into(),
        account_id: "5f1d4c30-92d2-4d8c-9f31-a24ff8a5d2c1".into(),
        profile_by_email: true,
        accept_region_id: true,
        directory,
        tokens: Arc::new(tokens),
    };
    let metrics = Telemetry::new().apps().clone();
    let installed =
        BuiltIn::ALL.map(|kind| Installed::BuiltIn(kind, metrics.built_in("demostore", "app")));
    Apps::new(installed.into(), options)
}

fn trace() -> RequestTrace {
    RequestTrace::of_our_own(|| 7)
}

fn staff() -> AuthOutcome {
    AuthOutcome {
        admin: Some(("a-1".to_owned(), "agent@demostore.example".to_owned())),
        ..AuthOutcome::default()
    }
}

fn shopper() -> AuthOutcome {
    AuthOutcome {
        shopper: Some((ANA.to_owned(), "ana@example.com".to_owned())),
        ..AuthOutcome::default()
    }
}

/// One request: `""` removes a cookie.
async fn request(body: Body, fields: &[(&'static str, &str)], tokens: Verdicts) -> Outcome {
    let (mut request, mut raw) = (Patch::new(), Body::new());
    for (name, text) in fields {
        match known(name) {
            field if field.namespace() == "cookie" && text.is_empty() => request.unset(field),
            field if field.namespace() == "cookie" => {
                raw.set(field.clone(), json!(text));
                request.set(field, json!(format!("hash of {text}")));
            }
            field => request.set(field, json!(text)),
        }
    }
    let (graph, apps) = (graph(), builtins(Arc::new(demo()), tokens));
    let create = body.is_empty();
    let start = Start {
        body,
        request,
        raw,
        create,
        recall: [].into(),
    };
    let mut cycle = Cycle::start(&graph, start);
    while let Some(calls) = cycle.next_round() {
        let mut replies = Vec::new();
        for call in calls {
            replies.push((call.app, apps.call(&call, &trace()).await));
        }
        cycle.absorb(replies);
    }
    cycle.finish().unwrap()
}

#[tokio::test]
async fn a_login_opens_a_private_channel_and_a_logout_closes_it() {
    let tokens =
        Verdicts::default().expect(&[("VtexIdclientAutCookie_demostore", "t")], Ok(shopper()));
    let login = [(SHOPPER_COOKIE, "t"), ("public.sc", "3")];
    let outcome = request(Body::new(), &login, tokens).await;
    assert_eq!(outcome.denied, None);
    for (field, text) in [
        ("store.channel", "3"),
        ("store.channelPrivacy", "private"),
        ("profile.firstName", "Ana"),
        ("profile.priceTables", "gold"),
        ("profile.isAuthenticated", "true"),
        ("rnb.campaigns", "vip"),
    ] {
        assert_eq!(outcome.body.text(field), Some(text), "{field}");
    }

    let logout = [(SHOPPER_COOKIE, "")];
    let outcome = request(outcome.body, &logout, Verdicts::default()).await;
    assert_eq!(outcome.denied, None);
    assert_eq!(outcome.body.text("store.channel"), Some("1"));
    assert_eq!(outcome.body.text("profile.isAuthenticated"), Some("false"));
    for gone in [
        "public.sc",
        "profile.id",
        "profile.priceTables",
        "rnb.campaigns",
    ] {
        assert_eq!(outcome.body.value(gone), None, "{gone}");
    }
}

#[tokio::test]
async fn a_refused_channel_leaves_the_old_one() {
    let first = request(Body::new(), &[("public.sc", "2")], Verdicts::default()).await;
    let refused = request(
        first.body.clone(),
        &[("public.sc", "3")],
        Verdicts::default(),
    )
    .await;
    assert_eq!(refused.denied, Some(401));
    assert_eq!(refused.body, first.body);
    assert_eq!(refused.body.text("store.currencySymbol"), Some("R$"));
}

#[tokio::test]
async fn staff_act_as_a_customer_until_they_stop_or_log_out() {
    let tokens = Verdicts::default().expect(&[("VtexIdclientAutCookie", "s")], Ok(staff()));
    let start = [(STAFF_COOKIE, "s"), (WISH, "ana@example.com")];
    let acting = request(Body::new(), &start, tokens).await;
    assert_eq!(acting.notes, [Note::ImpersonationGranted]);
    for (field, text) in [
        ("impersonate.storeUserId", ANA),
        ("impersonate.account", "demostore"),
        ("profile.email", "ana@example.com"),
        ("profile.isAuthenticated", "true"),
        (WISH, "ana@example.com"),
    ] {
        assert_eq!(acting.body.text(field), Some(text), "{field}");
    }
    for (end, may) in [((WISH, ""), "true"), ((STAFF_COOKIE, ""), "false")] {
        let stopped = request(acting.body.clone(), &[end], Verdicts::default()).await;
        assert_eq!(
            stopped.body.text("impersonate.canImpersonate"),
            Some(may),
            "{end:?}"
        );
        assert_eq!(stopped.body.filled(WISH), None, "{end:?}");
        for gone in [
            "impersonate.storeUserId",
            "impersonate.account",
            "profile.email",
        ] {
            assert_eq!(stopped.body.value(gone), None, "{gone} {end:?}");
        }
        assert!(stopped.notes.is_empty());
    }
}

#[tokio::test]
async fn apps_write_declared_outputs_only() {
    let tokens = Verdicts::default().expect(&[("VtexIdclientAutCookie", "s")], Ok(staff()));
    let apps = builtins(Arc::new(demo()), tokens);
    for (at, kind) in BuiltIn::ALL.into_iter().enumerate() {
        let inputs = [
            (STAFF_COOKIE, "s"),
            (WISH, "ana@example.com"),
            ("authentication.adminUserEmail", "agent@demostore.example"),
        ];
        let declared: Vec<_> = inputs
            .into_iter()
            .filter(|(name, _)| {
                kind.inputs()
                    .iter()
                    .any(|input| input.watches(&known(name)))
            })
            .collect();
        let answer = apps
            .call(
                &Call {
                    app: at,
                    ..call(&declared, &[])
                },
                &trace(),
            )
            .await
            .unwrap();
        let outputs = kind.outputs();
        for (field, _) in answer.writes.iter() {
            assert!(outputs.contains(field), "{kind:?} writes {field}");
        }
        assert!(!answer.writes.is_empty(), "{kind:?}");
    }
}

#[tokio::test]
async fn an_app_that_is_not_installed_is_not_available() {
    let apps = builtins(Arc::new(Unasked), Verdicts::default());
    let failure = apps
        .call(
            &Call {
                app: 6,
                ..call(&[], &[])
            },
            &trace(),
        )
        .await
        .unwrap_err();
    assert_eq!(failure.label(), "unavailable");
}

#[test]
fn a_directory_that_cannot_be_asked_is_not_available() {
    let failure = Failure::from(DirectoryError("connection refused".to_owned()));
    assert_eq!(
        failure,
        Failure::Unavailable("directory: connection refused".to_owned())
    );
}
