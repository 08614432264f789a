//! The keys of a ring as a table and as JSON.

use serde_json::{Value, json};

use crate::domain::time::Millis;
use crate::domain::token::{Key, KeyRing, KeyState, KeyUse};

fn state_name(state: KeyState) -> &'static str {
    match state {
        KeyState::Active => "active",
        KeyState::Retired => "retired",
    }
}

/// The use's name, and since or from when.
fn use_name(key_use: KeyUse) -> (&'static str, Option<Millis>) {
    match key_use {
        KeyUse::Signs(since) => ("signs since", Some(since)),
        KeyUse::Waits(from) => ("signs from", Some(from)),
        KeyUse::Verifies => ("verifies", None),
        KeyUse::Retired => ("-", None),
    }
}

fn rows(ring: &KeyRing, now: Millis) -> impl Iterator<Item = (&Key, KeyUse)> {
    ring.keys().iter().zip(ring.uses(now))
}

pub(super) fn as_table(ring: &KeyRing, now: Millis) -> String {
    let head = ["KID", "ALG", "CREATED", "STATE", "USE"].map(str::to_owned);
    let lines: Vec<[String; 5]> = std::iter::once(head)
        .chain(rows(ring, now).map(|(key, key_use)| {
            let (name, moment) = use_name(key_use);
            [
                key.kid().to_owned(),
                key.algorithm().name().to_owned(),
                key.created().written(),
                state_name(key.state()).to_owned(),
                moment.map_or_else(|| name.to_owned(), |at| format!("{name} {}", at.written())),
            ]
        }))
        .collect();
    let kid_width = lines.iter().map(|[kid, ..]| kid.len()).max().unwrap_or(0);
    let created_width = lines.iter().map(|line| line[2].len()).max().unwrap_or(0);
    let write = |[kid, algorithm, created, state, key_use]: &[String; 5]| {
        format!("{kid:kid_width$}  {algorithm:5}  {created:created_width$}  {state:7}  {key_use}\n")
    };
    lines.iter().map(write).collect::<Vec<_>>().concat()
}

pub(super) fn as_json(ring: &KeyRing, now: Millis) -> String {
    let keys = rows(ring, now).map(key_as_json);
    format!("{:#}\n", json!({ "keys": keys.collect::<Vec<_>>() }))
}

/// The newest key of a ring.
pub(super) fn newest_as_json(ring: &KeyRing, now: Millis) -> Value {
    rows(ring, now).last().map(key_as_json).unwrap_or_default()
}

fn key_as_json((key, key_use): (&Key, KeyUse)) -> Value {
    let (use_name, signs) = match key_use {
        KeyUse::Signs(since) => ("signs", Some(since)),
        KeyUse::Waits(from) => ("waits", Some(from)),
        KeyUse::Verifies => ("verifies", None),
        KeyUse::Retired => ("none", None),
    };
    json!({
        "kid": key.kid(),
        "alg": key.algorithm().name(),
        "created": key.created().written(),
        "state": state_name(key.state()),
        "use": use_name,
        "signs_since": signs.map(Millis::written),
    })
}
