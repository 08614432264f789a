//! From the presented tokens to a session: recognised, verified, or none.

use std::sync::Arc;

use super::decision::Issue;
use super::{Flow, Stage};
use crate::domain::cookies::{Choice, choose_presented, is_host_bound};
use crate::domain::lifetime::{Decision as Lived, Expiry, Presented, Times, decide};
use crate::domain::session::{Session, SessionId};
use crate::domain::time::Millis;
use crate::domain::token::{Verified, hash_token, peek_id, verify_api_token, verify_token};
use crate::ports::StoreError;
use crate::store::{Ended, Ending, Found, Marker, Resident};

/// A session that lives.
#[derive(Debug)]
pub(super) struct Alive {
    pub(super) resident: Arc<Resident>,
    pub(super) iat: Millis,
    pub(super) reissue: bool,
    pub(super) clock_step: bool,
    pub(super) lookup: Lookup,
}

impl Alive {
    /// Whether the cookie is to be issued again.
    pub(super) fn due(&self, stage: Stage<'_>) -> Issue {
        if !(self.reissue && stage.activity) {
            return Issue::No;
        }
        match self.lookup {
            // A key that no longer signs, another session, a clock that stepped: such a cookie is
            // replaced on whatever answer comes first.
            Lookup::Verified { primary: false, .. } | Lookup::Moved | Lookup::Ended(_) => {
                Issue::Must
            }
            _ if self.clock_step => Issue::Must,
            _ => Issue::Window(self.iat),
        }
    }
}

/// What a lookup came to.
#[derive(Debug)]
pub(super) enum LookedUp {
    Alive(Alive),
    Moved(Marker),
    Ended(Ended),
    Unknown(Lookup),
    Ambiguous,
    Unreadable,
}

impl LookedUp {
    /// A word of a closed set.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Alive(alive) => alive.lookup.label(),
            Self::Moved(_) => Lookup::Moved.label(),
            Self::Ended(ended) => ended.reason.label(),
            Self::Unknown(lookup) => lookup.label(),
            Self::Ambiguous => Lookup::Ambiguous.label(),
            Self::Unreadable => Lookup::Unreadable.label(),
        }
    }
}

/// The same for `explain` and the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lookup {
    /// The route or the client has no session.
    #[default]
    NotLooked,
    /// No token was presented.
    NoToken,
    /// Tokens were presented and none was accepted; the last one's reason.
    Rejected(&'static str),
    /// The token is ours, the session is not there (any more).
    Gone,
    /// The token is the one issued last; no signature was checked.
    Recognised {
        /// Its issue time.
        iat: Millis,
    },
    /// The signature was checked.
    Verified {
        /// Its issue time.
        iat: Millis,
        /// Whether it is signed by the key that signs now.
        primary: bool,
    },
    /// The session had been replaced a moment ago.
    Moved,
    /// The session had ended.
    Ended(&'static str),
    /// Tokens of two sessions were presented.
    Ambiguous,
    /// The store could not be asked.
    Unreadable,
}

impl Lookup {
    /// Words of a closed set, for metrics and logs.
    pub const LABELS: [&str; 10] = [
        "not_looked",
        "no_token",
        "rejected",
        "gone",
        "recognised",
        "verified",
        "moved",
        "ended",
        "ambiguous",
        "unreadable",
    ];

    /// Its place among them.
    pub const fn place(self) -> usize {
        match self {
            Self::NotLooked => 0,
            Self::NoToken => 1,
            Self::Rejected(_) => 2,
            Self::Gone => 3,
            Self::Recognised { .. } => 4,
            Self::Verified { .. } => 5,
            Self::Moved => 6,
            Self::Ended(_) => 7,
            Self::Ambiguous => 8,
            Self::Unreadable => 9,
        }
    }

    /// Its word.
    pub fn label(self) -> &'static str {
        Self::LABELS.get(self.place()).copied().unwrap_or_default()
    }
}

