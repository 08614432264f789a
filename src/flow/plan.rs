//! From a session to the plan of a request: headers, cookies, verdict.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use serde_json::json;

use crate::account::Account;

use super::ask::Undone;
use super::decision::{Decision, Injection};
use super::event::Event;
use super::returning::Planned;
use super::writes::{News, says_who};
use super::{Flow, Stage};
use crate::domain::access::{AccessFacts, plan_access};
use crate::domain::cookies::{CookieSettings, delete_auth_cookie};
use crate::domain::headers::{CONTEXT, SESSION_ID, SESSION_TOKEN, session_id_value};
use crate::domain::plans::{Plans, SharedBody};
use crate::domain::session::upkeep::DueApps;
use crate::domain::session::{Body, Field, Session, SessionId, Slot};
use crate::domain::time::Millis;
use crate::domain::token::{Claims, TokenUse, is_cookie_hash, sign_token};
use crate::store::Resident;

impl Stage<'_> {
    /// Names and attributes of our cookies on the listener that the request came in by.
    pub(super) fn cookies(&self) -> &CookieSettings {
        self.account.cookies.of(self.request.insecure_cookies)
    }

    /// Whether a captured cookie that was not found is unknown rather than gone: cookies were cut
    /// at the limit, a dry run takes them as held, or a server calls the Session API, which keeps no jar (contract §3).
    pub(super) fn absent_is_unknown(&self) -> bool {
        self.inputs.cookies_cut
            || self.cookies_as_held
            || (self.ask.is_some() && !self.request.browser())
    }

    /// Whether the answer says that a change is kept, and must not where it is only owed: a call of
    /// the Session API that writes (contract §13). A page's shopper asked for no such thing.
    pub(super) fn acknowledges(&self) -> bool {
        self.ask.is_some() && !self.request.safe_method()
    }

    /// Whether every login that a session lives by still holds: one may have ended elsewhere.
    pub(super) fn login_stands(&self, resident: &Resident) -> bool {
        let absolute = self.account.policies.authenticated.absolute(true);
        self.account.silent_relogin || resident.logins_stand(self.now, absolute)
    }

    /// The apps that may be called without a change: where cookies are unknown, not those that
    /// read them.
    pub(super) fn recallable(&self, mut aged: BTreeSet<usize>) -> BTreeSet<usize> {
        if self.absent_is_unknown() {
            aged.retain(|&at| {
                let inputs = self
                    .account
                    .graph
                    .app(at)
                    .map_or(&[][..], |app| &app.inputs);
                inputs.iter().all(|input| input.namespace() != "cookie")
            });
        }
        aged
    }

    /// What a session is due for.
    pub(super) fn due(&self, session: &Session) -> DueApps {
        session.upkeep.due_under(self.now, &self.account.graph)
    }

    /// How long a store keeps a record of this kind after its last use.
    pub(super) fn keep(&self, authenticated: bool) -> Duration {
        self.account
            .policies
            .of(authenticated)
            .record_ttl(authenticated)
    }

    pub(super) fn plans(&self, resident: &Resident) -> Arc<Plans> {
        resident
            .session()
            .body
            .plans(&self.account.headers, self.account.generation)
    }

    /// Whether the request carries every login cookie that a session holds. One that it does not
    /// know, or a cookie that anybody could have set, proves nothing.
    pub(super) fn proves(&self, resident: &Resident) -> bool {
        let session = resident.session();
        let key = self.account.keys.hash_key();
        let presents = |field: &Field, held: &Slot| {
            let name = field.key();
            self.inputs.captured.iter().any(|(captured, value)| {
                *captured == name
                    && !value.is_empty()
                    && held
                        .value()
                        .as_str()
                        .is_some_and(|held| is_cookie_hash(held, key, name, value))
            })
        };
        let body = session.body.fields();
        let mut held = body
            .namespace("cookie")
            .filter(|(field, _)| says_who(self.account, field.key()))
            .peekable();
        *session.account() == self.account.name
            && session.authenticated()
            && held.peek().is_some()
            && held.all(|(field, slot)| presents(field, slot))
    }

    /// The captured cookies of this request, for apps that are called beside it.
    pub(super) fn raw_cookies(&self) -> Body {
        let captured = self.inputs.captured.iter();
        captured
            .filter_map(|(name, value)| Some((Field::new("cookie", name).ok()?, json!(*value))))
            .collect()
    }
}

impl Flow {
    /// An id that nobody can guess.
    pub(super) fn new_id(&self) -> SessionId {
        SessionId::from_random(self.entropy.bits())
    }

    /// The plan of a request that has a stored session.
    pub(super) fn plan(
        &self,
        stage: Stage<'_>,
        resident: &Arc<Resident>,
        planned: Planned,
    ) -> Decision {
        let session = resident.session();
        let mut decision = Self::plan_for(stage, &session.body, planned);
        if let Some(value) = session_id_value(session.id) {
            decision.injection.own.push((SESSION_ID, value));
        }
        self.add_tokens(stage, resident, &mut decision.injection.own);
        decision.authenticated = session.authenticated();
        decision.trace.session = Some(session.id);
        decision
    }

