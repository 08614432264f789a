//! Bodies are shared: thousands of anonymous shoppers hold the same fields.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::domain::plans::SharedBody;
use crate::domain::session::Body;

/// Knows every body in use, and returns the one that exists for equal fields.
#[derive(Debug, Default)]
pub struct Interner {
    hasher: RandomState,
    bodies: Mutex<Bodies>,
}

#[derive(Debug, Default)]
struct Bodies {
    by_hash: HashMap<u64, Vec<Weak<SharedBody>>>,
    sweep_at: usize,
}

impl Interner {
    /// The shared body of these fields.
    pub fn share(&self, body: Body) -> Arc<SharedBody> {
        let hash = self.hash(&body);
        let mut bodies = self.bodies.lock();
        let same = bodies.by_hash.entry(hash).or_default();
        same.retain(|weak| weak.strong_count() > 0);
        let found = same
            .iter()
            .filter_map(Weak::upgrade)
            .find(|known| *known.fields() == body);
        if let Some(known) = found {
            return known;
        }
        let shared = Arc::new(SharedBody::new(body));
        same.push(Arc::downgrade(&shared));
        bodies.sweep();
        shared
    }

    /// How many different bodies are known, dead ones not yet swept included.
    pub fn len(&self) -> usize {
        self.bodies.lock().by_hash.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn hash(&self, body: &Body) -> u64 {
        // Values are compared in full afterwards; the names and texts are enough to spread.
        let fields: Vec<(&str, Option<&str>)> = body
            .iter()
            .map(|(field, slot)| (field.as_str(), slot.value().as_str()))
            .collect();
        self.hasher.hash_one(fields)
    }
}

impl Bodies {
    /// Drops what nobody holds, each time the table has doubled.
    fn sweep(&mut self) {
        if self.by_hash.len() < self.sweep_at.max(1024) {
            return;
        }
        self.by_hash.retain(|_, same| {
            same.retain(|weak| weak.strong_count() > 0);
            !same.is_empty()
        });
        self.sweep_at = self.by_hash.len().saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::session::field::known;
    use serde_json::json;

    fn body(value: u32) -> Body {
        [(known("public.n"), json!(value))].into_iter().collect()
    }

    #[test]
    fn equal_fields_are_one_body_and_others_are_not() {
        let interner = Interner::default();
        let (one, same, other) = (
            interner.share(body(1)),
            interner.share(body(1)),
            interner.share(body(2)),
        );
        assert!(Arc::ptr_eq(&one, &same));
        assert!(
            !Arc::ptr_eq(&one, &other),
            "equal hashes are not equal bodies"
        );
    }

    #[test]
    fn bodies_that_nobody_holds_are_swept() {
        let interner = Interner::default();
        for value in 0..10_000 {
            let text: Body = [(known("public.n"), json!(value.to_string()))]
                .into_iter()
                .collect();
            drop(interner.share(text));
        }
        assert!(interner.len() <= 1025, "{}", interner.len());
    }
}
