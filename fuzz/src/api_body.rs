//! Bodies of the Session API: read whole or refused, merged into a session, and shown again.
//!
//! Input: a query, a line end, the body that the session had before, a zero byte, the new body.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use vestibule::domain::api::{Items, read_public};
use vestibule::domain::inputs::read_call_query;
use vestibule::domain::patch::{Edit, Patch};
use vestibule::domain::session::field::is_key;
use vestibule::domain::session::limits::SessionLimits;
use vestibule::domain::session::segment::{MAX_COOKIE_BYTES, Segment};
use vestibule::domain::session::{Body, Document, Field, Packed, SessionId};

use crate::depth::depth_of;

const SMALL: SessionLimits = SessionLimits {
    bytes: 512,
    public_keys: 8,
    depth: 3,
};

/// The target.
pub fn run(data: &[u8]) {
    let mut parts = data.splitn(2, |&byte| byte == b'\n');
    let query = std::str::from_utf8(parts.next().unwrap_or_default()).unwrap_or_default();
    let mut bodies = parts
        .next()
        .unwrap_or_default()
        .splitn(2, |&byte| byte == 0);
    let (kept, body) = (bodies.next().unwrap_or_default(), bodies.next());
    let mut before = base();
    if let Ok(patch) = read_public(kept) {
        patch.apply(&mut before);
    }
    let body = body.unwrap_or(kept);
    let said = read_public(body);
    is_what_was_said(body, said.as_ref().ok());
    let Ok(said) = said else { return };
    let mut writes = read_call_query(query, true);
    writes.merge(said.clone());
    for (field, edit) in said.iter() {
        assert!(writes.edit(field.as_str()) == Some(edit), "{field}");
    }
    let after = merges(&before, &writes);
    keeps_limits(&after);
    is_shown(&after, query);
    fits_a_cookie(&after);
}

fn base() -> Body {
    let field = |name: &str| -> Field { name.parse().expect("a field") };
    [
        (field("account.id"), json!("a")),
        (field("cookie.VtexIdclientAutCookie"), json!("hash")),
        (field("profile.isAuthenticated"), json!("false")),
        (field("public.sc"), json!("1")),
        (field("store.channel"), json!("1")),
    ]
    .into_iter()
    .collect()
}

/// The slow reader: a tree, member by member.
fn is_what_was_said(body: &[u8], read: Option<&Patch>) {
    let Some(patch) = read else {
        assert!(!body.trim_ascii().is_empty());
        return;
    };
    let tree: Value = if body.trim_ascii().is_empty() {
        json!({})
    } else {
        serde_json::from_slice(body).expect("what was read is JSON")
    };
    let nothing = Map::new();
    let members = tree.as_object().expect("what was read is an object");
    let public = members.get("public").map_or(&nothing, |public| {
        public.as_object().expect("`public` is an object")
    });
    assert_eq!(patch.len(), public.len());
    for (key, wrapper) in public {
        assert!(is_key(key));
        let Some(Edit::Set(slot)) = patch.edit(&format!("public.{key}")) else {
            panic!("{key} is not written")
        };
        assert_eq!(&slot.to_json(), wrapper);
    }
}

/// Nothing but `public` differs after, twice is once, and the difference is what was done.
fn merges(before: &Body, writes: &Patch) -> Body {
    let mut after = before.clone();
    let may_change = writes.changes(before);
    let changed = writes.apply(&mut after);
    assert_eq!(may_change, !changed.is_empty());
    assert!(changed.iter().all(|field| field.namespace() == "public"));
    let others = |body: &Body| -> BTreeMap<String, Value> {
        body.iter()
            .filter(|(field, _)| field.namespace() != "public")
            .map(|(field, slot)| (field.to_string(), slot.to_json()))
            .collect()
    };
    assert_eq!(others(before), others(&after));
    let mut twice = after.clone();
    assert!(writes.apply(&mut twice).is_empty() && twice == after);
    let mut again = before.clone();
    Patch::diff(before, &after).apply(&mut again);
    for (field, slot) in after.iter() {
        assert_eq!(again.value(field.as_str()), Some(slot.value()));
    }
    assert_eq!(again.len(), after.len());
    assert_eq!(Packed::of(&after).unpack(), after);
    after
}

fn keeps_limits(body: &Body) {
    let within = SMALL.check(body).is_ok();
    let public = body.namespace("public").count();
    let depth = body.iter().map(|(_, slot)| depth_of(slot.value())).max();
    let bytes: usize = body
        .iter()
        .map(|(field, slot)| field.as_str().len() + slot.value().to_string().len())
        .sum();
    if within {
        assert!(public <= SMALL.public_keys && bytes <= SMALL.bytes);
        assert!(depth.is_none_or(|depth| depth <= SMALL.depth));
    } else {
        assert!(
            public > SMALL.public_keys
                || bytes + 16 * body.len() > SMALL.bytes
                || depth.is_some_and(|depth| depth > SMALL.depth)
        );
    }
}

/// The document is the body without cookies, and what is asked for is a part of it.
fn is_shown(body: &Body, query: &str) {
    let id = SessionId::from_random(7);
    let document = Document::of(body);
    let namespaces = |json: &str| -> Value {
        let value: Value = serde_json::from_str(json).expect("a document is JSON");
        assert_eq!(value["id"], json!(id.to_string()));
        value["namespaces"].clone()
    };
    let shown = |asked: &dyn Fn(&Field) -> bool| {
        let mut part = Body::new();
        for (field, slot) in body.iter() {
            if field.namespace() != "cookie" && asked(field) {
                part.put(field.clone(), slot.clone());
            }
        }
        part.to_json()
    };
    assert_eq!(namespaces(&document.whole(id)), shown(&|_| true));
    let Some(items) = Items::read(Some(query)) else {
        return;
    };
    let chosen = items.chosen();
    let answer = document.part_of(id, query, &chosen);
    assert_eq!(namespaces(&answer), shown(&chosen));
    if let Some(remembered) = document.remembered(id, query) {
        assert_eq!(remembered, answer);
    }
    // What is read can be written again and is the same.
    let public = shown(&|field| field.namespace() == "public");
    let written = read_public(public.to_string().as_bytes()).expect("a document can be written");
    let mut again = Body::new();
    written.apply(&mut again);
    assert_eq!(again.to_json(), public);
}

fn fits_a_cookie(body: &Body) {
    let segment = Segment::of(body);
    let json: Value = serde_json::from_str(&segment.to_json()).expect("a segment is JSON");
    assert!(json.is_object());
    let (cookie, dropped) = segment.cookie();
    assert!(cookie.len() <= MAX_COOKIE_BYTES || dropped > 0);
    assert_eq!(dropped == 0, cookie == segment.token());
}