/// A token that passed.
#[derive(Clone, Copy, Debug)]
struct Accepted {
    id: SessionId,
    iat: Millis,
    primary: bool,
    authenticated: bool,
    light: bool,
}

impl Accepted {
    const fn of(verified: &Verified) -> Self {
        Self {
            id: verified.token.id,
            iat: verified.token.iat,
            primary: verified.primary,
            authenticated: verified.token.authenticated,
            light: verified.token.light,
        }
    }
}

enum Tokens {
    One(Accepted),
    None(Lookup),
    Several,
}

impl Flow {
    /// Finds the session of a request and lets the lifetime law judge it.
    pub(super) async fn look_up(&self, stage: Stage<'_>) -> LookedUp {
        if let Some(alive) = self.recognise(stage) {
            return Self::judge(stage, alive);
        }
        let accepted = match read_tokens(stage) {
            Tokens::One(accepted) => accepted,
            Tokens::None(lookup) => return LookedUp::Unknown(lookup),
            Tokens::Several => return LookedUp::Ambiguous,
        };
        match self.find(accepted.id, accepted.authenticated).await {
            Ok(None) if accepted.light => Box::pin(self.make_again(stage, accepted)).await,
            Ok(found) => Self::found(stage, accepted, found),
            Err(_) => LookedUp::Unreadable,
        }
    }

    /// What is under an id: from the near cache without waiting, or from the store.
    pub(super) async fn find(
        &self,
        id: SessionId,
        authenticated: bool,
    ) -> Result<Option<Found>, StoreError> {
        match self.store.peek(id, authenticated) {
            Some(found) => Ok(Some(found)),
            None => self.store.load(id).await,
        }
    }

    /// A session that held nothing but defaults and was written nowhere: made again under its id,
    /// as long as the lifetime law lets it live. It was seen when its token was issued; had it been
    /// seen again, it would have been written.
    async fn make_again(&self, stage: Stage<'_>, accepted: Accepted) -> LookedUp {
        let Accepted { id, iat, .. } = accepted;
        let policy = stage.account.policies.of(false);
        // What came after that is written beside the requests: it may be late by a moment.
        let seen = iat.plus(policy.touch_interval()).min(stage.now).max(iat);
        let times = Times {
            created_at: iat,
            issued_at: iat,
            last_seen: seen,
        };
        let presented = Some(Presented { iat });
        let Lived::Alive { .. } = decide(Some(&times), presented, false, stage.now, policy) else {
            return LookedUp::Unknown(Lookup::Gone);
        };
        let (body, _) = self.default_body(stage).await;
        let session = Session {
            body,
            created_at: iat,
            issued_at: iat,
            last_seen: seen,
            upkeep: stage.account.default.upkeep(),
            ..self.blank(stage, id, &stage.account.base())
        };
        match self.create(stage, session, stage.keep(false)).await {
            Ok(resident) => Self::found(stage, accepted, Some(Found::Live(resident))),
            // Somebody else was quicker.
            Err(StoreError::Exists) => match self.find(id, false).await {
                Ok(found) => Self::found(stage, accepted, found),
                Err(_) => LookedUp::Unreadable,
            },
            Err(StoreError::Unavailable(_) | StoreError::Newer | StoreError::Elsewhere) => {
                LookedUp::Unreadable
            }
        }
    }

    fn found(stage: Stage<'_>, accepted: Accepted, found: Option<Found>) -> LookedUp {
        let account = &stage.account.name;
        match found {
            Some(Found::Live(resident)) if resident.session().account() == account => {
                let Accepted { iat, primary, .. } = accepted;
                let lookup = Lookup::Verified { iat, primary };
                Self::judge(
                    stage,
                    Alive {
                        resident,
                        iat,
                        reissue: !primary,
                        clock_step: false,
                        lookup,
                    },
                )
            }
            Some(Found::Moved(marker)) if marker.account == *account => {
                if stage.now < marker.until {
                    LookedUp::Moved(marker)
                } else {
                    LookedUp::Unknown(Lookup::Gone)
                }
            }
            Some(Found::Ended(ended)) if ended.session.account() == account => {
                LookedUp::Ended(ended)
            }
            _ => LookedUp::Unknown(Lookup::Gone),
        }
    }

