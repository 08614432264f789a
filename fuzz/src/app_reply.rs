//! Answers of apps over HTTP: taken whole or refused, and never more than was declared.
//!
//! Input: the answer's bytes.

use std::sync::LazyLock;

use serde_json::{Value, json};
use vestibule::domain::patch::Edit;
use vestibule::domain::session::{Body, Field};
use vestibule::domain::transform::protocol::{read_reply, write_call};

use crate::depth::depth_of;

const DEPTH: usize = 4;

static OUTPUTS: LazyLock<[Field; 4]> = LazyLock::new(|| {
    ["search.facets", "public.region", "public.a.b", "my-app.x"]
        .map(|name| name.parse().expect("a field"))
});

/// The target.
pub fn run(data: &[u8]) {
    let Ok(reply) = read_reply(data, &*OUTPUTS, DEPTH) else {
        return;
    };
    if data.trim_ascii().is_empty() {
        assert!(reply.writes.is_empty() && reply.nameless == 0);
        return;
    }
    let text = std::str::from_utf8(data).expect("what was read is text");
    // Deeper or larger than the general parser takes is for undeclared members alone.
    let tree: Option<Value> = serde_json::from_str(text).ok();
    let mut body = Body::new();
    for (field, edit) in reply.writes.iter() {
        let Edit::Set(slot) = edit else {
            panic!("an answer unsets {field}")
        };
        assert!(slot.is_plain());
        assert!(depth_of(slot.value()) <= DEPTH);
        let said = tree
            .as_ref()
            .map(|tree| &tree[field.namespace()][field.key()]);
        if OUTPUTS.contains(field) {
            assert!(said.is_none_or(|said| said["value"] == *slot.value()));
            body.set(field.clone(), slot.value().clone());
        } else {
            assert!(slot.value().is_null());
        }
    }
    if let Some(tree) = &tree {
        nothing_is_missed(tree, &body);
    }
    // A call that tells the writes is an answer that makes them.
    let told = write_call(&body, |_| true);
    let again = read_reply(&told, &*OUTPUTS, DEPTH).expect("a call reads as an answer");
    let mut same = Body::new();
    again.writes.apply(&mut same);
    assert_eq!((same, again.nameless), (body, 0));
}

fn nothing_is_missed(tree: &Value, written: &Body) {
    for field in &*OUTPUTS {
        let wrapper = &tree[field.namespace()][field.key()];
        let said = wrapper.get("value");
        assert_eq!(
            written.value(field.as_str()),
            said,
            "{field} {}",
            json!(said)
        );
    }
}
