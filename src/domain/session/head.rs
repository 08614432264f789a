//! A session as it is kept: a small head over a shared body.

use std::sync::Arc;

use super::upkeep::Upkeep;
use super::{Body, LoginHashes, Packed, SessionId};
use crate::domain::lifetime::Times;
use crate::domain::plans::SharedBody;
use crate::domain::time::Millis;
use crate::domain::token::TokenHash;

/// One shopper's session. A changed session is a new value; nothing is changed in place.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Its fields, shared with every session of its account that holds the same.
    pub body: Arc<SharedBody>,
    /// Counts changes of the body.
    pub version: u64,
    /// When it began; reset by a login.
    pub created_at: Millis,
    /// When its cookie was issued last.
    pub issued_at: Millis,
    /// The last activity, as of when this value was made; the store keeps the moving one.
    pub last_seen: Millis,
    /// Hash of the cookie issued last: a request that carries that very cookie needs no
    /// signature check.
    pub token: Option<TokenHash>,
    /// The logins that it lives by, by the hashes of their tokens: of a shopper, of staff, or both.
    pub logins: LoginHashes,
    /// What is to be done when.
    pub upkeep: Upkeep,
}

/// Who acts in a session. When any of these changes, the session gets a new id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Principal<'a> {
    /// The shopper who is logged in.
    pub shopper: Option<&'a str>,
    /// The member of staff who is logged in.
    pub staff: Option<&'a str>,
    /// The customer as whom staff acts.
    pub acting_as: Option<&'a str>,
}

impl<'a> Principal<'a> {
    /// Reads it from a session's fields.
    pub fn of(body: &'a Body) -> Self {
        Self::read(|name| body.filled(name))
    }

    /// The same of packed fields.
    pub fn of_packed(body: &'a Packed) -> Self {
        Self::read(|name| body.filled(name))
    }

    fn read(filled: impl Fn(&str) -> Option<&'a str>) -> Self {
        Self {
            shopper: filled("authentication.storeUserId"),
            staff: filled("authentication.adminUserId"),
            acting_as: filled("impersonate.storeUserId"),
        }
    }

    /// Whether anybody is known.
    pub fn is_known(&self) -> bool {
        *self != Self::default()
    }

    /// Whether there is a shopper for whom a `required` route opens.
    pub fn is_shopper(&self) -> bool {
        self.shopper.is_some() || self.acting_as.is_some()
    }
}

impl Session {
    /// The account that it belongs to; under any other it is unknown.
    pub fn account(&self) -> &Arc<str> {
        self.body.account()
    }

    /// Who acts in it.
    pub fn principal(&self) -> Principal<'_> {
        Principal::of_packed(self.body.packed())
    }

    /// Whether anybody is logged in, which decides limits and cache rules.
    pub fn authenticated(&self) -> bool {
        self.body.is_known()
    }

    /// The times that the lifetime law judges.
    pub const fn times(&self) -> Times {
        Times {
            created_at: self.created_at,
            issued_at: self.issued_at,
            last_seen: self.last_seen,
        }
    }
}
