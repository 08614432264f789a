//! Bodies are shared: thousands of anonymous shoppers hold the same fields.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::domain::plans::SharedBody;
use crate::domain::session::{Body, Packed};

/// Knows every body in use, and returns the one that exists for equal fields.
#[derive(Debug, Default)]
pub struct Interner {
    hasher: RandomState,
    bodies: Mutex<Bodies>,
}

#[derive(Debug, Default)]
struct Bodies {
    /// One for each hash: of two bodies that differ under one hash, the later is not shared.
    by_hash: HashMap<u64, Weak<SharedBody>>,
    sweep_at: usize,
}

impl Interner {
    /// The shared body of these fields in this account.
    pub fn share(&self, account: &Arc<str>, body: Body) -> Arc<SharedBody> {
        let packed = Packed::of(&body);
        drop(body);
        let hash = self.hasher.hash_one((account, &packed));
        let mut bodies = self.bodies.lock();
        if let Some(known) = bodies.known(hash, account, &packed) {
            return known;
        }
        bodies.add(hash, Arc::new(SharedBody::of_packed(account, packed)))
    }

    /// The shared body of the same account and fields as this one, which may be it.
    pub fn adopt(&self, body: Arc<SharedBody>) -> Arc<SharedBody> {
        let hash = self.hasher.hash_one((body.account(), body.packed()));
        let mut bodies = self.bodies.lock();
        if let Some(known) = bodies.known(hash, body.account(), body.packed()) {
            return known;
        }
        bodies.add(hash, body)
    }

    /// How many different bodies are known, dead ones not yet swept included.
    pub fn len(&self) -> usize {
        self.bodies.lock().by_hash.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Bodies {
    fn known(&self, hash: u64, account: &str, fields: &Packed) -> Option<Arc<SharedBody>> {
        let known = self.by_hash.get(&hash)?.upgrade()?;
        (**known.account() == *account && known.packed() == fields).then_some(known)
    }

    fn add(&mut self, hash: u64, body: Arc<SharedBody>) -> Arc<SharedBody> {
        self.by_hash.insert(hash, Arc::downgrade(&body));
        self.sweep();
        body
    }

    /// Drops what nobody holds, each time the table has doubled.
    fn sweep(&mut self) {
        if self.by_hash.len() < self.sweep_at.max(1024) {
            return;
        }
        self.by_hash.retain(|_, body| body.strong_count() > 0);
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
        let (interner, account) = (Interner::default(), "demostore".into());
        let (one, same, other) = (
            interner.share(&account, body(1)),
            interner.share(&account, body(1)),
            interner.share(&account, body(2)),
        );
        assert!(Arc::ptr_eq(&one, &same));
        assert!(!Arc::ptr_eq(&one, &other));
        let elsewhere = interner.share(&"another".into(), body(1));
        assert!(
            !Arc::ptr_eq(&one, &elsewhere),
            "another account has other rules"
        );
        assert!(Arc::ptr_eq(
            &one,
            &interner.adopt(Arc::new(SharedBody::new(&account, &body(1))))
        ));
    }

    #[test]
    fn bodies_that_nobody_holds_are_swept() {
        let (interner, account) = (Interner::default(), "demostore".into());
        for value in 0..10_000 {
            let text: Body = [(known("public.n"), json!(value.to_string()))]
                .into_iter()
                .collect();
            drop(interner.share(&account, text));
        }
        assert!(interner.len() <= 1025, "{}", interner.len());
    }
}
