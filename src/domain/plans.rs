//! What follows from a body alone, made once and shared: its headers and its segment.

use std::fmt;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;

use super::headers::{HeaderBlock, HeaderPlanRules, SegmentTexts, plan_block};
use super::inputs::Held;
use super::session::segment::Segment;
use super::session::{Body, Document, Principal};

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

/// A body with its plans, shared by every session that holds the same fields.
pub struct SharedBody {
    body: Body,
    held: Held,
    weight: usize,
    plans: ArcSwapOption<Plans>,
    /// Made when the API is first asked for it; most bodies never are.
    document: OnceLock<Box<Document>>,
    known: bool,
    shopper: bool,
}

impl SharedBody {
    /// A body whose plans are not made yet.
    pub fn new(mut body: Body) -> Self {
        body.shrink();
        let principal = Principal::of(&body);
        let held = Held::of(&body);
        Self {
            weight: body.weight() + held.weight(),
            known: principal.is_known(),
            shopper: principal.is_shopper(),
            held,
            body,
            plans: ArcSwapOption::empty(),
            document: OnceLock::new(),
        }
    }

    /// What it takes in memory, in bytes, roughly; its plans take about as much again, and so does its
    /// document where the API was asked for it.
    pub const fn weight(&self) -> usize {
        self.weight
    }

    /// Whether anybody is logged in. Kept, because every request asks more than once.
    pub const fn is_known(&self) -> bool {
        self.known
    }

    /// Whether there is a shopper for whom a `required` route opens.
    pub const fn is_shopper(&self) -> bool {
        self.shopper
    }

    /// What it holds of the things that requests say.
    pub const fn held(&self) -> &Held {
        &self.held
    }

    /// The fields.
    pub const fn fields(&self) -> &Body {
        &self.body
    }

    /// The document that the API answers with, serialised once.
    pub fn document(&self) -> &Document {
        self.document
            .get_or_init(|| Box::new(Document::of(&self.body)))
    }

    /// The plans under the configuration of this generation, made at first need.
    pub fn plans(&self, rules: &HeaderPlanRules, generation: u64) -> Arc<Plans> {
        let made = self.plans.load();
        if let Some(plans) = made.as_ref().filter(|plans| plans.generation == generation) {
            return Arc::clone(plans);
        }
        let plans = Arc::new(Plans::of(&self.body, rules, generation));
        self.plans.store(Some(Arc::clone(&plans)));
        plans
    }
}

/// Fields only: values are a shopper's own.
impl fmt::Debug for SharedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.body.iter().map(|(field, _)| field))
            .finish()
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
        let shared = SharedBody::new(body);
        assert!(std::ptr::eq(shared.document(), shared.document()));
    }
}
