//! Trade policies granted and refused, and cultures, in the demo store.

use serde_json::json;

use super::*;
use crate::apps::support::{call, call_with, demo, shown};
use crate::domain::patch::Edit;
use crate::ports::Channels;

const ANA: &[(&str, &str)] = &[
    ("profile.email", "ana@example.com"),
    ("profile.isAuthenticated", "true"),
];
const BRUNO: &[(&str, &str)] = &[
    ("profile.email", "bruno@example.com"),
    ("profile.isAuthenticated", "true"),
];
const NOBODY: &[(&str, &str)] = &[("profile.isAuthenticated", "false")];

fn channel(patch: &Patch) -> Option<&str> {
    match patch.edit("store.channel") {
        Some(Edit::Set(slot)) => slot.value().as_str(),
        _ => None,
    }
}

async fn ask(call: &Call) -> Answer {
    answer(call, &demo()).await.unwrap()
}

#[tokio::test]
async fn a_new_session_begins_with_the_default_channel() {
    let create = Call {
        create: true,
        ..call(&[], &[])
    };
    let answer = ask(&create).await;
    assert_eq!(
        shown(&answer.writes),
        [
            "admin_cultureInfo=en-US",
            "channel=1",
            "channelPrivacy=public",
            "countryCode=USA",
            "cultureInfo=en-US",
            "currencyCode=USD",
            "currencySymbol=$",
        ]
    );
    assert_eq!(answer.refusal, None);
}

#[tokio::test]
async fn a_channel_that_is_open_to_the_shopper_is_granted() {
    for (shopper, sc) in [
        (NOBODY, "1"),
        (NOBODY, "2"),
        (&[], "2"),
        (ANA, "2"),
        (ANA, "3"),
        (BRUNO, "2"),
    ] {
        let inputs = [shopper, &[("public.sc", sc)]].concat();
        let answer = ask(&call(&inputs, &[("store.channel", "1")])).await;
        assert_eq!(channel(&answer.writes), Some(sc), "{inputs:?}");
        assert_eq!(answer.refusal, None, "{inputs:?}");
    }
}

#[tokio::test]
async fn a_channel_that_is_not_is_refused_and_nothing_is_written() {
    for (shopper, sc, status) in [
        (NOBODY, "9", 401),
        (NOBODY, "4", 401),
        (NOBODY, "3", 401),
        (&[], "3", 401),
        (NOBODY, " 2", 401),
        (ANA, "9", 403),
        (ANA, "4", 403),
        (BRUNO, "3", 403),
    ] {
        let inputs = [shopper, &[("public.sc", sc)]].concat();
        let answer = ask(&call(&inputs, &[("store.channel", "2")])).await;
        assert!(answer.writes.is_empty(), "{inputs:?}");
        let refusal = answer.refusal.unwrap();
        assert_eq!(refusal.field, known("public.sc"));
        assert_eq!(refusal.status, status, "{inputs:?}");
        assert_eq!(channel(&refusal.fallback), Some("2"), "{inputs:?}");
        assert_eq!(refusal.fallback.len(), 7);
    }
}

#[tokio::test]
async fn what_holds_instead_is_the_current_channel_while_allowed_else_the_default() {
    for (shopper, current, holds) in [
        (NOBODY, Some("2"), "2"),
        (NOBODY, Some("3"), "1"),
        (NOBODY, Some("4"), "1"),
        (NOBODY, Some("9"), "1"),
        (NOBODY, None, "1"),
        (ANA, Some("3"), "3"),
        (BRUNO, Some("3"), "1"),
    ] {
        let current: Vec<_> = current.iter().map(|id| ("store.channel", *id)).collect();
        for sc in [&[][..], &[("public.sc", "")]] {
            let answer = ask(&call(&[shopper, sc].concat(), &current)).await;
            assert_eq!(
                channel(&answer.writes),
                Some(holds),
                "{shopper:?} {current:?}"
            );
        }
        let asked = [shopper, &[("public.sc", "9")]].concat();
        let refusal = ask(&call(&asked, &current)).await.refusal.unwrap();
        assert_eq!(
            channel(&refusal.fallback),
            Some(holds),
            "{shopper:?} {current:?}"
        );
    }
}

#[tokio::test]
async fn scripts_may_ask_by_number() {
    for (sc, granted) in [(json!(2), "2"), (json!(null), "1"), (json!({"id": 2}), "1")] {
        let answer = ask(&call_with("public.sc", sc)).await;
        assert_eq!(channel(&answer.writes), Some(granted));
    }
}

#[tokio::test]
async fn a_culture_is_taken_where_the_channel_offers_it() {
    for (sc, culture, locale, taken) in [
        ("1", None, None, "en-US"),
        ("1", Some("es-US"), None, "es-US"),
        ("1", Some("ES-us"), None, "es-US"),
        ("1", None, Some("es-US"), "es-US"),
        ("1", Some("es-US"), Some("en-US"), "es-US"),
        ("1", Some("pt-BR"), Some("es-US"), "es-US"),
        ("1", Some(""), Some("es-US"), "es-US"),
        ("1", Some("pt-BR"), None, "en-US"),
        ("2", None, None, "pt-BR"),
        ("2", Some("en-US"), None, "en-US"),
        ("2", Some("es-US"), Some("fr-FR"), "pt-BR"),
    ] {
        let mut inputs = vec![("public.sc", sc)];
        inputs.extend(culture.map(|tag| ("public.cultureInfo", tag)));
        inputs.extend(locale.map(|tag| ("public.locale", tag)));
        let answer = ask(&call(&inputs, &[])).await;
        let lines = shown(&answer.writes);
        assert!(
            lines.contains(&format!("cultureInfo={taken}")),
            "{inputs:?}: {lines:?}"
        );
        assert!(
            lines.contains(&format!("admin_cultureInfo={taken}")),
            "{inputs:?}: {lines:?}"
        );
    }
}

#[tokio::test]
async fn staff_have_a_culture_of_their_own_if_they_say_so() {
    for (asked, taken) in [("pt-BR", "pt-BR"), ("", "en-US"), ("no culture", "en-US")] {
        let inputs = [("public.admin_cultureInfo", asked)];
        let lines = shown(&ask(&call(&inputs, &[])).await.writes);
        assert!(
            lines.contains(&format!("admin_cultureInfo={taken}")),
            "{lines:?}"
        );
        assert!(lines.contains(&"cultureInfo=en-US".to_owned()), "{lines:?}");
    }
}

#[tokio::test]
async fn private_and_foreign_channels_are_told_as_they_are() {
    let ana = [ANA, &[("public.sc", "3")]].concat();
    let lines = shown(&ask(&call(&ana, &[])).await.writes);
    assert!(
        lines.contains(&"channelPrivacy=private".to_owned()),
        "{lines:?}"
    );
    let lines = shown(&ask(&call(&[("public.sc", "2")], &[])).await.writes);
    for line in ["countryCode=BRA", "currencyCode=BRL", "currencySymbol=R$"] {
        assert!(lines.contains(&line.to_owned()), "{lines:?}");
    }
}

#[test]
fn a_directory_without_an_open_default_is_a_failure() {
    let channels = Channels {
        known: Vec::new(),
        open: vec!["1".to_owned()],
        default: "1".to_owned(),
    };
    let failure = decide(&call(&[], &[]), &channels).unwrap_err();
    assert_eq!(failure.label(), "bad_reply");
}
