//! All login cookies of a request, and the one answer to who it is.
//!
//! In two steps, so that a token may as well be verified by asking somebody: which tokens there
//! are, and what follows from their verdicts.

use super::keys::VtexIdKeys;
use super::{Account, Audience, Identity, VtexIdError, cookie_kind};
use crate::domain::time::Millis;

/// Most tokens that one request has verified (contract §5).
const MAX_TOKENS: usize = 4;

/// A token to verify, and what it must be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LoginToken<'a> {
    /// What the cookie's name promises.
    pub audience: Audience,
    /// The token itself.
    pub token: &'a str,
}

/// Never the token.
impl std::fmt::Debug for LoginToken<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LoginToken({:?})", self.audience)
    }
}

/// The login tokens of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoginTokens<'a> {
    /// At most four, each once.
    pub tokens: Vec<LoginToken<'a>>,
    /// The kinds of those past the four; nobody of these kinds is authenticated.
    pub over_limit: Vec<Audience>,
}

/// Finds the login tokens among cookies. Empty ones and those of other accounts are not there.
pub fn read_logins<'a>(cookies: &[(&str, &'a str)], account: Account<'_>) -> LoginTokens<'a> {
    let mut logins = LoginTokens::default();
    for (name, token) in cookies {
        let Some(audience) = cookie_kind(name, account.name, account.id) else {
            continue;
        };
        let login = LoginToken { audience, token };
        if token.is_empty() || logins.tokens.contains(&login) {
            continue;
        }
        if logins.tokens.len() < MAX_TOKENS {
            logins.tokens.push(login);
        } else {
            logins.over_limit.push(audience);
        }
    }
    logins
}

/// Who a request is, as staff and as shopper.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthOutcome {
    /// The member of staff.
    pub admin: Option<Identity>,
    /// The shopper.
    pub store: Option<Identity>,
    /// When the first of the tokens used ends.
    pub valid_until: Option<Millis>,
    /// Why other tokens proved nobody; to be counted by [`VtexIdError::label`].
    pub failures: Vec<VtexIdError>,
}

impl AuthOutcome {
    /// The four outputs of the authentication app; an absent one is to be cleared.
    pub fn outputs(&self) -> [(&'static str, Option<&str>); 4] {
        let (admin, store) = (self.admin.as_ref(), self.store.as_ref());
        [
            ("adminUserId", admin.map(|person| &*person.user_id)),
            ("adminUserEmail", admin.map(|person| &*person.email)),
            ("storeUserId", store.map(|person| &*person.user_id)),
            ("storeUserEmail", store.map(|person| &*person.email)),
        ]
    }
}

/// What follows from the verdicts on a request's tokens.
pub fn settle(
    verdicts: Vec<(Audience, Result<Identity, VtexIdError>)>,
    over_limit: &[Audience],
) -> AuthOutcome {
    let mut outcome = AuthOutcome::default();
    let mut people: [Vec<Identity>; 2] = Default::default();
    let [admins, shoppers] = &mut people;
    for (audience, verdict) in verdicts {
        match (verdict, audience) {
            (Ok(admin), Audience::Admin) => admins.push(admin),
            (Ok(shopper), Audience::Webstore) => shoppers.push(shopper),
            (Err(failure), _) => outcome.failures.push(failure),
        }
    }
    outcome
        .failures
        .extend(over_limit.iter().map(|_| VtexIdError::TooMany));
    let [admins, shoppers] = people;
    if !over_limit.contains(&Audience::Admin) {
        outcome.admin = outcome.agree(admins);
    }
    if !over_limit.contains(&Audience::Webstore) {
        outcome.store = outcome.agree(shoppers);
    }
    outcome
}

impl AuthOutcome {
    /// The one person that all tokens of a kind name, if they do.
    fn agree(&mut self, people: Vec<Identity>) -> Option<Identity> {
        let ends = people.iter().map(|person| person.expires).min();
        let mut people = people.into_iter();
        let first = people.next()?;
        if people.any(|other| (&other.user_id, &other.email) != (&first.user_id, &first.email)) {
            self.failures.push(VtexIdError::Ambiguous);
            return None;
        }
        self.valid_until = self.valid_until.into_iter().chain(ends).min();
        Some(first)
    }
}

/// Verifies a request's login cookies with keys at hand (contract §5, authentication).
pub fn authenticate(
    cookies: &[(&str, &str)],
    keys: &VtexIdKeys,
    account: Account<'_>,
    now: Millis,
) -> AuthOutcome {
    let logins = read_logins(cookies, account);
    let verify = |login: &LoginToken<'_>| {
        let verdict = keys.verify(login.token, account.name, login.audience, now);
        (login.audience, verdict)
    };
    settle(
        logins.tokens.iter().map(verify).collect(),
        &logins.over_limit,
    )
}