    /// Tokens for the routes that ask for them.
    fn add_tokens(
        &self,
        stage: Stage<'_>,
        resident: &Resident,
        own: &mut Vec<(HeaderName, HeaderValue)>,
    ) {
        let route = stage.route;
        if route.send_session_token {
            let token = Self::session_token(stage.account, resident, stage.now);
            own.extend(token.map(|value| (SESSION_TOKEN, value)));
        }
        if route.send_context {
            let context = self
                .contexts
                .of(stage.account, resident.session(), stage.now);
            own.extend(context.map(|value| (CONTEXT, value)));
        }
    }

    /// A token for the session of a decision, issued now and noted nowhere: for callers of the
    /// Session API that keep no cookies. `id` names it where it is not stored.
    pub fn token_for(
        &self,
        decision: &Decision,
        id: SessionId,
        token_use: TokenUse,
    ) -> Option<String> {
        let (account, now) = (&decision.account, decision.now);
        let resident = decision.cookies.session.as_ref();
        let created_at = resident.map_or(now, |resident| resident.session().created_at);
        let policy = account.policies.of(decision.authenticated);
        let max_age = policy.max_age(created_at, decision.authenticated, now);
        let claims = Claims {
            id,
            account: &account.name,
            issued: now,
            expires: now.plus(max_age.unwrap_or(Duration::from_hours(24))),
            authenticated: decision.authenticated,
            light: resident.is_some_and(|resident| resident.is_light()),
            token_use,
        };
        sign_token(&account.keys, &claims, now).ok()
    }

    /// The session's token, for a backend that calls the Session API in the shopper's name.
    fn session_token(account: &Account, resident: &Resident, now: Millis) -> Option<HeaderValue> {
        let session = resident.session();
        let authenticated = session.authenticated();
        let max_age = account.policies.of(authenticated);
        let max_age = max_age.max_age(session.created_at, authenticated, now);
        let claims = Claims {
            id: session.id,
            account: &account.name,
            issued: session.issued_at,
            expires: now.plus(max_age.unwrap_or(Duration::from_hours(24))),
            authenticated,
            light: resident.is_light(),
            token_use: TokenUse::Cookie,
        };
        let token = sign_token(&account.keys, &claims, now).ok()?;
        HeaderValue::try_from(token).ok()
    }

    /// The plan of a request from a body alone.
    pub(super) fn plan_for(stage: Stage<'_>, body: &Arc<SharedBody>, planned: Planned) -> Decision {
        let Planned {
            cookies,
            facts,
            mut events,
            mut trace,
        } = planned;
        let plans = body.plans(&stage.account.headers, stage.account.generation);
        if stage.inputs.cookies_cut {
            events.push(Event::CookiesCut);
        }
        if stage.inputs.dropped_pairs > 0 {
            events.push(Event::PairsDropped(stage.inputs.dropped_pairs));
        }
        trace.body = Some(Arc::clone(body));
        Decision {
            account: Arc::clone(stage.account),
            now: stage.now,
            verdict: plan_access(stage.request, stage.route, &facts),
            injection: Injection {
                plans,
                own: Vec::new(),
            },
            cookies,
            withheld: Vec::new(),
            authenticated: false,
            undone: None,
            repeatable: false,
            facts,
            events,
            trace,
        }
    }
}

impl Decision {
    /// Notes that nothing was changed, and why.
    pub(super) fn undone(mut self, why: Undone) -> Self {
        self.undone = Some(Box::new(why));
        self
    }

    /// The same, for a call of the Session API alone: a page is served all the same.
    pub(super) fn undone_call(self, stage: Stage<'_>, why: Undone) -> Self {
        if stage.ask.is_some() {
            self.undone(why)
        } else {
            self
        }
    }

    /// Takes auth cookies of ended logins out: they do not reach the backend, and the browser is
    /// told to drop them.
    pub(super) fn without_ended(mut self, stage: Stage<'_>, news: &News) -> Self {
        let auth = &stage.account.auth_cookie;
        for (name, ending) in &news.ended {
            let deletion = delete_auth_cookie(name, auth.domain.as_deref(), &auth.path);
            self.cookies.deletions.push(deletion);
            self.withheld.push(name.clone());
            self.events.push(Event::EndedLoginPresented(*ending));
        }
        self
    }

    /// Judges access again under corrected facts.
    pub(super) fn judge_again(&mut self, stage: Stage<'_>, correct: impl FnOnce(&mut AccessFacts)) {
        correct(&mut self.facts);
        self.verdict = plan_access(stage.request, stage.route, &self.facts);
    }
}
