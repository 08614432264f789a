//! When the response is known: which cookies leave with it, and what caches may do with it.

use std::fmt;
use std::time::Duration;

use http::HeaderValue;

use super::Flow;
use super::decision::{Decision, Issue};
use super::event::Event;
use crate::account::Account;
use crate::domain::cookies::{
    CookieSettings, Due, Emission, ResponseFacts, guard_cache_control, plan_emission, set_cookie,
};
use crate::domain::session::{Body, LoginHashes, Session, Upkeep};
use crate::domain::token::{Claims, TokenUse, hash_token, sign_token};
use crate::store::{Found, Resident};

/// What is done to a response.
#[derive(Default)]
pub struct Leaving {
    /// `Set-Cookie` lines, in order.
    pub set_cookies: Vec<HeaderValue>,
    /// The session token among them, where one was issued.
    pub token: Option<String>,
    /// `Cache-Control` in place of the upstream's.
    pub cache_control: Option<String>,
}

/// Never the cookies.
impl fmt::Debug for Leaving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaving")
            .field("set_cookies", &self.set_cookies.len())
            .field("token", &self.token.is_some())
            .field("cache_control", &self.cache_control)
            .finish()
    }
}

impl Flow {
    /// Plans the cookies of a final response and notes what was issued. Called once a response,
    /// whether it comes from the upstream, from us, or from a failure.
    pub async fn leave(
        &self,
        decision: &mut Decision,
        settings: &CookieSettings,
        facts: &ResponseFacts<'_>,
    ) -> Leaving {
        let policy = *decision.account.policies.of(decision.authenticated);
        let due = due(decision);
        let Emission::Send { cache } = plan_emission(due, facts, decision.authenticated, &policy)
        else {
            return Leaving::default();
        };
        let mut leaving = Leaving {
            set_cookies: std::mem::take(&mut decision.cookies.deletions),
            token: None,
            cache_control: Some(guard_cache_control(facts.cache_control, cache)),
        };
        let Some(resident) = decision.cookies.session.clone() else {
            return leaving;
        };
        let created_at = resident.session().created_at;
        let max_age = policy.max_age(created_at, decision.authenticated, decision.now);
        if decision.cookies.due == Issue::No {
            let live = matches!(
                self.store
                    .peek(resident.session().id, decision.authenticated),
                Some(Found::Live(_))
            );
            if !(decision.cookies.segment && live) {
                return leaving;
            }
        } else {
            match self.issue(decision, settings, &resident, max_age).await {
                Some((line, token)) => {
                    leaving.set_cookies.push(line);
                    leaving.token = Some(token);
                }
                // While the upstream answered, the session became another one: its cookie is not
                // to be overwritten in the browser (lifetime law, "Rotation").
                None => return leaving,
            }
        }
        let segment = &decision.injection.plans.segment_cookie;
        leaving
            .set_cookies
            .push(set_cookie(settings, &settings.segment, segment, max_age));
        if decision.injection.plans.segment_dropped > 0 {
            decision
                .events
                .push(Event::SegmentCut(decision.injection.plans.segment_dropped));
        }
        leaving
    }

    /// Stores a session that is said to have begun, to have got its cookie, and to have been used
    /// so long ago, and returns its token. For dry runs over a store of their own.
    pub async fn adopt(
        &self,
        account: &Account,
        body: Body,
        [created, issued, seen]: [Duration; 3],
    ) -> Result<String, String> {
        let now = self.clock.now();
        let session = Session {
            id: self.new_id(),
            body: self.bodies.share(&account.name, body),
            version: 1,
            created_at: now.minus(created),
            issued_at: now.minus(issued),
            last_seen: now.minus(seen),
            token: None,
            logins: LoginHashes::default(),
            upkeep: Upkeep::default(),
        };
        self.adopt_whole(account, session).await
    }

    /// The same of a session that is there already.
    pub async fn adopt_whole(&self, account: &Account, session: Session) -> Result<String, String> {
        let now = self.clock.now();
        let authenticated = session.authenticated();
        let claims = Claims {
            id: session.id,
            account: &account.name,
            issued: session.issued_at,
            expires: now.plus(Duration::from_hours(24)),
            authenticated,
            light: false,
            token_use: TokenUse::Cookie,
        };
        let token = sign_token(&account.keys, &claims, now).map_err(|error| error.to_string())?;
        let keep = account.policies.of(authenticated).record_ttl(authenticated);
        let (id, issued_at) = (session.id, session.issued_at);
        self.store
            .create(session, keep)
            .await
            .map_err(|error| error.to_string())?;
        let hash = hash_token(account.keys.hash_key(), &token);
        self.store
            .issue(id, hash, issued_at)
            .await
            .map_err(|error| error.to_string())?;
        Ok(token)
    }

    /// Signs a cookie and notes it as the one issued last.
    async fn issue(
        &self,
        decision: &mut Decision,
        settings: &CookieSettings,
        resident: &Resident,
        max_age: Option<Duration>,
    ) -> Option<(HeaderValue, String)> {
        let (session, keys) = (resident.session(), &decision.account.keys);
        let claims = Claims {
            id: session.id,
            account: &decision.account.name,
            issued: decision.now,
            // A browser-session cookie has no end of its own; the token's stays bounded.
            expires: decision
                .now
                .plus(max_age.unwrap_or(Duration::from_hours(24))),
            authenticated: session.authenticated(),
            light: resident.is_light(),
            token_use: TokenUse::Cookie,
        };
        let token = sign_token(keys, &claims, decision.now).ok()?;
        let hash = hash_token(keys.hash_key(), &token);
        // A store that cannot be asked costs a signature check later, nothing else.
        if self.store.issue(session.id, hash, decision.now).await == Ok(false) {
            return None;
        }
        if let Issue::Window(_) = decision.cookies.due {
            decision.events.push(Event::Reissued);
        }
        let line = set_cookie(settings, &settings.session, &token, max_age);
        Some((line, token))
    }
}

fn due(decision: &Decision) -> Due {
    let cookies = &decision.cookies;
    match cookies.due {
        Issue::Must => Due::Must,
        _ if cookies.segment || !cookies.deletions.is_empty() => Due::Must,
        Issue::Window(iat) => Due::Reissue {
            cookie_age: decision.now.since(iat),
        },
        Issue::No => Due::Nothing,
    }
}