    /// The returning shopper's way: one token, one cache hit, one hash compared.
    fn recognise(&self, stage: Stage<'_>) -> Option<Alive> {
        if stage.ask.is_some_and(|ask| ask.token.is_some()) {
            return None;
        }
        let &[token] = stage.inputs.tokens.as_slice() else {
            return None;
        };
        let keys = &stage.account.keys;
        // A key that no longer signs may be retired: only the full check can tell.
        if !keys.is_current(token, stage.now) {
            return None;
        }
        let (id, authenticated) = peek_id(token)?;
        let Some(Found::Live(resident)) = self.store.peek(id, authenticated) else {
            return None;
        };
        let session = resident.session();
        let issued = session.token?;
        if *session.account() != stage.account.name || hash_token(keys.hash_key(), token) != issued
        {
            return None;
        }
        let iat = session.issued_at;
        let lookup = Lookup::Recognised { iat };
        Some(Alive {
            resident,
            iat,
            reissue: false,
            clock_step: false,
            lookup,
        })
    }

    /// Absolute and idle limits, then the refresh window.
    pub(super) fn judge(stage: Stage<'_>, alive: Alive) -> LookedUp {
        let session = alive.resident.session();
        let authenticated = session.authenticated();
        let policy = stage.account.policies.of(authenticated);
        let mut times = session.times();
        let lag = policy.touch_interval();
        times.last_seen = alive.resident.judged_seen(lag, stage.now);
        let presented = Some(Presented { iat: alive.iat });
        match decide(Some(&times), presented, authenticated, stage.now, policy) {
            Lived::Alive {
                reissue,
                clock_step,
            } => {
                let reissue = alive.reissue || reissue;
                LookedUp::Alive(Alive {
                    reissue,
                    clock_step,
                    ..alive
                })
            }
            Lived::Expired(expiry) => {
                let session = Arc::new(alive.resident.snapshot());
                LookedUp::Ended(Ended {
                    session,
                    reason: ending(expiry),
                    successor: None,
                })
            }
            Lived::New => LookedUp::Unknown(Lookup::Gone),
        }
    }
}

/// The lifetime law's word as the store's.
pub(super) const fn ending(expiry: Expiry) -> Ending {
    match expiry {
        Expiry::Idle => Ending::Idle,
        Expiry::Absolute => Ending::Absolute,
    }
}

/// Checks every presented token (lifetime law, step 0).
fn read_tokens(stage: Stage<'_>) -> Tokens {
    let account = stage.account;
    if let Some(token) = stage.ask.and_then(|ask| ask.token.as_deref()) {
        // In a path, a token for the API alone is good too.
        return match verify_api_token(&account.keys, &account.name, token, stage.now) {
            Ok(verified) => Tokens::One(Accepted::of(&verified)),
            Err(error) => Tokens::None(Lookup::Rejected(error.label())),
        };
    }
    let mut accepted: Vec<Accepted> = Vec::new();
    let mut none = Lookup::NoToken;
    for token in &stage.inputs.tokens {
        match verify_token(&account.keys, &account.name, token, stage.now) {
            Ok(verified) => accepted.push(Accepted::of(&verified)),
            Err(error) => none = Lookup::Rejected(error.label()),
        }
    }
    // Without a host-bound name, a sibling domain may have tossed a session of its own.
    let host_bound = is_host_bound(&stage.cookies().session);
    let presented = accepted.iter().map(|token| (token.id, token.iat));
    match choose_presented(presented, host_bound) {
        Choice::Use(at) => {
            let chosen = accepted.get(at).copied();
            chosen.map_or(Tokens::None(none), Tokens::One)
        }
        Choice::Conflict => Tokens::Several,
        Choice::None => Tokens::None(none),
    }
}
