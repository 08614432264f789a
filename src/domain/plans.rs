//! What follows from a body alone, made once and shared: its headers and its segment.

use std::fmt;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;

use super::headers::{HeaderBlock, HeaderPlanRules, SegmentTexts, plan_block};
use super::inputs::{Held, Inputs};
use super::session::segment::Segment;
use super::session::{Body, Document, Packed, Principal};
use super::token::HashKey;

/// What a body takes beside its fields: itself, three allocations, and its place among all bodies.
const BODY_BYTES: usize = size_of::<SharedBody>() + 160;

/// The plans of one body under one configuration.
#[derive(Debug)]
pub struct Plans {
    generation: u64,
    /// Headers whose values come from the body.
    pub headers: HeaderBlock,
    /// The segment as its cookie carries it.
    pub segment_cookie: Arc<str>,
    /// Members left out of the cookie for its size.
    pub segment_dropped: usize,
}

impl Plans {
    /// Makes the plans of a body.
    pub fn of(body: &Body, rules: &HeaderPlanRules, generation: u64) -> Self {
        let segment = Segment::of(body);
        let (token, key) = (segment.token(), segment.key());
        let (cookie, segment_dropped) = segment.cookie();
        Self {
            generation,
            headers: plan_block(
                body,
                SegmentTexts {
                    token: &token,
                    key: &key,
                },
                rules,
            ),
            segment_cookie: cookie.into(),
            segment_dropped,
        }
    }
}

/// A body with its plans, shared by every session of one account that holds the same fields.
pub struct SharedBody {
    /// The account that it belongs to: another has other rules, and so other plans.
    account: Arc<str>,
    body: Packed,
    held: Held,
    plans: ArcSwapOption<Plans>,
    /// Made when the API is first asked for it; most bodies never are.
    document: OnceLock<Box<Document>>,
    known: bool,
    shopper: bool,
}

impl SharedBody {
    /// A body whose plans are not made yet.
    pub fn new(account: &Arc<str>, body: &Body) -> Self {
        Self::of_packed(account, Packed::of(body))
    }

    /// The same of packed fields.
    pub fn of_packed(account: &Arc<str>, body: Packed) -> Self {
        let principal = Principal::of_packed(&body);
        let held = Held::of(&body);
        Self {
            account: Arc::clone(account),
            known: principal.is_known(),
            shopper: principal.is_shopper(),
            held,
            body,
            plans: ArcSwapOption::empty(),
            document: OnceLock::new(),
        }
    }

    /// The account that it belongs to.
    pub const fn account(&self) -> &Arc<str> {
        &self.account
    }

    /// What it takes in memory, in bytes, roughly; its plans take about as much again, and so does its
    /// document where the API was asked for it.
    pub fn weight(&self) -> usize {
        BODY_BYTES + self.body.weight() + self.held.weight()
    }

    /// Whether anybody is logged in. Kept, because every request asks more than once.
    pub const fn is_known(&self) -> bool {
        self.known
    }

    /// Whether there is a shopper for whom a `required` route opens.
    pub const fn is_shopper(&self) -> bool {
        self.shopper
    }

    /// Whether it holds everything that a request says; see [`Held::holds_all`].
    pub fn holds_all(&self, inputs: &Inputs<'_>, absent_is_unknown: bool, key: &HashKey) -> bool {
        self.held
            .holds_all(&self.body, inputs, absent_is_unknown, key)
    }

    /// The fields as they lie here.
    pub const fn packed(&self) -> &Packed {
        &self.body
    }

    /// The fields, to be changed or gone through: unpacked for whoever asks, so ask once.
    pub fn fields(&self) -> Body {
        self.body.unpack()
    }

    /// The document that the API answers with, serialised once.
    pub fn document(&self) -> &Document {
        self.document
            .get_or_init(|| Box::new(Document::of(&self.fields())))
    }

    /// The plans under the configuration of this generation, made at first need.
    pub fn plans(&self, rules: &HeaderPlanRules, generation: u64) -> Arc<Plans> {
        let made = self.plans.load();
        if let Some(plans) = made.as_ref().filter(|plans| plans.generation == generation) {
            return Arc::clone(plans);
        }
        let plans = Arc::new(Plans::of(&self.fields(), rules, generation));
        self.plans.store(Some(Arc::clone(&plans)));
        plans
    }
}

/// Fields only: values are a shopper's own.
impl fmt::Debug for SharedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.body, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::session::field::known;

    /// A changed session is another body, so that its document is written once a version.
    #[test]
    fn a_document_is_serialised_once_however_often_it_is_asked_for() {
        let body: Body = [(known("public.sc"), serde_json::json!("1"))]
            .into_iter()
            .collect();
        let shared = SharedBody::new(&"demostore".into(), &body);
        assert!(std::ptr::eq(shared.document(), shared.document()));
    }
}
