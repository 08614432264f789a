//! What happened to a request: one value for the log, the metrics and the audit trail.

use std::sync::Arc;

use crate::domain::session::SessionId;
use crate::domain::transform::{LoopRecord, Note};
use crate::store::Ending;

/// Who acts as whom, by the ids of the shop; never by e-mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acting {
    /// The member of staff.
    pub staff: Box<str>,
    /// The customer.
    pub customer: Box<str>,
}

/// Who is logged in, by the ids of the shop; never by e-mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// The shopper.
    pub shopper: Option<Box<str>>,
    /// The member of staff.
    pub staff: Option<Box<str>>,
}

/// One thing that happened. Holds no token, no cookie and no e-mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A session was stored for a new visitor.
    Created(SessionId),
    /// The limit of new sessions for one client was reached; none was stored.
    CreationLimited,
    /// A session's cookie was due and goes out again.
    Reissued,
    /// A session ended.
    Ended(SessionId, Ending),
    /// Somebody logged in.
    Login(SessionId, Who),
    /// Somebody logged out, or their token stopped to hold.
    Logout(SessionId),
    /// A session got a new id for another reason than those.
    Rotated(SessionId),
    /// A session goes on under a new id; the old one has lost all authority.
    Replaced {
        /// The old one.
        from: SessionId,
        /// The new one.
        to: SessionId,
    },
    /// Staff began to act as a customer.
    ImpersonationStarted(SessionId, Acting),
    /// Staff stopped to act as a customer.
    ImpersonationStopped(SessionId, Acting),
    /// Whoever had agreed to be remembered has taken it back; nothing is left of their session.
    ConsentWithdrawn(SessionId),
    /// An operator was told all that is kept of a person, by the shop's id of them.
    Exported(Box<str>, usize),
    /// An operator looked at a session.
    Shown(SessionId),
    /// An operator had all that is kept of a person erased.
    Erased(Box<str>, usize),
    /// What an app noted.
    Noted(Note),
    /// A login that had ended was presented again; its cookie is deleted.
    EndedLoginPresented(Ending),
    /// A value that the shopper asked for was refused, with 401 or 403.
    Refused(u16),
    /// An app failed; the label is one of a closed set.
    AppFailed(Arc<str>, &'static str),
    /// An app wrote what it had not declared.
    UndeclaredWrites(Arc<str>, usize),
    /// Two apps wrote one key in one round.
    Overwritten(u32),
    /// A cycle would not settle.
    Looped(LoopRecord),
    /// The session would have grown past its limits; the request changed nothing.
    LimitReached,
    /// A presented token was not ours to accept; the label is one of a closed set.
    TokenRejected(&'static str),
    /// A cookie said that it was issued in the future.
    ClockStep,
    /// Malformed cookie pairs were dropped, each alone.
    PairsDropped(usize),
    /// Cookies were cut at the size limit.
    CookiesCut,
    /// The segment cookie was cut to fit a browser.
    SegmentCut(usize),
    /// Two live sessions were presented at once.
    Ambiguous,
    /// The store could not be asked.
    StoreUnavailable,
    /// What was done is done here and owed to the store, which could not be asked.
    Owed,
}
