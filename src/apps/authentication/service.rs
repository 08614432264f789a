//! Asking the login's own service whether a token is good (VTEX ID, `credential/validate`).
//!
//! Each question is a call, so that what one client may ask is limited, and all of them together.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use serde::Deserialize;
use serde_json::json;

use crate::domain::transform::Failure;
use crate::domain::vtexid::{ADMIN_ACCOUNT, Audience, Identity, canonical_email};
use crate::outbound::source::{Source, SourceError, read_json};
use crate::outbound::{Ask, OutboundError};
use crate::quota::{ByClient, Used};

/// Clients that are counted at the same time.
const CLIENTS: u64 = 100_000;
/// How much more all clients together may ask than one.
const ALL: u32 = 50;

/// The login's service.
pub struct TokenService {
    source: Arc<Source>,
    uri: Uri,
    account: Arc<str>,
    per_minute: u32,
    clients: ByClient,
    all: Used,
}

impl std::fmt::Debug for TokenService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenService")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// What the service says of a token.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Validation {
    auth_status: String,
    id: Option<String>,
    user: Option<String>,
    account: Option<String>,
    audience: Option<String>,
}

impl TokenService {
    /// The service at an address, for one account.
    pub fn new(source: Arc<Source>, uri: Uri, account: Arc<str>, per_minute: u32) -> Self {
        Self {
            source,
            uri,
            account,
            per_minute,
            clients: ByClient::new(Some(per_minute), CLIENTS),
            all: Used::default(),
        }
    }

    /// Its address and the source that is asked.
    pub const fn parts(&self) -> (&Arc<Source>, &Uri) {
        (&self.source, &self.uri)
    }

    /// Whether the service confirms that a token is of the person that it claims.
    pub(super) async fn confirms(
        &self,
        token: &str,
        claimed: &Identity,
        client: Option<IpAddr>,
    ) -> Result<bool, Failure> {
        if !self.may_ask(client) {
            let text = "too many tokens are asked about; this one is later";
            return Err(Failure::Unavailable(text.to_owned()));
        }
        let answer = self.ask(token).await.map_err(|error| failure_of(&error))?;
        Ok(answer.is_some_and(|answer| self.is_of(&answer, claimed)))
    }

    fn may_ask(&self, client: Option<IpAddr>) -> bool {
        let now = self.source.world().clock.now();
        let own = client.is_none_or(|client| self.clients.admits(client, now));
        let all = self.per_minute.saturating_mul(ALL);
        own && self.all.take(all, now).is_ok()
    }

    /// Asks. `None`: the service says that the token is none of its own.
    async fn ask(&self, token: &str) -> Result<Option<Validation>, SourceError> {
        let mut headers = HeaderMap::new();
        let kind = HeaderValue::from_static("application/json");
        headers.insert(CONTENT_TYPE, kind);
        let told = self
            .source
            .send(Ask {
                method: Method::POST,
                uri: self.uri.clone(),
                headers,
                body: json!({ "token": token }).to_string().into(),
            })
            .await?;
        if !matches!(told.status, StatusCode::OK | StatusCode::UNAUTHORIZED) {
            return Err(SourceError::Status(told.status));
        }
        crate::outbound::source::check_kind(&told.headers)?;
        // A gateway's 401 has no such body, and says nothing of the token.
        let answer: Validation = read_json(&told.body)?;
        let good = told.status == StatusCode::OK && answer.auth_status == "Success";
        Ok(good.then_some(answer))
    }

    /// Whether the answer is of the person that the token claims, in this account.
    fn is_of(&self, answer: &Validation, claimed: &Identity) -> bool {
        let user = answer.user.as_deref().and_then(canonical_email);
        let same_user = user.as_deref() == Some(&claimed.email);
        let same_id = answer.id.as_ref().is_none_or(|id| *id == claimed.user_id);
        let account = answer.account.as_deref();
        let ours = account == Some(&*self.account);
        let audience = answer.audience.as_deref();
        let fits = match claimed.audience {
            Audience::Webstore => audience == Some("webstore") && ours,
            Audience::Admin => {
                audience == Some("admin") && (ours || account == Some(ADMIN_ACCOUNT))
            }
        };
        same_user && same_id && fits
    }

    /// Asks about a token that cannot be good.
    pub(super) async fn probe(&self) -> Result<(), SourceError> {
        self.ask("vestibule-check").await.map(drop)
    }
}

fn failure_of(error: &SourceError) -> Failure {
    match error {
        SourceError::Call(OutboundError::Late) => Failure::Timeout,
        SourceError::Answer(_) => Failure::BadReply(error.to_string()),
        SourceError::Broken => Failure::Broken,
        _ => Failure::Unavailable(error.to_string()),
    }
}
