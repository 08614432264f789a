//! Watching a request: which parts it has, and how each came out. Whoever watches has the clock; the
//! domain says when a part begins and ends.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::Arc;

/// Names a part of a watched request: its span's id (W3C Trace Context).
pub type SpanId = NonZeroU64;

/// A part of a request. A closed set; names are those of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Everything from inputs to the verdict.
    Decide,
    /// From the presented tokens to a session.
    Lookup,
    /// A transform cycle.
    Cycle,
    /// A call of a session app, answered from memory or by the app.
    App(Arc<str>),
    /// A changed session is kept.
    Keep,
    /// One try at a server of an upstream, up to the head of its answer.
    Upstream(Arc<str>, SocketAddr),
    /// Cookies are planned for the response.
    Leave,
}

/// Who takes note of parts.
pub trait Watching: fmt::Debug + Send + Sync {
    /// A part begins within another, or within the request itself.
    fn begin(&self, part: Part, within: Option<SpanId>) -> SpanId;
    /// It is over; the outcome is a word of a closed set.
    fn end(&self, id: SpanId, outcome: &'static str);
}

/// A watched request, or a part of one.
#[derive(Clone, Debug)]
pub struct Watch {
    by: Arc<dyn Watching>,
    within: Option<SpanId>,
}

impl Watch {
    /// The request as a whole.
    pub fn of(by: Arc<dyn Watching>) -> Self {
        Self { by, within: None }
    }

    /// A part begins.
    pub fn begin(&self, part: Part) -> Watched {
        Watched {
            id: self.by.begin(part, self.within),
            by: Arc::clone(&self.by),
            over: false,
        }
    }
}

/// A part under way. Dropped before its end, it was given up.
#[derive(Debug)]
pub struct Watched {
    by: Arc<dyn Watching>,
    id: SpanId,
    over: bool,
}

impl Watched {
    /// Its id.
    pub const fn id(&self) -> SpanId {
        self.id
    }

    /// What begins within it.
    pub fn watch(&self) -> Watch {
        Watch {
            by: Arc::clone(&self.by),
            within: Some(self.id),
        }
    }

    /// It is over; the outcome is a word of a closed set.
    pub fn end(mut self, outcome: &'static str) {
        self.over = true;
        self.by.end(self.id, outcome);
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.over {
            self.by.end(self.id, "given_up");
        }
    }
}
