//! From what a request says to what it writes into the session.

use std::sync::Arc;

use serde_json::json;

use super::{Flow, Stage};
use crate::account::Account;
use crate::domain::jws::Compact;
use crate::domain::patch::{Edit, Patch};
use crate::domain::plans::SharedBody;
use crate::domain::session::field::known;
use crate::domain::session::{Body, Field};
use crate::domain::time::Millis;
use crate::domain::token::{TokenHash, hash_cookie, hash_token};
use crate::domain::vtexid::cookie_kind;
use crate::ports::StoreError;
use crate::store::{Ending, LONGEST_LOGIN, Login};

/// The cookie and the key by which staff asks to act as a customer.
const IMPERSONATED_COOKIE: &str = "cookie.vtex-impersonated-customer-email";
const IMPERSONATED_FIELD: &str = "public.vtex-impersonated-customer-email";

/// Longest login token that is looked into, in bytes; longer ones never verify.
const MAX_LOGIN_TOKEN: usize = 8 * 1024;

/// What a request writes.
#[derive(Debug, Default)]
pub(super) struct News {
    /// The writes.
    pub(super) request: Patch,
    /// Raw values of captured cookies, for the apps of this request.
    pub(super) raw: Body,
    /// Captured auth cookies of logins that have ended: as if they were not there.
    pub(super) ended: Vec<(String, Ending)>,
    /// Hashes of the login cookies that count, with the end of each.
    pub(super) tokens: Vec<(TokenHash, Millis)>,
}

impl Stage<'_> {
    /// Whether the session holds everything that this request says. Builds nothing.
    pub(super) fn nothing_new(&self, body: &SharedBody) -> bool {
        let unknown = self.absent_is_unknown();
        body.holds_all(self.inputs, unknown, self.account.keys.hash_key())
            && self
                .ask
                .is_none_or(|ask| ask.writes.is_empty() || !ask.writes.changes(&body.fields()))
    }
}

/// Whether a captured cookie says who somebody is: a login cookie of this account, and no other
/// that the configuration captures.
pub(super) fn says_who(account: &Account, name: &str) -> bool {
    cookie_kind(name, &account.name, &account.id).is_some()
}

/// Names a login. Accounts may share a key ring; logins they never share.
pub(super) fn login_token(account: &Account, value: &str) -> TokenHash {
    hash_token(
        account.keys.hash_key(),
        &format!("{}\0{value}", account.name),
    )
}

/// When a token ends, by its own word. It decides only how long a record of it is kept.
pub(super) fn end_of(value: &str, now: Millis) -> Millis {
    let latest = now.plus(LONGEST_LOGIN);
    let read = Compact::read(value, MAX_LOGIN_TOKEN)
        .ok()
        .and_then(|read| read.claims().ok());
    let said = read.and_then(|claims| claims.seconds("exp").ok().flatten());
    said.map_or(latest, |secs| Millis::from_secs(secs).min(latest))
}

impl News {
    /// The same without what the request would add to `public`: what is left is who somebody is.
    pub(super) fn identity_alone(&self) -> Patch {
        let mut request = self.request.clone();
        request.retain(|field, edit| field.namespace() != "public" || matches!(edit, Edit::Unset));
        request
    }
}

impl Flow {
    /// What a request writes into a session with this body. A captured cookie that is absent is
    /// removed, but where that says nothing; a query parameter that is absent is untouched (contract §3).
    pub(super) async fn news(&self, stage: Stage<'_>, body: &Body) -> Result<News, StoreError> {
        let mut news = News::default();
        for (name, value) in &stage.inputs.public {
            if let Ok(field) = Field::new("public", name) {
                news.request.set(field, json!(value.as_ref()));
            }
        }
        if let Some(ask) = stage.ask {
            news.request.merge(ask.writes.clone());
        }
        for (name, value) in &stage.inputs.captured {
            self.capture(stage, name, value, &mut news).await?;
        }
        if !stage.absent_is_unknown() {
            for (field, _) in body.namespace("cookie") {
                if news.raw.slot(field.as_str()).is_none() {
                    news.request.unset(field.clone());
                }
            }
        }
        follow_impersonation_cookie(body, &mut news.request);
        if let Some(id) = stage.inputs.order_form {
            news.request.set(known("checkout.orderFormId"), json!(id));
            news.request.set(known("checkout.cartId"), json!(id));
        }
        Ok(news)
    }

    async fn capture(
        &self,
        stage: Stage<'_>,
        name: &str,
        value: &str,
        news: &mut News,
    ) -> Result<(), StoreError> {
        let Ok(field) = Field::new("cookie", name) else {
            return Ok(());
        };
        let keys = &stage.account.keys;
        if says_who(stage.account, name) && !value.is_empty() {
            let token = login_token(stage.account, value);
            if let Some(ending) = self.login_ended(stage, token).await? {
                news.ended.push((name.to_owned(), ending));
                return Ok(());
            }
            if news.tokens.iter().all(|(known, _)| *known != token) {
                news.tokens.push((token, end_of(value, stage.now)));
            }
        }
        news.raw.set(field.clone(), json!(value));
        news.request
            .set(field, json!(hash_cookie(keys.hash_key(), name, value)));
        Ok(())
    }

    /// Why the login of a token has ended, if it has: recorded so, or by its own last activity.
    async fn login_ended(
        &self,
        stage: Stage<'_>,
        token: TokenHash,
    ) -> Result<Option<Ending>, StoreError> {
        if stage.account.silent_relogin {
            return Ok(None);
        }
        let Some(login) = self.store.login(token).await? else {
            return Ok(None);
        };
        if let Some(reason) = login.ended() {
            return Ok(Some(reason));
        }
        let mut reason = outlived(stage, &login);
        if reason == Some(Ending::Idle) {
            // Another instance may have seen this shopper meanwhile.
            let login = self.store.login_anew(token).await?;
            reason = login.and_then(|login| login.ended().or_else(|| outlived(stage, &login)));
        }
        if let Some(reason) = reason {
            self.store.close_login(token, reason).await?;
        }
        Ok(reason)
    }
}

/// The limits of a login are those of a session.
fn outlived(stage: Stage<'_>, login: &Arc<Login>) -> Option<Ending> {
    let policy = &stage.account.policies.authenticated;
    if stage.now.since(login.created_at) >= policy.absolute(true) {
        Some(Ending::Absolute)
    } else if stage
        .now
        .since(login.judged_seen(policy.touch_interval(), stage.now))
        > policy.idle_limit()
    {
        Some(Ending::Idle)
    } else {
        None
    }
}

/// A change of the impersonation cookie (set, emptied, gone) removes the e-mail that was written
/// directly, unless this very request writes one (contract §5, impersonate).
fn follow_impersonation_cookie(body: &Body, request: &mut Patch) {
    let changes = request
        .edit(IMPERSONATED_COOKIE)
        .is_some_and(|edit| edit.changes(IMPERSONATED_COOKIE, body));
    if changes && request.edit(IMPERSONATED_FIELD).is_none() {
        request.unset(known(IMPERSONATED_FIELD));
    }
}
